"""RESOURCES, RSC_ATTRIBUTES, FENCING_TOPOLOGY and PRIMITIVE -> typed resources.

Reads tables; gives the tree of resources, the sets of containers, the fencing levels and the primitives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hacluster.cib.problems import ProblemKind
from hacluster.sheets.headings import Table
from hacluster.sheets.model import Device, Operation, ParameterSet, Primitive, Resource, ResourceKind
from hacluster.sheets.parameters import CONTAINER_KINDS, PRIMITIVE_KINDS, KindReader, SetBuilder, read_parameter
from hacluster.sheets.problems import (
    BAD_DEPTH,
    BAD_ID,
    BAD_NESTING,
    BAD_RESOURCE_KIND,
    BAD_VALUE,
    DUPLICATE_DEVICE,
    DUPLICATE_PRIMITIVE_TABLE,
    DUPLICATE_RESOURCE,
    EMPTY_CONTAINER,
    MISSING_PRIMITIVE_TABLE,
    MISSING_VALUE,
    MULTIPLE_ITEMS,
    NOT_PRIMITIVE,
    PRIMITIVE_WITHOUT_ID,
    UNKNOWN_RESOURCE,
    Findings,
)
from hacluster.sheets.rows import Cell
from hacluster.sheets.tables import Block, DataRow, SheetTable, normal_spelling, suggestion

_KINDS = {
    "primitive": ResourceKind.PRIMITIVE,
    "group": ResourceKind.GROUP,
    "clone": ResourceKind.CLONE,
    "ms": ResourceKind.MS,
    "master": ResourceKind.MS,
}
_MAY_HOLD = {
    ResourceKind.PRIMITIVE: (),
    ResourceKind.GROUP: (ResourceKind.PRIMITIVE,),
    ResourceKind.CLONE: (ResourceKind.PRIMITIVE, ResourceKind.GROUP),
    ResourceKind.MS: (ResourceKind.PRIMITIVE, ResourceKind.GROUP),
}
_XML_NAME = re.compile(r"[^\W\d][\w.-]*\Z")
_OPERATION_ORDER = ("interval", "role", "timeout", "on-fail", "start-delay")
_OPERATION_ATTRIBUTES = (
    *_OPERATION_ORDER,
    "description",
    "enabled",
    "id",
    "interval-origin",
    "name",
    "record-pending",
    "requires",
)


class Resources:
    """The tree of RESOURCES, and the ids that stand in it, wrong rows included."""

    def __init__(self) -> None:
        self.tree: list[Resource] = []
        self.kinds: dict[str, ResourceKind] = {}
        self.rows: dict[str, int] = {}
        self.doubtful: set[str] = set()
        """Ids whose own row is wrong: other tables may name them without being blamed."""

    def check(self, cell: Cell, findings: Findings, *, primitive: bool = False) -> bool:
        """Whether the cell names a resource of the sheet (a primitive, where one is needed)."""
        known = cell.text in self.rows
        if not known:
            findings.report(UNKNOWN_RESOURCE, cell, hint=suggestion(cell.text, self.rows))
            return False
        kind = self.kinds.get(cell.text)
        if primitive and kind not in (None, ResourceKind.PRIMITIVE):
            findings.report(NOT_PRIMITIVE, cell, kind=kind)
            return False
        return True

    def add(self, resource: Resource) -> None:
        self.tree.append(resource)
        self.kinds[resource.id] = resource.kind


def read_resources(tables: Iterable[SheetTable], findings: Findings) -> Resources:
    found = Resources()
    for table in tables:
        # The row above with depth 0, 1, … that a deeper row may belong to; None where that row is wrong.
        path: list[Resource | None] = []
        for row in table.rows:
            _read_resource(row, path, found, findings)
    return found


def _read_resource(row: DataRow, path: list[Resource | None], found: Resources, findings: Findings) -> None:
    items, id_cell = row.all("resourceitem"), row["id"]
    filled = [place for place, item in enumerate(items) if item.text]
    depth = filled[0] if filled else 0
    kind = _resource_kind(items, filled, findings)
    usable = _resource_id(id_cell, found, findings)
    if filled and depth > len(path):
        findings.report(BAD_DEPTH, items[depth])
        kind = None
    parent = path[depth - 1] if 0 < depth <= len(path) else None
    resource = None
    if kind is not None and usable:
        resource = Resource(kind, id_cell.text, parent.id if parent else "", id_cell)
        if parent and not _may_stand_in(resource, items[depth], parent, found, findings):
            resource = None
    if resource:
        found.add(resource)
    else:
        # The container of a wrong row is not empty: its own row must not be blamed for that.
        found.doubtful.update({id_cell.text, parent.id if parent else ""})
    if filled:
        del path[depth:]
        path.append(resource)


def _resource_kind(items: list[Cell], filled: list[int], findings: Findings) -> ResourceKind | None:
    if not filled:
        findings.report(MISSING_VALUE, items[0], table=Table.RESOURCES, column_name="resourceItem")
        return None
    if len(filled) > 1:
        findings.report(MULTIPLE_ITEMS, items[filled[1]])
        return None
    cell = items[filled[0]]
    kind = _KINDS.get(cell.text.lower())
    if kind is None:
        findings.report(
            BAD_RESOURCE_KIND, cell, hint=suggestion(cell.text, ["Primitive", "Group", "Clone", "Ms", "Master"])
        )
    return kind


def _resource_id(cell: Cell, found: Resources, findings: Findings) -> bool:
    if not cell.text:
        findings.report(MISSING_VALUE, cell, table=Table.RESOURCES, column_name="id")
        return False
    if cell.text in found.rows:
        findings.report(DUPLICATE_RESOURCE, cell, ref_row=found.rows[cell.text])
        return False
    found.rows[cell.text] = cell.row
    if not _XML_NAME.match(cell.text):
        findings.report(BAD_ID, cell, normal=_proper_id(cell.text))
        return False
    return True


def _proper_id(text: str) -> str:
    plain = re.sub(r"[^\w.-]", "-", normal_spelling(text))
    return plain if _XML_NAME.match(plain) else f"rsc-{plain}"


def _may_stand_in(child: Resource, cell: Cell, parent: Resource, found: Resources, findings: Findings) -> bool:
    detail = ""
    allowed = child.kind in _MAY_HOLD[parent.kind]
    if allowed and parent.kind in (ResourceKind.CLONE, ResourceKind.MS):
        other = next((resource for resource in found.tree if resource.parent == parent.id), None)
        allowed = other is None
        detail = f" (→ “{other.id}”)" if other else ""
    if not allowed:
        findings.report(
            BAD_NESTING, cell, child=child.kind, id=child.id, parent=parent.kind, parent_id=parent.id, detail=detail
        )
    return allowed


def read_container_sets(
    tables: Iterable[SheetTable], resources: Resources, findings: Findings
) -> dict[str, tuple[ParameterSet, ...]]:
    builders: dict[str, SetBuilder] = {}
    for table in tables:
        owner = ""
        named = False
        kinds = KindReader("type", CONTAINER_KINDS, Table.RSC_ATTRIBUTES, findings)
        for row in table.rows:
            if row["id"].text:
                kinds.reset()
                named = True
                owner = row["id"].text if resources.check(row["id"], findings) else ""
            if not named:
                findings.report(MISSING_VALUE, row["id"], table=Table.RSC_ATTRIBUTES, column_name="id")
            kind = kinds.read(row)
            parameter = read_parameter(row, Table.RSC_ATTRIBUTES, findings)
            if kind and parameter and owner:
                builders.setdefault(owner, SetBuilder()).add(kind[0], "", parameter, findings)
    return {owner: builder.sets() for owner, builder in builders.items()}


def read_topology(tables: Iterable[SheetTable], resources: Resources, findings: Findings) -> tuple[Device, ...]:
    devices: list[Device] = []
    for table in tables:
        node = ""
        for row in table.rows:
            node = row["node"].text or node
            rsc, index = row["rsc"], row["index"]
            good = _required(rsc, "rsc", Table.FENCING_TOPOLOGY, findings)
            good = good and resources.check(rsc, findings, primitive=True)
            number = _level(index, findings)
            if not good or number is None:
                continue
            same = [d for d in devices if (d.node, d.index, d.rsc) == (node, number, rsc.text)]
            if same:
                findings.report(DUPLICATE_DEVICE, rsc, ref_row=same[0].at.row)
            devices.append(Device(node, number, rsc.text, rsc))
    return tuple(devices)


def _level(cell: Cell, findings: Findings) -> int | None:
    if not _required(cell, "index", Table.FENCING_TOPOLOGY, findings):
        return None
    if cell.text.isdecimal() and len(cell.text) < 10 and int(cell.text) >= 1:
        return int(cell.text)
    _report_bad_value(BAD_VALUE, cell, "index", "a whole number from 1 on", "1 以上の整数", findings)
    return None


def _report_bad_value(kind: ProblemKind, cell: Cell, column: str, en: str, ja: str, findings: Findings) -> None:
    findings.report(kind, cell, column_name=column, expected_en=en, expected_ja=ja)


def _required(cell: Cell, name: str, table: Table, findings: Findings) -> bool:
    if not cell.text:
        findings.report(MISSING_VALUE, cell, table=table, column_name=name)
    return bool(cell.text)


def read_primitives(
    tables: Iterable[SheetTable], resources: Resources, findings: Findings
) -> tuple[dict[str, Primitive], set[str]]:
    """The primitives by id, and the ids of tables that could not be read whole."""
    primitives: dict[str, Primitive] = {}
    rows: dict[str, int] = {}
    for table in tables:
        primitive = _read_primitive(table, resources, rows, findings)
        if primitive:
            primitives[primitive.id] = primitive
    return primitives, set(rows)


def _read_primitive(
    table: SheetTable, resources: Resources, rows: dict[str, int], findings: Findings
) -> Primitive | None:
    head = next((block for block in table.blocks if block.mark == "P"), None)
    if head is None:
        return None
    sets, operations = _read_blocks(table, findings)
    row = head.rows[0] if head.rows else None
    if row and row["id"].text:
        rows.setdefault(row["id"].text, 0)
    if not head.usable:
        return None
    if row is None:
        for first in [block.rows[0] for block in table.blocks if block.rows][:1]:
            findings.report(PRIMITIVE_WITHOUT_ID, first.cells[0][1])
        return None
    good = _check_head(row, resources, rows, findings)
    if not good:
        return None
    return Primitive(
        row["id"].text, row["class"].text, row["provider"].text, row["type"].text, sets, operations, row["id"]
    )


def _check_head(row: DataRow, resources: Resources, rows: dict[str, int], findings: Findings) -> bool:
    cell = row["id"]
    good = _required(cell, "id", Table.PRIMITIVE, findings) and resources.check(cell, findings, primitive=True)
    if good and rows.get(cell.text):
        findings.report(DUPLICATE_PRIMITIVE_TABLE, cell, ref_row=rows[cell.text])
        good = False
    elif good:
        rows[cell.text] = cell.row
    good = _required(row["type"], "type", Table.PRIMITIVE, findings) and good
    if row["provider"].text:
        good = _required(row["class"], "class", Table.PRIMITIVE, findings) and good
    return good


def _read_blocks(table: SheetTable, findings: Findings) -> tuple[tuple[ParameterSet, ...], tuple[Operation, ...]]:
    builder = SetBuilder()
    operations: list[Operation] = []
    for block in table.blocks:
        if block.mark == "A" and block.usable:
            read_set_block(block, PRIMITIVE_KINDS, Table.PRIMITIVE, builder, findings)
        elif block.mark == "O" and block.usable:
            operations.extend(_read_operations(block, findings))
    return builder.sets(), tuple(operations)


def read_set_block(
    block: Block, allowed: tuple[str, ...], table: Table, builder: SetBuilder, findings: Findings
) -> None:
    """The rows of one A block into the builder."""
    kinds = KindReader("type", allowed, table, findings)
    for row in block.rows:
        kind = kinds.read(row)
        parameter = read_parameter(row, table, findings)
        if kind and parameter:
            builder.add(kind[0], kind[1], parameter, findings)


def _read_operations(block: Block, findings: Findings) -> Iterable[Operation]:
    for row in block.rows:
        attributes = [(heading.cell.text, cell.text) for heading, cell in row.others("type") if cell.text]
        if not _required(row["type"], "type", Table.PRIMITIVE, findings) or not attributes:
            continue
        yield Operation(row["type"].text, tuple(sorted(attributes, key=_operation_rank)), row["type"])


def _operation_rank(attribute: tuple[str, str]) -> int:
    """Attributes of the operation stand before parameters of the agent, because crm reads them in this order."""
    name = attribute[0]
    if name in _OPERATION_ORDER:
        return _OPERATION_ORDER.index(name)
    return len(_OPERATION_ORDER) + (name not in _OPERATION_ATTRIBUTES)


def check_complete(resources: Resources, tables_of: set[str], findings: Findings) -> None:
    """Every primitive has its table, every container something in it."""
    parents = {resource.parent for resource in resources.tree}
    for resource in resources.tree:
        if resource.kind is ResourceKind.PRIMITIVE:
            if resource.id not in tables_of:
                findings.report(MISSING_PRIMITIVE_TABLE, resource.at)
        elif resource.id not in parents and resource.id not in resources.doubtful:
            findings.report(EMPTY_CONTAINER, resource.at, kind=resource.kind)
