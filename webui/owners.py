"""Which process does a job, and whether it still lives.

Each process that does jobs holds a lock on a file of its own for as long as it lives; the kernel lets the lock go
when the process ends, however it ends. The file's name is what a job remembers.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from pathlib import Path

from django.conf import settings

_held: dict[int, tuple[str, int]] = {}
"""Process -> its name and the descriptor that holds the lock; a forked child takes a name of its own."""


def _folder() -> Path:
    return Path(settings.CONSOLE_FOLDER) / "owners"


def mine() -> str:
    """This process, as a job remembers it."""
    pid = os.getpid()
    if pid not in _held:
        _folder().mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        descriptor = os.open(_folder() / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _held[pid] = name, descriptor
    return _held[pid][0]


def is_alive(name: str) -> bool:
    """Whether the process of this name still holds its lock. The file of one that does not is taken away."""
    file = _folder() / name
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
    return False
