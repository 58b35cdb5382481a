"""Odd corners of pasts and constraints; random clusters found each of them, and crm_simulate agrees."""

from __future__ import annotations

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import with_operation
from hacluster.crm.apply import Mode, load
from tests.builders import LOST, ONLINE, Situation, names
from tests.unit.scheduler.test_rules import node_changed, situation


def happened(given: Situation, node: str, resource: str, what: str, rc: int = 0, call: int = 10) -> None:
    """An entry of the history, `start` or `monitor 10000`, that ended with an exit code."""
    operation, _, interval = what.partition(" ")
    entry = {
        "id": f"{resource}_{operation}_{interval or 0}",
        "operation": operation,
        "interval": interval or "0",
        "call-id": str(call),
        "rc-code": str(rc),
        "op-status": "0" if rc in (0, 7, 8) else "4",
        "transition-key": f"1:1:{7 if rc == 7 else 0}:x",
    }
    about = {"id": resource, "class": "ocf", "provider": "pacemaker", "type": "Dummy"}
    given.cib = with_operation(given.cib, node, about, Element("lrm_rsc_op", entry))


def test_what_an_instance_is_not_installed_for_holds_for_the_one_that_takes_its_place():
    given = situation("primitive a ocf:pacemaker:Dummy\nclone c a meta clone-max=1")
    happened(given, "n1", "a", "start", rc=5)
    happened(given, "n2", "a", "monitor", rc=7)
    assert [name for name in names(given.schedule()) if name.startswith("start")] == ["start a n2"]


def test_nothing_is_cancelled_on_a_node_that_is_still_joining():
    given = Situation("primitive a ocf:pacemaker:Dummy", ("n1",))
    happened(given, "n1", "a", "monitor 10000")
    pair = Element("nvpair", {"id": "m", "name": "maintenance", "value": "true"})
    node_changed(given, "n1", Element("instance_attributes", {"id": "i"}, (pair,)))
    assert "cancel a n1" in names(given.schedule())
    given.node("n1", ONLINE | {"join": "pending"})
    assert names(given.schedule()) == []


def test_what_may_be_locked_to_a_lost_node_does_not_start_elsewhere_without_fencing():
    given = situation("primitive a ocf:pacemaker:Dummy")
    happened(given, "n2", "a", "start")
    given.node("n2", LOST)
    assert "start a n1" in names(given.schedule())
    given = situation("property shutdown-lock=true\nprimitive a ocf:pacemaker:Dummy")
    happened(given, "n2", "a", "start")
    given.node("n2", LOST)
    assert names(given.schedule()) == []


def test_fewest_nodes_are_used_when_placement_is_minimal():
    given = situation("property placement-strategy=minimal\nprimitive a ocf:pacemaker:Dummy")
    happened(given, "n2", "a", "start")
    assert set(names(given.schedule())) == {"stop a n2", "start a n1"}


def test_of_a_row_that_is_optional_each_one_waits_for_any_of_the_set_before():
    text = "\n".join(f"primitive {name} ocf:pacemaker:Dummy" for name in "abc")
    given = situation(text + "\norder o Optional: [ a ] b c", "n1")
    (order,) = given.cib.section("constraints").all("rsc_order")
    all_of, *_ = order.all("resource_set")
    any_of = all_of.with_attributes({"require-all": "false"})
    given.cib = Cib(given.cib.root.replacing(all_of, any_of))
    given.settle()
    given.cib = load(given.cib, "location l a -inf: n1", Mode.UPDATE).cib
    assert set(names(given.schedule())) == {"stop a n1", "stop b n1", "stop c n1"}


def test_a_group_that_can_not_start_holds_back_nobody_who_goes_with_it():
    primitives = "\n".join(f"primitive {name} ocf:pacemaker:Dummy" for name in "abc")
    ties = "\nlocation l a -inf: n1\ncolocation col inf: c {0}\norder o Mandatory: a {0}"
    assert names(situation(primitives + ties.format("b"), "n1").schedule()) == []
    assert names(situation(primitives + "\ngroup g b" + ties.format("g"), "n1").schedule()) == ["start c n1"]


def test_no_colocation_brings_an_instance_where_its_clone_is_not_wanted():
    text = "primitive a ocf:pacemaker:Dummy\nprimitive b ocf:pacemaker:Dummy\nclone c a meta clone-max=1\n"
    text += "clone d b\ncolocation with-d 100: c d\nlocation l c -50: n1\nlocation l2 c -50: n2"
    assert set(names(situation(text).schedule())) == {"start b n1", "start b n2"}


def test_an_order_that_holds_one_way_leaves_running_instances_alone():
    text = "primitive a ocf:pacemaker:Dummy\nprimitive b ocf:pacemaker:Dummy\nclone c b\n"
    given = situation(text + "order o Mandatory: a c symmetrical=false", "n1")
    given.settle()
    given.cib = load(given.cib, "location l a -inf: n1", Mode.UPDATE).cib
    assert names(given.schedule()) == ["stop a n1"]


def test_of_equals_a_group_chooses_last_while_a_node_is_away():
    text = "property placement-strategy=utilization\nprimitive a ocf:pacemaker:Dummy\n"
    text += "primitive b ocf:pacemaker:Dummy\ngroup g a b\nprimitive c ocf:pacemaker:Dummy"
    assert set(names(situation(text).schedule())) == {"start a n1", "start b n1", "start c n2"}
    given = situation(text, "n1", "n2", "n3")
    given.node("n3", LOST)
    assert set(names(given.schedule())) == {"start a n2", "start b n2", "start c n1"}


def test_a_primary_makes_room_for_who_has_no_other_place_unless_it_sticks_more():
    text = (
        "primitive a ocf:pacemaker:Dummy meta resource-stickiness={}\n"
        "primitive b ocf:pacemaker:Dummy\n"
        "location only b -inf: n2\n"
        "colocation apart -100: b a"
    )
    for stickiness, place in ((10, "n2"), (100, "n1")):
        given = situation(text.format(stickiness))
        happened(given, "n1", "a", "start")
        assert {"start b n1", f"start a {place}"} <= set(names(given.schedule())), stickiness
