"""What the past of a cluster means in its odd corners; random clusters found each of them, and crm_simulate agrees."""

from __future__ import annotations

from hacluster.cib.model import Element
from hacluster.cib.status import with_operation
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
