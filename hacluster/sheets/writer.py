"""Rows and problems -> xlsx workbooks.

Reads rows of text, or an operator's own book with its problems; gives the bytes of a workbook. Every cell is
written as text, so that nothing in it is ever taken for a formula.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.cell_range import CellRange

from hacluster.cib.problems import Problem, Severity
from hacluster.sheets.headings import Table

_FILLS = {"table": "CCFFFF", "header": "CCFFCC", "label": "FFFF99"}
_MARKS = {Severity.ERROR: "FF9999", Severity.WARNING: "FFE699"}


Merged = Iterable[tuple[int, str, str]]
"""(row from 1, first column, last column) of merged cells"""


def rows_to_xlsx(rows: Iterable[Sequence[str]], sheet: str = "環境定義書", merged: Merged = ()) -> bytes:
    """A book with one worksheet; table names and headers are coloured as in the template."""
    book = Workbook()
    page = book.active
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


def annotate_xlsx(data: bytes, sheet: str, problems: Iterable[Problem], language: str = "ja") -> bytes:
    """The operator's own book with a colour and a comment on each cell that has a problem."""
    book = load_workbook(io.BytesIO(data))
    page = book[sheet]
    notes: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.severity in _MARKS and problem.parameters.get("row"):
            place = f"{problem.parameters.get('column') or 'A'}{problem.parameters['row']}"
            notes.setdefault(place, []).append(problem)
    for place, found in notes.items():
        worst = Severity.ERROR if any(p.severity is Severity.ERROR for p in found) else Severity.WARNING
        page[place].fill = PatternFill("solid", fgColor=_MARKS[worst])
        text = "\n".join(f"{p.sentence(language)} {p.cure(language)}".strip() for p in found)
        page[place].comment = Comment(text, "hacluster")
    return _bytes(book)


def _bytes(book: Workbook) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()
