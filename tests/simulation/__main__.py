"""`python -m tests.simulation --seed N` runs one seed with its trace; `--seeds N [--first M]` runs many."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter

from hacluster.protocol.events import CATALOGUE
from hacluster.scheduler.schedule import schedule
from tests.simulation import stand_in
from tests.simulation.run import END_MS, Scheduler, run_seed

TRACE_LINES = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed and print its whole trace")
    parser.add_argument("--seeds", type=int, default=100, help="run so many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--scheduler", choices=["stand-in", "real"], default="stand-in", help="who makes the graphs")
    parser.add_argument("--until-caught", action="store_true", help="stop at the first violation")
    options = parser.parse_args()
    scheduler = stand_in.schedule if options.scheduler == "stand-in" else schedule
    if options.seed is not None:
        outcome = run_seed(options.seed, scheduler)
        print("\n".join(outcome.trace))
        print(f"seed {outcome.seed}: {outcome.violation or 'nothing wrong'}")
        return 1 if outcome.violation else 0
    return run_many(options.first, options.seeds, scheduler, until_caught=options.until_caught)


def run_many(first: int, count: int, scheduler: Scheduler, *, until_caught: bool = False) -> int:
    began = time.process_time()
    # The frozen trees hold no circles; looking for them all the time costs a fifth of it.
    gc.disable()
    counts: Counter[str] = Counter()
    seeds_with: Counter[str] = Counter()
    failed = []
    for seed in range(first, first + count):
        outcome = run_seed(seed, scheduler)
        if seed % 20 == 0:
            gc.collect()
        counts.update(outcome.counts)
        seeds_with.update(outcome.counts.keys())
        if outcome.violation:
            failed.append(seed)
            print("\n".join(outcome.trace[-TRACE_LINES:]) if len(failed) == 1 else "", end="")
            print(f"\nseed {seed}: {outcome.violation.strip().splitlines()[-1]}", flush=True)
            if until_caught:
                return 1
    seconds = time.process_time() - began
    print("\n".join(coverage(counts, seeds_with)))
    nodes = sum(number * int(kind.split()[1]) for kind, number in counts.items() if kind.endswith(" nodes"))
    print(f"{count} seeds of {END_MS / 60_000:.0f} virtual minutes with {nodes / count:.1f} nodes on average: ", end="")
    print(f"{len(failed)} with a violation {failed[:20] or ''}, {count / seconds:.1f} seeds per core-second")
    return 1 if failed else 0


def coverage(counts: Counter[str], seeds_with: Counter[str]) -> list[str]:
    """What has happened how often, and in how many seeds; by kind. What never happened is not covered."""
    parts: dict[str, list[str]] = {"shape": [], "fault": [], "input of a node": [], "the operator's event": []}
    for kind in counts:
        part, colon, _ = kind.partition(": ")
        parts[part if colon else "the operator's event" if kind in CATALOGUE else "input of a node"].append(kind)
    lines = []
    for part, kinds in parts.items():
        lines.append(f"{part:44} {'times':>9} {'seeds':>6}")
        lines += [
            f"  {kind.removeprefix(f'{part}: '):42} {counts[kind]:9} {seeds_with[kind]:6}" for kind in sorted(kinds)
        ]
    lines.append(f"never: {', '.join(sorted(kind for kind in CATALOGUE if kind not in counts))}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
