"""The local door: the Unix socket where console, command line and resource agents talk to the agent.

Reads frames of protocol/messages.py; gives each request to its `Handler` and sends the one reply back, and sends
updates to subscribers. Who may change things is decided by the credentials that the kernel vouches for. A subscriber
that does not keep up is dropped with a last word, so that no browser can hold the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hacluster.protocol import codec
from hacluster.protocol.messages import (
    Beat,
    CibPatched,
    CibReplaced,
    EventHappened,
    JournalGrew,
    Message,
    Refused,
    Reply,
    Request,
    Subscribe,
    Update,
    Why,
    refused,
)

BEAT_S = 2.0
SLOW_BYTES = 32 * 1024 * 1024
"""How much may wait for a subscriber, beside its snapshot."""
REQUESTS_WAITING_MAX = 1000
EXIT_INSUFFICIENT_PRIVILEGE = 4
_CREDENTIALS = struct.Struct("3i")
_LAST_WORD_S = 5.0
_SHUT_GROUP = "haclient"


class Handler(Protocol):
    """Who answers the requests."""

    def request(self, client: int, request: Request, user: str) -> None:
        """Somebody asks; `Door.answer` with the same client, now or later."""

    def gone(self, client: int) -> None:
        """Nobody waits for this answer any more."""

    def snapshot(self, what: Subscribe) -> Update:
        """What a new subscriber starts with."""


class Access:
    """Root, the agent's own user, and those of `apiauth` may change things."""

    def __init__(self, users: Sequence[str], groups: Sequence[str]) -> None:
        self._users = {"root", _user_name(os.geteuid()), *users}
        self._groups = {_group_id(name) for name in groups} - {None}

    def user_of(self, connection: socket.socket) -> tuple[str, bool]:
        """(name, whether it may change things)"""
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, user_id, group_id = _CREDENTIALS.unpack(raw)
        name = _user_name(user_id)
        if name in self._users or user_id == 0:
            return name, True
        with contextlib.suppress(KeyError, OSError):
            return name, bool(self._groups & set(os.getgrouplist(name, group_id)))
        return name, group_id in self._groups


def _user_name(user_id: int) -> str:
    """The number itself where the machine has no name for it."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _group_id(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def is_change(request: Message) -> bool:
    """Queries have tags with a question mark; a subscription only listens."""
    tag = str(request.__struct_config__.tag)
    return not tag.endswith("?") and not isinstance(request, Subscribe)


class Door:
    """The listening socket and its connections."""

    def __init__(self, path: Path, handler: Handler, access: Access) -> None:
        self._path = path
        self._handler = handler
        self._access = access
        self._clients: dict[int, _Connection] = {}
        self._next_client = 1
        self._subscribers: list[_Connection] = []
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._beat: asyncio.TimerHandle | None = None

    async def open(self, group: str = "") -> None:
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        listener.bind(str(self._path))
        group_id = _group_id(group or _SHUT_GROUP)
        if group_id is not None:
            with contextlib.suppress(PermissionError):
                os.chown(self._path, -1, group_id)
        self._path.chmod(0o660)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Connection(self), sock=listener, backlog=128)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._beat is not None:
            self._beat.cancel()
        for connection in tuple(self._connections):
            connection.finish()
        self._path.unlink(missing_ok=True)

    # Requests

    def take(self, connection: _Connection, request: Request) -> None:
        if is_change(request) and not connection.may_change:
            user = connection.user
            why = Why(f"user {user} may look, but not change anything", f"ユーザー {user} は参照のみ可能です")
            connection.reply(refused("access", why, EXIT_INSUFFICIENT_PRIVILEGE))
        elif isinstance(request, Subscribe):
            self._subscribe(connection, request)
        else:
            client, self._next_client = self._next_client, self._next_client + 1
            self._clients[client] = connection
            connection.client = client
            self._handler.request(client, request, connection.user)

    def answer(self, client: int, reply: Reply) -> None:
        """A client that has gone meanwhile gets nothing."""
        connection = self._clients.pop(client, None)
        if connection is not None:
            connection.client = 0
            connection.reply(reply)

    def opened(self, connection: _Connection) -> None:
        self._connections.add(connection)

    def gone(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if connection in self._subscribers:
            self._subscribers.remove(connection)
        if self._clients.pop(connection.client, None) is not None:
            self._handler.gone(connection.client)

    def identify(self, connection: socket.socket) -> tuple[str, bool]:
        return self._access.user_of(connection)

    # Subscribers

    def _subscribe(self, connection: _Connection, what: Subscribe) -> None:
        connection.send(self._handler.snapshot(what))
        connection.subscribed(what)
        self._subscribers.append(connection)
        if self._beat is None:
            self._beat_later()

    def publish(self, update: Update) -> None:
        if not self._subscribers:
            return
        frame = codec.to_frame(update)
        for connection in tuple(self._subscribers):
            if connection.wants(update) and not connection.send_frame(frame):
                self._subscribers.remove(connection)
                connection.drop_slow()

    def _beat_later(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._send_beat)

    def _send_beat(self) -> None:
        self._beat = None
        if self._subscribers:
            self.publish(Beat(at_ms=time.time_ns() // 1_000_000))
            self._beat_later()


class _Connection(asyncio.Protocol):
    """One client: one request after the other, or a subscription."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._splitter = codec.FrameSplitter()
        self._waiting: deque[Request] = deque()
        self._subscription: Subscribe | None = None
        self._snapshot_bytes = 0
        self._is_busy = False
        self.client = 0
        self.user = ""
        self.may_change = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.user, self.may_change = self._door.identify(transport.get_extra_info("socket"))
        self._door.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._waiting.extend(codec.to_request(body) for body in self._splitter.feed(data))
        except codec.FrameError as error:
            self._say_last(Refused(code="frame", reason=str(error), exit_code=76))
            return
        if len(self._waiting) > REQUESTS_WAITING_MAX:
            self._say_last(refused("flood", Why("too many requests at once", "一度に送られた要求が多すぎます")))
            return
        self._next()

    def _next(self) -> None:
        if not self._is_busy and self._waiting and self._subscription is None:
            self._is_busy = True
            self._door.take(self, self._waiting.popleft())

    def reply(self, reply: Reply) -> None:
        self.send(reply)
        self._is_busy = False
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)

    def send(self, message: Message) -> None:
        if self._transport is not None:
            self._transport.write(codec.to_frame(message))

    # A subscription

    def subscribed(self, what: Subscribe) -> None:
        assert self._transport is not None
        self._subscription = what
        self._snapshot_bytes = self._transport.get_write_buffer_size()

    def wants(self, update: Update) -> bool:
        assert self._subscription is not None
        match update:
            case CibPatched() | CibReplaced():
                return self._subscription.cib
            case EventHappened():
                return self._subscription.events
            case JournalGrew():
                return self._subscription.journal
            case _:
                return True

    def send_frame(self, frame: bytes) -> bool:
        """False when too much waits already."""
        if self._transport is None:
            return True
        if self._transport.get_write_buffer_size() > SLOW_BYTES + self._snapshot_bytes:
            return False
        self._transport.write(frame)
        return True

    def drop_slow(self) -> None:
        why = Why(
            "this listener does not read fast enough: subscribe again", "読み取りが間に合いません。購読し直してください"
        )
        self._say_last(refused("slow", why))

    # The end

    def _say_last(self, refusal: Refused) -> None:
        self.send(refusal)
        if self._transport is not None:
            self._transport.close()
            asyncio.get_running_loop().call_later(_LAST_WORD_S, self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def finish(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._door.gone(self)
