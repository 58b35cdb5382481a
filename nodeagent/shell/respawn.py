"""Programs that live with the agent: `respawn USER /PATH …` of ha.cf.

Reads the settings; starts each program, starts it again when it ends, except with exit code 100, and ends them in
reverse order with the agent. One that keeps ending is given up with an event, until the agent starts anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import time
from collections.abc import Sequence
from typing import Protocol

from hacluster.protocol.events import (
    PROCESS_EXITED_ERROR,
    PROCESS_EXITED_OK,
    PROCESS_KILLED,
    PROCESS_RESPAWN_LIMIT,
    PROCESS_STARTED,
    EventKind,
)
from nodeagent.settings import Respawn

STAY_AWAY_RC = 100
QUICK_S = 30.0
QUICK_ENDS_MAX = 10
PAUSE_S = 1.0
STOP_S = 5.0


class Report(Protocol):
    def event(self, kind: EventKind, **fields: str) -> None: ...


class Respawner:
    """All programs of one agent."""

    def __init__(self, programs: Sequence[Respawn], report: Report) -> None:
        self._programs = programs
        self._report = report
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        """Position in ha.cf -> the process that runs now."""
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ending = False

    def start(self) -> list[asyncio.Task[None]]:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep(number, one)) for number, one in enumerate(self._programs)]
        return self._tasks

    async def _keep(self, number: int, program: Respawn) -> None:
        quick_ends = 0
        while not self._is_ending:
            began_s = time.monotonic()
            rc = await self._run_once(number, program)
            if rc == STAY_AWAY_RC:
                return
            quick_ends = quick_ends + 1 if time.monotonic() - began_s < QUICK_S else 0
            if quick_ends >= QUICK_ENDS_MAX:
                self._report.event(PROCESS_RESPAWN_LIMIT, process=program.command[0])
                return
            await asyncio.sleep(PAUSE_S)

    async def _run_once(self, number: int, program: Respawn) -> int:
        """The exit code; STAY_AWAY_RC when it can't be started at all."""
        name, is_root = program.command[0], os.geteuid() == 0
        try:
            user = pwd.getpwnam(program.user)
            process = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                user=user.pw_uid if is_root else None,
                group=user.pw_gid if is_root else None,
                extra_groups=[] if is_root else None,
            )
        except (KeyError, OSError) as error:
            self._report.event(PROCESS_EXITED_ERROR, process=f"{name}: {error}", pid="0", rc=str(STAY_AWAY_RC))
            return STAY_AWAY_RC
        self._processes[number] = process
        self._report.event(PROCESS_STARTED, process=name, pid=str(process.pid))
        rc = await process.wait()
        del self._processes[number]
        self._tell_end(name, process.pid, rc)
        return rc

    def _tell_end(self, name: str, pid: int, rc: int) -> None:
        if rc == 0 or (self._is_ending and rc == -signal.SIGTERM):
            self._report.event(PROCESS_EXITED_OK, process=name, pid=str(pid))
        elif rc < 0:
            self._report.event(PROCESS_KILLED, process=name, pid=str(pid), signal=str(-rc))
        else:
            self._report.event(PROCESS_EXITED_ERROR, process=name, pid=str(pid), rc=str(rc))

    async def stop(self) -> None:
        """TERM in reverse order, each given a moment, then KILL."""
        self._is_ending = True
        for number in sorted(self._processes, reverse=True):
            process = self._processes[number]
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        for task in self._tasks:
            task.cancel()
