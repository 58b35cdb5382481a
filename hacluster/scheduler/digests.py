"""Digests of parameters: how a changed configuration is noticed.

Reads a resource's parameters and its history; says whether what runs was started with the same ones.
"""

from __future__ import annotations

from enum import Enum, auto
from hashlib import md5

from hacluster.cib.status import Operation
from hacluster.scheduler.unpack import pairs
from hacluster.scheduler.working import Node, OperationConfig, Resource


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


def change_of(resource: Resource, node: Node, operation: Operation, config: OperationConfig | None) -> Change:
    """What a result on the node asks for, compared with the configuration."""
    own = config.parameters if config is not None else {}
    parameters = parameters_of(resource, node) | own
    known, wanted = operation.element.get("op-digest"), operation.element.get("op-restart-digest")
    timeout_ms = config.timeout_ms if config is not None else 0
    if wanted:
        # Without a list the digest is one of all parameters, as they are now.
        listed = operation.element.get("op-force-restart").split()
        is_listed = "op-force-restart" in operation.element.attributes
        binding = {name: value for name, value in parameters.items() if name in listed or not is_listed}
        if digest(binding, operation.interval_ms, timeout_ms) != wanted:
            return Change.NONE if _is_censored(operation, parameters) else Change.RESTART
    if known and known == digest(parameters, operation.interval_ms, timeout_ms):
        return Change.NONE
    if _is_censored(operation, parameters):
        return Change.NONE
    return Change.RELOAD if wanted and not (known and own) else Change.RESTART


def _is_censored(operation: Operation, parameters: dict[str, str]) -> bool:
    """A report hides secrets, so that they can't be compared."""
    return any(parameters.get(name, "").startswith("***") for name in operation.element.get("op-secure-params").split())


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
