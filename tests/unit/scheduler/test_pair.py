"""The pair of the talk: what the scheduler wants in each of its scenes, and in which order."""

import pytest

from tests.builders import LEFT, LOST, Situation, comes_before, names


@pytest.fixture
def running() -> Situation:
    situation = Situation()
    for node in ("pm01", "pm02"):
        situation.attribute(node, "path", "100")
    situation.settle()
    return situation


def test_a_first_start_probes_everywhere_before_anything_starts():
    situation = Situation()
    for node in ("pm01", "pm02"):
        situation.attribute(node, "path", "100")
    graph = situation.schedule()
    probes = [action for action in graph.actions if action.kind == "monitor" and action.interval_ms == 0]
    assert {(probe.resource, probe.node) for probe in probes} >= {("pg", "pm01"), ("pg", "pm02")}
    assert comes_before(graph, "probe ex", "start ex")


def test_the_group_starts_on_the_preferred_node_in_its_order(running):
    assert running.schedule().placement_now["pg"] == {"pm01": "Started"}
    fresh = Situation()
    for node in ("pm01", "pm02"):
        fresh.attribute(node, "path", "100")
    graph = fresh.schedule()
    assert comes_before(graph, "start ex", "start fs")
    assert comes_before(graph, "start fs", "start pg")


def test_a_settled_cluster_has_nothing_to_do(running):
    assert running.schedule().is_empty


def test_nothing_starts_where_the_path_is_not_known():
    situation = Situation()
    assert "start pg pm01" not in names(situation.settle())
    assert "pg" not in situation.schedule().placement_now


def test_a_lost_path_moves_the_group_in_reverse_order(running):
    running.attribute("pm01", "path", "0")
    graph = running.schedule()
    assert sorted(names(graph)) == sorted(
        step for name in ("ex", "fs", "pg") for step in (f"stop {name} pm01", f"start {name} pm02")
    )
    assert comes_before(graph, "stop pg", "stop fs")
    assert comes_before(graph, "stop ex", "start ex")


def test_a_lost_node_is_fenced_before_its_group_starts_elsewhere(running):
    running.node("pm01", LOST)
    graph = running.schedule()
    assert "fence pm01" in names(graph)
    for member in ("ex", "fs", "pg"):
        assert comes_before(graph, "fence pm01", f"start {member}")
    assert [action.node for action in graph.actions if action.kind == "start" and action.resource == "pg"] == ["pm02"]


def test_a_node_that_left_in_order_is_not_fenced(running):
    running.fenced("pm01")
    running.node("pm01", LEFT)
    graph = running.schedule()
    assert not any(action.kind == "fence" for action in graph.actions)
    assert "start pg pm02" in names(graph)


def test_a_failed_monitor_at_its_threshold_drives_the_group_away(running):
    _fail_monitor(running, "pg", "pm01")
    running.attribute("pm01", "fail-count-pg#monitor_10000", "1")
    graph = running.schedule()
    assert "start pg pm02" in names(graph)
    assert "stop pg pm01" in names(graph)
    assert any("failcount" in reason.cause for reason in graph.explanations["pg"])


def test_a_failed_stop_fences_the_node(running):
    running.attribute("pm01", "path", "0")
    stop = next(action for action in running.schedule().actions if action.kind == "stop" and action.resource == "pg")
    running.result("pm01", stop, rc=1)
    graph = running.schedule()
    assert "fence pm01" in names(graph)
    assert comes_before(graph, "fence pm01", "start pg")


def test_the_group_stays_where_it_is_when_the_preferred_node_comes_back(running):
    running.node("pm01", LOST)
    running.settle()
    running.node("pm01", {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"})
    running.attribute("pm01", "path", "100")
    running.settle()
    assert running.schedule().placement_now["pg"] == {"pm02": "Started"}


def test_a_stonith_device_never_runs_on_its_own_target(running):
    placement = running.schedule().placement_now
    assert placement["st1"] == {"pm02": "Started"}
    assert placement["st2"] == {"pm01": "Started"}


def test_without_a_possible_fencing_nothing_of_the_lost_node_starts():
    situation = Situation()
    for node in ("pm01", "pm02"):
        situation.attribute(node, "path", "100")
    situation.settle()
    text = "property no-quorum-policy=stop stonith-enabled=true"
    from hacluster.crm.apply import Mode, load

    situation.cib = load(situation.cib, text, Mode.UPDATE).cib
    situation.cib = type(situation.cib)(situation.cib.root.with_attributes({"have-quorum": "0"}))
    situation.node("pm01", LOST)
    assert not any(name.startswith("start") for name in names(situation.schedule()))


def _fail_monitor(situation: Situation, resource: str, node: str) -> None:
    from hacluster.scheduler.graph import Action, ActionKind

    monitor = Action(id=1, kind=ActionKind.MONITOR, resource=resource, node=node, interval_ms=10_000)
    situation.result(node, monitor, rc=7)
