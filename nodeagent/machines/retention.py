"""What of the journal is kept, and how a journal with holes stays one that can be proven.

Reads what is known of the entries of all origins; gives the runs of one origin's entries that stay. The origin itself
writes them into its journal as a checkpoint, and every node drops the rest when it has that entry on its disk.

Invariant: every entry that stays is covered by the chain of hashes again, through the newest checkpoint of its origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from hacluster.protocol.checkpoint import CHECKPOINT, Checkpoint, Run

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Rule:
    """How much of one kind stays, counted over all origins. 0 is no bound."""

    count_max: int = 0
    age_max_ms: int = 0


RULES: Mapping[str, Rule] = {
    "audit": Rule(100_000, 800 * DAY_MS),
    "sheet": Rule(200),
    "revision": Rule(1_000),
}
"""Of entries with a key the newest stays in any case; kinds that stand not here keep all that have none."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """An entry without its payload."""

    origin: str
    seq: int
    clock_ms: int
    clock_counter: int
    kind: str
    key: str
    previous_hash: bytes
    hash: bytes

    @property
    def order(self) -> tuple[int, int, str, int]:
        return self.clock_ms, self.clock_counter, self.origin, self.seq


def plan(lines: Iterable[Line], origin: str, rules: Mapping[str, Rule], now_ms: int) -> tuple[Checkpoint | None, int]:
    """The checkpoint that this origin could write now, and how many entries would go with it."""
    ordered = sorted(lines, key=lambda line: line.order)
    newest = {(line.kind, line.key): line.order for line in ordered if line.key}
    counts: dict[str, int] = {}
    mine: list[tuple[Line, bool]] = []
    for line in reversed(ordered):
        counts[line.kind] = counts.get(line.kind, 0) + 1
        if line.origin == origin:
            mine.append((line, _stays(line, newest, counts[line.kind], rules.get(line.kind, Rule()), now_ms)))
    mine.sort(key=lambda pair: pair[0].seq)
    if not mine:
        return None, 0
    last = mine[-1][0]
    stay = [line for line, does_stay in mine if does_stay]
    return Checkpoint(last.seq, last.hash, tuple(_runs(stay))), len(mine) - len(stay)


def _stays(line: Line, newest: Mapping[tuple[str, str], object], place: int, rule: Rule, now_ms: int) -> bool:
    """`place` counts from the newest entry of the kind."""
    if line.kind == CHECKPOINT:
        return False
    if line.key and newest[line.kind, line.key] != line.order:
        return False
    is_too_many = 0 < rule.count_max < place
    is_too_old = 0 < rule.age_max_ms < now_ms - line.clock_ms
    return not is_too_many and not is_too_old


def _runs(stay: Sequence[Line]) -> Iterable[Run]:
    begun: Line | None = None
    for place, line in enumerate(stay, 1):
        begun = begun or line
        if place == len(stay) or stay[place].seq != line.seq + 1:
            yield Run(begun.seq, line.seq, begun.previous_hash, line.hash)
            begun = None


def broken_at(lines: Iterable[Line], checkpoint: Checkpoint | None) -> int:
    """The first entry of one origin that the chain does not cover, 0 when all are proven."""
    known, last = 0, b""
    for line in lines:
        is_next = line.seq == known + 1 and line.previous_hash == last
        if not is_next:
            expected = checkpoint.next_after(known) if checkpoint is not None and known <= checkpoint.upto else (0, b"")
            if (line.seq, line.previous_hash) != expected:
                return line.seq
        if checkpoint is not None and checkpoint.is_end_wrong(line.seq, line.hash):
            return line.seq
        known, last = line.seq, line.hash
    return 0
