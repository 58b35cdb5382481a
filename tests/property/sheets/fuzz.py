"""Mutated sheets: whatever file arrives, there is an answer. `tests.property.fuzz` runs many seeds."""

from __future__ import annotations

import functools
import io
import random
import zipfile
from xml.sax.saxutils import escape

from hacluster.cib.model import Cib
from hacluster.crm.apply import Mode, load
from hacluster.sheets.convert import convert_book
from hacluster.sheets.export import export, to_xlsx
from hacluster.sheets.headings import Table
from tests.sheets_for_tests import BAD, GOOD

CRM = """
primitive prmEx ocf:heartbeat:sfex params device="/dev/sdb1" op start interval=0s timeout=60s
primitive prmPg ocf:heartbeat:pgsql params 1: rule #uname eq pm01 pgport=5432 op monitor interval=10s role=Started
group grpPg prmEx prmPg meta ordered=true
primitive prmPing ocf:pacemaker:ping params name=default_ping_set
clone clnPing prmPing
primitive st stonith:external/ssh params hostlist=pm01
location rsc_location-grpPg-1 grpPg rule 200: #uname eq pm01 rule -inf: not_defined ping or ping lt 100
colocation rsc_colocation-grpPg-clnPing-1 inf: grpPg clnPing
order rsc_order-clnPing-grpPg-1 Optional: clnPing grpPg symmetrical=false
fencing_topology pm01: st
alert alert_1 /bin/x attributes a=1 to y attributes b=2
property no-quorum-policy=ignore
"""
WORDS = (
    *Table,
    *("P", "A", "O", "R", "#", "", " ", "　", "name", "value", "id", "type", "resourceItem", "rsc", "score", "uname"),
    *("Primitive", "Group", "Clone", "Ms", "params", "meta", "inf", "-INFINITY", "１００", "−1", "=1+1", "@SUM(A1)"),
    *(
        "score:200",
        "ping:a:100",
        "diskd:x",
        "prmEx",
        "grpPg",
        "yes",
        "no",
        "rule",
        "$id-ref=x",
        "\x00",
        "\n",
        "表",
        "é",
    ),
    "x" * 5000,
)
_ODF = ("office", "table", "text")
_VALUES = (b"", b"-1", b"0", b"99999999999", b"A1", b"XFD1048576", b"s", b"b", b"../../x", b"x" * 300, b"\xff", b"&#0;")
ENCODINGS = ("utf-8", "utf-8-sig", "cp932", "utf-16", "euc_jp", "iso2022_jp", "latin-1")


@functools.cache
def books() -> tuple[bytes, ...]:
    """Good workbooks: two xlsx, as they are written, and the rows of one as ods."""
    loaded = load(Cib.empty(), CRM, Mode.REPLACE)
    exported = [export(loaded.cib, language) for language in ("ja", "en")]
    written = tuple(to_xlsx(found, language) for found, language in zip(exported, ("ja", "en"), strict=True))
    return (*written, _ods(exported[0].rows))


def _ods(rows: tuple[tuple[str, ...], ...]) -> bytes:
    def cell(text: str) -> str:
        return (
            f"<table:table-cell><text:p>{escape(text)}</text:p></table:table-cell>" if text else "<table:table-cell/>"
        )

    lines = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in _ODF)
    content = (
        f'<office:document-content {spaces}><table:table table:name="a">{lines}</table:table></office:document-content>'
    )
    return zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": content.encode()})


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return stream.getvalue()


def file_of(seed: int) -> tuple[bytes, str]:
    """(bytes, name) of one seed's file."""
    luck = random.Random(seed)
    if luck.random() < 0.002:
        return luck.choice(BOMBS)(), "a.xlsx"
    if luck.random() < 0.25:
        hurt = luck.choice((_damaged, _damaged_inside, _damaged_inside))
        return hurt(luck, luck.choice(books())), luck.choice(("a.xlsx", "a.xls", "a.ods", "a.csv"))
    rows = [line.split(",") for line in luck.choice((GOOD, BAD)).splitlines()]
    for _ in range(luck.randint(1, 12)):
        _change(luck, rows)
    separator = luck.choice((",", ",", "\t", ";"))
    text = luck.choice(("\n", "\r\n", "\r")).join(separator.join(_quoted(luck, cell) for cell in row) for row in rows)
    data = text.encode(luck.choice(ENCODINGS), "replace")
    return (_damaged(luck, data) if luck.random() < 0.3 else data), luck.choice(("a.csv", "a.tsv", "a.txt", "a"))


