"""Digests of parameters: how a changed configuration is noticed.

Reads a resource's parameters and its history; says whether what runs was started with the same ones.
"""

from __future__ import annotations

from enum import Enum, auto
from hashlib import md5

from hacluster.cib.status import Operation
from hacluster.scheduler.unpack import pairs
from hacluster.scheduler.working import Node, OperationConfig, Resource

_STARTING = ("start", "migrate_from", "promote", "reload-agent", "reload")


class Change(Enum):
    NONE = auto()
    RELOAD = auto()
    """Only parameters that the agent can take over while it runs."""
    RESTART = auto()


def parameters_of(resource: Resource, node: Node) -> dict[str, str]:
    """Instance attributes as they hold on the node: its own, its template's, those of what it is in, the defaults."""
    found: dict[str, str] = {}
    above: Resource | None = resource
    while above is not None:
        for holder in (above.element, above.template):
            found = pairs(holder, "instance_attributes", node.attributes) | found
        above = above.parent
    found = pairs(resource.defaults, "instance_attributes", node.attributes) | found
    container = resource.container
    if container is not None and resource.connects_to is not None and found.get("addr") == "#uname":
        found["addr"] = _host_of(container, node)
    return found


def depend_on_node(resource: Resource) -> bool:
    """Whether its parameters may differ from node to node."""
    holders = [resource.defaults]
    above: Resource | None = resource
    while above is not None:
        holders += [above.element, above.template]
        above = above.parent
    sets = (one for holder in holders for one in holder.all("instance_attributes"))
    return resource.container is not None or any(any(one.all("rule")) for one in sets)


def _host_of(container: Resource, node: Node) -> str:
    """A container without an address is reached where it runs; its connection usually is there too."""
    return container.host_name or node.uname


def digest(parameters: dict[str, str], interval_ms: int, timeout_ms: int) -> str:
    """MD5 of the parameters in Pacemaker's form (conformance README, "op-digest"); it detects change, nothing more."""
    shown = dict(parameters)
    if interval_ms:
        shown["CRM_meta_timeout"] = str(timeout_ms)
    inner = "".join(f' {name}="{_escaped(value)}"' for name, value in sorted(shown.items()))
    return md5(f" <parameters{inner}/>\n".encode(), usedforsecurity=False).hexdigest()


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def change_of(resource: Resource, node: Node) -> Change:
    """What the newest start on the node asks for, compared with the configuration."""
    history = resource.history.get(node.index, [])
    starts = [op for op in history if op.name in _STARTING] or [op for op in history if op.is_probe and op.rc in (0, 8)]
    if not starts or resource.is_orphan:
        return Change.NONE
    newest = starts[-1]
    known = newest.element.get("op-digest")
    if not known:
        return Change.RESTART if newest.name == "start" and newest.rc == 0 else Change.NONE
    if known == digest(parameters_of(resource, node), 0, 0):
        return Change.NONE
    if _is_censored(newest, parameters_of(resource, node)):
        return Change.NONE
    return _what_kind(newest, parameters_of(resource, node))


def _is_censored(start: Operation, parameters: dict[str, str]) -> bool:
    """A report hides secrets, so that they can't be compared."""
    return any(parameters.get(name, "").startswith("***") for name in start.element.get("op-secure-params").split())


def _what_kind(start: Operation, parameters: dict[str, str]) -> Change:
    listed = start.element.get("op-force-restart").split()
    wanted = start.element.get("op-restart-digest")
    if not wanted:
        return Change.RESTART
    # Without a list the digest is one of all parameters, as they are now.
    needing_restart = {name: value for name, value in parameters.items() if name in listed or not listed}
    return Change.RELOAD if digest(needing_restart, 0, 0) == wanted else Change.RESTART


def monitor_has_changed(resource: Resource, node: Node, config: OperationConfig) -> bool:
    """Whether a recurring monitor runs with other parameters, or another timeout, than configured."""
    for operation in reversed(resource.history.get(node.index, [])):
        if operation.name == "monitor" and operation.interval_ms == config.interval_ms:
            known = operation.element.get("op-digest")
            parameters = parameters_of(resource, node) | config.parameters
            if not known or _is_censored(operation, parameters):
                return False
            return known != digest(parameters, config.interval_ms, config.timeout_ms)
    return False


def has_other_parameters(resource: Resource, node: Node, operation: Operation, default_timeout_ms: int) -> bool:
    """Whether an operation of the past was told something else than it would be told now, secrets included."""
    known = operation.element.get("op-digest")
    container = resource.container
    if not known or (container is not None and container.bundle is not None and not container.host_name):
        # Where a bundle's container will be isn't known yet, so neither is what its connection is told.
        return False
    same = (op for op in resource.operations if (op.name, op.interval_ms) == (operation.name, operation.interval_ms))
    config = next(same, None)
    parameters = parameters_of(resource, node) | (config.parameters if config is not None else {})
    timeout_ms = config.timeout_ms if config is not None else default_timeout_ms
    return known != digest(parameters, operation.interval_ms, timeout_ms)
