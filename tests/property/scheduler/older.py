"""How crm_simulate 2.1.5 chose nodes where later versions do otherwise: the same scheduler with an older chooser.

Where that decides as 2.1.5 does, the difference is explained exactly, to the last word.
"""

from __future__ import annotations

from collections.abc import Callable

from hacluster.cib.model import Cib
from hacluster.scheduler.assign import Chooser
from hacluster.scheduler.borrowed import resolved
from hacluster.scheduler.colocations import Wishes, colocations_of, colocations_with
from hacluster.scheduler.graph import TransitionGraph
from hacluster.scheduler.schedule import decide
from hacluster.scheduler.working import Cluster, Colocation, Resource

NO_ROOM = "2.1.5 makes no room for an anti-colocated resource that can be on one node only"
IN_TURN = "2.1.5 counts an optional colocation before a mandatory one that leaves no node for it"


class _SelfishWishes(Wishes):
    def makes_room(self, colocation: Colocation, wish: int) -> bool:
        return False


class _SelfishChooser(Chooser):
    """A primary never makes room for a dependent."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.wishes = _SelfishWishes(cluster)


class _HastyChooser(Chooser):
    """Colocations count in their own order, the mandatory among the others."""

    def apply_colocations(self, resource: Resource) -> None:
        ahead, behind = colocations_of(resource), colocations_with(resource)
        for colocation in ahead:
            self.follow(resource, colocation)
        for colocation in behind:
            if not colocation.dependent.is_assigned:
                self.wishes.add_wishes(colocation, resource)


_OLDER: dict[str, Callable[[Cluster], Chooser]] = {NO_ROOM: _SelfishChooser, IN_TURN: _HastyChooser}


def older_answers(cib: Cib, now: float) -> list[tuple[str, TransitionGraph]]:
    """(the rule, what would be decided by it)"""
    return [(why, decide(resolved(cib), now, chooser=older)[0]) for why, older in _OLDER.items()]
