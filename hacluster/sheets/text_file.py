"""Bytes of a csv or tab-separated file -> one sheet.

Reads UTF-8 (with or without a byte-order mark), UTF-16, cp932, EUC-JP and ISO-2022-JP; gives the rows and the
encoding, or the problem that names the line.
"""

from __future__ import annotations

import csv
import io
import re

from hacluster.cib.problems import Problem
from hacluster.sheets.limits import MAX_CELL_CHARACTERS, MAX_COLUMNS, MAX_ROWS
from hacluster.sheets.problems import ENCODING, TOO_LARGE, UNCLOSED_QUOTE
from hacluster.sheets.rows import Book, Sheet

_KANA = re.compile("[\u3041-\u30ff]")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
_CONTROL = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f\uf8f0-\uf8f3]")


def read_text_file(data: bytes, name: str) -> Book | Problem:
    decoded = decode(data)
    if decoded is None:
        return ENCODING.at(name, detail=f"0x{data[:8].hex()} …")
    text, encoding = decoded
    if (nul := text.find("\0")) >= 0:
        line = text.count("\n", 0, nul) + 1
        return ENCODING.at(name, detail=f"NUL on line {line}")
    unclosed = _unclosed_quote_line(text)
    if unclosed:
        return UNCLOSED_QUOTE.at(f"{name}!A{unclosed}", line=unclosed)
    rows = _rows(text, name)
    return rows if isinstance(rows, Problem) else Book((Sheet(name, rows),), encoding)


def is_text(data: bytes) -> bool:
    """Whether it decodes without control characters and without what cp932 makes of the bytes it has no letter for."""
    decoded = decode(data)
    return decoded is not None and not _CONTROL.search(decoded[0])


def decode(data: bytes) -> tuple[str, str] | None:
    """The text and the name of its encoding, or None."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode_as(data, "utf-16")
    if b"\x1b$" in data:
        return _decode_as(data, "iso2022_jp")
    found = _decode_as(data, "utf-8-sig")
    if found is not None:
        return found[0], "utf-8"
    shift_jis, euc = _decode_as(data, "cp932"), _decode_as(data, "euc_jp")
    # Text in EUC-JP often decodes as cp932 too, into half-width katakana. Kana in the one reading
    # and almost only half-width letters in the other tell that the file is EUC-JP.
    if euc and _KANA.search(euc[0]) and (not shift_jis or _mostly_half_width(shift_jis[0])):
        return euc
    return shift_jis or euc


def _decode_as(data: bytes, encoding: str) -> tuple[str, str] | None:
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        return None


def _mostly_half_width(text: str) -> bool:
    foreign = sum(not character.isascii() for character in text)
    return len(_HALF_WIDTH.findall(text)) * 2 > foreign


def delimiter_of(text: str) -> str:
    """Comma or tab: whichever comes first in more lines."""
    votes = {",": 0, "\t": 0}
    for line in text.splitlines()[:200]:
        first = next((character for character in line if character in votes), None)
        if first:
            votes[first] += 1
    return "\t" if votes["\t"] > votes[","] else ","


def _unclosed_quote_line(text: str) -> int:
    """The line on which a quote opens that never closes, or 0."""
    delimiter = delimiter_of(text)
    if text.count('"') == 0:
        return 0
    opened, line, fresh = 0, 1, True
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\n":
            line += 1
        if opened:
            if character == '"' and text[position + 1 : position + 2] == '"':
                position += 1
            elif character == '"':
                opened = 0
        elif character == '"' and fresh:
            opened = line
        fresh = not opened and character in (delimiter, "\n", "\r")
        position += 1
    return opened


def _rows(text: str, name: str) -> tuple[tuple[str, ...], ...] | Problem:
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    rows: list[tuple[str, ...]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text)):
            if len(rows) >= MAX_ROWS:
                return TOO_LARGE.at(name, what="rows", size=f"> {MAX_ROWS}", limit=MAX_ROWS)
            if len(record) > MAX_COLUMNS:
                return TOO_LARGE.at(name, what="columns", size=len(record), limit=MAX_COLUMNS)
            rows.append(tuple(record))
    except csv.Error:
        return TOO_LARGE.at(name, what="cell characters", size=f"> {MAX_CELL_CHARACTERS}", limit=MAX_CELL_CHARACTERS)
    return tuple(rows)
