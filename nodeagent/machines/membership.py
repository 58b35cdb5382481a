"""Keeps which peers this node can talk to.

Reads PeerHeard, PeerLost, PeerLeft, PeerReturned, PeerHeldOff, LinkUp and LinkDead of the engine; gives events for the
operator and keeps `Situation.heard`. The agreed membership (`Situation.view`) is the DC's word and stands in `join`.
"""

from __future__ import annotations

from hacluster.protocol import events
from hacluster.protocol.peers import Hello
from nodeagent.machines.events import (
    LinkDead,
    LinkUp,
    PeerHeard,
    PeerHeldOff,
    PeerLate,
    PeerLeft,
    PeerLost,
    PeerReturned,
)
from nodeagent.machines.situation import Machine, Situation, on


class Membership(Machine):
    """Comes first among the machines, so that the others find `heard` up to date."""

    def __init__(self, here: Situation) -> None:
        super().__init__(here)
        self.links: dict[str, dict[str, bool]] = {}
        """Peer -> local interface -> whether it is heard there."""

    @on(PeerHeard)
    def _heard(self, event: PeerHeard) -> None:
        self.here.heard[event.peer] = event.incarnation
        self.here.left.discard(event.peer)
        self.send(event.peer, Hello())

    @on(PeerLost)
    def _lost(self, event: PeerLost) -> None:
        self.here.heard.pop(event.peer, None)

    @on(PeerLeft)
    def _left(self, event: PeerLeft) -> None:
        self.here.left.add(event.peer)
        self.here.heard.pop(event.peer, None)

    @on(PeerLate)
    def _late(self, event: PeerLate) -> None:
        self.publish(events.NODE_LATE, node=event.peer, interval_ms=event.interval_ms)

    @on(PeerReturned)
    def _returned(self, event: PeerReturned) -> None:
        self.publish(events.NODE_RETURNED, node=event.peer)

    @on(PeerHeldOff)
    def _held_off(self, event: PeerHeldOff) -> None:
        self.publish(events.NODE_FLAPPING, node=event.peer, losses=event.losses, hold_ms=event.hold_ms)

    @on(LinkUp)
    def _link_up(self, event: LinkUp) -> None:
        self.links.setdefault(event.peer, {})[event.link] = True
        self.publish(events.LINK_UP, node=event.peer, nic=event.link)

    @on(LinkDead)
    def _link_dead(self, event: LinkDead) -> None:
        self.links.setdefault(event.peer, {})[event.link] = False
        self.publish(events.LINK_DEAD, node=event.peer, nic=event.link)
