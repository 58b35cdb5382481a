"""Reliable, ordered messages of any size between the agents: TCP over whichever heartbeat LAN works.

Reads messages to send and the peers' addresses (from authenticated heartbeats); gives received messages, each once and
in order. A peer is talked to only between `open` and `shut`, which follow PeerHeard and PeerLost; both directions start
anew with each `open`. A direction is a numbered stream: what is not acknowledged is kept, and sent again over another
LAN when a connection breaks or makes no progress for 300 ms.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nodeagent.settings import Link
from nodeagent.shell.engines.links import bind_to_device
from nodeagent.shell.engines.secure_tcp import Identity, Role, SecureConnection

STALL_S = 0.3
DIAL_S = 0.5
RETRY_S_MAX = 2.0
KNOCKING_MAX = 64
CHUNK_BYTES = 128 * 1024
MESSAGE_BYTES_MAX = 512 * 1024 * 1024

_DATA = struct.Struct("!cQQB")
"""kind, stream, number of the message, whether this chunk is its last"""
_ACK = struct.Struct("!cQQ")
"""kind, stream, number of the last message received whole"""

Deliver = Callable[[str, bytes], None]


@dataclass(slots=True)
class _Incoming:
    """What has been received of a peer's stream."""

    session: bytes = b""
    stream: int = 0
    last: int = 0


