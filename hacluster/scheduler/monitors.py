"""Recurring monitors and probes: which shall run, which shall not any more, and where nobody has asked yet.

Reads the decided working model and the histories; writes drafts and orders into the plan.
"""

from __future__ import annotations

from collections import Counter

from hacluster.cib.status import Operation
from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.on_fail import configured_operation
from hacluster.scheduler.plan import IMPLIES_THEN, ORDER, RUNNABLE, SAME_NODE, STONITH, Draft, Order, Plan, can_be_asked
from hacluster.scheduler.reading import mark_unclean
from hacluster.scheduler.remotes import is_out_of_reach
from hacluster.scheduler.words import in_natural_order, role_of
from hacluster.scheduler.working import Node, NodeKind, OperationConfig, Resource, Role, Variant

PENDING = -1
OCF_NOT_RUNNING = 7
OCF_RUNNING_PROMOTED = 8


# ---------------------------------------------------------------- what runs now


def draft_running_monitors(plan: Plan) -> None:
    """Recurring monitors that run are drafted as optional."""
    cluster = plan.cluster
    for resource in cluster.primitives():
        for index, history in resource.history.items():
            node = cluster.nodes[index]
            if not node.is_online or (len(history) == 1 and not history[0].interval_ms):
                continue
            for operation in active_monitors(history):
                config = configured_operation(resource, "monitor", operation.interval_ms)
                draft = plan.draft(
                    resource, "monitor", node, optional=True, interval_ms=operation.interval_ms, config=config
                )
                draft.is_stale = draft.is_stale or (index, operation.id) in resource.reschedule


def active_monitors(history: list[Operation]) -> list[Operation]:
    """The recurring operations since the resource last came up there, or since it was stopped."""
    start, stop = _turning_points(history)
    first = stop + 1 if start < stop else max(start, 0)
    return [op for op in history[first:] if op.interval_ms and op.name == "monitor" and op.status != PENDING]


def first_since_start(history: list[Operation]) -> int | None:
    """Where the entries of the resource's present life begin; None after a stop."""
    start, stop = _turning_points(history)
    return None if start < stop else max(start, 0)


def _turning_points(history: list[Operation]) -> tuple[int, int]:
    """The places of the last start, or what amounts to one, and of the last stop; -1 for none."""
    start, stop, monitor, changed = -1, -1, -1, -1
    for place, operation in enumerate(history):
        if operation.name == "stop" and operation.status == 0:
            stop = place
        elif operation.name in ("start", "migrate_from"):
            start = place
        elif operation.name == "monitor" and monitor <= stop and operation.rc in (0, 8):
            monitor = place
        elif operation.name in ("promote", "demote"):
            changed = place
    if start < 0:
        start = changed if changed >= 0 else monitor
    return start, stop


def draft_cancel(plan: Plan, resource: Resource, node: Node, interval_ms: int) -> Draft:
    """The end of a recurring monitor."""
    known = [draft for draft in plan.find(resource, f"cancel_{interval_ms}") if draft.node is node]
    if known:
        return known[0]
    for running in plan.find(resource, f"monitor_{interval_ms}", node):
        # What is cancelled doesn't start again, whatever comes up before it.
        running.runnable = False
    is_possible = can_be_asked(node)
    draft = Draft(ActionKind.CANCEL, "cancel", resource, node, interval_ms, runnable=is_possible, detail="monitor")
    plan.add(draft, f"cancel_{interval_ms}")
    return draft


# ---------------------------------------------------------------- what shall run


def draft_recurring(plan: Plan, resource: Resource) -> None:
    """The recurring operations for the role it will have, and those that watch where it shall not be."""
    if resource.is_blocked or resource.in_maintenance or plan.cluster.options.maintenance:
        return
    counts = Counter(op.interval_ms for op in resource.operations if op.name == "monitor")
    wanted = [op for op in resource.operations if op.name == "monitor" and op.interval_ms and op.enabled]
    node = None if resource.target is None else plan.cluster.nodes[resource.target]
    if node is not None and node.is_in_maintenance:
        return
    start = None
    if node is not None and wanted:
        start = plan.draft(resource, "start", node, optional=True)
    for op in wanted:
        # Two of the same interval could not be told apart, so neither of them counts.
        if counts[op.interval_ms] > 1:
            continue
        if role_of(op.role) is Role.STOPPED:
            _draft_where_stopped(plan, resource, node, op)
        elif node is not None and start is not None:
            _draft_where_active(plan, resource, node, op, start)


