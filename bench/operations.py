"""How long does what an operator waits for take? `python -m bench.operations [--repeat N]`, as root.

A pair in a lab of its own (deadtime 1 s, monitors each second, a group of two services whose agents take no time):
boot of both nodes, crash of the active one, failure of a service, standby, move, an attribute. Each until the last
service of the group runs where it should, by the services' own marks.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

from tests.lab import apart, cluster, small
from tests.lab.activity import PAUSE, Activity
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab

PATIENCE_S = 60.0
_DEFAULTS = (
    '<rsc_defaults><meta_attributes id="rsc-options"><nvpair id="d1" name="resource-stickiness" value="INFINITY"/>'
    '<nvpair id="d2" name="migration-threshold" value="1"/></meta_attributes></rsc_defaults>'
)


def active(lab: Lab) -> Host:
    return lab[cluster.look(lab.hosts[0]).runs_on(small.GROUP[-1])[0]]


def until_group_runs(host: Host, on: Host, since_s: float) -> float:
    cluster.wait_until(
        host,
        f"the group runs on {on.name}",
        lambda view: Activity.read().started_s(small.GROUP[-1], on.name) > since_s,
        PATIENCE_S,
    )
    return Activity.read().started_s(small.GROUP[-1], on.name) - since_s


def until_calm(lab: Lab) -> None:
    everybody = {host.name for host in lab.hosts}
    for host in lab.hosts:
        cluster.wait_until(
            host, "all is calm", lambda view: view.members == everybody and small.is_served(view), PATIENCE_S
        )


def boot(lab: Lab) -> float:
    for host in lab.hosts:
        host.shut_down()
    began_s = time.time()
    for host in lab.hosts:
        host.power_on()
    until_calm(lab)
    return max(Activity.read().started_s(name, host.name) for name in small.SERVICES for host in lab.hosts) - began_s


def crash(lab: Lab) -> float:
    host = active(lab)
    other = lab.other(host)
    began_s = time.time()
    host.crash()
    took_s = until_group_runs(other, other, began_s)
    host.power_on()
    return took_s


def fail(lab: Lab) -> float:
    host = active(lab)
    other = lab.other(host)
    began_s = time.time()
    small.break_service(host, small.GROUP[-1])
    took_s = until_group_runs(other, other, began_s)
    host.run("crm_resource", "--cleanup", "-r", small.GROUP[-1])
    return took_s


def standby(lab: Lab) -> float:
    host = active(lab)
    other = lab.other(host)
    began_s = time.time()
    host.run("crm", "node", "standby", host.name)
    took_s = until_group_runs(other, other, began_s)
    host.run("crm", "node", "online", host.name)
    return took_s


def move(lab: Lab) -> float:
    host = active(lab)
    other = lab.other(host)
    began_s = time.time()
    host.run("crm_resource", "--move", "--force", "-r", "grpC")
    took_s = until_group_runs(other, other, began_s)
    host.run("crm_resource", "--clear", "-r", "grpC")
    return took_s


def attribute(lab: Lab) -> float:
    one, other = lab.hosts
    value = str(time.time_ns())
    began_s = time.time()
    one.run("attrd_updater", "-n", "bench", "-U", value)
    seen_s = cluster.wait_until(other, "it is seen", lambda view: _has(view, value), PATIENCE_S)
    return seen_s - began_s


def _has(view: cluster.View, value: str) -> bool:
    return any(element.get("value") == value for element in view.cib.status.walk())


MEASURES: dict[str, Callable[[Lab], float]] = {
    "boot of both nodes to the last service": boot,
    "crash of the active node to the group": crash,
    "failed service to the group elsewhere": fail,
    "crm node standby to the group elsewhere": standby,
    "crm_resource --move --force to the group elsewhere": move,
    "attrd_updater to its value on the other node": attribute,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.operations", description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5, metavar="N")
    options = parser.parse_args(arguments)
    apart.enter()
    with small.small_cluster(small.Options()) as lab:
        PAUSE.write_text("0")
        small.change(lab.hosts[0], "rsc_defaults", _DEFAULTS)
        for name, measure in MEASURES.items():
            found = []
            for _ in range(options.repeat):
                until_calm(lab)
                found.append(measure(lab))
            spread = f"{median(found):6.2f} s ({min(found):.2f} - {max(found):.2f})"
            print(f"{name:<51} {spread}   load {os.getloadavg()[0]:.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
