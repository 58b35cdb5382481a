"""What does an agent cost while nothing happens? `python -m bench.idle`, as root.

A pair in a lab of its own, first with nothing configured, then with four services monitored each second. Prints for
each window the processor time of agent and beating process, that of the resource agents, and the memory (its
proportional share, so that what both processes map counts once).
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.lab import apart, small
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab


def cpu_s(pid: int) -> tuple[float, float]:
    """Of the process, and of its children that have ended."""
    words = [int(word) for word in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]]
    ticks = os.sysconf("SC_CLK_TCK")
    return (words[0] + words[1]) / ticks, (words[2] + words[3]) / ticks


def pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def window(host: Host, seconds: float) -> tuple[float, float, float]:
    """(% of a core of the agent, % of its resource agents, MiB)"""
    before = {pid: cpu_s(pid) for pid in small.agents(host)}
    threading.Event().wait(seconds)
    used = [(after - own, ended - children) for own, children, (after, ended) in _compare(before)]
    percents = [sum(column) / seconds * 100 for column in zip(*used, strict=True)]
    return percents[0], percents[1], sum(map(pss_mib, before))


def _compare(before: dict[int, tuple[float, float]]) -> list[tuple[float, float, tuple[float, float]]]:
    return [(own, children, cpu_s(pid)) for pid, (own, children) in before.items()]


def measure(what: str, lab: Lab, windows: int, seconds: float) -> None:
    found = [window(host, seconds) for _ in range(windows) for host in lab.hosts]
    cells = []
    for values in zip(*found, strict=True):
        cells.append(f"{median(values):7.2f} ({min(values):.2f} - {max(values):.2f})")
    print(f"{what:<22}{''.join(f'{cell:>26}' for cell in cells)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=3, metavar="N")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="length of a window")
    parser.add_argument("--keepalive-ms", type=int, default=1000, metavar="MS")
    options = parser.parse_args(arguments)
    keepalive_ms = options.keepalive_ms
    apart.enter()
    made = small.Options(keepalive_ms=keepalive_ms, warntime_ms=2 * keepalive_ms, deadtime_ms=5 * keepalive_ms)
    print(f"{'':<22}{'agent, % of a core':>26}{'resource agents, %':>26}{'memory, MiB':>26}")
    with small.small_cluster(made, is_configured=False) as lab:
        measure("nothing configured", lab, options.windows, options.seconds)
        small.configure(lab.hosts[0], made.nodes)
        small.wait_until_served(lab.hosts[0])
        measure("4 services, each 1 s", lab, options.windows, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
