"""Bytes of an ods workbook -> sheets of text.

Reads content.xml row by row; repeated rows and columns are counted, and only those with a value are unrolled.
"""

from __future__ import annotations

from typing import Any

from hacluster.sheets.archive import Archive, BadArchiveError
from hacluster.sheets.limits import MAX_CELLS, MAX_COLUMNS, MAX_ROWS
from hacluster.sheets.rows import Book, Sheet
from hacluster.sheets.xlsx_file import number_text

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


def read_ods(data: bytes) -> Book:
    root = Archive(data).tree("content.xml")
    sheets = tuple(Sheet(table.get(f"{_TABLE}name") or "", _rows(table)) for table in root.iter(f"{_TABLE}table"))
    if not sheets:
        raise BadArchiveError("it has no worksheet")
    return Book(sheets)


def _rows(table: Any) -> tuple[tuple[str, ...], ...]:
    rows: list[tuple[str, ...]] = []
    empty_rows = cells = 0
    for element in table.iter(f"{_TABLE}table-row"):
        repeated = _repeated(element, "number-rows-repeated")
        values = _row(element)
        if not values:
            empty_rows += repeated
            continue
        cells += len(values) * repeated
        if len(rows) + empty_rows + repeated > MAX_ROWS or cells > MAX_CELLS:
            raise BadArchiveError(f"the sheet has values beyond row {MAX_ROWS}")
        rows.extend([()] * empty_rows + [values] * repeated)
        empty_rows = 0
    width = max(map(len, rows), default=0)
    if width * len(rows) > 10 * MAX_CELLS:
        raise BadArchiveError("its values lie too far apart")
    return tuple(row + ("",) * (width - len(row)) for row in rows)


def _row(element: Any) -> tuple[str, ...]:
    values: list[str] = []
    pending = 0
    for cell in element:
        if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            continue
        repeated = _repeated(cell, "number-columns-repeated")
        text = "" if cell.tag.endswith("}covered-table-cell") else _value(cell)
        if not text:
            pending += repeated
            continue
        if len(values) + pending + repeated > MAX_COLUMNS:
            raise BadArchiveError(f"the sheet has values beyond column {MAX_COLUMNS}")
        values.extend([""] * pending + [text] * repeated)
        pending = 0
    return tuple(values)


def _repeated(element: Any, name: str) -> int:
    text = element.get(f"{_TABLE}{name}") or "1"
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _value(cell: Any) -> str:
    match cell.get(f"{_OFFICE}value-type"):
        case "float":
            return number_text(cell.get(f"{_OFFICE}value") or "")
        case "boolean":
            return (cell.get(f"{_OFFICE}boolean-value") or "").upper()
        case _:
            return "\n".join(_paragraph(p) for p in cell if p.tag == f"{_TEXT}p")


def _paragraph(element: Any) -> str:
    """The text of a paragraph with its spans; runs of blanks, tabs and line breaks stand as elements in ODF."""
    parts = [element.text or ""]
    for child in element:
        if child.tag == f"{_TEXT}s":
            count = child.get(f"{_TEXT}c") or "1"
            parts.append(" " * (int(count) if count.isascii() and count.isdigit() and len(count) < 5 else 1))
        elif child.tag == f"{_TEXT}tab":
            parts.append("\t")
        elif child.tag == f"{_TEXT}line-break":
            parts.append("\n")
        elif isinstance(child.tag, str):
            parts.append(_paragraph(child))
        parts.append(child.tail or "")
    return "".join(parts)
