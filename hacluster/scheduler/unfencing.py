"""Unfencing: a node is let at shared storage (`on`) before anything that needs it is probed or started there.

Reads which devices provide it, what the nodes remember of it and what has been drafted; writes a draft for each node it
matters to. It is optional until the node was never unfenced, or a device is not what the node was unfenced with.
"""

from __future__ import annotations

from collections.abc import Iterator

from hacluster.scheduler.digests import digest, parameters_of
from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.on_fail import can_fence
from hacluster.scheduler.plan import IMPLIES_FIRST, IMPLIES_THEN, ORDER, SAME_NODE, STONITH, Draft, Plan
from hacluster.scheduler.working import Cluster, Node, Resource


def ask_for_unfencing(cluster: Cluster, device: Resource, node: Node, reason: str) -> None:
    """A fence device has changed where it runs; where that can't be unfenced now, wherever the device may be."""
    if not cluster.options.has_unfencing or device.agent[0] != STONITH:
        return
    places = [node] if _can_be_unfenced(node) else [cluster.nodes[index] for index in sorted(device.scores)]
    for place in places:
        if _can_be_unfenced(place):
            cluster.unfence_reasons.setdefault(place.index, reason)


def _can_be_unfenced(node: Node) -> bool:
    return node.is_online and not node.is_unclean and not node.is_shutting_down


def draft_unfencing(plan: Plan) -> None:
    """Before probes and starts, after stops on the same node."""
    cluster = plan.cluster
    if not cluster.options.has_unfencing:
        return
    for resource in cluster.primitives():
        is_device = resource.agent[0] == STONITH
        if not is_device and resource.requires != "unfencing":
            continue
        for draft in _drafts(plan, resource, "monitor_0"):
            _before(plan, resource, draft, ORDER)
        for draft in _drafts(plan, resource, "start"):
            _before(plan, resource, draft, IMPLIES_THEN)
        if not is_device:
            _around_restarts(plan, resource)
    for index, reason in cluster.unfence_reasons.items():
        _require(plan, cluster.nodes[index], reason)


def _drafts(plan: Plan, resource: Resource, task: str) -> Iterator[Draft]:
    return (draft for draft in list(plan.find(resource, task)) if draft.node is not None)


def _before(plan: Plan, resource: Resource, draft: Draft, strength: int) -> None:
    node = draft.node
    assert node is not None
    plan.link(_unfence(plan, node), draft, strength)
    if node.attributes.get("#node-unfenced", "0") == "0" and _can_be_unfenced(node):
        _require(plan, node, f"required by {resource.shown_id} {draft.task}")


def _around_restarts(plan: Plan, resource: Resource) -> None:
    for stop in _drafts(plan, resource, "stop"):
        assert stop.node is not None
        plan.link(stop, _unfence(plan, stop.node), IMPLIES_FIRST)
    if not resource.is_managed:
        return
    for index in sorted(resource.scores):
        unfence = _unfence(plan, plan.cluster.nodes[index])
        plan.order_before(resource, "stop", unfence, ORDER | SAME_NODE)
        plan.order_after(unfence, resource, "start", IMPLIES_THEN | SAME_NODE)


def _unfence(plan: Plan, node: Node) -> Draft:
    known = plan.unfences.get(node.index)
    if known is None:
        known = plan.add(Draft(ActionKind.FENCE, "unfence", None, node, optional=True, detail="on"))
        plan.unfences[node.index] = known
        for device in _providers(plan.cluster):
            if _has_changed(device, node):
                _require(plan, node, f"the definition of {device.shown_id} changed")
    return known


def _require(plan: Plan, node: Node, reason: str) -> None:
    unfence = _unfence(plan, node)
    if can_fence(plan.cluster, node):
        unfence.optional = False
        unfence.reason = unfence.reason or reason


def _providers(cluster: Cluster) -> Iterator[Resource]:
    for resource in cluster.primitives():
        if resource.agent[0] == STONITH and resource.meta.get("provides", "").lower() == "unfencing":
            yield resource


def _has_changed(device: Resource, node: Node) -> bool:
    """Whether the node remembers other parameters of the device than those it has now."""
    remembered = node.attributes.get("#digests-all")
    if remembered is None:
        return False
    now = digest(parameters_of(device, node), 0, 0)
    return f"{device.id}:{device.agent[2]}:{now}" not in remembered
