"""What agents of a clone with notify=true are told of each other."""

import pytest

from tests.builders import Situation

CLONE = """
primitive db ocf:pacemaker:Stateful op monitor interval=10s role=Promoted op monitor interval=11s role=Unpromoted
clone ms db meta promotable=true notify=true
property stonith-enabled=false
"""


@pytest.fixture
def starting():
    situation = Situation(CLONE)
    situation.attribute("pm01", "master-db", "10")
    return situation


def action_of(graph, kind: str, node: str, detail: str = ""):
    return next(a for a in graph.actions if a.kind == kind and a.node == node and (not detail or a.detail == detail))


def test_a_start_names_all_that_start_and_one_blank_for_nobody(starting):
    meta = action_of(starting.schedule(), "start", "pm01").meta
    assert sorted(meta["CRM_meta_notify_start_uname"].split()) == ["pm01", "pm02"]
    assert meta["CRM_meta_notify_active_resource"] == " "
    assert meta["CRM_meta_notify_inactive_resource"] == "db:0 db:1"
    assert meta["CRM_meta_notify_available_uname"] == "pm01 pm02"


def test_a_notification_says_of_what_and_whether_before_or_after(starting):
    graph = starting.schedule()
    told = [action for action in graph.actions if action.kind == "notify"]
    assert told
    after = next(action for action in told if action.detail == "post_running")
    assert after.meta["CRM_meta_notify_type"] == "post"
    assert after.meta["CRM_meta_notify_operation"] == "start"


def test_a_clone_without_notify_is_told_nothing_of_others():
    graph = Situation(CLONE.replace("notify=true", "")).schedule()
    assert not any(name.startswith("CRM_meta_notify_") for action in graph.actions for name in action.meta)
