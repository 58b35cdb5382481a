"""Where a resource is after a live migration that went wrong, or has not ended: both nodes have to be asked.

Reads the histories of source and target; writes roles, and the ends that still have to be stopped.
"""

from __future__ import annotations

from hacluster.cib.status import Operation
from hacluster.scheduler.reading import (
    OCF_NOT_RUNNING,
    OCF_OK,
    PENDING_RC,
    STATUS_PENDING,
    Reading,
    add_running,
    in_order,
    is_later,
    operations_of,
)
from hacluster.scheduler.working import Node, Role

_CHANGING = ("start", "stop", "migrate_to", "migrate_from")


def _entries_on(reading: Reading, node: Node) -> list[Operation]:
    """The history of this resource on another node, read or not."""
    resource = reading.resource
    if node.index in resource.history:
        return resource.history[node.index]
    if node.index in resource.entries:
        return operations_of(resource.entries[node.index], node)
    return reading.cluster.raw_history(node, resource.shown_id, in_order)


def _is_newer(one: Operation, other: Operation) -> bool:
    """By call ids on one node; between nodes by their times, or by the transitions of one controller."""
    if one.node == other.node:
        return one.call_id > other.call_id >= 0 or (one.call_id < 0 <= other.call_id)
    if one.last_change and other.last_change:
        return one.last_change > other.last_change
    return is_later(one, other)


def _has_moved_on(reading: Reading, node: Node, since: Operation, arrival: Operation | None = None) -> bool:
    """Whether the node has newer news of the resource than a migration."""
    base = arrival if arrival is not None and arrival.node == node.uname else since
    for op in _entries_on(reading, node):
        is_news = op.name in _CHANGING or (op.name == "monitor" and op.rc == OCF_NOT_RUNNING)
        if is_news and op is not base and _is_newer(op, base):
            return True
    return False


def _has_changed(reading: Reading, node: Node, since: Operation) -> bool:
    return any(op.name in _CHANGING and _is_newer(op, since) for op in _entries_on(reading, node))


def _is_unknown(reading: Reading, node: Node) -> bool:
    return not any(op.rc != PENDING_RC for op in _entries_on(reading, node))


def _other_end(reading: Reading, operation: Operation, attribute: str) -> Node | None:
    return reading.cluster.by_uname.get(operation.element.get(attribute))


def _half_of(reading: Reading, node: Node, name: str, other: Node) -> Operation | None:
    """The newest `migrate_from` on the target, or `migrate_to` on the source, of a migration with the other node."""
    attribute = "migrate_source" if name == "migrate_from" else "migrate_target"
    found = [op for op in _entries_on(reading, node) if op.name == name]
    return next((op for op in reversed(found) if op.element.get(attribute) == other.uname), None)


def read_migrated(reading: Reading, operation: Operation) -> None:
    """The source let go: what the target says decides where the resource is now."""
    resource, source = reading.resource, reading.node
    target = _other_end(reading, operation, "migrate_target")
    if target is None:
        reading.role = Role.STARTED
        return
    source_changed = _has_changed(reading, source, operation)
    arrival = _half_of(reading, target, "migrate_from", source)
    if arrival is not None and source_changed:
        return
    target_moved_on = _has_moved_on(reading, target, operation, arrival)
    if source_changed and target_moved_on:
        return
    is_pending = arrival is None or arrival.status == STATUS_PENDING
    if arrival is not None and not is_pending and arrival.rc == OCF_OK:
        # It has arrived; the source still has to be tidied up with a stop.
        reading.role = Role.STOPPED
        resource.dangling_on.append(source.index)
        return
    reading.role = Role.STARTED
    is_there = not target_moved_on and target.is_online
    if is_pending and target.is_online and _is_unknown(reading, target):
        return
    if is_there:
        add_running(reading.cluster, resource, target, Role.STARTED)
        if is_pending and source.is_online:
            resource.migrating = (source.index, target.index)
    elif not is_pending or not source_changed:
        _cannot_go_on(reading)


def _cannot_go_on(reading: Reading) -> None:
    """The migration broke: it has to be started afresh, not migrated."""
    resource = reading.resource
    resource.is_failed = resource.must_stop = True
    resource.failed_on.add(reading.node.index)
    resource.meta["allow-migrate"] = "false"


def read_failed_migrate_to(reading: Reading, operation: Operation) -> None:
    """It may be at both ends: wherever the target does not deny it, it has to be stopped there too."""
    reading.role = Role.STARTED
    target = _other_end(reading, operation, "migrate_target")
    if target is None:
        return
    arrival = _half_of(reading, target, "migrate_from", reading.node)
    if not _is_unknown(reading, target) and not _has_moved_on(reading, target, operation, arrival):
        if target.is_online:
            add_running(reading.cluster, reading.resource, target, Role.STARTED)
    elif not _has_changed(reading, reading.node, operation):
        reading.resource.dangling_on.append(reading.node.index)


def read_failed_migrate_from(reading: Reading, operation: Operation) -> None:
    """The target could not take it; the source, if it has not been told to stop, may still have it."""
    reading.role = Role.STARTED
    source = _other_end(reading, operation, "migrate_source")
    if source is None or _is_unknown(reading, source):
        return
    sent = _half_of(reading, source, "migrate_to", reading.node)
    if not _has_moved_on(reading, source, operation, sent) and source.is_online:
        add_running(reading.cluster, reading.resource, source, Role.STARTED)
