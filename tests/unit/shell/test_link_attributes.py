"""The heartbeat links as attributes: set while the peer is heard, gone with it."""

from __future__ import annotations

from nodeagent.machines.events import LinkDead, LinkUp, PeerHeard, PeerLeft, PeerLost
from nodeagent.shell.link_attributes import LinkAttributes


def test_links_are_told_when_their_peer_is_heard() -> None:
    links = LinkAttributes()
    assert links.changes(LinkUp("pm02", "eth1")) == []
    assert links.changes(PeerHeard("pm02", 1)) == [("pm02-eth1", "up")]
    assert links.changes(LinkUp("pm02", "eth2")) == [("pm02-eth2", "up")]


def test_a_dead_link_of_a_heard_peer_is_dead() -> None:
    links = LinkAttributes()
    for event in (LinkUp("pm02", "eth1"), LinkUp("pm02", "eth2"), PeerHeard("pm02", 1)):
        links.changes(event)
    assert links.changes(LinkDead("pm02", "eth1")) == [("pm02-eth1", "dead")]
    assert links.changes(LinkUp("pm02", "eth1")) == [("pm02-eth1", "up")]


def test_the_attributes_of_a_lost_peer_are_deleted() -> None:
    links = LinkAttributes()
    for event in (LinkUp("pm02", "eth1"), PeerHeard("pm02", 1), LinkDead("pm02", "eth1")):
        links.changes(event)
    assert links.changes(PeerLost("pm02", 1000)) == [("pm02-eth1", None)]


def test_a_peer_that_leaves_takes_its_attributes_along() -> None:
    links = LinkAttributes()
    for event in (LinkUp("pm02", "eth1"), PeerHeard("pm02", 1)):
        links.changes(event)
    assert links.changes(PeerLeft("pm02")) == [("pm02-eth1", None)]
    assert links.changes(LinkDead("pm02", "eth1")) == []


def test_a_peer_that_returns_tells_all_its_links_again() -> None:
    links = LinkAttributes()
    for event in (LinkUp("pm02", "eth1"), PeerHeard("pm02", 1), LinkDead("pm02", "eth1"), PeerLost("pm02", 1)):
        links.changes(event)
    links.changes(LinkUp("pm02", "eth1"))
    assert links.changes(PeerHeard("pm02", 2)) == [("pm02-eth1", "up")]
