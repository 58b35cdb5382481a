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
    Plan,
)
from hacluster.scheduler.working import Variant


def order_probes(plan: Plan) -> None:
    _before_what_restarts(plan)
    _before_what_follows_a_stop(plan)


def _before_what_restarts(plan: Plan) -> None:
    if not any(draft.task in ("stop", "demote") and not draft.pseudo for draft in plan.all):
        return
    for resource in plan.cluster.primitives():
        found: dict[tuple[Draft, ...], list[Draft]] = {}
        for probe in plan.find(resource, "monitor_0"):
            ahead = tuple(link.then for link in probe.after)
            if ahead not in found:
                walk = _Walk(plan, probe)
                for after in ahead:
                    walk.go(after)
                if walk.depends_on_node:
                    plan.link_all([probe], walk.restarts, ORDER)
                    continue
                found[ahead] = walk.restarts
            plan.link_all([probe], found[ahead], ORDER)


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
        if not probes or is_unfencing:
            continue
        is_filtered = order.strength in (NOT_TOGETHER, LOAD)
        strength = order.strength if is_filtered else ORDER | (order.strength & (SAME_NODE | UNLESS_MIGRATED))
        if order.then_draft is not None:
            thens = [order.then_draft]
        else:
            thens = plan.find(order.then, order.then_task) if order.then is not None else []
        plan.link_all(probes, thens, strength)


class _Walk:
    """From a probe along all that waits for it, to the stops that belong to restarts."""

    def __init__(self, plan: Plan, probe: Draft) -> None:
        self._plan = plan
        self._probe = probe
        self._seen: set[Draft] = set()
        self.restarts: list[Draft] = []
        self.depends_on_node = False
        """Whether a probe on another node would have gone another way."""

    def go(self, after: Draft) -> None:
        """Where a start waits for the probe, the stop before it, if it is a restart, waits too; and so on behind it."""
        if after in self._seen:
            return
        self._seen.add(after)
        resource = after.resource
        if resource is not None and resource.variant is Variant.PRIMITIVE and resource is not self._probe.resource:
            undoing = {"start": "stop", "promote": "demote"}.get(after.task, "")
            if undoing:
                self.restarts += [then for then in self._plan.find(resource, undoing) if not then.pseudo]
        for link in after.after:
            if link.strength & IMPLIES_THEN or self._leads_inside(after, link.then):
                self.go(link.then)

    def _leads_inside(self, after: Draft, then: Draft) -> bool:
        """From a group or clone to what is inside; of an interleaved clone only to the instance on the probe's node."""
        outer, inner, asked = after.resource, then.resource, self._probe.resource
        if outer is None or inner is None or asked is None or outer.variant is Variant.PRIMITIVE:
            return False
        if asked.parent is outer or inner.variant is Variant.CLONE or inner.parent is not outer:
            return False
        if outer.variant is not Variant.CLONE or not outer.is_interleaved:
            return True
        self.depends_on_node = True
        return self._probe.node is not None and self._probe.node.index in inner.homes_next
