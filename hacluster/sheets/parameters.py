"""Rows with type, name and value -> sets of parameters; the settings tables; NODE.

Reads data rows; gives `ParameterSet`s, and reports what is missing, unknown, doubled or blank.
"""

from __future__ import annotations

from collections.abc import Iterable

from hacluster.sheets.headings import Table
from hacluster.sheets.model import Node, Parameter, ParameterSet
from hacluster.sheets.problems import (
    BAD_PARAMETER_KIND,
    DUPLICATE_PARAMETER,
    EMPTY_PARAMETER,
    MISSING_VALUE,
    NODE_TYPE_CHANGED,
    RULE_WITHOUT_TYPE,
    VALUE_IGNORED,
    Findings,
)
from hacluster.sheets.rows import Cell
from hacluster.sheets.tables import DataRow, SheetTable, suggestion

NODE_KINDS = ("attributes", "utilization")
CONTAINER_KINDS = ("params", "meta")
PRIMITIVE_KINDS = ("params", "meta", "utilization", "operations")
ALERT_KINDS = ("attributes", "meta")


class SetBuilder:
    """Gathers parameters into sets: by kind in the order of first use, by rule within a kind.

    Rows of one rule make one set wherever they stand. Rows without a rule join the set above them only
    while no rule came between, because the order of sets decides which value wins.
    """

    def __init__(self) -> None:
        self._sets: dict[str, list[tuple[str, list[Parameter]]]] = {}
        self._rows: dict[tuple[str, str, str], int] = {}

    def add_all(self, sets: Iterable[ParameterSet], findings: Findings) -> None:
        """The parameters of other sets in the order in which they stand in the sheet."""
        found = [(one.kind, one.rule, parameter) for one in sets for parameter in one.parameters]
        for kind, rule, parameter in sorted(found, key=lambda each: each[2].at.row):
            self.add(kind, rule, parameter, findings)

    def add(self, kind: str, rule: str, parameter: Parameter, findings: Findings) -> None:
        key = (kind, rule, parameter.name)
        if key in self._rows:
            findings.report(DUPLICATE_PARAMETER, parameter.at, ref_row=self._rows[key])
        self._rows.setdefault(key, parameter.at.row)
        if not parameter.value:
            findings.report(EMPTY_PARAMETER, parameter.at)
        parts = self._sets.setdefault(kind, [])
        candidates = [found for ruled, found in parts if ruled == rule] if rule else []
        if candidates:
            candidates[0].append(parameter)
        elif parts and not rule and not parts[-1][0]:
            parts[-1][1].append(parameter)
        else:
            parts.append((rule, [parameter]))

    def sets(self) -> tuple[ParameterSet, ...]:
        return tuple(
            ParameterSet(kind, rule, tuple(found)) for kind, parts in self._sets.items() for rule, found in parts
        )


def read_settings(tables: Iterable[SheetTable], findings: Findings) -> tuple[Parameter, ...]:
    """PROPERTY, RSC_DEFAULTS or OP_DEFAULTS: name and value, all in one set."""
    builder = SetBuilder()
    for table in tables:
        for row in table.rows:
            parameter = read_parameter(row, table.table, findings)
            if parameter:
                builder.add("", "", parameter, findings)
    return tuple(parameter for found in builder.sets() for parameter in found.parameters)


def read_parameter(row: DataRow, table: Table, findings: Findings) -> Parameter | None:
    """The row's parameter; a row that only says what the rows below are has none."""
    name = row["name"]
    if not name.text:
        if row["value"].text:
            findings.report(MISSING_VALUE, name, table=table, column_name="name")
        return None
    return Parameter(name.text, row["value"].text, name)


class KindReader:
    """Reads the column type (or ptype): blank = as in the row above, within one owner."""

    def __init__(self, column: str, allowed: tuple[str, ...], table: Table, findings: Findings) -> None:
        self._column, self._allowed, self._table, self._findings = column, allowed, table, findings
        self._kind = self._rule = ""
        self._spoiled = False

    def reset(self) -> None:
        self._kind = self._rule = ""
        self._spoiled = False

    def read(self, row: DataRow) -> tuple[str, str] | None:
        """(kind, rule) of the row, or None when there is none to go by; each wrong kind is reported once."""
        cell, rule = row[self._column], row["rule"]
        if cell.text:
            return self._named(cell, rule)
        if rule.text:
            self._findings.report(RULE_WITHOUT_TYPE, rule)
            self._findings.report(MISSING_VALUE, cell, table=self._table, column_name=self._column)
            return None
        if self._kind:
            return self._kind, self._rule
        if not self._spoiled:
            self._findings.report(MISSING_VALUE, cell, table=self._table, column_name=self._column)
        return None

    def _named(self, cell: Cell, rule: Cell) -> tuple[str, str] | None:
        kind = cell.text.lower()
        self._spoiled = kind not in self._allowed
        if self._spoiled:
            hint = suggestion(kind, self._allowed)
            self._findings.report(BAD_PARAMETER_KIND, cell, allowed=", ".join(self._allowed), hint=hint)
            self._kind = ""
            return None
        self._kind, self._rule = kind, rule.text
        return kind, rule.text


def read_nodes(tables: Iterable[SheetTable], findings: Findings) -> tuple[Node, ...]:
    nodes: dict[tuple[str, str], tuple[Cell, SetBuilder]] = {}
    for table in tables:
        current: tuple[Cell, SetBuilder] | None = None
        kinds = KindReader("ptype", NODE_KINDS, Table.NODE, findings)
        for row in table.rows:
            uname, ntype = row["uname"], row["ntype"]
            if uname.text:
                _report_changed_type(nodes, uname, ntype, findings)
                current = nodes.setdefault((uname.text, ntype.text), (uname, SetBuilder()))
                kinds.reset()
            elif ntype.text:
                findings.report(VALUE_IGNORED, ntype, column_name="ntype")
            if current is None:
                findings.report(MISSING_VALUE, uname, table=Table.NODE, column_name="uname")
            _read_attribute(row, kinds, current[1] if current else SetBuilder(), findings)
    return tuple(Node(uname, ntype, found[1].sets(), found[0]) for (uname, ntype), found in nodes.items())


def _report_changed_type(
    nodes: dict[tuple[str, str], tuple[Cell, SetBuilder]], uname: Cell, ntype: Cell, findings: Findings
) -> None:
    other = [cell.row for (name, kind), (cell, _) in nodes.items() if name == uname.text and kind != ntype.text]
    if other:
        findings.report(NODE_TYPE_CHANGED, uname, ref_row=other[0])


def _read_attribute(row: DataRow, kinds: KindReader, builder: SetBuilder, findings: Findings) -> None:
    if not row["ptype"].text and not row["name"].text and not row["value"].text:
        return
    if row["ptype"].text and not row["name"].text and not row["value"].text:
        kinds.read(row)
        return
    found = kinds.read(row)
    parameter = read_parameter(row, Table.NODE, findings)
    if found and parameter:
        builder.add(found[0], found[1], parameter, findings)
