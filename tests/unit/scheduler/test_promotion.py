"""Which instance of a promotable clone is promoted: what agents, colocations of roles and the past of its nodes say."""

from __future__ import annotations

import pytest

from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply
from tests.builders import NOW, ONLINE, Situation, names
from tests.unit.scheduler.test_odd_corners import happened
from tests.unit.scheduler.test_rules import homes, situation

TWO_CLONES = """
primitive leader ocf:pacemaker:Stateful
primitive follower ocf:pacemaker:Stateful
clone leaders leader meta promotable=true
clone followers follower meta promotable=true
property no-quorum-policy=ignore stonith-enabled=false
"""


def promoted(colocation: str, best: str) -> dict[str, list[str]]:
    """The leader would be promoted on pm01, the follower on the node `best`, were it not for the colocation."""
    situation = Situation(TWO_CLONES + colocation)
    for node in ("pm01", "pm02"):
        situation.attribute(node, "master-leader", "100" if node == "pm01" else "10")
        situation.attribute(node, "master-follower", "100" if node == best else "60")
    for _ in range(4):
        situation.cib = apply(situation.cib, situation.schedule(), NOW)
    found: dict[str, list[str]] = {"leader": [], "follower": []}
    for name, nodes in schedule(situation.cib, NOW).placement_now.items():
        found[name.partition(":")[0]] += [node for node, role in nodes.items() if role == "Promoted"]
    return found


@pytest.mark.parametrize("best", ["pm01", "pm02"])
def test_each_is_promoted_where_its_agent_says_best(best):
    assert promoted("", best) == {"leader": ["pm01"], "follower": [best]}


@pytest.mark.parametrize(("score", "best", "chosen"), [("100", "pm02", "pm01"), ("-50", "pm01", "pm02")])
def test_a_wish_for_the_promoted_role_decides_who_is_promoted(score, best, chosen):
    colocation = f"colocation c {score}: followers:Promoted leaders:Promoted"
    assert promoted(colocation, best) == {"leader": ["pm01"], "follower": [chosen]}


def test_a_wish_for_a_place_does_not():
    colocation = "colocation c -50: followers leaders:Promoted"
    assert promoted(colocation, "pm01") == {"leader": ["pm01"], "follower": ["pm01"]}


def test_the_best_instances_of_a_clone_draw_the_promoted_role_of_another():
    colocation = "colocation c inf: followers:Promoted leaders"
    assert promoted(colocation, "pm02") == {"leader": ["pm01"], "follower": ["pm01"]}


def test_a_group_is_promoted_beside_a_clone_without_roles():
    given = situation(
        "primitive beside ocf:pacemaker:Dummy\nclone besides beside\n"
        "primitive a ocf:pacemaker:Stateful\ngroup g a\nclone c g meta promotable=true\n"
        "colocation together inf: c:Promoted besides"
    )
    given.attribute("n1", "master-a", "10")
    assert "promote a n1" in names(given.schedule())


PROMOTABLE = "primitive a ocf:pacemaker:Dummy\nclone c a meta promotable=true"


def test_a_promotion_score_where_nothing_can_run_puts_no_instance_before_others():
    given = Situation(f"{PROMOTABLE}\nprimitive f stonith:external/ssh", ("n1", "n2"))
    happened(given, "n1", "a", "promote")
    happened(given, "n2", "a", "monitor 11000", rc=1)
    given.attribute("n1", "master-a", "10")
    given.node("n1", ONLINE | {"join": "pending"})
    # The instance of n1 can't be stopped, so that it could not start on n2.
    assert {"stop a n2", "start a n2"} <= set(names(given.schedule()))


def test_an_instance_that_was_made_for_a_history_comes_after_all_others():
    given = Situation(f"{PROMOTABLE} clone-max=2\nproperty stonith-enabled=false", ("n1", "n2", "n3"))
    happened(given, "n1", "a", "promote")
    happened(given, "n1", "a", "start", rc=5)
    happened(given, "n2", "a", "monitor 11000")
    happened(given, "n3", "a", "monitor", rc=7)
    for node in ("n2", "n3"):
        given.attribute(node, "master-a", "10")
    # Of equals the one that is promoted now stays so; it leaves n1, where it may not be any more.
    assert "promote a n3" in names(given.schedule())


GROUPS = "primitive a ocf:pacemaker:Dummy\nprimitive b ocf:pacemaker:Dummy\ngroup g a b\nclone c g meta promotable=true"


def test_an_instance_that_is_a_group_stays_though_a_member_failed():
    given = situation(GROUPS)
    happened(given, "n1", "a", "monitor 11000")
    happened(given, "n1", "b", "demote", rc=1)
    given.attribute("n2", "master-a", "100")
    assert "stop b n1" in names(given.schedule())
    assert "stop a n1" not in names(given.schedule())


def test_a_group_with_a_member_that_nobody_may_promote_counts_as_unpromoted():
    watched = GROUPS.replace(
        "primitive b ocf:pacemaker:Dummy", "primitive b ocf:pacemaker:Dummy op monitor interval=11s role=Unpromoted"
    )
    given = situation(watched.replace("promotable=true", "promotable=true is-managed=false"))
    happened(given, "n1", "b", "promote")
    given.attribute("n1", "master-b", "100")
    watching = [(one.resource, one.interval_ms) for one in given.schedule().actions if one.interval_ms]
    assert watching == [("b", 11000)]


def test_instances_that_are_kept_apart_take_the_emptier_node_for_taken():
    given = situation(
        "primitive first ocf:pacemaker:Dummy\nprimitive a ocf:pacemaker:Dummy\nprimitive b ocf:pacemaker:Dummy\n"
        "clone as a\nclone bs b meta interleave=true\ncolocation apart -inf: bs as"
    )
    assert homes(given.schedule(), "first") == {"n1"}
    assert homes(given.schedule(), "b") == {"n1"}
