"""A sheet's way: problems at once, difference, simulation, apply, refusal when the configuration moved on."""

from io import BytesIO

import pytest
from openpyxl import load_workbook

from hacluster.cib.model import Cib
from hacluster.protocol.messages import AgentActionResult, AgentActionRun, CibChange
from hacluster.sheets.convert import convert_book
from tests.fake_agent import pair
from tests.sheets_for_tests import BAD, GOOD
from webui import checks, commands, imports, jobs, results, tasks
from webui.annotated import annotated_copy
from webui.commands import Actor
from webui.models import AuditEntry, Job, Revision

ACTOR = Actor("admin", "192.0.2.1")


@pytest.fixture(autouse=True)
def nothing_asked_yet():
    checks.forget()


@pytest.fixture
def uploaded(users):
    def upload(text, name="demo.csv"):
        return commands.keep_sheet(users["admin"], ACTOR, name, text.encode())

    return upload


@pytest.fixture
def by_hand(monkeypatch):
    """Jobs are queued and done when the test says so."""
    monkeypatch.setattr(jobs._threads, "submit", lambda *_: None)
    monkeypatch.setattr(tasks, "QUIET_S", 0)


def seen(key):
    """What the check of a sheet has found, as its page shows it."""
    return results.result_of(key, "").outcome


def checked(key):
    """The key of a sheet whose check is over."""
    results.result_of(key, "")
    return key


def apply(users, key, proposal, once="once", typed="pgcluster", reason="test"):
    order = imports.Order(proposal.based_on, proposal.preview.digest, once, typed, reason)
    return results.apply(users["admin"], ACTOR, key, "", order)


def test_every_problem_of_a_sheet_is_told_at_once_with_its_cell(uploaded):
    told = results.payload_of(uploaded(BAD), "", "ja")
    assert not told["ok"]
    cells = [each["cell"] for each in told["problems"] if each["severity"] == "error"]
    assert cells == sorted(cells, key=lambda cell: int(cell[1:]))
    assert len(cells) >= 3
    assert "C4" in cells
    assert all(each["sentence"] for each in told["problems"])


def test_the_page_marks_bad_cells_in_the_sheet_as_it_looks(uploaded, browser_of):
    text = browser_of("admin").get(f"/sheets/{checked(uploaded(BAD))}/").text
    assert 'data-cell="C4"' in text
    assert "Primitiv" in text
    assert "<small>" in text


def test_the_annotated_copy_carries_the_problems_as_comments(uploaded):
    page = load_workbook(BytesIO(annotated_copy(imports.reading_of(uploaded(BAD)), "en"))).worksheets[0]
    assert page["C4"].value == "Primitiv"
    assert page["C4"].comment is not None


def test_a_formula_in_a_cell_stays_text_in_the_annotated_copy(uploaded):
    key = uploaded(BAD.replace("Primitiv,", '"=HYPERLINK(""http://x"")",'))
    page = load_workbook(BytesIO(annotated_copy(imports.reading_of(key), "en"))).worksheets[0]
    assert page["C4"].data_type == "s"


def test_the_difference_names_what_is_added_changed_and_removed(uploaded):
    proposal = seen(uploaded(GOOD))
    signs = {each.name: each.sign for each in proposal.differences}
    assert signs["clone clnPingd"] == "-"
    assert signs["group grpPg"] == "~"
    assert signs["property cib-bootstrap-options"] == "~"


def test_what_the_cluster_writes_itself_survives_a_sheet(uploaded):
    proposal = seen(uploaded(GOOD))
    names = {each.get("name") for each in proposal.changed.section("crm_config").walk()}
    assert "cluster-name" in names
    assert [each.get("uname") for each in proposal.changed.section("nodes").all("node")] == ["pm01", "pm02"]


def test_applying_a_sheet_changes_the_configuration_and_keeps_a_revision(agent, users, uploaded, by_hand):
    key = uploaded(GOOD)
    outcome = apply(users, key, seen(key))
    assert outcome.ok
    agent.progress("done", 4, 4)
    tasks.run_job(outcome.job)
    job = Job.objects.get(pk=outcome.job)
    assert job.state == "done", job.steps
    assert agent.cib.section("resources").by_id("clnPingd") is None
    assert Revision.objects.get().number == 1
    entry = AuditEntry.objects.get(action="sheet.applied")
    assert entry.result == "done"
    assert entry.preview


