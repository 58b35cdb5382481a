"""Seals and opens what travels between the agents: encrypted, authenticated, and never with one nonce twice.

Reads the secrets of `authkeys`; gives ChaCha20-Poly1305 boxes. Every sender session has a key of its own, derived
with HKDF from the secret, the sender's name and 16 random bytes, so that a counter is nonce enough even when a
restored disk makes an incarnation come twice.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SALT_BYTES = 16
TAG_BYTES = 16
_MAGIC = b"hC\x01"
_HEAD = struct.Struct(f"!3sBQ{SALT_BYTES}sB")
"""magic, key number, counter, salt of the session, length of the sender's name (the name follows)"""
_NONCE = struct.Struct("!IQ")
_SESSIONS_MAX = 64
WINDOW = 4096


def derive(secret: bytes, cluster: str, purpose: bytes) -> ChaCha20Poly1305:
    key = HKDF(algorithm=SHA256(), length=32, salt=b"hacluster " + cluster.encode(), info=purpose).derive(secret)
    return ChaCha20Poly1305(key)


class Sealer:
    """Seals the datagrams of one sender; a new one has a new session."""

    def __init__(self, cluster: str, sender: str, key_number: int, secret: bytes) -> None:
        self.salt = secrets.token_bytes(SALT_BYTES)
        self._name = sender.encode()
        self._key_number = key_number
        self._box = derive(secret, cluster, _purpose(self._name, self.salt))
        self._counter = 0

    def seal(self, plain: bytes) -> bytes:
        self._counter += 1
        head = _HEAD.pack(_MAGIC, self._key_number, self._counter, self.salt, len(self._name)) + self._name
        return head + self._box.encrypt(_NONCE.pack(0, self._counter), plain, head)


class Opener:
    """Opens datagrams of known senders, each at most once; all others give None."""

    def __init__(self, cluster: str, senders: frozenset[str], keys: Mapping[int, bytes]) -> None:
        self._cluster = cluster
        self._senders = {name.encode(): name for name in sorted(senders)}
        self._keys = dict(keys)
        self._sessions: dict[tuple[bytes, int, bytes], _Session] = {}

    def open(self, sealed: bytes) -> tuple[str, bytes] | None:
        """(sender, plain bytes)"""
        if len(sealed) < _HEAD.size + TAG_BYTES:
            return None
        magic, key_number, counter, salt, name_length = _HEAD.unpack_from(sealed)
        head = sealed[: _HEAD.size + name_length]
        name = head[_HEAD.size :]
        if magic != _MAGIC or key_number not in self._keys or name not in self._senders:
            return None
        known = self._sessions.get((name, key_number, salt))
        session = known or _Session(derive(self._keys[key_number], self._cluster, _purpose(name, salt)))
        if session.has_seen(counter):
            return None
        try:
            plain = session.box.decrypt(_NONCE.pack(0, counter), sealed[len(head) :], head)
        except InvalidTag:
            return None
        session.remember(counter)
        self._keep((name, key_number, salt), session)
        return self._senders[name], plain

    def rekey(self, keys: Mapping[int, bytes]) -> None:
        """Sessions of keys that stay go on, with what they have seen; those of others end."""
        self._sessions = {
            identity: session
            for identity, session in self._sessions.items()
            if keys.get(identity[1]) == self._keys[identity[1]]
        }
        self._keys = dict(keys)

    def _keep(self, identity: tuple[bytes, int, bytes], session: _Session) -> None:
        """Only authenticated sessions are kept, so strangers cannot fill the memory.

        The one that was silent for longest goes first: datagrams of earlier lives, sent again, must not push out the
        present one with what it has seen.
        """
        self._sessions.pop(identity, None)
        while len(self._sessions) >= _SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[identity] = session


def _purpose(name: bytes, salt: bytes) -> bytes:
    return b"datagram\0" + name + b"\0" + salt


class _Session:
    """The counters that one session of one sender has used: a window behind the highest."""

    __slots__ = ("_highest", "_seen", "box")

    def __init__(self, box: ChaCha20Poly1305) -> None:
        self.box = box
        self._highest = 0
        self._seen = 0

    def has_seen(self, counter: int) -> bool:
        behind = self._highest - counter
        return behind >= WINDOW or (behind >= 0 and bool(self._seen >> behind & 1))

    def remember(self, counter: int) -> None:
        ahead = counter - self._highest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, WINDOW) | 1) & ((1 << WINDOW) - 1)
            self._highest = counter
        else:
            self._seen |= 1 << -ahead
