"""What of the journal stays, and that the chain of hashes still proves it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hacluster.protocol.checkpoint import CHECKPOINT, Checkpoint, Run, checkpoint_of, payload_of
from hacluster.protocol.messages import JournalEntry
from nodeagent.machines.journal import hash_of, line_of
from nodeagent.machines.retention import Rule, broken_at, plan


def chain(*parts: tuple[str, str], origin: str = "n1", clock: int = 1) -> list[JournalEntry]:
    """Entries of one origin, one for each (kind, key), a second apart."""
    entries: list[JournalEntry] = []
    for seq, (kind, key) in enumerate(parts, 1):
        entries.append(
            JournalEntry(
                origin=origin,
                seq=seq,
                clock_ms=clock + 1000 * seq,
                clock_counter=0,
                kind=kind,
                key=key,
                payload=b"%d" % seq,
                previous_hash=hash_of(entries[-1]) if entries else b"",
            )
        )
    return entries


def kept(
    entries: list[JournalEntry], origin: str = "n1", rules: dict[str, Rule] | None = None, now: int = 0
) -> list[int]:
    checkpoint, goes = plan(map(line_of, entries), origin, rules or {}, now)
    assert checkpoint is not None
    stay = [entry.seq for entry in entries if entry.origin == origin and checkpoint.keeps(entry.seq)]
    assert goes == sum(entry.origin == origin for entry in entries) - len(stay)
    return stay


def test_of_entries_with_a_key_the_newest_stays():
    assert kept(chain(("user", "ann"), ("user", "bo"), ("user", "ann"), ("alert", "ann"))) == [2, 3, 4]


def test_a_newer_one_of_another_origin_counts():
    entries = [*chain(("user", "ann"), ("user", "bo")), *chain(("user", "ann"), origin="n2", clock=9_000)]
    assert kept(entries) == [2]
    assert kept(entries, "n2") == [1]


def test_the_newest_so_many_of_a_kind_stay():
    parts = [("audit", "")] * 5 + [("user", "ann")]
    assert kept(chain(*parts), rules={"audit": Rule(count_max=2)}) == [4, 5, 6]


def test_what_is_too_old_goes():
    assert kept(chain(*[("audit", "")] * 4), rules={"audit": Rule(age_max_ms=2_000)}, now=4_500) == [3, 4]


def test_a_kind_without_a_rule_and_without_a_key_stays():
    assert kept(chain(("odd", ""), ("odd", ""))) == [1, 2]


def test_earlier_checkpoints_go():
    assert kept(chain((CHECKPOINT, ""), ("user", "ann"))) == [2]


def compacted(entries: list[JournalEntry], rules: dict[str, Rule]) -> tuple[list[JournalEntry], Checkpoint]:
    checkpoint, _ = plan(map(line_of, entries), "n1", rules, 0)
    assert checkpoint is not None
    last = entries[-1]
    own = JournalEntry(
        origin="n1",
        seq=last.seq + 1,
        clock_ms=last.clock_ms,
        clock_counter=1,
        kind=CHECKPOINT,
        payload=payload_of(checkpoint),
        previous_hash=hash_of(last),
    )
    return [entry for entry in [*entries, own] if checkpoint.keeps(entry.seq)], checkpoint_of(own)


PARTS = st.lists(
    st.tuples(st.sampled_from(["user", "audit"]), st.sampled_from(["", "ann", "bo"])), min_size=1, max_size=30
)


@given(PARTS, st.integers(0, 4))
def test_a_compacted_chain_is_proven_and_every_change_of_it_is_found(parts, count_max):
    stay, checkpoint = compacted(chain(*parts), {"audit": Rule(count_max)})
    lines = [line_of(entry) for entry in stay]
    assert broken_at(lines, checkpoint) == 0
    for place, entry in enumerate(stay[:-1]):
        forged = JournalEntry(
            origin="n1",
            seq=entry.seq,
            clock_ms=entry.clock_ms,
            clock_counter=0,
            kind=entry.kind,
            key=entry.key,
            payload=b"forged",
            previous_hash=entry.previous_hash,
        )
        assert broken_at([*lines[:place], line_of(forged), *lines[place + 1 :]], checkpoint)
        assert broken_at([*lines[:place], *lines[place + 1 :]], checkpoint)


def test_the_holes_are_what_lies_between_the_runs():
    checkpoint = Checkpoint(10, b"", (Run(2, 3, b"", b""), Run(6, 6, b"", b"")))
    assert checkpoint.holes() == [(1, 1), (4, 5), (7, 10)]
    assert [seq for seq in range(1, 13) if checkpoint.keeps(seq)] == [2, 3, 6, 11, 12]
    assert Checkpoint(3, b"").holes() == [(1, 3)]
