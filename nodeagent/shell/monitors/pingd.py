"""pingd: how many of the hosts on the network path answer, as a node attribute.

Reads the OCF parameters of `ocf:pacemaker:pingd` and `ping`; gives the attribute `name` = reachable hosts x multiplier
whenever it changes, and an event for each host that is lost or comes back (reference/monitors, 1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from hacluster.cib.problems import Problem
from hacluster.protocol.events import PATH_REACHABLE, PATH_UNREACHABLE
from nodeagent.shell.monitors.icmp import answers
from nodeagent.shell.monitors.settings import MISSING_PARAMETER, duration_ms, whole_number

if TYPE_CHECKING:
    from nodeagent.shell.monitors.supervisor import Report


class PingdSettings(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    hosts: tuple[str, ...]
    multiplier: int
    dampen_ms: int
    interval_ms: int
    attempts: int
    timeout_ms: int


def read_settings(parameters: Mapping[str, str]) -> PingdSettings | Problem:
    hosts = tuple(parameters.get("host_list", "").replace(",", " ").split())
    if not hosts:
        return MISSING_PARAMETER.at(name="host_list")
    numbers: dict[str, int] = {}
    for field, value in (
        ("multiplier", whole_number(parameters, "multiplier", 1)),
        ("attempts", whole_number(parameters, "attempts", 3)),
        ("dampen_ms", duration_ms(parameters, "dampen", 1_000)),
        ("interval_ms", duration_ms(parameters, "interval", 1_000)),
        ("timeout_ms", duration_ms(parameters, "timeout", 2_000)),
    ):
        if isinstance(value, Problem):
            return value
        numbers[field] = value
    return PingdSettings(name=parameters.get("name") or "pingd", hosts=hosts, **numbers)


class Pingd:
    """Asks all hosts at once, every interval."""

    def __init__(self, settings: PingdSettings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._reachable: dict[str, bool] = {}

    @classmethod
    def configured(cls, _instance: str, parameters: Mapping[str, str], report: Report) -> Pingd | Problem:
        settings = read_settings(parameters)
        return settings if isinstance(settings, Problem) else cls(settings, report)

    async def run(self) -> None:
        while True:
            await self._check()
            await asyncio.sleep(max(self._settings.interval_ms, 100) / 1000)

    def withdraw(self) -> None:
        self._report.attribute(self._settings.name, None, dampen_ms=self._settings.dampen_ms, first=False)

    async def _check(self) -> None:
        settings = self._settings
        found = await asyncio.gather(
            *(answers(host, attempts=settings.attempts, timeout_ms=settings.timeout_ms) for host in settings.hosts)
        )
        now = dict(zip(settings.hosts, found, strict=True))
        if now == self._reachable:
            return
        self._tell_changes(now)
        first = not self._reachable
        self._reachable = now
        value = str(sum(now.values()) * settings.multiplier)
        self._report.attribute(settings.name, value, dampen_ms=settings.dampen_ms, first=first)

    def _tell_changes(self, now: Mapping[str, bool]) -> None:
        for host, is_reachable in now.items():
            was_reachable = self._reachable.get(host, True)
            if was_reachable and not is_reachable:
                self._report.event(PATH_UNREACHABLE, target=host)
            elif is_reachable and not was_reachable:
                self._report.event(PATH_REACHABLE, target=host)
