"""What does a pair of agents cost, and how quickly does it change its CIB?

Run as `python -m bench.agent_pair [--changes N]` from the project's folder: starts two agents on loopback, prints CPU
and memory of each process at rest, and the latency of a CIB change (on the disk of both when it is answered), of an
attribute, of a query, and of a failover after the DC's agent was killed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from hacluster.protocol.client import AsyncClient
from hacluster.protocol.messages import (
    AgentInfoQuery,
    AttributeUpdate,
    CibChange,
    CibOperationKind,
    Message,
)
from tests.contract.test_agent_pair import DUMMY, NO_FENCING, NODES, Pair, is_together, runs_on

_REST_S = 10.0
_OPTION = '<cluster_property_set id="bench"><nvpair id="bench-x" name="bench" value="{}"/></cluster_property_set>'


def _below(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _below(int(child)))]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_kb(pid: int) -> int:
    """The proportional share, so that what both processes map counts once."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


async def _rest(pair: Pair) -> None:
    before = {node: {pid: _cpu_s(pid) for pid in _below(process.pid)} for node, process in pair.processes.items()}
    await asyncio.sleep(_REST_S)
    for node, processes in before.items():
        percent = sum(_cpu_s(pid) - cpu_s for pid, cpu_s in processes.items()) / _REST_S * 100
        memory_mb = sum(_memory_kb(pid) for pid in processes) / 1024
        print(f"{node} at rest: {percent:.2f} % of a core, {memory_mb:.0f} MB in {len(processes)} processes")


async def _latency(name: str, count: int, ask: Callable[[int], Awaitable[object]]) -> None:
    times_ms = []
    for number in range(count):
        began = time.perf_counter()
        await ask(number)
        times_ms.append((time.perf_counter() - began) * 1000)
    times_ms.sort()
    median, p99 = times_ms[count // 2], times_ms[min(count - 1, count * 99 // 100)]
    print(f"{name}: median {median:.2f} ms, p99 {p99:.2f} ms, max {times_ms[-1]:.2f} ms, {count} times")


def _change(number: int) -> Message:
    kind = CibOperationKind.MODIFY
    return CibChange(kind=kind, section="crm_config", xml=_OPTION.format(number), allow_create=True, client="bench")


async def _failover(pair: Pair) -> None:
    await pair.change("pm01", "crm_config", NO_FENCING)
    await pair.change("pm01", "resources", DUMMY)
    await pair.until("pm02", runs_on("pm01"))
    began = time.perf_counter()
    await pair.kill("pm01")
    await pair.until("pm02", runs_on("pm02"))
    print(f"failover of a Dummy after the DC's agent was killed (deadtime 1 s): {time.perf_counter() - began:.2f} s")


async def _main(changes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        pair = Pair(Path(folder))
        try:
            for node in NODES:
                await pair.start(node)
            for node in NODES:
                await pair.until(node, is_together)
            await _rest(pair)
            for node, where in (("pm01", "the DC"), ("pm02", "the other")):
                async with AsyncClient(pair.door(node)) as client:
                    await _latency(f"CIB change, asked at {where}", changes, lambda n: client.request(_change(n)))
                    await _latency(
                        f"attribute, asked at {where}",
                        changes,
                        lambda n: client.request(AttributeUpdate(name="bench", value=str(n))),
                    )
                    await _latency(f"query at {where}", changes, lambda _: client.request(AgentInfoQuery()))
            await _failover(pair)
        finally:
            for process in pair.processes.values():
                if process.returncode is None:
                    process.kill()
                    await process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=200)
    asyncio.run(_main(parser.parse_args().changes))
