"""Keeps the journal of all nodes growing: append here, push to the peers, fill gaps, drop what nobody needs any more.

Reads JournalAppend (from `door`), JournalHave, JournalPush, Persisted and CompactionPlanned; gives PersistJournal,
SendJournal, PlanCompaction, CompactJournal and updates for subscribers. Entries themselves stay on the disk; here only
the heads are held.

Invariant: an origin numbers its entries without a gap, each carries the hash of the one before, and an entry is
answered for only when it is on the disk. Only the origin's own checkpoint makes holes in what others hold of it. So two
journals differ only in how far they are. An origin is one database, not one node: whoever begins anew takes a name that
nobody had, so that no number is given twice.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass

from hacluster.protocol import events
from hacluster.protocol.checkpoint import CHECKPOINT, Checkpoint, checkpoint_of, payload_of
from hacluster.protocol.messages import JournalEntry, JournalGrew
from hacluster.protocol.peers import JournalHave, JournalPush
from nodeagent.machines.effects import CompactJournal, PersistJournal, PlanCompaction, PublishUpdate, SendJournal
from nodeagent.machines.events import CompactionPlanned, PeerHeard, Persisted, PersistFailed
from nodeagent.machines.retention import Line
from nodeagent.machines.situation import Machine, Restored, Situation, on, on_message

TRY_AGAIN_MS = 5_000
AGAIN, COMPACT = "again", "compact"


def new_origin(node: str, luck: random.Random) -> str:
    """The name under which a new database of this node counts.

    Drawn by lot: whoever lost the whole disk knows neither how often it has lived nor, perhaps, the time.
    """
    return f"{node}.{luck.getrandbits(64):016x}"


def hash_of(entry: JournalEntry) -> bytes:
    """What the next entry of the same origin carries as `previous_hash`."""
    head = f"{entry.origin}\0{entry.seq}\0{entry.clock_ms}\0{entry.clock_counter}\0{entry.kind}\0"
    if entry.key:
        head += f"{entry.key}\0"
    return hashlib.sha256(head.encode() + entry.previous_hash + entry.payload).digest()


def line_of(entry: JournalEntry) -> Line:
    return Line(
        origin=entry.origin,
        seq=entry.seq,
        clock_ms=entry.clock_ms,
        clock_counter=entry.clock_counter,
        kind=entry.kind,
        key=entry.key,
        previous_hash=entry.previous_hash,
        hash=hash_of(entry),
    )


@dataclass(slots=True)
class _Waiting:
    """Entries on their way to the disk."""

    entries: tuple[JournalEntry, ...]
    then: Callable[[str], None] | None
    """Called with "" or with why they could not be written."""


class Journal(Machine):
    def __init__(self, here: Situation, restored: Restored) -> None:
        super().__init__(here)
        self.origin = restored.journal_origin or here.name
        """The name of this node's own part (`new_origin`; the node's name in a database of before there were such)."""
        self._held = dict(restored.journal_have)
        """Origin -> last entry known here, on the disk or on its way to it."""
        self._hashes = dict(restored.journal_hashes)
        self._written = {origin: (seq, self._hashes[origin]) for origin, seq in self._held.items()}
        """Origin -> last entry on the disk, and its hash."""
        self._clock_ms, self._counter = restored.journal_clock_ms, 0
        self._waiting: dict[int, _Waiting] = {}
        self._forked: set[str] = set()
        """Origins of which a peer holds another continuation; told once."""
        self._licences: dict[str, Checkpoint] = {}
        """Origin -> the checkpoint by which a peer may leave entries out."""
        self._plan_token = 0
        # Not all nodes at the same moment.
        every_ms = here.settings.journal_compact_every_ms
        self.set_timer(COMPACT, every_ms // 10 + here.luck.randrange(every_ms // 10))

    # Growing

    def append(self, kind: str, key: str, payload: bytes, then: Callable[[int, str], None]) -> None:
        """Add an entry of this node; `then` gets its number and "", or 0 and why not."""
        self._tick(self.here.wall_ms)
        entry = JournalEntry(
            origin=self.origin,
            seq=self._held.get(self.origin, 0) + 1,
            clock_ms=self._clock_ms,
            clock_counter=self._counter,
            kind=kind,
            key=key,
            payload=payload,
            previous_hash=self._hashes.get(self.origin, b""),
        )
        self._hold(entry)
        self._write((entry,), lambda reason: then(0 if reason else entry.seq, reason))

    def _tick(self, at_least_ms: int) -> None:
        """The hybrid clock never goes back, whatever the wall clock does."""
        if at_least_ms > self._clock_ms:
            self._clock_ms, self._counter = at_least_ms, 0
        else:
            self._counter += 1

    def _hold(self, entry: JournalEntry) -> None:
        self._held[entry.origin] = entry.seq
        self._hashes[entry.origin] = hash_of(entry)

    def _write(self, entries: tuple[JournalEntry, ...], then: Callable[[str], None] | None) -> None:
        token = self.here.token()
        self._waiting[token] = _Waiting(entries, then)
        self.give(PersistJournal(token, entries))

    @on(Persisted)
    def _persisted(self, event: Persisted) -> None:
        waiting = self._waiting.pop(event.token, None)
        if waiting is None:
            return
        for entry in waiting.entries:
            self._written[entry.origin] = entry.seq, hash_of(entry)
            if entry.kind == CHECKPOINT:
                self.give(CompactJournal(entry.origin, checkpoint_of(entry)))
        own = tuple(entry for entry in waiting.entries if entry.origin == self.origin)
        if own:
            for peer in self.here.heard:
                self.send(peer, JournalPush(entries=own))
        self.give(PublishUpdate(JournalGrew(entries=waiting.entries)))
        if waiting.then is not None:
            waiting.then("")

    @on(PersistFailed)
    def _persist_failed(self, event: PersistFailed) -> None:
        waiting = self._waiting.pop(event.token, None)
        if waiting is None:
            return
        # Whatever came after it builds on it, so everything not on the disk is given up together.
        for origin in {entry.origin: None for entry in waiting.entries}:
            self._held[origin], self._hashes[origin] = self._written.get(origin, (0, b""))
        self.publish(events.DISK_FULL, file="journal.sqlite3", reason=event.reason)
        self.set_timer(AGAIN, TRY_AGAIN_MS)
        if waiting.then is not None:
            waiting.then(event.reason)

    def timer(self, name: str) -> None:
        """What could not be written is asked for again."""
        if name == COMPACT:
            self._plan_token = self.here.token()
            self.give(PlanCompaction(self._plan_token, self.origin))
            self.set_timer(COMPACT, self.here.settings.journal_compact_every_ms)
            return
        for peer in self.here.heard:
            self.send(peer, JournalHave(have=dict(self._held)))

    # Shrinking

    @on(CompactionPlanned)
    def _planned(self, event: CompactionPlanned) -> None:
        """A checkpoint costs an entry and everybody a look at the disk, so it must be worth it."""
        if event.token == self._plan_token and event.goes >= self.here.settings.journal_compact_least:
            assert event.checkpoint is not None, "something goes, so there is a checkpoint"
            self.append(CHECKPOINT, "", payload_of(event.checkpoint), lambda seq, reason: None)

    # Between nodes

    @on(PeerHeard)
    def _heard(self, event: PeerHeard) -> None:
        self.send(event.peer, JournalHave(have=dict(self._held)))

    @on_message(JournalHave)
    def _peer_has(self, peer: str, message: JournalHave) -> None:
        if any(seq > message.have.get(origin, 0) for origin, (seq, _) in self._written.items()):
            self.give(SendJournal(peer, message.have))
        if any(seq > self._held.get(origin, 0) for origin, seq in message.have.items()):
            # What this node sent when it began to hear the peer may have come before the peer heard it.
            self.send(peer, JournalHave(have=dict(self._held)))

    @on_message(JournalPush)
    def _pushed(self, peer: str, message: JournalPush) -> None:
        for licence in message.licences:
            self._licences[licence.origin] = checkpoint_of(licence)
        fresh = []
        has_gap = False
        for entry in message.entries:
            if entry.seq <= self._held.get(entry.origin, 0):
                continue
            if not self._follows(entry):
                has_gap = has_gap or not self._is_fork(peer, entry)
                continue
            self._hold(entry)
            self._tick(max(entry.clock_ms, self._clock_ms))
            fresh.append(entry)
        if fresh:
            self._write(tuple(fresh), None)
        if has_gap and not fresh:
            self.send(peer, JournalHave(have=dict(self._held)))

    def _is_fork(self, peer: str, entry: JournalEntry) -> bool:
        """Whether the peer goes on from another entry than the one that is here: asking again would not help.

        Only a database that was put back from an old copy, and was added to before it had heard the peers, gives that.
        """
        if entry.origin in self._forked:
            return True
        if entry.seq != self._held.get(entry.origin, 0) + 1 or entry.origin in self._licences:
            return False
        self._forked.add(entry.origin)
        self.publish(events.JOURNAL_FORKED, origin=entry.origin, node=peer, seq=entry.seq - 1)
        return True

    def _follows(self, entry: JournalEntry) -> bool:
        """Whether it is the next one of its origin: in the chain, or beyond a hole that the origin itself has made."""
        known = self._held.get(entry.origin, 0)
        licence = self._licences.get(entry.origin)
        if licence is not None and licence.is_end_wrong(entry.seq, hash_of(entry)):
            return False
        if entry.seq == known + 1 and entry.previous_hash == self._hashes.get(entry.origin, b""):
            return True
        if licence is None or known > licence.upto:
            return False
        return (entry.seq, entry.previous_hash) == licence.next_after(known)
