"""How long is the service away when its node loses power?

Run as root, `python -m bench.failover [--repeat N]` or `make bench`: the seed's pair in the lab (deadtime 1 s, monitors
each 1 s), the active node crashes, and a client looks for the first row it can commit over the service address.
Split by the survivor's own events: detect (crash to the request to fence), fence (to its end), start (to the first
commit: sfex takes the lock over, Filesystem, IPaddr2, PostgreSQL's recovery).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from tests.lab import cluster
from tests.lab.client import Writer
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.pair import bare_pair, load, wait_for_first_service, wait_for_service, wait_until_whole


@dataclass(frozen=True)
class Failover:
    detect_s: float
    fence_s: float
    start_s: float

    @property
    def total_s(self) -> float:
        return self.detect_s + self.fence_s + self.start_s


def measure(lab: Lab, writer: Writer) -> Failover:
    active = lab[cluster.look(lab["pm01"]).runs_on("prmPg")[0]]
    survivor = lab.other(active)
    began_s = time.time()
    active.crash()
    answered_s = writer.wait_for_commit(60, time.time())
    wait_for_service(survivor, survivor.name)
    requested_s = event_s(survivor, "fence.requested", began_s)
    fenced_s = event_s(survivor, "fence.ok", began_s)
    active.power_on()
    wait_until_whole(survivor)
    return Failover(requested_s - began_s, fenced_s - requested_s, answered_s - fenced_s)


def event_s(host: Host, code: str, since_s: float) -> float:
    """When the agent first told of it since that moment, by its own log of events."""
    lines = host.inside("/var/lib/hacluster/agent.jsonl").read_text().splitlines()
    told = (json.loads(line) for line in lines)
    return next(each["at_ms"] / 1000 for each in told if each.get("code") == code and each["at_ms"] >= since_s * 1000)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.failover", description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5, metavar="N")
    options = parser.parse_args(arguments)
    found = []
    with bare_pair(consoles=True) as lab, Writer() as writer:
        load(lab)
        wait_for_first_service(lab["pm01"])
        wait_until_whole(lab["pm01"])
        writer.wait_for_commit(30)
        print("detect   fence   start   total")
        for _ in range(options.repeat):
            found.append(measure(lab, writer))
            print("  ".join(f"{each:6.2f}" for each in (*astuple(found[-1]), found[-1].total_s)), flush=True)
        lost = writer.lost_rows()
    print(f"total: median {statistics.median(each.total_s for each in found):.2f} s; rows lost: {lost}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
