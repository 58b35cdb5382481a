"""The disk effects: answered when the bytes are on the disk, and told when they cannot be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hacluster.cib.model import Cib
from hacluster.cib.version import CibVersion
from hacluster.protocol.messages import EventRecord, JournalEntry
from nodeagent.machines.effects import PersistCib, PersistJournal, PersistTerm, SaveRuntime
from nodeagent.machines.events import Event, Happened, Persisted, PersistFailed
from nodeagent.shell.disk import Disk


class Ear:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.more = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.more.set()

    async def until(self, count: int) -> list[Event]:
        async with asyncio.timeout(10):
            while len(self.events) < count:
                self.more.clear()
                await self.more.wait()
        return self.events


def _disk(folder: Path) -> Disk:
    (folder / "run").mkdir(exist_ok=True)
    return Disk(folder / "state", folder / "run", "pm01")


def _cib(epoch: int) -> Cib:
    return Cib.empty().with_version(CibVersion(0, epoch, 0))


@pytest.fixture
async def ear() -> Ear:
    return Ear()


async def test_every_configuration_is_answered_in_order_and_the_newest_kept(tmp_path: Path, ear: Ear) -> None:
    disk = _disk(tmp_path)
    disk.load(ear)
    for token in range(1, 31):
        disk.persist_cib(PersistCib(token, _cib(token), ("digest",)))
    assert await ear.until(30) == [Persisted(token) for token in range(1, 31)]
    disk.close()
    restored = _disk(tmp_path).load(ear).restored
    assert (restored.cib, restored.ancestors) == (_cib(30), ("digest",))


async def test_a_full_disk_is_told_and_answered(tmp_path: Path, ear: Ear) -> None:
    disk = _disk(tmp_path)
    disk.load(ear)
    (tmp_path / "state/cib/cib.new").symlink_to("/dev/full")
    disk.persist_cib(PersistCib(1, _cib(1), ()))
    told, failed = await ear.until(2)
    assert isinstance(told, Happened)
    assert told.code == "storage.failed"
    assert failed == PersistFailed(1, "No space left on device")
    disk.persist_cib(PersistCib(2, _cib(2), ()))
    assert (await ear.until(3))[2] == Persisted(2)
    disk.close()


async def test_term_and_journal_come_back_after_a_restart(tmp_path: Path, ear: Ear) -> None:
    disk = _disk(tmp_path)
    first = disk.load(ear).restored
    disk.persist_term(PersistTerm(1, 9, "pm02"))
    entry = JournalEntry(origin="pm01", seq=1, clock_ms=77, clock_counter=0, kind="audit", payload=b"{}")
    disk.persist_journal(PersistJournal(2, (entry,)))
    await ear.until(2)
    assert await disk.journal_after({}, 10) == (entry,)
    disk.close()
    again = _disk(tmp_path).load(ear).restored
    assert (again.term, again.voted_for) == (9, "pm02")
    assert (again.journal_have, again.journal_clock_ms) == ({"pm01": 1}, 77)
    assert again.incarnation > first.incarnation


async def test_what_a_restart_needs_is_kept_until_the_machine_reboots(tmp_path: Path, ear: Ear) -> None:
    disk = _disk(tmp_path)
    assert disk.load(ear).restored.runtime == b""
    disk.save_runtime(SaveRuntime(b"what runs here"))
    disk.close()
    assert _disk(tmp_path).load(ear).restored.runtime == b"what runs here"
    file = tmp_path / "run/runtime.state"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    file.write_bytes(file.read_bytes().replace(boot.encode(), b"0" * len(boot)))
    assert _disk(tmp_path).load(ear).restored.runtime == b""


async def test_events_reach_the_ring(tmp_path: Path, ear: Ear) -> None:
    disk = _disk(tmp_path)
    disk.load(ear)
    records = [EventRecord(node="pm01", seq=seq, at_ms=seq, code="dc.elected") for seq in range(1, 50)]
    for record in records:
        disk.keep_event(record)
    assert await disk.in_database(lambda: disk.journal.newest_events(100)) == tuple(records)
    disk.close()
