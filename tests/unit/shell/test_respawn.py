"""Programs of respawn lines: they live as long as the agent, unless they ask to stay away."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path

import pytest

from hacluster.protocol.events import EventKind
from nodeagent.settings import Respawn
from nodeagent.shell import respawn
from nodeagent.shell.respawn import Respawner

USER = pwd.getpwuid(os.geteuid()).pw_name


class Ear:
    def __init__(self) -> None:
        self.codes: list[str] = []
        self.more = asyncio.Event()

    def event(self, kind: EventKind, **fields: str) -> None:
        assert kind.sentence(fields)
        self.codes.append(kind.code)
        self.more.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(10):
            while len(self.codes) < count:
                self.more.clear()
                await self.more.wait()
        return self.codes


def _program(folder: Path, script: str) -> Respawn:
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return Respawn(USER, (str(file),))


async def test_a_program_that_ends_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(respawn, "PAUSE_S", 0.0)
    ear = Ear()
    programs = Respawner(
        [_program(tmp_path, f"test -e {tmp_path}/again && exit 100; touch {tmp_path}/again; exit 3")], ear
    )
    await asyncio.gather(*programs.start())
    assert ear.codes == [
        "process.started", "process.exited_error", "process.started", "process.exited_error",
    ]  # fmt: skip


async def test_a_program_that_keeps_ending_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(respawn, "PAUSE_S", 0.0)
    ear = Ear()
    await asyncio.gather(*Respawner([_program(tmp_path, "exit 1")], ear).start())
    assert ear.codes.count("process.started") == respawn.QUICK_ENDS_MAX
    assert ear.codes[-1] == "process.respawn_limit"


async def test_a_program_ends_with_the_agent(tmp_path: Path) -> None:
    ear = Ear()
    programs = Respawner([_program(tmp_path, "exec sleep 300")], ear)
    programs.start()
    await ear.until(1)
    await programs.stop()
    assert await ear.until(2) == ["process.started", "process.exited_ok"]


async def test_a_program_that_cannot_be_started_is_told_once(tmp_path: Path) -> None:
    ear = Ear()
    await asyncio.gather(*Respawner([Respawn("nobody-of-this-name", ("/bin/true",))], ear).start())
    assert ear.codes == ["process.exited_error"]
