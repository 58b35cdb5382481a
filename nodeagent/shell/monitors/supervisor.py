"""Starts and stops the built-in monitors for the OCF agents that configure them.

Reads `MonitorStart` parameters as the operator wrote them; gives node attributes and events through the two
callbacks it was made with. One monitor is one asyncio task; it ends with its resource.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.protocol.events import EventKind
from nodeagent.shell.monitors.diskd import Diskd
from nodeagent.shell.monitors.pingd import Pingd

UNKNOWN_KIND = ProblemKind(
    "monitor.kind",
    Severity.ERROR,
    en="there is no built-in monitor “{kind}”",
    ja="組み込みモニター「{kind}」はありません",
    cure_en="use pingd or diskd",
    cure_ja="pingd または diskd を指定してください",
)


class Report(Protocol):
    """What a monitor may say."""

    def attribute(self, name: str, value: str | None, *, dampen_ms: int | None, first: bool) -> None:
        """Set (or with None delete) an attribute of the own node; `first` fixes the dampening."""

    def event(self, kind: EventKind, **fields: str) -> None: ...


class Monitor(Protocol):
    """One running monitor."""

    async def run(self) -> None: ...

    def withdraw(self) -> None:
        """Take the attribute back, as the monitor's stop does."""


_KINDS: dict[str, Callable[[str, Mapping[str, str], Report], Monitor | Problem]] = {
    "pingd": Pingd.configured,
    "diskd": Diskd.configured,
}


class Monitors:
    """The monitors of this node, by kind and resource instance."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._running: dict[tuple[str, str], tuple[Monitor, asyncio.Task[None]]] = {}

    def start(self, kind: str, instance: str, parameters: Mapping[str, str]) -> Problem | None:
        """Start one, or start it anew when its parameters may have changed."""
        make = _KINDS.get(kind)
        if make is None:
            return UNKNOWN_KIND.at(instance, kind=kind)
        monitor = make(instance, parameters, self._report)
        if isinstance(monitor, Problem):
            return monitor
        self._cancel(kind, instance)
        task = asyncio.get_running_loop().create_task(monitor.run(), name=f"{kind}:{instance}")
        self._running[kind, instance] = monitor, task
        return None

    def stop(self, kind: str, instance: str) -> None:
        """Stop one and take its attribute back; stopping what doesn't run is fine."""
        monitor = self._cancel(kind, instance)
        if monitor is not None:
            monitor.withdraw()

    def is_running(self, kind: str, instance: str) -> bool:
        entry = self._running.get((kind, instance))
        return entry is not None and not entry[1].done()

    def close(self) -> None:
        """End all at the agent's own end; the attributes go with the node."""
        for kind, instance in list(self._running):
            self._cancel(kind, instance)

    def _cancel(self, kind: str, instance: str) -> Monitor | None:
        entry = self._running.pop((kind, instance), None)
        if entry is None:
            return None
        entry[1].cancel()
        return entry[0]
