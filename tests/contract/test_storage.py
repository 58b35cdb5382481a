"""The disk of a node: what was written is there after a restart, or the one before it and an alert."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from random import SystemRandom

import pytest

from hacluster.cib.model import Cib, Element
from hacluster.cib.version import CibVersion
from hacluster.protocol.checkpoint import CHECKPOINT, payload_of
from hacluster.protocol.messages import EventRecord, JournalEntry
from nodeagent.machines.journal import hash_of
from nodeagent.shell.journal_store import JournalStore
from nodeagent.shell.storage import VERSIONS_KEPT, CibAuthor, Storage


def _cib(epoch: int) -> Cib:
    return Cib.empty().with_version(CibVersion(0, epoch, 0))


def _storage(folder: Path) -> Storage:
    storage = Storage(folder)
    storage.prepare()
    return storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return _storage(tmp_path)


# ---------------------------------------------------------------- configuration


def test_a_new_node_has_no_configuration(storage: Storage) -> None:
    assert storage.load_cib() is None
    assert storage.alerts == []


def test_a_configuration_comes_back_with_its_author(tmp_path: Path, storage: Storage) -> None:
    author = CibAuthor(ancestors=("a1", "b2"), client="crm--shell", user="admin", origin="pm01", at_ms=5)
    storage.write_cib(_cib(7), author)
    stored = _storage(tmp_path).load_cib()
    assert stored is not None
    assert (stored.cib, stored.author) == (_cib(7), author)


def test_the_status_section_never_reaches_the_disk(tmp_path: Path, storage: Storage) -> None:
    cib = _cib(1).with_status(Element("status", {}, (Element("node_state", {"id": "1", "uname": "pm01"}),)))
    storage.write_cib(cib, CibAuthor())
    assert "node_state" not in (tmp_path / "cib/cib.xml").read_text()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "by hand"])
def test_a_damaged_file_gives_the_version_before_and_an_alert(tmp_path: Path, storage: Storage, damage: str) -> None:
    for epoch in (1, 2):
        storage.write_cib(_cib(epoch), CibAuthor())
    file = tmp_path / "cib/cib.xml"
    data = file.read_bytes()
    damaged = {
        "flip": data[:40] + b"X" + data[41:],
        "cut": data[: len(data) // 2],
        "empty": b"",
        "by hand": data.replace(b'epoch="2"', b'epoch="9"'),
    }[damage]
    # Written in place, as a bad disk or an editor would: the kept version is the same file.
    file.write_bytes(damaged)
    again = _storage(tmp_path)
    stored = again.load_cib()
    assert stored is not None
    assert stored.cib.version == CibVersion(0, 1, 0)
    assert [alert.kind.code for alert in again.alerts] == ["cib.damaged"]
    assert list((tmp_path / "cib").glob("cib.xml.damaged-*"))


def test_the_last_hundred_versions_are_kept(storage: Storage) -> None:
    for epoch in range(1, VERSIONS_KEPT + 6):
        storage.write_cib(_cib(epoch), CibAuthor())
    names = [file.name for file in storage.version_files()]
    assert len(names) == VERSIONS_KEPT
    assert (names[0], names[-1]) == ("cib-0.6.xml", f"cib-0.{VERSIONS_KEPT + 5}.xml")


def test_a_write_that_fails_leaves_the_old_configuration(tmp_path: Path, storage: Storage) -> None:
    storage.write_cib(_cib(1), CibAuthor())
    (tmp_path / "cib/cib.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        storage.write_cib(_cib(2), CibAuthor())
    stored = _storage(tmp_path).load_cib()
    assert stored is not None
    assert stored.cib.version.epoch == 1


def test_half_a_write_is_swept_away_at_the_next_start(tmp_path: Path, storage: Storage) -> None:
    storage.write_cib(_cib(1), CibAuthor())
    (tmp_path / "cib/cib.new").write_bytes(b"<cib")
    stored = _storage(tmp_path).load_cib()
    assert stored is not None
    assert not (tmp_path / "cib/cib.new").exists()


def test_only_the_agent_and_its_group_may_read_the_configuration(tmp_path: Path, storage: Storage) -> None:
    storage.write_cib(_cib(1), CibAuthor())
    assert (tmp_path / "cib/cib.xml").stat().st_mode & 0o027 == 0


# ---------------------------------------------------------------- term and incarnation


def test_every_life_has_a_higher_incarnation(tmp_path: Path) -> None:
    lives = [_storage(tmp_path).begin_life().incarnation for _ in range(5)]
    assert lives == sorted(set(lives))


def test_a_vote_is_remembered_in_the_next_life(tmp_path: Path, storage: Storage) -> None:
    storage.begin_life()
    storage.write_term(5, "pm01")
    storage.write_term(6, "pm02")
    state = _storage(tmp_path).begin_life()
    assert (state.term, state.voted_for) == (6, "pm02")


def test_a_damaged_state_file_gives_the_one_before_and_an_alert(tmp_path: Path, storage: Storage) -> None:
    storage.begin_life()
    storage.write_term(5, "pm01")
    storage.write_term(6, "pm02")
    newest = max(tmp_path.glob("node.?"), key=lambda file: file.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    again = _storage(tmp_path)
    assert again.begin_life().term == 5
    assert len(again.alerts) == 1


# ---------------------------------------------------------------- journal and events


def _entry(origin: str, seq: int) -> JournalEntry:
    return JournalEntry(origin=origin, seq=seq, clock_ms=seq, clock_counter=0, kind="audit", payload=b"{}")


@pytest.fixture
def journal(tmp_path: Path) -> JournalStore:
    return JournalStore(tmp_path / "journal.sqlite3")


def test_entries_come_back_origin_by_origin_in_their_order(tmp_path: Path, journal: JournalStore) -> None:
    entries = [_entry(origin, seq) for seq in (1, 2, 3) for origin in ("pm02", "pm01")]
    journal.append(entries)
    journal.close()
    again = JournalStore(tmp_path / "journal.sqlite3")
    assert [(entry.origin, entry.seq) for entry in again.after({"pm01": 1}, 10)] == [
        ("pm01", 2), ("pm01", 3), ("pm02", 1), ("pm02", 2), ("pm02", 3),
    ]  # fmt: skip
    assert again.heads() == {"pm01": 3, "pm02": 3}
    assert [(entry.origin, entry.seq) for entry in again.last_entries()] == [("pm01", 3), ("pm02", 3)]


def test_asking_in_small_pieces_gives_everything_once(journal: JournalStore) -> None:
    entries = [_entry(origin, seq) for origin in ("a", "b", "c") for seq in range(1, 8)]
    journal.append(entries)
    have: dict[str, int] = {}
    got: list[JournalEntry] = []
    while piece := journal.after(have, 4):
        have |= {entry.origin: entry.seq for entry in piece}
        got += piece
    assert got == entries


def test_an_entry_that_is_there_already_is_not_changed(journal: JournalStore) -> None:
    journal.append([_entry("a", 1)])
    journal.append([JournalEntry(origin="a", seq=1, clock_ms=9, clock_counter=9, kind="other", payload=b"x")])
    assert journal.after({}, 10) == (_entry("a", 1),)


def test_a_damaged_database_is_put_aside_and_begun_anew(tmp_path: Path, journal: JournalStore) -> None:
    journal.append([_entry("a", seq) for seq in range(1, 500)])
    journal.close()
    file = tmp_path / "journal.sqlite3"
    data = bytearray(file.read_bytes())
    data[:200] = os.urandom(200)
    file.write_bytes(data)
    again = JournalStore(file)
    assert again.heads() == {}
    assert [alert.kind.code for alert in again.alerts] == ["cib.damaged"]
    again.append([_entry("a", 1)])
    assert list(tmp_path.glob("journal.sqlite3.damaged-*"))


def test_a_journal_that_is_begun_anew_counts_under_another_name(tmp_path: Path, journal: JournalStore) -> None:
    name = journal.own_origin("pm01", SystemRandom())
    assert name.startswith("pm01.")
    assert JournalStore(tmp_path / "journal.sqlite3").own_origin("pm01", SystemRandom()) == name
    assert JournalStore(tmp_path / "another.sqlite3").own_origin("pm01", SystemRandom()) != name


def test_a_journal_of_before_there_were_keys_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite3"
    connection = sqlite3.connect(file)
    connection.executescript(
        "create table entry (origin text not null, seq integer not null, clock_ms integer not null,"
        " clock_counter integer not null, kind text not null, payload blob not null, previous_hash blob not null,"
        " primary key (origin, seq)) without rowid;"
        "insert into entry values ('pm01', 1, 1, 0, 'audit', x'7b7d', x'');"
    )
    connection.close()
    store = JournalStore(file)
    assert store.own_origin("pm01", SystemRandom()) == "pm01"
    assert store.after({}, 10) == (_entry("pm01", 1),)


def _users(count: int) -> list[JournalEntry]:
    """Ann changed her password again and again."""
    entries: list[JournalEntry] = []
    for seq in range(1, count + 1):
        before = hash_of(entries[-1]) if entries else b""
        entries.append(
            JournalEntry(
                origin="a",
                seq=seq,
                clock_ms=seq,
                clock_counter=0,
                kind="user",
                payload=b"{}",
                previous_hash=before,
                key="ann",
            )
        )
    return entries


def test_a_compacted_journal_keeps_what_its_checkpoint_keeps_and_is_proven(journal: JournalStore) -> None:
    entries = _users(9)
    journal.append(entries)
    checkpoint, goes = journal.plan("a", 0)
    assert checkpoint is not None
    assert goes == 8
    own = JournalEntry(
        origin="a", seq=10, clock_ms=10, clock_counter=0, kind=CHECKPOINT, payload=payload_of(checkpoint),
        previous_hash=hash_of(entries[-1]),
    )  # fmt: skip
    journal.append([own])
    journal.compact("a", checkpoint)
    assert journal.after({}, 100) == (entries[-1], own)
    assert journal.heads() == {"a": 10}
    assert journal.broken() == {}
    assert journal.licences({"a": 3}) == (own,)
    assert journal.licences({"a": 9}) == ()


def test_a_forged_entry_is_found(tmp_path: Path, journal: JournalStore) -> None:
    journal.append(_users(5))
    connection = sqlite3.connect(tmp_path / "journal.sqlite3")
    with connection:
        connection.execute("update entry set payload = x'00' where seq = 3")
    connection.close()
    assert journal.broken() == {"a": 4}


def test_the_newest_events_come_oldest_first(journal: JournalStore) -> None:
    records = [EventRecord(node="pm01", seq=seq, at_ms=seq, code="dc.elected") for seq in range(1, 10)]
    journal.keep_events(records)
    assert journal.newest_events(3) == tuple(records[-3:])


def test_a_peers_event_that_comes_late_stands_where_its_clock_says(journal: JournalStore) -> None:
    here = EventRecord(node="pm01", seq=1, at_ms=56, code="dc.elected")
    late = EventRecord(node="pm02", seq=1, at_ms=52, code="dc.elected")
    journal.keep_events([here])
    journal.keep_events([late])
    assert journal.newest_events(2) == (late, here)


def test_event_numbers_go_on_after_a_restart(tmp_path: Path, journal: JournalStore) -> None:
    assert journal.next_event_seq("pm01") == 1
    journal.keep_events([EventRecord(node="pm01", seq=41, at_ms=1, code="dc.elected")])
    assert JournalStore(tmp_path / "journal.sqlite3").next_event_seq("pm01") > 41


def test_the_journal_is_synced_with_every_append(journal: JournalStore) -> None:
    connection: sqlite3.Connection = journal._journal
    assert connection.execute("pragma synchronous").fetchone() == (2,)
    assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
