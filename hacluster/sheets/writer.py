"""Rows and problems -> xlsx workbooks.

Reads rows of text, or an operator's own book with its problems; gives the bytes of a workbook. Every cell is
written as text, so that nothing in it is ever taken for a formula.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.cell_range import CellRange
from openpyxl.worksheet.worksheet import Worksheet

from hacluster.cib.problems import Problem, Severity
from hacluster.sheets.convert import SheetResult
from hacluster.sheets.headings import Table

_FILLS = {"table": "CCFFFF", "header": "CCFFCC", "label": "FFFF99"}
_MARKS = {Severity.ERROR: "FF9999", Severity.WARNING: "FFE699"}


Merged = Iterable[tuple[int, str, str]]
"""(row from 1, first column, last column) of merged cells"""


def rows_to_xlsx(rows: Iterable[Sequence[str]], sheet: str = "環境定義書", merged: Merged = ()) -> bytes:
    """A book with one worksheet; table names and headers are coloured as in the template."""
    book = Workbook()
    page = book.active
    page.title = "_"  # openpyxl would number a title that differs from its own “Sheet” by case only
    page.title = sheet
    header = False
    for number, row in enumerate(rows, start=1):
        name = row[1].strip() if len(row) > 1 else ""
        look = "table" if name.upper() in Table.__members__ else "header" if header or name else ""
        look = ("label" if not name and len(row) > 2 and any(row[2:]) else "") if row and row[0][:1] == "#" else look
        header = look == "table" or (header and (not row or row[0][:1] == "#"))
        for column, text in enumerate(row, start=1):
            if text:
                cell = page.cell(number, column)
                cell.value, cell.data_type, cell.number_format = ILLEGAL_CHARACTERS_RE.sub("", text), "s", "@"
                cell.font = Font(name="ＭＳ Ｐゴシック", bold=look == "table")
                cell.alignment = Alignment(vertical="top", wrap_text="\n" in text)
                if look:
                    cell.fill = PatternFill("solid", fgColor=_FILLS[look])
    # merge_cells() looks through every range merged before; these never overlap, so that the search would be in vain.
    page.merged_cells.ranges.update(CellRange(f"{first}{number}:{last}{number}") for number, first, last in merged)
    page.column_dimensions["A"].width = 3
    for letter in "CDEFGHIJKLMN":
        page.column_dimensions[letter].width = 13
    return _bytes(book)


def marked_copy(data: bytes, result: SheetResult, language: str = "ja") -> bytes:
    """A copy of the sheet with its problems at the cells: the operator's own book, or one made from the rows."""
    try:
        return annotate_xlsx(data, result.sheet, result.problems, language)
    # No xlsx, or one that openpyxl can't read although it is good enough for us: it says so with any exception.
    except Exception:
        title = re.sub(r"[\[\]:*?/\\]", "_", result.sheet)[:31] or "sheet"
        return annotate_xlsx(rows_to_xlsx(result.rows, title), "", result.problems, language)


def annotate_xlsx(data: bytes, sheet: str, problems: Iterable[Problem], language: str = "ja") -> bytes:
    """The operator's own book with a colour and a comment on each cell that has a problem; "" is its first sheet."""
    book = load_workbook(io.BytesIO(data))
    page = book[sheet] if sheet else book.worksheets[0]
    notes: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.severity in _MARKS and problem.parameters.get("row"):
            place = f"{problem.parameters.get('column') or 'A'}{problem.parameters['row']}"
            notes.setdefault(place, []).append(problem)
    for place, found in notes.items():
        worst = Severity.ERROR if any(p.severity is Severity.ERROR for p in found) else Severity.WARNING
        cell = page[_first_of(page, place)]
        cell.fill = PatternFill("solid", fgColor=_MARKS[worst])
        text = "\n".join(f"{p.sentence(language)} {p.cure(language)}".strip() for p in found)
        cell.comment = Comment(text, "hacluster", height=120, width=360)
    return _bytes(book)


def _first_of(page: Worksheet, place: str) -> str:
    """The first cell of the merged range that covers a place: no other can hold a comment."""
    ranges = (found for found in page.merged_cells.ranges if place in found)
    return next((found.coord.partition(":")[0] for found in ranges), place)


def _bytes(book: Workbook) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()
