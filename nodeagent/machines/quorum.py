"""Says whether a set of members may act for the whole cluster.

Reads the configured nodes and the members; gives a truth value. More than half of the nodes have quorum; of two nodes,
one alone keeps it once both have been members (the survivor), because fencing then decides between the two.
"""

from __future__ import annotations

from collections.abc import Collection


class Quorum:
    """Remembers whether all nodes were seen together since this agent started."""

    def __init__(self, *, wait_for_all: bool) -> None:
        self._wait_for_all = wait_for_all
        self._has_seen_all = False

    def has_quorum(self, members: Collection[str], nodes: Collection[str]) -> bool:
        present = len(set(members) & set(nodes))
        self._has_seen_all = self._has_seen_all or present == len(set(nodes))
        if self._wait_for_all and not self._has_seen_all:
            return False
        if len(set(nodes)) == 2:
            return present == 2 or (present == 1 and self._has_seen_all)
        return present * 2 > len(set(nodes))
