"""One TCP connection between two agents: mutual proof of the key, then sealed records.

Reads bytes of a socket; gives records to its owner after both sides have shown that they hold a key of `authkeys`.
The dialler says which key it uses; keys of both directions follow from that secret and a random number of each side,
so nothing recorded earlier can be played again. Names travel in the clear and are part of what is authenticated.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from nodeagent.shell.engines.seal import TAG_BYTES, derive

_MAGIC = b"hS\x01"
_HELLO = struct.Struct("!3sB32sB")
"""magic, key number (0 from the listener, which takes the dialler's), random number, length of the name"""
_LENGTH = struct.Struct("!I")
_NONCE = struct.Struct("!IQ")
SESSION_BYTES = 16
_PROOF = struct.Struct(f"!5sQ{SESSION_BYTES}s")
RECORD_BYTES_MAX = 256 * 1024
BUFFER_BYTES_MAX = 512 * 1024
HANDSHAKE_S = 2.0


class Role(StrEnum):
    DIALLER = "dialler"
    LISTENER = "listener"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this agent is on the wire."""

    cluster: str
    node: str
    sending_key: int
    keys: Mapping[int, bytes] = field(repr=False)
    incarnation: int = 0
    session: bytes = field(default_factory=lambda: secrets.token_bytes(SESSION_BYTES))
    """This life of the agent: a peer that sees another one knows that what it had under way is lost."""


class Owner(Protocol):
    """What a connection tells: somebody knocks, it is up, has a record, takes more, is gone (only after it was up)."""

    def is_peer(self, name: str) -> bool: ...
    def accepts(self, name: str, incarnation: int) -> bool: ...
    def knocks(self, connection: SecureConnection) -> None: ...
    def opened(self, connection: SecureConnection) -> None: ...
    def received(self, connection: SecureConnection, record: bytes) -> bool: ...
    def writable(self, connection: SecureConnection) -> None: ...
    def closed(self, connection: SecureConnection) -> None: ...


class SecureConnection(asyncio.Protocol):
    """HELLO -> HELLO -> a sealed proof each -> records."""

    def __init__(self, identity: Identity, role: Role, link_name: str, owner: Owner, peer: str = "") -> None:
        self.peer = peer
        self.peer_session = b""
        self.link_name = link_name
        self.is_full = False
        self.last_heard_s = 0.0
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self._identity, self._role, self._owner = identity, role, owner
        self._random = secrets.token_bytes(32)
        self._key_number = identity.sending_key if role is Role.DIALLER else 0
        self._waiting = bytearray()
        self._transport: asyncio.Transport | None = None
        self._seal: ChaCha20Poly1305 | None = None
        self._open: ChaCha20Poly1305 | None = None
        self._sent = self._received = 0
        self._is_open = False
        self._limit: asyncio.TimerHandle | None = loop.call_later(HANDSHAKE_S, self.close)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._role is Role.LISTENER:
            self._owner.knocks(self)
        transport.set_write_buffer_limits(high=BUFFER_BYTES_MAX)
        if self._role is Role.DIALLER:
            self._say_hello()

    def data_received(self, data: bytes) -> None:
        self.last_heard_s = asyncio.get_running_loop().time()
        self._waiting += data
        while self._transport is not None and self._take():
            pass

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        if self._is_open:
            self._owner.writable(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    # Handshake

    def _say_hello(self) -> None:
        assert self._transport is not None
        name = self._identity.node.encode()
        self._transport.write(_HELLO.pack(_MAGIC, self._key_number, self._random, len(name)) + name)

    def _take_hello(self) -> bool:
        if len(self._waiting) < _HELLO.size:
            return False
        magic, key_number, random, name_length = _HELLO.unpack_from(self._waiting)
        if magic != _MAGIC:
            return self.close()
        if len(self._waiting) < _HELLO.size + name_length:
            return False
        name = bytes(self._waiting[_HELLO.size : _HELLO.size + name_length]).decode(errors="replace")
        del self._waiting[: _HELLO.size + name_length]
        if not self._owner.is_peer(name) or (self.peer and self.peer != name):
            return self.close()
        self.peer = name
        if self._role is Role.LISTENER:
            self._key_number = key_number
            if key_number not in self._identity.keys:
                return self.close()
            self._say_hello()
        self._make_keys(random)
        self._send(_PROOF.pack(b"proof", self._identity.incarnation, self._identity.session))
        return True

    def _make_keys(self, random: bytes) -> None:
        mine, theirs = self._identity.node, self.peer
        dialler, listener = (mine, theirs) if self._role is Role.DIALLER else (theirs, mine)
        randoms = self._random + random if self._role is Role.DIALLER else random + self._random
        secret = self._identity.keys[self._key_number]
        context = f"{dialler}\0{listener}\0".encode() + randoms

        def key(sender: Role) -> ChaCha20Poly1305:
            return derive(secret, self._identity.cluster, b"stream\0" + sender.encode() + b"\0" + context)

        other = Role.LISTENER if self._role is Role.DIALLER else Role.DIALLER
        self._seal, self._open = key(self._role), key(other)

    # Records

    def send(self, record: bytes) -> None:
        """To a connection that is breaking nothing can be sent; the stream sends it again over the next one."""
        if self._is_open and self._transport is not None and not self._transport.is_closing():
            self._send(record)

    def _send(self, record: bytes) -> None:
        assert self._seal is not None
        assert self._transport is not None
        self._sent += 1
        head = _LENGTH.pack(len(record) + TAG_BYTES)
        self._transport.write(head + self._seal.encrypt(_NONCE.pack(0, self._sent), record, head))

    def _take(self) -> bool:
        """Take one hello or record off the waiting bytes; False when there is no whole one."""
        if self._open is None:
            return self._take_hello()
        if len(self._waiting) < _LENGTH.size:
            return False
        head = bytes(self._waiting[: _LENGTH.size])
        (length,) = _LENGTH.unpack(head)
        if not TAG_BYTES <= length <= RECORD_BYTES_MAX:
            return self.close()
        if len(self._waiting) < _LENGTH.size + length:
            return False
        sealed = bytes(self._waiting[_LENGTH.size : _LENGTH.size + length])
        del self._waiting[: _LENGTH.size + length]
        self._received += 1
        try:
            record = self._open.decrypt(_NONCE.pack(0, self._received), sealed, head)
        except InvalidTag:
            return self.close()
        return self._take_record(record)

    def _take_record(self, record: bytes) -> bool:
        if self._is_open:
            return self._owner.received(self, record) or self.close()
        if len(record) != _PROOF.size:
            return self.close()
        word, incarnation, self.peer_session = _PROOF.unpack(record)
        if word != b"proof" or not self._owner.accepts(self.peer, incarnation):
            return self.close()
        self._is_open = True
        self._drop_limit()
        self._owner.opened(self)
        if not self.ready.done():
            self.ready.set_result(None)
        return True

    # The end

    def close(self) -> bool:
        """End the connection at once; gives False, so that a reader can say `return self.close()`."""
        if self._transport is not None:
            self._transport.abort()
        self._end()
        return False

    def _end(self) -> None:
        self._transport = None
        self._drop_limit()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the peer did not prove its key"))
            self.ready.exception()
        if self._is_open:
            self._is_open = False
            self._owner.closed(self)

    def _drop_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
