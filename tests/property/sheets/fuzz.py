"""Mutated sheets: whatever file arrives, there is an answer, quickly, and never an exception.

`python -m tests.property.sheets.fuzz 60000 [FIRST]` runs that many seeds; a seed alone makes its file again.
"""

from __future__ import annotations

import random
import sys
import time

from hacluster.cib.model import Cib
from hacluster.crm.apply import Mode, load
from hacluster.sheets.convert import convert_book
from hacluster.sheets.export import export, to_xlsx
from hacluster.sheets.headings import Table
from tests.sheets_for_tests import BAD, GOOD

LONGEST_S = 1.0
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
ENCODINGS = ("utf-8", "utf-8-sig", "cp932", "utf-16", "euc_jp", "iso2022_jp", "latin-1")


def seeds_of_books() -> tuple[bytes, ...]:
    loaded = load(Cib.empty(), CRM, Mode.REPLACE)
    return tuple(to_xlsx(export(loaded.cib, language), language) for language in ("ja", "en"))


def file_of(seed: int, books: tuple[bytes, ...]) -> tuple[bytes, str]:
    """(bytes, name) of one seed's file."""
    luck = random.Random(seed)
    if luck.random() < 0.25:
        return _damaged(luck, luck.choice(books)), luck.choice(("a.xlsx", "a.xls", "a.ods", "a.csv"))
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


def failure_of(seed: int, books: tuple[bytes, ...]) -> str:
    """What is wrong with the answer to one file; "" when nothing is."""
    data, name = file_of(seed, books)
    began = time.perf_counter()
    try:
        result = convert_book(data, name, sheet="")
        for problem in result.problems:
            if not problem.sentence("ja") or not problem.sentence("en"):
                return "a problem without a sentence"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if result.crm_text and not result.ok:
        return "text in spite of errors"
    took = time.perf_counter() - began
    return f"{took:.2f} s" if took > LONGEST_S else ""


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    books = seeds_of_books()
    found = 0
    for seed in range(first, first + count):
        wrong = failure_of(seed, books)
        if wrong:
            found += 1
            print(f"seed {seed}: {wrong}", flush=True)
    print(f"{count} files, {found} wrong answers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
