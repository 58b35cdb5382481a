"""Runs programs for the agent: started in about a millisecond, watched by pidfd, killed with all their children.

Reads a command with its environment; gives exit code and the last part of what it wrote. The agent is the subreaper
of all that it starts: a daemon whose parent ended becomes its child, and is reaped when it ends, because a zombie
looks alive to the agent's stop action. A program's end is its own exit, not the end of its output: daemons keep
the pipes they inherited. What runs is noted in a folder of /run: an agent that was killed leaves programs behind, and
the next one ends them before it looks at anything, or a start that nobody waits for could succeed after its probe.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import select
import signal
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUTPUT_BYTES_MAX = 64 * 1024
"""The last part of each stream that is kept."""
AT_ONCE_MAX = 64
"""Programs that run at the same time; the probes of a thousand resources must not stall what runs already."""
_CHUNK_BYTES = 65536
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 5.0
"""How long a killed program may take to be gone: one that waits for a dead disk takes for ever."""
TIMED_OUT_RC = -1
_CLEAN_SIGNALS = tuple(sig for sig in signal.valid_signals() if sig not in (signal.SIGKILL, signal.SIGSTOP))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    rc: int
    """Its exit code, minus the number of the signal that ended it, or TIMED_OUT_RC."""
    output: str
    errors: str
    is_timed_out: bool = False


class _Tail:
    """The read end of a pipe, and the last part of what came through it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._descriptor, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._descriptor, False)
        self._chunks: deque[bytes] = deque()
        self._length = 0

    def start(self) -> None:
        os.close(self.write_end)
        self._loop.add_reader(self._descriptor, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            self._loop.remove_reader(self._descriptor)
        self._chunks.append(chunk)
        self._length += len(chunk)
        while self._length - len(self._chunks[0]) >= OUTPUT_BYTES_MAX:
            self._length -= len(self._chunks.popleft())

    def finish(self) -> str:
        """Take what is there now; whoever still holds the other end may keep it."""
        self._loop.remove_reader(self._descriptor)
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._descriptor, _CHUNK_BYTES):
                self._chunks.append(chunk)
                if len(self._chunks) > OUTPUT_BYTES_MAX // _CHUNK_BYTES + 64:
                    self._chunks.popleft()
        os.close(self._descriptor)
        return b"".join(self._chunks)[-OUTPUT_BYTES_MAX:].decode(errors="replace")


class Processes:
    """The programs that run now, and the orphans that became the agent's children."""

    def __init__(self, notes: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._notes = notes
        """A file for each program that runs: its pid as name, its start as content."""
        self._known: set[int] = set()
        """Children that somebody waits for: here, or asyncio's own subprocesses."""
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def adopt_orphans(self) -> None:
        """From now on orphans of what the agent starts are its children, and are reaped."""
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            watcher = _Watcher(self._began, self._ended)
            watcher.attach_loop(self._loop)
            asyncio.set_child_watcher(watcher)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap_orphans)
        # Hundreds of children may end while the loop is busy. One byte in the pipe is enough for all of them.
        signal.set_wakeup_fd(signal.set_wakeup_fd(-1), warn_on_full_buffer=False)

    def end_leftovers(self) -> list[int]:
        """Kill what an earlier life of the agent left under way, with its group; the pids. Returns when it is dead."""
        self._notes.mkdir(parents=True, exist_ok=True)
        notes = {note: note.read_text() for note in self._notes.iterdir()}
        left = [int(note.name) for note, started in notes.items() if started and started == _started(int(note.name))]
        for pid in left:
            _kill_group(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                select.select([descriptor], [], [], _GRACE_S)
                os.close(descriptor)
        for note in notes:
            note.unlink()
        return left

    def _reap_orphans(self) -> None:
        """Reap the children nobody waits for. One that is waited for blocks the view; its waiter calls again."""
        with contextlib.suppress(ChildProcessError):
            while child := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if child.si_pid in self._known:
                    self._loop.call_later(0.01, self._reap_orphans)
                    return
                os.waitpid(child.si_pid, os.WNOHANG)

    async def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        timeout_ms: int,
        started: Callable[[int], None] | None = None,
    ) -> Outcome:
        """Run a program in a process group of its own; OSError when it cannot be started.

        A caller that is cancelled kills the program with its group. The timeout counts from the start.
        """
        async with self._places:
            return await self._run(command, environment, timeout_ms, started)

    async def _run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        timeout_ms: int,
        started: Callable[[int], None] | None,
    ) -> Outcome:
        output, errors = _Tail(self._loop), _Tail(self._loop)
        try:
            pid = self._spawn(command, environment, output.write_end, errors.write_end)
        except OSError:
            for tail in (output, errors):
                tail.start()
                tail.finish()
            raise
        output.start()
        errors.start()
        if started:
            started(pid)
        ended = self._watch(pid)
        rc: int | None = None
        try:
            async with asyncio.timeout(timeout_ms / 1000 if timeout_ms else None):
                rc = await asyncio.shield(ended)
        except TimeoutError:
            await self._kill(pid, ended)
        except asyncio.CancelledError:
            _kill_group(pid)
            raise
        finally:
            texts = output.finish(), errors.finish()
        return Outcome(TIMED_OUT_RC if rc is None else rc, *texts, is_timed_out=rc is None)

    def _spawn(self, command: Sequence[str], environment: Mapping[str, str], output: int, errors: int) -> int:
        """Everything the agent has open is close-on-exec, so the program gets these three and no more."""
        pid = os.posix_spawn(
            command[0],
            list(command),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, self._null, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, errors, 2),
            ],
            setpgroup=0,
            setsigmask=(),
            setsigdef=_CLEAN_SIGNALS,
        )
        self._began(pid)
        return pid

    def _began(self, pid: int) -> None:
        self._known.add(pid)
        with contextlib.suppress(OSError):
            (self._notes / str(pid)).write_text(_started(pid))

    def _ended(self, pid: int) -> None:
        self._known.discard(pid)
        with contextlib.suppress(OSError):
            (self._notes / str(pid)).unlink()

    def _watch(self, pid: int) -> asyncio.Future[int]:
        ended: asyncio.Future[int] = self._loop.create_future()
        descriptor = os.pidfd_open(pid)

        def has_ended() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            _, status = os.waitpid(pid, 0)
            self._ended(pid)
            if not ended.done():
                ended.set_result(os.waitstatus_to_exitcode(status))

        self._loop.add_reader(descriptor, has_ended)
        return ended

    @staticmethod
    async def _kill(pid: int, ended: asyncio.Future[int]) -> None:
        _kill_group(pid)
        await asyncio.wait([ended], timeout=_GRACE_S)


def _started(pid: int) -> str:
    """When the process began, by the kernel's count; "" when there is none: a pid alone may be another's by now."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    _PidfdChildWatcher = asyncio.PidfdChildWatcher


class _Watcher(_PidfdChildWatcher):
    """Keeps account of asyncio's own subprocesses (fence commands, respawned programs): nobody else reaps them, and
    the next life of the agent ends what is left of them.
    """

    def __init__(self, began: Callable[[int], None], ended: Callable[[int], None]) -> None:
        super().__init__()
        self._began, self._ended = began, ended

    def add_child_handler(  # type: ignore[override]
        self, pid: int, callback: Callable[..., object], *args: Any
    ) -> None:
        self._began(pid)

        def ended(ended_pid: int, rc: int, *rest: Any) -> None:
            self._ended(ended_pid)
            callback(ended_pid, rc, *rest)

        super().add_child_handler(pid, ended, *args)
