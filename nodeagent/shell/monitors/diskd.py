"""diskd: whether a disk can be read (or a directory written), as a node attribute.

Reads the OCF parameters of `ocf:pacemaker:diskd`; gives the attribute `name` = `normal` or `ERROR` after the first
check and whenever it changes (reference/monitors, 2). The I/O happens in a process of its own (diskcheck.py): a
dead disk can hold its reader in the kernel for ever, and nothing here may wait for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hacluster.cib.problems import Problem
from hacluster.protocol.events import DISK_ERROR, DISK_NORMAL
from nodeagent.shell.monitors.settings import MISSING_PARAMETER, duration_ms, whole_number

if TYPE_CHECKING:
    from nodeagent.shell.monitors.supervisor import Report

NORMAL = "normal"
ERROR = "ERROR"
_CHECKER = Path(__file__).with_name("diskcheck.py")


class DiskdSettings(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    device: str
    """The block device to read; "" when a directory is written instead."""
    write_folder: str
    interval_ms: int
    timeout_ms: int
    retries: int
    retry_interval_ms: int
    dampen_ms: int

    @property
    def target(self) -> str:
        return self.device or self.write_folder


def read_settings(parameters: Mapping[str, str]) -> DiskdSettings | Problem:
    device, folder = parameters.get("device", ""), parameters.get("write_dir", "")
    if not device and not folder:
        return MISSING_PARAMETER.at(name="device")
    numbers: dict[str, int] = {}
    for field, value in (
        ("interval_ms", duration_ms(parameters, "interval", 30_000)),
        ("timeout_ms", duration_ms(parameters, "timeout", 60_000)),
        ("retries", whole_number(parameters, "retry", 1)),
        ("retry_interval_ms", duration_ms(parameters, "retry_interval", 5_000)),
        ("dampen_ms", duration_ms(parameters, "dampen", 0)),
    ):
        if isinstance(value, Problem):
            return value
        numbers[field] = value
    name = parameters.get("name") or "diskd"
    return DiskdSettings(name=name, device=device, write_folder="" if device else folder, **numbers)


class Diskd:
    """Asks its checker process for one check after the other; a check without an answer in time is an error."""

    def __init__(self, settings: DiskdSettings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._value: str | None = None
        self._checker: asyncio.subprocess.Process | None = None

    @classmethod
    def configured(cls, _instance: str, parameters: Mapping[str, str], report: Report) -> Diskd | Problem:
        settings = read_settings(parameters)
        return settings if isinstance(settings, Problem) else cls(settings, report)

    async def run(self) -> None:
        try:
            while True:
                self._tell(NORMAL if await self._check_with_retries() else ERROR)
                await asyncio.sleep(max(self._settings.interval_ms, 100) / 1000)
        finally:
            self._abandon_checker()

    def withdraw(self) -> None:
        self._report.attribute(self._settings.name, None, dampen_ms=self._settings.dampen_ms, first=False)

    async def _check_with_retries(self) -> bool:
        for attempt in range(self._settings.retries + 1):
            if attempt:
                await asyncio.sleep(self._settings.retry_interval_ms / 1000)
            if await self._check():
                return True
        return False

    async def _check(self) -> bool:
        """One check. A checker that hangs is left behind: the kernel lets it go when the disk answers again."""
        try:
            checker = self._checker = self._checker or await self._start_checker()
            assert checker.stdin is not None
            assert checker.stdout is not None
            checker.stdin.write(b"\n")
            answer = await asyncio.wait_for(checker.stdout.readline(), self._settings.timeout_ms / 1000)
        except (TimeoutError, OSError):
            answer = b""
        if not answer:
            self._abandon_checker()
        return answer == b"ok\n"

    async def _start_checker(self) -> asyncio.subprocess.Process:
        kind = "read" if self._settings.device else "write"
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-IS",
            str(_CHECKER),
            kind,
            self._settings.target,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    def _abandon_checker(self) -> None:
        checker, self._checker = self._checker, None
        if checker is not None:
            with contextlib.suppress(ProcessLookupError):
                checker.kill()

    def _tell(self, value: str) -> None:
        if value == self._value:
            return
        fields = {"target": self._settings.target, "attribute": self._settings.name}
        if value == ERROR:
            self._report.event(DISK_ERROR, **fields)
        elif self._value == ERROR:
            self._report.event(DISK_NORMAL, **fields)
        first, self._value = self._value is None, value
        self._report.attribute(self._settings.name, value, dampen_ms=self._settings.dampen_ms, first=first)
