"""A real console process before a fake agent, and a real Chromium before the console."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.network import network_of_its_own
from tests.fake_agent import FakeAgent, pair

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "correct horse battery"
START_S = 40
PATIENCE_MS = 30_000
"""How long a test waits for what must come; a busy machine is slow, and no test is about that."""


@dataclass
class Console:
    url: str
    agent: FakeAgent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def start_console(folder: Path, agent: FakeAgent, port: int = 0, **more: str) -> tuple[subprocess.Popen[bytes], str]:
    """`hactl console` as an operator starts it, and its address once it answers."""
    port = port or free_port()
    environment = {
        **os.environ,
        "HACLUSTER_STATE": str(folder),
        "HACLUSTER_SOCKET": agent.socket,
        "HACLUSTER_ADMIN_PASSWORD": PASSWORD,
        "TZ": "Asia/Tokyo",
        **more,
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "hacluster.cli.hactl", "console", "--bind", "127.0.0.1", "--port", str(port)]
    log = (folder / "console.log").open("wb")
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_S
    while not answers(url):
        assert process.poll() is None, (folder / "console.log").read_text()
        assert time.monotonic() < deadline, (folder / "console.log").read_text()
        time.sleep(0.1)
    return process, url


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()


@pytest.fixture(autouse=True, scope="session")
def _patient() -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def _network() -> Iterator[None]:
    with network_of_its_own():
        yield


@pytest.fixture(scope="package")
def console(tmp_path_factory, _network) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    agent = FakeAgent(folder / "agent.sock")
    agent.start()
    process, url = start_console(folder, agent)
    yield Console(url, agent)
    end(process)
    agent.stop()


# Playwright keeps an event loop in the main thread: it must end before an asynchronous test of another module begins.
@pytest.fixture(scope="module")
def chromium(_network):
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium: install the Debian package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def logged_in(console, chromium):
    """The cookies of an administrator's session."""
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.goto(f"{console.url}/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("button.primary")
    page.wait_for_selector("[data-key=head]")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def cluster(console) -> Iterator[FakeAgent]:
    """The fake agent, brought back to a healthy pair for each test."""
    console.agent.is_silent = False
    console.agent.transition = None
    console.agent.change(pair().with_version(console.agent.cib.version))
    yield console.agent
    console.agent.is_silent = False


@pytest.fixture
def page_in(console, cluster, chromium, logged_in):
    contexts = []

    def open_page(path: str, language: str = "en-US", **more):
        context = chromium.new_context(
            storage_state=logged_in, locale=language, viewport={"width": 1280, "height": 900}, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: page.complaints.append(said.text) if "Content Security" in said.text else None)
        page.goto(console.url + path)
        # A selector, since the page's own policy forbids the evaluation of a string.
        page.wait_for_selector('html:not(.is-stale) body[data-seq]:not([data-seq=""])')
        return page

    yield open_page
    for context in contexts:
        context.close()
