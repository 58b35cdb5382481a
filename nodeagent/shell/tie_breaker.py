"""Asks the third party of an evenly split cluster: pings the ping nodes, or reserves a shared disk and keeps it.

Reads AskTieBreaker and ReleaseTieBreaker; gives TieBreakerAnswered. The disk is worked on by a process of its own
(reservation.py), because a dead disk can hold its writer in the kernel for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from nodeagent.machines.events import Event, TieBreakerAnswered
from nodeagent.settings import TieBreaker as Configured
from nodeagent.shell.monitors.icmp import answers

PING_ATTEMPTS, PING_TIMEOUT_MS = 3, 500
_RESERVER = Path(__file__).with_name("reservation.py")
Report = Callable[[Event], None]


class TieBreaker:
    """One question at a time; a reservation lasts until it is released or lost."""

    def __init__(self, configured: Configured | None, node: str, incarnation: int, report: Report) -> None:
        self._configured = configured
        self._owner = f"{node}.{incarnation}"
        self._report = report
        self._task: asyncio.Task[None] | None = None

    def ask(self, token: int) -> None:
        self.release()
        self._task = asyncio.get_running_loop().create_task(self._answer(token, self._task))

    def release(self) -> None:
        """The reserver gives the disk back when its standard input ends."""
        if self._task is not None:
            self._task.cancel()

    async def released(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _answer(self, token: int, earlier: asyncio.Task[None] | None) -> None:
        configured = self._configured
        assert configured is not None, "nobody is asked where nobody is configured"
        if earlier is not None:
            # Its last write must not fall on what this one writes.
            await asyncio.wait([earlier])
        if configured.kind == "ping":
            self._report(TieBreakerAnswered(token, await _is_one_reached(configured.targets)))
        else:
            await self._reserve(configured.targets[0], token)

    async def _reserve(self, device: str, token: int) -> None:
        reserver = await asyncio.create_subprocess_exec(
            sys.executable,
            "-IS",
            str(_RESERVER),
            device,
            self._owner,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert reserver.stdin is not None
        assert reserver.stdout is not None
        try:
            # The first line says whether it is reserved; the end of the output that it no longer is.
            is_won = await reserver.stdout.readline() == b"reserved\n"
            self._report(TieBreakerAnswered(token, is_won))
            if is_won:
                await reserver.wait()
                self._report(TieBreakerAnswered(token, False))
        finally:
            with contextlib.suppress(OSError):
                reserver.stdin.close()
            await reserver.wait()


async def _is_one_reached(addresses: tuple[str, ...]) -> bool:
    asked = [answers(address, attempts=PING_ATTEMPTS, timeout_ms=PING_TIMEOUT_MS) for address in addresses]
    return any(await asyncio.gather(*asked))
