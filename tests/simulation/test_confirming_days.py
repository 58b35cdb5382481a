"""Named days on which an operator says that a node is off."""

from __future__ import annotations

from hacluster.protocol import messages as say
from tests.simulation.scripted import SETTLED_MS, Scripted, dc_of, other_than, said, settled
from tests.simulation.world import LINKS, World


def test_a_heard_node_cannot_be_confirmed_as_off():
    world = settled()
    replies = []
    world.hosts["n2"].request(say.FenceConfirm(node="n1", user="root"), replies.append)
    world.run(SETTLED_MS + 100)
    assert [reply.code for reply in replies] == ["fence.node-is-heard"]


def broken_between(one: str, other: str, *, both: bool) -> World:
    """Three nodes whose fencing does not work; two of them have lost each other."""
    faults = Scripted()
    faults.is_fencing_broken = True
    world = settled(3, faults=faults)
    for link in LINKS:
        world.cut_link(one, other, link, both=both)
    world.run(SETTLED_MS + 20_000)
    return world


def test_a_node_that_only_another_member_hears_cannot_be_confirmed_as_off():
    dc = settled(3).hosts["n1"].node.here.dc
    lost, witness = (name for name in ("n1", "n2", "n3") if name != dc)
    world = broken_between(dc, lost, both=True)
    replies = []
    world.hosts[dc].request(say.FenceConfirm(node=lost, user="root"), replies.append)
    world.run(world.now_ms + 5_000)
    assert [(reply.code, reply.reason) for reply in replies] == [("fence.node-is-heard", f"{witness} hears {lost}")]
    assert replies[0].reason_ja == f"{witness} に {lost} の応答が届いています"
    assert not said(world, f"STONITH (off) {lost} by a human")


def test_a_node_that_is_heard_in_one_direction_only_cannot_be_confirmed_as_off():
    dc = settled(3).hosts["n1"].node.here.dc
    lost = next(name for name in ("n1", "n2", "n3") if name != dc)
    world = broken_between(dc, lost, both=False)
    replies = []
    world.hosts[dc].request(say.FenceConfirm(node=lost, user="root"), replies.append)
    world.run(world.now_ms + 5_000)
    assert [reply.reason for reply in replies] == [f"{dc} hears {lost}"]


def test_a_node_that_was_confirmed_as_off_and_lives_reboots_when_it_is_heard():
    """Its services may have been started elsewhere on the operator's word."""
    faults = Scripted()
    faults.is_fencing_broken = True
    world = settled(3, faults=faults)
    dc = dc_of(world)
    lost = other_than(world, dc)
    world.partition([lost])
    world.run(SETTLED_MS + 3_000)
    world.hosts[dc].request(say.FenceConfirm(node=lost, user="root"))
    world.run(SETTLED_MS + 6_000)
    assert said(world, f"STONITH (off) {lost} by a human")
    world.heal()
    world.run(SETTLED_MS + 8_000)
    assert said(world, f"{lost} crashes: {dc} says that this node was fenced")