def _draft_where_active(plan: Plan, resource: Resource, node: Node, op: OperationConfig, start: Draft) -> None:
    known = [draft for draft in plan.find(resource, f"monitor_{op.interval_ms}") if draft.node is node]
    is_for_other_role = (
        resource.next_role is Role.PROMOTED if not op.role else role_of(op.role) is not (resource.next_role)
    )
    is_running = bool(known) and not known[0].is_stale and start.optional
    if is_for_other_role:
        if is_running:
            _cancel_for_role(plan, resource, node, op.interval_ms)
        return
    draft = plan.draft(resource, "monitor", node, optional=is_running, interval_ms=op.interval_ms, config=op)
    if not start.runnable or not node.is_online or node.is_unclean:
        draft.runnable = False
    if resource.next_role is Role.PROMOTED:
        draft.expected_rc = OCF_RUNNING_PROMOTED
    if not resource.is_managed:
        return
    for task in ("start", "reload-agent"):
        plan.order_before(resource, task, draft, IMPLIES_THEN | RUNNABLE)
    if resource.next_role is Role.PROMOTED:
        plan.order_before(resource, "promote", draft, ORDER | RUNNABLE)
    elif resource.role is Role.PROMOTED:
        plan.order_before(resource, "demote", draft, ORDER | RUNNABLE)


def _cancel_for_role(plan: Plan, resource: Resource, node: Node, interval_ms: int) -> None:
    cancel = draft_cancel(plan, resource, node, interval_ms)
    after = ""
    if resource.role in (Role.UNPROMOTED, Role.STARTED):
        after = {Role.PROMOTED: "promote", Role.STOPPED: "stop"}.get(resource.next_role, "")
    elif resource.role is Role.PROMOTED:
        after = "demote"
    if after:
        plan.orders.append(Order(None, "", resource, after, RUNNABLE, first_draft=cancel))


def _draft_where_stopped(plan: Plan, resource: Resource, node: Node | None, op: OperationConfig) -> None:
    """Monitors of role Stopped watch the nodes on which the resource shall not run."""
    if resource.is_anonymous:
        return
    for other in plan.cluster.nodes:
        key = f"monitor_{op.interval_ms}"
        known = [draft for draft in plan.find(resource, key) if draft.node is other]
        if other is node:
            if known:
                cancel = draft_cancel(plan, resource, other, op.interval_ms)
                plan.orders.append(Order(None, "", resource, "start", RUNNABLE, first_draft=cancel))
            continue
        draft = plan.draft(resource, "monitor", other, optional=bool(known), interval_ms=op.interval_ms, config=op)
        draft.expected_rc = OCF_NOT_RUNNING
        if not other.is_online or other.is_unclean:
            draft.runnable = False
        if resource.is_managed:
            for probe in plan.find(resource, "monitor_0", other):
                plan.link(probe, draft, RUNNABLE)
        for stop in plan.find(resource, "stop", other):
            if not stop.runnable and not stop.pseudo:
                draft.runnable = False
            if resource.is_managed:
                plan.link(stop, draft, IMPLIES_THEN | RUNNABLE)


# ---------------------------------------------------------------- probes


def draft_probes(plan: Plan) -> None:
    """A monitor with interval 0 wherever nobody has asked yet."""
    cluster = plan.cluster
    if not cluster.options.enable_startup_probes:
        return
    for node in cluster.nodes:
        if not node.is_online and is_out_of_reach(cluster, node):
            mark_unclean(node, "the connection is unrecoverable")
    nodes = [node for node in cluster.nodes if node.is_online and not node.is_unclean and node.is_searched]
    prober = _Prober(plan)
    open_questions = [resource for resource in cluster.resources if not prober.is_known_on_all(resource, nodes)]
    for node in sorted(nodes, key=lambda found: in_natural_order(found.uname)):
        for resource in open_questions:
            prober.probe(resource, node)
    prober.order_starts()


