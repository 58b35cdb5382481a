"""How long is a node silent while its agent begins anew? `python -m bench.restart --repeat 20`, as root.

A pair in a lab of its own with deadtime 1 s; one host after the other begins anew with `nodeagent --restart` while its
services run, on an idle machine and with all cores busy. Prints the longest interval between two heartbeats of the host
at its LAN's switch around each restart, and how long its agent did not answer; ends with 1 when a node was declared
dead, somebody was fenced or a service was started twice.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.loads import Loads, percentile
from bench.wire import Wire
from tests.lab import apart, cluster
from tests.lab.activity import Activity, fences
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.small import SERVICES, Options, is_served, remarks, small_cluster

PATIENCE_S = 120.0


def restart(lab: Lab, host: Host) -> float:
    """Begin anew, and wait until everybody is a member again; the seconds until the agent answered."""
    began_s = time.monotonic()
    host.run("nodeagent", "--restart", timeout_s=PATIENCE_S)
    answered_s = time.monotonic() - began_s
    everybody = {each.name for each in lab.hosts}
    for each in lab.hosts:
        cluster.wait_until(
            each, "all are members", lambda view: view.members == everybody and is_served(view), PATIENCE_S
        )
    return answered_s


def measure(lab: Lab, options: Options, repeat: int, cores: int) -> bool:
    """One line for a machine that is as busy as that; whether nobody was taken for dead."""
    silent_ms: list[float] = []
    answered_s: list[float] = []
    before = _troubles(lab, options)
    with tempfile.TemporaryDirectory() as folder, Loads(Path(folder), cores, 0):
        for number in range(repeat):
            host = lab.hosts[number % len(lab.hosts)]
            with Wire(lab.hosts) as wire:
                answered_s.append(restart(lab, host))
            silent_ms.append(max(wire.intervals_ms(host.name), default=0.0))
    lost, fenced = (after - earlier for after, earlier in zip(_troubles(lab, options), before, strict=True))
    print(
        f"{repeat} restarts with {cores} cores busy, load {os.getloadavg()[0]:.1f}: longest silence in ms: "
        f"median {percentile(silent_ms, 0.5):.0f}  max {max(silent_ms):.0f}; `nodeagent --restart` took s: "
        f"median {percentile(answered_s, 0.5):.2f}  max {max(answered_s):.2f}; declared dead {lost}, fenced {fenced}",
        flush=True,
    )
    return not lost and not fenced


def _troubles(lab: Lab, options: Options) -> tuple[int, int]:
    """How often a node was declared dead by its silence, and how often somebody was to be fenced."""
    told = [each for host in lab.hosts for each in remarks(host, options)]
    return sum(each.get("code") == "link.dead" for each in told), len(fences())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.restart", description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=20, metavar="N")
    parser.add_argument("--deadtime-ms", type=int, default=1000, metavar="MS")
    parser.add_argument("--busy", type=int, nargs="*", default=[0, os.cpu_count() or 1], metavar="CORES")
    options = parser.parse_args(arguments)
    apart.enter()
    deadtime_ms = options.deadtime_ms
    made = Options(keepalive_ms=deadtime_ms // 10, warntime_ms=deadtime_ms // 2, deadtime_ms=deadtime_ms)
    with small_cluster(made) as lab:
        are_well = [measure(lab, made, options.repeat, cores) for cores in options.busy]
        starts = Activity.read().starts
    is_well = all(are_well) and starts == dict.fromkeys(SERVICES, 1)
    print("well" if is_well else f"NOT well: {starts}")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
