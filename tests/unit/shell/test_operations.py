"""Operations by token: each is answered once, however it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nodeagent.machines.effects import FenceDeviceSpec, OperationSpec, QueryFenceTargets, RunFenceDevice, RunOperation
from nodeagent.machines.events import Event, FenceDeviceFinished, FenceTargetsKnown, OperationFinished, Outcome
from nodeagent.shell import resource_agents
from nodeagent.shell.operations import Operations
from nodeagent.shell.processes import Processes
from nodeagent.shell.resource_agents import ResourceAgents


class Room:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.more = asyncio.Event()
        agents = ResourceAgents(Processes(folder / "under-way"), folder / "run", cluster_type="heartbeat", node="pm01")
        agents.prepare()
        self.operations = Operations(agents, self._report)

    def _report(self, event: Event) -> None:
        self.events.append(event)
        self.more.set()

    def run(self, token: int, script: str, **spec: int) -> None:
        file = self.folder / "resource.d/test" / f"agent{token}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        call = OperationSpec("ocf", "test", file.name, "monitor", "prm", **spec)  # type: ignore[arg-type]
        self.operations.run(RunOperation(token, call))

    async def event(self) -> Event:
        async with asyncio.timeout(10):
            while not self.events:
                self.more.clear()
                await self.more.wait()
        return self.events.pop(0)


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    # Where a machine keeps its agents is configuration of the machine, not code of ours.
    monkeypatch.setattr(resource_agents, "OCF_ROOT", tmp_path)
    return Room(tmp_path)


async def _finished(room: Room) -> OperationFinished:
    event = await room.event()
    assert isinstance(event, OperationFinished)
    return event


async def test_an_operation_is_answered_with_its_exit_code_and_reason(room: Room) -> None:
    room.run(5, "echo 'ocf-exit-reason:no such disk' >&2; exit 5")
    finished = await _finished(room)
    assert (finished.token, finished.rc, finished.outcome, finished.exit_reason) == (5, 5, Outcome.DONE, "no such disk")


async def test_an_operation_that_takes_too_long_is_timed_out(room: Room) -> None:
    room.run(1, "sleep 60", timeout_ms=100)
    finished = await _finished(room)
    assert finished.outcome is Outcome.TIMED_OUT
    assert 100 <= finished.exec_ms < 5000


async def test_what_is_killed_before_it_has_begun_answers_too(room: Room) -> None:
    """A kill in the same step as the order: found in the lab on day 28, where a service was never looked at again."""
    room.run(1, "sleep 60")
    room.operations.kill(1)
    assert (await _finished(room)).outcome is Outcome.CANCELLED
    device = FenceDeviceSpec("fence-1", "external/none", "pm02", "pm02", "reboot")
    room.operations.run_fence_device(RunFenceDevice(2, device))
    room.operations.kill(2)
    assert isinstance(await room.event(), FenceDeviceFinished)
    room.operations.query_targets(QueryFenceTargets(3, "fence-1", "external/none"))
    room.operations.kill(3)
    assert isinstance(await room.event(), FenceTargetsKnown)
    await asyncio.sleep(0)
    assert room.events == []


async def test_a_killed_operation_answers_once(room: Room) -> None:
    room.run(1, "sleep 60")
    await asyncio.sleep(0)
    room.operations.kill(1)
    assert (await _finished(room)).outcome is Outcome.CANCELLED
    room.operations.kill(1)
    await asyncio.sleep(0)
    assert room.events == []


async def test_a_missing_agent_is_not_installed(room: Room) -> None:
    room.operations.run(RunOperation(1, OperationSpec("ocf", "test", "nobody", "start", "prm")))
    finished = await _finished(room)
    assert (finished.rc, finished.outcome) == (5, Outcome.NOT_INSTALLED)


async def test_only_a_recurring_operation_sees_its_interval(room: Room) -> None:
    script = "exit ${OCF_RESKEY_CRM_meta_interval:-7}"
    room.run(1, script)
    assert (await _finished(room)).rc == 7
    room.run(2, script, interval_ms=8)
    assert (await _finished(room)).rc == 8


async def test_a_fence_device_resource_starts_when_its_human_is_configured(room: Room) -> None:
    spec = OperationSpec("stonith", "", "meatware", "start", "prmStonith", {"hostlist": "pm02"})
    room.operations.run(RunOperation(1, spec))
    assert (await _finished(room)).rc == 0
    room.operations.run(RunOperation(2, OperationSpec("stonith", "", "meatware", "promote", "prmStonith")))
    assert (await _finished(room)).rc == 3


async def test_a_fence_device_that_nobody_waits_for_has_failed(room: Room) -> None:
    room.operations.run_fence_device(
        RunFenceDevice(9, FenceDeviceSpec("dev", "external/nothing", "pm02", "pm02", "off", delay_ms=60_000))
    )
    await asyncio.sleep(0)
    room.operations.kill(9)
    finished = await room.event()
    assert isinstance(finished, FenceDeviceFinished)
    assert (finished.token, finished.is_ok) == (9, False)


async def test_a_fence_device_runs_only_where_it_was_started(room: Room) -> None:
    codes = []
    for token, action in enumerate(("monitor", "start", "monitor", "stop", "monitor")):
        spec = OperationSpec("stonith", "", "meatware", action, "prmMeat", parameters={"hostlist": "pm02"})
        room.operations.run(RunOperation(token, spec))
        codes.append((await _finished(room)).rc)
    assert codes == [7, 0, 0, 0, 7]
