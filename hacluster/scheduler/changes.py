"""What has been running with another configuration: restarts, reloads, monitors started anew, forgotten histories.

Reads histories and configuration; writes drafts into the plan. A result says by its digests with which parameters it
came about (conformance README, "op-digest").
"""

from __future__ import annotations

from hacluster.cib.status import Operation
from hacluster.scheduler.digests import Change, change_of
from hacluster.scheduler.failures import clear_failcount, effective_fail_count
from hacluster.scheduler.monitors import draft_cancel, first_since_start
from hacluster.scheduler.plan import CANCELS_FIRST, IMPLIES_THEN, ORDER, Order, Plan
from hacluster.scheduler.unfencing import ask_for_unfencing
from hacluster.scheduler.values import boolean
from hacluster.scheduler.working import Node, OperationConfig, Resource

_CHECKED = ("monitor", "start", "promote", "migrate_from")


def draft_configuration_changes(plan: Plan) -> None:
    """What has been running with other parameters, or isn't configured any more."""
    cluster = plan.cluster
    usable = {node.index: node for node in cluster.nodes if node.can_run or node.is_in_maintenance}
    for resource in cluster.primitives():
        for index in resource.entries:
            node = usable.get(index)
            if node is None:
                continue
            if not resource.is_orphan:
                _draft_agent_change(plan, resource, node, resource)
                if index in resource.active:
                    _check_history(plan, resource, node)
            elif resource.is_anonymous:
                _draft_agent_change(plan, resource, node, _configured_sibling(resource))
            else:
                draft_delete(plan, resource, node)


# ---------------------------------------------------------------- operations


def _check_history(plan: Plan, resource: Resource, node: Node) -> None:
    history = resource.history.get(node.index, [])
    first = first_since_start(history)
    if first is None:
        return
    rests = resource.in_maintenance or node.is_in_maintenance
    for operation in history[first:]:
        if operation.interval_ms and rests:
            _cancel(plan, resource, node, operation)
        elif not (operation.interval_ms or operation.name in _CHECKED):
            continue
        elif _has_changed(plan, resource, node, operation) and effective_fail_count(plan.cluster, resource, node)[0]:
            clear_failcount(plan.cluster, resource, node)


def _has_changed(plan: Plan, resource: Resource, node: Node, operation: Operation) -> bool:
    """Draft what follows from a changed operation; gives whether it is one."""
    config = _config_of(resource, operation)
    if operation.interval_ms and (config is None or not config.enabled):
        if boolean(plan.cluster.options.values.get("stop-orphan-actions", ""), True):
            _cancel(plan, resource, node, operation)
        return True
    change = change_of(resource, node, operation, config)
    if change is Change.NONE:
        return False
    ask_for_unfencing(plan.cluster, resource, node, "Device parameters changed")
    if operation.interval_ms:
        monitors = plan.find(resource, f"monitor_{operation.interval_ms}", node)
        for monitor in monitors:
            monitor.is_stale = True
    elif change is Change.RELOAD:
        _reload(plan, resource, node)
    else:
        plan.draft(resource, "start", None, optional=False).reason = "resource definition change"
    return True


def _config_of(resource: Resource, operation: Operation) -> OperationConfig | None:
    """What came about at once came about as a start would have."""
    name = operation.name if operation.interval_ms else "start"
    named = [op for op in resource.operations if op.name == name]
    return next((op for op in named if op.interval_ms == operation.interval_ms), None)


def _reload(plan: Plan, resource: Resource, node: Node) -> None:
    """The agent takes the new parameters over while it runs; one that is still starting has to start anew."""
    if not resource.is_managed or resource.is_failed:
        return
    if resource.start_pending:
        plan.draft(resource, "stop", node, optional=False)
        return
    reload = plan.draft(resource, "reload-agent", node, optional=False)
    for task in ("stop", "demote"):
        plan.orders.append(Order(None, "", resource, task, ORDER | CANCELS_FIRST, first_draft=reload))


def _cancel(plan: Plan, resource: Resource, node: Node, operation: Operation) -> None:
    plan.order_before(resource, "stop", draft_cancel(plan, resource, node, operation.interval_ms))


# ---------------------------------------------------------------- agents and orphans


def _configured_sibling(spare: Resource) -> Resource:
    """An instance that is not more than clone-max; they share one history on a node."""
    clone = spare.clone
    assert clone is not None
    parts = (part for child in clone.children for part in child.primitives() if part.base_id == spare.base_id)
    return next((part for part in parts if not part.is_orphan), spare)


def _draft_agent_change(plan: Plan, resource: Resource, node: Node, forgets: Resource) -> None:
    """The same id with another agent: what runs is stopped, and its history forgotten."""
    found = resource.entries[node.index].attributes.get
    standard, provider, kind = resource.agent
    is_same = found("type", "") in ("", kind) and found("provider", "") in ("", provider)
    if is_same and found("class", "") in ("", standard):
        return
    ask_for_unfencing(plan.cluster, resource, node, "Device definition changed")
    if node.index in resource.active:
        plan.draft(resource, "stop", node, optional=False)
        resource.start_pending = True
    draft_delete(plan, forgets, node)


def draft_delete(plan: Plan, resource: Resource, node: Node, *, optional: bool = False) -> None:
    """Its history on the node is forgotten, after it has stopped."""
    if resource.is_failed or not node.is_online or node.is_unclean:
        return
    if not resource.is_managed and resource.is_orphan:
        return
    plan.draft(resource, "delete", node, optional=optional)
    strength = IMPLIES_THEN if optional else ORDER
    plan.order(resource, "stop", resource, "delete", strength)
    plan.order(resource, "delete", resource, "start", strength)
