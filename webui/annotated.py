"""An annotated copy of an uploaded sheet: bad cells are coloured and carry their problems as comments.

Reads a `Reading`; gives an xlsx file. Formats of the original are not kept: the copy is for finding the cells, the
original for correcting them.
"""

from __future__ import annotations

from io import BytesIO

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill

from webui.imports import Reading
from webui.sheetport import cell_of

FILLS = {"error": PatternFill("solid", fgColor="FFC7CE"), "warning": PatternFill("solid", fgColor="FFEB9C")}


def annotated_copy(reading: Reading, language: str) -> bytes:
    workbook = Workbook()
    page = workbook.active
    assert page is not None
    page.title = (reading.text.sheet or "sheet")[:31].translate({ord(sign): "_" for sign in "[]:*?/\\"})
    for number, row in enumerate(reading.text.rows, 1):
        for place, text in enumerate(row, 1):
            if text:
                cell = page.cell(number, place)
                cell.value = text
                cell.data_type = "s"
    summary = workbook.create_sheet("problems")
    for problem in reading.text.problems:
        summary.append([problem.severity.value, problem.place, problem.sentence(language), problem.cure(language)])
        at = cell_of(problem)
        if at:
            cell = page[at]
            said = f"{cell.comment.text}\n" if cell.comment else ""
            cell.comment = Comment(f"{said}{problem.sentence(language)}\n{problem.cure(language)}".strip(), "hacluster")
            cell.fill = FILLS.get(problem.severity.value, FILLS["warning"])
            cell.font = Font(bold=True)
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()
