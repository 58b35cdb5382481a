"""What waits for a probe: not only the start of the same resource, but whatever a stop of it would have come before.

Reads the linked plan; adds links. A probe may find the resource active where nobody expected it, and then it would
have had to be stopped first.
"""

from __future__ import annotations

from hacluster.scheduler.plan import (
    IMPLIES_THEN,
    LOAD,
    NOT_TOGETHER,
    ORDER,
    SAME_NODE,
    UNLESS_MIGRATED,
    Draft,
    Order,
    Plan,
)
from hacluster.scheduler.working import Resource, Variant


def order_probes(plan: Plan) -> None:
    _before_what_follows_a_stop(plan)
    for resource in plan.cluster.primitives():
        for probe in plan.find(resource, "monitor_0"):
            seen: set[Draft] = set()
            for link in list(probe.after):
                _before_restarts(plan, probe, link.then, seen)


def _before_what_follows_a_stop(plan: Plan) -> None:
    for order in plan.orders:
        resource, task = order.first, order.first_task
        if order.first_draft is not None:
            resource, task = order.first_draft.resource, order.first_draft.task
        then_resource = order.then_draft.resource if order.then_draft is not None else order.then
        if resource is None or task != "stop" or resource is then_resource:
            continue
        then_task = order.then_draft.task if order.then_draft is not None else order.then_task
        if then_resource is not None and resource.container is then_resource and then_task == "stop":
            # Its container may be started again, and only then can it be asked.
            continue
        probes = plan.find(resource, "monitor_0")
        is_unfencing = order.then_draft is not None and order.then_draft.task == "unfence"
        if not probes or is_unfencing or _ends_the_guest(resource, order):
            continue
        is_filtered = order.strength in (NOT_TOGETHER, LOAD)
        strength = order.strength if is_filtered else ORDER | (order.strength & (SAME_NODE | UNLESS_MIGRATED))
        if order.then_draft is not None:
            thens = [order.then_draft]
        else:
            thens = plan.find(order.then, order.then_task) if order.then is not None else []
        plan.link_all(probes, thens, strength)


def _ends_the_guest(resource: Resource, order: Order) -> bool:
    """The connection into a guest that is stopped need not be asked about first."""
    return order.then is not None and resource.container is order.then and order.then_task == "stop"


def _before_restarts(plan: Plan, probe: Draft, after: Draft, seen: set[Draft]) -> None:
    """Where a start waits for the probe, the stop before it, if it is a restart, waits too; and so on behind it."""
    if after in seen:
        return
    seen.add(after)
    resource = after.resource
    if resource is not None and resource.variant is Variant.PRIMITIVE and resource is not probe.resource:
        undoing = {"start": "stop", "promote": "demote"}.get(after.task, "")
        for then in plan.find(resource, undoing) if undoing else []:
            if not then.pseudo:
                plan.link(probe, then, ORDER)
    for link in list(after.after):
        if link.strength & IMPLIES_THEN or _leads_inside(probe, after, link.then):
            _before_restarts(plan, probe, link.then, seen)


def _leads_inside(probe: Draft, after: Draft, then: Draft) -> bool:
    """From a group or clone to what is inside it; of an interleaved clone only to the instance on the probe's node."""
    outer, inner = after.resource, then.resource
    if outer is None or inner is None or probe.resource is None or outer.variant is Variant.PRIMITIVE:
        return False
    if probe.resource.parent is outer or inner.variant is Variant.CLONE or inner.parent is not outer:
        return False
    if outer.variant is not Variant.CLONE or not outer.is_interleaved:
        return True
    return probe.node is not None and probe.node.index in inner.homes_next