def _change(luck: random.Random, rows: list[list[str]]) -> None:
    row = luck.choice(rows) if rows else []
    match luck.randint(0, 5):
        case 0:
            rows.insert(luck.randint(0, len(rows)), [luck.choice(WORDS) for _ in range(luck.randint(0, 8))])
        case 1 if rows:
            rows.pop(luck.randrange(len(rows)))
        case 2 if rows:
            rows.insert(luck.randrange(len(rows)), list(row))
        case 3 if row:
            row[luck.randrange(len(row))] = luck.choice(WORDS)
        case 4:
            row.insert(luck.randint(0, len(row)), luck.choice(WORDS))
        case _:
            luck.shuffle(rows)


def _quoted(luck: random.Random, cell: str) -> str:
    return '"' + cell.replace('"', luck.choice(('""', '"'))) + '"' if luck.random() < 0.1 else cell


def _damaged_inside(luck: random.Random, data: bytes) -> bytes:
    """A sound archive whose members hold nonsense: other values, or broken XML."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        members = {name: book.read(name) for name in book.namelist()}
    for _ in range(luck.randint(1, 3)):
        name = luck.choice(list(members))
        if luck.random() < 0.1:
            del members[name]
            members["x"] = b""
        elif luck.random() < 0.6:
            parts = members[name].split(b'"')
            for _ in range(luck.randint(1, 6)):
                parts[luck.randrange(len(parts))] = luck.choice((*_VALUES, luck.choice(parts)))
            members[name] = b'"'.join(parts)
        else:
            members[name] = _damaged(luck, members[name])
    return zipped(members)


def _bomb_of_rows() -> bytes:
    """A million rows, each with a word."""
    row = b'<row r="%d"><c r="B%d" t="inlineStr"><is><t>x</t></is></c></row>'
    return _with_sheet(b"".join(row % (number, number) for number in range(1, 1_000_001)))


def _with_sheet(rows: bytes, before: bytes = b"") -> bytes:
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(io.BytesIO(books()[0])) as book:
        members = {name: book.read(name) for name in book.namelist()}
    sheet = before + b'<worksheet xmlns="' + space + b'"><sheetData>' + rows + b"</sheetData></worksheet>"
    return zipped({**members, "xl/worksheets/sheet1.xml": sheet})


_LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
BOMBS = (
    lambda: _with_sheet(b" " * 120_000_000),
    functools.cache(_bomb_of_rows),
    lambda: _with_sheet(b"&l11;", b'<!DOCTYPE x [<!ENTITY l0 "ha">' + _LAUGHS + b"]>"),
    lambda: b",PROPERTY\n,,name,value\n" + b",,a,b\n" * 1_000_000,
    lambda: b"," * 3_000_000,
)
"""A zip bomb, a million rows, a billion laughs, a million lines, three million columns."""


def _damaged(luck: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(luck.randint(1, 8)):
        if not changed:
            break
        place = luck.randrange(len(changed))
        match luck.randint(0, 3):
            case 0:
                changed[place] = luck.randrange(256)
            case 1:
                del changed[place : place + luck.randint(1, 200)]
            case 2:
                changed[place:place] = luck.randbytes(luck.randint(1, 20))
            case _:
                changed[place:place] = changed[place : place + luck.randint(1, 100)]
    return bytes(changed)


def answer(made: tuple[bytes, str], seed: int) -> str:
    """Convert the file; every problem has its sentences. How it was answered."""
    data, name = made
    result = convert_book(data, name, sheet="")
    for problem in result.problems:
        assert problem.line("ja")
        assert problem.line("en")
    assert result.ok or not result.crm_text, "text in spite of errors"
    assert result.ok or result.problems, "refused without a word"
    return "converted" if result.crm_text else "refused" if not result.ok else "empty"
