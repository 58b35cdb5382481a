"""What could be done to each resource: from the role it has to the role it shall have, step by step.

Reads the decided working model; writes drafts into the plan. A step that changes nothing is drafted as optional, since
what stands before it may still make it necessary.
"""

from __future__ import annotations

from hacluster.scheduler.changes import draft_delete
from hacluster.scheduler.failures import clear_failcount, raw_fail_count
from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.monitors import draft_recurring
from hacluster.scheduler.plan import (
    MIGRATES_FIRST,
    ORDER,
    PSEUDO_THEN,
    Draft,
    Order,
    Plan,
)
from hacluster.scheduler.values import boolean, is_true
from hacluster.scheduler.working import Cluster, Node, Resource, Role, Variant

_DOWN = {Role.PROMOTED: Role.UNPROMOTED, Role.UNPROMOTED: Role.STOPPED, Role.STARTED: Role.STOPPED}


def draft_actions(plan: Plan) -> None:
    """Everything for every resource, containers after what is inside them."""
    for resource in plan.cluster.primitives():
        if resource.target is None:
            _have_no_place(plan, resource)
    for resource in plan.cluster.resources:
        _draft(plan, resource)
    _draft_clearings(plan)


def _have_no_place(plan: Plan, resource: Resource) -> None:
    """What watches a resource ends with it, and need not be cancelled before."""
    for drafts in plan.of.get(resource, {}).values():
        for draft in drafts:
            if draft.task == "stop":
                draft.optional = False
            elif draft.task in ("start", "cancel") or draft.recurs:
                draft.runnable = False


def _draft(plan: Plan, resource: Resource) -> None:
    for child in resource.children:
        _draft(plan, child)
    match resource.variant:
        case Variant.PRIMITIVE:
            _draft_primitive(plan, resource)
        case Variant.GROUP:
            _draft_group(plan, resource)
        case Variant.CLONE:
            _draft_clone(plan, resource)


def _draft_clearings(plan: Plan) -> None:
    """Failcounts that no longer count, or of a resource that is no longer configured, are taken away."""
    cluster = plan.cluster
    for resource in cluster.primitives():
        if resource.is_orphan and not resource.is_anonymous:
            for node in cluster.nodes:
                if raw_fail_count(resource, node)[0]:
                    clear_failcount(cluster, resource, node)
    for (_, index), resource in cluster.clearings.items():
        node = cluster.nodes[index]
        if node.is_online and not (node.is_unclean or node.is_pending) and resource.is_managed:
            clearing = plan.add(Draft(ActionKind.CLEAR_FAILCOUNT, "clear_failcount", resource, node))
            if resource.is_orphan:
                plan.orders.append(Order(None, "", resource, "stop", ORDER, first_draft=clearing))


# ---------------------------------------------------------------- primitives


def _draft_primitive(plan: Plan, resource: Resource) -> None:
    cluster = plan.cluster
    if resource.next_role is Role.UNKNOWN:
        resource.next_role = Role.STOPPED if resource.target is None else Role.STARTED
    for index in resource.dangling_on:
        stop = _draft_stop_on(plan, resource, cluster.nodes[index], optional=False)
        stop.is_dangling = True
    current = current_node(cluster, resource)
    target = None if resource.target is None else cluster.nodes[resource.target]
    may_migrate, needs_stop = _judge_places(cluster, resource, current, target)
    if resource.start_pending and target is not None:
        plan.draft(resource, "start", target, optional=True).is_shown = True
    needs_promote = False
    is_moving = current is not None and target is not None and current is not target
    if is_moving and resource.next_role >= Role.STARTED:
        needs_stop = True
    elif resource.is_failed:
        needs_stop = needs_stop or resource.must_stop
        needs_promote = not resource.must_stop and resource.next_role is Role.PROMOTED
    elif resource.is_blocked:
        needs_stop = True
    elif resource.role > Role.STARTED and current is not None and target is not None:
        needs_promote = not plan.draft(resource, "start", target, optional=True).optional
    if resource.must_restart and current is not None:
        plan.draft(resource, "stop", current, optional=False)
    for index in sorted(resource.must_be_demoted):
        plan.draft(resource, "demote", cluster.nodes[index], optional=False)
    _draft_restart(plan, resource, current, needs_stop, needs_promote)
    _draft_transition(plan, resource)
    draft_recurring(plan, resource)
    if may_migrate:
        _draft_migration(plan, resource, current)


