"""What has to be done: the draft actions between where resources are and where they shall be.

Reads the decided working model; gives `Drafts`. An optional draft need not happen (the resource is there already) but
takes part in the ordering, because an order constraint can make it happen after all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hacluster.scheduler.digests import Change, change_of, monitor_has_changed
from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.history import OCF_NOT_RUNNING, OCF_RUNNING_PROMOTED
from hacluster.scheduler.scores import role_of
from hacluster.scheduler.unpack import fail_count_of, has_only_expired_failures
from hacluster.scheduler.values import is_true
from hacluster.scheduler.working import Cluster, Node, OperationConfig, Resource, Role

STONITH = "stonith"


@dataclass(slots=True, eq=False)
class Draft:
    """An action that may become a vertex of the graph."""

    kind: ActionKind
    resource: Resource | None
    node: Node
    interval_ms: int = 0
    optional: bool = False
    runnable: bool = True
    pseudo: bool = False
    expected_rc: int = 0
    config: OperationConfig | None = None
    detail: str = ""
    reason: str = ""


@dataclass(slots=True)
class Drafts:
    """All drafts, and how to find the one in question."""

    all: list[Draft] = field(default_factory=list)
    start: dict[Resource, Draft] = field(default_factory=dict)
    promote: dict[Resource, Draft] = field(default_factory=dict)
    stop: dict[Resource, list[Draft]] = field(default_factory=dict)
    demote: dict[Resource, list[Draft]] = field(default_factory=dict)
    probes: dict[str, list[Draft]] = field(default_factory=dict)
    """by the resource's name in the configuration, as every instance waits for all of them"""
    monitors: dict[Resource, list[Draft]] = field(default_factory=dict)
    stopped_monitors: dict[Resource, list[Draft]] = field(default_factory=dict)
    cancels: dict[Resource, list[Draft]] = field(default_factory=dict)
    deletes: dict[Resource, list[Draft]] = field(default_factory=dict)
    migrations: dict[Resource, tuple[Draft, Draft]] = field(default_factory=dict)
    reloads: dict[Resource, Draft] = field(default_factory=dict)
    fences: dict[int, Draft] = field(default_factory=dict)
    shutdowns: dict[int, Draft] = field(default_factory=dict)

    def add(self, draft: Draft) -> Draft:
        self.all.append(draft)
        return draft


def draft_actions(cluster: Cluster) -> Drafts:
    drafts = Drafts()
    _draft_fencing(cluster, drafts)
    for resource in cluster.primitives():
        if resource.is_orphan and not resource.history:
            continue
        _draft_placement(cluster, drafts, resource)
        _draft_monitors(cluster, drafts, resource)
        _draft_stopped_monitors(cluster, drafts, resource)
        _draft_deletes(cluster, drafts, resource)
        _draft_clearing(cluster, drafts, resource)
    _draft_probes(cluster, drafts)
    _draft_shutdowns(cluster, drafts)
    return drafts


# ---------------------------------------------------------------- fencing and shutdown


def can_fence(cluster: Cluster, node: Node) -> bool:
    """A partition without quorum fences only its own members, unless its policy is to ignore that."""
    options = cluster.options
    return options.fencing_enabled and (options.has_quorum or node.is_online or options.no_quorum_policy == "ignore")


def _draft_fencing(cluster: Cluster, drafts: Drafts) -> None:
    for node in cluster.nodes:
        if node.is_unclean and can_fence(cluster, node):
            draft = Draft(ActionKind.FENCE, None, node, detail=cluster.options.fence_action, reason=node.fence_reason)
            drafts.fences[node.index] = drafts.add(draft)


def _draft_shutdowns(cluster: Cluster, drafts: Drafts) -> None:
    for node in cluster.nodes:
        if node.is_shutting_down and node.is_online and not node.is_unclean:
            drafts.shutdowns[node.index] = drafts.add(Draft(ActionKind.SHUTDOWN, None, node))


# ---------------------------------------------------------------- start, stop, promote, demote


def _draft_placement(cluster: Cluster, drafts: Drafts, resource: Resource) -> None:
    if resource.is_blocked or not resource.is_managed:
        # It is not stopped; but what had to stop after it must know, and wait.
        for index in sorted(resource.active):
            if cluster.nodes[index].is_online:
                _draft_stop(cluster, drafts, resource, index, optional=True)
                drafts.stop[resource][-1].runnable = False
        return
    target = resource.target
    change = _change(cluster, drafts, resource)
    must_restart = target is not None and (target in resource.failed_on or change is Change.RESTART)
    for index in sorted(resource.active):
        stays = index == target
        _draft_stop(cluster, drafts, resource, index, optional=stays and not must_restart and len(resource.active) == 1)
    if target is None:
        return
    runs_there = target in resource.active and not must_restart and len(resource.active) == 1
    _draft_start(cluster, drafts, resource, target, optional=runs_there and target not in resource.starting_on)
    if _may_migrate(cluster, resource, target) and not must_restart:
        _draft_migration(cluster, drafts, resource, target)
    if resource.next_role is Role.PROMOTED:
        is_promoted = runs_there and resource.active[target] is Role.PROMOTED
        _draft_promote(cluster, drafts, resource, target, optional=is_promoted)


