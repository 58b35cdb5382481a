"""Which node each resource gets.

Reads scores, colocations and priorities; writes `target` and `next_role`. Resources of higher priority choose first; a
dependent chooses after its primary; clones.py spreads instances, promotion.py gives them their roles.
"""

from __future__ import annotations

from functools import cmp_to_key

from hacluster.cib.model import SCORE_INFINITY
from hacluster.scheduler.bundles import go_through_host, settle_inside
from hacluster.scheduler.clones import assign_early, assign_instances, instance_order
from hacluster.scheduler.colocations import MINUS_INFINITY, Wishes, colocations_of, colocations_with
from hacluster.scheduler.promotion import add_promotion_scores, set_roles
from hacluster.scheduler.remotes import connect
from hacluster.scheduler.utilization import ban_where_it_does_not_fit, in_turn, take
from hacluster.scheduler.working import (
    Cluster,
    Colocation,
    Node,
    NodeKind,
    Resource,
    Role,
    Variant,
    compare_capacity,
)


def assign(chooser: Chooser) -> None:
    """Choose a node for every resource."""
    cluster = chooser.cluster
    turns = cluster.resources if not chooser.has_capacities else in_turn(cluster, chooser.wishes)
    cluster.in_turn = list(turns)
    for resource in turns:
        # Connections first: whether a remote node can be used depends on them. One that is moving arrives.
        if resource.connects_to is not None and resource.bundle is None:
            chooser.assign(resource, resource.migrating[1] if resource.migrating is not None else None)
    for resource in turns:
        chooser.take_turn(resource)
    for resource in cluster.resources:
        if resource.variant is Variant.CLONE:
            # What is done with them is thought of by number, not by who came first.
            resource.children.sort(key=_number)


def _number(instance: Resource) -> int:
    number = instance.id.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


