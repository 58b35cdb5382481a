"""The client's half of the local door, against a listener that speaks the same frames."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hacluster.protocol import codec
from hacluster.protocol.client import AgentUnreachable, AsyncClient, Client, socket_path
from hacluster.protocol.messages import (
    AgentInfoQuery,
    Beat,
    CibDocument,
    CibQuery,
    CibVersion,
    Done,
    LogLine,
    Message,
    Refused,
)

Answer = Callable[[Message], list[bytes]]


class Listener:
    """Answers each request of each connection with the bytes that `answer` gives."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path = path
        self._answer = answer
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        splitter = codec.FrameSplitter()
        with connection:
            while received := connection.recv(65536):
                for body in splitter.feed(received):
                    answers = self._answer(codec.to_request(body))
                    if not answers:
                        return
                    for chunk in answers:
                        connection.sendall(chunk)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[[Answer], Path]]:
    listeners: list[Listener] = []

    def start(answer: Answer) -> Path:
        listeners.append(Listener(tmp_path / f"{len(listeners)}.sock", answer))
        return listeners[-1].path

    yield start
    for listener in listeners:
        listener.close()


def test_a_request_gets_the_reply_that_the_agent_gives(listen: Callable[[Answer], Path]) -> None:
    document = CibDocument(xml=b"<cib/>" * 400_000, version=CibVersion(0, 5, 2))
    with Client(listen(lambda _: [codec.to_frame(document)])) as client:
        assert client.request(CibQuery()) == document
        assert client.request(CibQuery()) == document


def test_a_refusal_is_a_reply_and_not_an_exception(listen: Callable[[Answer], Path]) -> None:
    refused = Refused(code="access", reason="only root may change things", exit_code=4)
    with Client(listen(lambda _: [codec.to_frame(refused)])) as client:
        assert client.request(LogLine(tag="t", text="x")) == refused


def test_a_reply_in_pieces_is_put_together(listen: Callable[[Answer], Path]) -> None:
    frame = codec.to_frame(Done())
    with Client(listen(lambda _: [frame[:2], frame[2:5], frame[5:]])) as client:
        assert client.request(AgentInfoQuery()) == Done()


def test_no_agent_gives_a_sentence_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(AgentUnreachable, match=r"no agent answers at .*nowhere\.sock: it is not running"):
        Client(tmp_path / "nowhere.sock").request(AgentInfoQuery())


def test_an_agent_that_hangs_up_gives_a_sentence(listen: Callable[[Answer], Path]) -> None:
    with pytest.raises(AgentUnreachable, match="ended the conversation"):
        Client(listen(lambda _: [])).request(AgentInfoQuery())


def test_an_agent_that_is_silent_gives_a_sentence_in_time(listen: Callable[[Answer], Path]) -> None:
    with pytest.raises(AgentUnreachable, match="did not answer in time"):
        Client(listen(lambda _: [b"\0"])).request(AgentInfoQuery(), timeout_s=0.05)


def test_garbage_instead_of_a_reply_gives_a_sentence(listen: Callable[[Answer], Path]) -> None:
    with pytest.raises(AgentUnreachable, match="not a message of the local door"):
        Client(listen(lambda _: [b"\0\0\0\x03abc"])).request(AgentInfoQuery())


def test_the_client_connects_again_after_a_failure(listen: Callable[[Answer], Path]) -> None:
    answers = iter([[], [codec.to_frame(Done())]])
    client = Client(listen(lambda _: next(answers)))
    with pytest.raises(AgentUnreachable):
        client.request(AgentInfoQuery())
    assert client.request(AgentInfoQuery()) == Done()
    client.close()


async def test_the_asynchronous_client_gets_replies_in_order(listen: Callable[[Answer], Path]) -> None:
    def answer(message: Message) -> list[bytes]:
        assert isinstance(message, LogLine)
        return [codec.to_frame(Refused(code=message.text, reason=""))]

    async with AsyncClient(listen(answer)) as client:
        replies = await asyncio.gather(*(client.request(LogLine(tag="t", text=str(n))) for n in range(20)))
    assert [reply.code for reply in replies if isinstance(reply, Refused)] == [str(n) for n in range(20)]


async def test_a_cancelled_request_does_not_leave_its_reply_to_the_next(listen: Callable[[Answer], Path]) -> None:
    async with AsyncClient(listen(lambda message: [codec.to_frame(Done())])) as client:
        waiting = asyncio.ensure_future(client.request(AgentInfoQuery()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await client.request(AgentInfoQuery()) == Done()


async def test_a_subscription_gives_every_update_until_the_agent_goes(listen: Callable[[Answer], Path]) -> None:
    beats = [Beat(at_ms=n) for n in range(5)]
    client = AsyncClient(listen(lambda _: [*(codec.to_frame(beat) for beat in beats), b"\0\0\0\x03abc"]))
    updates = client.subscribe()
    assert [await anext(updates) for _ in beats] == beats
    with pytest.raises(AgentUnreachable):
        await anext(updates)


async def test_a_subscription_notices_a_silent_agent(listen: Callable[[Answer], Path]) -> None:
    client = AsyncClient(listen(lambda _: [b"\0"]))
    with pytest.raises(AgentUnreachable, match="did not answer in time"):
        await anext(client.subscribe(silence_timeout_s=0.05))


def test_the_socket_is_found_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HACLUSTER_SOCKET", raising=False)
    monkeypatch.delenv("HACLUSTER_RUN", raising=False)
    assert socket_path() == Path("/run/hacluster/agent.sock")
    monkeypatch.setenv("HACLUSTER_RUN", "/run/other")
    assert socket_path() == Path("/run/other/agent.sock")
    monkeypatch.setenv("HACLUSTER_SOCKET", "/tmp/a.sock")
    assert socket_path() == Path("/tmp/a.sock")


def test_the_client_does_not_import_what_makes_a_command_slow() -> None:
    program = (
        "import sys, hacluster.protocol.client; print([m for m in ('asyncio', 'django', 'lxml') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
