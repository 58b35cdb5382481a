"""The console's database is a view of the journal."""

import pytest
from django.contrib.auth import get_user_model

from hacluster.protocol.messages import JournalAppend
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
