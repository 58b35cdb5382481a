"""Text cells with their coordinates, as every kind of file gives them.

Reads nothing; gives `Cell`, `Sheet` (one worksheet) and `Book` (one file).
"""

from __future__ import annotations

import re

import msgspec

BLANKS = " \t\u3000"
_LINE_BREAKS = re.compile(r"[\r\n]+")


class Cell(msgspec.Struct, frozen=True):
    """One cell. Row and column count from 1; column 0 means that the sheet has no such column."""

    raw: str
    row: int
    column: int

    @property
    def text(self) -> str:
        """The cleaned text: line breaks become one blank, blanks of every width at both ends go."""
        return _LINE_BREAKS.sub(" ", self.raw).strip()

    @property
    def name(self) -> str:
        """`C14`, or `14` where there is no column."""
        return f"{column_letter(self.column)}{self.row}"


class Sheet(msgspec.Struct, frozen=True):
    """One worksheet as rows of raw text; `rows[0]` is row 1."""

    name: str
    rows: tuple[tuple[str, ...], ...]

    def cell(self, row: int, column: int) -> Cell:
        values = self.rows[row - 1]
        return Cell(values[column - 1] if column <= len(values) else "", row, column)

    @property
    def looks_filled(self) -> bool:
        """Whether column B of any row holds a word, as the name of a table does."""
        return any(
            len(row) > 1 and row[1].strip(BLANKS) and not row[0].strip(BLANKS).startswith("#") for row in self.rows
        )


class Book(msgspec.Struct, frozen=True):
    """One file: its worksheets, and the encoding of a text file ("" for a workbook)."""

    sheets: tuple[Sheet, ...]
    encoding: str = ""


def column_letter(column: int) -> str:
    """1 -> A, 27 -> AA, 0 -> ""."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """A -> 1, AA -> 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
