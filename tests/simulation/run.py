"""One seed is one cluster's bad day, from an empty disk to the end of all faults.

Reads a seed; gives an Outcome with the trace, and the judge's sentence when one spoke up.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.protocol import messages as say
from hacluster.scheduler.graph import TransitionGraph
from nodeagent.machines.liveness import LivenessTimes
from tests.simulation import stand_in
from tests.simulation.faults import Breeze, Peace, Storm
from tests.simulation.judges import Judges, Violation
from tests.simulation.world import TIMES, World

CALM_MS = 60_000
Scheduler = Callable[[Cib, datetime], TransitionGraph]
END_MS = 180_000


@dataclass(frozen=True, slots=True)
class Outcome:
    seed: int
    violation: str
    trace: tuple[str, ...]
    counts: dict[str, int]


def configuration(names: list[str], resources: int, *, is_fencing: bool, policy: str) -> str:
    """The `<configuration>` of a cluster: some services, and a fence device for each node."""
    primitives = "".join(
        f'<primitive id="rsc{number}" class="ocf" provider="heartbeat" type="Dummy"><operations>'
        f'<op id="rsc{number}-m" name="monitor" interval="5s" timeout="5s"/></operations></primitive>'
        for number in range(resources)
    )
    devices = "".join(
        f'<primitive id="fence-{name}" class="stonith" type="external/lab"><instance_attributes id="fence-{name}-p">'
        f'<nvpair id="fence-{name}-hostlist" name="hostlist" value="{name}"/></instance_attributes></primitive>'
        for name in names
    )
    options = {"stonith-enabled": str(is_fencing).lower(), "no-quorum-policy": policy, "stonith-timeout": "5s"}
    pairs = "".join(f'<nvpair id="opt-{key}" name="{key}" value="{value}"/>' for key, value in options.items())
    return (
        f'<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set>'
        f"</crm_config><nodes/><resources>{primitives}{devices}</resources><constraints/></configuration>"
    )


def configured(cib: Cib, configuration_xml: str) -> Cib:
    parsed = parse_cib(f"<cib>{configuration_xml}<status/></cib>")
    assert isinstance(parsed, Cib)
    return parsed


def make_world(
    seed: int,
    *,
    nodes: int,
    faults: Peace,
    judges: Judges,
    resources: int = 3,
    policy: str = "",
    tie_breaker: str = "",
    wait_for_all: bool = False,
    times: LivenessTimes = TIMES,
    configured_as: str = "",
) -> World:
    """A cluster whose disks already hold the same configuration."""
    names = [f"n{number}" for number in range(1, nodes + 1)]
    policy = policy or ("ignore" if nodes == 2 else "stop")
    world = World(names, seed, faults, judges)
    world.policy, world.tie_breaker.kind, world.wait_for_all, world.times = policy, tie_breaker, wait_for_all, times
    parsed = parse_cib(
        '<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="pacemaker-3.9">'
        + (configured_as or configuration(names, resources, is_fencing=judges.is_fencing, policy=policy))
        + "<status/></cib>"
    )
    assert isinstance(parsed, Cib)
    for host in world.hosts.values():
        host.disk.cib = parsed
        host.boot()
    return world


NODES = [2] * 36 + [3] * 26 + [4] * 18 + [5] * 10 + [6] * 5 + [8] * 3 + [12, 16]
DEADTIMES_MS = [1_000, 2_000, 2_000, 4_000]
POLICIES = ["stop", "stop", "freeze", "suicide"]


def drawn(seed: int) -> World:
    """The cluster of this seed, and its weather."""
    luck = random.Random(f"{seed} shape")
    nodes = luck.choice(NODES)
    is_mild = luck.random() < 0.15
    # What more than two nodes do without quorum is no safer than the network (docs/howto/quorum.md).
    policy = luck.choice([*POLICIES, *(["ignore"] * 3 if nodes == 2 else [])])
    tie_breaker = "" if nodes % 2 else luck.choice(["", "ping" if nodes == 2 else "disk", "disk"])
    is_fencing = is_mild or luck.random() < 0.9
    world = make_world(
        seed,
        nodes=nodes,
        faults=Breeze(seed, CALM_MS) if is_mild else Storm(seed, CALM_MS),
        judges=Judges(is_fencing=is_fencing, may_fence=not is_mild),
        resources=luck.choice([1, 3, 6]),
        policy=policy,
        tie_breaker=tie_breaker,
        wait_for_all=luck.random() < 0.15,
        times=_times(luck.choice(DEADTIMES_MS)),
    )
    shape = [f"{nodes} nodes", "mild day" if is_mild else "storm", f"no-quorum-policy {policy}"]
    shape += [f"tie-breaker {tie_breaker or 'none'}", f"fencing {'on' if is_fencing else 'off'}"]
    shape += [f"deadtime {world.times.deadtime_ms} ms"]
    shape += ["wait_for_all"] if world.wait_for_all else []
    for part in shape:
        world.count(f"shape: {part}")
    world.note(f"seed {seed}: {', '.join(shape)}")
    return world


def _times(deadtime_ms: int) -> LivenessTimes:
    return LivenessTimes(deadtime_ms // 4, deadtime_ms // 2, deadtime_ms, max(5_000, 2 * deadtime_ms))


def run_seed(seed: int, schedule: Scheduler = stand_in.schedule) -> Outcome:
    world = drawn(seed)
    judges = world.judges
    world.schedule = schedule
    violation = ""
    try:
        world.run(CALM_MS + 70_000)
        dc = next((host for host in world.hosts.values() if host.node is not None and host.node.here.is_dc), None)
        if dc is not None:
            dc.request(say.ResourceCleanup(only_failures=False))
        world.run(END_MS)
        judges.final(world)
    except Violation as error:
        violation = str(error)
        world.note(f"VIOLATION: {error}")
    except Exception:
        violation = traceback.format_exc()
        world.note(violation)
    return Outcome(seed, violation, tuple(world.trace), world.counts)