class _Prober:
    """Asks nodes for resources, and has the starts wait for the answers."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._probes: dict[Resource, list[Draft]] = {}
        self._known: dict[Resource, set[int]] = {}
        self._configs: dict[Resource, OperationConfig | None] = {}

    def is_known_on_all(self, resource: Resource, nodes: list[Node]) -> bool:
        return all(self._known_on(part).issuperset(node.index for node in nodes) for part in resource.primitives())

    def _known_on(self, resource: Resource) -> set[int]:
        """Where somebody has asked for it; what one instance of an anonymous clone knows, its siblings know too."""
        clone = resource.clone
        if clone is None or clone.is_unique:
            return resource.known_on
        if resource not in self._known:
            together: dict[str, set[int]] = {}
            for part in clone.primitives():
                self._known[part] = together.setdefault(part.base_id, set())
                together[part.base_id] |= part.known_on
        return self._known[resource]

    def probe(self, resource: Resource, node: Node) -> None:
        match resource.variant:
            case Variant.PRIMITIVE:
                self._probe_primitive(resource, node)
            case Variant.CLONE if not resource.is_unique and resource.bundle is None:
                here = (child for child in resource.children if node.index in child.homes_next)
                first = min(resource.children, key=lambda one: (len(one.id), one.id), default=None)
                asked = next(here, None) or first
                if asked is not None:
                    self.probe(asked, node)
            case _:
                for child in resource.children:
                    self.probe(child, node)

    def _probe_primitive(self, resource: Resource, node: Node) -> None:
        index = node.index
        is_inside = resource.container is not None and resource.connects_to is None
        if is_inside or resource.is_orphan or index in self._known_on(resource) or not _can_be_asked(resource, node):
            return
        holder = resource if resource.exclusive_on is not None else resource.top
        if holder.exclusive_on is not None and index not in (resource.exclusive_on or ()):
            return
        if index in resource.never_probed_on and index not in (resource.exclusive_on or ()):
            return
        if _comes_anew(self._plan, resource, node):
            return
        probe = self._plan.draft_probe(resource, node, self._config_of(resource))
        probe.expected_rc = OCF_NOT_RUNNING
        if index in resource.active:
            probe.expected_rc = OCF_RUNNING_PROMOTED if resource.role is Role.PROMOTED else 0
        self._probes.setdefault(resource, []).append(probe)

    def _config_of(self, resource: Resource) -> OperationConfig | None:
        if resource not in self._configs:
            self._configs[resource] = _probe_config(resource)
        return self._configs[resource]

    def order_starts(self) -> None:
        """What can't be asked about must not start; what is active already need not stop for that."""
        for resource, probes in self._probes.items():
            top = resource.top if resource.clone is not None else resource
            for task in ("start", "reload-agent"):
                if resource.active or all(probe.runnable for probe in probes):
                    self._plan.order(resource, "monitor_0", top, task, ORDER)
                    continue
                for probe in probes:
                    self._plan.order_after(probe, top, task, ORDER if probe.runnable else ORDER | RUNNABLE)
            whole = resource.parent
            if whole is not None and whole.replicas and whole.clone_node_max == 1:
                # No other replica takes the node, and the ports there, before that is known.
                for other in (one for one in whole.children if one is not resource):
                    self._plan.order(resource, "monitor_0", other, "start", ORDER | SAME_NODE)


def _can_be_asked(resource: Resource, node: Node) -> bool:
    """Remote nodes host neither fence devices nor connections, and guests no guests."""
    if node.kind is NodeKind.CLUSTER:
        return True
    if resource.agent[0] == STONITH or resource.connects_to is not None:
        return False
    return node.kind is not NodeKind.GUEST or not resource.hosts_guest


def _comes_anew(plan: Plan, resource: Resource, node: Node) -> bool:
    """The guest isn't running, or won't go on running: nothing can be active in it when it is up."""
    guest = node.connection.container if node.connection is not None else None
    if node.kind is not NodeKind.GUEST or guest is None:
        return False
    top = resource.top if resource.clone is not None else resource
    if guest.role <= Role.STOPPED:
        if guest.target is not None and guest.target not in guest.known_on:
            # Should it be found active after all, it is stopped before.
            plan.order(guest, "monitor_0", top, "start")
        return True
    is_leaving = guest.next_role is Role.STOPPED or (guest.target is not None and guest.target not in guest.active)
    if not (is_leaving or node.requires_reset or node.is_unclean or guest.is_failed):
        return False
    plan.order(guest, "stop", top, "start")
    return True


def _probe_config(resource: Resource) -> OperationConfig | None:
    monitors = [op for op in resource.operations if op.name == "monitor"]
    exact = [op for op in monitors if op.interval_ms == 0]
    return next(iter(exact or sorted(monitors, key=lambda op: op.interval_ms)), None)
