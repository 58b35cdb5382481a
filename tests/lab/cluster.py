"""The pair in the lab: agents and consoles on every host, and what the agents say about the cluster.

Reads the CIB and the updates over each agent's local door, seen through /proc; gives waits for events, never pauses.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.cli import status_view
from hacluster.cli.status_view import ResourceView
from hacluster.protocol.client import AgentUnreachable, AsyncClient
from hacluster.protocol.messages import AgentInfo, AgentInfoQuery, CibDocument, CibQuery
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.place import CHECKOUT, VENV_BIN

AUTHKEYS = "auth 1\n1 sha256 the-lab-has-no-secrets-0123456789abcdef\n"
HA_CF = """\
cluster lab
keepalive 100ms
warntime 500ms
deadtime 1
initdead 5
realtime off
bcast hb1
bcast hb2
node {nodes}
"""
PASSWORD = "hacluster-demo"
CONSOLE_PORT = 8000
RETRY_S = 0.05


def install(lab: Lab) -> None:
    """ha.cf, authkeys and what runs at power on, on each host's disk."""
    nodes = " ".join(host.name for host in lab.hosts)
    for host in lab.hosts:
        etc = host.folder / "etc" / "hacluster"
        etc.mkdir()
        (etc / "ha.cf").write_text(HA_CF.format(nodes=nodes))
        (etc / "authkeys").write_text(AUTHKEYS)
        (etc / "authkeys").chmod(0o600)
        (host.folder / "shutdown").write_text(f"{VENV_BIN}/nodeagent --stop\n")
        (host.folder / "rc").write_text(_rc(host))


def _rc(host: Host) -> str:
    agent = f"cd {CHECKOUT}\n{VENV_BIN}/nodeagent >>{host.folder}/agent.out 2>&1 &\n"
    console = f"exec {VENV_BIN}/hactl console --port {CONSOLE_PORT} >>{host.folder}/console.out 2>&1\n"
    return f"if [ -e {host.folder}/no-cluster ]; then exit; fi\n{agent}" + (
        f"export HACLUSTER_ADMIN_PASSWORD={PASSWORD}\n"
        f"if [ -e {host.folder}/with-console ]; then {console.strip()}; fi\nwait\n"
    )


def want_consoles(lab: Lab) -> None:
    for host in lab.hosts:
        (host.folder / "with-console").touch()


class View:
    """One look at the cluster."""

    def __init__(self, info: AgentInfo, cib: Cib) -> None:
        self.info = info
        self.cib = cib
        self._shown = status_view.view(cib, dc=info.dc)

    @property
    def members(self) -> set[str]:
        return {member.name for member in self.info.members if member.is_member}

    @property
    def is_idle(self) -> bool:
        return self.info.state in ("S_IDLE", "S_NOT_DC")

    def runs_on(self, resource: str) -> list[str]:
        """The nodes where the cluster takes it for running."""
        return sorted({node for found in _named(self._shown.resources, resource) for node in found.nodes})

    def is_online(self, node: str) -> bool:
        return node in self.members and any(each.name == node and each.is_online for each in self._shown.nodes)

    def failures(self, resource: str) -> list[str]:
        """The nodes where it is remembered to have failed."""
        return [each.node for each in self._shown.failures if each.resource.partition(":")[0] == resource]


def _named(resources: Iterable[ResourceView], name: str) -> Iterator[ResourceView]:
    for resource in resources:
        if resource.id.partition(":")[0] == name:
            yield resource
        yield from _named(resource.children, name)


def door_of(host: Host) -> Path:
    """The agent's local door as the machine sees it; a host that was off and on has another one."""
    return host.inside("/run/hacluster/agent.sock")


async def _look(door: Path) -> View:
    async with AsyncClient(door) as client:
        info = await client.request(AgentInfoQuery(), 10)
        document = await client.request(CibQuery(), 10)
    assert isinstance(info, AgentInfo)
    assert isinstance(document, CibDocument)
    cib = parse_cib(document.xml)
    assert not isinstance(cib, Problem)
    return View(info, cib)


def look(host: Host) -> View:
    return asyncio.run(_look(door_of(host)))


def wait_until(host: Host, what: str, ready: Callable[[View], bool], timeout_s: float) -> float:
    """Wait until the agent of the host tells that it is so; the time at which it was."""
    try:
        return asyncio.run(asyncio.wait_for(_until(lambda: door_of(host), ready), timeout_s))
    except TimeoutError:
        raise TimeoutError(f"{host.name}: {what}: not within {timeout_s:g} s\n{picture(host)}") from None


def wait_until_door(door: Path, ready: Callable[[View], bool], timeout_s: float) -> float:
    """The same for an agent that runs on the machine itself."""
    return asyncio.run(asyncio.wait_for(_until(lambda: door, ready), timeout_s))


async def _until(door: Callable[[], Path], ready: Callable[[View], bool]) -> float:
    while True:
        try:
            if ready(await _look(door())):
                return time.time()
            async for _ in AsyncClient(door()).subscribe():
                if ready(await _look(door())):
                    return time.time()
        except (AgentUnreachable, AssertionError):
            await asyncio.sleep(RETRY_S)


def picture(host: Host) -> str:
    """What an operator would look at."""
    try:
        shown = host.run("crm_mon", "-1Arf", check=False, timeout_s=20)
        log = host.run("tail", "-n", "25", "/var/log/hacluster.log", check=False).stdout
        return f"{shown.stdout}{shown.stderr}\n{log}"
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return str(error)


def wait_for_console(host: Host, timeout_s: float = 60.0) -> str:
    """The address of the host's console, once it answers."""
    url = f"http://{host.address('svc')}:{CONSOLE_PORT}"
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return url
        except OSError:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{url} does not answer: {(host.folder / 'console.out').read_text()}") from None
            time.sleep(RETRY_S)
