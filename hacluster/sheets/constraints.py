"""LOCATION, LOCATION_EXPERT, COLOCATION, ORDER and RSC_TICKET -> typed constraints.

Reads tables in sheet order; gives locations (rules already as crm text), colocations, orders and tickets. A ping or
disk column of LOCATION also generates a colocation and an order with the monitor that feeds its attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hacluster.sheets.headings import Table
from hacluster.sheets.model import Colocation, Location, Order, Primitive, Resource, Rule, Ticket
from hacluster.sheets.problems import (
    BAD_SCORE,
    DUPLICATE_CONSTRAINT,
    DUPLICATE_LOCATION_RULE,
    EMPTY_LOCATION,
    MISSING_BOOL_OP,
    MISSING_VALUE,
    NO_MONITOR,
    ODD_VALUE,
    VALUE_IGNORED,
    Findings,
)
from hacluster.sheets.resources import Resources
from hacluster.sheets.rows import Cell
from hacluster.sheets.tables import DataRow, SheetTable, infinity, suggestion

_NUMBER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_ID_REFERENCE = re.compile(r"\$?id-ref\s*=")
_ORDER_KINDS = ("mandatory", "optional", "serialize")
_ROLES = ("started", "stopped", "master", "slave", "promoted", "unpromoted")
_ACTIONS = ("start", "stop", "promote", "demote")
_LOSS_POLICIES = ("fence", "stop", "freeze", "demote")
_VALUE_TYPE = re.compile(r"(string|integer|number|version):", re.IGNORECASE)
_UNARY = ("defined", "not_defined")
_OPERATORS = (*_UNARY, "lt", "lte", "gt", "gte", "eq", "ne")


@dataclass(frozen=True, slots=True)
class Options:
    """The switches of the converter's command line."""

    generate_colocation: bool = True
    generate_order: bool = True
    brackets: bool = False


@dataclass(slots=True)
class Constraints:
    """All constraints while they are read; those of one resource's LOCATION rows share one location."""

    locations: dict[str, list[Rule]] = field(default_factory=dict)
    expert_locations: dict[str, list[Rule]] = field(default_factory=dict)
    colocations: list[Colocation] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    nodes_named: list[Cell] = field(default_factory=list)


def read_constraints(
    tables: Iterable[SheetTable],
    resources: Resources,
    primitives: Mapping[str, Primitive],
    options: Options,
    findings: Findings,
) -> Constraints:
    reader = _Reader(resources, primitives, options, findings)
    for table in tables:
        match table.table:
            case Table.LOCATION:
                reader.read_locations(table)
            case Table.LOCATION_EXPERT:
                _ExpertReader(reader).read(table)
            case Table.COLOCATION:
                reader.read_colocations(table)
            case Table.ORDER:
                reader.read_orders(table)
            case Table.RSC_TICKET:
                reader.read_tickets(table)
            case _:
                pass
    return reader.found


def locations_of(rules: Mapping[str, list[Rule]]) -> tuple[Location, ...]:
    return tuple(Location(rsc, tuple(found)) for rsc, found in rules.items() if found)


def score_of(cell: Cell, findings: Findings, *, words: tuple[str, ...] = (), text: str | None = None) -> str:
    """The score in crm's spelling; a wrong one is reported and given back as it is."""
    written = cell.text if text is None else text
    if infinity(written):
        return infinity(written)
    if not _NUMBER.match(written) and written.lower() not in words:
        findings.report(BAD_SCORE, cell, cell=written)
    return written


def yes_or_no(cell: Cell, column: str, findings: Findings) -> bool | None:
    match cell.text.lower():
        case "y" | "yes" | "true":
            return True
        case "n" | "no" | "false":
            return False
        case "":
            return None
    findings.report(ODD_VALUE, cell, column_name=column, expected_en="yes or no", expected_ja=" yes または no ")
    return None


