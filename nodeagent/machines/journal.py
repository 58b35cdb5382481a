"""Keeps the journal of all nodes growing: append here, push to the peers, fill gaps when a peer is heard.

Reads JournalAppend (from `door`), JournalHave, JournalPush, Persisted; gives PersistJournal, SendJournal and updates
for subscribers. Entries themselves stay on the disk; here only the heads are held.

Invariant: an origin numbers its entries without a gap, each carries the hash of the one before, and an entry is
answered for only when it is on the disk. So two journals differ only in how far they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from hacluster.protocol import events
from hacluster.protocol.messages import JournalEntry, JournalGrew
from hacluster.protocol.peers import JournalHave, JournalPush
from nodeagent.machines.effects import PersistJournal, PublishUpdate, SendJournal
from nodeagent.machines.events import PeerHeard, Persisted, PersistFailed
from nodeagent.machines.situation import Machine, Restored, Situation, on, on_message

TRY_AGAIN_MS = 5_000


def hash_of(entry: JournalEntry) -> bytes:
    """What the next entry of the same origin carries as `previous_hash`."""
    head = f"{entry.origin}\0{entry.seq}\0{entry.clock_ms}\0{entry.clock_counter}\0{entry.kind}\0"
    return hashlib.sha256(head.encode() + entry.previous_hash + entry.payload).digest()


@dataclass(slots=True)
class _Waiting:
    """Entries on their way to the disk."""

    entries: tuple[JournalEntry, ...]
    then: Callable[[str], None] | None
    """Called with "" or with why they could not be written."""


class Journal(Machine):
    def __init__(self, here: Situation, restored: Restored) -> None:
        super().__init__(here)
        self._held = dict(restored.journal_have)
        """Origin -> last entry known here, on the disk or on its way to it."""
        self._hashes = dict(restored.journal_hashes)
        self._written = dict(restored.journal_have)
        """Origin -> last entry on the disk."""
        self._clock_ms, self._counter = restored.journal_clock_ms, 0
        self._waiting: dict[int, _Waiting] = {}

    # Growing

    def append(self, kind: str, payload: bytes, then: Callable[[int, str], None]) -> None:
        """Add an entry of this node; `then` gets its number and "", or 0 and why not."""
        self._tick(self.here.wall_ms)
        name = self.here.name
        entry = JournalEntry(
            origin=name,
            seq=self._held.get(name, 0) + 1,
            clock_ms=self._clock_ms,
            clock_counter=self._counter,
            kind=kind,
            payload=payload,
            previous_hash=self._hashes.get(name, b""),
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
            self._written[entry.origin] = max(entry.seq, self._written.get(entry.origin, 0))
        own = tuple(entry for entry in waiting.entries if entry.origin == self.here.name)
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
        for entry in waiting.entries:
            if self._held.get(entry.origin, 0) >= entry.seq:
                self._held[entry.origin] = entry.seq - 1
                self._hashes[entry.origin] = entry.previous_hash
        self.publish(events.DISK_FULL, file="journal.sqlite3", reason=event.reason)
        self.set_timer("again", TRY_AGAIN_MS)
        if waiting.then is not None:
            waiting.then(event.reason)

    def timer(self, name: str) -> None:
        """What could not be written is asked for again."""
        for peer in self.here.heard:
            self.send(peer, JournalHave(have=dict(self._held)))

    # Between nodes

    @on(PeerHeard)
    def _heard(self, event: PeerHeard) -> None:
        self.send(event.peer, JournalHave(have=dict(self._held)))

    @on_message(JournalHave)
    def _peer_has(self, peer: str, message: JournalHave) -> None:
        if any(seq > message.have.get(origin, 0) for origin, seq in self._written.items()):
            self.give(SendJournal(peer, message.have))
        if any(seq > self._held.get(origin, 0) for origin, seq in message.have.items()):
            # What this node sent when it began to hear the peer may have come before the peer heard it.
            self.send(peer, JournalHave(have=dict(self._held)))

    @on_message(JournalPush)
    def _pushed(self, peer: str, message: JournalPush) -> None:
        fresh = []
        has_gap = False
        for entry in message.entries:
            known = self._held.get(entry.origin, 0)
            if entry.seq <= known:
                continue
            if entry.seq != known + 1:
                has_gap = True
                continue
            if entry.previous_hash != self._hashes.get(entry.origin, b""):
                break
            self._hold(entry)
            self._tick(max(entry.clock_ms, self._clock_ms))
            fresh.append(entry)
        if fresh:
            self._write(tuple(fresh), None)
        if has_gap and not fresh:
            self.send(peer, JournalHave(have=dict(self._held)))
