"""What else a machine does: processes that keep its cores and its disk busy, and end with their block.

`with Loads(folder)` starts one busy loop for each core and two writers that sync what they write to the folder's disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

_BUSY = "while True: pass"
_WRITE = """
import os, sys
block = os.urandom(1 << 20)
while True:
    with open(sys.argv[1], "wb") as file:
        for _ in range(16):
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
"""


class Loads:
    def __init__(self, folder: Path, cores: int = os.cpu_count() or 1, writers: int = 2) -> None:
        self._programs = [(_BUSY,)] * cores + [(_WRITE, str(folder / f"load-{n}")) for n in range(writers)]
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._running = [subprocess.Popen([sys.executable, "-c", *program]) for program in self._programs]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()


def percentile(values: list[float], share: float) -> float:
    """The smallest value that this share of them does not exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
