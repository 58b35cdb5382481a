"""Says which peers are heard, and when a silent one counts as lost.

Reads heartbeats with the link they came over; gives the facts PeerHeard, PeerLost, PeerLate, PeerReturned, PeerLeft,
LinkUp and LinkDead. It runs inside the heartbeat engine's own process, so that nothing slow can delay it.

Invariant: a peer is heard only while both directions work. Each heartbeat names whom its sender hears; a peer that
does not hear this node counts as not heard here either, so a cable broken in one direction gives the same at both ends.

A peer that is lost again and again is held off: it counts as heard only after it was so without a break, for longer
with each loss. So a cable that comes and goes does not change the membership each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hacluster.protocol.peers import Heartbeat
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

FLAPPING_MS = 60_000
"""Losses within this time count together."""


@dataclass(frozen=True, slots=True)
class LivenessTimes:
    """As in ha.cf; keepalive < warntime < deadtime <= initdead."""

    keepalive_ms: int
    warntime_ms: int
    deadtime_ms: int
    initdead_ms: int

    def hold_off_ms(self, losses: int) -> int:
        """How long a peer must be heard without a break after so many losses in a minute; the first one is free.

        Less than initdead: a node that was restarted must not take a peer that holds it off for one that is dead.
        """
        if losses < 2:
            return 0
        return min(self.deadtime_ms << min(losses - 1, 10), max(self.initdead_ms // 2, self.deadtime_ms))


@dataclass(slots=True)
class _Peer:
    """What is known of one peer. `heard_ms` is None until it is heard for the first time."""

    heard_ms: int | None = None
    incarnation: int = 0
    seq: int = -1
    is_up: bool = False
    losses: int = 0
    """How often this node lost it by silence."""
    its_losses: int = 0
    """How often it said that it lost this node by silence."""
    lost_incarnation: int = -1
    """The incarnation in which it was lost last, to tell a return from a restart."""
    lost_ms: int = 0
    recent_losses_ms: list[int] = field(default_factory=list)
    held_until_ms: int = 0
    is_held: bool = False
    """Its datagrams arrive, but it was lost too often to be believed yet."""
    has_left: bool = False
    links: dict[str, int] = field(default_factory=dict)
    """Link -> when the peer was heard over it last; a dead link is not in it."""
    link_seqs: dict[str, int] = field(default_factory=dict)
    """Link -> the newest datagram that came over it: an old one never revives a link."""


class Liveness:
    """One per engine. `hears()` is what goes into the own heartbeats."""

    def __init__(self, node: str, incarnation: int, peers: Iterable[str], times: LivenessTimes, now_ms: int) -> None:
        self._node = node
        self._incarnation = incarnation
        self._times = times
        self._started_ms = now_ms
        self._peers = {peer: _Peer() for peer in sorted(peers)}

    def hears(self) -> dict[str, tuple[int, int]]:
        """Every peer whose datagrams arrive, whether or not it hears this node."""
        return {
            name: (peer.incarnation, peer.losses)
            for name, peer in self._peers.items()
            if peer.links and not peer.has_left and not peer.is_held
        }

    def links(self, name: str) -> tuple[str, ...]:
        """The local interfaces over which a peer is heard."""
        return tuple(self._peers[name].links)

    def next_deadline_ms(self) -> int | None:
        dead_after = self._times.deadtime_ms
        deadlines = [heard + dead_after for peer in self._peers.values() for heard in peer.links.values()]
        return min(deadlines, default=None)

    def add_peer(self, name: str) -> None:
        self._peers.setdefault(name, _Peer())

    # Heartbeats

    def heartbeat(self, beat: Heartbeat, link: str, now_ms: int) -> list[Event]:
        """One authenticated datagram. Every link carries the same ones, so a copy only says that the link works."""
        peer = self._peers.get(beat.node)
        if peer is None or beat.incarnation < peer.incarnation:
            return []
        facts: list[Event] = []
        if beat.incarnation > peer.incarnation:
            facts += self._restarted(beat, peer, now_ms)
        elif beat.seq <= peer.link_seqs.get(link, -1):
            return []
        peer.link_seqs[link] = beat.seq
        if beat.is_leaving and self._hears_us(beat):
            return facts + self._left(beat, peer)
        if peer.has_left:
            # Datagrams that were under way when the peer said goodbye.
            return facts
        facts += self._heard_over(beat, peer, link, now_ms)
        return facts

    def _restarted(self, beat: Heartbeat, peer: _Peer, now_ms: int) -> list[Event]:
        """A new incarnation: whatever the old one did is over, so it counts as lost before the new one is heard."""
        facts: list[Event] = []
        if peer.is_up:
            silent_ms = _silence_ms(peer, now_ms)
            facts.append(PeerLost(beat.node, silent_ms, restarts_as=beat.incarnation))
        peer.incarnation, peer.seq = beat.incarnation, -1
        peer.is_up = peer.has_left = False
        peer.heard_ms = None
        peer.link_seqs.clear()
        return facts

    def _left(self, beat: Heartbeat, peer: _Peer) -> list[Event]:
        if peer.has_left:
            return []
        peer.has_left, peer.is_up, peer.seq = True, False, beat.seq
        facts: list[Event] = [LinkDead(beat.node, link) for link in peer.links]
        peer.links.clear()
        return [PeerLeft(beat.node), *facts]

    def _heard_over(self, beat: Heartbeat, peer: _Peer, link: str, now_ms: int) -> list[Event]:
        facts: list[Event] = []
        if link not in peer.links:
            facts.append(LinkUp(beat.node, link))
            if not peer.links:
                facts += self._hold_off(beat.node, peer, now_ms)
        peer.links[link] = now_ms
        if beat.seq <= peer.seq:
            return facts
        if peer.is_up and peer.heard_ms is not None and now_ms - peer.heard_ms > self._times.warntime_ms:
            facts.append(PeerLate(beat.node, now_ms - peer.heard_ms))
        peer.seq, peer.heard_ms = beat.seq, now_ms
        return facts + self._both_ways(beat, peer, now_ms)

    def _hold_off(self, name: str, peer: _Peer, now_ms: int) -> list[Event]:
        """It is heard after a silence: how long until it is believed."""
        peer.recent_losses_ms = [lost for lost in peer.recent_losses_ms if now_ms - lost < FLAPPING_MS]
        losses = len(peer.recent_losses_ms)
        hold_ms = self._times.hold_off_ms(losses)
        peer.held_until_ms = now_ms + hold_ms
        return [PeerHeldOff(name, losses, hold_ms)] if hold_ms else []

    def _both_ways(self, beat: Heartbeat, peer: _Peer, now_ms: int) -> list[Event]:
        _, losses = beat.hears.get(self._node, (-1, 0))
        hears_us = self._hears_us(beat)
        facts: list[Event] = []
        if peer.is_up and (not hears_us or losses != peer.its_losses):
            facts.append(self._lose(beat.node, peer, now_ms))
        peer.its_losses = losses
        peer.is_held = now_ms < peer.held_until_ms
        if not peer.is_up and hears_us and not peer.is_held:
            peer.is_up = True
            if peer.lost_incarnation == beat.incarnation:
                facts.append(PeerReturned(beat.node, now_ms - peer.lost_ms))
            facts.append(PeerHeard(beat.node, beat.incarnation))
        return facts

    def _hears_us(self, beat: Heartbeat) -> bool:
        """In this life. A goodbye that does not is no goodbye to this node: somebody may send a recorded one again."""
        return beat.hears.get(self._node, (-1, 0))[0] == self._incarnation

    # Silence

    def deadline(self, now_ms: int) -> list[Event]:
        """Call it at `next_deadline_ms`; harmless at any time."""
        facts: list[Event] = []
        for name, peer in self._peers.items():
            facts += self._dead_links(name, peer, now_ms)
            if peer.is_up and not peer.links:
                peer.losses += 1
                facts.append(self._lose(name, peer, now_ms))
        return facts

    def _dead_links(self, name: str, peer: _Peer, now_ms: int) -> list[Event]:
        dead = [link for link, heard in peer.links.items() if now_ms - heard >= self._times.deadtime_ms]
        for link in dead:
            del peer.links[link]
        return [LinkDead(name, link) for link in dead]

    def _lose(self, name: str, peer: _Peer, now_ms: int) -> PeerLost:
        peer.is_up = False
        peer.recent_losses_ms.append(now_ms)
        peer.lost_incarnation, peer.lost_ms = peer.incarnation, now_ms
        return PeerLost(name, silent_ms=_silence_ms(peer, now_ms))


def _silence_ms(peer: _Peer, now_ms: int) -> int:
    return 0 if peer.heard_ms is None else now_ms - peer.heard_ms
