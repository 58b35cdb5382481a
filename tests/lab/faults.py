"""What goes wrong on one day in the lab, drawn from its seed; the same seed gives the same day.

`draw(seed)` gives a `Day` and touches nothing; `begin` and `end` do one fault to the lab and undo it. A fault of a
host that is off meanwhile does not happen.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from enum import StrEnum

from tests.lab import small
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.place import HB1, HB2, HEARTBEAT_LANS
from tests.lab.small import Options, state_of

DAY_S = 24.0
"""Faults begin within this time."""


class Kind(StrEnum):
    CRASH = "crash"
    FREEZE = "freeze"
    CUT_HOST = "cut host"
    """Both heartbeat LANs of one host."""
    PARTITION = "partition"
    CUT_LAN = "cut LAN"
    ONE_WAY = "one-way cut"
    ONE_WAY_LAN = "one-way cut of a LAN"
    LOSS = "loss"
    SLOW = "slow LANs"
    SLOW_LAN = "slow LAN"
    KILL_AGENT = "kill agent"
    FULL_DISK = "full disk"
    BROKEN_DISK = "broken disk"
    STUCK_SWITCH = "stuck switch"
    BREAK_SERVICE = "break service"
    STOP_AGENT = "stop agent"
    HANG_AGENT = "hang agent"
    FAIL_STOP = "service that cannot be stopped"


OF_ONE_LAN = (Kind.CUT_LAN, Kind.ONE_WAY_LAN, Kind.SLOW_LAN)
"""What the other LAN makes up for: nobody may be fenced because of it."""
HEALS = (Kind.CUT_HOST, Kind.PARTITION, Kind.CUT_LAN)
"""When one of them ends, every cable is whole again."""
_LONGEST_S = {Kind.FREEZE: 6.0, Kind.FULL_DISK: 8.0, Kind.BROKEN_DISK: 8.0}


@dataclass(frozen=True)
class Fault:
    at_s: float
    kind: Kind
    host: str
    peer: str
    lan: str
    size: int
    lasts_s: float

    def __str__(self) -> str:
        return f"{self.at_s:5.1f} s for {self.lasts_s:4.1f} s: {self.kind} ({self.host}, {self.peer}, {self.lan})"


@dataclass(frozen=True)
class Day:
    seed: int
    options: Options
    faults: tuple[Fault, ...]
    may_fence: bool
    """False: only one LAN at a time is touched, so fencing has no cause."""


def draw(seed: int, day_s: float = DAY_S) -> Day:
    luck = random.Random(f"{seed} lab")
    nodes = ("pm01", "pm02", "pm03")[: luck.choice((2, 2, 3))]
    media = luck.choice(("bcast", "ucast")), luck.choice(("bcast", "ucast", "mcast"))
    may_fence = luck.random() < 0.75
    faults, at_s, lan, busy_until_s = [], 1.0, luck.choice(HEARTBEAT_LANS), 0.0
    while at_s < day_s:
        kind = luck.choice(tuple(Kind) if may_fence else OF_ONE_LAN)
        host, peer = luck.sample(nodes, 2)
        lasts_s = round(luck.uniform(0.3, _LONGEST_S.get(kind, 6.0)), 1)
        size = luck.choice((5, 20, 50))
        faults.append(Fault(round(at_s, 1), kind, host, peer, lan, size, lasts_s))
        busy_until_s = max(busy_until_s, at_s + lasts_s + 3)
        at_s += luck.uniform(0.5, 6.0)
        if may_fence or busy_until_s < at_s:
            # The one LAN is well again before the other is touched.
            lan = luck.choice(HEARTBEAT_LANS)
    return Day(seed, Options(nodes, media), tuple(faults), may_fence)


def cut_off(fault: Fault, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Who hears nobody while it lasts."""
    match fault.kind:
        case Kind.PARTITION:
            return nodes
        case Kind.CUT_HOST:
            return (fault.host,)
        case _:
            return ()


def begin(lab: Lab, day: Day, fault: Fault) -> bool:
    """Whether it happened."""
    host, peer = lab[fault.host], lab[fault.peer]
    if host.pid is None:
        return False
    try:
        _begin(lab, day, fault, host, peer)
    except (RuntimeError, OSError):
        # The host went off meanwhile; everything that such a fault leaves behind goes with it.
        return False
    return True


def _begin(lab: Lab, day: Day, fault: Fault, host: Host, peer: Host) -> None:
    match fault.kind:
        case Kind.CRASH:
            host.crash()
        case Kind.FREEZE:
            host.freeze()
        case Kind.CUT_HOST:
            host.cut(HB1, HB2)
        case Kind.PARTITION:
            lab.cut(HB1)
            lab.cut(HB2)
        case Kind.CUT_LAN:
            lab.cut(fault.lan)
        case Kind.ONE_WAY:
            host.deafen(peer)
        case Kind.ONE_WAY_LAN:
            host.deafen(peer, fault.lan)
        case Kind.LOSS:
            host.lose(fault.size)
        case Kind.SLOW:
            host.slow(4 * fault.size)
        case Kind.SLOW_LAN:
            host.slow(fault.size, fault.lan)
        case Kind.KILL_AGENT:
            small.kill_agent(host)
        case Kind.FULL_DISK:
            host.fill(state_of(host, day.options))
        case Kind.BROKEN_DISK:
            host.run("mount", "-t", "tmpfs", "-o", "ro", "none", f"{state_of(host, day.options)}/cib")
        case Kind.STUCK_SWITCH:
            host.set_stuck(True)
        case Kind.BREAK_SERVICE:
            small.break_service(host, small.SINGLES[fault.size % 2])
        case Kind.STOP_AGENT:
            small.stop_and_start_agent(host, fault.lasts_s)
        case Kind.HANG_AGENT:
            small.hang_agent(host, True)
        case Kind.FAIL_STOP:
            small.set_fail_stop(host, True)
            small.break_service(host, small.SINGLES[fault.size % 2])


def end(lab: Lab, day: Day, fault: Fault) -> None:
    """Undo it; what a power loss has undone already stays so."""
    host = lab[fault.host]
    with contextlib.suppress(RuntimeError, OSError):
        match fault.kind:
            case Kind.CRASH:
                host.power_on()
            case Kind.FREEZE if host.pid is not None:
                host.thaw()
            case kind if kind in HEALS:
                lab.heal(HB1, HB2)
            case Kind.ONE_WAY | Kind.ONE_WAY_LAN | Kind.LOSS:
                host.listen()
            case Kind.SLOW | Kind.SLOW_LAN:
                host.slow(0)
            case Kind.FULL_DISK:
                small.free(host, day.options)
            case Kind.BROKEN_DISK:
                host.run("umount", f"{state_of(host, day.options)}/cib", check=False)
            case Kind.STUCK_SWITCH:
                host.set_stuck(False)
            case Kind.HANG_AGENT if host.pid is not None:
                small.hang_agent(host, False)
            case Kind.FAIL_STOP:
                small.set_fail_stop(host, False)
            case _:
                pass
