"""Can an operator see it and do it? The console process, a scripted agent, a real browser."""

import random
import re

import pytest
from playwright.sync_api import expect

from hacluster.cib import status as status_of
from hacluster.protocol import events
from hacluster.protocol.messages import CibChange, ResourceCleanup
from tests.browser.conftest import PASSWORD
from tests.fake_agent import GROUP, failed_over, left, operation, pair, starts, stops
from tests.sheets_for_tests import BAD, GOOD

pytestmark = pytest.mark.browser


def cell(page, resource, node):
    return page.locator(f'[data-key="cell:{resource}@{node}"]')


def test_a_wrong_password_is_refused_and_the_fifth_locks(console, cluster, chromium):
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.goto(f"{console.url}/")
    expect(page).to_have_url(re.compile("/login/"))
    for _attempt in range(5):
        page.goto(f"{console.url}/login/")
        page.fill("[name=username]", "nobody")
        page.fill("[name=password]", "wrong")
        page.click("button.primary")
    expect(page.locator("h1")).to_have_text("This account is locked")
    context.close()


def test_the_matrix_follows_the_cluster_without_a_reload(page_in, cluster):
    page = page_in("/matrix/")
    expect(cell(page, "prmPg", "pm01").locator("[data-part=word]")).to_have_text("Running")
    page.evaluate("window.loadedOnce = true")
    cluster.change(failed_over(cluster.cib))
    expect(cell(page, "prmPg", "pm02").locator("[data-part=word]")).to_have_text("Running, no standby left")
    expect(cell(page, "prmPg", "pm01").locator("[data-part=count]")).to_have_text("failures 1/1")
    assert page.evaluate("window.loadedOnce")
    assert page.complaints == []


def test_new_rows_and_columns_appear_by_themselves(page_in, cluster):
    page = page_in("/matrix/")
    resources = cluster.cib.section("resources")
    kept = tuple(each for each in resources.children if each.id != "prmStonith2")
    cluster.change(cluster.cib.with_section(resources.with_children(kept)))
    expect(page.locator('[data-row="prmStonith2"]')).to_have_count(0)


def test_what_changes_while_new_rows_are_fetched_is_shown(page_in, cluster):
    page = page_in("/matrix/")
    held = []
    page.route("**/matrix/", lambda route: held.append(route))
    resources = cluster.cib.section("resources")
    kept = tuple(each for each in resources.children if each.id != "prmStonith2")
    with page.expect_request("**/matrix/"):
        cluster.change(cluster.cib.with_section(resources.with_children(kept)))
    while not held:
        page.evaluate("0")
    answer = held[0].fetch()
    cluster.change(failed_over(cluster.cib))
    expect(cell(page, "prmPg", "pm02").locator("[data-part=word]")).to_have_text("Running, no standby left")
    held[0].fulfill(response=answer)
    page.unroute("**/matrix/")
    expect(page.locator('[data-row="prmStonith2"]')).to_have_count(0)
    expect(cell(page, "prmPg", "pm02").locator("[data-part=word]")).to_have_text("Running, no standby left")
    assert_same_as_fresh(page)


@pytest.mark.parametrize("language", ["en-US", "ja-JP"])
def test_a_patched_page_equals_a_fresh_one(page_in, cluster, language):
    """Whatever happens in whatever order: what the script made of it is what the server would render."""
    luck = random.Random(20)
    page = page_in("/", language)
    cib = cluster.cib
    for _round in range(12):
        for _change in range(luck.randrange(1, 4)):
            cib = luck.choice(HAPPENINGS)(cib)
        cib = cluster.change(cib)
        if luck.random() < 0.4:
            cluster.happen(events.DC_ELECTED, node=luck.choice(("pm01", "pm02")))
        page.wait_for_function(
            "version => document.querySelector('[data-part=version]').textContent === version", arg=str(cib.version)
        )
        assert_same_as_fresh(page)
    assert page.complaints == []


def assert_same_as_fresh(page):
    """The page may be a tenth of a second behind the server; a difference that stays is one."""
    for _look in range(100):
        difference = page.evaluate(DIFFERENCE_FROM_FRESH)
        if not difference:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"patched: {difference[0]}\nfresh:   {difference[1]}")


HAPPENINGS = (
    failed_over,
    lambda cib: operation(cib, "pm01", "prmPg", "monitor", rc=1, interval_ms=10_000),
    lambda cib: stops(cib, "pm01", "prmPg", "prmIp"),
    lambda cib: starts(cib, "pm01", *GROUP),
    lambda cib: operation(cib, "pm02", "prmIp", "start"),
    lambda cib: left(cib, "pm02"),
    lambda cib: status_of.with_attributes(cib, "pm02", {"default_ping_set": "0"}),
    lambda cib: status_of.with_attributes(cib, "pm02", {"default_ping_set": "100"}),
    lambda cib: pair().with_version(cib.version),
)

