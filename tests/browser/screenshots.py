"""`python -m tests.browser.screenshots`: takes the pictures of docs/screenshots again, in both languages.

Reads nothing but this checkout: a console process before a scripted agent, a real Chromium before the console.
`--every FOLDER` takes every screen instead, on a desk and on a phone, light and dark, for somebody who looks at them.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from bench.console import cluster
from bench.sheet_growth import configuration
from hacluster.cib import status as status_of
from hacluster.cib.model import Cib
from hacluster.protocol import events
from hacluster.sheets.export import export, to_xlsx
from tests.browser.conftest import CHROMIUM, PASSWORD, ROOT, end, start_console
from tests.browser.network import network_of_its_own
from tests.browser.small_png import smaller
from tests.fake_agent import FakeAgent, failed_over, left, operation, stops
from tests.sheets_for_tests import BAD, GOOD

FOLDER = ROOT / "docs" / "screenshots"
LOCALES = {"en": "en-US", "ja": "ja-JP"}
WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}
SETTLED = "document.body.dataset.seq && !document.documentElement.classList.contains('is-stale')"


@dataclass(frozen=True)
class Shot:
    """One screen: its address, what has happened in the cluster, what somebody does on it."""

    name: str
    path: str
    happens: Callable[[FakeAgent], object] = lambda agent: None
    does: Callable[[Page], object] = lambda page: None
    is_shown: bool = True
    """Stands in docs/screenshots; the others are taken with --every only."""
    dies: bool = False
    """The console is killed then and started again."""


# ---------------------------------------------------------------- what happens


def _failover(agent: FakeAgent) -> None:
    """PostgreSQL has failed, the group is on its way to pm02."""
    cib = operation(agent.cib, "pm01", "prmPg", "monitor", rc=7, interval_ms=10_000)
    cib = status_of.with_attributes(cib, "pm01", {"fail-count-prmPg#monitor_10000": "1"})
    cib = stops(cib, "pm01", "prmPg", "prmIp", "prmFs", "prmEx")
    agent.change(operation(cib, "pm02", "prmEx", "start"))
    moves = [f"Move {each} (Started pm01 -> pm02)" for each in ("prmEx", "prmFs", "prmIp", "prmPg")]
    agent.progress("running", 5, 12, moves)
    agent.happen(events.NOT_RUNNING, resource="prmPg", rc="7")
    agent.happen(events.FAILOVER_STARTED)


def _after_failover(agent: FakeAgent) -> None:
    agent.change(failed_over(agent.cib))


def _lost_node(agent: FakeAgent) -> None:
    agent.change(left(agent.cib, "pm02"))


def _confirmation_awaited(agent: FakeAgent) -> None:
    _lost_node(agent)
    agent.set_members([each if each.name == "pm01" else _unheard(each) for each in agent.members])
    agent.happen(events.FENCE_WAITING, node="pm02")


def _unheard(member: Any) -> Any:
    return type(member)(name=member.name, node_id=member.node_id, is_member=False, links={"eth1": False, "eth2": False})


def _blocked(agent: FakeAgent) -> None:
    agent.change(operation(agent.cib, "pm01", "prmFs", "stop", rc=1))


def _many(agent: FakeAgent) -> None:
    agent.change(cluster(600, ("pm01", "pm02")).with_version(agent.cib.version))


# ---------------------------------------------------------------- what somebody does


def _dialog_of(key: str, action: str) -> Callable[[Page], None]:
    def does(page: Page) -> None:
        page.locator(f'[data-key="{key}"] .menu summary').click()
        page.locator(f'[data-key="{key}"] .menu a[href*="/act/{action}/"]').click()
        page.locator("dialog[open] [data-preview-body]").wait_for()

    return does


def _move(page: Page) -> None:
    _dialog_of("row:grpPg", "move")(page)
    page.locator("dialog[open] select").select_option("pm02")
    page.locator("dialog[open] .slices").wait_for()


def _uploads(text: str, name: str) -> Callable[[Page], None]:
    def does(page: Page) -> None:
        page.set_input_files("[type=file]", {"name": name, "mimeType": "text/csv", "buffer": text.encode()})
        page.click(".upload button.primary")
        page.locator(".stages").wait_for()

    return does


def _uploads_and_looks_at_the_cells(page: Page) -> None:
    _uploads(BAD, "環境定義書.csv")(page)
    page.locator(".sheet-scroll").scroll_into_view_if_needed()


def _uploads_a_large_one(page: Page) -> None:
    book = to_xlsx(export(configuration(1000), "ja"), "ja")
    page.set_input_files("[type=file]", {"name": "環境定義書.xlsx", "mimeType": "", "buffer": book})
    page.click(".upload button.primary")
    page.locator("[data-lines] li").nth(1).wait_for()


def _applies(page: Page) -> None:
    _uploads(GOOD, "環境定義書.csv")(page)
    page.fill("[name=typed]", "pgcluster")
    page.fill("[name=reason]", "2026-11 maintenance")
    page.click("[data-act]")
    page.locator("[data-lines] li").nth(3).wait_for()


def _opens_the_menu(page: Page) -> None:
    page.locator('[data-key="node:pm01"] .menu summary').click()


SHOTS = (
    Shot("login", "/login/"),
    Shot("now", "/"),
    Shot("matrix", "/matrix/"),
    Shot("after-failover", "/matrix/", _after_failover, is_shown=False),
    Shot("failover", "/", _failover),
    Shot("lost-node", "/", _confirmation_awaited, is_shown=False),
    Shot("blocked", "/", _blocked, is_shown=False),
    Shot("menu", "/matrix/", does=_opens_the_menu, is_shown=False),
    Shot("preview", "/matrix/", does=_dialog_of("node:pm01", "standby")),
    Shot("move", "/matrix/", does=_move, is_shown=False),
    Shot("fence", "/matrix/", does=_dialog_of("node:pm02", "fence"), is_shown=False),
    Shot("fence-confirm", "/matrix/", _confirmation_awaited, _dialog_of("node:pm02", "fence-confirm"), False),
    Shot("refused", "/matrix/", does=_dialog_of("node:pm02", "fence-confirm"), is_shown=False),
    Shot("sheets", "/sheets/", is_shown=False),
    Shot("upload-problems", "/sheets/", does=_uploads(BAD, "環境定義書.csv")),
    Shot("upload-cells", "/sheets/", does=_uploads_and_looks_at_the_cells),
    Shot("difference", "/sheets/", does=_uploads(GOOD, "環境定義書.csv")),
    Shot("apply", "/sheets/", does=_applies, is_shown=False),
    Shot("import", "/sheets/", does=_uploads_a_large_one, is_shown=False),
    Shot("import-ended", "/sheets/", does=_uploads_a_large_one, is_shown=False, dies=True),
    Shot("many", "/matrix/", _many, is_shown=False),
    Shot("revisions", "/revisions/", is_shown=False),
    Shot("timeline", "/timeline/", _failover),
    Shot("alerts", "/alerts/", _failover, is_shown=False),
    Shot("audit", "/audit/", is_shown=False),
    Shot("users", "/users/", is_shown=False),
    Shot("not-found", "/no-such-page/", is_shown=False),
)


# ---------------------------------------------------------------- the camera


class Camera:
    def __init__(self, browser: Browser, agent: FakeAgent, folder: Path) -> None:
        self.browser = browser
        self.agent = agent
        self.folder = folder
        self.process, self.url = start_console(folder, agent)
        self.session: Any = None
        self.darkroom = browser.new_page()
        self._members = list(agent.members)

    def log_in(self) -> None:
        context = self.browser.new_context()
        page = context.new_page()
        page.goto(f"{self.url}/login/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", PASSWORD)
        page.click("button.primary")
        page.locator("[data-key=head]").wait_for()
        self.session = context.storage_state()
        context.close()

    def take(self, shot: Shot, file: Path, language: str, size: tuple[int, int], theme: str, whole: bool) -> None:
        self.agent.back_to_health(self._members)
        shot.happens(self.agent)
        with self._page(language, size, theme, known=shot.name != "login") as page:
            page.goto(self.url + shot.path)
            if shot.name != "login":
                page.wait_for_function(SETTLED)
                self._wait_for(page, self.agent.cib)
            shot.does(page)
            if shot.dies:
                self._kill_and_start_again(page)
            file.write_bytes(smaller(self.darkroom, page.screenshot(full_page=whole, animations="disabled")))
        print(file, flush=True)

    def _kill_and_start_again(self, page: Page) -> None:
        self.process.kill()
        self.process.wait()
        self.process, self.url = start_console(self.folder, self.agent, urlsplit(self.url).port or 0)
        # The page comes back to the console by itself.
        page.locator("[data-job][data-state=failed]").wait_for(timeout=60_000)
        page.wait_for_function(SETTLED)

    def _wait_for(self, page: Page, cib: Cib) -> None:
        page.wait_for_function(
            "version => document.querySelector('[data-part=version]').textContent === version", arg=str(cib.version)
        )

    @contextlib.contextmanager
    def _page(self, language: str, size: tuple[int, int], theme: str, *, known: bool) -> Iterator[Page]:
        width, height = size
        context = self.browser.new_context(
            locale=LOCALES[language],
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            storage_state=self.session if known else None,
            timezone_id="Asia/Tokyo",
        )
        page = context.new_page()
        page.set_default_timeout(15_000)
        yield page
        context.close()


@contextlib.contextmanager
def camera() -> Iterator[Camera]:
    with (
        network_of_its_own(),
        tempfile.TemporaryDirectory(prefix="hacluster-screenshots-") as folder,
        FakeAgent(Path(folder) / "agent.sock") as agent,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        eye = Camera(browser, agent, Path(folder))
        try:
            yield eye
        finally:
            browser.close()
            end(eye.process)


def for_the_documents(eye: Camera, wanted: list[str]) -> None:
    for shot in SHOTS:
        if shot.is_shown and (not wanted or shot.name in wanted):
            for language in LOCALES:
                eye.take(shot, FOLDER / f"{shot.name}-{language}.png", language, (1280, 760), "light", False)
    if not wanted:
        shots = {shot.name: shot for shot in SHOTS}
        eye.take(shots["now"], FOLDER / "now-phone-ja.png", "ja", WIDTHS["phone"], "light", False)
        eye.take(shots["matrix"], FOLDER / "matrix-dark-ja.png", "ja", (1280, 760), "dark", False)


def for_the_eye(eye: Camera, folder: Path, wanted: list[str], only: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for shot in SHOTS:
        if wanted and shot.name not in wanted:
            continue
        for language in LOCALES:
            for width, size in WIDTHS.items():
                for theme in (only,) if only else ("light", "dark"):
                    file = folder / f"{shot.name}-{language}-{width}-{theme}.png"
                    eye.take(shot, file, language, size, theme, whole="dialog" not in shot.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=Path, metavar="FOLDER")
    parser.add_argument("--theme", choices=("light", "dark"), help="with --every: only this one")
    parser.add_argument("screens", nargs="*", help="only these")
    options = parser.parse_args()
    with camera() as eye:
        eye.log_in()
        if options.every:
            for_the_eye(eye, options.every, options.screens, options.theme)
        else:
            for_the_documents(eye, options.screens)
    return 0


if __name__ == "__main__":
    sys.exit(main())
