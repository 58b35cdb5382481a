"""In which order: the rules inside resources, groups and clones, and those of the configuration, as links of the plan.

Reads the plan's drafts and the order constraints; writes links. settle.py then lets them act.
"""

from __future__ import annotations

from itertools import combinations, pairwise

from hacluster.cib.model import Cib, Element
from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.plan import (
    ANY_OF,
    ASYMMETRIC,
    CANCELS_FIRST,
    IMPLIES_FIRST,
    IMPLIES_THEN,
    LOAD,
    NOT_TOGETHER,
    ORDER,
    PROMOTED_IMPLIES_FIRST,
    RESTART,
    RUNNABLE,
    SAME_NODE,
    SERIALIZE,
    TELLS_FIRST,
    TELLS_THEN,
    UNLESS_MIGRATED,
    Draft,
    Order,
    Plan,
)
from hacluster.scheduler.references import References
from hacluster.scheduler.values import boolean, score
from hacluster.scheduler.working import Colocation, Resource, Role, Variant

_OPPOSITE = {
    "start": "stop",
    "stop": "start",
    "promote": "demote",
    "demote": "promote",
    "running": "stopped",
    "stopped": "running",
    "promoted": "demoted",
    "demoted": "promoted",
}


def order_inside(plan: Plan) -> None:
    """The rules that every resource brings along."""
    for resource in plan.cluster.resources:
        _order_resource(plan, resource)
    for resource in plan.cluster.everything():
        for colocation in resource.this_with:
            if colocation.is_explicit and colocation.score <= -1_000_000:
                _keep_apart(plan, colocation)


def _order_resource(plan: Plan, resource: Resource) -> None:
    match resource.variant:
        case Variant.PRIMITIVE:
            _order_primitive(plan, resource)
        case Variant.GROUP:
            _order_group(plan, resource)
        case Variant.CLONE if resource.replicas:
            # bundles.py has the rules between them.
            for container in resource.children:
                _order_primitive(plan, container)
        case Variant.CLONE:
            _order_clone(plan, resource)


def _order_primitive(plan: Plan, resource: Resource) -> None:
    if not resource.is_managed:
        return
    plan.order(resource, "stop", resource, "start", ORDER | IMPLIES_THEN | RESTART)
    clone = resource.clone
    if (clone is not None and clone.is_promotable) or resource.role > Role.UNPROMOTED:
        plan.order(resource, "demote", resource, "stop", PROMOTED_IMPLIES_FIRST)
        plan.order(resource, "start", resource, "promote", RUNNABLE)
    plan.order(resource, "delete", resource, "monitor_0", SAME_NODE | CANCELS_FIRST)
    if resource.utilization and plan.cluster.options.placement_strategy != "default":
        _order_load(plan, resource)


def _order_load(plan: Plan, resource: Resource) -> None:
    """What leaves a node makes room before another comes."""
    nodes = plan.cluster.nodes
    for index in resource.active:
        plan.order_before(resource, "stop", plan.load_stopped(nodes[index]), LOAD)
    for index in sorted(resource.scores):
        for task in ("start", "migrate_to"):
            plan.order_after(plan.load_stopped(nodes[index]), resource, task, LOAD)


def _order_group(plan: Plan, group: Resource) -> None:
    """Members start one after the other and stop the other way round."""
    is_promotable = group.clone is not None and group.clone.is_promotable
    is_ordered = boolean(group.meta.get("ordered", ""), True)
    plan.order(group, "stopped", group, "start")
    plan.order(group, "start", group, "running", RUNNABLE)
    plan.order(group, "stop", group, "stopped", RUNNABLE)
    previous: Resource | None = None
    last_active: Resource | None = None
    for member in group.children:
        _order_primitive(plan, member)
        _order_member(plan, group, member, is_promotable)
        if not is_ordered:
            plan.order(group, "start", member, "start", IMPLIES_THEN | RUNNABLE | TELLS_FIRST)
        elif previous is None:
            plan.order(group, "start", member, "start", ORDER)
        else:
            plan.order(previous, "start", member, "start", IMPLIES_THEN | RUNNABLE)
            plan.order(member, "stop", previous, "stop", ORDER | RESTART)
            if member.active and not previous.active:
                # A member that was added in front of one that runs: that one has to stop before.
                plan.order(member, "stop", previous, "start", IMPLIES_FIRST | RUNNABLE)
            if is_promotable:
                plan.order(previous, "promote", member, "promote", IMPLIES_THEN | RUNNABLE)
                plan.order(member, "demote", previous, "demote", ORDER)
        if member.active:
            if is_ordered and previous is not None and not previous.active and last_active is not None:
                plan.order(member, "stop", last_active, "stop", ORDER)
            last_active = member
        previous = member


