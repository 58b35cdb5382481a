"""What `crm_resource` lists: resources as a tree, their recorded operations, the constraints that decide their place.

Reads a Cib and its view; gives lines of text in the form of Pacemaker 2.1.5.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import Operation, operations
from hacluster.cli.mon_text import STATUS_TEXTS, Sections, ctime, resource_block
from hacluster.cli.resource_text import Shown, primitive_line
from hacluster.cli.status_view import ResourceView, View

_PENDING = -1


def resource_tree(view: View, *, with_nodes: bool = False) -> list[str]:
    """All resources with their states; Pacemaker's own list leaves the nodes out."""
    shown = view if with_nodes else msgspec.structs.replace(view, resources=tuple(map(_placeless, view.resources)))
    return resource_block(shown, Sections(resources=Shown(inactive=True)))


def _placeless(resource: ResourceView) -> ResourceView:
    """A plain resource without its nodes; for the instances of a clone they are all that is told."""
    if resource.variant == "clone":
        return resource
    children = tuple(map(_placeless, resource.children))
    return msgspec.structs.replace(resource, nodes=() if not children else resource.nodes, children=children)


# ---------------------------------------------------------------- operations


def operation_lines(cib: Cib, leaves: list[ResourceView], resource: str, node: str, *, every: bool) -> list[str]:
    """The history, one line for each entry: of a resource or a node, on request; `every` adds remembered failures."""
    heads = {leaf.id.split(":")[0]: primitive_line(_placeless(leaf)) for leaf in leaves}
    lines = []
    for found in operations(cib):
        name = found.resource.split(":")[0]
        if name not in heads or resource not in ("", name, found.resource) or node not in ("", found.node):
            continue
        if every or found.status == _PENDING or not found.id.endswith("_last_failure_0"):
            lines.append(f"{heads[name]}: {_operation(found)}")
    return lines


def _operation(found: Operation) -> str:
    key = f"{found.resource}_{found.name}_{found.interval_ms}"
    when = f", last-rc-change='{ctime(found.last_change)}', exec={found.exec_ms}ms" if found.last_change else ""
    state = STATUS_TEXTS.get(found.status, "unknown")
    return f"{key} (node={found.node}, call={found.call_id}, rc={found.rc}{when}): {state}"


# ---------------------------------------------------------------- constraints


def constraint_lines(cib: Cib, resource: str, *, recursive: bool, exactly: bool = False) -> list[str]:
    """Locations and colocations of a resource, or of the outermost collective that it is part of."""
    name = resource if exactly else _collective(cib, resource)
    lines = list(_locations(cib, name, 0))
    for own_end in ("with-rsc", "rsc"):
        lines += _colocations(cib, name, own_end, 0, frozenset(), recursive=recursive)
    return lines


def _collective(cib: Cib, resource: str) -> str:
    for top in cib.section("resources").children:
        if any(found.id == resource for found in top.walk() if found.tag not in ("nvpair", "op")):
            return top.id
    return resource


def _heading(text: str, level: int) -> str:
    return f"{'    ' * level}* {text}" if level else text


def _colocations(
    cib: Cib, name: str, own_end: str, level: int, seen: frozenset[str], *, recursive: bool
) -> Iterator[str]:
    """Colocations in which the resource stands at `own_end`, with what holds for the resources at the other end."""
    other_end = "rsc" if own_end == "with-rsc" else "with-rsc"
    found = [one for one in cib.section("constraints").all("rsc_colocation") if one.get(own_end) == name]
    found = [one for one in found if one.get(other_end) and one.id not in seen]
    if found:
        title = f"Resources colocated with {name}:" if own_end == "with-rsc" else f"Resources {name} is colocated with:"
        yield _heading(title, level)
    for one in found:
        other = one.get(other_end)
        yield f"{'    ' * level}  * {other} (score={one.get('score', '0')}, id={one.id})"
        yield from _locations(cib, other, level + 1)
        if recursive:
            yield from _colocations(cib, other, own_end, level + 1, seen | {one.id}, recursive=True)


def _locations(cib: Cib, name: str, level: int) -> Iterator[str]:
    found = [
        f"{'    ' * level}  * Node {node} (score={score}, id={identity}, rsc={name})"
        for constraint in cib.section("constraints").all("rsc_location")
        if constraint.get("rsc") == name
        for node, score, identity in _places(cib, constraint)
    ]
    if found:
        yield _heading("Locations:", level)
    yield from found


def _places(cib: Cib, constraint: Element) -> Iterator[tuple[str, str, str]]:
    """(node, score, id) of each node that a constraint is about; a rule is told for the nodes that it names."""
    if constraint.get("node"):
        yield constraint.get("node"), constraint.get("score", "0"), constraint.id
    nodes = {node.get("uname") for node in cib.section("nodes").all("node")}
    for rule in constraint.all("rule"):
        for expression in rule.all("expression"):
            names_a_node = expression.get("attribute") == "#uname" and expression.get("operation") == "eq"
            if names_a_node and expression.get("value") in nodes:
                yield expression.get("value"), rule.get("score", "0"), rule.id
