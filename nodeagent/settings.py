"""What an agent is configured to be: the frozen result of ha.cf and authkeys.

Gives `Settings` and the parts it is made of, for whoever starts, binds or sends anything; read by config.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nodeagent.authkeys import Key

DEFAULT_UDP_PORT = 694


class Engine(StrEnum):
    """What carries messages between the agents."""

    HEARTBEAT = "heartbeat"
    COROSYNC = "corosync"


class Medium(StrEnum):
    """How the datagrams of a link find their receivers."""

    BCAST = "bcast"
    UCAST = "ucast"
    MCAST = "mcast"


@dataclass(frozen=True, slots=True)
class Link:
    """One heartbeat LAN as this node sees it."""

    name: str
    """The interface as ha.cf names it; `lo:1` is a second LAN over the device `lo`."""
    medium: Medium
    port: int
    peers: tuple[str, ...] = ()
    """Addresses of a ucast link, the own one included where the file is equal on all nodes."""
    group: str = ""
    ttl: int = 1
    own_address: str = ""
    """Set by `bind`: several agents share one device, each with an address of its own."""

    @property
    def device(self) -> str:
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Respawn:
    """A program that lives as long as the agent, except when it ends with exit code 100."""

    user: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TieBreaker:
    """Who says which half of an evenly split cluster goes on."""

    kind: str
    """ping or disk"""
    targets: tuple[str, ...]
    """Addresses of which one must answer; or the one device."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the operator decides about one agent."""

    node: str
    nodes: tuple[str, ...]
    cluster: str
    engine: Engine
    keepalive_ms: int
    warntime_ms: int
    deadtime_ms: int
    initdead_ms: int
    links: tuple[Link, ...]
    keys: tuple[Key, ...]
    sending_key: int
    log_file: Path | None = None
    log_facility: str = ""
    watchdog: str = ""
    is_realtime: bool = True
    realtime_priority: int = 10
    respawn: tuple[Respawn, ...] = ()
    api_users: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    tie_breaker: TieBreaker | None = None
    wait_for_all: bool = False

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(name for name in self.nodes if name != self.node)

    @property
    def owns_machine(self) -> bool:
        """Agents that share a machine (`bind`) must not reboot it."""
        return not any(link.own_address for link in self.links)

    @property
    def stream_port(self) -> int:
        """TCP streams use the number of the first link's UDP port."""
        return self.links[0].port if self.links else DEFAULT_UDP_PORT