class PeerStream:
    """Both directions to one peer."""

    def __init__(self, peer: str, owner: Streams) -> None:
        self.peer = peer
        self._owner = owner
        self._peer_session = b""
        self._stream = 1
        self._next = 1
        self._unacknowledged: deque[tuple[int, bytes]] = deque()
        self._incoming = _Incoming()
        self._connections: list[SecureConnection] = []
        self._active: SecureConnection | None = None
        self._sent = 0
        """Number of the last message handed to the active connection."""
        self._offset = 0
        """Bytes of message `_sent + 1` that the active connection already has."""
        self._partial: dict[SecureConnection, bytearray] = {}
        self._stall: asyncio.TimerHandle | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._next_link = 0
        self._retry_s = 0.0

    # Sending

    def send(self, message: bytes) -> None:
        self._unacknowledged.append((self._next, message))
        self._next += 1
        self._pump()
        self._watch()

    def reset(self) -> None:
        """Forget everything under way in both directions; the next message starts a new stream."""
        self._forget()
        self._peer_session = b""
        for connection in tuple(self._connections):
            connection.close()

    def _forget(self) -> None:
        self._stream += 1
        self._next, self._sent, self._offset = 1, 0, 0
        self._unacknowledged.clear()

    def _pump(self) -> None:
        """Hand over as much as the active connection takes without queueing megabytes."""
        connection = self._active
        if connection is None:
            if self._unacknowledged and self._owner.links_to(self.peer):
                self._dial()
            return
        while not connection.is_full and self._active is connection:
            message = self._message(self._sent + 1)
            if message is None:
                return
            chunk = message[self._offset : self._offset + CHUNK_BYTES]
            self._offset += len(chunk)
            is_last = self._offset >= len(message)
            connection.send(_DATA.pack(b"D", self._stream, self._sent + 1, is_last) + chunk)
            if is_last:
                self._sent, self._offset = self._sent + 1, 0

    def _message(self, number: int) -> bytes | None:
        if not self._unacknowledged:
            return None
        position = number - self._unacknowledged[0][0]
        return self._unacknowledged[position][1] if position < len(self._unacknowledged) else None

    # Connections

    def connected(self, connection: SecureConnection) -> None:
        if connection.peer_session != self._peer_session:
            self._meet(connection.peer_session)
        self._connections.append(connection)
        self._partial[connection] = bytearray()
        self._retry_s = 0.0
        if self._active is None:
            self._use(connection)

    def _meet(self, session: bytes) -> None:
        """The peer runs a new life: what was meant for its last one is forgotten, and its numbers start again."""
        if self._peer_session:
            self._forget()
        self._peer_session = session
        if self._incoming.session != session:
            self._incoming = _Incoming(session)
        for connection in tuple(self._connections):
            connection.close()

    def _use(self, connection: SecureConnection) -> None:
        self._active = connection
        self._sent = self._unacknowledged[0][0] - 1 if self._unacknowledged else self._next - 1
        self._offset = 0
        self._pump()
        self._watch()

    def disconnected(self, connection: SecureConnection) -> None:
        self._connections.remove(connection)
        del self._partial[connection]
        if self._active is connection:
            self._active = None
            if self._connections:
                self._use(self._connections[-1])
            else:
                self._pump()

    def writable(self, connection: SecureConnection) -> None:
        if connection is self._active:
            self._pump()

    def _dial(self) -> None:
        if self._dialling is None:
            self._dialling = asyncio.get_running_loop().create_task(self._dial_next())

    async def _dial_next(self) -> None:
        try:
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(RETRY_S_MAX, max(0.05, self._retry_s * 2))
            links = self._owner.links_to(self.peer)
            if links:
                link, address = links[self._next_link % len(links)]
                await self._owner.dial(self.peer, link, address)
        except (OSError, TimeoutError):
            self._next_link += 1
        finally:
            self._dialling = None
        self._pump()

    def reachable(self) -> None:
        """The peer is heard over a link: what waits for a connection can go now."""
        self._retry_s = 0.0
        if self._active is None:
            self._pump()

    # A connection that makes no progress

    def _watch(self) -> None:
        if self._stall is None and self._unacknowledged and self._active is not None:
            self._stall = asyncio.get_running_loop().call_later(STALL_S, self._check_progress)

    def _check_progress(self) -> None:
        self._stall = None
        connection = self._active
        if connection is not None and self._unacknowledged:
            silent_s = asyncio.get_running_loop().time() - connection.last_heard_s
            if silent_s >= STALL_S and self._owner.has_other_link(self.peer, connection.link_name):
                self._next_link += 1
                connection.close()
        self._watch()

    # Receiving

    def received(self, connection: SecureConnection, record: bytes) -> bool:
        """Take one record; False when it breaks the rules, which ends the connection."""
        match record[:1]:
            case b"D" if len(record) >= _DATA.size:
                _, stream, number, is_last = _DATA.unpack_from(record)
                return self._data(connection, stream, number, record[_DATA.size :], is_last=bool(is_last))
            case b"A" if len(record) == _ACK.size:
                _, stream, number = _ACK.unpack(record)
                self._acknowledged(stream, number)
                return True
            case _:
                return False

    def _data(self, connection: SecureConnection, stream: int, number: int, chunk: bytes, *, is_last: bool) -> bool:
        if stream < self._incoming.stream:
            return True
        if stream > self._incoming.stream:
            self._incoming = _Incoming(connection.peer_session, stream)
        partial = self._partial[connection]
        partial += chunk
        if len(partial) > MESSAGE_BYTES_MAX:
            return False
        if is_last:
            message = bytes(partial)
            partial.clear()
            if number > self._incoming.last + 1:
                return False
            if number == self._incoming.last + 1:
                self._incoming.last = number
                self._owner.deliver(self.peer, message)
        connection.send(_ACK.pack(b"A", self._incoming.stream, self._incoming.last))
        return True

    def _acknowledged(self, stream: int, number: int) -> None:
        if stream != self._stream:
            return
        while self._unacknowledged and self._unacknowledged[0][0] <= number:
            self._unacknowledged.popleft()
        if not self._unacknowledged and self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def close(self) -> None:
        self._unacknowledged.clear()
        for handle in (self._stall, self._dialling):
            if handle is not None:
                handle.cancel()
        for connection in tuple(self._connections):
            connection.close()

    @property
    def has_unsent(self) -> bool:
        return bool(self._unacknowledged)


