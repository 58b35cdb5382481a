"""Named days of agents that end and come back while their services run on: killed, or anew for an upgrade."""

from __future__ import annotations

from nodeagent.machines.events import StopRequested
from nodeagent.shell.engines.heartbeat import LINGER_MS
from tests.simulation.host import Host
from tests.simulation.judges import Judges
from tests.simulation.scripted import SETTLED_MS, dc_of, other_than, places, said, settled
from tests.simulation.world import World


def test_an_agent_that_restarts_at_once_finds_its_services_running_and_is_not_fenced():
    for name in ("n1", "n2"):
        world = settled(judges=Judges(may_fence=False))
        before = places(world)
        starts = len(said(world, "tries to start"))
        world.hosts[name].crash_agent(200)
        world.run(SETTLED_MS + 20_000)
        world.judges.final(world)
        assert places(world) == before
        assert len(said(world, "tries to start")) == starts


def test_an_agent_that_restarts_alone_remembers_that_the_other_node_had_left():
    """Found by seed 345: it took the node for one that was never seen, and had it fenced."""
    world = settled(judges=Judges(may_fence=False))
    world.hosts["n2"].step(StopRequested())
    world.run(SETTLED_MS + 5_000)
    world.hosts["n1"].crash_agent(200)
    world.run(SETTLED_MS + 20_000)
    assert not world.hosts["n2"].is_up
    assert all(nodes == ["n1"] for nodes in places(world).values())


def begin_anew(world: World, host: Host, boot_ms: int) -> None:
    """Returns when it could be a member again."""
    host.begin_anew(boot_ms)
    world.run(world.now_ms + boot_ms + 5_000)


def test_an_agent_that_needs_longer_than_deadtime_to_begin_anew_is_heard_all_the_time():
    world = settled(3, judges=Judges(may_fence=False))
    before = places(world)
    for name in (other_than(world, dc_of(world)), dc_of(world)):
        begin_anew(world, world.hosts[name], 8 * world.times.deadtime_ms)
        assert said(world, f"{name} boots, incarnation 2")
    assert places(world) == before
    assert not said(world, "Late heartbeat")
    assert not said(world, "FAULTY")
    world.judges.final(world)


def test_a_change_that_is_asked_for_while_an_agent_begins_anew_is_made_when_it_is_back():
    """Who is heard is a member, so the others wait for its disk; its next life takes the change over."""
    world = settled(3, judges=Judges(may_fence=False))
    dc = world.hosts[dc_of(world)]
    other = world.hosts[other_than(world, dc.name)]
    other.begin_anew(3_000)
    world.judges.change_something(dc)
    world.run(world.now_ms + 10_000)
    assert list(world.judges.acknowledged) == ["change-1"]
    world.judges.final(world)


def test_a_machine_that_crashes_while_its_agent_begins_anew_is_lost_and_fenced():
    world = settled()
    dc = dc_of(world)
    other = other_than(world, dc)
    world.hosts[other].begin_anew(8_000)
    world.run(world.now_ms + 2_000)
    world.hosts[other].crash("power cut")
    world.run(world.now_ms + 4_000)
    assert said(world, f"shoots {other}")
    assert all(nodes == [dc] for nodes in places(world).values())


def test_a_node_that_pauses_while_the_agent_of_the_dc_begins_anew_is_not_fenced():
    """Found by seed 400369: the third node hears it, but the new life of the DC has not heard it yet."""
    world = settled(3, judges=Judges(may_fence=False))
    dc = world.hosts[dc_of(world)]
    paused = world.hosts["n2"]
    dc.begin_anew(300)
    paused.frozen_until = world.now_ms + 900
    world.run(world.now_ms + 20_000)
    assert said(world, f"{dc.name} boots, incarnation 2")
    world.judges.final(world)


def test_a_dc_that_is_elected_meanwhile_waits_for_a_node_that_begins_anew():
    """Found by seed 7552: a heart that beats on for longer than a new DC waits is that of a node to be fenced."""
    world = settled(3, judges=Judges(may_fence=False))
    dc = dc_of(world)
    other = other_than(world, dc)
    world.hosts[other].begin_anew(LINGER_MS)
    world.run(world.now_ms + 500)
    world.hosts[dc].crash_agent(100)
    world.run(world.now_ms + 20_000)
    assert said(world, f"{other} boots, incarnation 2")
    world.judges.final(world)
