"""Bytes of an xlsx workbook -> sheets of text.

Reads cell values only: a formula counts with its stored result, a macro is never opened, a covered cell of a merged
range is empty. A sheet is read straight from its XML, because that is bounded and several times as fast as a full
object model of the workbook.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from hacluster.sheets.archive import Archive, BadArchiveError
from hacluster.sheets.limits import MAX_CELLS, MAX_COLUMNS, MAX_ROWS
from hacluster.sheets.rows import Book, Sheet, column_number

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_COORDINATE = re.compile(r"\$?([A-Z]{1,3})\$?([1-9][0-9]{0,6})\Z")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_xlsx(data: bytes) -> Book:
    archive = Archive(data)
    strings = _shared_strings(archive)
    return Book(tuple(Sheet(name, _rows(archive, member, strings)) for name, member in sheet_members(archive)))


def sheet_members(archive: Archive) -> list[tuple[str, str]]:
    """(worksheet name, member of the archive) in the order of the book."""
    targets = {}
    for relation in archive.tree("xl/_rels/workbook.xml.rels"):
        targets[relation.get("Id")] = (relation.get("Type") or "", relation.get("Target") or "")
    members = []
    for sheet in archive.tree("xl/workbook.xml").iter(f"{_MAIN}sheet", f"{_STRICT}sheet"):
        relation_id = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")
        kind, target = targets.get(relation_id, ("", ""))
        if kind.endswith("/worksheet"):
            members.append((sheet.get("name") or "", _member(target)))
    if not members:
        raise BadArchiveError("it has no worksheet")
    return members


def _member(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")


def _shared_strings(archive: Archive) -> list[str]:
    if "xl/sharedStrings.xml" not in archive:
        return []
    return [_plain(item) for item in archive.elements("xl/sharedStrings.xml", f"{_MAIN}si", f"{_STRICT}si")]


def _plain(item: Any) -> str:
    """The text of a string with or without runs; the reading aid over kanji (`rPh`) is not part of it."""
    parts = []
    for child in item:
        tag = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else ""
        if tag == "t":
            parts.append(child.text or "")
        elif tag == "r":
            parts.extend(run.text or "" for run in child if isinstance(run.tag, str) and run.tag.endswith("}t"))
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), "".join(parts))


def _rows(archive: Archive, member: str, strings: list[str]) -> tuple[tuple[str, ...], ...]:
    rows: dict[int, dict[int, str]] = {}
    covered: list[tuple[int, int, int, int]] = []
    cells = number = 0
    for element in archive.elements(member, f"{_MAIN}row", f"{_STRICT}row", f"{_MAIN}mergeCell", f"{_STRICT}mergeCell"):
        if element.tag.endswith("mergeCell"):
            covered.extend(_area(element.get("ref") or ""))
            continue
        number = _number(element.get("r"), number + 1)
        values = _row(element, strings)
        if not values:
            continue
        cells += len(values)
        if number > MAX_ROWS or cells > MAX_CELLS or max(values) > MAX_COLUMNS:
            raise BadArchiveError(f"the sheet has values beyond row {MAX_ROWS} or column {MAX_COLUMNS}")
        rows[number] = values
    _blank_covered(rows, covered)
    return _dense(rows)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def _row(element: Any, strings: list[str]) -> dict[int, str]:
    values: dict[int, str] = {}
    column = 0
    for cell in element:
        if not isinstance(cell.tag, str) or not cell.tag.endswith("}c"):
            continue
        match = _COORDINATE.match(cell.get("r") or "")
        column = column_number(match[1]) if match else column + 1
        text = _value(cell, strings)
        if text:
            values[column] = text
    return values


def _value(cell: Any, strings: list[str]) -> str:
    stored, inline = "", ""
    for child in cell:
        if isinstance(child.tag, str) and child.tag.endswith("}v"):
            stored = child.text or ""
        elif isinstance(child.tag, str) and child.tag.endswith("}is"):
            inline = _plain(child)
    match cell.get("t"):
        case "s":
            return strings[int(stored)] if stored.isascii() and stored.isdigit() and int(stored) < len(strings) else ""
        case "inlineStr":
            return inline
        case "b":
            return {"1": "TRUE", "0": "FALSE"}.get(stored, stored)
        case "str" | "e" | "d":
            return stored
        case _:
            return number_text(stored)


def number_text(stored: str) -> str:
    """A number as a spreadsheet shows it: `200.0` -> `200`, `0.1` stays, at most 15 digits."""
    try:
        value = float(stored)
    except ValueError:
        return stored
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return format(value, ".15g")


def _area(reference: str) -> list[tuple[int, int, int, int]]:
    first, _, last = reference.partition(":")
    start, end = _COORDINATE.match(first), _COORDINATE.match(last)
    if not start or not end:
        return []
    return [(int(start[2]), column_number(start[1]), int(end[2]), column_number(end[1]))]


def _blank_covered(rows: dict[int, dict[int, str]], areas: list[tuple[int, int, int, int]]) -> None:
    for top, left, bottom, right in areas:
        for row in range(top, min(bottom, MAX_ROWS) + 1):
            values = rows.get(row)
            if values is None:
                continue
            for column in [c for c in values if left <= c <= right and (row, c) != (top, left)]:
                del values[column]


def _dense(rows: dict[int, dict[int, str]]) -> tuple[tuple[str, ...], ...]:
    """Rows without gaps: every row down to the last one with a value, each as wide as the widest."""
    width = max((max(values) for values in rows.values() if values), default=0)
    if width * max(rows, default=0) > 10 * MAX_CELLS:
        raise BadArchiveError("its values lie too far apart")
    empty: dict[int, str] = {}
    blank = ("",) * width
    return tuple(
        tuple(values.get(column, "") for column in range(1, width + 1)) if (values := rows.get(row, empty)) else blank
        for row in range(1, max(rows, default=0) + 1)
    )
