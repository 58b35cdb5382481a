"""Which node each resource gets.

Reads scores, colocations and priorities; writes `target` and `next_role`. Resources of higher priority choose first; a
dependent chooses after its primary; a group goes as one; a clone spreads its instances.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise

from hacluster.cib.model import SCORE_INFINITY, Cib, Element
from hacluster.scheduler.graph import Reason
from hacluster.scheduler.references import References
from hacluster.scheduler.scores import role_of
from hacluster.scheduler.values import add, score
from hacluster.scheduler.working import Cluster, Node, Resource, Role, Variant

MINUS_INFINITY = -SCORE_INFINITY


@dataclass(slots=True)
class Colocation:
    id: str
    dependent: Resource
    primary: Resource
    score: int
    dependent_role: Role
    primary_role: Role
    node_attribute: str = "#uname"


def assign(
    cib: Cib, cluster: Cluster, references: References, promoted_scores: dict[str, dict[int, int]]
) -> list[Colocation]:
    """Choose a node for every resource; gives the colocations that were looked at."""
    colocations = read_colocations(cib, references)
    chooser = _Chooser(cluster, colocations, promoted_scores)
    for resource in sorted(cluster.resources, key=lambda found: (-found.priority, found.order)):
        chooser.assign(resource)
    return colocations


def read_colocations(cib: Cib, references: References) -> list[Colocation]:
    """Simple colocations, and resource sets as many of them."""
    found: list[Colocation] = []
    for element in cib.section("constraints").all("rsc_colocation"):
        if any(element.all("resource_set")):
            _read_sets(found, element, references)
            continue
        strength = score(element.get("score", "INFINITY"))
        roles = (role_of(element.get("rsc-role")), role_of(element.get("with-rsc-role")))
        for dependent in references.find(element.get("rsc")):
            for primary in references.find(element.get("with-rsc")):
                _add(found, element.id, dependent, primary, strength, roles, element.get("node-attribute", "#uname"))
    return found


def _read_sets(found: list[Colocation], element: Element, references: References) -> None:
    """Within a sequential set each member goes with the one before; the first of a set with the last of the next."""
    sets = [
        (references.in_set(one), role_of(one.get("role")), one.get("sequential", "true") != "false", one)
        for one in element.all("resource_set")
    ]
    default = element.get("score", "INFINITY")
    for members, role, is_sequential, one in sets:
        strength = score(one.get("score", default))
        pairs = list(pairwise(members)) if is_sequential else []
        if strength < 0 and not is_sequential:
            pairs = list(combinations(members, 2))
        for earlier, later in pairs:
            _add(found, element.id, later, earlier, strength, (role, role), "#uname")
    for (dependents, role, in_turn, _), (primaries, with_role, with_turn, _) in pairwise(sets):
        for dependent in dependents[:1] if in_turn else dependents:
            for primary in primaries[-1:] if with_turn else primaries:
                _add(found, element.id, dependent, primary, score(default), (role, with_role), "#uname")


def _add(
    found: list[Colocation],
    name: str,
    dependent: Resource,
    primary: Resource,
    strength: int,
    roles: tuple[Role, Role],
    attribute: str,
) -> None:
    if dependent is not primary:
        found.append(Colocation(name, dependent, primary, strength, roles[0], roles[1], attribute))


class _Chooser:
    def __init__(
        self, cluster: Cluster, colocations: list[Colocation], promoted_scores: dict[str, dict[int, int]]
    ) -> None:
        self._cluster = cluster
        self._promoted_scores = promoted_scores
        self._by_dependent: dict[Resource, list[Colocation]] = {}
        self._by_primary: dict[Resource, list[Colocation]] = {}
        for colocation in colocations:
            self._by_dependent.setdefault(colocation.dependent, []).append(colocation)
            self._by_primary.setdefault(colocation.primary, []).append(colocation)
        self._in_progress: set[Resource] = set()

    def assign(self, resource: Resource) -> None:
        if resource.is_assigned or resource in self._in_progress:
            return
        self._in_progress.add(resource)
        for part in _parts(resource):
            for colocation in self._by_dependent.get(part, []):
                self.assign(colocation.primary.top)
        match resource.variant:
            case Variant.CLONE:
                self._assign_clone(resource)
            case _:
                self._assign_together(resource)
        resource.is_assigned = True
        self._in_progress.discard(resource)

    # ------------------------------------------------------------ one or several on one node

    def _assign_together(self, resource: Resource, banned: Iterable[int] = ()) -> None:
        """A primitive, or a group whose members all go where the first one goes."""
        members = list(resource.primitives())
        if not members:
            return
        pinned = self._pinned(members)
        if pinned is not None:
            for member in members:
                self._settle(member, pinned.get(member))
            return
        for count in range(len(members), 0, -1):
            scores = self._joint_scores(resource, members[:count], set(banned))
            node = self._best(scores, members[0])
            if node is not None:
                self._place(members, count, node)
                return
        self._place(members, 0, None)

    def _place(self, members: list[Resource], count: int, node: Node | None) -> None:
        for position, member in enumerate(members):
            self._settle(member, node.index if node is not None and position < count else None)

    def _pinned(self, members: list[Resource]) -> dict[Resource, int | None] | None:
        """Unmanaged and blocked resources stay where they are, whatever the scores say."""
        if all(self._is_free(member) for member in members):
            return None
        where = {member: next(iter(sorted(member.active)), None) for member in members}
        anchor = next((node for member, node in where.items() if node is not None), None)
        return {
            member: where[member]
            if not self._is_free(member)
            else (where[member] if where[member] is not None else anchor)
            for member in members
        }

    @staticmethod
    def _is_free(resource: Resource) -> bool:
        return resource.is_managed and not resource.is_blocked

    def _joint_scores(self, resource: Resource, members: list[Resource], banned: set[int]) -> dict[int, int]:
        scores: dict[int, int] = {}
        default = 0 if self._cluster.options.is_symmetric else None
        for node in self._cluster.nodes:
            if not node.can_run or node.index in banned:
                continue
            total = self._inherited(resource, node)
            if default is None and total is None and all(node.index not in member.scores for member in members):
                continue
            joint = total or 0
            for member in members:
                joint = add(joint, member.scores.get(node.index, 0))
            scores[node.index] = joint
        self._follow(resource, members, scores)
        self._consider_dependents(resource, scores)
        return scores

    def _inherited(self, resource: Resource, node: Node) -> int | None:
        """What the group and the clone around it say, None when nobody says anything."""
        above = resource if resource.variant is not Variant.PRIMITIVE else resource.parent
        total: int | None = None
        while above is not None:
            if node.index in above.scores:
                total = add(total or 0, above.scores[node.index])
            above = above.parent
        return total

    def _follow(self, resource: Resource, members: list[Resource], scores: dict[int, int]) -> None:
        """Colocations with resources that have their node already."""
        holders = [resource, *members] if resource.variant is Variant.GROUP else [resource]
        above = resource.clone
        holders += [above] if above is not None else []
        for holder in holders:
            for colocation in self._by_dependent.get(holder, []):
                if colocation.dependent_role not in (Role.PROMOTED, Role.UNPROMOTED):
                    self._follow_one(colocation, resource, scores)

    def _follow_one(self, colocation: Colocation, resource: Resource, scores: dict[int, int]) -> None:
        homes = _homes(colocation.primary, colocation.primary_role)
        values = {self._attribute(index, colocation.node_attribute) for index in homes}
        for index in scores:
            is_there = self._attribute(index, colocation.node_attribute) in values
            if is_there:
                scores[index] = add(scores[index], colocation.score)
            elif colocation.score >= SCORE_INFINITY:
                scores[index] = MINUS_INFINITY
            else:
                continue
            uname = self._cluster.nodes[index].uname
            given = colocation.score if is_there else MINUS_INFINITY
            resource.reasons.append(Reason(uname, given, f"colocation {colocation.id} with {colocation.primary.id}"))

    def _attribute(self, index: int, name: str) -> str | None:
        return self._cluster.nodes[index].attributes.get(name)

    def _consider_dependents(self, resource: Resource, scores: dict[int, int]) -> None:
        """What those that must follow want counts too, unless it would leave no node at all."""
        for part in _parts(resource):
            for colocation in self._by_primary.get(part, []):
                dependent = colocation.dependent
                if colocation.score <= 0 or dependent.is_assigned or dependent.variant is Variant.CLONE:
                    continue
                merged = {
                    index: add(value, self._wish(dependent, index, colocation.score)) for index, value in scores.items()
                }
                if any(value > MINUS_INFINITY for value in merged.values()):
                    scores.update(merged)

    def _wish(self, dependent: Resource, index: int, strength: int) -> int:
        wish = self._inherited(dependent, self._cluster.nodes[index]) or 0
        for member in dependent.primitives():
            wish = add(wish, member.scores.get(index, 0))
        if strength >= SCORE_INFINITY:
            return wish
        return 0 if wish <= MINUS_INFINITY else wish * strength // SCORE_INFINITY

    def _best(self, scores: dict[int, int], resource: Resource) -> Node | None:
        possible = [index for index, value in scores.items() if value > MINUS_INFINITY]
        if not possible or self._may_run_nothing(resource):
            return None
        nodes = self._cluster.nodes

        def rank(index: int) -> tuple[int, int, bool, str]:
            return -scores[index], nodes[index].assigned_count, index not in resource.active, nodes[index].uname

        return nodes[min(possible, key=rank)]

    def _may_run_nothing(self, resource: Resource) -> bool:
        options = self._cluster.options
        return options.stop_all or (not options.has_quorum and options.no_quorum_policy in ("stop", "suicide", "fence"))

    def _settle(self, resource: Resource, index: int | None) -> None:
        """Write the decision down, bent by target-role."""
        wanted = role_of(resource.meta.get("target-role", ""))
        resource.is_assigned = True
        if resource.next_role is Role.STOPPED or (wanted is Role.STOPPED and resource.is_managed):
            resource.target, resource.next_role = None, Role.STOPPED
            return
        if resource.is_orphan and self._cluster.options.stop_orphans and resource.is_managed:
            index = None
        if self._is_frozen(resource):
            index = next(iter(sorted(resource.active)), None)
        resource.target = index
        if index is None:
            resource.next_role = Role.STOPPED
            return
        self._cluster.nodes[index].assigned_count += 1
        clone = resource.clone
        resource.next_role = Role.UNPROMOTED if clone is not None and clone.is_promotable else Role.STARTED

    def _is_frozen(self, resource: Resource) -> bool:
        options = self._cluster.options
        return not options.has_quorum and options.no_quorum_policy == "freeze"

    # ------------------------------------------------------------ clones

    def _assign_clone(self, clone: Resource) -> None:
        """First every instance that may stay where it is, then the others on what is left."""
        counts: dict[int, int] = {}
        waiting = [child for child in clone.children if not self._stays(clone, child, counts)]
        placed = sum(counts.values())
        for instance in sorted(waiting, key=lambda child: (not _where(child), child.order)):
            full = {index for index, count in counts.items() if count >= clone.clone_node_max}
            if placed >= clone.clone_max:
                full = {node.index for node in self._cluster.nodes}
            self._assign_together(instance, full)
            placed += self._count(instance, counts)
        if clone.is_promotable:
            self._promote(clone)

    def _stays(self, clone: Resource, instance: Resource, counts: dict[int, int]) -> bool:
        """Assign an instance to its own node, if there is room and the node will have it."""
        homes = {index for index in _where(instance) if counts.get(index, 0) < clone.clone_node_max}
        if not homes or sum(counts.values()) >= clone.clone_max:
            return False
        self._assign_together(instance, {node.index for node in self._cluster.nodes} - homes)
        if self._count(instance, counts):
            return True
        for member in instance.primitives():
            member.is_assigned, member.next_role = False, Role.UNKNOWN
        return False

    @staticmethod
    def _count(instance: Resource, counts: dict[int, int]) -> int:
        target = next((member.target for member in instance.primitives() if member.target is not None), None)
        if target is None:
            return 0
        counts[target] = counts.get(target, 0) + 1
        return 1

    def _promote(self, clone: Resource) -> None:
        """The instances with the best promotion scores, as many as may be promoted."""
        wanted = role_of(clone.meta.get("target-role", ""))
        if wanted in (Role.UNPROMOTED, Role.STOPPED):
            return
        candidates = []
        for instance in clone.children:
            members = [member for member in instance.primitives() if member.target is not None]
            if not members or members[0].target is None:
                continue
            rank = self._promotion_score(clone, members[-1], members[0].target)
            if rank >= 0:
                candidates.append((rank, instance, members))
        candidates.sort(key=lambda found: (-found[0], -int(found[1].role_now), found[1].order))
        for _, _, members in candidates[: clone.promoted_max]:
            for member in members:
                member.next_role = Role.PROMOTED

    def _promotion_score(self, clone: Resource, member: Resource, index: int) -> int:
        node = self._cluster.nodes[index]
        by_agent = node.attributes.get(f"master-{member.base_id}", node.attributes.get(f"master-{member.id}"))
        total = score(by_agent) if by_agent is not None else -1
        constrained = self._promoted_scores.get(clone.id, {}).get(index)
        if constrained is not None:
            total = add(max(total, 0) if by_agent is None else total, constrained)
        for colocation in self._by_dependent.get(clone, []):
            if colocation.dependent_role is Role.PROMOTED:
                homes = _homes(colocation.primary, colocation.primary_role)
                if index in homes:
                    total = add(total, colocation.score)
                elif colocation.score >= SCORE_INFINITY:
                    total = MINUS_INFINITY
        for colocation in self._by_primary.get(clone, []):
            if (
                colocation.primary_role is Role.PROMOTED
                and colocation.score > 0
                and not colocation.dependent.is_assigned
            ):
                total = add(total, self._wish(colocation.dependent, index, colocation.score))
        return total


def _parts(resource: Resource) -> list[Resource]:
    return [resource, *resource.children] if resource.variant is Variant.GROUP else [resource]


def _where(resource: Resource) -> list[int]:
    return sorted({index for member in resource.primitives() for index in member.active})


def _homes(resource: Resource, role: Role) -> set[int]:
    """The nodes a resource will be on, in the role that matters."""
    is_promoted_only = role is Role.PROMOTED
    members = list(resource.primitives())
    if resource.variant is Variant.GROUP:
        members = members[-1:]
    return {
        member.target
        for member in members
        if member.target is not None and (not is_promoted_only or member.next_role is Role.PROMOTED)
    }


__all__ = ["Colocation", "assign"]