class Chooser:
    """Assigns resources; one that is asked for twice keeps what it got."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.wishes = Wishes(cluster)
        self.has_capacities = cluster.options.placement_strategy in ("utilization", "minimal", "balanced")

    def take_turn(self, resource: Resource) -> None:
        """Assign a resource with all that it depends on, and note what each node got by that."""
        nodes = self.cluster.nodes
        for index, count in self.cluster.left_out.counts.get(resource.id, {}).items():
            nodes[index].assigned_count += count
        before = [node.assigned_count for node in nodes]
        self.assign(resource)
        given = {node.index: node.assigned_count - count for node, count in zip(nodes, before, strict=True)}
        self.cluster.turns[resource.id] = {index: count for index, count in given.items() if count}

    def assign(self, resource: Resource, prefer: int | None = None, *, keep_role: bool = False) -> int | None:
        """Gives the node, None when there is none. `keep_role`: a failed attempt leaves no trace."""
        if resource.is_assigned:
            return resource.homes_next[0] if resource.homes_next else None
        bundle = resource.bundle
        if bundle is not None and not bundle.is_assigned and not bundle.is_assigning:
            # The containers of a bundle choose first, then what belongs to them.
            self.assign(bundle)
            return resource.homes_next[0] if resource.homes_next else None
        if resource.is_assigning:
            return None
        resource.is_assigning = True
        try:
            match resource.variant:
                case Variant.CLONE:
                    return self._assign_clone(resource)
                case Variant.GROUP:
                    return self._assign_group(resource, prefer, keep_role)
                case Variant.PRIMITIVE:
                    return self._assign_primitive(resource, prefer, keep_role)
        finally:
            resource.is_assigning = False

    # ------------------------------------------------------------ groups and clones

    def _assign_group(self, group: Resource, prefer: int | None, keep_role: bool) -> int | None:
        first: int | None = None
        for member in group.children:
            place = self.assign(member, prefer, keep_role=keep_role)
            first = place if first is None else first
        group.next_role = group.children[0].next_role if group.children else Role.STOPPED
        group.is_assigned = True
        return first

    def _assign_clone(self, clone: Resource) -> int | None:
        clone.is_everywhere = sum(self.cluster.nodes[index].can_run for index in clone.scores) <= clone.clone_max
        if clone.is_promotable:
            add_promotion_scores(self.cluster, clone)
        for colocation in colocations_of(clone):
            self.assign(colocation.primary)
        for colocation in colocations_with(clone):
            self.wishes.add_wishes(colocation, clone)
        clone.children.sort(key=instance_order(self.cluster, clone, self.wishes))
        assign_instances(self, clone)
        if clone.is_promotable:
            set_roles(self, clone)
        clone.is_assigned = True
        self._assign_inside(clone)
        return None

    def keep(self, clone: Resource, instance: Resource, place: int, remaining: int) -> bool:
        """Whether an instance got the place where it is."""
        return assign_early(self, clone, instance, place, remaining)

    def colocations_of_role(self, instance: Resource) -> list[Colocation]:
        """Those that count for whether an assigned instance is promoted."""
        return colocations_of(instance)

    def _assign_inside(self, bundle: Resource) -> None:
        """What belongs to the containers of a bundle, once they have their nodes."""
        child = bundle.child
        for replica in bundle.replicas:
            if replica.address is not None:
                self.assign(replica.address)
            if replica.connection is not None:
                go_through_host(self.cluster, replica)
                self.assign(replica.connection)
            if child is not None and replica.child is not None:
                settle_inside(self.cluster, replica)
                child.is_assigning = True
                self.assign(replica.child, replica.node)
                child.is_assigning = False
        if child is not None:
            self.assign(child)

    # ------------------------------------------------------------ primitives

    def _assign_primitive(self, resource: Resource, prefer: int | None, keep_role: bool) -> int | None:
        parent = resource.parent
        if parent is not None and not parent.is_assigned and not parent.is_assigning:
            # A member is never placed without its group, an instance never without its clone.
            resource.is_assigning = False
            self.assign(parent)
            return resource.target
        self.apply_colocations(resource)
        options = self.cluster.options
        if resource.is_assigned:
            return resource.target
        if resource.next_role is Role.STOPPED:
            for index in resource.scores:
                resource.scores[index] = MINUS_INFINITY
        elif resource.next_role > resource.role and not options.has_quorum and options.no_quorum_policy == "freeze":
            resource.next_role = resource.role
        if options.fencing_enabled and not options.has_fence_devices:
            # Nothing is safe to start or to move while a lost node could not be fenced.
            resource.is_managed = False
        if not resource.is_managed:
            resource.next_role = resource.role
            self.settle(resource, next(iter(resource.active), None), force=True)
        elif options.stop_all:
            self.settle(resource, None, force=True)
        else:
            self._choose(resource, prefer, keep_role)
        if resource.connects_to is not None and resource.is_assigned:
            connect(self.cluster, resource)
        return resource.target

    def apply_colocations(self, resource: Resource) -> None:
        """Those that must hold first, so that as many as possible do."""
        ahead, behind = colocations_of(resource), colocations_with(resource)
        for is_mandatory in (True, False):
            for colocation in ahead:
                if (abs(colocation.score) >= SCORE_INFINITY) is is_mandatory:
                    self.follow(resource, colocation)
            for colocation in behind:
                if (abs(colocation.score) >= SCORE_INFINITY) is is_mandatory and not colocation.dependent.is_assigned:
                    self.wishes.add_wishes(colocation, resource)

    def follow(self, resource: Resource, colocation: Colocation) -> None:
        self.assign(colocation.primary)
        kept = None
        if colocation.dependent_role >= Role.PROMOTED or MINUS_INFINITY < colocation.score < 0:
            kept = dict(resource.scores)
        self.wishes.follow(resource, colocation.primary, colocation)
        if kept is not None and not self.wishes.is_any_usable(resource.scores):
            resource.scores = kept

    def _choose(self, resource: Resource, prefer: int | None, keep_role: bool) -> None:
        if self.has_capacities:
            roomiest = ban_where_it_does_not_fit(self.cluster, resource)
            prefer = roomiest if prefer is None else prefer
        chosen: int | None = None
        if resource.scores:
            best, is_tie = self._best(resource)
            chosen = self._preferred(resource, best, prefer)
            chosen = self._running_as_well(resource, best) if chosen is None else chosen
            if chosen is None:
                chosen = best
                if is_tie:
                    self.cluster.ties.add(resource.top.id)
        self.settle(resource, chosen, keep_role=keep_role)

    def _preferred(self, resource: Resource, best: int, prefer: int | None) -> int | None:
        if prefer is None or prefer not in resource.scores:
            return None
        if resource.scores[prefer] < resource.scores[best] or not self.cluster.nodes[prefer].can_run:
            return None
        return prefer

    def _running_as_well(self, resource: Resource, best: int) -> int | None:
        """Of equals the one where it runs, unless siblings may run there too."""
        clone = resource.clone
        is_unique = clone is not None and clone.is_unique
        score = resource.scores[best]
        if is_unique or score <= 0 or not self.cluster.nodes[best].can_run or not resource.active:
            return None
        running = next(iter(resource.active))
        can_stay = running in resource.scores and self.cluster.nodes[running].can_run
        return running if can_stay and resource.scores[running] == score else None

    def _best(self, resource: Resource) -> tuple[int, bool]:
        """Of the allowed nodes: the highest score, then few resources, then where it is, then the name.

        Of a minimum of nodes the first ones are used, wherever it is and whatever they have.
        And whether another has the same score.
        """
        usable, nodes = self.wishes.usable(), self.cluster.nodes
        strategy = self.cluster.options.placement_strategy
        scores = {index: given if usable[index] else MINUS_INFINITY for index, given in resource.scores.items()}
        highest = max(scores.values())
        equals = [index for index, given in scores.items() if given == highest]
        if len(equals) == 1:
            return equals[0], False
        running = next(iter(resource.active), None)

        def rank(index: int) -> tuple[int, bool, int]:
            if strategy == "minimal":
                return 0, False, nodes[index].letter_rank
            return nodes[index].assigned_count, index != running, nodes[index].letter_rank

        def compare(one: int, other: int) -> int:
            mine, theirs = rank(one), rank(other)
            return compare_capacity(nodes[one], nodes[other]) or (mine > theirs) - (mine < theirs)

        return min(equals, key=cmp_to_key(compare) if strategy == "balanced" else rank), highest >= 0

    # ------------------------------------------------------------ the decision

    def settle(self, resource: Resource, index: int | None, *, force: bool = False, keep_role: bool = False) -> None:
        """Give a node to a resource, or to everything inside it; one it may not use counts as none."""
        if resource.variant is not Variant.PRIMITIVE:
            for child in resource.children:
                self.settle(child, index, force=force, keep_role=keep_role)
            resource.is_assigned = True
            return
        if index is not None and not force and not self._may_have(resource, self.cluster.nodes[index]):
            index = None
        self.unsettle(resource)
        resource.is_assigned, resource.target = True, index
        if index is not None:
            self.cluster.nodes[index].assigned_count += 1
            take(self.cluster.nodes[index], resource.utilization)
            if resource.next_role is Role.UNKNOWN:
                resource.next_role = Role.STARTED
        elif not keep_role:
            resource.next_role = Role.STOPPED

    def _may_have(self, resource: Resource, node: Node) -> bool:
        # Whether a guest comes up is seen when its connection is ordered before what runs there.
        is_usable = node.can_run or node.kind is NodeKind.GUEST
        return is_usable and resource.scores.get(node.index, MINUS_INFINITY) >= 0

    def unsettle(self, resource: Resource) -> None:
        """As if it had never been given a node."""
        for part in resource.walk():
            part.is_assigned = False
            if part.target is not None:
                self.cluster.nodes[part.target].assigned_count -= 1
                take(self.cluster.nodes[part.target], part.utilization, 1)
                part.target = None
