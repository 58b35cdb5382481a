"""Named days of a cable that comes and goes."""

from __future__ import annotations

from nodeagent.machines.liveness import LivenessTimes
from tests.simulation.judges import Judges
from tests.simulation.run import make_world
from tests.simulation.scripted import Scripted, said
from tests.simulation.world import LINKS, World


def flapping(period_ms: int, *, initdead_ms: int) -> World:
    """Both LANs between two of three nodes come and go for two minutes; fencing does not work."""
    faults = Scripted()
    faults.is_fencing_broken = True
    times = LivenessTimes(keepalive_ms=250, warntime_ms=500, deadtime_ms=1_000, initdead_ms=initdead_ms)
    world = make_world(1, nodes=3, faults=faults, judges=Judges(), times=times)
    world.run(3 * initdead_ms)
    began = world.now_ms
    for number in range(120_000 // period_ms):
        at = began + number * period_ms
        for link in LINKS:
            world.at(at, lambda link=link: world.cut_link("n1", "n2", link))
        world.at(at + 1_200, world.heal)
    world.run(began + 120_000)
    return world


def test_a_flapping_link_does_not_flap_the_membership():
    world = flapping(6_000, initdead_ms=60_000)
    assert len(said(world, "cut n1 -> n2")) == 40
    assert said(world, "was lost 3 times within a minute")
    assert max(len(said(world, f"{one} > Node {other} is lost")) for one in ("n1", "n2") for other in ("n1", "n2")) <= 8


def test_a_link_that_has_stopped_flapping_is_believed_again():
    world = flapping(6_000, initdead_ms=60_000)
    world.faults.is_fencing_broken = False
    world.run(world.now_ms + 100_000)
    world.judges.final(world)
