"""How long the scheduler takes, beside Debian's crm_simulate on the same inputs in the same run.

`python -m bench.scheduler [--large] [--plot FILE.svg]` makes clusters of three shapes and three states with
../shared/bench/scheduler and prints CPU seconds: deciding in this process, deciding and carrying out, ours as a command
less its start, the peer's less its start, and how many times as long the peer takes. Then how both grow with the nodes,
and what one change in a steady cluster costs.
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
from collections.abc import Callable
from pathlib import Path

from bench.plot import Line, line_chart
from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.status import with_attributes
from hacluster.scheduler.memory import Memory
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply, operation_failed

NOW = 1_700_000_000.0
GENERATOR = Path(__file__).resolve().parents[2] / "shared" / "bench" / "scheduler" / "gen_cib.py"
HACTL = Path(sys.executable).with_name("hactl")
PEER = shutil.which("crm_simulate")
PEER_LIMIT_S = 30
LADDER = ((2, 100), (2, 1000), (8, 500), (16, 1000))
CLONES = ((4, 10), (8, 25), (16, 50))
LARGE = ((32, 2000),)
STATES = ("start", "steady", "nodefail")
GROWTH = (2, 4, 8, 16, 32)
GROWTH_RESOURCES = 1000


def cpu_of(words: list[str], limit_s: int = PEER_LIMIT_S, runs: int = 3) -> float | None:
    """CPU seconds of a command, the least of several runs; None when it took more than the limit."""
    found = []
    while len(found) < runs and sum(found) < 3:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        # prlimit ends it by its CPU time: on a busy machine the clock says little.
        ended = subprocess.run(["prlimit", f"--cpu={limit_s}", *words], capture_output=True, check=False)
        if ended.returncode:
            return None
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def least(work: Callable[[], object], runs: int = 3) -> float:
    """CPU seconds of something in this process, the least of several runs."""
    found = []
    while len(found) < runs and sum(found) < 3:
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def made(folder: Path, nodes: int, resources: int, shape: str, state: str) -> Path:
    file = folder / f"{nodes}x{resources}-{shape}-{state}.xml"
    words = [sys.executable, str(GENERATOR), "--nodes", str(nodes), "--resources", str(resources)]
    subprocess.run([*words, "--shape", shape, "--state", state, "-o", str(file)], check=True)
    return file


def read(file: Path) -> Cib:
    cib = parse_cib(file.read_bytes())
    assert isinstance(cib, Cib)
    return cib


class Starts:
    """What the two commands take for next to nothing; and, less that, for a file."""

    def __init__(self, folder: Path) -> None:
        tiny = made(folder, 2, 1, "plain", "steady")
        self.ours = self.theirs = 0.0
        self.ours, self.theirs = self.command(tiny) or 0.0, self.peer(tiny) or 0.0

    def command(self, file: Path) -> float | None:
        found = cpu_of([str(HACTL), "simulate", "--xml-file", str(file)], 600)
        return None if found is None else max(0.001, found - self.ours)

    def peer(self, file: Path) -> float | None:
        found = cpu_of([PEER, "-x", str(file), "-R", "-Q", "-G", os.devnull]) if PEER else None
        return None if found is None else max(0.001, found - self.theirs)


# ---------------------------------------------------------------- three tables


def print_ladder(folder: Path, starts: Starts, is_large: bool) -> None:
    print("CPU seconds; the last column says how many times as long the peer takes as our command\n")
    print(f"{'cluster':<26}{'actions':>8}{'decide':>8}{'+ carry out':>12}{'command':>9}{'peer':>8}{'times':>7}")
    sizes = [(size, shape) for shape in ("plain", "mixed") for size in (*LADDER, *(LARGE if is_large else ()))]
    for (nodes, resources), shape in [*sizes, *((size, "clones") for size in CLONES)]:
        for state in STATES:
            file = made(folder, nodes, resources, shape, state)
            print(_row(file, starts), flush=True)
            file.unlink()


def _row(file: Path, starts: Starts) -> str:
    decided, carried, actions = _in_process(read(file))
    command, peer = starts.command(file), starts.peer(file)
    times = f"{peer / command:7.1f}" if peer and command else ""
    theirs = f"{peer:8.2f}" if peer else f"{'> ' + str(PEER_LIMIT_S):>8}"
    return f"{file.stem:<26}{actions:>8}{decided:8.2f}{carried / decided:11.2f}x{command or 0.0:9.2f}{theirs}{times}"


def _in_process(cib: Cib) -> tuple[float, float, int]:
    """(deciding, deciding and carrying out, actions), CPU seconds."""
    graph = schedule(cib, NOW)
    decided = least(lambda: schedule(cib, NOW))
    return decided, decided + least(lambda: apply(cib, graph, NOW)), len(graph.actions)


def print_growth(folder: Path, starts: Starts) -> list[Line]:
    """As nodes grow and resources don't; gives the lines of the chart."""
    found: dict[str, list[tuple[float, float]]] = {}
    print(f"\n{GROWTH_RESOURCES} resources in groups, CPU microseconds (ours in this process, the peer as a command)\n")
    print(f"{'nodes':>6}{'state':>8}{'a resource':>12}{'an action':>11}{'one change':>12}{'the peer, a resource':>22}")
    for nodes in GROWTH:
        for state in ("start", "steady"):
            file = made(folder, nodes, GROWTH_RESOURCES, "mixed", state)
            cib, theirs = read(file), starts.peer(file)
            decided, actions = least(lambda cib=cib: schedule(cib, NOW)), len(schedule(cib, NOW).actions)
            changed = one_change(cib)[1] if state == "steady" else None
            each = 1e6 / GROWTH_RESOURCES
            for name, took in ((f"ours, {state}", decided), (f"peer, {state}", theirs), ("ours, one change", changed)):
                if took is not None:
                    found.setdefault(name, []).append((nodes, took))
            cells = (decided * each, decided * 1e6 / actions if actions else None, changed and changed * 1e6)
            shown = "".join(f"{'' if cell is None else format(cell, '.0f'):>12}" for cell in cells)
            print(
                f"{nodes:>6}{state:>8}{shown}{'' if theirs is None else format(theirs * each, '.0f'):>20}", flush=True
            )
            file.unlink()
    return [Line(name, points) for name, points in sorted(found.items())]


