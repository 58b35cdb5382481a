"""When a peer counts as heard, late, lost, returned or gone."""

from __future__ import annotations

from hacluster.protocol.peers import Heartbeat
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
from nodeagent.machines.liveness import Liveness, LivenessTimes

TIMES = LivenessTimes(keepalive_ms=100, warntime_ms=300, deadtime_ms=1_000, initdead_ms=5_000)


def liveness() -> Liveness:
    return Liveness("n1", 7, ["n2"], TIMES, now_ms=0)


def beat(seq: int, *, incarnation: int = 1, hears: int | None = 7, losses: int = 0, leaving: bool = False) -> Heartbeat:
    heard = {} if hears is None else {"n1": (hears, losses)}
    return Heartbeat("n2", incarnation, seq, heard, leaving)


def test_a_peer_is_heard_only_when_it_hears_this_incarnation():
    machine = liveness()
    assert machine.heartbeat(beat(1, hears=None), "eth1", 0) == [LinkUp("n2", "eth1")]
    assert machine.heartbeat(beat(2, hears=6), "eth1", 100) == []
    assert machine.heartbeat(beat(3), "eth1", 200) == [PeerHeard("n2", 1)]


def test_silence_on_one_link_kills_the_link_and_not_the_peer():
    machine = liveness()
    machine.heartbeat(beat(1), "eth1", 0)
    machine.heartbeat(beat(1), "eth2", 0)
    machine.heartbeat(beat(2), "eth1", 900)
    assert machine.next_deadline_ms() == 1_000
    assert machine.deadline(1_000) == [LinkDead("n2", "eth2")]


def test_silence_on_all_links_loses_the_peer_once():
    machine = liveness()
    machine.heartbeat(beat(1), "eth1", 0)
    assert machine.deadline(999) == []
    assert machine.deadline(1_000) == [LinkDead("n2", "eth1"), PeerLost("n2", 1_000)]
    assert machine.deadline(2_000) == []
    assert machine.next_deadline_ms() is None


def test_a_peer_that_does_not_hear_this_node_any_more_is_lost():
    machine = liveness()
    machine.heartbeat(beat(1), "eth1", 0)
    assert machine.heartbeat(beat(2, hears=None), "eth1", 100) == [PeerLost("n2", 0)]


def test_a_loss_so_short_that_nobody_said_it_is_noticed_by_its_count():
    machine = liveness()
    machine.heartbeat(beat(1), "eth1", 0)
    facts = machine.heartbeat(beat(2, losses=1), "eth1", 100)
    assert facts == [PeerLost("n2", 0), PeerReturned("n2", 0), PeerHeard("n2", 1)]


def test_the_own_losses_are_told_in_the_heartbeat():
    machine = liveness()
    machine.heartbeat(beat(1), "eth1", 0)
    assert machine.hears() == {"n2": (1, 0)}
    machine.deadline(1_000)
    assert machine.hears() == {}
    machine.heartbeat(beat(2), "eth1", 1_500)
    assert machine.hears() == {"n2": (1, 1)}


def test_a_late_heartbeat_is_told_before_the_peer_is_lost():
    machine = liveness()
    machine.heartbeat(beat(1), "eth1", 0)
    assert machine.heartbeat(beat(2), "eth1", 301) == [PeerLate("n2", 301)]


def test_a_new_incarnation_ends_the_old_one_and_says_so():
    machine = liveness()
    machine.heartbeat(beat(5), "eth1", 0)
    assert machine.heartbeat(beat(1, incarnation=2, hears=None), "eth1", 50) == [PeerLost("n2", 50, restarts_as=2)]
    assert machine.heartbeat(beat(2, incarnation=2), "eth1", 100) == [PeerHeard("n2", 2)]


def test_a_datagram_of_an_old_incarnation_is_nothing():
    machine = liveness()
    machine.heartbeat(beat(1, incarnation=2), "eth1", 0)
    assert machine.heartbeat(beat(99, incarnation=1), "eth1", 10) == []


def test_a_replayed_datagram_does_not_revive_a_link():
    machine = liveness()
    machine.heartbeat(beat(1), "eth1", 0)
    machine.deadline(1_000)
    assert machine.heartbeat(beat(1), "eth1", 1_100) == []


def test_a_peer_that_leaves_is_not_lost():
    machine = liveness()
    machine.heartbeat(beat(1), "eth1", 0)
    assert machine.heartbeat(beat(2, leaving=True), "eth1", 100)[0] == PeerLeft("n2")
    assert machine.heartbeat(beat(3), "eth1", 150) == []
    assert machine.deadline(5_000) == []


def test_a_goodbye_to_an_earlier_life_of_this_node_is_none():
    """Recorded and sent again, it would make a node that runs count as one that stopped in order."""
    machine = liveness()
    facts = [*machine.heartbeat(beat(9, hears=6, leaving=True), "eth1", 0), *machine.deadline(1_000)]
    assert facts == [LinkUp("n2", "eth1"), LinkDead("n2", "eth1")]


def test_an_unknown_node_is_not_heard():
    assert liveness().heartbeat(Heartbeat("stranger", 1, 1, {"n1": (7, 0)}), "eth1", 0) == []


def flaps(machine: Liveness, times: int) -> int:
    """The peer is lost so often, two seconds apart; gives the moment of its next heartbeat."""
    at = 0
    for seq in range(times):
        while not machine.hears():
            machine.heartbeat(beat(100 * seq + at), "eth1", at)
            at += 100
        machine.deadline(at + 1_000)
        at += 2_000
    return at


def test_a_peer_that_was_lost_once_is_heard_at_once_again():
    machine = liveness()
    at = flaps(machine, 1)
    assert PeerHeard("n2", 1) in machine.heartbeat(beat(at), "eth1", at)


def test_a_peer_that_is_lost_again_and_again_is_held_off_and_not_told_as_heard():
    machine = liveness()
    at = flaps(machine, 2)
    assert PeerHeldOff("n2", 2, 2_000) in machine.heartbeat(beat(10_000), "eth1", at)
    assert machine.hears() == {}
    assert machine.heartbeat(beat(10_001), "eth1", at + 1_900) == []
    assert PeerHeard("n2", 1) in machine.heartbeat(beat(10_002), "eth1", at + 2_000)
    assert list(machine.hears()) == ["n2"]


def test_the_hold_grows_with_each_loss_and_stays_below_initdead():
    assert [TIMES.hold_off_ms(losses) for losses in range(6)] == [0, 0, 2_000, 2_500, 2_500, 2_500]
    slow = LivenessTimes(keepalive_ms=100, warntime_ms=300, deadtime_ms=1_000, initdead_ms=60_000)
    assert [slow.hold_off_ms(losses) for losses in range(8)] == [0, 0, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]


def test_losses_of_long_ago_do_not_count():
    machine = liveness()
    at = flaps(machine, 3) + 70_000
    assert PeerHeard("n2", 1) in machine.heartbeat(beat(at), "eth1", at)
