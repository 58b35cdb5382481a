"""Unfencing: a node is let at shared storage before anything that needs it is touched there."""

from __future__ import annotations

from hacluster.scheduler.graph import TransitionGraph
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply
from tests.builders import NOW, Situation

STORAGE = """
primitive lock ocf:pacemaker:Dummy
primitive scsi stonith:fence_scsi params devices=/dev/sdb meta provides=unfencing
colocation together inf: lock scsi
property no-quorum-policy=ignore
"""


def unfenced(graph: TransitionGraph) -> list[str]:
    return [action.node for action in graph.actions if action.kind == "fence" and action.detail == "on"]


def settled(situation: Situation) -> None:
    for _ in range(4):
        situation.cib = apply(situation.cib, situation.schedule(), NOW)


def test_a_node_is_unfenced_before_anything_is_probed_there():
    graph = Situation(STORAGE).schedule()
    assert sorted(unfenced(graph)) == ["pm01", "pm02"]
    for node in ("pm01", "pm02"):
        on = next(action.id for action in graph.actions if action.kind == "fence" and action.node == node)
        probes = [action.id for action in graph.actions if action.kind == "monitor" and action.node == node]
        assert probes
        assert all((on, probe) in graph.orderings for probe in probes)


def test_a_node_that_was_unfenced_is_left_alone():
    situation = Situation(STORAGE)
    settled(situation)
    assert situation.schedule().is_empty


def test_a_changed_device_stops_what_needs_the_storage_before_the_node_is_unfenced_anew():
    situation = Situation(STORAGE)
    settled(situation)
    (home,) = situation.schedule().placement_now["scsi"]
    changed = Situation(STORAGE.replace("/dev/sdb", "/dev/sdc"))
    graph = schedule(changed.cib.with_status(situation.cib.status), NOW)
    assert unfenced(graph) == [home]
    (stop,) = [action.id for action in graph.actions if action.kind == "stop" and action.resource == "lock"]
    (on,) = [action.id for action in graph.actions if action.kind == "fence"]
    assert (stop, on) in graph.orderings


def test_without_a_device_that_provides_it_nobody_is_unfenced():
    assert unfenced(Situation(STORAGE.replace("provides=unfencing", "priority=1")).schedule()) == []
