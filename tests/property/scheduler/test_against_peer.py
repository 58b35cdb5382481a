"""Our decisions and those of Debian's crm_simulate on random clusters; what differs has an explanation."""

from __future__ import annotations

import pytest

from hacluster.scheduler.schedule import schedule
from tests.property.scheduler.against_peer import PEER, difference
from tests.property.scheduler.clusters import NOW, cluster
from tests.property.scheduler.explanations import ABORTS, LONELY_MONITOR, explained
from tests.property.scheduler.older import CHAIN, MOVING, ROLES

SEEDS = range(1, 61)
MOVES = 92
"""A seed on which 2.1.5 moves instances."""
ABORTING = 8407
"""A seed on which 2.1.5 ends on an assertion of its own."""


@pytest.mark.skipif(PEER is None, reason="crm_simulate (pacemaker-cli-utils) is not installed")
def test_random_clusters_are_decided_as_the_peer_decides_them() -> None:
    found = {seed: words for seed in SEEDS for words, why in [difference(seed)] if words and why is None}
    assert found == {}


@pytest.mark.skipif(PEER is None, reason="crm_simulate (pacemaker-cli-utils) is not installed")
def test_the_comparison_would_notice_a_difference() -> None:
    words, why = difference(MOVES)
    assert words
    assert why == MOVING


@pytest.mark.skipif(PEER is None, reason="crm_simulate (pacemaker-cli-utils) is not installed")
@pytest.mark.parametrize(
    ("seed", "rule"),
    [
        pytest.param(4025, MOVING, id="an instance moves, and with the load a plain resource"),
        pytest.param(828, MOVING, id="a group is forgotten where it was tried"),
        pytest.param(11438, MOVING, id="two older rules at once"),
        pytest.param(10690, CHAIN, id="a promotion that can't happen is waited for"),
        pytest.param(8050, CHAIN, id="so is a clone-min that can't be reached"),
        pytest.param(10722, ROLES, id="a group's promotion isn't told of its optional colocation"),
    ],
)
def test_what_an_older_rule_decides_as_the_peer_does_is_explained(seed: int, rule: str) -> None:
    words, why = difference(seed)
    assert words
    assert why == rule


def test_an_explanation_accounts_for_every_difference() -> None:
    cib = cluster(MOVES)
    graph = schedule(cib, NOW)
    assert explained(cib, graph, [], ["- start nobody node1"]) is None
    assert explained(cib, graph, [], ["- fence node1 reboot"]) is None


@pytest.mark.skipif(PEER is None, reason="crm_simulate (pacemaker-cli-utils) is not installed")
def test_a_peer_that_aborts_is_told_as_such() -> None:
    assert difference(ABORTING) == (["- abort"], ABORTS)


def test_a_promotion_is_explained_only_where_the_peer_starts_nothing_to_promote() -> None:
    cib = cluster(MOVES)
    graph = schedule(cib, NOW)
    words = ["- promote nobody node1", "- notify nobody node1 pre_promote"]
    assert explained(cib, graph, [], words) == LONELY_MONITOR
    assert explained(cib, graph, ["start nobody node1"], words) is None
    assert explained(cib, graph, [], ["+ promote nobody node1"]) is None
