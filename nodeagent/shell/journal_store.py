"""The journal and the ring of events in SQLite: `<state>/journal.sqlite3`.

Reads entries and events; gives them back in order. A journal entry is on the disk when `append` returns
(synchronous FULL); events follow within a moment and may lose their last ones in a power cut. A damaged database is
put aside and begun anew: the peers have what it held. For one thread only.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

import msgspec

from hacluster.protocol.checkpoint import CHECKPOINT, Checkpoint, checkpoint_of
from hacluster.protocol.events import CIB_DAMAGED
from hacluster.protocol.messages import EventRecord, JournalEntry
from nodeagent.machines.journal import line_of, new_origin
from nodeagent.machines.retention import RULES, Line, broken_at, plan
from nodeagent.shell.storage import Alert

EVENTS_KEPT = 20_000
_COLUMNS = "origin, seq, clock_ms, clock_counter, kind, payload, previous_hash, key"
_SEQ_GAP = 1000
"""Events whose number a power cut may have made forgotten."""

_SCHEMA = """
create table if not exists entry (
    origin text not null, seq integer not null, clock_ms integer not null, clock_counter integer not null,
    kind text not null, payload blob not null, previous_hash blob not null, key text not null default '',
    primary key (origin, seq)
) without rowid;
create table if not exists own_origin (name text primary key);
create table if not exists event (
    id integer primary key, node text not null, seq integer not null, record blob not null, unique (node, seq)
);
"""


class JournalStore:
    """One database file; reopened empty when it is damaged."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.alerts: list[Alert] = []
        try:
            self._open()
        except sqlite3.DatabaseError:
            self._put_aside()
            self._open()

    def _open(self) -> None:
        self._journal = _connect(self._file, "full")
        self._events = _connect(self._file, "normal")
        self._journal.executescript(_SCHEMA)
        if "key" not in {column for _, column, *_ in self._journal.execute("pragma table_info(entry)")}:
            self._journal.execute("alter table entry add column key text not null default ''")
        (state,) = self._journal.execute("pragma quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(state)

    def _put_aside(self) -> None:
        aside = self._file.with_name(f"{self._file.name}.damaged-{time.time_ns() // 1_000_000}")
        self._file.rename(aside)
        for suffix in ("-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        self.alerts.append(Alert(CIB_DAMAGED, {"file": str(aside), "version": "the peers'"}))

    # Journal

    def own_origin(self, node: str, luck: random.Random) -> str:
        """The name under which this database counts: its own, for ever. An older one goes on under the node's name."""
        known = self._journal.execute("select name from own_origin").fetchone()
        if known is not None:
            return str(known[0])
        has_own = self._journal.execute("select 1 from entry where origin = ? limit 1", (node,)).fetchone()
        name = node if has_own else new_origin(node, luck)
        with self._journal:
            self._journal.execute("insert into own_origin values (?)", (name,))
        return name

    def heads(self) -> dict[str, int]:
        """How far the journal goes for each origin."""
        return dict(self._journal.execute("select origin, max(seq) from entry group by origin order by origin"))

    def last_entries(self) -> tuple[JournalEntry, ...]:
        """The last entry of each origin, for the hash chain and the logical clock."""
        return tuple(
            entry
            for origin, seq in self.heads().items()
            for entry in self._select("where origin = ? and seq = ?", (origin, seq))
        )

    def highest_clock_ms(self) -> int:
        (clock_ms,) = self._journal.execute("select max(clock_ms) from entry").fetchone()
        return int(clock_ms or 0)

    def append(self, entries: Iterable[JournalEntry]) -> None:
        """On the disk when it returns; an entry that is there already is left as it is."""
        rows = [
            (e.origin, e.seq, e.clock_ms, e.clock_counter, e.kind, e.payload, e.previous_hash, e.key) for e in entries
        ]
        with self._journal:
            self._journal.executemany(f"insert or ignore into entry ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    # Compaction

    def lines(self) -> Iterable[Line]:
        """All entries without their payloads, origin by origin in their order."""
        for entry in self._select("order by origin, seq", ()):
            yield line_of(entry)

    def plan(self, origin: str, now_ms: int) -> tuple[Checkpoint | None, int]:
        return plan(self.lines(), origin, RULES, now_ms)

    def compact(self, origin: str, checkpoint: Checkpoint) -> None:
        with self._journal:
            self._journal.executemany(
                "delete from entry where origin = ? and seq between ? and ?",
                [(origin, first, last) for first, last in checkpoint.holes()],
            )

    def licences(self, have: Mapping[str, int]) -> tuple[JournalEntry, ...]:
        """The newest checkpoint of each origin of which somebody with these heads may miss dropped entries."""
        newest = (
            entry
            for origin in self.heads()
            for entry in self._select("where origin = ? and kind = ? order by seq desc limit 1", (origin, CHECKPOINT))
        )
        return tuple(entry for entry in newest if checkpoint_of(entry).upto > have.get(entry.origin, 0))

    def broken(self) -> dict[str, int]:
        """Origin -> the first entry that its chain of hashes does not cover."""
        found: dict[str, int] = {}
        newest = {entry.origin: checkpoint_of(entry) for entry in self.licences({})}
        for origin, lines in groupby(self.lines(), key=lambda line: line.origin):
            if at := broken_at(lines, newest.get(origin)):
                found[origin] = at
        return found

    def after(self, have: Mapping[str, int], limit: int) -> tuple[JournalEntry, ...]:
        """The next entries of each origin beyond `have`, origin by origin."""
        found: list[JournalEntry] = []
        for origin in self.heads():
            condition = "where origin = ? and seq > ? order by seq limit ?"
            found += self._select(condition, (origin, have.get(origin, 0), limit - len(found)))
            if len(found) >= limit:
                break
        return tuple(found)

    def _select(self, condition: str, values: tuple[str | int, ...]) -> Iterable[JournalEntry]:
        for row in self._journal.execute(f"select {_COLUMNS} from entry {condition}", values):
            origin, seq, clock_ms, clock_counter, kind, payload, previous_hash, key = row
            yield JournalEntry(
                origin=origin,
                seq=seq,
                clock_ms=clock_ms,
                clock_counter=clock_counter,
                kind=kind,
                payload=payload,
                previous_hash=previous_hash,
                key=key,
            )

    # Events

    def keep_events(self, records: Iterable[EventRecord]) -> None:
        rows = [(record.node, record.seq, msgspec.msgpack.encode(record)) for record in records]
        with self._events:
            self._events.executemany("insert or ignore into event (node, seq, record) values (?, ?, ?)", rows)
            self._events.execute("delete from event where id <= (select max(id) from event) - ?", (EVENTS_KEPT,))

    def newest_events(self, limit: int) -> tuple[EventRecord, ...]:
        """Oldest first by their own clocks: a peer's event may reach this disk after a younger one of this node."""
        rows = self._events.execute("select record from event order by id desc limit ?", (limit,)).fetchall()
        records = (msgspec.msgpack.decode(record, type=EventRecord) for (record,) in rows)
        return tuple(sorted(records, key=lambda record: (record.at_ms, record.node, record.seq)))

    def next_event_seq(self, node: str) -> int:
        """A number that no event of this node has had, even if the last ones never reached the disk."""
        (seq,) = self._events.execute("select max(seq) from event where node = ?", (node,)).fetchone()
        return 1 if seq is None else seq + _SEQ_GAP

    def close(self) -> None:
        self._journal.close()
        self._events.close()


def _connect(file: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=10, check_same_thread=False)
    connection.execute("pragma journal_mode = wal")
    connection.execute(f"pragma synchronous = {synchronous}")
    return connection
