"""The way back: a difference first, then an ordinary change, with what is confirmed and what is kept."""

import pytest

from hacluster.cib.codec import to_xml
from hacluster.cib.version import CibVersion
from hacluster.protocol.messages import (
    CibChange,
    CibDocument,
    CibVersionQuery,
    CibVersions,
    CibVersionsQuery,
    KeptVersion,
)
from tests.fake_agent import pair
from webui import checks, jobs, restoring, tasks
from webui.commands import Actor
from webui.imports import Order
from webui.models import AuditEntry, Job, Revision

ACTOR = Actor("admin", "192.0.2.1")


@pytest.fixture(autouse=True)
def by_hand(agent, monkeypatch):
    monkeypatch.setattr(jobs._threads, "submit", lambda *_: None)
    monkeypatch.setattr(tasks, "QUIET_S", 0)
    checks.forget()
    old = pair().with_section(pair().section("constraints").with_children(()))
    kept = KeptVersion(version=CibVersion(0, 3), at_ms=1_700_000_000_000, user="alice", client="crm", origin="pm01")
    agent.answers[CibVersionsQuery] = lambda _: CibVersions(versions=(kept, kept))
    agent.answers[CibVersionQuery] = lambda _: CibDocument(xml=to_xml(old).encode(), version=old.version)


def order_for(proposal) -> Order:
    return Order(proposal.based_on, proposal.preview.digest, "once", "pgcluster", "too early")


def test_the_page_lists_what_the_agent_kept_and_shows_the_difference_first(browser_of):
    browser = browser_of("admin")
    assert "alice" in browser.get("/revisions/").text
    text = browser.get("/revisions/0.3/restore/").text
    assert "line-removed" in text or "diff-removed" in text
    assert 'name="digest"' in text


def test_going_back_is_an_ordinary_change_that_becomes_a_revision(agent, users):
    proposal = restoring.proposal_of("0.3")
    outcome = restoring.restore(users["admin"], ACTOR, "0.3", order_for(proposal))
    assert outcome.ok, outcome
    agent.progress("done", 4, 4)
    tasks.run_job(outcome.job)
    assert Job.objects.get(pk=outcome.job).state == "done"
    (change,) = [each for each in agent.asked if isinstance(each, CibChange)]
    assert change.user == "admin"
    assert not agent.cib.section("constraints").children
    assert Revision.objects.get().source == "CIB 0.3"
    assert AuditEntry.objects.get(action="sheet.applied").result == "done"


def test_a_revision_of_the_console_can_be_restored_too(agent, users):
    xml = to_xml(pair().configuration)
    Revision.objects.create(key="r1", at_ms=1, user="admin", node="pm01", source="a.xlsx", xml=xml)
    assert restoring.proposal_of("r1").differences == ()
    assert restoring.proposal_of("nothing").code == "revision.unknown"


def test_a_changed_configuration_since_the_difference_refuses(agent, users):
    proposal = restoring.proposal_of("0.3")
    agent.change(agent.cib.with_section(pair().section("constraints").with_children(())))
    outcome = restoring.restore(users["admin"], ACTOR, "0.3", order_for(proposal))
    assert outcome.code == "action.state-moved"


def test_an_operator_may_not_restore(browser_of):
    assert browser_of("operator").get("/revisions/0.3/restore/").status_code == 403
