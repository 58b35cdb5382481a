"""Says whether a set of members may act for the whole cluster.

Reads the configured nodes, the members and what the tie-breaker says; gives a truth value. More than half of the nodes
have quorum. Half of them have it when they win the tie; of two nodes without a tie-breaker, one alone keeps it once
both have been members (the survivor), because fencing then decides between the two.
"""

from __future__ import annotations

from collections.abc import Collection

from nodeagent.machines.situation import Tie


class Quorum:
    """Remembers whether all nodes were seen together since this agent started, and whether there ever was quorum."""

    def __init__(self, *, wait_for_all: bool) -> None:
        self._wait_for_all = wait_for_all
        self._has_seen_all = False
        self.was_there = False

    def has_quorum(self, members: Collection[str], nodes: Collection[str], tie: Tie = Tie.NONE) -> bool:
        self.saw(members, nodes)
        has_quorum = self._is_enough(len(set(members) & set(nodes)), len(set(nodes)), tie)
        self.was_there = self.was_there or has_quorum
        return has_quorum

    def saw(self, members: Collection[str], nodes: Collection[str]) -> None:
        self._has_seen_all = self._has_seen_all or set(nodes) <= set(members)

    def _is_enough(self, present: int, count: int, tie: Tie) -> bool:
        if self._wait_for_all and not self._has_seen_all:
            return False
        if present * 2 != count:
            return present * 2 > count
        if tie is Tie.NONE:
            return count == 2 and self._has_seen_all
        # One of two that never saw the other may be the one that was fenced.
        return tie is Tie.WON and (count > 2 or self._has_seen_all)
