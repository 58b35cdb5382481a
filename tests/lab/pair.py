"""The seed's cluster, running: pm01 and pm02 with agents, a console, and the sheet applied through it.

`with bare_pair(…) as lab` gives the lab; `load` applies the sheet, `wait_for_first_service` says who serves.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.lab import cluster, postgres
from tests.lab.browserless import Operator
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab

SHEET = Path(__file__).parent / "sheets" / "demo.csv"
OPERATOR = "admin"
TOGETHER_S = 60.0
LOADED_S = 90.0
SERVICE_RESOURCES = ("prmEx", "prmFs", "prmIp", "prmPg")
STONITH_RESOURCES = tuple(f"prmStonith{node}-{number}" for node in (1, 2) for number in (1, 2, 3))


@contextlib.contextmanager
def bare_pair(*, consoles: bool) -> Iterator[Lab]:
    """Both agents are members; nothing is configured."""
    with Lab() as lab:
        postgres.make_disks(lab)
        cluster.install(lab)
        if consoles:
            cluster.want_consoles(lab)
        lab.start()
        for host in lab.hosts:
            cluster.wait_until(host, "both nodes are members", lambda view: len(view.members) == 2, TOGETHER_S)
        yield lab


def load(lab: Lab) -> float:
    """Import the sheet through pm01's console, as an operator does; when the service was asked for."""
    url = cluster.wait_for_console(lab["pm01"])
    operator = Operator(url, OPERATOR, cluster.PASSWORD)
    began_s = time.time()
    operator.apply_sheet(SHEET, reason="the lab loads the sheet")
    return began_s


def is_served_by(view: cluster.View, node: str) -> bool:
    return view.is_idle and all(view.runs_on(resource) == [node] for resource in SERVICE_RESOURCES)


def is_whole(view: cluster.View) -> bool:
    """Both nodes are members, fencing is armed on both, nothing is under way."""
    armed = all(len(view.runs_on(resource)) == 1 for resource in STONITH_RESOURCES)
    watched = all(view.runs_on(each) == ["pm01", "pm02"] for each in ("prmPingd", "prmDiskd1", "prmDiskd2"))
    return len(view.members) == 2 and view.is_idle and armed and watched


def wait_for_service(host: Host, node: str, timeout_s: float = LOADED_S) -> float:
    return cluster.wait_until(host, f"the service runs on {node}", lambda view: is_served_by(view, node), timeout_s)


def wait_for_first_service(host: Host) -> str:
    """The node that serves first: the one whose ping and disk were judged first, on a busy machine not always pm01."""
    cluster.wait_until(host, "the service runs", lambda view: bool(_serving(view)), LOADED_S)
    (node,) = cluster.look(host).runs_on("prmPg")
    return node


def _serving(view: cluster.View) -> list[str]:
    return [node for node in sorted(view.members) if is_served_by(view, node)]


def wait_until_whole(host: Host, timeout_s: float = LOADED_S) -> float:
    return cluster.wait_until(host, "the cluster is whole again", is_whole, timeout_s)
