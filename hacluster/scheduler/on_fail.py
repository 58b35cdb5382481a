"""What a failed operation asks for: `on-fail` as configured, or its default.

Reads a resource's operations; gives a level, as the worst of several failures counts (reference/ocf-agents 4).
"""

from __future__ import annotations

from enum import IntEnum

from hacluster.scheduler.words import role_of
from hacluster.scheduler.working import Cluster, Node, NodeKind, OperationConfig, Resource, Role


class OnFail(IntEnum):
    """What a failure asks for, the mildest first."""

    IGNORE = 0
    DEMOTE = 1
    RECOVER = 2
    RESET_REMOTE = 3
    """Fence the remote node whose connection failed."""
    RESTART_CONTAINER = 4
    """Recover what the resource is inside of."""
    MIGRATE = 5
    BLOCK = 6
    STOP = 7
    STANDBY = 8
    FENCE = 9


def configured_operation(resource: Resource, name: str, interval_ms: int) -> OperationConfig | None:
    """The `<op>` for an action; one of another interval serves when the exact one isn't there."""
    same_name = [op for op in resource.operations if op.name == name]
    exact = [op for op in same_name if op.interval_ms == interval_ms]
    return exact[0] if exact else (same_name[0] if same_name and name != "monitor" else None)


def on_fail_of(cluster: Cluster, resource: Resource, name: str, interval_ms: int) -> OnFail:
    """What a failure of this operation asks for; the defaults are Pacemaker's."""
    config = configured_operation(resource, name, interval_ms)
    word = config.on_fail.lower() if config is not None else ""
    if not word and name in ("monitor", "demote") and resource.clone is not None and resource.clone.is_promotable:
        word = _on_fail_demote(resource, name, interval_ms)
    if word in ("", "restart-container"):
        if resource.container is not None:
            return OnFail.RESTART_CONTAINER
        word = ""
    if not (word and resource.is_managed) and _drops_remote(resource, name, interval_ms):
        return OnFail.RESET_REMOTE if resource.is_managed else OnFail.STOP
    has_fencing = cluster.options.fencing_enabled
    if name == "stop" and word in ("", "standby", "demote"):
        word = "fence" if has_fencing else "block"
    if word == "fence" and not has_fencing:
        word = "stop"
    known = {
        "ignore": OnFail.IGNORE,
        "nothing": OnFail.IGNORE,
        "demote": OnFail.DEMOTE,
        "block": OnFail.BLOCK,
        "stop": OnFail.STOP,
        "standby": OnFail.STANDBY,
        "fence": OnFail.FENCE,
        "migrate": OnFail.MIGRATE,
    }
    return known.get(word, OnFail.RECOVER)


def _drops_remote(resource: Resource, name: str, interval_ms: int) -> bool:
    """Whether such a failure ends a connection that was there: a start or a probe has none to lose."""
    is_connection = resource.connects_to is not None and resource.container is None
    return is_connection and name != "start" and (name != "monitor" or interval_ms > 0)


def _on_fail_demote(resource: Resource, name: str, interval_ms: int) -> str:
    """A demote without its own on-fail takes that of a promoted monitor, where that says demote or block…"""
    if name != "demote":
        return ""
    for op in resource.operations:
        if op.name == "monitor" and role_of(op.role) is Role.PROMOTED and op.interval_ms and op.on_fail:
            return op.on_fail.lower() if op.on_fail.lower() != "demote" else ""
    return ""


def can_fence(cluster: Cluster, node: Node) -> bool:
    """A partition without quorum fences only its own members, unless its policy is to ignore that."""
    options = cluster.options
    if node.kind is NodeKind.GUEST:
        # It is fenced by a stop of what it is, which needs a host that is there or can be fenced itself.
        guest = node.connection.container if node.connection is not None else None
        hosts = [cluster.nodes[index] for index in guest.active] if guest is not None else []
        return all(host.is_online or can_fence(cluster, host) for host in hosts)
    if not options.fencing_enabled or not options.has_fence_devices:
        return False
    return options.has_quorum or options.no_quorum_policy == "ignore" or node.is_online
