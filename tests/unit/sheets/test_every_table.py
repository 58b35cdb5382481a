"""Every table and every mistake in it: which code is told at which cell, and what text comes out.

tables.txt holds a small sheet for each: `=== name: CODE:CELL …` in front of its csv rows, and `--- crm` with the text
that a good one becomes. `{resources}` stands for a group of two primitives in rows 1 to 11.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hacluster.cib.problems import Problem, Severity
from hacluster.sheets.convert import convert_book

RESOURCES = """,RESOURCES
,,resourceItem,resourceItem,id
,,Group,,grp
,,,Primitive,p1
,,,Primitive,p2
,PRIMITIVE
,P,id,class,provider,type
,,p1,ocf,heartbeat,Dummy
,PRIMITIVE
,P,id,class,provider,type
,,p2,ocf,heartbeat,Dummy
"""


def _cases() -> dict[str, tuple[list[str], str, str]]:
    found = {}
    text = Path(__file__).with_name("tables.txt").read_text(encoding="utf-8")
    for part in text.split("=== ")[1:]:
        head, _, rest = part.partition("\n")
        name, _, told = head.partition(":")
        rows, _, crm = rest.partition("--- crm\n")
        found[name] = (told.split(), rows.replace("{resources}\n", RESOURCES), crm)
    return found


CASES = _cases()


def _told(problem: Problem) -> str:
    cell = problem.parameters.get("column", "") + problem.parameters.get("row", "")
    return f"{problem.code.removeprefix('sheet.')}:{cell}"


@pytest.mark.parametrize("name", CASES)
def test_each_mistake_is_told_at_its_cell_and_a_good_table_becomes_its_text(name):
    told, rows, crm = CASES[name]
    result = convert_book(rows.encode(), "sheet.csv")
    assert [_told(problem) for problem in result.problems if problem.severity is not Severity.INFO] == told
    assert not crm or result.crm_text == crm