class Streams:
    """The streams to all peers, and the listening sockets of this node."""

    def __init__(
        self, identity: Identity, links: Sequence[Link], peers: Sequence[str], port: int, deliver: Deliver
    ) -> None:
        self._identity = identity
        self._links = {link.name: link for link in links}
        self._port = port
        self.deliver = deliver
        self._addresses: dict[str, dict[str, str]] = {peer: {} for peer in peers}
        """peer -> link -> the address its last authenticated heartbeat came from"""
        self._peers = {peer: PeerStream(peer, self) for peer in peers}
        self._knocking: dict[SecureConnection, None] = {}
        """The oldest first."""
        self._open: dict[str, int] = {}
        """The peers that are heard, with the incarnation."""
        self._servers: dict[str, asyncio.Server] = {}

    async def listen(self, link_name: str) -> None:
        """Accept connections over this LAN; called again when its interface came back."""
        link = self._links[link_name]
        if link_name in self._servers:
            return
        listener = _tcp_socket(link)
        try:
            listener.bind((link.own_address, self._port))
            loop = asyncio.get_running_loop()
            self._servers[link_name] = await loop.create_server(
                lambda: self._connection(Role.LISTENER, link_name), sock=listener, backlog=16
            )
        except OSError:
            listener.close()
            raise

    def stop_listening(self, link_name: str) -> None:
        server = self._servers.pop(link_name, None)
        if server is not None:
            server.close()

    def _connection(self, role: Role, link_name: str, peer: str = "") -> SecureConnection:
        return SecureConnection(self._identity, role, link_name, self, peer)

    async def dial(self, peer: str, link_name: str, address: str) -> None:
        """Connect and shake hands within DIAL_S; OSError or TimeoutError otherwise."""
        link = self._links[link_name]
        dialler = _tcp_socket(link)
        connection = self._connection(Role.DIALLER, link_name, peer)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DIAL_S):
                if link.own_address:
                    dialler.bind((link.own_address, 0))
                await loop.sock_connect(dialler, (address, self._port))
                await loop.create_connection(lambda: connection, sock=dialler)
                await connection.ready
        except (OSError, TimeoutError, asyncio.CancelledError):
            connection.close()
            dialler.close()
            raise

    def links_to(self, peer: str) -> list[tuple[str, str]]:
        return list(self._addresses[peer].items())

    def has_other_link(self, peer: str, link_name: str) -> bool:
        return any(name != link_name for name in self._addresses[peer])

    def heard(self, peer: str, link_name: str, address: str) -> None:
        self._addresses[peer][link_name] = address
        self._peers[peer].reachable()

    def moved(self, peer: str, link_name: str, address: str) -> None:
        """The peer has another address on a link that is up."""
        if link_name in self._addresses[peer]:
            self._addresses[peer][link_name] = address

    def unheard(self, peer: str, link_name: str) -> None:
        self._addresses[peer].pop(link_name, None)

    def send(self, peer: str, message: bytes) -> None:
        """To a peer that is not heard nothing can be sent: it will hear of all that counts when it is back."""
        if peer in self._open:
            self._peers[peer].send(message)

    def open(self, peer: str, incarnation: int) -> None:
        """The peer is heard in this life: from now on it may connect, and be connected to."""
        self._peers[peer].reset()
        self._open[peer] = incarnation

    def shut(self, peer: str) -> None:
        """The peer counts as lost: nothing of it is listened to until it is heard again."""
        self._open.pop(peer, None)
        self._peers[peer].reset()
        # Behind a proof that is under way its last messages may wait already; whoever knocks can knock again.
        for connection in tuple(self._knocking):
            connection.close()

    # Called by the connections

    def knocks(self, connection: SecureConnection) -> None:
        """Strangers are given two seconds to prove a key, and only so many of them at a time: a crowd that says
        nothing must not keep out a peer, which proves its key at once.
        """
        self._knocking = {one: None for one in self._knocking if not one.ready.done()}
        while len(self._knocking) >= KNOCKING_MAX:
            oldest = next(iter(self._knocking))
            del self._knocking[oldest]
            oldest.close()
        self._knocking[connection] = None

    def is_peer(self, name: str) -> bool:
        return name in self._open

    def accepts(self, name: str, incarnation: int) -> bool:
        """A peer that restarted waits until this node's liveness knows of it, or its first words would be lost."""
        return self._open.get(name) == incarnation

    def opened(self, connection: SecureConnection) -> None:
        self._peers[connection.peer].connected(connection)

    def received(self, connection: SecureConnection, record: bytes) -> bool:
        return self._peers[connection.peer].received(connection, record)

    def writable(self, connection: SecureConnection) -> None:
        self._peers[connection.peer].writable(connection)

    def closed(self, connection: SecureConnection) -> None:
        self._peers[connection.peer].disconnected(connection)

    def rekey(self, keys: Mapping[int, bytes], sending_key: int) -> None:
        """For connections from now on; those that are up have proved themselves."""
        self._identity = replace(self._identity, keys=dict(keys), sending_key=sending_key)

    async def flush(self, timeout_s: float) -> None:
        """Wait until the peers have what was sent, for the last words of an agent that leaves."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while any(stream.has_unsent for stream in self._peers.values()):
            if asyncio.get_running_loop().time() >= deadline_s:
                return
            await asyncio.sleep(0.01)

    def close(self) -> None:
        for server in self._servers.values():
            server.close()
        for stream in self._peers.values():
            stream.close()


def _tcp_socket(link: Link) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        bind_to_device(opened, link)
    except OSError:
        opened.close()
        raise
    return opened
