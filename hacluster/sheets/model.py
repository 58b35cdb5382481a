"""What a sheet says, typed: nodes, settings, resources, constraints and alerts.

Reads nothing; gives frozen structs whose `at` is the cell that the operator can go to.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hacluster.sheets.rows import Cell


class ResourceKind(StrEnum):
    PRIMITIVE = "primitive"
    GROUP = "group"
    CLONE = "clone"
    MS = "ms"


class Parameter(msgspec.Struct, frozen=True):
    name: str
    value: str
    at: Cell


class ParameterSet(msgspec.Struct, frozen=True):
    """`params`, `meta`, `attributes`, … with the rule under which they hold ("" = always)."""

    kind: str
    rule: str
    parameters: tuple[Parameter, ...]


class Node(msgspec.Struct, frozen=True):
    uname: str
    ntype: str
    sets: tuple[ParameterSet, ...]
    at: Cell


class Resource(msgspec.Struct, frozen=True):
    """One row of RESOURCES; `parent` is the id of what holds it, "" at the top."""

    kind: ResourceKind
    id: str
    parent: str
    at: Cell


class Operation(msgspec.Struct, frozen=True):
    name: str
    attributes: tuple[tuple[str, str], ...]
    at: Cell


class Primitive(msgspec.Struct, frozen=True):
    id: str
    agent_class: str
    provider: str
    agent_type: str
    sets: tuple[ParameterSet, ...]
    operations: tuple[Operation, ...]
    at: Cell

    @property
    def agent(self) -> str:
        return ":".join(part for part in (self.agent_class, self.provider, self.agent_type) if part)

    def parameter(self, name: str) -> str:
        """The value of an instance parameter, or ""."""
        for group in self.sets:
            for parameter in group.parameters:
                if group.kind == "params" and parameter.name == name:
                    return parameter.value
        return ""


class Rule(msgspec.Struct, frozen=True):
    """One rule of a location as crm text, after the word `rule`."""

    text: str
    at: Cell


class Location(msgspec.Struct, frozen=True):
    rsc: str
    rules: tuple[Rule, ...]


class Colocation(msgspec.Struct, frozen=True):
    rsc: str
    with_rsc: str
    score: str
    rsc_role: str
    with_role: str
    at: Cell
    generated: bool = False

    @property
    def meaning(self) -> tuple[str, ...]:
        return (self.rsc, self.with_rsc, self.score, self.rsc_role, self.with_role)


class Order(msgspec.Struct, frozen=True):
    first: str
    then: str
    score: str
    first_action: str
    then_action: str
    symmetrical: str
    at: Cell
    generated: bool = False

    @property
    def meaning(self) -> tuple[str, ...]:
        return (self.first, self.then, self.score, self.first_action, self.then_action, self.symmetrical)


class Ticket(msgspec.Struct, frozen=True):
    ticket: str
    rsc: str
    role: str
    loss_policy: str
    at: Cell


class Device(msgspec.Struct, frozen=True):
    """One row of FENCING_TOPOLOGY; node "" is every node."""

    node: str
    index: int
    rsc: str
    at: Cell


class Recipient(msgspec.Struct, frozen=True):
    value: str
    sets: tuple[ParameterSet, ...]


class Alert(msgspec.Struct, frozen=True):
    path: str
    sets: tuple[ParameterSet, ...]
    recipients: tuple[Recipient, ...]
    at: Cell


class SheetModel(msgspec.Struct, frozen=True):
    """Everything that one sheet says, in the order in which it is written to crm text."""

    nodes: tuple[Node, ...] = ()
    properties: tuple[Parameter, ...] = ()
    rsc_defaults: tuple[Parameter, ...] = ()
    op_defaults: tuple[Parameter, ...] = ()
    resources: tuple[Resource, ...] = ()
    container_sets: dict[str, tuple[ParameterSet, ...]] = {}
    topology: tuple[Device, ...] = ()
    primitives: dict[str, Primitive] = {}
    locations: tuple[Location, ...] = ()
    expert_locations: tuple[Location, ...] = ()
    colocations: tuple[Colocation, ...] = ()
    orders: tuple[Order, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    additional: tuple[Cell, ...] = ()
    alerts: tuple[Alert, ...] = ()

    def children(self, resource_id: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.parent == resource_id]
