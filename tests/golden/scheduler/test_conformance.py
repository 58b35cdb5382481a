"""The core tier of the scheduler's conformance cases, in this process: what was reached once is never lost."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cli.simulate import as_json, now_of
from hacluster.scheduler.dates import parse_date
from hacluster.scheduler.schedule import schedule

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
CASES = SHARED / "conformance" / "scheduler"
REACHED = {"core": 197, "extended": 173, "far": 56}
"""Cases that pass at level L2. Raise them together with the scheduler."""


def _answer(row: dict[str, str]) -> str:
    cib = parse_cib((CASES / "xml" / f"{row['name']}.xml").read_bytes())
    assert isinstance(cib, Cib)
    moment = parse_date(row["args"].removeprefix("-t ").strip("'\"")) if row["args"] else now_of(cib)
    assert moment is not None
    return json.dumps(as_json(schedule(cib, moment)))


@pytest.mark.skipif(not CASES.is_dir(), reason="the conformance cases are not beside this checkout (../shared)")
@pytest.mark.parametrize("tier", sorted(REACHED))
def test_no_conformance_case_is_lost(tier: str, tmp_path: Path) -> None:
    with (CASES / "cases.tsv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if row["tier"] == tier:
                (tmp_path / f"{row['name']}.json").write_text(_answer(row), encoding="utf-8")
    words = [sys.executable, str(CASES / "schedconf.py"), "score", "--candidates", str(tmp_path), "--tier", tier]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    passed = re.search(r"^(\d+) passed", said, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= REACHED[tier], said