def _may_migrate(cluster: Cluster, resource: Resource, target: int) -> bool:
    """Live migration needs both nodes alive, a resource that is well, and nothing that forbids it."""
    if not is_true(resource.meta.get("allow-migrate", "")) or len(resource.active) != 1 or resource.clone is not None:
        return False
    source = next(iter(resource.active))
    node = cluster.nodes[source]
    return source != target and node.is_online and not node.is_unclean and source not in resource.failed_on


def _draft_migration(cluster: Cluster, drafts: Drafts, resource: Resource, target: int) -> None:
    source = next(iter(resource.active))
    there = Draft(ActionKind.MIGRATE_TO, resource, cluster.nodes[source], config=_config(resource, "migrate_to"))
    here = Draft(ActionKind.MIGRATE_FROM, resource, cluster.nodes[target], config=_config(resource, "migrate_from"))
    drafts.migrations[resource] = (drafts.add(there), drafts.add(here))


def _change(cluster: Cluster, drafts: Drafts, resource: Resource) -> Change:
    """Whether changed parameters ask for a restart; a reload is drafted at once."""
    if resource.target is None or resource.target not in resource.active:
        return Change.NONE
    node = cluster.nodes[resource.target]
    if not node.is_online or node.is_unclean:
        return Change.NONE
    change = change_of(resource, node)
    if change is Change.RELOAD:
        drafts.reloads[resource] = drafts.add(Draft(ActionKind.RELOAD_AGENT, resource, node))
    return change


def _draft_stop(cluster: Cluster, drafts: Drafts, resource: Resource, index: int, *, optional: bool) -> None:
    node = cluster.nodes[index]
    is_fenced = index in drafts.fences
    config = _config(resource, "stop")
    runnable = node.is_online or is_fenced
    stop = Draft(ActionKind.STOP, resource, node, 0, optional, runnable, is_fenced, 0, config)
    if index in resource.failed_on:
        stop.reason = "failure"
    drafts.stop.setdefault(resource, []).append(drafts.add(stop))
    if resource.active[index] is Role.PROMOTED:
        stays_promoted = optional and resource.next_role is Role.PROMOTED
        demote = Draft(
            ActionKind.DEMOTE, resource, node, 0, stays_promoted, runnable, is_fenced, 0, _config(resource, "demote")
        )
        drafts.demote.setdefault(resource, []).append(drafts.add(demote))


def _draft_start(cluster: Cluster, drafts: Drafts, resource: Resource, index: int, *, optional: bool) -> None:
    node = cluster.nodes[index]
    start = Draft(ActionKind.START, resource, node, 0, optional, node.can_run, False, 0, _config(resource, "start"))
    if resource.requires == "fencing" and resource.agent[0] != STONITH and not optional:
        unfenceable = [other for other in cluster.nodes if other.is_unclean and other.index not in drafts.fences]
        start.runnable = start.runnable and not unfenceable
    if not cluster.options.has_quorum and cluster.options.no_quorum_policy == "freeze" and not optional:
        start.runnable = False
    drafts.start[resource] = drafts.add(start)


def _draft_promote(cluster: Cluster, drafts: Drafts, resource: Resource, index: int, *, optional: bool) -> None:
    config = _config(resource, "promote")
    draft = Draft(ActionKind.PROMOTE, resource, cluster.nodes[index], 0, optional, True, False, 0, config)
    drafts.promote[resource] = drafts.add(draft)


def _config(resource: Resource, name: str) -> OperationConfig | None:
    return next((op for op in resource.operations if op.name == name), None)


# ---------------------------------------------------------------- monitors


def _wanted_monitors(resource: Resource) -> list[OperationConfig]:
    """The recurring operations for the role the resource will have; one without a role serves every active role."""
    counts = Counter(op.interval_ms for op in resource.operations if op.name == "monitor")
    return [
        op
        for op in resource.operations
        if op.name == "monitor"
        and op.interval_ms
        and op.enabled
        # Two of the same interval could not be told apart, so neither of them counts.
        and counts[op.interval_ms] == 1
        and (not op.role or role_of(op.role) is resource.next_role)
    ]


def _draft_monitors(cluster: Cluster, drafts: Drafts, resource: Resource) -> None:
    target = resource.target
    if target is None or resource.in_maintenance or resource.is_blocked:
        return
    node = cluster.nodes[target]
    if not node.is_online or node.is_unclean:
        return
    wanted = _wanted_monitors(resource)
    running = _running_monitors(resource, target)
    expected = OCF_RUNNING_PROMOTED if resource.next_role is Role.PROMOTED else 0
    for op in wanted:
        is_running = op.interval_ms in running and not monitor_has_changed(
            resource, node, op.interval_ms, op.timeout_ms
        )
        draft = Draft(ActionKind.MONITOR, resource, node, op.interval_ms, is_running, True, False, expected, op)
        if not resource.is_managed and target not in resource.active:
            continue
        drafts.monitors.setdefault(resource, []).append(drafts.add(draft))
    counts = Counter(op.interval_ms for op in resource.operations if op.name == "monitor")
    for interval_ms in running:
        if interval_ms not in {op.interval_ms for op in wanted} and counts[interval_ms] < 2:
            cancel = Draft(ActionKind.CANCEL, resource, node, interval_ms, detail="monitor")
            drafts.cancels.setdefault(resource, []).append(drafts.add(cancel))


