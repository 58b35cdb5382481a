"""A bounded number of bad days; `make sims N=…` runs as many as one has patience for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hacluster.scheduler.schedule import schedule
from tests.simulation.run import run_seed

ROOT = Path(__file__).resolve().parents[2]
FIRST, COUNT = 1, 60


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_a_cluster_survives_a_bad_day(seed):
    outcome = run_seed(seed)
    assert not outcome.violation, "\n".join((*outcome.trace[-60:], f"seed {seed}: {outcome.violation}"))


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_real_scheduler_survives_a_bad_day(seed):
    outcome = run_seed(seed, schedule)
    assert not outcome.violation, "\n".join((*outcome.trace[-60:], f"seed {seed}: {outcome.violation}"))


def test_the_same_seed_gives_the_same_trace_under_any_hash_seed():
    def trace(hash_seed: str) -> bytes:
        command = [sys.executable, "-m", "tests.simulation", "--seed", "4"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).stdout

    assert trace("1") == trace("2")
