"""Can everybody use it? axe-core's rules on every screen, in both languages and themes; the keyboard alone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from hacluster.protocol.messages import CibChange, FenceNode
from tests.browser.screenshots import SHOTS
from tests.fake_agent import failed_over
from webui.wording import CELL_LOOKS, NODE_LOOKS

pytestmark = pytest.mark.browser

GRAVE = ("serious", "critical")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
SCREENS = [
    shot for shot in SHOTS if (shot.is_shown and shot.name != "login") or shot.name in ("fence", "audit", "users")
]


def grave_violations(page):
    """What axe says; that it said anything shows that it has looked."""
    response = Axe().run(page, options=RULES).response
    assert response["passes"]
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in response["violations"]
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(("language", "theme"), [("en-US", "light"), ("ja-JP", "dark")])
def test_no_screen_has_a_grave_violation(page_in, cluster, language, theme):
    found = {}
    members = list(cluster.members)
    for shot in SCREENS:
        shot.happens(cluster)
        page = page_in(shot.path, language, color_scheme=theme)
        shot.does(page)
        if grave := grave_violations(page):
            found[shot.name] = grave
        page.context.close()
        cluster.back_to_health(members)
    assert found == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_log_in_has_no_grave_violation(console, chromium, cluster, theme):
    context = chromium.new_context(color_scheme=theme)
    page = context.new_page()
    page.goto(f"{console.url}/login/")
    assert grave_violations(page) == []
    context.close()


def test_no_two_states_differ_by_colour_alone():
    for looks in (CELL_LOOKS, NODE_LOOKS):
        assert len({look.word for look in looks.values()}) == len(looks)
    tones = {}
    for look in CELL_LOOKS.values():
        tones.setdefault(look.shape, set()).add(look.tone)
    assert {shape: tone for shape, tone in tones.items() if len(tone) > 1} == {}


def test_an_action_is_previewed_and_left_with_the_keyboard_alone(page_in, cluster):
    page = page_in("/matrix/")
    summary = page.locator('[data-key="node:pm02"] .menu summary')
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog.locator("h1")).to_be_focused()
    assert page.evaluate("document.querySelector('dialog').getAttribute('aria-labelledby')") == "preview-title"
    before = len(cluster.asked)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(summary).to_be_focused()
    assert not [each for each in cluster.asked[before:] if isinstance(each, CibChange)]


def test_enter_alone_fences_nobody(page_in, cluster):
    page = page_in("/matrix/")
    page.locator('[data-key="node:pm02"] .menu summary').click()
    page.locator('[data-key="node:pm02"] .menu a[href*="/act/fence/"]').click()
    dialog = page.locator("dialog[open]")
    dialog.locator("[name=typed]").fill("pm02")
    dialog.locator("[name=reason]").fill("browser test")
    before = len(cluster.asked)
    dialog.locator("[name=reason]").press("Enter")
    expect(dialog).to_be_visible()
    assert not [each for each in cluster.asked[before:] if isinstance(each, FenceNode)]
    dialog.locator("[data-act]").click()
    expect(page.locator("[data-job]")).to_have_attribute("data-state", "done")
    assert [each.node for each in cluster.asked[before:] if isinstance(each, FenceNode)] == ["pm02"]


def test_a_stale_picture_lets_nothing_be_done_with_the_keyboard(page_in, cluster):
    cluster.change(failed_over(cluster.cib))
    page = page_in("/")
    link = page.locator("[data-list=problem] a.button").first
    link.focus()
    cluster.stop()
    try:
        expect(page.locator("html")).to_have_class(re.compile("is-stale"))
        page.keyboard.press("Enter")
        expect(page.locator("dialog[open]")).to_have_count(0)
        assert page.url.endswith("/")
    finally:
        cluster.start()
    expect(page.locator("[data-banner]")).to_be_hidden()


def test_a_live_update_leaves_the_focus_where_it_is(page_in, cluster):
    page = page_in("/matrix/")
    summary = page.locator('[data-key="row:grpPg"] .menu summary')
    summary.focus()
    cluster.change(failed_over(cluster.cib))
    expect(page.locator('[data-key="cell:prmPg@pm02"] [data-part=word]')).to_have_text("Running, no standby left")
    expect(summary).to_be_focused()
