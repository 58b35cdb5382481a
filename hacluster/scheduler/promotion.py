"""Which instances of a promotable clone are promoted.

Reads promotion scores (transient node attributes `master-NAME`), role constraints and colocations; writes `next_role`.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING

from hacluster.cib.model import SCORE_INFINITY
from hacluster.scheduler.clones import instance_order
from hacluster.scheduler.colocations import MINUS_INFINITY, colocations_of, colocations_with, has_influence
from hacluster.scheduler.values import add, score
from hacluster.scheduler.working import Cluster, Node, Resource, Role, Variant

if TYPE_CHECKING:
    from hacluster.scheduler.assign import Chooser


# ---------------------------------------------------------------- scores before the instances have their nodes


class _Siblings:
    """What the instances of one primitive of a clone know of each node, taken together."""

    def __init__(self) -> None:
        self.active: dict[int, Resource] = {}
        """node -> the first of them that is active there"""
        self.known_on: set[int] = set()
        self.told: dict[int, list[str]] = {}
        """node -> the names under which its history knows them"""
        self.scores: dict[int, tuple[int, bool]] = {}
        """node -> the score there, where it is the same for all of them"""

    def add(self, part: Resource) -> None:
        for index in part.active:
            self.active.setdefault(index, part)
        self.known_on |= part.known_on
        for index, entry in part.entries.items():
            self.told.setdefault(index, []).append(entry.id)


class PromotionScores:
    """The scores that agents gave the nodes for one clone, as transient attributes."""

    def __init__(self, cluster: Cluster, clone: Resource) -> None:
        self._cluster = cluster
        self._is_unique = clone.is_unique
        self._siblings: dict[str, _Siblings] = {}
        for part in clone.primitives():
            self._siblings.setdefault(part.base_id, _Siblings()).add(part)

    def on(self, instance: Resource, index: int) -> tuple[int, bool]:
        """(the score of an instance on a node, whether there is none); a group's is the sum of its members'."""
        if instance.variant is Variant.GROUP:
            found = [self.on(member, index) for member in instance.children]
            return sum(given for given, _ in found), all(is_default for _, is_default in found)
        siblings = self._siblings[instance.base_id]
        if not self._applies(instance, index, siblings):
            return 0, True
        if self._is_unique or len(siblings.told.get(index, ())) > 1:
            return self._read(instance, index, siblings)
        if index not in siblings.scores:
            siblings.scores[index] = self._read(instance, index, siblings)
        return siblings.scores[index]

    def _applies(self, instance: Resource, index: int, siblings: _Siblings) -> bool:
        """A score counts where the instance may be and its state is known; before anything is known, all count."""
        if instance.scores.get(index, MINUS_INFINITY) < 0:
            return False
        if not self._is_unique:
            active = siblings.active.get(index)
            if active is instance or (active is None and index in siblings.known_on):
                return True
        if not instance.active and not instance.known_on:
            return True
        return index in instance.known_on or index in instance.active

    def _read(self, instance: Resource, index: int, siblings: _Siblings) -> tuple[int, bool]:
        """The agent named its score after the instance as it was told, which the history remembers."""
        mine = [instance.entries[index].id] if index in instance.entries else []
        told = [] if self._is_unique else siblings.told.get(index, [])
        node = self._cluster.nodes[index]
        # An instance that is one of its kind has a score of its own or none.
        plain = [] if self._is_unique else [instance.base_id]
        for name in dict.fromkeys([*mine, *told, instance.shown_id, *plain]):
            for prefix in ("master-", "promotion-"):
                value = node.asked_attribute(f"{prefix}{name}")
                if value is not None:
                    return score(value), False
        return 0, True


def add_promotion_scores(cluster: Cluster, clone: Resource) -> None:
    """Instances like nodes on which they would be promoted; the best of these scores is their priority."""
    scores = PromotionScores(cluster, clone)
    for child in clone.children:
        for index in list(child.scores):
            if not cluster.nodes[index].can_run:
                # Nothing will be promoted there, so that no instance comes before others for it.
                continue
            given, _ = scores.on(child, index)
            if given > 0:
                child.scores[index] = add(child.scores[index], given)
            child.priority = max(child.priority, given)


# ---------------------------------------------------------------- roles once they have


def set_roles(chooser: Chooser, clone: Resource) -> None:
    """Promote the best instances, up to promoted-max."""
    cluster = chooser.cluster
    scores = PromotionScores(cluster, clone)
    for child in clone.children:
        _judge_instance(chooser, clone, child, scores)
    _sort(chooser, clone)
    promoted_on: dict[int, int] = {}
    promoted = 0
    for child in clone.children:
        index = _place_to_promote(cluster, clone, child, promoted_on) if promoted < clone.promoted_max else None
        if index is None:
            for part in child.walk():
                if part.next_role in (Role.STARTED, Role.PROMOTED):
                    part.next_role = Role.UNPROMOTED
            continue
        promoted += 1
        promoted_on[index] = promoted_on.get(index, 0) + 1
        for part in child.walk():
            if part.next_role is not Role.STOPPED:
                part.next_role = Role.PROMOTED
    clone.next_role = Role.PROMOTED if promoted else Role.UNPROMOTED


def _judge_instance(chooser: Chooser, clone: Resource, child: Resource, scores: PromotionScores) -> None:
    homes = child.homes_next
    chosen = homes[0] if homes else None
    match child.role_next:
        case Role.STARTED | Role.UNKNOWN:
            given, is_default = (0, True) if chosen is None else scores.on(child, chosen)
            # Without any score an instance may be promoted only where a constraint says so.
            child.priority = -1 if is_default else given
        case Role.UNPROMOTED | Role.STOPPED:
            child.priority = MINUS_INFINITY
    if chosen is not None:
        host = chooser.cluster.nodes[chosen].host
        places = [chosen] if host is None else [chosen, host.index]
        for location in [*child.role_locations, *clone.role_locations]:
            for place in places:
                if location.role is Role.PROMOTED and place in location.scores:
                    child.priority = add(child.priority, location.scores[place])
    for colocation in chooser.colocations_of_role(child):
        chooser.wishes.follow(child, colocation.primary, colocation)
    child.sort_index = SCORE_INFINITY if child.role_next is Role.PROMOTED else child.priority


def _sort(chooser: Chooser, clone: Resource) -> None:
    """By how well the node suits a promoted instance, colocations with its role among it."""
    clone.is_merging = True
    weights = dict(clone.scores)
    for child in clone.children:
        if child.homes_next and child.sort_index >= 0:
            index = child.homes_next[0]
            weights[index] = add(child.sort_index, weights.get(index, 0))
    weights = _with_role_colocations(chooser, clone, weights)
    for child in clone.children:
        parts = list(child.primitives())
        if not all(part.is_managed for part in parts) and child.role_next is Role.PROMOTED:
            child.sort_index = SCORE_INFINITY
        elif child.homes_next and child.sort_index >= 0:
            child.sort_index = weights.get(child.homes_next[0], 0)
    clone.is_merging = False
    # Who goes with this clone later is drawn to where its best instances are.
    clone.scores = weights
    natural = instance_order(chooser.cluster, clone, chooser.wishes)
    clone.children.sort(key=natural)
    clone.children.sort(key=cmp_to_key(_compare))


def _compare(one: Resource, other: Resource) -> int:
    first, second = (one.sort_index, one.role_now), (other.sort_index, other.role_now)
    return (first < second) - (first > second)


def _with_role_colocations(chooser: Chooser, clone: Resource, weights: dict[int, int]) -> dict[int, int]:
    wishes = chooser.wishes
    for one in colocations_of(clone):
        if one.dependent_role is Role.PROMOTED:
            factor = one.score / SCORE_INFINITY
            may_give_up = one.score < SCORE_INFINITY
            weights = wishes.merged(one.primary, clone, weights, one, factor, may_give_up, False, False)
    for one in colocations_with(clone):
        if one.primary_role is Role.PROMOTED and has_influence(one):
            factor = one.score / SCORE_INFINITY
            weights = wishes.merged(one.dependent, clone, weights, one, factor, True, True, False)
    no_ticket = [location for location in clone.role_locations if location.cause == "no ticket"]
    return {index: MINUS_INFINITY if no_ticket else given for index, given in weights.items()}


def _has_lost_guest(node: Node) -> bool:
    """A guest node whose guest has nowhere to run."""
    guest = node.connection.container if node.connection is not None else None
    return guest is not None and not guest.homes_next


def _place_to_promote(cluster: Cluster, clone: Resource, child: Resource, promoted_on: dict[int, int]) -> int | None:
    if child.sort_index < 0 or not child.homes_next:
        return None
    index = child.homes_next[0]
    parts = list(child.primitives())
    untouchable = [part for part in parts if not part.is_managed]
    options = cluster.options
    if untouchable:
        # What nobody may touch stays promoted, and a group with one that isn't can't be promoted.
        return index if all(part.role_now is Role.PROMOTED for part in untouchable) else None
    if child.priority < 0 or not cluster.nodes[index].can_run or _has_lost_guest(cluster.nodes[index]):
        return None
    if promoted_on.get(index, 0) >= clone.promoted_node_max:
        return None
    if child.role_now < Role.PROMOTED and not options.has_quorum and options.no_quorum_policy == "freeze":
        return None
    return index