def current_node(cluster: Cluster, resource: Resource) -> Node | None:
    """Where it is now: a clean node before an unclean one, the source of a migration before its target."""
    if not resource.active:
        return None
    if resource.migrating is not None and resource.migrating[0] in resource.active:
        return cluster.nodes[resource.migrating[0]]
    nodes = [cluster.nodes[index] for index in resource.active]
    clean = [node for node in nodes if node.is_online and not node.is_unclean]
    return (clean or nodes)[0]


def _judge_places(cluster: Cluster, resource: Resource, current: Node | None, target: Node | None) -> tuple[bool, bool]:
    """(whether it may migrate, whether it has to stop because of where it is)."""
    may_migrate = current is not None and _may_migrate(resource, current, target)
    active = [cluster.nodes[index] for index in resource.active]
    if len(active) < 2:
        if resource.migrating is not None:
            resource.migrating = None
        return may_migrate, False
    if resource.migrating is not None:
        source, destination = resource.migrating
        goes_on = (
            len(active) == 2
            and current is not None
            and source == current.index
            and target is not None
            and target.index == destination
        )
        if goes_on:
            return may_migrate, False
        resource.migrating = None
        return False, True
    waits = resource.requires in ("fencing", "unfencing")
    clean = [node for node in active if node.is_online and not node.is_unclean]
    if resource.dangling_on and len(active) - len(resource.dangling_on) < 2:
        return False, False
    return False, len(active if waits else clean) > 1


def _may_migrate(resource: Resource, current: Node, target: Node | None) -> bool:
    default = resource.connects_to is not None
    if target is None or current is target or not boolean(resource.meta.get("allow-migrate", ""), default):
        return False
    is_well = not (resource.is_failed or resource.start_pending or current.is_unclean)
    return is_well and resource.is_managed and current.is_online and resource.next_role >= Role.STARTED


def _draft_restart(plan: Plan, resource: Resource, current: Node | None, needs_stop: bool, needs_promote: bool) -> None:
    """Down from where it is and up again to the same role: needed, or only in case something else needs it."""
    role = resource.role
    while role > Role.STOPPED and current is not None:
        _step(plan, resource, role, _DOWN[role], optional=not needs_stop)
        role = _DOWN[role]
    while role < resource.role <= resource.next_role and not resource.is_blocked:
        higher = _towards(role, resource.role)
        is_needed = needs_stop or (higher is Role.PROMOTED and needs_promote)
        _step(plan, resource, role, higher, optional=not is_needed)
        role = higher


def _draft_transition(plan: Plan, resource: Resource) -> None:
    """From the role it has to the one it shall have."""
    role = resource.role
    for _ in range(4):
        if role is resource.next_role:
            return
        nearer = _towards(role, resource.next_role)
        _step(plan, resource, role, nearer, optional=False)
        role = nearer


def _towards(role: Role, wanted: Role) -> Role:
    if role in (Role.STOPPED, Role.UNKNOWN):
        return {Role.PROMOTED: Role.UNPROMOTED}.get(wanted, wanted)
    if role is Role.PROMOTED:
        return Role.UNPROMOTED if wanted is not Role.PROMOTED else wanted
    # Without roles it has to be started as what it is.
    return Role.STOPPED if role is Role.UNPROMOTED and wanted is Role.STARTED else wanted


def _step(plan: Plan, resource: Resource, role: Role, nearer: Role, *, optional: bool) -> None:
    target = None if resource.target is None else plan.cluster.nodes[resource.target]
    if role is Role.PROMOTED:
        for index in list(resource.active):
            plan.draft(resource, "demote", plan.cluster.nodes[index], optional=optional)
    elif nearer is Role.STOPPED:
        for index in list(resource.active):
            _draft_stop(plan, resource, plan.cluster.nodes[index], optional=optional)
    elif nearer is Role.PROMOTED:
        starts = plan.find(resource, "start", target)
        promote = plan.draft(resource, "promote", target, optional=optional)
        if any(not start.runnable for start in starts):
            promote.runnable = False
    elif role in (Role.STOPPED, Role.UNKNOWN):
        start = plan.draft(resource, "start", target, optional=True)
        start.optional = start.optional and optional
        is_there = target is not None and target.index in resource.active
        if resource.multiple_active == "stop_unexpected" and len(resource.active) > 1 and is_there:
            start.pseudo = True


