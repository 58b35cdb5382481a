"""What is always true of a plan: carried out, it leaves nothing to do, and it is the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cli.simulate import now_of
from hacluster.scheduler.graph import Action, ActionKind, TransitionGraph
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply, in_order, was_lost

CASES = sorted((Path(__file__).resolve().parents[2] / "golden" / "scheduler").glob("*/cib.xml"))
_PRINT = "import sys; from hacluster.cli.simulate import main; sys.exit(main(['--xml-file', sys.argv[1]]))"


def read(case: Path) -> Cib:
    cib = parse_cib(case.read_bytes())
    assert isinstance(cib, Cib)
    return cib


STAYS_ASKED_FOR = {"a-replica-beside-one-that-cannot-be-reset"}
"""The container is on a node that is still joining and can't be fenced: what is to stop in it can't be asked to."""


def _can_fence(cib: Cib) -> bool:
    options = (pair for pair in cib.section("crm_config").walk() if pair.get("name") == "stonith-enabled")
    return all(pair.get("value") == "true" for pair in options)


def _nodes(cib: Cib) -> list[str]:
    return [node.get("uname") for node in cib.section("nodes").all("node") if node.get("type") != "remote"]


LOSSES = [(case, node) for case in CASES if _can_fence(read(case)) for node in _nodes(read(case))]


@pytest.mark.parametrize("case", CASES, ids=lambda file: file.parent.name)
def test_scheduling_the_simulated_result_gives_an_empty_graph(case: Path) -> None:
    cib = read(case)
    now = now_of(cib)
    after = apply(cib, schedule(cib, now), now)
    again = schedule(after, now)
    if case.parent.name in STAYS_ASKED_FOR:
        assert again.actions
        assert schedule(apply(after, again, now), now) == again
        return
    # A guest or remote node that was reset is asked anew, once; nothing else is left to do but milestones.
    left = _without_milestones(again)
    fresh = {action.node for action in left}
    assert all(action.kind is ActionKind.MONITOR and not action.interval_ms for action in left)
    assert fresh <= {entry.get("uname") for entry in cib.section("nodes").all("node") if entry.get("type") == "remote"}
    assert _without_milestones(schedule(apply(after, again, now), now)) == []


def _without_milestones(graph: TransitionGraph) -> list[Action]:
    """That a node has room for what can't start there is told each time, and does nothing."""
    return [action for action in graph.actions if action.kind is not ActionKind.PSEUDO]


@pytest.mark.parametrize(("case", "node"), LOSSES, ids=lambda each: each if isinstance(each, str) else each.parent.name)
def test_nothing_of_a_lost_node_starts_before_it_is_fenced(case: Path, node: str) -> None:
    cib = was_lost(read(case), node)
    seen = []
    for action in in_order(schedule(cib, now_of(cib))):
        seen.append(action.kind.value)
        if action.kind.value == "start" and action.standard != "stonith":
            assert "fence" in seen


@pytest.mark.parametrize("case", CASES, ids=lambda file: file.parent.name)
def test_every_action_can_be_reached(case: Path) -> None:
    cib = read(case)
    graph = schedule(cib, now_of(cib))
    assert len(in_order(graph)) == len(graph.actions)


def test_the_answer_does_not_depend_on_the_hash_seed() -> None:
    answers = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        for case in CASES[:2]:
            words = [sys.executable, "-c", _PRINT, str(case)]
            answers.add((case, subprocess.run(words, env=environment, capture_output=True, check=True).stdout))
    assert len(answers) == 2
