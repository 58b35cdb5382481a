"""What all machines of one node know together, and what a machine is.

Reads nothing; gives `Situation` (each field is written by one machine, named beside it, and read by all), `Settings`,
`Restored`, and the base class `Machine` with its timers and its outbox. A machine's handlers are methods marked with
`@on(EventType)` or `@on_message(MessageType)`; `node.py` calls them and passes on what they give.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from hacluster.cib.model import Cib
from hacluster.protocol.events import EventKind
from hacluster.protocol.peers import PeerMessage
from nodeagent.machines.effects import Effect, Send
from nodeagent.machines.events import Event, Happened

FEATURE_SET = "3.16.1"
YES = ("true", "yes", "on", "1", "y")


def made_up_id(name: str) -> str:
    """A node's id before anybody has configured one: the same on every node, and a number as Corosync's are.

    Tools of today (crmsh's `node online`, for one) take a node for absent when its id is no number.
    """
    return str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1 or 1)


RESTART_MS_MIN = 3_000


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided about this node, as far as the machines care."""

    node: str
    nodes: tuple[str, ...]
    """All configured nodes, this one included."""
    cluster: str = "hacluster"
    engine: str = "heartbeat"
    build: str = "hacluster"
    initdead_ms: int = 20_000
    """How long a starting node waits for peers that it has never heard."""
    election_timeout_ms: int = 1_000
    """How long a candidate waits for the votes of peers that it hears."""
    dc_deadtime_ms: int = 3_000
    """How long a node waits for the offer of a DC that it was told of."""
    restart_ms: int = RESTART_MS_MIN
    """How long the DC waits for a node whose agent began anew; not shorter than any other silence may be (deadtime)."""
    join_timeout_ms: int = 10_000
    """How long the DC waits for a node that it hears to become a member before it decides without it."""
    wait_for_all: bool = False
    """A partition gets its first quorum only when it has seen all nodes."""
    journal_compact_every_ms: int = 6 * 3_600_000
    journal_compact_least: int = 100
    """How many entries must go before a checkpoint is written."""
    tie_breaker: str = ""
    """ping, disk, or "" where nobody is asked which half of an evenly split cluster may act."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What the disk gave back at start. The incarnation is a new one, already on the disk."""

    incarnation: int
    cib: Cib
    term: int = 0
    voted_for: str = ""
    ancestors: tuple[str, ...] = ()
    journal_origin: str = ""
    """The name of this node's own part of the journal; "" is the node's name."""
    journal_have: dict[str, int] = field(default_factory=dict)
    """Origin -> number of its last entry that is held here."""
    journal_hashes: dict[str, bytes] = field(default_factory=dict)
    """Origin -> hash of that entry (`journal.hash_of`)."""
    journal_clock_ms: int = 0
    """The highest `clock_ms` of any entry."""
    next_event_seq: int = 0
    """The number of the next event of this node; 0 when nobody knows."""
    runtime: bytes = b""
    """What the last SaveRuntime gave, when the machine did not reboot since; b"" otherwise."""


@dataclass(frozen=True, slots=True)
class View:
    """The agreed membership: who counts, by whose word."""

    term: int = 0
    dc: str = ""
    instance: int = 0
    members: dict[str, int] = field(default_factory=dict)
    """Member -> incarnation"""
    has_quorum: bool = False
    had_quorum: bool = False
    """Now, or earlier in the life of its DC."""


class Tie(StrEnum):
    """How one half of an evenly split cluster stands."""

    NONE = ""
    """The cluster is not split evenly, or nobody is configured to be asked."""
    ASKED = "asked"
    WON = "won"
    LOST = "lost"


class Situation:
    """The common knowledge of the machines of one node."""

    def __init__(self, settings: Settings, restored: Restored, luck: random.Random, now_ms: int, wall_ms: int) -> None:
        self.settings = settings
        self.name = settings.node
        self.incarnation = restored.incarnation
        self.luck = luck
        self.now_ms = now_ms
        self.wall_ms = wall_ms
        self.started_at_ms = wall_ms
        self.heard: dict[str, int] = {}
        """membership: peer -> incarnation, for every peer heard now."""
        self.left: set[str] = set()
        """membership: peers that said goodbye and were not heard since."""
        self.term = restored.term
        """election: the highest term this node has on its disk."""
        self.dc = ""
        """election and join: the DC this node follows; its own name when it is the DC."""
        self.view = View()
        """join: the agreed membership."""
        self.tie = Tie.NONE
        """tiebreaker."""
        self.cib = restored.cib
        """replication."""
        self.ancestors = restored.ancestors
        """replication: digests of the configurations before this one, newest first."""
        self.state = "S_PENDING"
        """controller: in Pacemaker's words."""
        self.is_stopping = False
        """controller: the operator wants this agent to end."""
        self.fenced: dict[str, int] = {}
        """fencing: node -> the incarnation that was fenced and must not come back."""
        self.out: list[Effect | Event] = []
        self._token = 0

    @property
    def is_dc(self) -> bool:
        return self.dc == self.name

    def token(self) -> int:
        self._token += 1
        return self._token

    def node_id(self, name: str) -> str:
        """The id of a node in the CIB: what the configuration says, or one made from its name."""
        for node in self.cib.section("nodes").all("node"):
            if node.get("uname") == name:
                return node.id
        return made_up_id(name)

    def node_names(self) -> list[str]:
        """Every node that is configured in ha.cf or known in the CIB."""
        known = [node.get("uname") for node in self.cib.section("nodes").all("node") if node.get("type") != "remote"]
        return sorted({*self.settings.nodes, *known} - {""})

    def option(self, name: str, default: str = "") -> str:
        """A cluster option, from the first property set that has it."""
        for properties in self.cib.section("crm_config").all("cluster_property_set"):
            for pair in properties.all("nvpair"):
                if pair.get("name") in (name, name.replace("-", "_")):
                    return pair.get("value")
        return default

    @property
    def is_fencing(self) -> bool:
        return self.option("stonith-enabled", self.option("fencing-enabled", "true")).lower() in YES

    def members_but_self(self) -> list[str]:
        return [member for member in self.view.members if member != self.name]


_Handler = TypeVar("_Handler", bound=Callable[..., None])


def on(*kinds: type[Event]) -> Callable[[_Handler], _Handler]:
    """Mark a method as handler of these events: `method(event)`."""

    def mark(method: _Handler) -> _Handler:
        method.handles_events = kinds  # type: ignore[attr-defined]
        return method

    return mark


def on_message(*kinds: type[PeerMessage]) -> Callable[[_Handler], _Handler]:
    """Mark a method as handler of these messages of peers: `method(peer, message)`."""

    def mark(method: _Handler) -> _Handler:
        method.handles_messages = kinds  # type: ignore[attr-defined]
        return method

    return mark


class Machine:
    """One pure machine: handlers, named timers, and an outbox shared by the node."""

    def __init__(self, here: Situation) -> None:
        self.here = here
        self._deadlines: dict[str, int] = {}

    # What it gives

    def give(self, output: Effect | Event) -> None:
        """An order for the shell or a fact for the other machines."""
        self.here.out.append(output)

    def send(self, peer: str, message: PeerMessage) -> None:
        self.give(Send(peer, message))

    def send_members(self, message: PeerMessage) -> None:
        """To every other member of the view."""
        for member in self.here.members_but_self():
            self.send(member, message)

    def publish(self, kind: EventKind, **fields: object) -> None:
        self.give(Happened(kind.code, {name: str(value) for name, value in fields.items()}))

    # Timers

    def set_timer(self, name: str, after_ms: int) -> None:
        self._deadlines[name] = self.here.now_ms + after_ms

    def clear_timer(self, name: str) -> None:
        self._deadlines.pop(name, None)

    def has_timer(self, name: str) -> bool:
        return name in self._deadlines

    def deadlines_ms(self) -> Collection[int]:
        return self._deadlines.values()

    def deadline_reached(self) -> None:
        due = sorted((at, name) for name, at in self._deadlines.items() if at <= self.here.now_ms)
        for _, name in due:
            if self._deadlines.get(name, self.here.now_ms + 1) <= self.here.now_ms:
                del self._deadlines[name]
                self.timer(name)

    def timer(self, name: str) -> None:
        """A timer has run out. Machines that set timers say here what they mean."""
        raise AssertionError(f"{type(self).__name__} set a timer {name} that it does not know")

    # How the node finds the handlers

    def handlers(self, marked: str) -> Iterator[tuple[type, Callable[..., None]]]:
        machine: Any = type(self)
        for kind, name in _marked_methods(machine, marked):
            yield kind, getattr(self, name)


@cache
def _marked_methods(machine: Any, marked: str) -> tuple[tuple[type, str], ...]:
    return tuple((kind, name) for name in dir(machine) for kind in getattr(getattr(machine, name), marked, ()))
