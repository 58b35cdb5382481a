"""Self-fencing: makes sure that a machine runs nothing any more, by rebooting it or by killing all that was started.

Reads /proc; gives nothing back, because where it works nothing follows. No step syncs a disk: one that hangs must not
keep this machine alive.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

_REBOOT_RESTART = 0x01234567
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""The kernel's fixed number for the processes of the machine itself."""


def reboot_machine() -> None:
    """At once. Inside a container the system call ends the container, and sysrq would end the machine around it."""
    ctypes.CDLL(None, use_errno=True).reboot(_REBOOT_RESTART)
    if os.readlink("/proc/self/ns/pid") != _FIRST_PID_NAMESPACE:
        return
    for file, text in (("/proc/sys/kernel/sysrq", "1"), ("/proc/sysrq-trigger", "b")):
        with contextlib.suppress(OSError):
            Path(file).write_text(text)


def kill_descendants(pid: int) -> None:
    """Kill every process below this one. The agent is their subreaper, so none can have escaped to another parent.

    Looks again until none is left, since a process may start another while it is being killed.
    """
    for _ in range(100):
        below = descendants(pid)
        if not below:
            return
        for child in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def descendants(pid: int) -> list[int]:
    """All living processes below this one, parents before children."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    children.setdefault(int(parent), []).append(int(folder.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
