"""One rule of the scheduler each, on the smallest cluster that shows it."""

from __future__ import annotations

from hacluster.cib.model import Element
from hacluster.scheduler.graph import TransitionGraph
from tests.builders import NOW, Situation, comes_before, names

PLAIN = "property stonith-enabled=false no-quorum-policy=ignore\n"


def situation(text: str, *nodes: str) -> Situation:
    return Situation(PLAIN + text, nodes or ("n1", "n2"))


def node_changed(given: Situation, name: str, child: Element) -> None:
    nodes = given.cib.section("nodes")
    changed = tuple(node.with_child(child) if node.get("uname") == name else node for node in nodes.children)
    given.cib = given.cib.with_section(nodes.with_children(changed))


def homes(graph: TransitionGraph, resource: str) -> set[str]:
    return set(graph.placement_after.get(resource, {}))


def test_a_red_node_is_left():
    given = situation("property node-health-strategy=migrate-on-red\nprimitive a ocf:pacemaker:Dummy")
    given.settle()
    (home,) = homes(given.schedule(), "a")
    given.attribute(home, "#health-smart", "red")
    assert homes(given.schedule(), "a") == {"n1", "n2"} - {home}


def test_what_may_stay_on_an_unhealthy_node_stays():
    text = (
        "property node-health-strategy=migrate-on-red\nprimitive a ocf:pacemaker:Dummy meta allow-unhealthy-nodes=true"
    )
    given = situation(text)
    given.settle()
    (home,) = homes(given.schedule(), "a")
    given.attribute(home, "#health-smart", "red")
    assert homes(given.schedule(), "a") == {home}


def test_a_locked_resource_waits_for_its_node():
    given = situation("property shutdown-lock=true\nprimitive a ocf:pacemaker:Dummy")
    given.settle()
    (home,) = homes(given.schedule(), "a")
    given.attribute(home, "shutdown", str(int(NOW)))
    graph = given.schedule()
    assert homes(graph, "a") == set()
    assert comes_before(graph, "stop a", f"shutdown {home}")


def test_what_does_not_fit_on_a_node_does_not_start_there():
    given = situation("property placement-strategy=utilization\nprimitive a ocf:pacemaker:Dummy utilization cpu=4")
    pair = Element("nvpair", {"id": "c", "name": "cpu", "value": "8"})
    node_changed(given, "n2", Element("utilization", {"id": "u"}, (pair,)))
    assert homes(given.schedule(), "a") == {"n2"}


def test_a_resource_that_may_migrate_starts_only_by_arriving():
    given = situation("primitive vm ocf:pacemaker:Dummy meta allow-migrate=true")
    given.settle()
    (home,) = homes(given.schedule(), "vm")
    pair = Element("nvpair", {"id": "s", "name": "standby", "value": "on"})
    node_changed(given, home, Element("instance_attributes", {"id": "i"}, (pair,)))
    graph = given.schedule()
    other = ({"n1", "n2"} - {home}).pop()
    assert set(names(graph)) == {f"migrate_from vm {other}", f"migrate_to vm {home}", f"stop vm {home}"}
    assert comes_before(graph, "migrate_to vm", "migrate_from vm")
    assert comes_before(graph, "migrate_from vm", "stop vm")


def test_a_dependent_starts_when_enough_instances_do():
    text = """primitive r ocf:pacemaker:Dummy
clone c r meta clone-min=2
primitive a ocf:pacemaker:Dummy
order o Mandatory: c a
"""
    assert homes(situation(text).schedule(), "a")
    alone = situation(text, "n1")
    assert not homes(alone.schedule(), "a")


def test_the_promoted_instance_is_where_the_agent_scores_highest():
    given = situation("primitive s ocf:pacemaker:Stateful\nclone ms s meta promotable=true")
    given.attribute("n1", "master-s", "5")
    given.attribute("n2", "master-s", "10")
    given.settle()
    assert given.schedule().placement_after["s"] == {"n1": "Unpromoted", "n2": "Promoted"}


def test_nothing_is_promoted_without_any_score():
    given = situation("primitive s ocf:pacemaker:Stateful\nclone ms s meta promotable=true")
    given.settle()
    assert set(given.schedule().placement_after["s"].values()) == {"Unpromoted"}


def test_what_is_colocated_with_a_promoted_instance_goes_there():
    text = """primitive s ocf:pacemaker:Stateful
clone ms s meta promotable=true
primitive ip ocf:pacemaker:Dummy
colocation c inf: ip ms:Promoted
order o Mandatory: ms:promote ip:start
"""
    given = situation(text)
    given.attribute("n2", "master-s", "10")
    graph = given.schedule()
    assert homes(graph, "ip") == {"n2"}
    assert comes_before(graph, "promote s", "start ip")


def test_a_lost_ticket_stops_what_needs_it():
    given = situation("primitive a ocf:pacemaker:Dummy\nrsc_ticket t ticketA: a loss-policy=stop")
    assert homes(given.schedule(), "a") == set()
    ticket = Element("tickets", {}, (Element("ticket_state", {"id": "ticketA", "granted": "true"}),))
    given.cib = given.cib.with_status(given.cib.status.with_child(ticket))
    assert homes(given.schedule(), "a")


def test_a_guest_is_reached_only_when_its_machine_runs():
    machine = "primitive vm ocf:pacemaker:Dummy meta remote-node=guest\n"
    given = situation(f"{machine}primitive a ocf:pacemaker:Dummy\nlocation l a inf: guest")
    graph = given.schedule()
    assert homes(graph, "a") == {"guest"}
    assert comes_before(graph, "start vm", "start guest")
    assert comes_before(graph, "start guest", "start a")


def test_anti_colocated_resources_leave_each_other_alone():
    text = "primitive a ocf:pacemaker:Dummy\nprimitive b ocf:pacemaker:Dummy\ncolocation c -inf: b a"
    graph = situation(text).schedule()
    assert homes(graph, "a") | homes(graph, "b") == {"n1", "n2"}
