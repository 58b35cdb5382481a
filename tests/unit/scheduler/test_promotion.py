"""Which instance of a promotable clone is promoted where a colocation names a promoted role."""

from __future__ import annotations

import pytest

from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply
from tests.builders import NOW, Situation

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
        situation.attribute(node, "master-leader", "100" if node == "pm01" else "60")
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
