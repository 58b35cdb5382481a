"""Capacity: what resources use of a node's, and who fits where (`placement-strategy` other than default).

Reads utilization attributes and colocations; bans nodes that are too small and compares nodes by what they have left.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key

from hacluster.cib.model import SCORE_INFINITY, Element
from hacluster.scheduler.colocations import MINUS_INFINITY, Wishes, colocations_of, colocations_with
from hacluster.scheduler.unpack import pairs
from hacluster.scheduler.values import score
from hacluster.scheduler.working import Cluster, Colocation, Node, Resource, Role, Variant, compare_capacity

Amounts = dict[str, int]


def read_amounts(holder: Element, attributes: dict[str, str], now: float) -> Amounts:
    """name -> whole number; what can't be read counts as nothing."""
    return {name: score(value) for name, value in pairs(holder, "utilization", attributes, now).items()}


def unpack_utilization(cluster: Cluster, nodes: Iterable[Element]) -> None:
    """Fill in what nodes have and resources use."""
    by_id = {entry.id: entry for entry in nodes}
    for node in cluster.nodes:
        if node.id in by_id:
            node.capacity = read_amounts(by_id[node.id], node.attributes, cluster.now)
        state = cluster.states.get(node.index)
        transient = state.find("transient_attributes") if state is not None else None
        if transient is not None:
            node.capacity |= read_amounts(transient, node.attributes, cluster.now)
    for resource in cluster.primitives():
        inherited = read_amounts(resource.template, {}, cluster.now)
        resource.utilization = inherited | read_amounts(resource.element, {}, cluster.now)
    for replica in (replica for bundle in cluster.resources for replica in bundle.replicas):
        if replica.child is not None:
            # What runs inside uses what its container's host has.
            replica.container.utilization, replica.child.utilization = replica.child.utilization, {}


def fits(node: Node, amounts: Amounts) -> bool:
    """What a node doesn't name it has none of."""
    return all(used <= node.capacity.get(name, 0) for name, used in amounts.items())


def take(node: Node, amounts: Amounts, sign: int = -1) -> None:
    """Use of a node's capacity, or give it back with sign 1."""
    for name, used in amounts.items():
        if name in node.capacity:
            node.capacity[name] += sign * used


def ban_where_it_does_not_fit(cluster: Cluster, resource: Resource) -> int | None:
    """Ban the nodes that are too small for it with all that must be with it, or else for it alone.

    Gives the node with the most capacity left where none is large enough for all.
    """
    together = _sum(resource, _family(resource, resource, []))
    usable = [index for index, given in resource.scores.items() if given >= 0 and cluster.nodes[index].can_run]
    needed = together if any(fits(cluster.nodes[index], together) for index in usable) else None
    limit = resource.utilization if needed is None else needed
    for index in usable:
        if not fits(cluster.nodes[index], limit):
            resource.ban_only([cluster.nodes[index]], "not enough capacity")
    if needed is not None or not resource.scores:
        return None
    allowed = [cluster.nodes[index] for index in resource.scores]
    return min(allowed, key=cmp_to_key(compare_capacity)).index


def _family(resource: Resource, origin: Resource, found: list[Resource]) -> list[Resource]:
    """Everything that must be where this is, directly or over others."""
    if resource in found:
        return found
    found.append(resource)
    if resource.variant is Variant.GROUP:
        for member in resource.children:
            _family(member, origin, found)
    for one in colocations_of(resource):
        if one.primary is not origin and one.score >= SCORE_INFINITY and _holds(one):
            _family(one.primary, origin, found)
    for one in colocations_with(resource):
        dependent = one.dependent
        is_loose = resource.variant is Variant.CLONE and dependent.variant is not Variant.CLONE
        if dependent is not origin and not is_loose and one.score >= SCORE_INFINITY and _holds(one):
            _family(dependent, origin, found)
    return found


def _holds(one: Colocation) -> bool:
    if one.dependent_role not in (Role.UNKNOWN, one.dependent.next_role):
        return False
    return one.primary_role in (Role.UNKNOWN, one.primary.next_role)


def _sum(origin: Resource, family: list[Resource]) -> Amounts:
    total: Amounts = {}
    for member in family:
        if not member.is_assigned:
            _add(total, member, family)
    return total if family else dict(origin.utilization)


def _add(total: Amounts, resource: Resource, family: list[Resource]) -> None:
    match resource.variant:
        case Variant.PRIMITIVE:
            for name, used in resource.utilization.items():
                total[name] = total.get(name, 0) + used
        case Variant.GROUP:
            for member in resource.children:
                if member not in family and not member.is_assigned:
                    _add(total, member, family)
        case Variant.CLONE:
            inside = [part for child in resource.children for part in child.walk()]
            if resource.children and not any(part in family for part in inside):
                _add(total, resource.children[0], family)


# ---------------------------------------------------------------- who chooses first


def in_turn(cluster: Cluster, wishes: Wishes) -> list[Resource]:
    """By priority, then by how well the resource's own node suits it, then by the scores on all nodes."""
    nodes = sorted(cluster.nodes, key=lambda node: (not node.can_run, node.uname))
    if cluster.options.placement_strategy == "balanced":
        nodes.sort(key=cmp_to_key(lambda a, b: (b.can_run - a.can_run) or compare_capacity(a, b)))

    def key(resource: Resource) -> tuple[int, int, tuple[int, ...]]:
        scores = _with_what_it_goes_with(resource, wishes)
        homes = resource.homes_now
        here = scores.get(homes[0], MINUS_INFINITY) if homes else MINUS_INFINITY
        return -resource.priority, -here, tuple(-scores.get(node.index, MINUS_INFINITY) for node in nodes)

    return sorted(cluster.resources, key=key)


def _with_what_it_goes_with(resource: Resource, wishes: Wishes) -> dict[int, int]:
    speaker = resource.children[-1] if resource.variant is Variant.GROUP and resource.children else resource
    scores = dict(speaker.scores)
    for one in colocations_of(speaker):
        if one.primary is not speaker:
            scores = wishes.merged(
                one.primary,
                speaker,
                scores,
                one,
                one.score / SCORE_INFINITY,
                may_give_up=True,
                only_positive=False,
                forward=True,
            )
    return scores