class _Reader:
    def __init__(
        self, resources: Resources, primitives: Mapping[str, Primitive], options: Options, findings: Findings
    ) -> None:
        self.resources, self._primitives, self._options, self.findings = resources, primitives, options, findings
        self.found = Constraints()
        self._parents = {resource.id: resource.parent for resource in resources.tree}

    def add_rule(self, rules: list[Rule], rule: Rule, rsc: Cell) -> None:
        same = next((other for other in rules if other.text == rule.text), None)
        if same:
            self.findings.report(DUPLICATE_LOCATION_RULE, rule.at, cell=rsc.text, ref_row=same.at.row)
        rules.append(rule)

    def read_locations(self, table: SheetTable) -> None:
        for row in table.rows:
            rsc = row["rsc"]
            if not self._all_filled(row, table.table, "rsc") or not self.resources.check(rsc, self.findings):
                continue
            rules = self.found.locations.pop(rsc.text, [])
            for heading, cell in row.others("rsc"):
                self._read_location_cell(rsc, heading.cell, cell, rules)
            if rules:
                self.found.locations[rsc.text] = rules
            else:
                self.findings.report(EMPTY_LOCATION, rsc)

    def _read_location_cell(self, rsc: Cell, heading: Cell, cell: Cell, rules: list[Rule]) -> None:
        kind, _, rest = heading.text.partition(":")
        kind = kind.lower()
        if not cell.text:
            return
        if kind == "score":
            score = score_of(heading, self.findings, text=rest.strip())
            for node in cell.raw.replace("\u3000", " ").split():
                self.found.nodes_named.append(Cell(node, cell.row, cell.column))
                self.add_rule(rules, Rule(f"{score}: #uname eq {node}", cell), rsc)
        elif yes_or_no(cell, heading.text, self.findings):
            attribute, _, value = rest.partition(":")
            limit = "eq ERROR" if kind == "diskd" else f"lt {value}"
            rule = Rule(f"-INFINITY: not_defined {attribute} or {attribute} {limit}", cell)
            self.add_rule(rules, rule, rsc)
            self._follow_monitor(rsc, kind, attribute, cell)

    def _follow_monitor(self, rsc: Cell, kind: str, attribute: str, cell: Cell) -> None:
        """Tie the resource to the monitor that writes the attribute, so that it starts where and after that runs."""
        if not self._options.generate_colocation and not self._options.generate_order:
            return
        monitors = self._monitors(kind, attribute)
        if not monitors:
            self.findings.report(NO_MONITOR, cell, kind=kind, attribute=attribute)
        for monitor in monitors:
            if self._options.generate_colocation:
                self._generate_colocation(Colocation(rsc.text, monitor, "INFINITY", "", "", cell, True))
            if self._options.generate_order:
                self._generate_order(Order(monitor, rsc.text, "0", "", "", "false", cell, True))

    def _monitors(self, kind: str, attribute: str) -> list[str]:
        found = [
            self._topmost(resource)
            for resource in self.resources.tree
            if (primitive := self._primitives.get(resource.id))
            and primitive.agent_type == kind
            and primitive.parameter("name") == attribute
        ]
        return list(dict.fromkeys(found))

    def _topmost(self, resource: Resource) -> str:
        name = resource.id
        while self._parents.get(name):
            name = self._parents[name]
        return name

    def _generate_colocation(self, constraint: Colocation) -> None:
        if all(other.meaning != constraint.meaning for other in self.found.colocations):
            self.found.colocations.append(constraint)

    def _generate_order(self, constraint: Order) -> None:
        if all(other.meaning != constraint.meaning for other in self.found.orders):
            self.found.orders.append(constraint)

    def read_colocations(self, table: SheetTable) -> None:
        for row in table.rows:
            rsc, with_rsc = row["rsc"], row["with-rsc"]
            filled = self._all_filled(row, table.table, "rsc", "with-rsc", "score")
            if not self._known(rsc, with_rsc) or not filled:
                continue
            for name in ("rsc-role", "with-rsc-role"):
                self.check_word(row[name], name, _ROLES)
            score = score_of(row["score"], self.findings)
            roles = row["rsc-role"].text, row["with-rsc-role"].text
            constraint = Colocation(rsc.text, with_rsc.text, score, *roles, rsc)
            same = [other for other in self.found.colocations if other.meaning == constraint.meaning]
            self._report_double([other.at.row for other in same if not other.generated], rsc)
            # What the operator wrote replaces what was generated, and takes its own place in the series.
            self.found.colocations = [c for c in self.found.colocations if not (c.generated and c in same)]
            self.found.colocations.append(constraint)

    def read_orders(self, table: SheetTable) -> None:
        for row in table.rows:
            first, then = row["first-rsc"], row["then-rsc"]
            filled = self._all_filled(row, table.table, "first-rsc", "then-rsc", "score")
            symmetrical = row["symmetrical"]
            choice = yes_or_no(symmetrical, "symmetrical", self.findings)
            if not self._known(first, then) or not filled:
                continue
            for name in ("first-action", "then-action"):
                self.check_word(row[name], name, _ACTIONS)
            score = score_of(row["score"], self.findings, words=_ORDER_KINDS)
            actions = row["first-action"].text, row["then-action"].text
            word = symmetrical.text if choice is None else str(choice).lower()
            constraint = Order(first.text, then.text, score, *actions, word, first)
            same = [other for other in self.found.orders if other.meaning == constraint.meaning]
            self._report_double([other.at.row for other in same if not other.generated], first)
            self.found.orders = [o for o in self.found.orders if not (o.generated and o in same)]
            self.found.orders.append(constraint)

    def read_tickets(self, table: SheetTable) -> None:
        for row in table.rows:
            ticket, rsc = row["ticket"], row["rsc"]
            filled = self._all_filled(row, table.table, "ticket", "rsc")
            if not self._known(rsc) or not filled:
                continue
            self.check_word(row["role"], "role", _ROLES)
            self.check_word(row["loss-policy"], "loss-policy", _LOSS_POLICIES)
            found = Ticket(ticket.text, rsc.text, row["role"].text, row["loss-policy"].text, ticket)
            same = [
                other.at.row
                for other in self.found.tickets
                if (other.ticket, other.rsc, other.role, other.loss_policy)
                == (found.ticket, found.rsc, found.role, found.loss_policy)
            ]
            self._report_double(same, ticket)
            self.found.tickets.append(found)

    def _known(self, *cells: Cell) -> bool:
        """Whether each cell that is filled names a resource; all of them are checked."""
        unknown = [cell for cell in cells if cell.text and not self.resources.check(cell, self.findings)]
        return not unknown

    def _all_filled(self, row: DataRow, table: Table, *names: str) -> bool:
        empty = [name for name in names if not row[name].text]
        for name in empty:
            self.findings.report(MISSING_VALUE, row[name], table=table, column_name=name)
        return not empty

    def check_word(self, cell: Cell, column: str, allowed: tuple[str, ...], *, text: str | None = None) -> None:
        """Warn of a word that the column does not know; `text` is the part of the cell that counts."""
        if cell.text and (cell.text if text is None else text).lower() not in allowed:
            words = ", ".join(allowed)
            hint = suggestion(cell.text, allowed)
            self.findings.report(
                ODD_VALUE, cell, column_name=column, expected_en=f"one of {words}", expected_ja=f" {words} ", hint=hint
            )

    def _report_double(self, rows: list[int], cell: Cell) -> None:
        if rows:
            self.findings.report(DUPLICATE_CONSTRAINT, cell, ref_row=rows[0])