def _order_member(plan: Plan, group: Resource, member: Resource, is_promotable: bool) -> None:
    plan.order(group, "start", member, "start", TELLS_FIRST)
    plan.order(group, "stop", member, "stop", TELLS_FIRST)
    plan.order(member, "stop", group, "stopped", TELLS_THEN)
    plan.order(member, "start", group, "running", IMPLIES_THEN | RUNNABLE | TELLS_THEN)
    if is_promotable:
        plan.order(group, "demote", member, "demote", TELLS_FIRST)
        plan.order(member, "demote", group, "demoted", TELLS_THEN)
        plan.order(member, "promote", group, "promoted", IMPLIES_THEN | RUNNABLE | TELLS_THEN)
        plan.order(group, "promote", member, "promote", TELLS_FIRST)


def _order_clone(plan: Plan, clone: Resource) -> None:
    """All instances are demoted, then stopped, then started, then promoted."""
    plan.order(clone, "stopped", clone, "start")
    plan.order(clone, "start", clone, "running", RUNNABLE)
    plan.order(clone, "stop", clone, "stopped", RUNNABLE)
    if clone.is_promotable:
        plan.order(clone, "demoted", clone, "stop")
        plan.order(clone, "running", clone, "promote", RUNNABLE)
        for first, then in (("stopped", "promote"), ("demoted", "start"), ("demoted", "promote")):
            plan.order(clone, first, clone, then)
    before: list[Resource] = []
    pairs = [("start", "running"), ("stop", "stopped")]
    if clone.is_promotable:
        pairs += [("demote", "demoted"), ("promote", "promoted")]
    for instance in sorted(clone.children, key=lambda one: (len(one.id), one.id)):
        _order_resource(plan, instance)
        for task, done in pairs:
            strength = RUNNABLE | TELLS_FIRST if task == "start" else TELLS_FIRST
            plan.order(clone, task, instance, task, strength)
            plan.order(instance, task, clone, done, TELLS_THEN)
        if clone.is_ordered:
            # Only some of them may have something to do, so each one waits for all before it.
            for earlier in before:
                plan.order(earlier, "start", instance, "start")
                plan.order(instance, "stop", earlier, "stop")
            if clone.is_promotable and before:
                plan.order(before[-1], "promote", instance, "promote")
                plan.order(instance, "demote", before[-1], "demote")
            before.append(instance)


def _keep_apart(plan: Plan, colocation: Colocation) -> None:
    """What must not be together leaves a node before the other comes."""
    ends = [(colocation.dependent, colocation.dependent_role), (colocation.primary, colocation.primary_role)]
    for (first, first_role), (then, then_role) in (ends, ends[::-1]):
        leaving = ["demote"] if first_role is Role.PROMOTED else ["stop"]
        leaving += ["demote"] if first_role is Role.UNPROMOTED else []
        coming = ["promote"] if then_role is Role.PROMOTED else ["start"]
        coming += ["promote"] if then_role is Role.UNPROMOTED else []
        for task in leaving:
            for other in coming:
                plan.order(first, task, then, other, NOT_TOGETHER)


# ---------------------------------------------------------------- order constraints


def order_by_constraints(plan: Plan, cib: Cib, references: References) -> None:
    for constraint in cib.section("constraints").all("rsc_order"):
        _Constraint(plan, references, constraint).apply()