DIFFERENCE_FROM_FRESH = """
async () => {
  const bare = (root) => {
    const copy = root.cloneNode(true);
    for (const age of copy.querySelectorAll('[data-age]')) age.replaceWith(document.createElement('i'));
    for (const each of copy.querySelectorAll('template')) each.remove();
    for (const each of copy.querySelectorAll('[hidden]')) each.removeAttribute('hidden');
    for (const each of copy.querySelectorAll('[class=""]')) each.removeAttribute('class');
    return copy.innerHTML.replace(/\\s+/g, ' ').replace(/> </g, '><').replace(/ >/g, '>');
  };
  const answer = await fetch(location.href);
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const [now, then] = [bare(document.querySelector('main')), bare(fresh.querySelector('main'))];
  if (now === then) return null;
  let at = 0;
  while (now[at] === then[at]) at += 1;
  return [now.slice(Math.max(0, at - 120), at + 200), then.slice(Math.max(0, at - 120), at + 200)];
}
"""


def test_when_the_agent_dies_the_picture_is_hatched_and_actions_are_off(page_in, cluster):
    page = page_in("/")
    cluster.stop()
    try:
        expect(page.locator("[data-banner]")).to_be_visible()
        expect(page.locator("[data-banner]")).to_contain_text("does not answer")
        expect(page.locator("html")).to_have_class(re.compile("is-stale"))
        assert page.evaluate("getComputedStyle(document.querySelector('.menu')).pointerEvents") == "none"
    finally:
        cluster.start()
    expect(page.locator("[data-banner]")).to_be_hidden()


def test_an_action_shows_its_consequences_before_it_is_done(page_in, cluster):
    page = page_in("/matrix/")
    page.locator('[data-key="node:pm01"] .menu summary').click()
    page.locator('[data-key="node:pm01"] .menu a', has_text="Standby").click()
    dialog = page.locator("dialog[open]")
    expect(dialog.locator("code", has_text="crm node standby pm01")).to_be_visible()
    row = dialog.locator(".slices tr", has_text="prmPg")
    expect(row).to_contain_text("pm01")
    expect(row).to_contain_text("pm02")
    before = len(cluster.asked)
    dialog.locator("[data-act]").click()
    expect(page.locator(".message-success")).to_contain_text("Done")
    assert [type(each) for each in cluster.asked[before:] if isinstance(each, CibChange)] == [CibChange]
    expect(page.locator('[data-key="node:pm01"] [data-part=word]')).to_contain_text("Draining")


def test_cancelling_a_preview_does_nothing(page_in, cluster):
    page = page_in("/matrix/")
    page.locator('[data-key="node:pm02"] .menu summary').click()
    page.locator('[data-key="node:pm02"] .menu a', has_text="Standby").click()
    before = len([each for each in cluster.asked if isinstance(each, CibChange)])
    page.locator("dialog[open] [data-close]").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert len([each for each in cluster.asked if isinstance(each, CibChange)]) == before


def test_a_failure_is_forgotten_from_its_problem_card(page_in, cluster):
    cluster.change(failed_over(cluster.cib))
    page = page_in("/")
    card = page.locator('[data-key="problem:resource.excluded:prmPg@pm01"]')
    expect(card).to_contain_text("it failed there too often")
    card.locator("a.button").click()
    page.locator("dialog[open] [data-act]").click()
    expect(page.locator(".message-success")).to_be_visible()
    assert [each for each in cluster.asked if isinstance(each, ResourceCleanup)][-1].resource == "prmPg"
    expect(page.locator("[data-list=problem] > li")).to_have_count(0)


EXCLUDED, DOWN, FAILED = (
    f"problem:{each}"
    for each in ("resource.excluded:prmDiskd1@pm02", "service.down:grpPg@", "resource.failed:prmPg@pm01")
)


def counts_failures(cib, count):
    return status_of.with_attributes(cib, "pm02", {"fail-count-prmDiskd1#monitor_10000": count})


def problem_keys(page):
    return page.locator("[data-list=problem] > li").evaluate_all("all => all.map(each => each.dataset.key)")


def test_the_problem_list_keeps_still_under_the_pointer_and_is_put_in_order_when_it_is_left(page_in, cluster):
    cluster.change(counts_failures(cluster.cib, "1"))
    page = page_in("/")
    pointed = page.locator(f'[data-key="{EXCLUDED}"]')
    pointed.hover()
    cluster.change(operation(cluster.cib, "pm01", "prmPg", "monitor", rc=1, interval_ms=10_000))
    expect(page.locator("[data-new]")).to_have_text("New: 2, at the end until you leave the list")
    assert problem_keys(page) == [EXCLUDED, DOWN, FAILED]
    cluster.change(counts_failures(cluster.cib, "0"))
    expect(pointed.locator("[data-part=severity]")).to_have_text("Cleared")
    assert problem_keys(page) == [EXCLUDED, DOWN, FAILED]
    cluster.change(counts_failures(cluster.cib, "1"))
    expect(pointed.locator("[data-part=severity]")).to_have_text("Major")
    page.mouse.move(1, 1)
    expect(page.locator("[data-new]")).to_be_empty()
    assert problem_keys(page) == [DOWN, FAILED, EXCLUDED]
    assert_same_as_fresh(page)


