"""Tracing of resource agents: the parameter `trace_ra`, of the resource or of one of its operations.

Reads a Cib; gives the changed one. ocf-shellfuncs writes the trace when an agent finds the parameter.
"""

from __future__ import annotations

from hacluster.cib.model import Cib, Element
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.resource_settings import resource_element

NAME = "trace_ra"


def with_tracing(cib: Cib, resource: str, operation: str = "", interval: str = "", *, is_on: bool) -> Cib:
    """Without an operation every call is traced."""
    element = resource_element(cib, resource)
    if element.tag != "primitive":
        raise CommandFailed(Exit.USAGE, f"{resource} is no primitive: trace the resources inside it")
    if not operation:
        changed = _with_parameter(element, is_on=is_on)
    else:
        operations = _operations(element, operation, interval, is_on=is_on)
        changed = element.mapping_children(lambda child: operations if child.tag == "operations" else child)
        changed = changed if element.find("operations") else element.with_child(operations)
    if not is_on and not operation and changed.find("operations"):
        operations = _operations(changed, "", "", is_on=False)
        changed = changed.mapping_children(lambda child: operations if child.tag == "operations" else child)
    return cib.with_configuration(_replaced(cib.configuration, element, changed))


def _replaced(tree: Element, old: Element, new: Element) -> Element:
    return tree.mapping_children(lambda child: new if child is old else _replaced(child, old, new))


def _operations(element: Element, operation: str, interval: str, *, is_on: bool) -> Element:
    """The operations with the parameter at those that fit; one that is not configured is added."""
    held = element.find("operations") or Element("operations")
    fits = [op for op in held.all("op") if operation in ("", op.get("name")) and interval in ("", op.get("interval"))]
    if not fits and not is_on:
        return held
    if not fits:
        length = interval or "0"
        attributes = {"id": f"{element.id}-{operation}-{length}", "name": operation, "interval": length}
        return held.with_child(_with_parameter(Element("op", attributes), is_on=True))
    return held.mapping_children(lambda op: _with_parameter(op, is_on=is_on) if op in fits else op)


def _with_parameter(owner: Element, *, is_on: bool) -> Element:
    """`owner` with the pair or without it; a set that is left empty goes."""

    def without(child: Element) -> Element | None:
        if child.tag != "instance_attributes":
            return child
        kept = tuple(pair for pair in child.children if pair.get("name") != NAME)
        return child if kept == child.children else child.with_children(kept) if kept else None

    cleaned = owner.mapping_children(without)
    if not is_on:
        return cleaned
    held = cleaned.find("instance_attributes") or Element(
        "instance_attributes", {"id": f"{owner.id}-instance_attributes"}
    )
    pair = Element("nvpair", {"id": f"{held.id}-{NAME}", "name": NAME, "value": "1"})
    if cleaned.find("instance_attributes") is None:
        return cleaned.with_child(held.with_child(pair))
    return cleaned.replacing(held, held.with_child(pair))