class _Constraint:
    """One `<rsc_order>`."""

    def __init__(self, plan: Plan, references: References, element: Element) -> None:
        self._plan = plan
        self._references = references
        self._element = element
        kind = element.get("kind").lower()
        if kind not in ("mandatory", "optional", "serialize"):
            kind = "mandatory" if kind or score(element.get("score", "INFINITY")) else "optional"
        self._kind = kind
        self._is_symmetric = boolean(element.get("symmetrical", ""), kind != "serialize") and kind != "serialize"

    def apply(self) -> None:
        sets = list(self._element.all("resource_set"))
        if sets:
            self._apply_sets(sets)
            return
        action = self._element.get("first-action") or "start"
        then_action = self._element.get("then-action") or action
        for first in self._references.find(self._element.get("first")):
            needed = self._needed_of(first)
            for then in self._references.find(self._element.get("then")):
                if needed:
                    self._some_before(first, action, then, then_action, needed)
                else:
                    self._plan.order(first, action, then, then_action, self._strength(action))
                if self._is_symmetric:
                    self._inverse(first, action, then, then_action)

    def _needed_of(self, first: Resource) -> int:
        """How many instances of a clone are enough; 0 where all are needed, or it is none."""
        if first.variant is not Variant.CLONE:
            return 0
        least = score(first.meta.get("clone-min", "0"))
        return least if least > 0 else 0 if boolean(self._element.get("require-all"), True) else 1

    def _strength(self, action: str) -> int:
        match self._kind:
            case "serialize":
                return ORDER | SERIALIZE
            case "mandatory" if self._is_symmetric:
                return ORDER | IMPLIES_THEN | (RUNNABLE if action in ("start", "promote") else 0)
            case "mandatory":
                return ORDER | ASYMMETRIC
        return ORDER

    def _inverse_strength(self) -> int:
        return ORDER | IMPLIES_FIRST if self._kind == "mandatory" else ORDER

    def _inverse(self, first: Resource, action: str, then: Resource, then_action: str) -> None:
        back, on = _OPPOSITE.get(then_action, ""), _OPPOSITE.get(action, "")
        if back and on:
            self._plan.order(then, back, first, on, self._inverse_strength())

    def _some_before(self, first: Resource, action: str, then: Resource, then_action: str, needed: int) -> None:
        """Enough instances of a clone stand before the other, not all."""
        met = self._milestone(needed, f"clone-one-or-more:{self._element.id}")
        for instance in first.children:
            self._plan.orders.append(Order(instance, action, None, "", ANY_OF | TELLS_THEN, then_draft=met))
        self._plan.orders.append(Order(None, "", then, then_action, self._strength(action) | RUNNABLE, first_draft=met))

    def _milestone(self, needed: int, name: str) -> Draft:
        met = Draft(ActionKind.PSEUDO, name, None, None, pseudo=True, optional=True, counts=needed)
        return self._plan.add(met)

    # ------------------------------------------------------------ sets

    def _apply_sets(self, sets: list[Element]) -> None:
        before: Element | None = None
        for one in sets:
            self._inside_set(one)
            if before is not None:
                self._between_sets(before, one)
            before = one
        if self._is_symmetric:
            after: Element | None = None
            for one in sets:
                if after is not None:
                    self._between_sets_back(after, one)
                after = one

    @staticmethod
    def _facts(one: Element) -> tuple[str, bool, bool]:
        """(action, sequential, all are needed)"""
        action = one.get("action") or "start"
        return action, boolean(one.get("sequential"), True), boolean(one.get("require-all"), True)

    def _inside_set(self, one: Element) -> None:
        members = self._references.in_set(one)
        action, is_chain, _ = self._facts(one)
        pairs = list(pairwise(members)) if is_chain else []
        if not is_chain and self._kind == "serialize":
            pairs = list(combinations(members, 2))
        for first, then in pairs:
            self._plan.order(first, action, then, action, self._strength(action))
            if self._is_symmetric:
                self._inverse(first, action, then, action)

    def _between_sets(self, one: Element, other: Element) -> None:
        firsts, thens = self._references.in_set(one), self._references.in_set(other)
        action, is_chain, needs_all = self._facts(one)
        then_action, then_chain, _ = self._facts(other)
        if not needs_all and not is_chain:
            met = self._milestone(1, f"one-or-more:{one.id}")
            for first in firsts:
                self._plan.orders.append(Order(first, action, None, "", ANY_OF | TELLS_THEN, then_draft=met))
            # Each one waits for that by itself: in a row that is optional nobody waits for the one before.
            for then in thens:
                self._plan.orders.append(
                    Order(None, "", then, then_action, self._strength(action) | RUNNABLE, first_draft=met)
                )
            return
        for first in firsts[-1:] if is_chain else firsts:
            for then in thens[:1] if then_chain else thens:
                self._plan.order(first, action, then, then_action, self._strength(action))

    def _between_sets_back(self, one: Element, other: Element) -> None:
        firsts, thens = self._references.in_set(one), self._references.in_set(other)
        action, is_chain, needs_all = self._facts(one)
        then_action, then_chain, _ = self._facts(other)
        if not needs_all and not is_chain:
            # Any one of them was enough to come up; all the others go down first.
            for then in thens:
                for first in firsts:
                    self._inverse(first, action, then, then_action)
            return
        for first in firsts[-1:] if is_chain else firsts:
            for then in thens[:1] if then_chain else thens:
                self._inverse(first, action, then, then_action)


