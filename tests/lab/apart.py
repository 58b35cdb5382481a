"""`python -m tests.lab.apart COMMAND…`: runs a command with a network and a /run of its own, as root.

A lab inside it is no other lab's business: bridges, addresses, folder and lock are private, so several can run at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab import kernel


def enter() -> None:
    """Move this process there. Not out of a threaded one: only the calling thread would move."""
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWNET)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        if line.split()[1].startswith("/run/"):
            kernel.unmount(line.split()[1])
    kernel.mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def main(words: list[str]) -> None:
    if not words:
        sys.exit(__doc__)
    enter()
    os.execvp(words[0], words)


if __name__ == "__main__":
    main(sys.argv[1:])
