"""What the operation history means: where each resource is active, in which role, and what has failed.

Reads the histories that `unpack` attached; writes roles, failures, bans and the nodes that must be fenced into the
working model (exit codes and on-fail: reference/ocf-agents 4, heartbeat 3).
"""

from __future__ import annotations

from dataclasses import dataclass

from hacluster.cib.model import SCORE_INFINITY
from hacluster.cib.status import Operation
from hacluster.scheduler.unpack import fail_count_of
from hacluster.scheduler.working import Cluster, Node, OperationConfig, Resource, Role

OCF_NOT_RUNNING = 7
OCF_RUNNING_PROMOTED = 8
HARD_ERRORS = {2: "invalid parameter", 3: "unimplemented", 4: "insufficient privileges", 5: "not installed"}
FATAL_ERROR = 6
PENDING_RC = 193
STATUS_PENDING = -1
_LASTING = ("stop", "fence", "standby")
"""What a failure asked for holds until it is cleaned up, even if the monitor has become well since."""
STATUS_NOT_INSTALLED = 7


@dataclass(slots=True)
class _Finding:
    """What a history says of a resource on one node, operation by operation."""

    role: Role = Role.STOPPED
    failed_by: Operation | None = None
    on_fail: str = ""


def interpret(cluster: Cluster) -> None:
    """Go through all histories."""
    for resource in list(cluster.primitives()):
        for index in sorted(resource.history):
            node = cluster.nodes[index]
            if node.is_online or node.is_unclean:
                _interpret_on(cluster, resource, node)
    _block_what_runs_twice(cluster)


def _interpret_on(cluster: Cluster, resource: Resource, node: Node) -> None:
    finding = _Finding()
    for operation in resource.history[node.index]:
        _read(cluster, resource, node, operation, finding)
    if finding.role > Role.STOPPED:
        resource.active[node.index] = finding.role
    # What ran on an unclean node starts afresh once the node has been fenced.
    if finding.failed_by is not None and finding.on_fail != "ignore" and not node.is_unclean:
        _consequences(cluster, resource, node, finding)


def _read(cluster: Cluster, resource: Resource, node: Node, operation: Operation, finding: _Finding) -> None:
    if operation.status == STATUS_PENDING or operation.rc == PENDING_RC:
        if operation.name in ("start", "promote", "migrate_from", "stop", "demote"):
            finding.role = max(finding.role, _started(resource))
        if operation.name == "start":
            resource.starting_on.add(node.index)
        return
    if operation.is_failure and not _has_expired(cluster, resource, node, operation):
        _read_failure(cluster, resource, node, operation, finding)
    else:
        _read_success(resource, operation, finding)
    if operation.rc == FATAL_ERROR and operation.is_failure:
        for other in cluster.nodes:
            resource.add_score(other, -SCORE_INFINITY, f"{operation.name} on {node.uname} said: not configured")


def _has_expired(cluster: Cluster, resource: Resource, node: Node, operation: Operation) -> bool:
    if not resource.failure_timeout_ms or not operation.last_change:
        return False
    ends = operation.last_change + resource.failure_timeout_ms / 1000
    if ends > cluster.now:
        cluster.recheck(ends)
        return False
    return fail_count_of(cluster, resource, node)[0] == 0


def _started(resource: Resource) -> Role:
    clone = resource.clone
    return Role.UNPROMOTED if clone is not None and clone.is_promotable else Role.STARTED


def _read_success(resource: Resource, operation: Operation, finding: _Finding) -> None:
    match operation.name:
        case "monitor" | "status":
            _read_monitor(resource, operation, finding)
            return
        case "start" | "migrate_from":
            finding.role = _started(resource)
        case "stop" | "migrate_to":
            finding.role = Role.STOPPED
        case "promote":
            finding.role = Role.PROMOTED
        case "demote":
            finding.role = Role.UNPROMOTED
        case _:
            return
    finding.failed_by = None


def _read_monitor(resource: Resource, operation: Operation, finding: _Finding) -> None:
    if operation.rc == OCF_NOT_RUNNING:
        finding.role, finding.failed_by = Role.STOPPED, None
    elif operation.rc in (OCF_RUNNING_PROMOTED, 191):
        finding.role = Role.PROMOTED
    elif operation.rc in (0, 190):
        finding.role = max(finding.role, _started(resource))
        if finding.failed_by is not None and _is_same(operation, finding.failed_by) and finding.on_fail not in _LASTING:
            finding.failed_by = None


def _is_same(one: Operation, other: Operation) -> bool:
    return (one.name, one.interval_ms) == (other.name, other.interval_ms)


def _read_failure(cluster: Cluster, resource: Resource, node: Node, operation: Operation, finding: _Finding) -> None:
    if operation.rc in HARD_ERRORS and operation.name != "stop":
        resource.add_score(node, -SCORE_INFINITY, f"{operation.name} said: {HARD_ERRORS[operation.rc]}")
        if operation.is_probe and operation.rc == 5:
            return
    finding.failed_by = operation
    finding.on_fail = on_fail_of(cluster, resource, operation.name, operation.interval_ms)
    finding.role = max(finding.role, Role.PROMOTED if operation.name in ("promote", "demote") else _started(resource))


def configured_operation(resource: Resource, name: str, interval_ms: int) -> OperationConfig | None:
    """The `<op>` for an action; one of another interval serves when the exact one isn't there."""
    same_name = [op for op in resource.operations if op.name == name]
    exact = [op for op in same_name if op.interval_ms == interval_ms]
    return exact[0] if exact else (same_name[0] if same_name and name != "monitor" else None)


def on_fail_of(cluster: Cluster, resource: Resource, name: str, interval_ms: int) -> str:
    """What a failure of this operation asks for; the defaults are Pacemaker's."""
    config = configured_operation(resource, name, interval_ms)
    word = config.on_fail.lower() if config is not None else ""
    word = {"nothing": "ignore", "restart": "restart", "restart-container": "restart"}.get(word, word)
    has_fencing = cluster.options.fencing_enabled
    if name == "stop":
        if word in ("", "restart", "standby", "demote", "stop") or (word == "fence" and not has_fencing):
            return "fence" if has_fencing and resource.agent[0] != "stonith" else "block"
        return word
    if word == "fence" and not has_fencing:
        return "stop"
    return word or "restart"


def _consequences(cluster: Cluster, resource: Resource, node: Node, finding: _Finding) -> None:
    assert finding.failed_by is not None
    operation = finding.failed_by
    match finding.on_fail:
        case "block":
            resource.is_blocked = True
            resource.failed_on.add(node.index)
        case "fence":
            resource.failed_on.add(node.index)
            if resource.is_managed and node.is_online:
                node.is_unclean = True
                node.fence_reason = node.fence_reason or f"{resource.shown_id} failed to {operation.name}"
        case "standby":
            resource.failed_on.add(node.index)
            node.is_standby = True
        case "stop":
            resource.failed_on.add(node.index)
            resource.next_role = Role.STOPPED
        case _:
            if finding.role > Role.STOPPED:
                resource.failed_on.add(node.index)


def _block_what_runs_twice(cluster: Cluster) -> None:
    for resource in cluster.primitives():
        if len(resource.active) > 1 and resource.meta.get("multiple-active", "stop_start") == "block":
            resource.is_blocked = True