# ---------------------------------------------------------------- rules become links


def order_migrations(plan: Plan) -> None:
    """What a start or stop has to wait for, the migration that takes its place waits for too."""
    for order in list(plan.orders):
        first, then = order.first, order.then
        if first is None or then is None or first is then or _is_within(first, then) or _is_within(then, first):
            continue
        if not _migrates(plan, then):
            continue
        tasks = order.first_task, order.then_task
        plain = ORDER | (UNLESS_MIGRATED if _migrates(plan, first) else 0)
        match tasks:
            case ("start", "start"):
                if _migrates(plan, first):
                    plan.order(first, "migrate_from", then, "migrate_to", ORDER)
                plan.order(first, "start", then, "migrate_to", plain)
            case ("stop", "stop") | ("demote", "stop"):
                plan.order(first, tasks[0], then, "migrate_to", plain)
                if then.migrating is not None:
                    plan.order(first, tasks[0], then, "migrate_from", plain)
            case ("promote", "start"):
                plan.order(first, "promote", then, "migrate_to", plain)


def _migrates(plan: Plan, resource: Resource) -> bool:
    return bool(plan.find(resource, "migrate_from"))


def _is_within(outer: Resource, inner: Resource) -> bool:
    above = inner.parent
    while above is not None and above is not outer:
        above = above.parent
    return above is outer


def make_links(plan: Plan) -> None:
    """Every rule between tasks becomes links between the drafts of these tasks."""
    for order in plan.orders:
        firsts = [order.first_draft] if order.first_draft is not None else _firsts(plan, order)
        thens = [order.then_draft] if order.then_draft is not None else _thens(plan, order)
        for first in firsts:
            strength = order.strength
            if first.is_dangling and order.then is not None and first.resource is order.then:
                strength &= ~IMPLIES_THEN
            for then in thens:
                plan.link(first, then, strength)


def _thens(plan: Plan, order: Order) -> list[Draft]:
    return list(plan.find(order.then, order.then_task)) if order.then is not None else []


def _firsts(plan: Plan, order: Order) -> list[Draft]:
    """The drafts that come first; a start that was never drafted stands there as one that can't happen."""
    assert order.first is not None
    found = plan.find(order.first, order.first_task)
    if found or order.first is order.then:
        return list(found)
    role = order.first.role_now
    if order.first_task == "stop" and role is Role.STOPPED:
        return []
    if order.first_task == "demote" and role in (Role.STOPPED, Role.UNPROMOTED, Role.STARTED):
        return []
    if order.first.variant is not Variant.PRIMITIVE or order.first_task not in ("start", "promote", "stop", "demote"):
        return []
    return [plan.draft(order.first, order.first_task, None, optional=True)]
