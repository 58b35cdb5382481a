"""Reading one resource's history on one node: the order of its operations, and what is noted on the way.

Used by history.py, which says what each result means, and migrations.py, for which two nodes have to be asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hacluster.cib.model import SCORE_INFINITY, Element
from hacluster.cib.status import Operation, read_operation
from hacluster.scheduler.on_fail import OnFail
from hacluster.scheduler.working import Cluster, Node, NodeKind, Resource, Role, Variant

OCF_OK = 0
OCF_NOT_RUNNING = 7
PENDING_RC = 193
STATUS_PENDING = -1


@dataclass(slots=True)
class Reading:
    """The history of one resource on one node while it is read."""

    cluster: Cluster
    resource: Resource
    node: Node
    role: Role = Role.UNKNOWN
    on_fail: OnFail = OnFail.IGNORE
    last_failure: Operation | None = None


def operations_of(entry: Element, node: Node) -> list[Operation]:
    """The history of one resource on one node, oldest first."""
    return in_order(read_operation(op, entry.id, node.uname) for op in entry.all("lrm_rsc_op"))


def in_order(operations: Iterable[Operation]) -> list[Operation]:
    """Oldest first. A pending operation has no call yet: its transition tells; a last failure repeats another entry."""
    found = list(operations)
    if len(found) < 2:
        return found
    found.sort(key=lambda op: (op.call_id if op.call_id >= 0 else SCORE_INFINITY, op.last_change))
    pending = [op for op in found if op.call_id < 0]
    if not pending:
        return found
    done = [op for op in found if op.call_id >= 0]
    for op in pending:
        place = len(done)
        while place and is_later(done[place - 1], op):
            place -= 1
        done.insert(place, op)
    return done


def is_later(one: Operation, other: Operation) -> bool:
    """Whether an operation comes from a later transition of the same controller."""
    mine, theirs = one.transition_key.split(":"), other.transition_key.split(":")
    if len(mine) < 4 or len(theirs) < 4 or mine[3] != theirs[3]:
        return False
    return mine[1].isdecimal() and theirs[1].isdecimal() and int(mine[1]) > int(theirs[1])


def started(resource: Resource) -> Role:
    clone = resource.clone
    return Role.UNPROMOTED if clone is not None and clone.is_promotable else Role.STARTED


def mark_unclean(node: Node, reason: str) -> None:
    """The node must be fenced; the first reason is the one told. A guest is reset by restarting its container."""
    connection = node.connection
    if node.kind is NodeKind.GUEST and connection is not None and connection.container is not None:
        container = connection.container
        if container.is_managed and not container.is_failed:
            node.requires_reset = container.is_failed = container.must_stop = True
            container.failed_on |= set(container.active)
        return
    if node.kind is NodeKind.REMOTE:
        if connection is not None and not connection.is_managed:
            return
        node.requires_reset = True
    if not node.is_unclean or not node.fence_reason:
        node.is_unclean, node.fence_reason = True, reason


def add_running(cluster: Cluster, resource: Resource, node: Node, role: Role) -> None:
    if node.index in resource.active:
        resource.active[node.index] = max(role, resource.active[node.index])
        return
    resource.active[node.index] = role
    resource.role = max(resource.role, role)
    if node.is_in_maintenance:
        resource.is_managed, resource.in_maintenance = False, True
    if not resource.is_managed:
        resource.allow(node, SCORE_INFINITY, "not managed")
        return
    if len(resource.active) > 1 and resource.migrating is None and not resource.dangling_on:
        _runs_twice(cluster, resource)


def _runs_twice(cluster: Cluster, resource: Resource) -> None:
    match resource.multiple_active:
        case "stop_only":
            resource.ban(cluster.nodes, "active more than once")
        case "block":
            family = [resource]
            parent = resource.parent
            if parent is not None and parent.variant is Variant.GROUP and parent.multiple_active == "block":
                family = parent.children
            for member in family:
                member.is_managed, member.is_blocked = False, True
