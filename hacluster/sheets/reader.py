"""A file that an operator made in a spreadsheet program -> rows of text cells.

Reads csv, xls, xlsx and ods by what the bytes are, not by what the name says; gives a `Book`, or one problem that says
why the file is refused. No formula, macro or link is ever evaluated.
"""

from __future__ import annotations

from pathlib import PurePath

from hacluster.cib.problems import Problem
from hacluster.sheets.archive import Archive, BadArchiveError
from hacluster.sheets.limits import MAX_FILE_BYTES
from hacluster.sheets.ods_file import read_ods
from hacluster.sheets.problems import NO_SUCH_SHEET, NOT_A_WORKBOOK, READ, TOO_LARGE, WHICH_SHEET
from hacluster.sheets.rows import Book, Sheet
from hacluster.sheets.text_file import is_text, read_text_file
from hacluster.sheets.xls_file import read_xls
from hacluster.sheets.xlsx_file import read_xlsx

_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")


def read_book(data: bytes, filename: str) -> Book | Problem:
    """All worksheets of the file."""
    name = PurePath(filename).name
    if len(data) > MAX_FILE_BYTES:
        return TOO_LARGE.at(name, what="bytes", size=len(data), limit=MAX_FILE_BYTES)
    if data.startswith(_OLE):
        return _workbook(data, name, "xls")
    if data.startswith(_ZIP):
        return _workbook(data, name, "xlsx")
    suffix = PurePath(filename).suffix.lower()
    # Some programs save text under the name of a workbook; what is not even text was meant to be one.
    if suffix in _WORKBOOKS and not is_text(data):
        return NOT_A_WORKBOOK.at(name, suffix=suffix)
    return read_text_file(data, PurePath(filename).stem or "sheet")


def _workbook(data: bytes, name: str, kind: str) -> Book | Problem:
    try:
        if kind == "xls":
            return read_xls(data)
        if "content.xml" in Archive(data):
            kind = "ods"
            return read_ods(data)
        return read_xlsx(data)
    except BadArchiveError as error:
        return READ.at(name, format=kind, detail=error)


def choose_sheet(book: Book, wanted: str | None) -> Sheet | Problem:
    """The worksheet to convert: the named one, the first for "", or the only one that holds tables.

    With several filled worksheets and no name the operator is asked, because a book usually holds the blank form and
    two examples beside the real sheet.
    """
    names = ", ".join(sheet.name for sheet in book.sheets)
    if wanted:
        named = next((sheet for sheet in book.sheets if sheet.name == wanted), None)
        return named or (book.sheets[0] if book.encoding else NO_SUCH_SHEET.at("", name=wanted, names=names))
    if wanted == "" or len(book.sheets) == 1:
        return book.sheets[0]
    filled = [sheet for sheet in book.sheets if sheet.looks_filled]
    if len(filled) > 1:
        return WHICH_SHEET.at("", names=", ".join(sheet.name for sheet in filled))
    return filled[0] if filled else book.sheets[0]
