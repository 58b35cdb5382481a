"""The console's database is a view of the journal."""

import json

import pytest
from django.contrib.auth import get_user_model

from hacluster.protocol.checkpoint import CHECKPOINT, payload_of
from hacluster.protocol.messages import JournalAppend, JournalEntry
from nodeagent.machines.journal import hash_of, line_of
from nodeagent.machines.retention import Rule, plan
from webui import commands, journal
from webui.commands import Actor
from webui.models import AlertMark, AuditEntry, JournalItem, Upload

ACTOR = Actor("admin", "192.0.2.1")


def tables():
    return (
        list(AuditEntry.objects.values_list("user", "action", "target")),
        list(Upload.objects.values_list("name", "user")),
        list(AlertMark.objects.values_list("problem", flat=True)),
    )


def test_a_lost_database_is_rebuilt_from_the_journal(agent, users):
    commands.keep_sheet(users["admin"], ACTOR, "demo.xlsx", b"PK..")
    commands.acknowledge(users["operator"], ACTOR, "service.alone:grpPg@")
    before = tables()
    for model in (AuditEntry, Upload, AlertMark, JournalItem):
        model.objects.all().delete()
    journal.rebuild()
    assert tables() == before
    assert get_user_model().objects.get(username="viewer").check_password("correct horse battery")


@pytest.mark.django_db
def test_without_an_agent_entries_wait_and_are_handed_over_later(agent):
    agent.keeps_journal = False
    commands.audit(ACTOR, "test", target="x", result="done")
    assert AuditEntry.objects.count() == 1
    assert JournalItem.objects.get().is_pending
    agent.keeps_journal = True
    journal.catch_up()
    assert not JournalItem.objects.filter(is_pending=True).exists()
    assert [entry.kind for entry in agent.journal] == ["audit"]
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_an_entry_that_comes_twice_changes_nothing(agent):
    commands.audit(ACTOR, "test", result="done")
    journal.take_over(agent.journal)
    journal.take_over(agent.journal)
    assert AuditEntry.objects.count() == 1
    assert len([each for each in agent.asked if isinstance(each, JournalAppend)]) == 1


def test_the_last_administrator_cannot_be_removed_or_demoted(users):
    assert commands.remove_user(users["admin"], ACTOR, "admin").code == "user.last-admin"
    assert commands.save_user(users["admin"], ACTOR, "admin", "viewer").code == "user.last-admin"
    commands.save_user(users["admin"], ACTOR, "second", "admin", "another long one")
    assert commands.remove_user(users["admin"], ACTOR, "admin").ok


def test_a_weak_password_is_refused(users):
    assert commands.save_user(users["admin"], ACTOR, "new", "viewer", "password12").code == "user.weak-password"
    assert commands.save_user(users["admin"], ACTOR, "new", "viewer", "short").code == "user.weak-password"


def entry(origin: str, seq: int, clock_ms: int, kind: str, payload: dict, *, before: JournalEntry | None = None):
    return JournalEntry(
        origin=origin,
        seq=seq,
        clock_ms=clock_ms,
        clock_counter=0,
        kind=kind,
        key=payload.get("name", payload.get("key", "")),
        payload=json.dumps(payload).encode(),
        previous_hash=hash_of(before) if before else b"",
    )


def role_of(name: str) -> str:
    return get_user_model().objects.get(username=name).groups.get().name


@pytest.mark.django_db
def test_an_older_entry_that_comes_late_changes_nothing(agent):
    newer = entry("pm02", 1, 2_000, "user", {"name": "ann", "role": "admin"})
    older = entry("pm01", 1, 1_000, "user", {"name": "ann", "role": "viewer"})
    journal.take_over([newer])
    journal.take_over([older])
    assert role_of("ann") == "admin"


def compacted(entries: list[JournalEntry]) -> tuple[list[JournalEntry], JournalEntry]:
    """What stays of one origin's entries, when two of the audit trail do, and the checkpoint that says so."""
    checkpoint, _ = plan(map(line_of, entries), entries[0].origin, {"audit": Rule(count_max=2)}, 0)
    assert checkpoint is not None
    own = JournalEntry(
        origin=entries[0].origin,
        seq=len(entries) + 1,
        clock_ms=9_000,
        clock_counter=0,
        kind=CHECKPOINT,
        payload=payload_of(checkpoint),
        previous_hash=hash_of(entries[-1]),
    )
    return [each for each in [*entries, own] if checkpoint.keeps(each.seq)], own


def audit(number: int) -> dict:
    return {"key": f"k{number}", "at_ms": number, "user": "ann", "action": "test", "target": "", "result": "done"}


@pytest.mark.django_db
def test_a_database_rebuilt_from_a_compacted_journal_is_the_one_that_saw_everything(agent):
    entries: list[JournalEntry] = []
    for seq, (kind, payload) in enumerate(
        [
            ("user", {"name": "ann", "role": "viewer"}),
            ("audit", audit(1)),
            ("user", {"name": "ann", "role": "admin"}),
            ("audit", audit(2)),
            ("user", {"name": "bo", "role": "viewer"}),
            ("user", {"name": "bo", "removed": True}),
            ("audit", audit(3)),
        ],
        1,
    ):
        entries.append(entry("pm02", seq, 1_000 * seq, kind, payload, before=entries[-1] if entries else None))
    stay, own = compacted(entries)
    journal.take_over([*entries, own])
    before = [*tables(), role_of("ann"), JournalItem.objects.count()]
    assert [user for user, *_ in before[0]] == ["ann", "ann"]
    agent.journal[:] = stay
    journal.rebuild()
    assert [*tables(), role_of("ann"), JournalItem.objects.count()] == before
    assert not get_user_model().objects.filter(username="bo").exists()
