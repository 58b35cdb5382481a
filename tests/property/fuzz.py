"""Mutated sheets, crm texts and XML documents: each is answered, within a second and in little memory.

`make fuzz N=200000`, or `python -m tests.property.fuzz N [FIRST]`: the seeds FIRST to FIRST+N-1, three in ten a sheet,
the rest crm texts and documents. `python -m tests.property.fuzz --seed 4711` tries one alone.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.property.cib import fuzz as documents
from tests.property.crm import fuzz as texts
from tests.property.sheets import fuzz as sheets

LONGEST_S = 1.0
MEMORY_LIMIT_BYTES = 3 * 2**30
"""An input that asks for more than this ends in a MemoryError, which is a finding like any other."""
_TURNS = ("sheet", "text", "document", "text", "document", "sheet", "text", "document", "sheet", "text")
_TRY: dict[str, tuple[Callable[[int], Any], Callable[[Any, int], str]]] = {
    "sheet": (sheets.file_of, sheets.answer),
    "text": (texts.mutated, texts.answer),
    "document": (documents.document, documents.answer),
}
"""kind -> (the input of a seed, what becomes of it)"""


@dataclass
class Tally:
    """What became of the inputs so far."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, answer) -> how many"""
    findings: list[str] = field(default_factory=list)
    slowest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """kind -> (seconds, seed)"""

    def count(self, kind: str, seed: int) -> None:
        make, try_it = _TRY[kind]
        made = make(seed)
        began = time.process_time()
        try:
            answer = try_it(made, seed)
        except Exception as error:
            answer = "failed"
            self.findings.append(f"{kind} {seed}: {type(error).__name__}: {str(error)[:200]}")
        took_s = time.process_time() - began
        if took_s > LONGEST_S:
            self.findings.append(f"{kind} {seed}: took {took_s:.2f} s")
        self.answers[kind, answer] += 1
        self.slowest[kind] = max(self.slowest.get(kind, (0.0, 0)), (took_s, seed))

    def lines(self) -> list[str]:
        told = []
        for kind in _TRY:
            answers = {answer: count for (of, answer), count in sorted(self.answers.items()) if of == kind}
            shares = ", ".join(f"{answer} {count}" for answer, count in answers.items())
            slow_s, seed = self.slowest.get(kind, (0.0, 0))
            told.append(f"{sum(answers.values()):>8} {kind}s: {shares}; slowest {slow_s * 1000:.0f} ms (seed {seed})")
        return told


def kind_of(seed: int) -> str:
    return _TURNS[seed % len(_TURNS)]


def run(seeds: range) -> Tally:
    tally = Tally()
    for seed in seeds:
        found = len(tally.findings)
        tally.count(kind_of(seed), seed)
        for finding in tally.findings[found:]:
            print(finding, flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("--seed", type=int, help="try this seed alone")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.count)
    if arguments.seed is not None:
        seeds = range(arguments.seed, arguments.seed + 1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    began = time.process_time()
    tally = run(seeds)
    for line in tally.lines():
        print(line)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took_s = time.process_time() - began
    print(f"{len(seeds)} inputs in {took_s:.0f} s of CPU, {peak_mb:.0f} MB at most, {len(tally.findings)} findings")
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