def _draft_stop(plan: Plan, resource: Resource, node: Node, *, optional: bool) -> None:
    if resource.multiple_active == "stop_unexpected" and len(resource.active) > 1 and node.index == resource.target:
        return
    if resource.migrating is not None and resource.migrating[1] == node.index:
        if resource.target == node.index:
            return
        optional = False
    stop = _draft_stop_on(plan, resource, node, optional=optional)
    if resource.target is None and not stop.reason:
        stop.reason = "node availability"


def _draft_stop_on(plan: Plan, resource: Resource, node: Node, *, optional: bool) -> Draft:
    stop = plan.draft(resource, "stop", node, optional=optional)
    if not resource.is_managed:
        stop.runnable = False
    if is_true(plan.cluster.options.values.get("remove-after-stop", "")):
        draft_delete(plan, resource, node, optional=optional)
    return stop


# ---------------------------------------------------------------- live migration


def _draft_migration(plan: Plan, resource: Resource, current: Node | None) -> None:
    """Away, in, then the stop at the old place; the start is implied unless it turns out that it can't be so."""
    target = plan.cluster.nodes[resource.target] if resource.target is not None else None
    start = plan.draft(resource, "start", target, optional=True)
    stop = plan.draft(resource, "stop", current, optional=True)
    start.migratable = stop.migratable = True
    here = plan.draft(resource, "migrate_from", target, optional=True)
    start.pseudo, here.migratable, here.needs = True, True, start.needs
    if resource.migrating is None:
        there = plan.draft(resource, "migrate_to", current, optional=True)
        there.migratable, there.needs = True, start.needs
        plan.order(resource, "monitor_0", resource, "migrate_to", ORDER)
        plan.order(resource, "migrate_to", resource, "migrate_from", ORDER | MIGRATES_FIRST)
    else:
        plan.order(resource, "monitor_0", resource, "migrate_from", ORDER)
    plan.order(resource, "migrate_from", resource, "stop", ORDER | MIGRATES_FIRST)
    plan.order(resource, "migrate_from", resource, "start", ORDER | MIGRATES_FIRST | PSEUDO_THEN)


# ---------------------------------------------------------------- milestones of groups and clones


def _draft_group(plan: Plan, group: Resource) -> None:
    for task in ("start", "running", "stop", "stopped"):
        plan.milestone(group, task)
    if group.clone is not None and group.clone.is_promotable:
        for task in ("demote", "demoted", "promote", "promoted"):
            plan.milestone(group, task)


def _draft_clone(plan: Plan, clone: Resource) -> None:
    starts = _any_happens(plan, clone, "start")
    stops = _any_happens(plan, clone, "stop")
    is_up = any(draft.runnable and draft.optional for draft in _of_instances(plan, clone, "start"))
    plan.milestone(clone, "start", optional=not starts)
    plan.milestone(clone, "running", optional=not starts, runnable=is_up or starts)
    stop = plan.milestone(clone, "stop", optional=not stops)
    # What runs on top may migrate away from an instance that ends, but not from one that comes back.
    stop.migratable = not any(_restarts(plan, part) for part in clone.primitives())
    plan.milestone(clone, "stopped", optional=not stops)
    if clone.child is not None and clone.child.is_promotable:
        for task in ("promote", "promoted", "demote", "demoted"):
            plan.milestone(clone, task)
    if clone.is_promotable:
        promotes, demotes = _any_happens(plan, clone, "promote"), _any_happens(plan, clone, "demote")
        for task, is_needed in (("promote", promotes), ("promoted", promotes), ("demote", demotes)):
            plan.milestone(clone, task, optional=not is_needed)
        plan.milestone(clone, "demoted", optional=not demotes)


def _restarts(plan: Plan, part: Resource) -> bool:
    return all(any(draft.happens for draft in plan.find(part, task)) for task in ("stop", "start"))


def _of_instances(plan: Plan, clone: Resource, task: str) -> list[Draft]:
    return [draft for part in clone.primitives() for draft in plan.find(part, task)]


def _any_happens(plan: Plan, clone: Resource, task: str) -> bool:
    return any(draft.happens or (draft.pseudo and not draft.optional) for draft in _of_instances(plan, clone, task))
