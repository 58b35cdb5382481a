"""A network of its own for a console and its browser.

Chromium gives up what it is loading when an address of the machine comes or goes, and a lab beside it makes and removes
interfaces all the time.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab import kernel


@contextlib.contextmanager
def network_of_its_own() -> Iterator[None]:
    """For this thread and the processes it starts. Who may not make one stays in the machine's."""
    with Path("/proc/thread-self/ns/net").open() as before:
        try:
            kernel.unshare(kernel.CLONE_NEWNET)
        except PermissionError:
            yield
            return
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            kernel.enter(before.fileno(), kernel.CLONE_NEWNET)
