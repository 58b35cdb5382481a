"""Which failures are forgiven: those older than failure-timeout, and those of another configuration.

Reads operations and failcounts while a history is read; gives whether one still counts, and notes failcounts to clear.
"""

from __future__ import annotations

from hacluster.cib.status import Operation
from hacluster.scheduler.digests import has_other_parameters
from hacluster.scheduler.failures import clear_failcount, effective_fail_count, raw_fail_count
from hacluster.scheduler.on_fail import OnFail, on_fail_of
from hacluster.scheduler.reading import Reading

LAST_FAILURE = "_last_failure_0"


def is_forgiven(reading: Reading, operation: Operation) -> bool:
    """Whether the operation is too old to count; where it is, or was another's configuration, its failcount goes."""
    if _has_expired(reading, operation):
        return True
    if operation.id.endswith(LAST_FAILURE) and operation.name in ("start", "monitor"):
        resource, node = reading.resource, reading.node
        if has_other_parameters(resource, node, operation, reading.cluster.options.default_timeout_ms):
            clear_failcount(reading.cluster, resource, node)
    return False


def _has_expired(reading: Reading, operation: Operation) -> bool:
    """Whether the operation is older than failure-timeout."""
    cluster, resource, node = reading.cluster, reading.resource, reading.node
    if resource.failure_timeout_ms and _has_blocking_failure(reading):
        resource.failure_timeout_ms = 0
    if resource.failure_timeout_ms <= 0 or not operation.last_change:
        return False
    timeout = resource.failure_timeout_ms / 1000
    counted, newest = effective_fail_count(cluster, resource, node)
    if counted:
        cluster.recheck(newest + timeout)
    if cluster.now < operation.last_change + timeout or _waits_for_fencing(reading, operation):
        return False
    if raw_fail_count(resource, node)[0]:
        if counted:
            return False
        clear_failcount(cluster, resource, node)
    elif resource.reconnect_ms and operation.id.endswith(LAST_FAILURE):
        clear_failcount(cluster, resource, node)
    return not (operation.is_probe and operation.rc in (0, 7, 8, 9, 190, 191))


def _waits_for_fencing(reading: Reading, operation: Operation) -> bool:
    """The loss of a connection is remembered until its node has been fenced, since nobody says it twice."""
    resource, cluster = reading.resource, reading.cluster
    if not (resource.reconnect_ms and operation.interval_ms and operation.name == "monitor"):
        return False
    remote = None if resource.connects_to is None else cluster.nodes[resource.connects_to]
    return cluster.options.fencing_enabled and remote is not None and not remote.was_fenced


def _has_blocking_failure(reading: Reading) -> bool:
    """A failure with on-fail=block waits for a human, however long."""
    resource, node = reading.resource, reading.node
    if not any(op.on_fail == "block" for op in resource.operations) or not raw_fail_count(resource, node)[0]:
        return False
    failed = [op for op in resource.history[node.index] if op.is_failure]
    return any(on_fail_of(reading.cluster, resource, op.name, op.interval_ms) is OnFail.BLOCK for op in failed)
