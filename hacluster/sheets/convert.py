"""A spreadsheet file -> crm text: the one pipeline of command line and console.

Reads the file's bytes; gives a `SheetResult` with the text, every problem of every table at once, and the rows as they
look, so that a page can show the sheet with its marks. No text is given when there is any error.
"""

from __future__ import annotations

import msgspec

from hacluster.cib.problems import Problem, Severity, has_errors
from hacluster.sheets.alerts import read_alerts
from hacluster.sheets.checks import check_model
from hacluster.sheets.constraints import Options, locations_of, read_constraints
from hacluster.sheets.crm_text import print_sheet
from hacluster.sheets.headings import Table
from hacluster.sheets.model import ParameterSet, Primitive, SheetModel
from hacluster.sheets.parameters import SetBuilder, read_nodes, read_settings
from hacluster.sheets.problems import NO_DATA, Findings
from hacluster.sheets.reader import choose_sheet, read_book
from hacluster.sheets.resources import (
    check_complete,
    read_container_sets,
    read_primitives,
    read_resources,
    read_topology,
)
from hacluster.sheets.rows import Book, Cell, Sheet
from hacluster.sheets.tables import SheetTable, split_tables

__all__ = ["Options", "SheetResult", "convert_book", "convert_read", "convert_sheet"]


class SheetResult(msgspec.Struct, frozen=True):
    """What became of a sheet.

    A problem that belongs to a cell has the parameters `row` (from 1), `column` (a letter, or "" for the whole row) and
    sometimes `ref_row`, all as text.
    """

    crm_text: str
    """The configuration, or "" when there is any error or nothing to convert."""
    problems: tuple[Problem, ...]
    sheet: str = ""
    """The worksheet that was converted; "" when none could be chosen."""
    sheets: tuple[str, ...] = ()
    """The names of all worksheets, for asking which one."""
    filled_sheets: tuple[str, ...] = ()
    """Those that hold tables."""
    encoding: str = ""
    """The encoding of a text file, "" for a workbook."""
    rows: tuple[tuple[str, ...], ...] = ()
    """The cells as they look; `rows[0][0]` is A1."""
    model: SheetModel = SheetModel()

    @property
    def ok(self) -> bool:
        return not has_errors(self.problems)

    @property
    def exit_code(self) -> int:
        """0 done, 1 refused, 2 done with warnings."""
        if not self.ok:
            return 1
        return 2 if any(problem.severity is Severity.WARNING for problem in self.problems) else 0


def convert_book(data: bytes, filename: str, sheet: str | None = None, options: Options | None = None) -> SheetResult:
    """Convert one worksheet of a file. `sheet` None asks when several are filled; "" is the first."""
    book = read_book(data, filename)
    if isinstance(book, Problem):
        return SheetResult("", (book,))
    return convert_read(book, sheet, options)


def convert_read(book: Book, sheet: str | None = None, options: Options | None = None) -> SheetResult:
    """Convert one worksheet of a book that has been read."""
    names = tuple(found.name for found in book.sheets)
    filled = tuple(found.name for found in book.sheets if found.looks_filled)
    chosen = choose_sheet(book, sheet)
    if isinstance(chosen, Problem):
        return SheetResult("", (chosen,), "", names, filled, book.encoding)
    result = convert_sheet(chosen, options or Options())
    return msgspec.structs.replace(result, sheets=names, filled_sheets=filled, encoding=book.encoding)


def convert_sheet(sheet: Sheet, options: Options) -> SheetResult:
    """Rows -> tables -> model -> text."""
    findings = Findings(sheet.name)
    model = read_model(split_tables(sheet, findings), options, findings)
    text = "" if has_errors(findings.problems) else print_sheet(model, options)
    problems = findings.in_order()
    if not text and not has_errors(problems):
        problems = (*problems, NO_DATA.at(sheet.name))
    return SheetResult(text, problems, sheet.name, rows=sheet.rows, model=model)


def read_model(tables: list[SheetTable], options: Options, findings: Findings) -> SheetModel:
    """Tables -> model. Resources come first, so that every other table may stand above RESOURCES too."""
    by_name = {name: [table for table in tables if table.table is name] for name in Table}
    resources = read_resources(by_name[Table.RESOURCES], findings)
    primitives, primitive_ids = read_primitives(by_name[Table.PRIMITIVE], resources, findings)
    container_sets = read_container_sets(by_name[Table.RSC_ATTRIBUTES], resources, findings)
    primitives = {name: _with_sets(one, container_sets.get(name, ()), findings) for name, one in primitives.items()}
    constraints = read_constraints(tables, resources, primitives, options, findings)
    model = SheetModel(
        nodes=read_nodes(by_name[Table.NODE], findings),
        properties=read_settings(by_name[Table.PROPERTY], findings),
        rsc_defaults=read_settings(by_name[Table.RSC_DEFAULTS], findings),
        op_defaults=read_settings(by_name[Table.OP_DEFAULTS], findings),
        resources=tuple(resources.tree),
        container_sets=container_sets,
        topology=read_topology(by_name[Table.FENCING_TOPOLOGY], resources, findings),
        primitives=primitives,
        locations=locations_of(constraints.locations),
        expert_locations=locations_of(constraints.expert_locations),
        colocations=tuple(constraints.colocations),
        orders=tuple(constraints.orders),
        tickets=tuple(constraints.tickets),
        additional=_additional(by_name[Table.ADDITIONAL_CONFIG]),
        alerts=read_alerts(by_name[Table.ALERT], findings),
    )
    check_model(model, constraints.nodes_named, findings)
    if not any(_lacks_its_id(table) for table in by_name[Table.PRIMITIVE]):
        check_complete(resources, primitive_ids, findings)
    return model


def _with_sets(primitive: Primitive, more: tuple[ParameterSet, ...], findings: Findings) -> Primitive:
    """The primitive with what RSC_ATTRIBUTES says about it, in the order of the sheet's rows."""
    if not more:
        return primitive
    builder = SetBuilder()
    builder.add_all((*primitive.sets, *more), findings)
    return msgspec.structs.replace(primitive, sets=builder.sets())


def _lacks_its_id(table: SheetTable) -> bool:
    """Whether the table is too broken to say whose it is; then no resource may be blamed for having none.

    The blank form of a table is not broken: it is nobody's.
    """
    head = next((block for block in table.blocks if block.mark == "P"), None)
    if head is None or not head.rows:
        return table.broken or any(block.rows or not block.usable for block in table.blocks)
    return not head.rows[0]["id"].text


def _additional(tables: list[SheetTable]) -> tuple[Cell, ...]:
    return tuple(row["config"] for table in tables for row in table.rows if row["config"].text)