def test_a_job_delivered_twice_is_done_once(agent, users, uploaded, by_hand):
    key = uploaded(GOOD)
    outcome = apply(users, key, seen(key))
    again = results.apply(users["admin"], ACTOR, key, "", imports.Order("", "", "once", "pgcluster", "x"))
    assert again.job == outcome.job
    tasks.run_job(outcome.job)
    tasks.run_job(outcome.job)
    assert len([each for each in agent.asked if isinstance(each, CibChange)]) == 1


def test_a_sheet_is_refused_when_the_configuration_has_changed_since_its_preview(agent, users, uploaded, by_hand):
    key = uploaded(GOOD)
    proposal = seen(key)
    assert isinstance(agent.cib, Cib)
    agent.change(agent.cib.with_section(pair().section("constraints").with_children(())))
    assert apply(users, key, proposal).code == "action.state-moved"
    fresh = seen(key)
    outcome = apply(users, key, fresh)
    agent.change(pair().with_version(agent.cib.version))
    tasks.run_job(outcome.job)
    assert Job.objects.get(pk=outcome.job).state == "failed"
    assert [each for each in agent.asked if isinstance(each, CibChange)] == []


def test_a_sheet_that_stops_services_asks_for_the_cluster_name(agent, users, uploaded, by_hand):
    key = uploaded(GOOD.replace("prmEx", "prmNew"))
    proposal = seen(key)
    assert proposal.is_dangerous
    assert apply(users, key, proposal, typed="").code == "sheet.not-confirmed"
    assert apply(users, key, proposal, reason=" ").code == "sheet.not-confirmed"


TWO_ORDERS = """\
,ADDITIONAL_CONFIG
,,config
,,order o1 prmEx prmPg
,,order o2 prmPg prmEx
"""
META_DATA = """<resource-agent name="Dummy"><parameters/><actions>
<action name="start" timeout="90s"/></actions></resource-agent>"""


def test_what_is_wrong_with_the_configuration_is_told_beside_the_sheet(uploaded, browser_of):
    text = browser_of("admin").get(f"/sheets/{checked(uploaded(GOOD))}/").text
    assert "prmEx has no monitor" in text or "prmEx に monitor がありません" in text
    assert "prmEx · E9" in text


def test_a_circle_refuses_the_sheet(agent, users, uploaded, by_hand):
    key = uploaded(GOOD + TWO_ORDERS)
    proposal = seen(key)
    assert [problem.code for problem in proposal.checked.refusing] == ["cib.order-circle"]
    assert apply(users, key, proposal).code == "sheet.not-usable"
    assert not results.payload_of(key, "", "en")["ok"]


def test_what_the_agents_advise_is_asked_once(agent, uploaded):
    agent.answers[AgentActionRun] = lambda _: AgentActionResult(rc=0, output=META_DATA, errors="")
    for _ in range(2):
        codes = [problem.code for problem in seen(uploaded(GOOD)).checked.problems]
        assert "cib.timeout-below-advice" in codes
    assert len([each for each in agent.asked if isinstance(each, AgentActionRun)]) == 1


def test_a_script_reads_what_is_wrong_with_the_running_configuration(agent, browser_of):
    found = browser_of("admin").get("/api/v1/configuration/problems?lang=ja").json()
    assert {"code", "severity", "place", "sentence", "cure", "cell"} == set(found[0])


@pytest.mark.parametrize(
    ("name", "size", "code"),
    [("", 0, "sheet.empty"), ("virus.exe", 10, "sheet.bad-name"), ("big.xlsx", 99_000_000, "sheet.too-large")],
)
def test_what_is_no_sheet_is_refused_before_it_is_read(users, name, size, code):
    def unread():
        raise AssertionError("it was read")

    assert imports.keep(users["admin"], ACTOR, name, size, unread).code == code


def test_a_script_uploads_and_applies_over_http(agent, users, browser_of, by_hand):
    client = browser_of("admin")
    file = BytesIO(GOOD.encode())
    file.name = "demo.csv"
    told = client.post("/api/v1/sheets", {"file": file}).json()
    assert told["ok"]
    order = {name: told[name] for name in ("based_on", "digest", "typed")} | {"key": "a-script", "reason": "first"}
    answer = client.post(f"/api/v1/sheets/{told['key']}/apply", order, content_type="application/json")
    assert answer.status_code == 200
    tasks.run_job(answer.json()["job"])
    assert client.get("/api/v1/jobs/a-script").json()["state"] == "done"


