"""`crm_simulate -S` on the scheduler's conformance cases: its whole text, line by line, is Pacemaker's.

Where the decisions differ the text does too, so the number grows with the scheduler.
"""

from __future__ import annotations

import csv
import shlex
import time
from pathlib import Path

import pytest

from hacluster.cli import crm_simulate
from hacluster.cli.exits import Exit

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "conformance" / "scheduler"
EQUAL = {"core": 180, "extended": 156, "far": 31}
"""Cases whose text is equal. Raise them together with the scheduler."""


def _lines(text: str) -> list[str]:
    """Without the blank lines between blocks, on which versions of Pacemaker differ."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.fixture
def _utc(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_utc")
@pytest.mark.skipif(not CASES.is_dir(), reason="the conformance cases are not beside this checkout (../shared)")
@pytest.mark.parametrize("tier", sorted(EQUAL))
def test_no_text_that_was_equal_differs_again(tier: str, capsys: pytest.CaptureFixture[str]) -> None:
    different = []
    with (CASES / "cases.tsv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t") if row["tier"] == tier]
    for row in rows:
        words = ["-x", str(CASES / "xml" / f"{row['name']}.xml"), "-S", *shlex.split(row["args"])]
        assert crm_simulate.main(words) == Exit.OK
        wanted = (CASES / "summary" / f"{row['name']}.summary").read_text(encoding="utf-8")
        if _lines(capsys.readouterr().out) != _lines(wanted):
            different.append(row["name"])
    assert len(rows) - len(different) >= EQUAL[tier], different
