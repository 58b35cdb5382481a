"""What crm_simulate 2.1.5 did otherwise than later versions: the same scheduler with an older chooser, or less to obey.

Where that decides as 2.1.5 does, the difference is explained exactly, to the last word.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from hacluster.cib.model import SCORE_INFINITY, Cib, Element
from hacluster.scheduler.assign import Chooser
from hacluster.scheduler.borrowed import resolved
from hacluster.scheduler.clones import ban_full_nodes
from hacluster.scheduler.colocations import MINUS_INFINITY, Wishes, colocations_of, colocations_with
from hacluster.scheduler.graph import TransitionGraph
from hacluster.scheduler.schedule import decide
from hacluster.scheduler.working import Cluster, Colocation, Resource, Variant

NO_ROOM = "2.1.5 makes no room for an anti-colocated resource that can be on one node only"
IN_TURN = "2.1.5 counts an optional colocation before a mandatory one that leaves no node for it"
MOVING = "2.1.5 moves instances of a clone though the node they are on gets one anyway, or forgets where it put one"
ROLES = "2.1.5 counts no optional colocation of the promoted role for instances that are everywhere"
CHAIN = "2.1.5 doesn't see that what an order waits for became impossible by another order"


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


class _HastyMover(Chooser):
    """An instance is tried once where it is: where another node is liked better, it chooses anew after all others.

    A group isn't taken back from the node it tried: it stays there, and nobody counts it.
    """

    def keep(self, clone: Resource, instance: Resource, place: int, remaining: int) -> bool:
        if instance.scores.get(place, MINUS_INFINITY) < 0:
            return False
        counts = dict(clone.counts)
        ban_full_nodes(self.cluster, clone, instance)
        kept = dict(instance.scores)
        chosen = self.assign(instance, place)
        if chosen is None or chosen == place:
            clone.counts = counts | ({} if chosen is None else {place: counts.get(place, 0) + 1})
            return chosen is not None
        instance.scores = kept
        if instance.variant is Variant.PRIMITIVE:
            self.unsettle(instance)
        return False


class _DeafChooser(Chooser):
    """An optional colocation of a clone's promoted role isn't told to instances that are everywhere, or are groups."""

    def colocations_of_role(self, instance: Resource) -> list[Colocation]:
        clone = instance.parent
        assert clone is not None
        known = super().colocations_of_role(instance)
        if instance.variant is Variant.GROUP:
            return [one for one in known if one.dependent is not clone]
        is_told = not clone.is_everywhere
        return [one for one in known if is_told or one.dependent is not clone or not 0 < one.score < SCORE_INFINITY]


_OLDER: dict[str, type[Chooser]] = {
    NO_ROOM: _SelfishChooser,
    IN_TURN: _HastyChooser,
    MOVING: _HastyMover,
    ROLES: _DeafChooser,
}


def _all_together() -> Iterator[tuple[str, type[Chooser]]]:
    """One rule alone before several at once, which are named after the first."""
    for size in range(1, len(_OLDER) + 1):
        for rules in combinations(_OLDER.items(), size):
            yield rules[0][0], type("_OlderChooser", tuple(chooser for _, chooser in rules), {})


def older_answers(cib: Cib, now: float, graph: TransitionGraph) -> Iterator[tuple[str, TransitionGraph]]:
    """(the rule, what would be decided by it); `graph`: what is decided without."""
    for why, chooser in _all_together():
        yield why, decide(resolved(cib), now, chooser=chooser)[0]
    for order in _forgotten_orders(cib, graph):
        yield CHAIN, decide(resolved(_without(cib, order)), now)[0]


def _forgotten_orders(cib: Cib, graph: TransitionGraph) -> list[Element]:
    """Orders whose first action doesn't happen, after something else that is ordered before it."""
    orders = list(cib.section("constraints").all("rsc_order"))
    found: list[Element] = []
    for order in orders:
        whole = cib.section("resources").by_id(order.get("first"))
        action = order.get("first-action") or "start"
        waits = any(other is not order and order.get("first") in _later(other) for other in orders)
        if whole is not None and waits and action in ("start", "promote"):
            inside = {one.id for one in whole.walk() if one.tag == "primitive"}
            if not any(one.kind == action and one.resource.partition(":")[0] in inside for one in graph.actions):
                found.append(order)
    return found


def _later(order: Element) -> set[str]:
    """What waits for something in this constraint."""
    return {order.get("then"), *[ref.id for ref in order.walk() if ref.tag == "resource_ref"][1:]}


def _without(cib: Cib, order: Element) -> Cib:
    configuration = next(cib.root.all("configuration"))
    constraints = cib.section("constraints")
    fewer = constraints.with_children(tuple(one for one in constraints.children if one is not order))
    changed = configuration.with_children(tuple(fewer if one is constraints else one for one in configuration.children))
    return Cib(cib.root.with_children(tuple(changed if one is configuration else one for one in cib.root.children)))