def one_change(cib: Cib) -> tuple[float, float, int]:
    """(all of it, after a monitor failed, resources looked at), CPU seconds, of a scheduler that remembers."""
    memory = Memory()
    memory.schedule(cib, NOW)
    node, name = next(iter(cib.section("nodes").children)).get("uname"), "rsc0000"
    took = []
    for number in range(3):
        quiet = with_attributes(cib, node, {"unasked": str(number)})
        memory.schedule(quiet, NOW)
        failed = operation_failed(quiet, f"{name}_monitor_10000", node, 7, NOW)
        began = time.process_time()
        memory.schedule(failed, NOW)
        took.append(time.process_time() - began)
    return least(lambda: schedule(failed, NOW)), min(took), memory.decided


def print_changes(folder: Path) -> None:
    print("\nA monitor fails in a steady cluster: CPU milliseconds\n")
    print(f"{'cluster':<26}{'all anew':>10}{'remembering':>13}{'times':>7}{'looked at':>11}")
    for (nodes, resources), shape in (
        ((8, 500), "mixed"),
        ((16, 1000), "mixed"),
        ((16, 1000), "plain"),
        ((16, 50), "clones"),
    ):
        file = made(folder, nodes, resources, shape, "steady")
        whole, changed, looked_at = one_change(read(file))
        print(
            f"{file.stem:<26}{whole * 1e3:10.0f}{changed * 1e3:13.1f}{whole / changed:7.0f}{looked_at:>11}", flush=True
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="32 nodes with 2000 resources too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the growth as a chart (SVG)")
    arguments = parser.parse_args()
    if not GENERATOR.is_file():
        print("bench.scheduler: the generator of clusters (../shared/bench/scheduler) is not beside this checkout")
        return 0
    with tempfile.TemporaryDirectory() as name:
        starts = Starts(Path(name))
        print_ladder(Path(name), starts, arguments.large)
        lines = print_growth(Path(name), starts)
        print_changes(Path(name))
    if arguments.plot:
        title = f"{GROWTH_RESOURCES} resources in groups: CPU seconds against nodes"
        arguments.plot.write_text(line_chart(title, "nodes", "s", lines), encoding="utf-8")
    print(f"\nstart of our command {starts.ours:.2f} s, of the peer {starts.theirs:.2f} s")
    print(f"largest command {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
