"""What named days have in common: a cluster that has settled, faults by hand, and what one asks of it afterwards."""

from __future__ import annotations

from typing import Any

from tests.simulation.faults import Peace
from tests.simulation.judges import Judges
from tests.simulation.run import make_world
from tests.simulation.world import World

SETTLED_MS = 10_000


class Scripted(Peace):
    """Peace, but for what a scenario says."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self.failing: dict[tuple[str, str], tuple[int, str]] = {}
        """(resource, action) -> (exit code, what it really does)"""
        self.is_fencing_broken = False
        self.fence_ms = 200

    def agent(self, host, spec):
        ms, rc, effect = super().agent(host, spec)
        rc, effect = self.failing.get((spec.resource, spec.action), (rc, effect))
        return ms, rc, effect

    def fence_device(self, host, spec):
        return self.fence_ms, not self.is_fencing_broken


def settled(
    nodes: int = 2, *, faults: Peace | None = None, judges: Judges | None = None, resources: int = 3, **shape: Any
) -> World:
    world = make_world(
        1, nodes=nodes, faults=faults or Scripted(), judges=judges or Judges(), resources=resources, **shape
    )
    world.run(SETTLED_MS)
    return world


def dc_of(world: World) -> str:
    return next(name for name, host in world.hosts.items() if host.node is not None and host.node.here.is_dc)


def other_than(world: World, name: str) -> str:
    return next(other for other in world.names if other != name)


def places(world: World) -> dict[str, list[str]]:
    return {
        f"rsc{number}": [name for name, host in world.hosts.items() if f"rsc{number}" in host.active]
        for number in range(3)
    }


def said(world: World, text: str) -> list[str]:
    return [line for line in world.trace if text in line]
