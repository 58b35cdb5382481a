"""Bytes of an old binary workbook (xls) -> sheets of text, by way of calamine.

The format holds at most 65,536 rows of 256 columns, so that even a hostile file stays bounded.
"""

from __future__ import annotations

import io
from typing import Any

from python_calamine import CalamineWorkbook

from hacluster.sheets.archive import BadArchiveError
from hacluster.sheets.limits import MAX_ROWS
from hacluster.sheets.rows import Book, Sheet
from hacluster.sheets.xlsx_file import number_text


def read_xls(data: bytes) -> Book:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        return Book(tuple(_sheet(workbook, name) for name in workbook.sheet_names))
    # The reader is foreign code: it says “damaged” with exceptions of many classes, a panic of its own included.
    except BadArchiveError:
        raise
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        raise BadArchiveError(str(error) or type(error).__name__) from error


def _sheet(workbook: Any, name: str) -> Sheet:
    sheet = workbook.get_sheet_by_name(name)
    values = sheet.to_python(skip_empty_area=False)
    while values and not any(value != "" for value in values[-1]):
        values.pop()
    if len(values) > MAX_ROWS:
        raise BadArchiveError(f"the sheet “{name}” has {len(values)} rows, at most {MAX_ROWS}")
    return Sheet(name, tuple(tuple(_text(value) for value in row) for row in values))


def _text(value: Any) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return number_text(str(value))
        case _:
            return str(value)
