"""The heartbeat links as attributes of the own node (reference/monitors, 3): what ifcheckd did.

Reads the facts of the engine; gives (attribute, value) pairs to set, None to delete. Pure. While a peer is heard each
of its links is `up` or `dead`; with the peer go its attributes.
"""

from __future__ import annotations

from nodeagent.machines.events import Event, LinkDead, LinkUp, PeerHeard, PeerLeft, PeerLost
from nodeagent.shell.monitors.ifcheckd import attribute_of, value_of

Changes = list[tuple[str, str | None]]


class LinkAttributes:
    def __init__(self) -> None:
        self._links: dict[str, dict[str, bool]] = {}
        """peer -> link -> whether it is up; a link stays known once it was up."""
        self._heard: set[str] = set()

    def changes(self, event: Event) -> Changes:
        match event:
            case LinkUp(peer, link):
                return self._link(peer, link, is_up=True)
            case LinkDead(peer, link):
                return self._link(peer, link, is_up=False)
            case PeerHeard(peer):
                self._heard.add(peer)
                return [(attribute_of(peer, link), value_of(is_up=is_up)) for link, is_up in self._known(peer).items()]
            case PeerLost(peer) | PeerLeft(peer):
                self._heard.discard(peer)
                return [(attribute_of(peer, link), None) for link in self._known(peer)]
            case _:
                return []

    def _known(self, peer: str) -> dict[str, bool]:
        return self._links.setdefault(peer, {})

    def _link(self, peer: str, link: str, *, is_up: bool) -> Changes:
        self._known(peer)[link] = is_up
        return [(attribute_of(peer, link), value_of(is_up=is_up))] if peer in self._heard else []