def post_sheet(client, content, name="demo.csv"):
    file = BytesIO(content)
    file.name = name
    return client.post("/sheets/", {"file": file})


def test_an_upload_is_checked_as_a_job_that_goes_on_to_the_sheet(agent, browser_of, by_hand):
    client = browser_of("admin")
    answer = post_sheet(client, GOOD.encode())
    job = Job.objects.get(kind="import")
    assert answer.url == f"/jobs/{job.key}/"
    waiting = client.get(answer.url).text
    assert 'http-equiv="refresh"' in waiting
    assert [each for each in agent.asked if isinstance(each, AgentActionRun)] == []
    tasks.run_job(job.key)
    for looking in (client, browser_of("admin")):
        assert looking.get(answer.url).url == f"/sheets/{job.request['upload']}/"
    steps = [step["code"] for step in Job.objects.get(pk=job.key).steps]
    assert steps == [*tasks.IMPORT_STEPS, "checked", "simulated"]


def test_each_step_of_a_check_is_told_as_it_begins(browser_of, by_hand, monkeypatch):
    told = []
    monkeypatch.setattr(jobs.relay, "publish", lambda key: told.append(jobs.payload_of(key, "ja")))
    post_sheet(browser_of("admin"), GOOD.encode())
    tasks.run_job(Job.objects.get(kind="import").key)
    assert [each["done"] for each in told] == [0, 0, 1, 2, 3, 4, 5, 5, 5]
    assert "demo.csv を読み込んでいます" in told[1]["lines"][-1]


def test_a_sheet_with_problems_is_checked_and_goes_on_to_its_cells(browser_of, by_hand):
    client = browser_of("admin")
    answer = post_sheet(client, BAD.encode())
    tasks.run_job(Job.objects.get(kind="import").key)
    assert 'data-cell="C4"' in client.get(answer.url, follow=True).text
    assert [step["code"] for step in Job.objects.get().steps] == ["opening", "converting", "checked"]


def test_a_file_that_is_no_workbook_fails_its_check_with_a_cure_and_a_way_back(browser_of, by_hand):
    client = browser_of("admin")
    answer = post_sheet(client, bytes(range(256)) * 4, "demo.xlsx")
    tasks.run_job(Job.objects.get(kind="import").key)
    page = client.get(answer.url)
    assert page.status_code == 200
    assert "demo.xlsx: the name ends in .xlsx, but this is not a workbook that can be read (open it" in page.text
    assert 'class="button primary" href="/sheets/"' in page.text
    assert 'http-equiv="refresh"' not in page.text
    japanese = client.get(answer.url, headers={"accept-language": "ja"}).text
    assert "読み込めるブックではありません（表計算ソフトで開き" in japanese


def test_a_check_without_an_agent_fails_and_leaves_the_sheet(agent, browser_of, by_hand):
    client = browser_of("admin")
    answer = post_sheet(client, GOOD.encode())
    agent.stop()
    tasks.run_job(Job.objects.get(kind="import").key)
    page = client.get(answer.url).text
    assert "The agent of this node does not answer" in page
    assert f'href="/sheets/{Job.objects.get().request["upload"]}/"' in page


def test_a_viewer_sees_how_a_check_goes_and_not_the_sheet(browser_of, by_hand):
    answer = post_sheet(browser_of("admin"), GOOD.encode())
    tasks.run_job(Job.objects.get(kind="import").key)
    page = browser_of("viewer").get(answer.url)
    assert page.status_code == 200
    assert 'href="/sheets/' + Job.objects.get().request["upload"] not in page.text


def test_the_running_configuration_comes_as_a_workbook_for_those_who_may_configure(browser_of):
    answer = browser_of("admin").get("/sheets/running.xlsx")
    assert answer["Content-Disposition"] == 'attachment; filename="cluster.xlsx"'
    converted = convert_book(answer.content, "cluster.xlsx")
    assert converted.ok
    assert "prmPg" in converted.crm_text
    assert browser_of("viewer").get("/sheets/running.xlsx").status_code == 403


def test_everyone_may_have_the_empty_form(browser_of):
    answer = browser_of("viewer").get("/sheets/empty.xlsx")
    assert answer.status_code == 200
    assert convert_book(answer.content, "form.xlsx").ok