def test_what_is_cleared_under_the_focus_goes_when_the_focus_does(page_in, cluster):
    cluster.change(counts_failures(cluster.cib, "1"))
    page = page_in("/")
    cure = page.locator(f'[data-key="{EXCLUDED}"] a.button')
    cure.focus()
    failed = operation(cluster.cib, "pm01", "prmPg", "monitor", rc=1, interval_ms=10_000)
    cluster.change(counts_failures(failed, "0"))
    expect(page.locator(f'[data-key="{EXCLUDED}"]')).to_have_class(re.compile("is-over"))
    expect(cure).to_be_focused()
    page.keyboard.press("Tab")
    assert problem_keys(page) == [EXCLUDED, DOWN, FAILED]
    page.locator(".brand").focus()
    expect(page.locator("[data-list=problem] > li")).to_have_count(2)
    assert problem_keys(page) == [DOWN, FAILED]
    assert_same_as_fresh(page)


def test_a_critical_alert_stays_until_it_is_closed(page_in, cluster):
    page = page_in("/matrix/", "ja-JP")
    cluster.happen(events.FENCE_WAITING, node="pm02")
    toast = page.locator(".toast[role=alert]")
    expect(toast).to_contain_text("手動停止確認を行ってください")
    toast.locator("button").click()
    expect(toast).to_have_count(0)


def test_the_language_switch_keeps_the_page(page_in):
    page = page_in("/matrix/")
    page.locator(".top button[value=ja]").click()
    expect(page.locator("h1")).to_have_text("一覧表")
    expect(page.locator("html")).to_have_attribute("lang", "ja")


def test_a_transition_under_way_is_shown_with_its_steps(page_in, cluster):
    page = page_in("/")
    cluster.progress("running", 3, 8, ["Move prmPg (Started pm01 -> pm02)"])
    bar = page.locator("[data-key=transition]")
    expect(bar).to_contain_text("3 of 8")
    expect(bar).to_contain_text("Move prmPg")
    cluster.progress("done", 8, 8)
    expect(bar).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/matrix/", "/sheets/", "/timeline/"])
def test_no_page_scrolls_sideways_on_a_phone(console, chromium, logged_in, cluster, path):
    context = chromium.new_context(storage_state=logged_in, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(console.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_a_page_asks_nothing_of_another_host(page_in, console):
    page = page_in("/matrix/")
    asked = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    assert [url for url in asked if not url.startswith(console.url)] == []
    assert PASSWORD not in page.content()


def upload(page, text, name="demo.csv"):
    page.set_input_files("[type=file]", {"name": name, "mimeType": "text/csv", "buffer": text.encode()})
    page.click("button.primary")


def test_a_bad_sheet_shows_all_its_problems_and_marks_the_cells(page_in):
    page = page_in("/sheets/", "ja-JP")
    upload(page, BAD)
    expect(page.locator(".cell-problems > li.is-error")).not_to_have_count(0)
    bad = page.locator("[data-cell=C4]")
    expect(bad).to_contain_text("Primitiv")
    expect(bad.locator("small")).not_to_be_empty()
    expect(page.locator("[data-act]")).to_have_count(0)
    with page.expect_download() as download:
        page.click("a[href*=annotated]")
    assert download.value.suggested_filename == "annotated.xlsx"


def test_a_file_that_is_no_workbook_is_refused_with_a_way_back(page_in):
    page = page_in("/sheets/")
    page.set_input_files("[type=file]", {"name": "a.xlsx", "mimeType": "", "buffer": random.Random(7).randbytes(4096)})
    page.click("button.primary")
    expect(page.locator("[data-job]")).to_have_attribute("data-state", "failed")
    expect(page.locator("[data-lines]")).to_contain_text("a.xlsx: the name ends in .xlsx, but this is not a workbook")
    page.reload()
    expect(page.locator("[data-lines]")).to_contain_text("not a workbook that can be read")
    page.click(".job a.primary")
    expect(page.locator("[type=file]")).to_be_visible()


def test_a_sheet_is_checked_without_script_too(console, chromium, logged_in, cluster):
    context = chromium.new_context(storage_state=logged_in, locale="en-US", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{console.url}/sheets/")
    upload(page, GOOD)
    expect(page.locator(".diff-removed", has_text="clone clnPingd")).to_be_visible()
    context.close()


def test_a_good_sheet_is_compared_simulated_and_applied_with_progress(page_in, cluster):
    page = page_in("/sheets/")
    upload(page, GOOD)
    expect(page.locator(".diff-removed", has_text="clone clnPingd")).to_be_visible()
    expect(page.locator(".slices")).to_contain_text("prmFs")
    page.fill("[name=typed]", "pgcluster")
    page.fill("[name=reason]", "browser test")
    page.click("[data-act]")
    expect(page.locator("[data-lines]")).to_contain_text("Every member has version")
    cluster.progress("running", 1, 2)
    expect(page.locator("[data-lines]")).to_contain_text("1 of 2 steps")
    cluster.progress("done", 2, 2)
    expect(page.locator("[data-job]")).to_have_attribute("data-state", "done")
    expect(page.locator("[data-lines]")).to_contain_text("Kept as revision")
    assert cluster.cib.section("resources").by_id("clnPingd") is None
