"""How long the scheduler takes, beside Debian's crm_simulate on the same inputs in the same run.

`python -m bench.scheduler [--large]` makes clusters of three shapes and three states with ../shared/bench/scheduler,
and prints CPU seconds: ours in one process, ours as a command less its start, the peer's less its start, and the ratio.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply

NOW = 1_700_000_000.0
GENERATOR = Path(__file__).resolve().parents[2] / "shared" / "bench" / "scheduler" / "gen_cib.py"
HACTL = Path(sys.executable).with_name("hactl")
PEER = shutil.which("crm_simulate")
PEER_LIMIT_S = 60
LADDER = ((2, 100), (8, 100), (8, 500), (16, 500), (16, 1000))
LARGE = ((32, 2000),)
STATES = ("start", "steady", "nodefail")


def cpu_of(words: list[str], limit_s: float = PEER_LIMIT_S) -> float | None:
    """CPU seconds of a command; None when it took too long."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        subprocess.run(words, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def made(folder: Path, nodes: int, resources: int, shape: str, state: str) -> Path:
    file = folder / f"{nodes}x{resources}-{shape}-{state}.xml"
    words = [sys.executable, str(GENERATOR), "--nodes", str(nodes), "--resources", str(resources)]
    subprocess.run([*words, "--shape", shape, "--state", state, "-o", str(file)], check=True)
    return file


def in_process(file: Path) -> tuple[float, float, int]:
    """(deciding, deciding and carrying out, actions), CPU seconds."""
    cib = parse_cib(file.read_bytes())
    assert isinstance(cib, Cib)
    began = time.process_time()
    graph = schedule(cib, NOW)
    decided = time.process_time() - began
    if len(graph.actions) < 10_000:
        apply(cib, graph, NOW)
    return decided, time.process_time() - began, len(graph.actions)


def row(file: Path, start_s: tuple[float, float]) -> str:
    decided, carried, actions = in_process(file)
    command = cpu_of([str(HACTL), "simulate", "--xml-file", str(file)], 600)
    peer = cpu_of([PEER, "-x", str(file), "-R", "-Q", "-G", os.devnull]) if PEER else None
    mine = max(0.0, (command or 0.0) - start_s[0])
    theirs = None if peer is None else max(0.001, peer - start_s[1])
    shown = "over limit" if theirs is None else f"{theirs:10.2f}"
    ratio = "" if theirs is None else f"{theirs / max(mine, 0.001):8.1f}"
    return f"{file.stem:<28}{actions:8}{decided:10.2f}{carried:12.2f}{mine:10.2f}  {shown:>10}{ratio:>8}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="32 nodes with 2000 resources too")
    arguments = parser.parse_args()
    if not GENERATOR.is_file():
        print("bench.scheduler: the generator of clusters (../shared/bench/scheduler) is not beside this checkout")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny = made(folder, 2, 1, "plain", "steady")
        starts = cpu_of([str(HACTL), "simulate", "--xml-file", str(tiny)]) or 0.0
        theirs = (cpu_of([PEER, "-x", str(tiny), "-R", "-Q", "-G", os.devnull]) or 0.0) if PEER else 0.0
        print(
            f"{'cluster':<28}{'actions':>8}{'decide s':>10}{'+ simulate':>12}{'command':>10}  {'peer':>10}{'ratio':>8}"
        )
        for nodes, resources in (*LADDER, *(LARGE if arguments.large else ())):
            for state in STATES:
                print(row(made(folder, nodes, resources, "mixed", state), (starts, theirs)), flush=True)
    print(f"memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
