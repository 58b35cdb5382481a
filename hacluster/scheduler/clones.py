"""Spreading the instances of a clone: as many as possible stay where they are, the others go where they are wanted.

Reads a clone with its scores; writes the `target` of each instance and counts what each node got.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hacluster.cib.model import SCORE_INFINITY
from hacluster.scheduler.colocations import MINUS_INFINITY, Wishes, colocations_of, colocations_with
from hacluster.scheduler.working import Cluster, Resource

if TYPE_CHECKING:
    from hacluster.scheduler.assign import Chooser


def instance_order(cluster: Cluster, clone: Resource, wishes: Wishes) -> Callable[[Resource], tuple[object, ...]]:
    """The key by which instances choose: those that run well first, the failed and the idle ones last."""
    counts: dict[int, int] = {}
    for child in clone.children:
        for index in child.homes_now:
            counts[index] = counts.get(index, 0) + 1
    colocated = _scores_with_colocations(clone, wishes)

    def key(instance: Resource) -> tuple[object, ...]:
        homes = instance.homes_now
        number = instance.id.rsplit(":", 1)[-1]
        name = (len(number), number)
        # An instance that was made for a history that none of them explains is used when all others are.
        is_spare = any(part.is_orphan for part in instance.walk())
        if not homes:
            # What runs nowhere may run anywhere, unlike what runs where it no longer may; but of equals it comes last.
            return (is_spare, False, -instance.priority, 1, False, False, 0, False, 0, name)
        index = homes[0]
        is_allowed = instance.scores.get(index, MINUS_INFINITY) >= 0
        known = clone.scores.get(index)
        return (
            is_spare,
            not is_allowed,
            -instance.priority,
            0,
            not cluster.nodes[index].can_run,
            known is None,
            len(homes),
            any(part.is_failed for part in instance.primitives()),
            -colocated.get(index, 0),
            name,
        )

    return key


def _scores_with_colocations(clone: Resource, wishes: Wishes) -> dict[int, int]:
    """How well each node suits the clone, for what it goes with and what goes with it."""
    scores = dict.fromkeys(clone.scores, 0)
    if not clone.homes_now:
        return scores
    for one in colocations_of(clone):
        factor = one.score / SCORE_INFINITY
        scores = wishes.merged(one.primary, clone, scores, one, factor, False, False, False)
    for one in colocations_with(clone):
        factor = one.score / SCORE_INFINITY
        scores = wishes.merged(one.dependent, clone, scores, one, factor, False, True, False)
    return scores


def assign_instances(chooser: Chooser, clone: Resource) -> None:
    """Give every instance up to clone-max a node; the others get none."""
    cluster = chooser.cluster
    clone.counts = dict.fromkeys(clone.scores, 0)
    usable = sum(cluster.nodes[index].can_run for index in clone.scores)
    optimal = max(1, clone.clone_max // usable) if usable else 1
    assigned = 0
    for instance in clone.children:
        if assigned >= clone.clone_max:
            break
        place = _wants_to_stay(cluster, clone, instance, optimal)
        if place is not None and chooser.keep(clone, instance, place, clone.clone_max - assigned):
            assigned += 1
    for instance in clone.children:
        if instance.is_assigned:
            continue
        if assigned >= clone.clone_max:
            _forbid(instance)
            chooser.assign(instance)
        elif assign_instance(chooser, clone, instance, None, keep_role=False) is not None:
            assigned += 1


def _wants_to_stay(cluster: Cluster, clone: Resource, instance: Resource, optimal: int) -> int | None:
    """The node an active, healthy instance is on, unless that has as many as it should. A group stays."""
    homes = instance.homes_now
    if not homes or instance.is_assigned or instance.is_failed:
        return None
    index = homes[0]
    if not cluster.nodes[index].can_run:
        return None
    return None if clone.counts.get(index, 0) >= optimal else index


def assign_early(chooser: Chooser, clone: Resource, instance: Resource, place: int, remaining: int) -> bool:
    """Try to keep an instance where it is.

    Where another node is liked better, one place there is held for another instance, and it is tried again: so the
    nodes get the number of instances they would get anyway, with as few moves as possible.
    """
    if instance.scores.get(place, MINUS_INFINITY) < 0:
        return False
    kept_counts = dict(clone.counts)
    kept = {part: (dict(part.scores), part.next_role, list(part.reasons)) for part in instance.walk()}
    chosen: int | None = None
    for _ in range(remaining):
        chosen = assign_instance(chooser, clone, instance, place, keep_role=True)
        if chosen == place or chosen is None:
            break
        chooser.unsettle(instance)
        for part, (scores, role, reasons) in kept.items():
            part.scores, part.next_role, part.reasons = dict(scores), role, list(reasons)
    clone.counts = kept_counts
    if chosen == place:
        clone.counts[place] = clone.counts.get(place, 0) + 1
        return True
    chooser.unsettle(instance)
    for part, (scores, role, reasons) in kept.items():
        part.scores, part.next_role, part.reasons = scores, role, reasons
    return False


def assign_instance(
    chooser: Chooser, clone: Resource, instance: Resource, prefer: int | None, *, keep_role: bool
) -> int | None:
    ban_full_nodes(chooser.cluster, clone, instance)
    chosen = chooser.assign(instance, prefer, keep_role=keep_role)
    if chosen is not None:
        clone.counts[chosen] = clone.counts.get(chosen, 0) + 1
    return chosen


def ban_full_nodes(cluster: Cluster, clone: Resource, instance: Resource) -> None:
    for part in instance.walk():
        for index in part.scores:
            is_full = clone.counts.get(index, 0) >= clone.clone_node_max
            is_away = not cluster.nodes[index].can_run or clone.scores.get(index, MINUS_INFINITY) < 0
            if is_away or is_full or part.is_orphan:
                part.scores[index] = MINUS_INFINITY


def _forbid(instance: Resource) -> None:
    for part in instance.walk():
        part.scores = dict.fromkeys(part.scores, MINUS_INFINITY)
