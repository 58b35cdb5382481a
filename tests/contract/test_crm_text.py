"""One set of crm texts, read by Debian's crmsh and by ours: both take or refuse the same, and print it alike.

crm_texts.txt holds the texts, each under a line `=== name [nodes=…]` (nodes that the configuration has before).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from hacluster.cli.crm2xml import with_base_nodes
from hacluster.crm.parser import parse
from hacluster.crm.printer import show

HERE = Path(__file__).parent
SYSTEM_PYTHON = Path("/usr/bin/python3")
CRMSH = Path("/usr/lib/python3/dist-packages/crmsh")
pytestmark = pytest.mark.skipif(not CRMSH.exists(), reason="crmsh is not installed (make setup as root installs it)")


def _cases() -> dict[str, tuple[str, list[str]]]:
    found = {}
    for part in (HERE / "crm_texts.txt").read_text(encoding="utf-8").split("=== ")[1:]:
        head, _, text = part.partition("\n")
        name, _, nodes = head.partition(" nodes=")
        found[name] = (text, nodes.split(",") if nodes else [])
    return found


CASES = _cases()


@pytest.fixture(scope="module")
def told_by_crmsh() -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [SYSTEM_PYTHON, HERE / "crmsh_reader.py"],
        input=json.dumps(list(CASES.values())),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(CASES, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_a_text_is_taken_and_printed_as_crmsh_does(name, told_by_crmsh):
    text, nodes = CASES[name]
    parsed = with_base_nodes(parse(text, nodes=nodes), tuple(nodes))
    told = told_by_crmsh[name]
    assert parsed.is_usable == told["ok"], parsed.problems
    if parsed.is_usable:
        assert _lines(show(parsed.configuration, as_crmsh=True)) == _lines(told["show"])


def _lines(text: object) -> list[str]:
    """Without comments."""
    return [line for line in str(text).split("\n") if line and not line.startswith("#")]
