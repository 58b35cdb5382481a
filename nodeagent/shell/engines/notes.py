"""What the agent and its beating process tell each other over their socket pair, one message in one packet.

Reads and gives msgpack. What the beating processes of two nodes tell each other is `Heartbeat` of protocol/peers.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec

from nodeagent.machines.events import (
    Event,
    LinkDead,
    LinkUp,
    PeerHeard,
    PeerHeldOff,
    PeerLate,
    PeerLeft,
    PeerLost,
    PeerReturned,
)
from nodeagent.settings import Link


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Agent -> process, first of all: everything it needs to know."""

    node: str
    peers: tuple[str, ...]
    cluster: str
    incarnation: int
    links: tuple[Link, ...]
    keys: dict[int, bytes]
    sending_key: int
    keepalive_ms: int
    warntime_ms: int
    deadtime_ms: int
    initdead_ms: int
    realtime_priority: int
    """0: stay an ordinary process."""
    watchdog: str
    hung_after_ms: int = 60_000
    """How long the agent's loop may stand still before this process stops beating for it."""


class Pulse(msgspec.Struct, frozen=True, tag=True):
    """Agent -> process: the agent's loop turns."""


class Linger(msgspec.Struct, frozen=True, tag=True):
    """Agent -> process: the agent begins anew; beat on without its pulse, but for no longer than this."""

    ms: int


class Leave(msgspec.Struct, frozen=True, tag=True):
    """Agent -> process: tell the peers that this node leaves, then end."""


class Rekey(msgspec.Struct, frozen=True, tag=True):
    """Agent -> process: authkeys was changed."""

    keys: dict[int, bytes]
    sending_key: int


Order = Begin | Pulse | Linger | Leave | Rekey


class Fact(msgspec.Struct, frozen=True, tag=True):
    """What the liveness machine found: an event by the name of its class."""

    name: str
    values: tuple[str | int, ...]

    @classmethod
    def of(cls, event: Event) -> Fact:
        return cls(type(event).__name__, dataclasses.astuple(event))  # type: ignore[call-overload]

    def event(self) -> Event:
        return _EVENTS[self.name](*self.values)


_EVENTS: dict[str, Callable[..., Event]] = {
    kind.__name__: kind
    for kind in (PeerHeard, PeerLost, PeerLeft, PeerReturned, PeerHeldOff, PeerLate, LinkUp, LinkDead)
}


class AddressSeen(msgspec.Struct, frozen=True, tag=True):
    """Where the heartbeats of a peer come from on a link; said before its LinkUp."""

    peer: str
    link: str
    address: str


class LinkTrouble(msgspec.Struct, frozen=True, tag=True):
    """The own interface of a link cannot send ("" as reason: it can again)."""

    link: str
    reason: str


class Dropped(msgspec.Struct, frozen=True, tag=True):
    """Datagrams that no key opened or no rule let in since the last note, at most one note in ten seconds."""

    count: int
    link: str
    address: str


class Warned(msgspec.Struct, frozen=True, tag=True):
    """A sentence for the operator: what the system does not allow this process."""

    text: str


Note = Fact | AddressSeen | LinkTrouble | Dropped | Warned
