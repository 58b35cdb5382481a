"""What a node as a whole does with what it is told."""

from __future__ import annotations

import random

from hacluster.cib.model import Cib
from hacluster.protocol.peers import Hello, VoteRequest
from nodeagent.machines.effects import Effect, PersistTerm
from nodeagent.machines.events import MessageReceived, PeerHeard
from nodeagent.machines.node import Node
from nodeagent.machines.situation import Restored, Settings

ASKED = VoteRequest(term=7, rank=(1, 9, 9, "n2"))


def heard() -> Node:
    """A node that hears the second life of its only peer."""
    settings = Settings(node="n1", nodes=("n1", "n2", "n3"))
    node = Node(settings, Restored(incarnation=1, cib=Cib.empty()), random.Random(1), 0, 0)
    node.start(0, 0)
    node.step(PeerHeard("n2", 2), 10, 10)
    node.step(MessageReceived("n2", 2, Hello()), 11, 11)
    return node


def terms(effects: list[Effect]) -> list[tuple[int, str]]:
    return [(effect.term, effect.voted_for) for effect in effects if isinstance(effect, PersistTerm)]


def test_a_message_of_the_life_that_is_heard_is_believed():
    assert terms(heard().step(MessageReceived("n2", 2, ASKED), 20, 20)) == [(7, "n2")]


def test_a_message_of_an_earlier_life_is_not_believed():
    assert heard().step(MessageReceived("n2", 1, ASKED), 20, 20) == []


def test_a_message_of_a_peer_that_is_not_heard_is_not_believed():
    assert heard().step(MessageReceived("n3", 1, ASKED), 20, 20) == []
