"""The local door against the real client: replies, access, subscriptions, and clients that misbehave."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hacluster.cib.version import CibVersion
from hacluster.protocol import codec
from hacluster.protocol.client import AgentUnreachable, AsyncClient
from hacluster.protocol.messages import (
    AgentInfo,
    AgentInfoQuery,
    Beat,
    CibChange,
    CibOperationKind,
    CibQuery,
    Done,
    EventHappened,
    EventRecord,
    LogLine,
    Refused,
    Request,
    Snapshot,
    Subscribe,
    Update,
)
from nodeagent.shell.api import SLOW_BYTES, Access, Door, is_change

INFO = AgentInfo(
    build="1", cluster_name="c", node="pm01", node_id="1", engine="heartbeat", state="S_IDLE", dc="pm01",
    has_quorum=True, feature_set="3", cib_version=CibVersion(), members=(), started_at_ms=0,
)  # fmt: skip


class Node:
    """Answers at once, except LogLine, which waits."""

    def __init__(self) -> None:
        self.door: Door | None = None
        self.users: list[str] = []
        self.gone_clients: list[int] = []
        self.waiting: asyncio.Queue[int] = asyncio.Queue()
        self.hung_up: asyncio.Event = asyncio.Event()

    def request(self, client: int, request: Request, user: str) -> None:
        assert self.door
        self.users.append(user)
        if isinstance(request, LogLine):
            self.waiting.put_nowait(client)
        else:
            self.door.answer(client, Done())

    def gone(self, client: int) -> None:
        self.gone_clients.append(client)
        self.hung_up.set()

    def snapshot(self, what: Subscribe) -> Update:
        return Snapshot(info=INFO)


class Everyone(Access):
    """The same rules, for a caller whom the test names."""

    def __init__(self, name: str, may_change: bool) -> None:
        self._answer = name, may_change

    def user_of(self, connection: socket.socket) -> tuple[str, bool]:
        return self._answer


@pytest.fixture
async def node() -> Node:
    return Node()


@pytest.fixture
async def path(tmp_path: Path, node: Node) -> AsyncIterator[Path]:
    node.door = Door(tmp_path / "agent.sock", node, Access((), ()))
    await node.door.open()
    yield tmp_path / "agent.sock"
    node.door.close()


async def test_a_request_is_answered_and_its_user_known(path: Path, node: Node) -> None:
    async with AsyncClient(path) as client:
        assert await client.request(AgentInfoQuery()) == Done()
    assert node.users == [__import__("pwd").getpwuid(os.geteuid()).pw_name]


async def test_many_clients_are_served_at_once(path: Path, node: Node) -> None:
    assert node.door
    async with AsyncClient(path) as slow, AsyncClient(path) as quick:
        waiting = asyncio.ensure_future(slow.request(LogLine(tag="t", text="x")))
        client = await node.waiting.get()
        assert await quick.request(CibQuery()) == Done()
        node.door.answer(client, Refused(code="late", reason=""))
        assert await waiting == Refused(code="late", reason="")


async def test_a_client_that_goes_is_told_to_the_node_and_its_answer_forgotten(path: Path, node: Node) -> None:
    assert node.door
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    connection.sendall(codec.to_frame(LogLine(tag="t", text="x")))
    client = await node.waiting.get()
    connection.close()
    await node.hung_up.wait()
    assert node.gone_clients == [client]
    node.door.answer(client, Done())


async def test_who_may_only_look_is_refused_a_change(tmp_path: Path, node: Node) -> None:
    node.door = Door(tmp_path / "agent.sock", node, Everyone("guest", False))
    await node.door.open()
    async with AsyncClient(tmp_path / "agent.sock") as client:
        refusal = await client.request(CibChange(kind=CibOperationKind.ERASE))
        assert isinstance(refusal, Refused)
        assert (refusal.code, refusal.exit_code) == ("access", 4)
        assert await client.request(CibQuery()) == Done()
    assert node.users == ["guest"]
    node.door.close()


def test_queries_and_subscriptions_change_nothing() -> None:
    assert not is_change(CibQuery())
    assert not is_change(Subscribe())
    assert is_change(CibChange(kind=CibOperationKind.ERASE))


async def test_garbage_is_refused_and_the_connection_ends(path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    refusal = codec.to_reply(answer[codec.LENGTH_BYTES :])
    assert isinstance(refusal, Refused)
    assert refusal.code == "frame"
    writer.close()


async def test_a_subscriber_gets_a_snapshot_and_then_what_it_asked_for(path: Path, node: Node) -> None:
    assert node.door
    updates = AsyncClient(path).subscribe(Subscribe(events=False))
    assert await anext(updates) == Snapshot(info=INFO)
    node.door.publish(EventHappened(event=EventRecord(node="pm01", seq=1, at_ms=1, code="dc.elected")))
    node.door.publish(Beat(at_ms=7))
    assert await anext(updates) == Beat(at_ms=7)
    await updates.aclose()  # type: ignore[attr-defined]


async def test_a_subscriber_that_does_not_read_is_dropped_with_a_word(path: Path, node: Node) -> None:
    assert node.door
    reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 16)
    writer.write(codec.to_frame(Subscribe()))
    head = await reader.readexactly(codec.LENGTH_BYTES)
    await reader.readexactly(codec.length_of(head))
    event = EventRecord(node="pm01", seq=1, at_ms=1, code="x", fields={"text": "y" * (1 << 20)})
    for _ in range(2 * SLOW_BYTES // (1 << 20)):
        node.door.publish(EventHappened(event=event))
    last: Update | None = None
    try:
        while True:
            head = await reader.readexactly(codec.LENGTH_BYTES)
            last = codec.to_update(await reader.readexactly(codec.length_of(head)))
    except asyncio.IncompleteReadError:
        pass
    assert isinstance(last, Refused)
    assert last.code == "slow"
    writer.close()


async def test_the_socket_is_closed_to_others(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o660


async def test_a_closed_door_is_unreachable(path: Path, node: Node) -> None:
    assert node.door
    node.door.close()
    with pytest.raises(AgentUnreachable):
        await AsyncClient(path).request(CibQuery())
