"""Two whole agents as plain processes on loopback: a cluster forms, runs a resource, loses a node, stops in order.

Nothing here needs a privilege; network namespaces and fencing belong to tests/lab.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.protocol.client import AgentUnreachable, AsyncClient, Client
from hacluster.protocol.messages import (
    AgentInfo,
    AgentInfoQuery,
    AgentList,
    AgentListQuery,
    CibChange,
    CibChanged,
    CibDocument,
    CibOperationKind,
    CibQuery,
    EventsQuery,
    JournalAppend,
    JournalAppended,
    JournalEntries,
    JournalQuery,
    Message,
    Reply,
)

NODES = ("pm01", "pm02")
PATIENCE_S = 30
NO_FENCING = """<cluster_property_set id="cib-bootstrap-options">
<nvpair id="o1" name="stonith-enabled" value="false"/><nvpair id="o2" name="no-quorum-policy" value="ignore"/>
</cluster_property_set>"""
DUMMY = """<primitive id="prmDummy" class="ocf" provider="pacemaker" type="Dummy"><operations>
<op id="prmDummy-monitor" name="monitor" interval="1s" timeout="10s"/></operations></primitive>"""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Pair:
    """Folders, processes and doors of both agents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        port = _free_port()
        binds = "".join(
            f"bind {node} {lan} 127.0.{third}.{number}\nucast {lan} 127.0.{third}.{number}\n"
            for third, lan in enumerate(("lo", "lo:1"))
            for number, node in enumerate(NODES, 1)
        )
        for node in NODES:
            etc = folder / node / "etc"
            etc.mkdir(parents=True)
            times = "keepalive 100ms\nwarntime 500ms\ndeadtime 1\ninitdead 3\nrealtime off\n"
            (etc / "ha.cf").write_text(f"{times}port {port}\n{binds}node pm01 pm02\n")
            (etc / "authkeys").write_text("auth 1\n1 sha256 0123456789abcdef0123456789abcdef\n")
            (etc / "authkeys").chmod(0o600)

    def door(self, node: str) -> Path:
        return self.folder / node / "run" / "agent.sock"

    async def start(self, node: str) -> None:
        here = self.folder / node
        with (here / "errors").open("ab") as errors:
            self.processes[node] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "nodeagent", "--node", node),
                *("--etc", str(here / "etc"), "--state", str(here / "state"), "--run", str(here / "run")),
                stderr=errors,
            )

    async def stop(self, node: str) -> int:
        self.processes[node].terminate()
        async with asyncio.timeout(PATIENCE_S):
            return await self.processes[node].wait()

    async def kill(self, node: str) -> None:
        self.processes[node].kill()
        await self.processes[node].wait()

    async def ask(self, node: str, message: Message) -> Reply:
        async with AsyncClient(self.door(node)) as client:
            return await client.request(message, 30)

    async def cib(self, node: str) -> Cib:
        document = await self.ask(node, CibQuery())
        assert isinstance(document, CibDocument)
        cib = parse_cib(document.xml)
        assert not isinstance(cib, Problem)
        return cib

    async def until(self, node: str, ready: Callable[[AgentInfo, Cib], bool]) -> None:
        """Wait for something that the agent tells its subscribers."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    async for _ in AsyncClient(self.door(node)).subscribe():
                        info = await self.ask(node, AgentInfoQuery())
                        assert isinstance(info, AgentInfo)
                        if ready(info, await self.cib(node)):
                            return
                except AgentUnreachable:
                    assert self.processes[node].returncode is None, (self.folder / node / "errors").read_text()
                    await asyncio.sleep(0.02)

    async def change(self, node: str, section: str, xml: str) -> None:
        kind = CibOperationKind.MODIFY
        reply = await self.ask(node, CibChange(kind=kind, section=section, xml=xml, allow_create=True, client="test"))
        assert isinstance(reply, CibChanged), reply


def is_together(info: AgentInfo, cib: Cib) -> bool:
    return bool(info.dc) and all(member.is_member for member in info.members)


def _successes(cib: Cib, resource: str = "prmDummy") -> set[tuple[str, str]]:
    """(node, operation) of what the history calls successful, recurring operations aside."""
    return {
        (state.get("uname"), operation.get("operation"))
        for state in cib.status.all("node_state")
        for held in state.walk()
        if held.tag == "lrm_resource" and held.id == resource
        for operation in held.all("lrm_rsc_op")
        if operation.get("interval") == "0" and operation.get("rc-code") == "0"
    }


def runs_on(node: str) -> Callable[[AgentInfo, Cib], bool]:
    return lambda info, cib: (node, "start") in _successes(cib)


def is_found_on(node: str, cib: Cib) -> bool:
    """Remembered as started, or found running by a probe."""
    return bool(_successes(cib) & {(node, "start"), (node, "monitor")})


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = Pair(tmp_path)
    for node in NODES:
        await pair.start(node)
    for node in NODES:
        await pair.until(node, is_together)
    yield pair
    for process in pair.processes.values():
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def test_a_resource_moves_when_its_node_dies_and_survives_restarts(pair: Pair) -> None:
    await pair.change("pm02", "crm_config", NO_FENCING)
    await pair.change("pm01", "resources", DUMMY)
    await pair.until("pm02", runs_on("pm01"))
    version = (await pair.cib("pm01")).version

    await pair.kill("pm01")
    await pair.until("pm02", runs_on("pm02"))

    await pair.start("pm01")
    await pair.until("pm01", is_together)
    cib = await pair.cib("pm01")
    assert cib.version >= version
    assert cib.section("resources").by_id("prmDummy") is not None


async def test_an_agent_that_is_started_again_at_once_finds_its_resource_running(pair: Pair) -> None:
    await pair.change("pm01", "crm_config", NO_FENCING)
    await pair.change("pm01", "resources", DUMMY)
    await pair.until("pm01", runs_on("pm01"))
    (note,) = (pair.folder / "pm01/run/state").glob("*prmDummy*")
    started = note.stat().st_ino, note.stat().st_mtime_ns
    await pair.kill("pm01")
    await pair.start("pm01")
    await pair.until("pm01", lambda info, cib: is_together(info, cib) and is_found_on("pm01", cib))
    assert (note.stat().st_ino, note.stat().st_mtime_ns) == started


async def test_an_orderly_stop_moves_the_resource_and_tells_that_the_node_is_gone(pair: Pair) -> None:
    await pair.change("pm01", "crm_config", NO_FENCING)
    await pair.change("pm01", "resources", DUMMY)
    await pair.until("pm02", runs_on("pm01"))
    assert await pair.stop("pm01") == 0
    await pair.until("pm02", runs_on("pm02"))
    codes = [record.code for record in (await pair.ask("pm02", EventsQuery())).events]  # type: ignore[union-attr]
    assert "node.lost" in codes, "pm_logconv tells of a node that left in order, too"
    assert await pair.stop("pm02") == 0
    assert not pair.door("pm02").exists()


async def test_an_acknowledged_change_survives_both_agents_being_killed(pair: Pair) -> None:
    await pair.change("pm01", "crm_config", NO_FENCING)
    for node in NODES:
        await pair.kill(node)
    await pair.start("pm02")
    await pair.until("pm02", lambda info, cib: cib.section("crm_config").by_id("o1") is not None)


async def test_a_journal_entry_reaches_the_other_node(pair: Pair) -> None:
    appended = await pair.ask("pm01", JournalAppend(kind="audit", payload=b"{}"))
    assert isinstance(appended, JournalAppended)
    assert appended.origin.startswith("pm01.")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            entries = await pair.ask("pm02", JournalQuery())
            assert isinstance(entries, JournalEntries)
            if entries.entries:
                break
            await asyncio.sleep(0.01)
    assert [(entry.origin, entry.seq) for entry in entries.entries] == [(appended.origin, 1)]


async def test_the_agent_lists_the_fence_plugins_that_it_brings_along(pair: Pair) -> None:
    reply = await pair.ask("pm01", AgentListQuery(standard="stonith"))
    assert isinstance(reply, AgentList)
    assert {kind for _, _, kind in reply.agents} == {"external/ssh", "external/stonith-helper", "meatware"}


async def test_a_second_agent_with_the_same_folder_refuses_to_start(pair: Pair) -> None:
    here = pair.folder / "pm01"
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nodeagent", "--node", "pm01"),
        *("--etc", str(here / "etc"), "--state", str(here / "state"), "--run", str(here / "run")),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await second.communicate()
    assert second.returncode == 2
    assert b"already running" in errors
    assert pair.processes["pm01"].returncode is None


async def test_the_peer_sees_within_the_dead_time_when_only_the_main_process_dies(pair: Pair) -> None:
    os.kill(pair.processes["pm01"].pid, signal.SIGKILL)
    await pair.until("pm02", lambda info, cib: not all(member.is_member for member in info.members))


def test_a_command_line_client_reaches_the_agent_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HACLUSTER_RUN", str(tmp_path))
    monkeypatch.delenv("HACLUSTER_SOCKET", raising=False)
    with pytest.raises(AgentUnreachable, match=str(tmp_path)):
        Client().request(AgentInfoQuery())
