"""What the console reads out of a CIB."""

import pytest

from hacluster.cib import status as status_of
from hacluster.protocol.messages import TransitionProgress
from tests.fake_agent import GROUP, failed_over, joined, left, operation, pair, stops
from webui.actions import Order, Wish, order_of
from webui.painter import picture_of


def states(picture, resource):
    return {node: picture.cells[resource, node].state for node in picture.nodes}


def codes(picture):
    return [(each.code, each.subject, each.node) for each in picture.problems]


def test_a_healthy_pair_has_no_problem_and_a_standby_that_is_ready():
    picture = picture_of(pair(), None)
    assert states(picture, "prmPg") == {"pm01": "running", "pm02": "ready"}
    assert picture.problems == ()


def test_after_a_failover_the_service_runs_alone_and_the_failed_node_says_why():
    picture = picture_of(failed_over(pair()), None)
    assert states(picture, "prmPg") == {"pm01": "cannot", "pm02": "alone"}
    assert picture.cells["prmPg", "pm01"].why_not == "failcount"
    assert picture.cells["prmIp", "pm01"].why_not == "group-failcount"
    assert ("service.alone", "grpPg", "") in codes(picture)
    assert ("resource.excluded", "prmPg", "pm01") in codes(picture)


def test_a_failed_monitor_shows_as_failed_until_a_later_operation_succeeds():
    cib = operation(pair(), "pm01", "prmPg", "monitor", rc=1, interval_ms=10_000)
    assert states(picture_of(cib, None), "prmPg")["pm01"] == "failed"
    cib = operation(operation(cib, "pm01", "prmPg", "stop"), "pm01", "prmPg", "start")
    assert states(picture_of(cib, None), "prmPg")["pm01"] == "running"


def test_a_failed_stop_blocks_and_waits_for_a_human():
    picture = picture_of(operation(pair(), "pm01", "prmPg", "stop", rc=1), None)
    assert states(picture, "prmPg")["pm01"] == "blocked"
    assert ("resource.blocked", "prmPg", "pm01") in codes(picture)


def test_a_resource_active_on_both_nodes_runs_twice():
    cib = operation(pair(), "pm02", "prmIp", "start")
    picture = picture_of(cib, None)
    assert states(picture, "prmIp") == {"pm01": "double", "pm02": "double"}
    assert picture.problems[0].code == "resource.double"


def test_a_node_that_left_without_a_word_must_be_fenced():
    picture = picture_of(left(pair(), "pm01"), None)
    assert picture.nodes["pm01"].state == "unclean"
    assert picture.problems[0].code == "node.unclean"
    assert ("fence-confirm", "pm01", "pm01") in picture.problems[0].actions


def test_a_node_that_left_cleanly_is_offline_and_not_critical():
    picture = picture_of(left(stops(pair(), "pm02", "prmStonith1"), "pm02", cleanly=True), None)
    assert picture.nodes["pm02"].state == "offline"
    assert {each.severity for each in picture.problems if each.subject == "pm02"} == {"major"}


@pytest.mark.parametrize(("value", "state"), [("0", "cannot"), ("100", "ready")])
def test_a_rule_on_a_node_attribute_decides_who_can_take_over(value, state):
    cib = status_of.with_attributes(pair(), "pm02", {"default_ping_set": value})
    assert states(picture_of(cib, None), "prmPg")["pm02"] == state


def test_a_pending_operation_shows_as_movement():
    cib = operation(pair(), "pm01", "prmPg", "stop", rc=193, status=-1)
    assert states(picture_of(cib, None), "prmPg")["pm01"] == "stopping"


def test_standby_drains_first_and_is_on_purpose():
    cib = pair()
    order = order_of(Wish("standby", "pm01"), cib, picture_of(cib, None))
    assert isinstance(order, Order)
    picture = picture_of(order.changed, None)
    assert picture.nodes["pm01"].state == "draining"
    assert [each.code for each in picture.purposes] == ["purpose.standby"]
    drained = picture_of(stops(order.changed, "pm01", *GROUP, "prmStonith2", "prmPingd", "prmDiskd1"), None)
    assert drained.nodes["pm01"].state == "standby"


def test_a_node_that_is_still_joining_cannot_take_over():
    cib = status_of.with_node_state(joined(pair(), "pm02"), "pm02", {"join": "pending"})
    assert picture_of(cib, None).nodes["pm02"].state == "pending"
    assert states(picture_of(cib, None), "prmPg")["pm02"] == "cannot"


def test_during_a_failover_what_is_planned_to_run_is_awaited_and_not_missing():
    cib = stops(pair(), "pm01", *reversed(GROUP))
    assert states(picture_of(cib, None), "prmPg") == {"pm01": "stopped", "pm02": "stopped"}
    moving = TransitionProgress(
        number=2,
        state="running",
        done=4,
        total=12,
        summary=("Move prmPg (Started pm01 -> pm02) due to failure",),
        started_at_ms=0,
    )
    assert states(picture_of(cib, None, moving), "prmPg") == {"pm01": "ready", "pm02": "awaited"}


def test_a_service_on_its_way_is_not_called_down():
    cib = stops(pair(), "pm01", *reversed(GROUP))
    assert [each.code for each in picture_of(cib, None).problems if each.subject == "grpPg"] == ["service.down"]
    summary = tuple(f"Move {resource} (Started pm01 -> pm02)" for resource in GROUP)
    moving = TransitionProgress(number=2, state="running", done=4, total=12, summary=summary, started_at_ms=0)
    problems = [each.code for each in picture_of(cib, None, moving).problems if each.subject == "grpPg"]
    assert problems == ["service.recovering"]
