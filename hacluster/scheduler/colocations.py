"""Colocations: read from the configuration, and what each end makes of the other's scores.

A dependent adopts the place of an assigned primary (`follow`); a primary that still chooses takes the wishes of its
dependents into account, and of their dependents (`add_wishes`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key, partial
from itertools import pairwise

from hacluster.cib.model import SCORE_INFINITY, Cib, Element
from hacluster.scheduler.graph import Reason
from hacluster.scheduler.references import References
from hacluster.scheduler.values import add, boolean, score
from hacluster.scheduler.words import constraint_role
from hacluster.scheduler.working import Cluster, Colocation, NodeKind, Resource, Role, Variant, compare_capacity

MINUS_INFINITY = -SCORE_INFINITY
_OUT_OF_PLAY = -100 * SCORE_INFINITY
"""Marks a node that was wanted and is not any more, while only positive wishes count."""
_WEIGHT = {Variant.PRIMITIVE: 0, Variant.GROUP: 1, Variant.CLONE: 2}


# ---------------------------------------------------------------- reading


def read_colocations(cib: Cib, cluster: Cluster, references: References) -> None:
    """Hang every colocation on both its ends; groups hold together by colocations of their own."""
    for resource in cluster.everything():
        if resource.variant is Variant.GROUP:
            _hold_together(resource)
    for element in cib.section("constraints").all("rsc_colocation"):
        if any(element.all("resource_set")):
            _read_sets(element, references)
            continue
        strength = score(element.get("score", "INFINITY"))
        roles = constraint_role(element.get("rsc-role")), constraint_role(element.get("with-rsc-role"))
        if references.is_several(element.get("rsc")) and references.is_several(element.get("with-rsc")):
            # Two templates or tags don't say which of their resources belong together.
            continue
        for dependent in references.find(element.get("rsc")):
            for primary in references.find(element.get("with-rsc")):
                _add(element, dependent, primary, strength, roles)
    for resource in cluster.everything():
        resource.this_with.sort(key=_by_primary)
        resource.with_this.sort(key=_by_dependent)


def _hold_together(group: Resource) -> None:
    if not boolean(group.meta.get("collocated", ""), True):
        return
    for earlier, later in pairwise(group.children):
        influence = boolean(later.meta.get("critical", ""), True)
        held = Colocation("#group-members", later, earlier, SCORE_INFINITY, has_influence=influence, is_explicit=False)
        later.this_with.append(held)
        earlier.with_this.append(held)


def _read_sets(element: Element, references: References) -> None:
    """Within a sequential set each member goes with the one before; the first of a set with the last of the next."""
    default = element.get("score", "INFINITY")
    sets = [
        (references.in_set(one), constraint_role(one.get("role")), boolean(one.get("sequential", ""), True), one)
        for one in element.all("resource_set")
    ]
    for members, role, is_sequential, one in sets:
        strength = score(one.get("score", default))
        if not is_sequential:
            continue
        if strength > 0:
            for earlier, later in pairwise(members):
                _add(element, later, earlier, strength, (role, role))
        else:
            for position, later in enumerate(members):
                for earlier in members[:position]:
                    _add(element, later, earlier, strength, (role, role))
    for (dependents, role, in_turn, _), (primaries, with_role, with_turn, _) in pairwise(sets):
        for dependent in dependents[:1] if in_turn else dependents:
            for primary in primaries[-1:] if with_turn else primaries:
                _add(element, dependent, primary, score(default), (role, with_role))


def _add(element: Element, dependent: Resource, primary: Resource, strength: int, roles: tuple[Role, Role]) -> None:
    if dependent is primary or not strength:
        return
    # What has a role in a bundle is what runs inside its containers.
    if roles[0] is Role.PROMOTED and dependent.child is not None:
        dependent = dependent.child
    if roles[1] is Role.PROMOTED and primary.child is not None:
        primary = primary.child
    influence = boolean(element.get("influence"), boolean(dependent.meta.get("critical", ""), True))
    attribute = element.get("node-attribute", "#uname")
    found = Colocation(element.id, dependent, primary, strength, roles[0], roles[1], attribute, influence)
    dependent.this_with.append(found)
    primary.with_this.append(found)


def _by_primary(colocation: Colocation) -> tuple[int, int, bool, str]:
    return _urgency(colocation.primary, colocation)


def _by_dependent(colocation: Colocation) -> tuple[int, int, bool, str]:
    return _urgency(colocation.dependent, colocation)


def _urgency(resource: Resource, colocation: Colocation) -> tuple[int, int, bool, str]:
    """Higher priority first, clones before groups before primitives, then by name."""
    return -resource.priority, -_WEIGHT[resource.variant], not resource.is_promotable, colocation.id


# ---------------------------------------------------------------- which ones matter to a resource


def colocations_of(resource: Resource) -> list[Colocation]:
    """Where it is the dependent, with those of the group whose first member it is, and of its clone."""
    found: list[Colocation] = []
    _gather(resource, resource, lambda one: one.this_with, 0, found)
    return sorted(found, key=_by_primary)


def colocations_with(resource: Resource) -> list[Colocation]:
    """Where it is the primary, with those of the group whose last member it is, and of its clone."""
    found: list[Colocation] = []
    _gather(resource, resource, lambda one: one.with_this, -1, found)
    return sorted(found, key=_by_dependent)


_Side = Callable[[Resource], list[Colocation]]


def _gather(resource: Resource, origin: Resource, side: _Side, speaker: int, found: list[Colocation]) -> None:
    if resource.variant is Variant.GROUP:
        if not resource.children or origin not in (resource, resource.children[speaker]):
            return
        found += side(resource)
        if resource.parent is not None:
            _gather(resource.parent, origin, side, speaker, found)
        for member in resource.children:
            if member is not origin:
                found += [one for one in side(member) if one.is_explicit]
        return
    if resource.variant is Variant.CLONE and origin is not resource:
        found += [one for one in side(resource) if _concerns_instances(one, resource, origin, is_primary=speaker < 0)]
        return
    found += side(resource)
    if resource.parent is not None:
        _gather(resource.parent, origin, side, speaker, found)


def _concerns_instances(one: Colocation, clone: Resource, instance: Resource, *, is_primary: bool) -> bool:
    """Where instances will be everywhere, only what must be, or must not be, together says where each goes."""
    if is_primary and not has_influence(one, instance):
        return False
    if not is_primary and one.dependent_role is Role.PROMOTED:
        # That is about who is promoted, wherever instances are.
        return True
    return not clone.is_everywhere or one.score < 0 or (not is_primary and one.score >= SCORE_INFINITY)


def has_influence(colocation: Colocation, primary: Resource | None = None) -> bool:
    """Whether the dependent may move the primary: always, unless it gave that up and the primary is active."""
    moved = primary or colocation.primary
    dependent = colocation.dependent
    is_connection = dependent.bundle is not None and dependent.connects_to is not None
    if is_connection and len(moved.active) == 1 and not moved.is_failed:
        # It is moved easily: no container that runs well goes after it.
        return False
    return colocation.has_influence or not moved.homes_now


# ---------------------------------------------------------------- wishes of dependents


def _part_of(wish: int, factor: float) -> int:
    """Rounded to the nearest; what is there at all never becomes nothing."""
    exact = factor * wish
    given = int(exact - 0.5) if exact < 0 else int(exact + 0.5)
    return given if given or not wish else 1 if factor > 0 else -1 if factor < 0 else 0


def _group_that_speaks(source: Resource, colocation: Colocation) -> Resource | None:
    """The group of a later member that a constraint names: its scores count too, as only the first member has them."""
    group = source.parent
    if group is None or group.variant is not Variant.GROUP or source is group.children[0]:
        return None
    return group if source is colocation.dependent and colocation.is_explicit else None


class Wishes:
    """Score arithmetic over colocations; knows which nodes can run anything."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._is_fixed = all(node.kind is NodeKind.CLUSTER for node in cluster.nodes)
        """Whether nothing of the nodes changes while resources are assigned: no connection makes one usable."""
        self._usable: list[bool] = []
        self._values: dict[str, list[str | None]] = {}
        self._instances: dict[Resource, InstancesByNode] = {}
        """assigned clone -> its instances"""

    def usable(self) -> list[bool]:
        """By node, whether it can run anything."""
        if not self._usable or not self._is_fixed:
            self._usable = [node.can_run for node in self._cluster.nodes]
        return self._usable

    def values(self, name: str) -> list[str | None]:
        """By node, what a colocation compares."""
        if name not in self._values or not self._is_fixed:
            self._values[name] = [self.attribute(index, name) for index in range(len(self._cluster.nodes))]
        return self._values[name]

    def attribute(self, index: int, name: str) -> str | None:
        node = self._cluster.nodes[index]
        return node.name_of_place if name == "#uname" else node.asked_attribute(name)

    def is_any_usable(self, scores: dict[int, int]) -> bool:
        usable = self.usable()
        return any(given >= 0 and usable[index] for index, given in scores.items())

    def add_wishes(self, colocation: Colocation, primary: Resource) -> None:
        """Take into the primary's scores what a dependent, and all behind it, would like."""
        if not has_influence(colocation):
            return
        factor = colocation.score / SCORE_INFINITY
        only_positive = primary.variant is Variant.CLONE
        primary.scores = self.merged(
            colocation.dependent, primary, primary.scores, colocation, factor, True, only_positive, False
        )

    def merged(
        self,
        source: Resource,
        target: Resource,
        scores: dict[int, int],
        colocation: Colocation,
        factor: float,
        may_give_up: bool,
        only_positive: bool,
        forward: bool,
    ) -> dict[int, int]:
        """`scores` with the wishes of `source` and of what hangs on it.

        `may_give_up`: where nothing would be left, the scores stay as they were. `forward`: follow what the source
        goes with, instead of what goes with it.
        """
        if source.variant is Variant.GROUP:
            return self._merged_group(source, target, scores, colocation, factor, may_give_up, only_positive, forward)
        if source.is_merging:
            return scores
        source.is_merging = True
        try:
            work = self._with_matching(dict(scores), source, colocation, factor, only_positive)
            if not self.is_any_usable(work):
                return scores if may_give_up else work
            for one in colocations_of(source) if forward else colocations_with(source):
                other = one.primary if forward else one.dependent
                if not forward and not has_influence(one, source):
                    continue
                behind = factor * one.score / SCORE_INFINITY
                work = self.merged(other, target, work, one, behind, True, only_positive, forward)
            if only_positive:
                work = {index: 1 if given == _OUT_OF_PLAY else given for index, given in work.items()}
            return work
        finally:
            source.is_merging = False

    def _merged_group(
        self,
        group: Resource,
        target: Resource,
        scores: dict[int, int],
        colocation: Colocation,
        factor: float,
        may_give_up: bool,
        only_positive: bool,
        forward: bool,
    ) -> dict[int, int]:
        if group.is_merging or not group.children:
            return scores
        group.is_merging = True
        try:
            # The chain of members does the rest: each is a dependent of the one before.
            speaker = group.children[-1 if forward else 0]
            return self.merged(speaker, target, scores, colocation, factor, may_give_up, only_positive, forward)
        finally:
            group.is_merging = False

    def _with_matching(
        self,
        scores: dict[int, int],
        source: Resource,
        colocation: Colocation,
        factor: float,
        only_positive: bool,
    ) -> dict[int, int]:
        inner = _group_that_speaks(source, colocation)
        if inner is None and self._is_indifferent(source, scores):
            return scores
        best = self._best_by_value(source, colocation, inner)
        values = self.values(colocation.node_attribute)
        for index, known in scores.items():
            wish = best.get(values[index], MINUS_INFINITY)
            if factor < 0 and wish < 0 and not self.makes_room(colocation, wish):
                continue
            if known == _OUT_OF_PLAY:
                continue
            total = add(wish if factor == 1 else _part_of(wish, factor), known)
            if only_positive and total < 0 < known:
                scores[index] = _OUT_OF_PLAY
            elif not (only_positive and total < 0 and known == 0):
                scores[index] = total
        return scores

    def makes_room(self, colocation: Colocation, wish: int) -> bool:
        """Whether a primary likes a node better because its anti-colocated dependent avoids that.

        Only for a dependent that has no other place, and if the primary doesn't stick to its own more than that.
        """
        if colocation.primary.stickiness >= -wish or not has_influence(colocation):
            return False
        return sum(given >= 0 for given in colocation.dependent.scores.values()) == 1

    def _is_indifferent(self, source: Resource, scores: dict[int, int]) -> bool:
        """A dependent that may be anywhere and likes no node better changes nothing."""
        return not any(source.scores.values()) and source.scores.keys() >= scores.keys() and all(self.usable())

    def _best_by_value(self, source: Resource, colocation: Colocation, inner: Resource | None) -> dict[str | None, int]:
        best: dict[str | None, int] = {}
        usable, values = self.usable(), self.values(colocation.node_attribute)
        for index, own in source.scores.items():
            if usable[index]:
                # Only the first member was told what the configuration says of the group.
                given = own if inner is None else add(own, inner.scores.get(index, 0))
                value = values[index]
                best[value] = max(best.get(value, MINUS_INFINITY), given)
        return best

    # ------------------------------------------------------------ following an assigned primary

    def follow(self, dependent: Resource, primary: Resource, colocation: Colocation) -> None:
        """Let the place of the primary count for the dependent: for its nodes, or for its promotion if it has one."""
        match dependent.variant:
            case Variant.GROUP:
                if dependent.is_assigned and colocation.dependent_role >= Role.UNPROMOTED:
                    self._follow_role(dependent, primary, colocation)
                elif dependent.children:
                    self.follow(dependent.children[0], primary, colocation)
                return
            case Variant.CLONE:
                return
        match primary.variant:
            case Variant.CLONE:
                self._follow_clone(dependent, primary, colocation)
            case Variant.GROUP:
                if primary.is_assigned and primary.children:
                    member = primary.children[-1 if colocation.score >= SCORE_INFINITY else 0]
                    self._follow_primitive(dependent, member, colocation)
            case Variant.PRIMITIVE:
                self._follow_primitive(dependent, primary, colocation)

    def _follow_primitive(self, dependent: Resource, primary: Resource, colocation: Colocation) -> None:
        if not primary.is_assigned:
            return
        clone = dependent.clone
        is_promotable = clone is not None and clone.is_promotable
        if colocation.dependent_role >= Role.UNPROMOTED and is_promotable and dependent.is_assigned:
            self._follow_in_role(dependent, primary, colocation)
            return
        if dependent.is_assigned:
            return
        if colocation.dependent_role not in (Role.UNKNOWN, dependent.next_role):
            return
        if colocation.primary_role not in (Role.UNKNOWN, primary.next_role):
            return
        self._follow_place(dependent, primary.target, colocation, primary)

    def _follow_role(self, instance: Resource, primary: Resource, colocation: Colocation) -> None:
        """An instance that is a group is promoted as a whole."""
        if primary.variant is Variant.CLONE:
            self._follow_clone(instance, primary, colocation)
        elif primary.is_assigned:
            self._follow_in_role(instance, primary, colocation)

    def _follow_in_role(self, dependent: Resource, primary: Resource, colocation: Colocation) -> None:
        mine, theirs = dependent.homes_next, primary.homes_next
        if not mine or not theirs:
            return
        name = colocation.node_attribute
        if self.attribute(mine[0], name) != self.attribute(theirs[0], name):
            if colocation.score >= SCORE_INFINITY and colocation.dependent_role is Role.PROMOTED:
                dependent.priority = MINUS_INFINITY
            return
        if colocation.primary_role not in (Role.UNKNOWN, primary.role_next):
            return
        given = -colocation.score if colocation.dependent_role is Role.UNPROMOTED else colocation.score
        dependent.priority = add(given, dependent.priority)

    def _follow_place(self, dependent: Resource, place: int | None, colocation: Colocation, primary: Resource) -> None:
        strength = colocation.score
        if place is None and strength < 0:
            return
        value = None if place is None else self.attribute(place, colocation.node_attribute)
        work = dict(dependent.scores)
        for index, known in work.items():
            if place is None:
                work[index] = add(-strength, known)
            elif self.attribute(index, colocation.node_attribute) == value:
                # What must be there need not prefer it.
                if strength < SCORE_INFINITY:
                    work[index] = add(strength, known)
            elif strength >= SCORE_INFINITY:
                work[index] = MINUS_INFINITY
        if abs(strength) >= SCORE_INFINITY or self.is_any_usable(work):
            self._adopt(dependent, work, colocation, primary)

    def _adopt(self, dependent: Resource, work: dict[int, int], colocation: Colocation, primary: Resource) -> None:
        for index, given in work.items():
            before = dependent.scores[index]
            if given != before:
                difference = given if abs(given) >= SCORE_INFINITY else given - before
                cause = f"colocation {colocation.id} with {primary.id}"
                dependent.reasons.append(Reason(self._cluster.nodes[index].uname, difference, cause))
        dependent.scores = work

    def _follow_clone(self, dependent: Resource, clone: Resource, colocation: Colocation) -> None:
        if not clone.is_assigned:
            return
        if clone.is_promotable and colocation.primary_role >= Role.UNPROMOTED:
            if not dependent.is_assigned:
                self._follow_promoted(dependent, clone, colocation)
            elif colocation.dependent_role is Role.PROMOTED:
                # Where both have their nodes, only a wish for the promoted role still says something about roles.
                self._follow_promoted_in_role(dependent, clone, colocation)
            return
        mine = dependent.clone
        if mine is not None and mine.is_interleaved and _may_interleave(mine, clone):
            if clone not in self._instances:
                self._instances[clone] = instances_by_node(clone, now=False)
            instance = self.compatible_instance(dependent, self._instances[clone])
            if instance is not None:
                self.follow(dependent, instance, colocation)
            elif colocation.score >= SCORE_INFINITY:
                for part in dependent.walk():
                    part.is_assigned, part.target, part.next_role = True, None, Role.STOPPED
            return
        if colocation.score >= SCORE_INFINITY:
            homes = {index for child in clone.children for index in child.homes_next if not _is_blocked(child)}
            self._exclude(dependent, homes, colocation, clone)
            return
        for child in clone.children:
            self.follow(dependent, child, colocation)

    def _follow_promoted(self, dependent: Resource, clone: Resource, colocation: Colocation) -> None:
        homes: set[int] = set()
        for child in clone.children:
            for index in child.homes_next[:1]:
                if child.role_next is not colocation.primary_role:
                    continue
                if colocation.score < SCORE_INFINITY:
                    self._prefer(dependent, index, colocation, clone)
                homes.add(index)
        is_among_promoted = colocation.dependent_role is Role.PROMOTED and colocation.primary_role is Role.PROMOTED
        if colocation.score >= SCORE_INFINITY and not is_among_promoted:
            # An instance that is to be promoted with a promoted one may start anywhere, to be promoted later.
            self._exclude(dependent, homes, colocation, clone)

    def _prefer(self, dependent: Resource, place: int, colocation: Colocation, primary: Resource) -> None:
        value = self.attribute(place, colocation.node_attribute)
        work = dict(dependent.scores)
        for index, known in work.items():
            if self.attribute(index, colocation.node_attribute) == value:
                work[index] = add(known, colocation.score)
        self._adopt(dependent, work, colocation, primary)

    def _exclude(self, dependent: Resource, homes: set[int], colocation: Colocation, primary: Resource) -> None:
        values = {self.attribute(index, colocation.node_attribute) for index in homes}
        work = {
            index: known if self.attribute(index, colocation.node_attribute) in values else MINUS_INFINITY
            for index, known in dependent.scores.items()
        }
        self._adopt(dependent, work, colocation, primary)

    def _follow_promoted_in_role(self, dependent: Resource, clone: Resource, colocation: Colocation) -> None:
        mine = dependent.homes_next
        values = {
            self.attribute(index, colocation.node_attribute)
            for child in clone.children
            if child.role_next is colocation.primary_role
            for index in child.homes_next[:1]
        }
        if mine and self.attribute(mine[0], colocation.node_attribute) in values:
            dependent.priority = add(dependent.priority, colocation.score)
        elif colocation.score >= SCORE_INFINITY:
            dependent.priority = MINUS_INFINITY

    def _by_liking(self, scores: dict[int, int], one: int, other: int) -> int:
        """The order in which a resource would choose among nodes: below 0 when it likes the first one better."""
        strategy = self._cluster.options.placement_strategy
        nodes = self._cluster.nodes
        if scores[one] == scores[other] and strategy == "balanced":
            more_left = compare_capacity(nodes[one], nodes[other])
            if more_left:
                return more_left
        ranks = [
            (-scores[index], 0 if strategy == "minimal" else nodes[index].assigned_count, nodes[index].letter_rank)
            for index in (one, other)
        ]
        return (ranks[0] > ranks[1]) - (ranks[0] < ranks[1])

    def compatible_instance(self, resource: Resource, instances: InstancesByNode, now: bool = False) -> Resource | None:
        """The instance of a clone that belongs to a resource: on its node, or on the node it would like best."""
        homes = resource.homes_now if now else resource.homes_next
        if not homes:
            usable = self.usable()
            homes = [index for index, given in resource.scores.items() if given >= 0 and usable[index]]
            homes.sort(key=cmp_to_key(partial(self._by_liking, resource.scores)))
        for index in homes:
            for child in instances.get(index, ()):
                if not _is_blocked(child):
                    return child
        return None


InstancesByNode = dict[int, list[Resource]]


def instances_by_node(clone: Resource, now: bool) -> InstancesByNode:
    """Where the instances of a clone are now, or will be."""
    found: InstancesByNode = {}
    for child in clone.children:
        for index in child.homes_now if now else child.homes_next:
            found.setdefault(index, []).append(child)
    return found


def _may_interleave(dependent: Resource, primary: Resource) -> bool:
    return dependent.clone_node_max == primary.clone_node_max


def _is_blocked(resource: Resource) -> bool:
    return any(part.is_blocked for part in resource.primitives())
