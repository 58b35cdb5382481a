"""The console's long work, once embedded and once with a real Redis and a real Celery worker: the same suite on both.

And what holds in both: the live picture and the actions go on when Redis ends.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.browser.conftest import PASSWORD, end, start_console
from tests.fake_agent import FakeAgent, failed_over, pair
from tests.processes import is_running
from tests.sheets_for_tests import GOOD

PATIENCE_S = 40


def _form(name: str, content: str) -> tuple[bytes, str]:
    """Body and kind of a form with one file."""
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return f"{head}{content}\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


class Ways(urllib.request.HTTPRedirectHandler):
    """Remembers where the console sent the script on to."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def redirect_request(self, *given: Any) -> urllib.request.Request | None:
        self.taken.append(urlsplit(given[-1]).path)
        return super().redirect_request(*given)


class Script:
    """What a script does: logs in over HTTP and uses the API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = CookieJar()
        self.ways = Ways()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), self.ways)
        self.opener.open(f"{url}/login/").read()
        form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": self.token, "next": "/"}
        self._send("/login/", urlencode(form).encode(), "application/x-www-form-urlencoded")

    @property
    def token(self) -> str:
        return next(str(cookie.value) for cookie in self.jar if "csrf" in cookie.name)

    def _send(self, path: str, data: bytes | None, kind: str) -> bytes:
        headers = {"Content-Type": kind, "X-CSRFToken": self.token, "Referer": self.url}
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()[:500]}") from error

    def call(self, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        return json.loads(self._send(f"/api/v1{path}", data, "application/json"))

    def upload(self, name: str, content: str) -> Any:
        return json.loads(self._send("/api/v1/sheets", *_form(name, content)))

    def upload_by_form(self, name: str, content: str) -> str:
        """As a page does, without script: the key of the job that checks the sheet."""
        self._send("/sheets/", *_form(name, content))
        return next(path.split("/")[2] for path in self.ways.taken if path.startswith("/jobs/"))

    def apply(self, told: Any) -> Any:
        order = {name: told[name] for name in ("based_on", "digest", "typed")}
        order |= {"key": uuid.uuid4().hex, "reason": "contract"}
        return self.call(f"/sheets/{told['key']}/apply", order)

    def result(self, job: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            told = self.call(f"/jobs/{job}")
            if told["state"] in ("done", "failed"):
                return told
            assert time.monotonic() < deadline, told
            time.sleep(0.2)


@dataclass
class Setting:
    agent: FakeAgent
    url: str
    log: Path
    redis: subprocess.Popen[bytes] | None = None


def start_redis(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server: install the Debian package redis-server")
    door = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(door), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while not door.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, str(door)


@pytest.fixture(scope="module", params=["embedded", "redis"])
def setting(request, tmp_path_factory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp(request.param)
    redis, more = None, {}
    if request.param == "redis":
        redis, door = start_redis(folder)
        more = {"HACLUSTER_REDIS_URL": f"unix://{door}"}
    agent = FakeAgent(folder / "agent.sock")
    agent.start()
    process, url = start_console(folder, agent, **more)
    yield Setting(agent, url, folder / "console.log", redis)
    end(process)
    agent.stop()
    if redis is not None:
        redis.kill()
        redis.wait()


@pytest.fixture
def script(setting) -> Script:
    setting.agent.change(pair().with_version(setting.agent.cib.version))
    return Script(setting.url)


def test_a_sheet_is_uploaded_and_applied_by_a_script(setting, script):
    told = script.upload("demo.csv", GOOD)
    assert told["ok"], told
    setting.agent.progress("done", 1, 1)
    ended = script.result(script.apply(told)["job"])
    assert ended["state"] == "done", ended
    assert ended["result"]["by"] == ("worker" if setting.redis else "console")
    assert setting.agent.cib.section("resources").by_id("clnPingd") is None
    assert script.call("/revisions")[0]["source"] == "demo.csv"


def test_an_uploaded_sheet_is_checked_as_long_work_and_its_job_leads_to_the_sheet(setting, script):
    ended = script.result(job := script.upload_by_form("demo.csv", GOOD))
    assert (ended["state"], ended["result"]["by"]) == ("done", "worker" if setting.redis else "console"), ended
    assert ended["lines"][0] == "Reading the file demo.csv"
    assert (ended["done"], ended["total"]) == (5, 5)
    with script.opener.open(f"{setting.url}/jobs/{job}/") as page:
        assert urlsplit(page.url).path.startswith("/sheets/")


def test_a_node_is_fenced_as_long_work_and_its_end_is_in_the_audit_trail(setting, script):
    body = {"action": "fence", "target": "pm02"}
    preview = script.call("/actions/preview", body)
    order = {**body, "digest": preview["preview"]["digest"], "key": uuid.uuid4().hex, "typed": "pm02", "reason": "x"}
    assert script.result(script.call("/actions", order)["job"])["state"] == "done"
    assert script.call("/audit")[0]["action"] == "fence.finished"


def test_picture_and_actions_go_on_when_redis_ends(setting, script):
    if setting.redis is None:
        pytest.skip("the embedded console has no Redis to lose")
    setting.redis.kill()
    setting.redis.wait()
    setting.agent.change(failed_over(setting.agent.cib))
    deadline = time.monotonic() + PATIENCE_S
    while script.call("/status")["resources"]["prmPg"]["nodes"]["pm02"]["state"] != "alone":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    body = {"action": "cleanup", "target": "grpPg"}
    preview = script.call("/actions/preview", body)
    assert script.call("/actions", {**body, "digest": preview["preview"]["digest"], "key": uuid.uuid4().hex})["ok"]
    setting.agent.change(pair().with_version(setting.agent.cib.version))
    told = script.upload("demo.csv", GOOD)
    ended = script.result(script.apply(told)["job"])
    assert (ended["state"], ended["result"]["by"]) == ("done", "console")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_the_worker_ends_with_its_console(tmp_path, ending):
    redis, door = start_redis(tmp_path)
    agent = FakeAgent(tmp_path / "agent.sock")
    agent.start()
    process, _ = start_console(tmp_path, agent, HACLUSTER_REDIS_URL=f"unix://{door}")
    try:
        (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(ending)
        process.wait(20)
        deadline = time.monotonic() + 20
        while is_running(int(worker)):
            assert time.monotonic() < deadline, "the worker outlived its console"
            time.sleep(0.05)
    finally:
        process.kill()
        agent.stop()
        redis.kill()
        redis.wait()
