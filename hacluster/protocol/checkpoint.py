"""The entry by which an origin says what of its part of the journal stays; all else may be dropped by everyone.

Reads and gives the payload of such an entry. It names, for each run of entries that stays, the hash before its first
one and the hash of its last one, and the hash of the last entry it speaks of: so a journal with holes can be proven.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from hacluster.protocol.messages import JournalEntry

CHECKPOINT = "journal.checkpoint"


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Entries that stay and follow each other without a hole."""

    first: int
    last: int
    before: bytes
    """What the first one carries as the hash of the one before it."""
    hash: bytes
    """Of the last one."""


class Checkpoint(msgspec.Struct, frozen=True):
    """The payload of a checkpoint: up to `upto` only these runs stay."""

    upto: int
    hash: bytes
    """Of the entry `upto`, which the one after it carries."""
    runs: tuple[Run, ...] = ()

    def keeps(self, seq: int) -> bool:
        run = self._run_at(seq)
        return seq > self.upto or (run is not None and run.first <= seq)

    def next_after(self, seq: int) -> tuple[int, bytes]:
        """The next entry that stays, and the hash before it where a hole lies before it (else b"")."""
        run = self._run_at(seq + 1)
        if run is None:
            return self.upto + 1, self.hash
        if run.first <= seq:
            return seq + 1, b""
        return run.first, run.before

    def is_end_wrong(self, seq: int, digest: bytes) -> bool:
        run = self._run_at(seq)
        return run is not None and run.last == seq and run.hash != digest

    def holes(self) -> list[tuple[int, int]]:
        """First and last of every stretch that goes."""
        edges = [0, *(edge for run in self.runs for edge in (run.first, run.last)), self.upto + 1]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(before + 1, after - 1) for before, after in pairs if before + 1 < after]

    def _run_at(self, seq: int) -> Run | None:
        """The first run that ends at or after this number."""
        at = bisect_left(self.runs, seq, key=lambda run: run.last)
        return self.runs[at] if at < len(self.runs) else None


def checkpoint_of(entry: JournalEntry) -> Checkpoint:
    return msgspec.msgpack.decode(entry.payload, type=Checkpoint)


def payload_of(checkpoint: Checkpoint) -> bytes:
    return msgspec.msgpack.encode(checkpoint)
