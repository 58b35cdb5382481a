"""How long until a change is on the disk of every member, and how many of them in a second?

Run as root, `python -m bench.changes [--changes N]`: a pair and three nodes in a lab of its own, each agent's state on
the disk of this checkout (every acknowledged change was synced there by all members). Latency is that of one
client that asks again when it is answered, at the DC and at another node; rate is that of sixteen clients at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.loads import percentile
from hacluster.protocol.client import AsyncClient
from hacluster.protocol.messages import CibChange, CibChanged, CibOperationKind, Message
from tests.lab import apart, cluster
from tests.lab.place import CHECKOUT
from tests.lab.small import Options, small_cluster

CLIENTS = 16
_OPTION = '<cluster_property_set id="bench"><nvpair id="b-{0}" name="b-{0}" value="{1}"/></cluster_property_set>'


def change(name: int, value: int) -> Message:
    xml, kind = _OPTION.format(name, value), CibOperationKind.MODIFY
    return CibChange(kind=kind, section="crm_config", xml=xml, allow_create=True, client="bench")


async def one_after_the_other(door: Path, count: int) -> list[float]:
    times_ms = []
    async with AsyncClient(door) as client:
        for number in range(count):
            began = time.perf_counter()
            answer = await client.request(change(0, number), 60)
            assert isinstance(answer, CibChanged), answer
            times_ms.append((time.perf_counter() - began) * 1000)
    return times_ms


async def all_at_once(door: Path, count: int) -> float:
    """Changes in a second."""

    async def ask(name: int) -> None:
        async with AsyncClient(door) as client:
            for number in range(count // CLIENTS):
                answer = await client.request(change(name, number), 60)
                assert isinstance(answer, CibChanged), answer

    began = time.perf_counter()
    await asyncio.gather(*(ask(name) for name in range(CLIENTS)))
    return count / (time.perf_counter() - began)


def measure(nodes: tuple[str, ...], count: int, folder: Path) -> None:
    with small_cluster(Options(nodes, deadtime_ms=5000, state=str(folder))) as lab:
        dc = lab[cluster.look(lab.hosts[0]).info.dc]
        other = next(host for host in lab.hosts if host != dc)
        for place, host in (("the DC", dc), ("another node", other)):
            door = cluster.door_of(host)
            times_ms = asyncio.run(one_after_the_other(door, count))
            rate = asyncio.run(all_at_once(door, count * 2))
            shown = "  ".join(f"{percentile(times_ms, share):8.1f}" for share in (0.5, 0.99))
            print(f"{len(nodes)} nodes, change at {place:<13} {shown}  {rate:8.0f}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.changes", description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=500, metavar="N")
    options = parser.parse_args(arguments)
    apart.enter()
    print(f"load {os.getloadavg()[0]:.1f}                      median ms    p99 ms  per second")
    for nodes in (("pm01", "pm02"), ("pm01", "pm02", "pm03")):
        (CHECKOUT / "var").mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="changes-", dir=CHECKOUT / "var"))
        try:
            measure(nodes, options.changes, folder)
        finally:
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
