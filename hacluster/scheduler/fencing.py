"""Fencing and shutdown of nodes: who must be fenced, who may leave, and what that means for what runs there.

Reads the judged nodes; writes drafts into the plan and links them with everything they stand before or after.
"""

from __future__ import annotations

from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.on_fail import can_fence
from hacluster.scheduler.plan import IMPLIES_THEN, ORDER, RUNNABLE, STONITH, Draft, Plan
from hacluster.scheduler.values import boolean
from hacluster.scheduler.working import Node, NodeKind, Resource


def draft_fencing_and_shutdowns(plan: Plan) -> None:
    """Fence what is unclean, let go what wants to leave; the DC comes last."""
    cluster = plan.cluster
    # Where nobody manages anything, nobody fences either.
    is_managed = any(resource.is_managed for resource in cluster.primitives())
    is_concurrent = boolean(cluster.options.values.get("concurrent-fencing", ""), True)
    last: Draft | None = None
    others: list[Draft] = []
    leaving: list[Draft] = []
    for node in sorted(cluster.nodes, key=lambda one: one.rank):
        if node.kind is NodeKind.GUEST:
            if node.requires_reset and node.connection is not None and can_fence(cluster, node):
                _reset_guest(plan, node, node.connection)
            continue
        if node.is_unclean and is_managed and can_fence(cluster, node):
            fence = plan.add(Draft(ActionKind.FENCE, "fence", None, node, detail=cluster.options.fence_action))
            fence.reason = node.fence_reason or "node is unclean"
            plan.fences[node.index] = fence
            _link_fence(plan, fence, node)
            if node.is_dc:
                last = fence
            else:
                if others and not is_concurrent:
                    plan.link(others[-1], fence)
                others.append(fence)
        elif node.kind is NodeKind.CLUSTER and node.is_shutting_down and node.is_online and not node.is_unclean:
            shutdown = plan.add(Draft(ActionKind.SHUTDOWN, "shutdown", None, node))
            plan.shutdowns[node.index] = shutdown
            _link_shutdown(plan, shutdown, node)
            if node.is_dc:
                last = shutdown
            else:
                leaving.append(shutdown)
    if last is not None:
        plan.link_all(others, [last])
        if last.kind is ActionKind.SHUTDOWN:
            plan.link_all(leaving, [last])


def _reset_guest(plan: Plan, node: Node, connection: Resource) -> None:
    """A guest is fenced by stopping what it is; that it has happened is a milestone."""
    container = connection.container
    if container is None:
        return
    fence = plan.add(Draft(ActionKind.FENCE, "fence", None, node, pseudo=True, detail="reboot"))
    fence.reason = "guest is unclean"
    plan.fences[node.index] = fence
    stop = plan.first(container, "stop")
    if stop is not None:
        if stop.pseudo and stop.node is not None and stop.node.index in plan.fences:
            plan.link(plan.fences[stop.node.index], fence, RUNNABLE | IMPLIES_THEN)
        else:
            plan.link(stop, fence, RUNNABLE | IMPLIES_THEN)
    _link_fence(plan, fence, node)


def _link_fence(plan: Plan, fence: Draft, node: Node) -> None:
    if node.connection is not None and node.connection.reconnect_ms:
        # What has to be fenced must not be taken for forgiven before that.
        plan.link_all([fence], plan.find(node.connection, "clear_failcount"), IMPLIES_THEN)
    for resource in plan.cluster.primitives():
        if resource.is_managed or any(part.is_managed for part in resource.walk()):
            _start_after_fencing(plan, fence, node, resource)
            _stop_by_fencing(plan, fence, node, resource)


def _start_after_fencing(plan: Plan, fence: Draft, node: Node, resource: Resource) -> None:
    for drafts in plan.of.get(resource, {}).values():
        for draft in drafts:
            if draft.needs == "fencing":
                plan.link(fence, draft)
            elif draft.needs == "quorum" and draft.task == "start" and _may_run_on(resource, node):
                plan.link(fence, draft, ORDER | RUNNABLE)


def _may_run_on(resource: Resource, node: Node) -> bool:
    """Nobody knows whether it runs on the node that is about to be fenced: wait for that."""
    is_allowed = node.index in resource.scores or node.index in resource.kept_out_of
    return is_allowed and node.index not in resource.known_on


def _stop_by_fencing(plan: Plan, fence: Draft, node: Node, resource: Resource) -> None:
    """A stop there is implied by the fencing, and comes after it where that is what the resource waits for."""
    is_ordered = resource.requires in ("fencing", "unfencing") or node.kind is NodeKind.GUEST
    bundle = resource.bundle
    # Of what runs inside a bundle the stop of the whole waits: a link to its own would lead in a circle.
    is_inside = bundle is not None and resource.clone is bundle.child
    whole = plan.first(resource.top, "stop") if bundle is None or is_inside else None
    for stop in plan.find(resource, "stop"):
        if stop.node is not node:
            continue
        stop.pseudo = stop.runnable = True
        if not is_ordered:
            continue
        if not is_inside:
            plan.link(fence, stop)
        if whole is not None:
            plan.link(fence, whole)
    for demote in plan.find(resource, "demote"):
        if demote.node is node and (not node.is_online or node.is_unclean or resource.is_failed):
            demote.pseudo = demote.runnable = True
            if is_ordered and bundle is None:
                plan.link(fence, demote)


def _link_shutdown(plan: Plan, shutdown: Draft, node: Node) -> None:
    for resource in plan.cluster.primitives():
        if resource.in_maintenance or node.is_in_maintenance or not (resource.is_managed or resource.is_blocked):
            continue
        for stop in plan.find(resource, "stop"):
            if stop.node is node:
                plan.link(stop, shutdown, ORDER | RUNNABLE)


def hold_back_unsafe_starts(plan: Plan) -> None:
    """Where an unclean node can't be fenced, nothing that needs fencing may start."""
    cluster = plan.cluster
    if not cluster.options.fencing_enabled:
        return
    lost = (node for node in cluster.nodes if node.is_unclean and node.kind is not NodeKind.GUEST)
    if all(node.index in plan.fences for node in lost):
        return
    for draft in plan.all:
        is_device = draft.resource is not None and draft.resource.agent[0] == STONITH
        if draft.needs == "fencing" and not draft.optional and not is_device:
            draft.runnable = False
            draft.reason = draft.reason or "an unclean node can't be fenced"