def _draft_stopped_monitors(cluster: Cluster, drafts: Drafts, resource: Resource) -> None:
    """Monitors of role Stopped watch the nodes on which the resource shall not run."""
    wanted = [
        op
        for op in resource.operations
        if op.name == "monitor" and op.interval_ms and op.enabled and op.role and role_of(op.role) is Role.STOPPED
    ]
    if not wanted or (resource.clone is not None and not resource.clone.is_unique) or resource.is_blocked:
        return
    for node in cluster.nodes:
        if not node.is_online or node.is_unclean:
            continue
        running = _running_monitors(resource, node.index)
        for op in wanted:
            if node.index == resource.target:
                continue
            is_running = op.interval_ms in running
            expected = OCF_NOT_RUNNING
            draft = Draft(ActionKind.MONITOR, resource, node, op.interval_ms, is_running, True, False, expected, op)
            drafts.stopped_monitors.setdefault(resource, []).append(drafts.add(draft))


def _running_monitors(resource: Resource, index: int) -> dict[int, int]:
    """interval -> expected rc of the monitors that run on the node, by the history since the last start."""
    running: dict[int, int] = {}
    for operation in resource.history.get(index, []):
        if operation.name in ("start", "stop", "promote", "demote") and operation.rc == operation.expected_rc:
            if operation.name in ("start", "stop"):
                running.clear()
        elif operation.name == "monitor" and operation.interval_ms and operation.status in (0, -1):
            running[operation.interval_ms] = operation.expected_rc
    return running


# ---------------------------------------------------------------- probes and clean-up


def _draft_clearing(cluster: Cluster, drafts: Drafts, resource: Resource) -> None:
    """Failcounts that no longer count, or of a resource that is no longer configured, are taken away."""
    for node in cluster.nodes:
        if not node.is_online or node.is_unclean or node.index not in resource.history:
            continue
        is_over = has_only_expired_failures(cluster, resource, node)
        changed = node.index == resource.target and change_of(resource, node) is not Change.NONE
        count = fail_count_of(cluster, resource, node)[0]
        if is_over or (count and changed) or (resource.is_orphan and count):
            drafts.add(Draft(ActionKind.CLEAR_FAILCOUNT, resource, node))


def _draft_probes(cluster: Cluster, drafts: Drafts) -> None:
    """A monitor with interval 0 wherever nobody has asked yet."""
    if not cluster.options.enable_startup_probes:
        return
    for node in cluster.nodes:
        if not node.is_online or node.is_unclean or node.is_pending:
            continue
        asked: set[str] = set()
        for resource in cluster.primitives():
            if resource.is_orphan or resource.shown_id in asked or _knows(cluster, resource, node):
                continue
            instance = _instance_for(cluster, resource, node)
            if instance is None:
                continue
            asked.add(resource.shown_id)
            probe = Draft(
                ActionKind.MONITOR, instance, node, 0, False, True, False, OCF_NOT_RUNNING, _probe_config(instance)
            )
            drafts.probes.setdefault(resource.base_id, []).append(drafts.add(probe))


def _knows(cluster: Cluster, resource: Resource, node: Node) -> bool:
    clone = resource.clone
    if clone is None or clone.is_unique:
        return node.index in resource.history
    return any(
        node.index in part.history
        for instance in clone.children
        for part in instance.primitives()
        if part.base_id == resource.base_id
    )


def _instance_for(cluster: Cluster, resource: Resource, node: Node) -> Resource | None:
    clone = resource.clone
    if clone is None or clone.is_unique:
        return resource
    parts = [p for instance in clone.children for p in instance.primitives() if p.base_id == resource.base_id]
    here = [part for part in parts if part.target == node.index]
    free = [part for part in parts if part.target is None]
    return next(iter(here or free or parts), None)


def _probe_config(resource: Resource) -> OperationConfig | None:
    monitors = [op for op in resource.operations if op.name == "monitor"]
    exact = [op for op in monitors if op.interval_ms == 0]
    return next(iter(exact or sorted(monitors, key=lambda op: op.interval_ms)), None)


def _draft_deletes(cluster: Cluster, drafts: Drafts, resource: Resource) -> None:
    """A resource that is no longer configured is forgotten where it was."""
    if not resource.is_orphan:
        return
    for index in sorted(resource.history):
        node = cluster.nodes[index]
        if node.is_online and not node.is_unclean:
            drafts.deletes.setdefault(resource, []).append(drafts.add(Draft(ActionKind.DELETE, resource, node)))