@dataclass(slots=True)
class _OpenRule:
    """A rule whose expressions are still being read."""

    rsc: Cell
    at: Cell
    head: str
    bool_op: str
    expressions: list[str] = field(default_factory=list)
    good: bool = True
    reported: bool = False


class _ExpertReader:
    """Reads one LOCATION_EXPERT table: a score begins a rule, rows without score go on with it."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._findings = reader.findings
        self._rsc: Cell | None = None
        self._rsc_known = False
        self._rule: _OpenRule | None = None

    def read(self, table: SheetTable) -> None:
        for row in table.rows:
            self._read_row(row)
        self._close()

    def _read_row(self, row: DataRow) -> None:
        if row["rsc"].text:
            self._close()
            self._rsc = row["rsc"]
            self._rsc_known = self._reader.resources.check(row["rsc"], self._findings)
        if self._rsc is None:
            self._missing(row, "rsc")
            self._rsc = Cell("", row.number, 0)
        if row["score"].text:
            self._close()
            self._begin(row, self._rsc)
        elif self._is_reference(row):
            self._close()
            self._refer(row, self._rsc)
            return
        elif self._rule is None:
            self._missing(row, "score")
            self._read_expression(row)
        else:
            self._continue(row, self._rule)
        if self._rule:
            self._add_expression(row, self._rule)

    def _missing(self, row: DataRow, name: str) -> None:
        self._findings.report(MISSING_VALUE, row[name], table=Table.LOCATION_EXPERT, column_name=name)

    @staticmethod
    def _is_reference(row: DataRow) -> bool:
        used = any(row[name].text for name in ("attribute", "op", "value"))
        return bool(_ID_REFERENCE.match(row["id_spec"].text)) and not used

    def _refer(self, row: DataRow, rsc: Cell) -> None:
        for name in ("bool_op", "role"):
            if row[name].text:
                self._findings.report(VALUE_IGNORED, row[name], column_name=name)
        self._keep(rsc, Rule(row["id_spec"].text, row["id_spec"]))

    def _begin(self, row: DataRow, rsc: Cell) -> None:
        role = row["role"].text
        self._reader.check_word(row["role"], "role", _ROLES)
        self._reader.check_word(row["bool_op"], "bool_op", ("and", "or"))
        score = score_of(row["score"], self._findings)
        head = " ".join(part for part in (row["id_spec"].text, f'$role="{role}"' if role else "", f"{score}:") if part)
        self._rule = _OpenRule(rsc, row["score"], head, row["bool_op"].text)

    def _continue(self, row: DataRow, rule: _OpenRule) -> None:
        for name in ("bool_op", "role", "id_spec"):
            if row[name].text:
                self._findings.report(VALUE_IGNORED, row[name], column_name=name)
        if not rule.bool_op and not rule.reported:
            place = Cell("", row.number, row["bool_op"].column)
            self._findings.report(MISSING_BOOL_OP, place, ref_row=rule.at.row)
            rule.good, rule.reported = False, True

    def _add_expression(self, row: DataRow, rule: _OpenRule) -> None:
        expression = self._read_expression(row)
        if expression:
            rule.expressions.append(expression)
        else:
            rule.good = False

    def _read_expression(self, row: DataRow) -> str:
        """The expression of the row, or "" when a part of it is missing."""
        attribute, op, value = row["attribute"], row["op"], row["value"]
        missing = [name for name in ("attribute", "op") if not row[name].text]
        unary = op.text.lower() in _UNARY
        if op.text and not unary and not value.text:
            missing.append("value")
        for name in missing:
            self._missing(row, name)
        if missing:
            return ""
        self._reader.check_word(op, "op", _OPERATORS, text=_VALUE_TYPE.sub("", op.text))
        if unary:
            if value.text:
                self._findings.report(VALUE_IGNORED, value, column_name="value")
            return f"{op.text} {attribute.text}"
        if attribute.text == "#uname":
            self._reader.found.nodes_named.append(value)
        return f"{attribute.text} {op.text} {one_word(value.text)}"

    def _close(self) -> None:
        rule, self._rule = self._rule, None
        if rule and rule.good and rule.expressions:
            text = f"{rule.head} " + f" {rule.bool_op} ".join(rule.expressions)
            self._keep(rule.rsc, Rule(text, rule.at))

    def _keep(self, rsc: Cell, rule: Rule) -> None:
        if self._rsc_known and rsc.text:
            self._reader.add_rule(self._reader.found.expert_locations.setdefault(rsc.text, []), rule, rsc)


def one_word(text: str) -> str:
    """A text with a blank in it is quoted, so that crm reads it as one word; quotes that the sheet holds stay."""
    return f'"{text}"' if " " in text and '"' not in text else text
