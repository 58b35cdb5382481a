"""The way to the agent of this node: asks over the Unix socket and gives the replies.

Reads messages of protocol/messages.py; gives a `Reply` for each request (`Client`, `AsyncClient.request`), or the
updates of a subscription (`AsyncClient.subscribe`). Nothing else of hacluster opens a socket. Only the asynchronous
half needs asyncio, which is imported when it is used: resource agents call commands at every monitor.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hacluster.protocol import codec
from hacluster.protocol.messages import Message, Reply, Subscribe, Update

if TYPE_CHECKING:
    import asyncio

DEFAULT_RUN_FOLDER = "/run/hacluster"
DEFAULT_TIMEOUT_S = 120.0
_CHUNK_BYTES = 1 << 20


class AgentUnreachable(Exception):
    """The agent of this node did not answer; the text is a sentence for the operator."""


def socket_path() -> Path:
    """HACLUSTER_SOCKET, or agent.sock in HACLUSTER_RUN, or in /run/hacluster."""
    given = os.environ.get("HACLUSTER_SOCKET")
    return Path(given) if given else Path(os.environ.get("HACLUSTER_RUN") or DEFAULT_RUN_FOLDER) / "agent.sock"


def _unreachable(path: Path, error: Exception) -> AgentUnreachable:
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            return AgentUnreachable(f"no agent answers at {path}: it is not running, or runs with another --run folder")
        case PermissionError():
            return AgentUnreachable(f"no permission to talk to the agent at {path}: ask as root or as its group")
        case TimeoutError():
            return AgentUnreachable(f"the agent at {path} did not answer in time")
        case _:
            reason = "" if isinstance(error, EOFError) else f": {error}".rstrip(": ")
            return AgentUnreachable(f"the agent at {path} ended the conversation{reason}")


class Client:
    """A conversation with the agent, one request after the other; blocks until the reply is there.

    Connects with the first request, and again with the next one after a failure.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._path = Path(path) if path else socket_path()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def request(self, message: Message, timeout_s: float = DEFAULT_TIMEOUT_S) -> Reply:
        """The agent's reply; `Refused` is a reply too. AgentUnreachable when there is none within the time."""
        deadline_s = time.monotonic() + timeout_s
        try:
            connection = self._connect(timeout_s)
            connection.sendall(codec.to_frame(message))
            body = self._receive(connection, codec.length_of(self._receive(connection, 4, deadline_s)), deadline_s)
            return codec.to_reply(body)
        except (OSError, codec.FrameError) as error:
            self.close()
            raise _unreachable(self._path, error) from error

    def _connect(self, timeout_s: float) -> socket.socket:
        if self._socket is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            try:
                connection.settimeout(timeout_s)
                connection.connect(str(self._path))
            except OSError:
                connection.close()
                raise
            self._socket = connection
        self._socket.settimeout(timeout_s)
        return self._socket

    @staticmethod
    def _receive(connection: socket.socket, length: int, deadline_s: float) -> bytes:
        received = bytearray()
        while len(received) < length:
            remaining_s = deadline_s - time.monotonic()
            if remaining_s <= 0:
                raise TimeoutError
            connection.settimeout(remaining_s)
            chunk = connection.recv(min(length - len(received), _CHUNK_BYTES))
            if not chunk:
                raise ConnectionError
            received += chunk
        return bytes(received)


class AsyncClient:
    """The same conversation for an asyncio program; requests of several tasks wait for one another."""

    def __init__(self, path: Path | str | None = None) -> None:
        import asyncio

        self._path = Path(path) if path else socket_path()
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def request(self, message: Message, timeout_s: float = DEFAULT_TIMEOUT_S) -> Reply:
        import asyncio

        async with self._turn:
            try:
                async with asyncio.timeout(timeout_s):
                    return await self._exchange(message)
            except (OSError, EOFError, codec.FrameError) as error:
                self.close()
                raise _unreachable(self._path, error) from error
            except asyncio.CancelledError:
                # The reply is still under way: a later request must not mistake it for its own.
                self.close()
                raise

    async def _exchange(self, message: Message) -> Reply:
        import asyncio

        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(str(self._path))
        reader, writer = self._streams
        writer.write(codec.to_frame(message))
        await writer.drain()
        return codec.to_reply(await _read_body(reader))

    async def subscribe(
        self, what: Subscribe | None = None, *, silence_timeout_s: float = 6.0
    ) -> AsyncIterator[Update]:
        """The Snapshot, then what changes, over a connection of its own.

        Ends with AgentUnreachable when the agent goes or is silent for longer than three of its beats. A `Refused`
        is the agent's last word (no access, or this listener was too slow): ask for a new snapshot then.
        """
        import asyncio

        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path))
            writer.write(codec.to_frame(what or Subscribe()))
            while True:
                async with asyncio.timeout(silence_timeout_s):
                    body = await _read_body(reader)
                yield codec.to_update(body)
        except (OSError, EOFError, codec.FrameError) as error:
            raise _unreachable(self._path, error) from error
        finally:
            if writer is not None:
                writer.close()


async def _read_body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(codec.LENGTH_BYTES)
    return await reader.readexactly(codec.length_of(head))
