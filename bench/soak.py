"""Does a busy machine make a node look dead? `python -m bench.soak --minutes 30`, as root.

A pair in a lab of its own with deadtime 500 ms; all cores busy, the agents' disk busy with synced writes, every service
monitored each second, a configuration change each second. Every five minutes one of the two LANs is cut for 20 s.
Prints what the agents said and when heartbeats really left; ends with 1 when a node was declared dead, somebody was
fenced or a service was started twice.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.loads import Loads, percentile
from bench.wire import Wire
from hacluster.protocol.client import AgentUnreachable
from tests.lab import apart
from tests.lab.activity import Activity, fences
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.place import CHECKOUT, HEARTBEAT_LANS
from tests.lab.small import SERVICES, Options, change, remarks, small_cluster

CUT_EVERY_S = 300.0
CUT_S = 20.0
_OPTION = '<cluster_property_set id="soak"><nvpair id="soak-{0}" name="soak-{0}" value="{1}"/></cluster_property_set>'


@dataclass
class Changes:
    """A change each second, at one host after the other, until it is ended."""

    hosts: list[Host]
    latencies_ms: list[float] = field(default_factory=list)
    failures: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        while not self._ended.wait(1.0):
            number += 1
            began_s = time.perf_counter()
            try:
                change(self.hosts[number % len(self.hosts)], "crm_config", _OPTION.format(number % 10, number))
                self.latencies_ms.append((time.perf_counter() - began_s) * 1000)
            except (AgentUnreachable, RuntimeError):
                self.failures += 1

    def end(self) -> None:
        self._ended.set()


def soak(lab: Lab, minutes: float) -> list[tuple[float, float]]:
    """Pass the time and cut LANs; when they were cut."""
    cuts: list[tuple[float, float]] = []
    end_s = time.monotonic() + minutes * 60
    while (left_s := end_s - time.monotonic()) > 0:
        threading.Event().wait(min(left_s, CUT_EVERY_S - CUT_S))
        if end_s - time.monotonic() < CUT_S * 2:
            continue
        lan = HEARTBEAT_LANS[len(cuts) % len(HEARTBEAT_LANS)]
        began_s = time.time()
        lab.cut(lan)
        threading.Event().wait(CUT_S)
        lab.heal(lan)
        cuts.append((began_s, time.time()))
        print(f"{time.strftime('%H:%M:%S')} {lan} was cut for {CUT_S:g} s; load {os.getloadavg()[0]:.1f}", flush=True)
    return cuts


def report(lab: Lab, options: Options, wire: Wire, changes: Changes, cuts: list[tuple[float, float]]) -> bool:
    told = [each for host in lab.hosts for each in remarks(host, options)]
    count = {code: sum(each.get("code") == code for each in told) for code in ("node.lost", "node.late")}
    dead_links = [float(each["at_ms"]) / 1000 for each in told if each.get("code") == "link.dead"]  # type: ignore[arg-type]
    outside = sum(not any(began <= at_s <= ended + 2 for began, ended in cuts) for at_s in dead_links)
    starts = Activity.read().starts
    for host in lab.hosts:
        intervals = wire.intervals_ms(host.name)
        shown = "  ".join(f"{name} {percentile(intervals, share):.1f}" for name, share in _SHARES)
        print(f"{host.name}: {len(intervals)} heartbeat intervals in ms: {shown}  max {max(intervals, default=0):.1f}")
    shown = "  ".join(f"{name} {percentile(changes.latencies_ms, share):.0f}" for name, share in _SHARES)
    print(f"{len(changes.latencies_ms)} changes, on both disks after ms: {shown}; failed: {changes.failures}")
    print(f"LANs cut: {len(cuts)}; links declared dead: {len(dead_links)}, of these without a cut: {outside}")
    print(f"late heartbeats: {count['node.late']}")
    print(f"nodes declared dead: {count['node.lost']}; fence requests: {len(fences())}; starts: {starts}")
    return not count["node.lost"] and not fences() and starts == dict.fromkeys(SERVICES, 1) and not changes.failures


_SHARES = (("median", 0.5), ("p99", 0.99), ("p99.9", 0.999))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N")
    parser.add_argument("--deadtime-ms", type=int, default=500, metavar="MS")
    parser.add_argument("--no-load", action="store_true", help="the same on an idle machine, to compare")
    options = parser.parse_args(arguments)
    apart.enter()
    (CHECKOUT / "var").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=CHECKOUT / "var"))
    deadtime_ms = options.deadtime_ms
    made = Options(
        keepalive_ms=deadtime_ms // 5, warntime_ms=deadtime_ms // 2, deadtime_ms=deadtime_ms, state=str(folder)
    )
    try:
        with small_cluster(made) as lab, Wire(lab.hosts) as wire:
            with Loads(folder) if not options.no_load else Loads(folder, 0, 0):
                changes = Changes(lab.hosts)
                asking = threading.Thread(target=changes.run)
                asking.start()
                cuts = soak(lab, options.minutes)
                changes.end()
                asking.join()
            is_well = report(lab, made, wire, changes, cuts)
    finally:
        shutil.rmtree(folder)
    print("well" if is_well else "NOT well")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
