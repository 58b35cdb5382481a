"""A check is done once, by a job; the page reads what it found for as long as the configuration is the same."""

import pytest

from hacluster.protocol.messages import CibChange
from tests.fake_agent import left, pair
from tests.sheets_for_tests import BAD, GOOD
from webui import commands, imports, jobs, results, tasks
from webui.commands import Actor
from webui.models import Job, SheetResult

ACTOR = Actor("admin", "192.0.2.1")


@pytest.fixture
def sheet(users):
    return commands.keep_sheet(users["admin"], ACTOR, "demo.csv", GOOD.encode())


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    """Jobs are queued and done when the test says so."""
    monkeypatch.setattr(jobs._threads, "submit", lambda *_: None)
    monkeypatch.setattr(tasks, "QUIET_S", 0)


def do_the_job(url):
    key = url.rstrip("/").rpartition("/")[2]
    tasks.run_job(key)
    return Job.objects.get(pk=key)


def test_a_page_without_a_result_starts_the_check_and_shows_it_afterwards(agent, sheet, browser_of):
    client = browser_of("admin")
    answer = client.get(f"/sheets/{sheet}/")
    assert answer.status_code == 302
    assert client.get(f"/sheets/{sheet}/").url == answer.url, "one check at a time"
    assert do_the_job(answer.url).state == "done"
    assert client.get(answer.url).url == f"/sheets/{sheet}/"
    assert "clone clnPingd" in client.get(f"/sheets/{sheet}/").text


def test_the_page_shows_what_the_check_has_found_and_says_when_the_state_has_moved_on(agent, sheet, browser_of):
    digest = results.result_of(sheet, "").proposal.preview.digest
    client = browser_of("admin")
    text = client.get(f"/sheets/{sheet}/").text
    assert digest in text
    assert "has changed since" not in text
    agent.change(left(agent.cib, "pm02", cleanly=True))
    text = client.get(f"/sheets/{sheet}/").text
    assert digest in text
    assert "has changed since" in text
    assert results.result_of(sheet, "").proposal.preview.digest != digest


def test_another_worksheet_is_checked_by_a_job_of_its_own(agent, sheet, browser_of):
    client = browser_of("admin")
    results.result_of(sheet, "")
    chosen = SheetResult.objects.get().chosen
    assert client.get(f"/sheets/{sheet}/?sheet={chosen}").status_code == 200
    answer = client.get(f"/sheets/{sheet}/?sheet=OTHER")
    assert answer.status_code == 302
    job = do_the_job(answer.url)
    assert job.request["sheet"] == "OTHER"
    assert client.get(answer.url).url == f"/sheets/{sheet}/?sheet=OTHER"


def test_a_result_about_another_configuration_is_made_again(agent, sheet, browser_of):
    client = browser_of("admin")
    results.result_of(sheet, "")
    assert client.get(f"/sheets/{sheet}/").status_code == 200
    agent.change(agent.cib.with_section(pair().section("constraints").with_children(())))
    assert client.get(f"/sheets/{sheet}/").status_code == 302
    assert client.post(f"/sheets/{sheet}/", {"again": "yes"}).status_code == 302


def test_a_sheet_with_problems_needs_no_cluster_to_be_shown(agent, users, browser_of):
    bad = commands.keep_sheet(users["admin"], ACTOR, "demo.csv", BAD.encode())
    results.result_of(bad, "")
    agent.change(agent.cib.with_section(pair().section("constraints").with_children(())))
    assert 'data-cell="C4"' in browser_of("admin").get(f"/sheets/{bad}/").text


def test_a_kept_result_is_what_was_found(agent, sheet):
    found = results.result_of(sheet, "")
    kept = results.kept(sheet, "")
    assert kept == found
    assert kept.proposal.checked.problems
    assert [each.sentence("ja") for each in kept.proposal.checked.problems]


def test_consequences_that_have_become_others_stop_the_job(agent, users, sheet):
    seen = results.result_of(sheet, "").proposal
    agent.change(left(agent.cib, "pm02", cleanly=True))
    order = imports.Order(seen.based_on, seen.preview.digest, "once", "pgcluster", "test")
    outcome = results.apply(users["admin"], ACTOR, sheet, "", order)
    assert outcome.ok
    tasks.run_job(outcome.job)
    job = Job.objects.get(pk=outcome.job)
    assert (job.state, job.steps[-1]["fields"]["code"]) == ("failed", "action.state-moved")
    assert [each for each in agent.asked if isinstance(each, CibChange)] == []


def test_only_the_newest_results_are_kept(agent, sheet):
    for number in range(results.KEPT + 3):
        SheetResult.objects.create(upload_key=f"old-{number}", at_ms=number, content=b"")
    results.result_of(sheet, "")
    assert SheetResult.objects.count() == results.KEPT
    assert results.kept(sheet, "") is not None
    assert results.kept(f"old-{results.KEPT + 2}", "") is None
