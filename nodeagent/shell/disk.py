"""The disk effects of a node, carried out in worker threads and answered with events.

Reads PersistCib, PersistTerm, PersistJournal and their kind; gives Persisted or PersistFailed for each token. The loop
never waits for a disk. Configurations that come while one is being written are written as one: the newest of them
answers for all, since each contains the ones before.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from hacluster.cib.model import Cib
from hacluster.cib.version import CibVersion
from hacluster.protocol.events import DISK_FULL
from hacluster.protocol.messages import EventRecord, JournalEntry, KeptVersion
from nodeagent.machines.effects import (
    CompactJournal,
    KeepDivergentCib,
    PersistCib,
    PersistJournal,
    PersistTerm,
    PlanCompaction,
    SaveRuntime,
)
from nodeagent.machines.events import CompactionPlanned, Event, Happened, Persisted, PersistFailed
from nodeagent.machines.journal import hash_of
from nodeagent.machines.situation import Restored
from nodeagent.shell.journal_store import JournalStore
from nodeagent.shell.storage import Alert, CibAuthor, Storage

_T = TypeVar("_T")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Report = Callable[[Event], None]


class _RuntimeNotes(msgspec.Struct, frozen=True):
    """What SaveRuntime keeps, with the boot it belongs to."""

    boot_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Loaded:
    restored: Restored
    alerts: tuple[Alert, ...]


class Disk:
    """One per agent. `load` comes first, before the loop turns."""

    def __init__(self, state_folder: Path, run_folder: Path, node: str) -> None:
        self._node = node
        self._storage = Storage(state_folder)
        self._storage.prepare()
        self.journal = JournalStore(state_folder / "journal.sqlite3")
        self._runtime_file = run_folder / "runtime.state"
        self._files = ThreadPoolExecutor(1, "files")
        self._database = ThreadPoolExecutor(1, "journal")
        self._notes = ThreadPoolExecutor(1, "runtime")
        """Not behind the syncs of the others: a killed agent wants to find these newest of all."""
        self._report: Report = lambda event: None
        self._waiting_cibs: list[PersistCib] = []
        self._is_writing_cib = False
        self._waiting_events: list[EventRecord] = []

    def load(self, report: Report) -> Loaded:
        self._report = report
        state = self._storage.begin_life()
        stored = self._storage.load_cib()
        entries = self.journal.last_entries()
        restored = Restored(
            incarnation=state.incarnation,
            cib=stored.cib if stored else Cib.empty(),
            term=state.term,
            voted_for=state.voted_for,
            ancestors=stored.author.ancestors if stored else (),
            journal_origin=self.journal.own_origin(self._node, random.SystemRandom()),
            journal_have=self.journal.heads(),
            journal_hashes={entry.origin: hash_of(entry) for entry in entries},
            journal_clock_ms=self.journal.highest_clock_ms(),
            runtime=self._load_runtime(),
            next_event_seq=self.journal.next_event_seq(self._node),
        )
        alerts = (*self._storage.alerts, *self.journal.alerts)
        return Loaded(restored, alerts)

    # What a restart on a running machine needs

    def _load_runtime(self) -> bytes:
        """Empty after a reboot: nothing that ran then runs now."""
        try:
            notes = msgspec.msgpack.decode(self._runtime_file.read_bytes(), type=_RuntimeNotes)
        except (OSError, msgspec.DecodeError):
            return b""
        return notes.data if notes.boot_id == _BOOT_ID.read_text().strip() else b""

    def save_runtime(self, effect: SaveRuntime) -> None:
        notes = msgspec.msgpack.encode(_RuntimeNotes(_BOOT_ID.read_text().strip(), effect.data))
        self._later(self._notes, lambda: self._write_runtime(notes), lambda _: None, self._tell_failure)

    def _write_runtime(self, notes: bytes) -> None:
        new = self._runtime_file.with_suffix(".new")
        new.write_bytes(notes)
        new.rename(self._runtime_file)

    def forget_runtime(self) -> None:
        """The node left in order: nothing of it runs."""
        self._runtime_file.unlink(missing_ok=True)

    # Configuration and term

    def persist_cib(self, effect: PersistCib) -> None:
        self._waiting_cibs.append(effect)
        if not self._is_writing_cib:
            self._write_next_cib()

    def _write_next_cib(self) -> None:
        batch, self._waiting_cibs = self._waiting_cibs, []
        if not batch:
            return
        self._is_writing_cib = True
        newest = batch[-1]
        author = CibAuthor(ancestors=newest.ancestors, client=newest.client, user=newest.user, origin=newest.origin)

        def written(_: object) -> None:
            self._is_writing_cib = False
            self._write_next_cib()
            for effect in batch:
                self._report(Persisted(effect.token))

        def failed(reason: str) -> None:
            self._is_writing_cib = False
            self._write_next_cib()
            self._tell_failure(reason)
            for effect in batch:
                self._report(PersistFailed(effect.token, reason))

        self._later(self._files, lambda: self._storage.write_cib(newest.cib, author), written, failed)

    def persist_term(self, effect: PersistTerm) -> None:
        self._answered(self._files, effect.token, lambda: self._storage.write_term(effect.term, effect.voted_for))

    def keep_divergent(self, effect: KeepDivergentCib) -> None:
        def write() -> None:
            self._storage.keep_divergent(effect.file, effect.cib)

        self._later(self._files, write, lambda _: None, self._tell_failure)

    # Journal and events

    def kept_versions(self) -> list[KeptVersion]:
        """Blocks."""
        return self._storage.kept_versions()

    def kept_cib(self, version: CibVersion) -> Cib | None:
        """Blocks."""
        return self._storage.kept_cib(version)

    def persist_journal(self, effect: PersistJournal) -> None:
        self._answered(self._database, effect.token, lambda: self.journal.append(effect.entries))

    def plan_compaction(self, effect: PlanCompaction, now_ms: int) -> None:
        def planned(found: object) -> None:
            assert isinstance(found, tuple)
            checkpoint, goes = found
            self._report(CompactionPlanned(effect.token, goes, checkpoint))

        self._later(self._database, lambda: self.journal.plan(effect.origin, now_ms), planned, self._tell_failure)

    def compact_journal(self, effect: CompactJournal) -> None:
        def work() -> None:
            self.journal.compact(effect.origin, effect.checkpoint)

        self._later(self._database, work, lambda _: None, self._tell_failure)

    def journal_licences(self, have: dict[str, int]) -> asyncio.Future[tuple[JournalEntry, ...]]:
        return self.in_database(lambda: self.journal.licences(have))

    def journal_after(self, have: dict[str, int], limit: int) -> asyncio.Future[tuple[JournalEntry, ...]]:
        return self.in_database(lambda: self.journal.after(have, limit))

    def in_database(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._database, work)

    def keep_event(self, record: EventRecord) -> None:
        """Events go to the ring in batches: those that come while one is written wait for the next."""
        self._waiting_events.append(record)
        if len(self._waiting_events) == 1:
            self._later(self._database, self._write_events, lambda _: None, self._tell_failure)

    def _write_events(self) -> None:
        batch, self._waiting_events = self._waiting_events, []
        self.journal.keep_events(batch)

    # Worker threads

    def _answered(self, thread: ThreadPoolExecutor, token: int, work: Callable[[], object]) -> None:
        def failed(reason: str) -> None:
            self._tell_failure(reason)
            self._report(PersistFailed(token, reason))

        self._later(thread, work, lambda _: self._report(Persisted(token)), failed)

    def _later(
        self,
        thread: ThreadPoolExecutor,
        work: Callable[[], object],
        done: Callable[[object], None],
        failed: Callable[[str], None],
    ) -> None:
        """Run it in its thread; a failure of the disk is a fact, any other exception ends the agent."""

        def finished(future: asyncio.Future[object]) -> None:
            error = future.exception()
            match error:
                case None:
                    done(future.result())
                case OSError() | sqlite3.OperationalError():
                    failed(error.strerror or str(error) if isinstance(error, OSError) else str(error))
                case _:
                    raise error

        asyncio.get_running_loop().run_in_executor(thread, work).add_done_callback(finished)

    def _tell_failure(self, reason: str) -> None:
        self._report(Happened(DISK_FULL.code, {"file": str(self._storage.folder), "reason": reason}))

    def close(self) -> None:
        """Wait for what is under way."""
        self._files.shutdown(wait=True)
        self._database.shutdown(wait=True)
        self._notes.shutdown(wait=True)
        self.journal.close()
