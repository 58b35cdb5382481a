"""The sheet's model -> crm shell text, byte for byte as the converter of old wrote it.

Reads a `SheetModel`; gives the text with its sections, each under its comment line, or "" for an empty sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hacluster.sheets.constraints import Options, one_word
from hacluster.sheets.model import (
    Alert,
    Device,
    Node,
    Operation,
    Order,
    Parameter,
    ParameterSet,
    Primitive,
    Resource,
    ResourceKind,
    SheetModel,
)
from hacluster.sheets.rows import BLANKS, Cell

_NEXT = " \\\n"
_CONTAINER_TITLES = {
    ResourceKind.GROUP: "Group",
    ResourceKind.CLONE: "Clone",
    ResourceKind.MS: "Master/Slave",
    ResourceKind.PRIMITIVE: "Primitive",
}


def print_sheet(model: SheetModel, options: Options) -> str:
    sections = [
        _section("Cluster Node", [_node(node) for node in model.nodes]),
        _section("Cluster Option", _settings("property", model.properties)),
        _section("Resource Defaults", _settings("rsc_defaults", model.rsc_defaults)),
        _section("Operations Defaults", _settings("op_defaults", model.op_defaults)),
        *_containers(model),
        _section("Fencing Topology", _topology(model.topology)),
        _section("Primitive Configuration", ["\n\n".join(_primitives(model))] if model.primitives else []),
        _section("Resource Location", _locations(model)),
        _section("Resource Colocation", _colocations(model)),
        _section("Resource Order", [_order(order, n) for n, order in enumerate(model.orders, start=1)]),
        _section("Resource Ticket", _tickets(model)),
        _section("Additional Config", [text for cell in model.additional if (text := additional_text(cell))]),
        _section("Alert Configuration", [_alert(a, n, options) for n, a in enumerate(model.alerts, start=1)]),
    ]
    text = "\n\n".join(section for section in sections if section)
    return f"{text}\n" if text else ""


def quoted(value: str) -> str:
    """The value in double quotes. Only a value that would end the quote early is escaped."""
    if '"' in value or value.endswith("\\"):
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _section(title: str, statements: Sequence[str]) -> str:
    return "\n".join([f"### {title} ###", *statements]) if statements else ""


def _pair(parameter: Parameter) -> str:
    return f"{parameter.name}={quoted(parameter.value)}"


def _settings(keyword: str, parameters: Sequence[Parameter]) -> list[str]:
    return [f"{keyword} " + f"{_NEXT}\t".join(map(_pair, parameters))] if parameters else []


def _sets(sets: Iterable[ParameterSet], depth: int = 1) -> list[str]:
    """The lines of the sets, each behind its TABs: `params [rule]`, then the parameters one TAB deeper."""
    lines = []
    for found in sets:
        lines.append("\t" * depth + " ".join(part for part in (found.kind, found.rule) if part))
        lines.extend("\t" * (depth + 1) + _pair(parameter) for parameter in found.parameters)
    return lines


def _node(node: Node) -> str:
    name = f"{node.uname}:{node.ntype}" if node.ntype else node.uname
    return _NEXT.join([f"node {name}", *_sets(node.sets)])


def _containers(model: SheetModel) -> list[str]:
    """The containers in sheet order; a comment line stands wherever the kind changes."""
    sections: list[str] = []
    before: ResourceKind | None = None
    for resource in model.resources:
        if resource.kind is ResourceKind.PRIMITIVE:
            continue
        text = _container(resource, model)
        title = "" if resource.kind is before else f"### {_CONTAINER_TITLES[resource.kind]} Configuration ###\n"
        sections.append(f"{title}{text}")
        before = resource.kind
    return sections


def _container(resource: Resource, model: SheetModel) -> str:
    members = [f"\t{child.id}" for child in model.children(resource.id)]
    sets = _sets(model.container_sets.get(resource.id, ()))
    return _NEXT.join([f"{resource.kind} {resource.id}", *members, *sets])


def _topology(devices: Sequence[Device]) -> list[str]:
    if not devices:
        return []
    nodes: dict[str, dict[int, list[str]]] = {}
    for device in sorted(devices, key=lambda device: (device.node, device.index)):
        nodes.setdefault(device.node, {}).setdefault(device.index, []).append(device.rsc)
    lines = []
    for node, levels in nodes.items():
        text = " ".join(",".join(level) for level in levels.values())
        lines.append(f"\t{node}: {text}" if node else f"\t{text}")
    return [_NEXT.join(["fencing_topology", *lines])]


def _primitives(model: SheetModel) -> Iterable[str]:
    for resource in model.resources:
        if resource.id in model.primitives:
            yield _primitive(model.primitives[resource.id])


def _primitive(primitive: Primitive) -> str:
    sets = [found for found in primitive.sets if found.kind != "operations"]
    operations = [found for found in primitive.sets if found.kind == "operations"]
    lines = [f"primitive {primitive.id} {primitive.agent}", *_sets([*sets, *operations])]
    return _NEXT.join([*lines, *map(_operation, primitive.operations)])


def _operation(operation: Operation) -> str:
    attributes = " ".join(f"{name}={quoted(value)}" for name, value in operation.attributes)
    return f"\top {operation.name} {attributes}"


def _locations(model: SheetModel) -> list[str]:
    return [
        _NEXT.join(
            [
                f"location rsc_location-{location.rsc}-{number} {location.rsc}",
                *(f"\trule {rule.text}" for rule in location.rules),
            ]
        )
        for number, location in enumerate((*model.locations, *model.expert_locations), start=1)
    ]


def _with(name: str, extra: str) -> str:
    return f"{name}:{extra}" if extra else name


def _colocations(model: SheetModel) -> list[str]:
    return [
        f"colocation rsc_colocation-{c.rsc}-{c.with_rsc}-{number} "
        f"{c.score}: {_with(c.rsc, c.rsc_role)} {_with(c.with_rsc, c.with_role)}"
        for number, c in enumerate(model.colocations, start=1)
    ]


def _order(order: Order, number: int) -> str:
    tail = f" symmetrical={order.symmetrical}" if order.symmetrical else ""
    return (
        f"order rsc_order-{order.first}-{order.then}-{number} "
        f"{order.score}: {_with(order.first, order.first_action)} {_with(order.then, order.then_action)}{tail}"
    )


def _tickets(model: SheetModel) -> list[str]:
    return [
        f"rsc_ticket rsc_ticket-{ticket.ticket}-{number} {ticket.ticket}: {_with(ticket.rsc, ticket.role)}"
        + (f" loss-policy={ticket.loss_policy}" if ticket.loss_policy else "")
        for number, ticket in enumerate(model.tickets, start=1)
    ]


def additional_text(cell: Cell) -> str:
    """One piece of crm text; its lines are joined anew, whatever continued them in the cell."""
    lines = [line.rstrip(f"{BLANKS}\\") for line in cell.raw.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    filled = [line for line in lines if line]
    return _NEXT.join([filled[0].lstrip(BLANKS), *filled[1:]]) if filled else ""


def _alert(alert: Alert, number: int, options: Options) -> str:
    lines = [f"alert alert_{number} {one_word(alert.path)}", *_sets(alert.sets)]
    for recipient in alert.recipients:
        value = one_word(recipient.value)
        if options.brackets:
            inner = [f"\tto {{ {value}", *_sets(recipient.sets, depth=2)]
            lines.extend([*inner[:-1], f"{inner[-1]} }}"])
        else:
            lines.extend([f"\tto {value}", *_sets(recipient.sets, depth=2)])
    return _NEXT.join(lines)
