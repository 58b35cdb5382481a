"""Rows -> tables: which row belongs to which table, under which header.

Reads a `Sheet`; gives the tables in sheet order, each with its blocks of data rows, and reports unknown tables, wrong
headers, and characters that look right but are not.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hacluster.sheets.headings import BLOCKS, LOCATION_HEADER, TABLES, Columns, Table
from hacluster.sheets.problems import (
    ALERT_BLOCK_ORDER,
    DUPLICATE_COLUMN,
    ID_COLUMN_POSITION,
    MISSING_COLUMN,
    NO_TABLE_HEADER,
    NON_ASCII_HEADER,
    NON_ASCII_VALUE,
    PRIMITIVE_BLOCK_ORDER,
    UNKNOWN_COLUMN,
    UNKNOWN_LOCATION_COLUMN,
    UNKNOWN_TABLE,
    Findings,
)
from hacluster.sheets.rows import Cell, Sheet

TABLE_COLUMN = 2
FIRST_DATA_COLUMN = 3


@dataclass(frozen=True, slots=True)
class Heading:
    name: str
    """The header in lower case."""
    cell: Cell


@dataclass(frozen=True, slots=True)
class DataRow:
    """One data row: its cells under the known headings, from left to right."""

    number: int
    cells: tuple[tuple[Heading, Cell], ...]

    def __getitem__(self, name: str) -> Cell:
        """The cell under a heading; a blank one without column where the table has no such heading."""
        return next((cell for heading, cell in self.cells if heading.name == name), Cell("", self.number, 0))

    def all(self, name: str) -> list[Cell]:
        return [cell for heading, cell in self.cells if heading.name == name]

    def others(self, *names: str) -> Iterator[tuple[Heading, Cell]]:
        return ((heading, cell) for heading, cell in self.cells if heading.name not in names)


@dataclass(slots=True)
class Block:
    """The rows under one header; mark is "" except in tables that are cut by marks."""

    mark: str
    header: Cell
    headings: tuple[Heading, ...]
    usable: bool
    """False when a required column is missing; the rows below it cannot be read."""
    rows: list[DataRow] = field(default_factory=list)


@dataclass(slots=True)
class SheetTable:
    table: Table
    start: Cell
    blocks: list[Block] = field(default_factory=list)
    broken: bool = False

    @property
    def rows(self) -> Iterator[DataRow]:
        """The data rows of a table without marks."""
        return (row for block in self.blocks if block.usable for row in block.rows)


def split_tables(sheet: Sheet, findings: Findings) -> list[SheetTable]:
    """The tables of the sheet in its order."""
    splitter = _Splitter(findings)
    for number, _ in enumerate(sheet.rows, start=1):
        cells = [sheet.cell(number, column + 1) for column in range(len(sheet.rows[number - 1]))]
        if counts(cells):
            splitter.take(cells)
    return splitter.tables


def counts(cells: list[Cell]) -> bool:
    """Whether a row is more than a comment or a blank line.

    A line of text with no separator in it has only column A.
    """
    return len(cells) >= TABLE_COLUMN and not cells[0].text.startswith("#") and any(cell.text for cell in cells)


class _Splitter:
    """Walks down the rows and knows which table and block it is in."""

    def __init__(self, findings: Findings) -> None:
        self.tables: list[SheetTable] = []
        self._findings = findings
        self._table: SheetTable | None = None
        self._block: Block | None = None
        self._skipping = False
        """Whether rows are passed over until the next name in column B, because nobody can say what they belong to."""

    def take(self, cells: list[Cell]) -> None:
        name = cells[TABLE_COLUMN - 1]
        if name.text:
            self._begin(name, cells)
        elif self._table is None and not self._skipping:
            self._findings.report(NO_TABLE_HEADER, _first_filled(cells))
            self._skipping = True
        elif self._table is not None and not self._skipping:
            self._continue(self._table, cells)

    def _begin(self, name: Cell, cells: list[Cell]) -> None:
        word = name.text.upper()
        table = self._table
        if word in Table.__members__:
            self._table = SheetTable(Table(word), name)
            self.tables.append(self._table)
            self._block, self._skipping = None, False
        elif table is not None and word in BLOCKS.get(table.table, {}):
            if not table.broken:
                self._begin_block(table, word, cells)
        else:
            marks = BLOCKS.get(table.table, {}) if table else {}
            self._findings.report(UNKNOWN_TABLE, name, hint=suggestion(word, [*Table, *marks]))
            self._skipping = True

    def _begin_block(self, table: SheetTable, mark: str, cells: list[Cell]) -> None:
        marks = [block.mark for block in table.blocks]
        if mark != "P" and "P" not in marks:
            return self._break(table, cells[1], f"{mark} stands above P")
        if mark == "P" and "P" in marks:
            return self._break(table, cells[1], "P stands here a second time")
        self._block = self._read_header(table, BLOCKS[table.table][mark], mark, cells)
        table.blocks.append(self._block)
        self._skipping = False
        return None

    def _break(self, table: SheetTable, cell: Cell, detail: str) -> None:
        kind = PRIMITIVE_BLOCK_ORDER if table.table is Table.PRIMITIVE else ALERT_BLOCK_ORDER
        self._findings.report(kind, cell, detail=detail)
        table.broken = self._skipping = True

    def _continue(self, table: SheetTable, cells: list[Cell]) -> None:
        if self._block is None and table.table in BLOCKS:
            first = _first_filled(cells)
            return self._break(table, first, f"“{first.text}” stands above P")
        if self._block is None:
            self._block = self._read_header(table, TABLES[table.table], "", cells)
            table.blocks.append(self._block)
            return None
        row = DataRow(
            cells[0].row,
            tuple((heading, _at(cells, heading.cell.column)) for heading in self._block.headings),
        )
        if not any(cell.text for _, cell in row.cells):
            return None
        self._report_look_alikes(cell for _, cell in row.cells)
        if self._block.mark == "P" and self._block.rows:
            return self._break(table, row.cells[0][1], "P has a second row")
        self._block.rows.append(row)
        return None

    def _read_header(self, table: SheetTable, columns: Columns, mark: str, cells: list[Cell]) -> Block:
        headings: list[Heading] = []
        known: dict[str, Heading] = {}
        taken: set[str] = set()
        for cell in cells[FIRST_DATA_COLUMN - 1 :]:
            name = cell.text.lower()
            if not name:
                continue
            if not self._knows(table.table, columns, name):
                self._report_unknown(table.table, columns, cell)
                continue
            key = self._key(table.table, columns, cell.text)
            if key in taken and name not in columns.repeatable:
                self._findings.report(DUPLICATE_COLUMN, cell)
                continue
            taken.add(key)
            if unusual_characters(cell.text):
                self._report_unusual(NON_ASCII_HEADER, cell)
            known[name] = Heading(name, cell)
            headings.append(known[name])
        missing = [name for name in columns.required if name not in known]
        for name in missing:
            shown = "resourceItem" if name == "resourceitem" else name
            place = Cell("", cells[0].row, 0)
            self._findings.report(MISSING_COLUMN, place, table=table.table, column_name=shown)
        misplaced = table.table is Table.RESOURCES and self._id_is_between(headings)
        return Block(mark, cells[0], tuple(headings), not missing and not misplaced)

    @staticmethod
    def _key(table: Table, columns: Columns, text: str) -> str:
        """What two headers have in common when they are the same: case counts where it is kept."""
        name = text.lower()
        if name in columns.required or name in columns.optional:
            return name
        if table is not Table.LOCATION:
            return text
        kind, _, rest = text.partition(":")
        return f"{kind.lower()}:{infinity(rest.strip()) or rest.strip()}"

    def _id_is_between(self, headings: list[Heading]) -> bool:
        names = [heading.name for heading in headings]
        items = [place for place, name in enumerate(names) if name == "resourceitem"]
        if "id" not in names or not items or not items[0] < names.index("id") < items[-1]:
            return False
        self._findings.report(ID_COLUMN_POSITION, headings[names.index("id")].cell)
        return True

    @staticmethod
    def _knows(table: Table, columns: Columns, name: str) -> bool:
        return columns.knows(name) or (table is Table.LOCATION and bool(LOCATION_HEADER.match(name)))

    def _report_unknown(self, table: Table, columns: Columns, cell: Cell) -> None:
        kind = UNKNOWN_LOCATION_COLUMN if table is Table.LOCATION else UNKNOWN_COLUMN
        hint = suggestion(cell.text.lower(), [*columns.required, *columns.optional])
        self._findings.report(kind, cell, table=table, hint=hint)

    def _report_look_alikes(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            if unusual_characters(cell.text):
                self._report_unusual(NON_ASCII_VALUE, cell)

    def _report_unusual(self, kind: object, cell: Cell) -> None:
        names = ", ".join(f"“{c}” U+{ord(c):04X}" for c in unusual_characters(cell.text)[:4])
        chosen = NON_ASCII_HEADER if kind is NON_ASCII_HEADER else NON_ASCII_VALUE
        self._findings.report(chosen, cell, characters=names, normal=normal_spelling(cell.text))


_INFINITY = re.compile(r"([+-]?)inf(inity)?\Z", re.IGNORECASE)


def infinity(text: str) -> str:
    """`INFINITY` with its sign for every spelling of it, else ""."""
    found = _INFINITY.match(text)
    return f"{found[1]}INFINITY" if found else ""


def _first_filled(cells: list[Cell]) -> Cell:
    """The first cell with text right of column A, whose text says nothing while there is any other."""
    return next((cell for cell in cells[1:] if cell.text), cells[0])


def _at(cells: list[Cell], column: int) -> Cell:
    return cells[column - 1] if column <= len(cells) else Cell("", cells[0].row, column)


def unusual_characters(text: str) -> list[str]:
    """The characters outside printable ASCII, each once."""
    if text.isascii() and text.isprintable():
        return []
    return [character for character in dict.fromkeys(text) if not " " <= character <= "~"]


_LOOK_ALIKES = str.maketrans("‐‑‒–—―−¥\u00a0\t", "-------\\  ")


def normal_spelling(text: str) -> str:
    """The half-width spelling: full-width letters and digits, odd hyphens and blanks made plain."""
    return unicodedata.normalize("NFKC", text.translate(_LOOK_ALIKES))


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean “NODE”?)`, or nothing."""
    names = list(known)
    plain = normal_spelling(word)
    folded = {name.lower(): name for name in names}
    near = [plain.lower()] if plain.lower() in folded else difflib.get_close_matches(plain.lower(), folded, 1, 0.75)
    return f" (→ “{folded[near[0]]}”?)" if near else ""
