"""Given this cluster, what is done, in what order, why? A folder a case; `--update-golden` writes expected.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cli.crm_simulate import execution_lines, status_lines, summary_lines
from hacluster.cli.simulate import now_of
from hacluster.cli.status_view import view
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply

CASES = sorted(folder.parent for folder in Path(__file__).parent.glob("*/cib.xml"))


def rendered(cib: Cib, now: float) -> str:
    graph = schedule(cib, now)
    lines = ["Changes:", *summary_lines(graph.changes), "", "Actions:"]
    lines += execution_lines(cib, graph)
    lines += ["", "Afterwards:", *status_lines(view(apply(cib, graph, now), now=now))]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda folder: folder.name)
def test_the_cluster_is_led_as_expected(case: Path, request: pytest.FixtureRequest) -> None:
    cib = parse_cib((case / "cib.xml").read_bytes())
    assert isinstance(cib, Cib)
    found = rendered(cib, now_of(cib))
    expected = case / "expected.txt"
    if request.config.getoption("--update-golden", default=False):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
