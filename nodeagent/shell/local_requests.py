"""The requests that the shell answers itself, because they neither read nor change what the machines know.

Reads requests of the local door; gives their replies: agents' meta-data, the built-in monitors, lines for the log, the
newest events, whether the journal is whole, the kept versions of the configuration.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.cib.version import CibVersion
from hacluster.protocol.messages import (
    AgentActionResult,
    AgentActionRun,
    AgentList,
    AgentListQuery,
    CibDocument,
    CibVersionQuery,
    CibVersions,
    CibVersionsQuery,
    Done,
    Events,
    EventsQuery,
    JournalProof,
    JournalProofQuery,
    LogLine,
    MonitorQuery,
    MonitorStart,
    MonitorStop,
    Refused,
    Reply,
    Request,
    Why,
    refused,
)
from nodeagent.shell import fence_agents
from nodeagent.shell.disk import Disk
from nodeagent.shell.fence_agents import external
from nodeagent.shell.log import Log
from nodeagent.shell.monitors import Monitors
from nodeagent.shell.resource_agents import AgentCall, ResourceAgents, installed_agents

HARMLESS_ACTIONS = ("meta-data", "validate-all", "status", "monitor", "list")
EXIT_NOT_RUNNING = 7
EXIT_NO_SUCH = 105


class LocalRequests:
    """Knows which requests are its own."""

    def __init__(self, agents: ResourceAgents, monitors: Monitors, disk: Disk, log: Log) -> None:
        self._agents = agents
        self._monitors = monitors
        self._disk = disk
        self._log = log

    def is_own(self, request: Request) -> bool:
        return isinstance(
            request,
            AgentActionRun
            | AgentListQuery
            | MonitorStart
            | MonitorStop
            | MonitorQuery
            | LogLine
            | EventsQuery
            | JournalProofQuery
            | CibVersionsQuery
            | CibVersionQuery,
        )

    async def reply(self, request: Request, on_disk_thread: Callable[..., asyncio.Future[Reply]]) -> Reply:
        """`on_disk_thread` runs a function where the journal's database may be used."""
        match request:
            case AgentActionRun():
                return await self._run_action(request)
            case AgentListQuery(standard=standard, provider=provider):
                return AgentList(agents=await asyncio.to_thread(_agents, standard, provider))
            case MonitorStart(kind=kind, instance=instance, parameters=parameters):
                return _done_or_refused(self._monitors.start(kind, instance, parameters))
            case MonitorStop(kind=kind, instance=instance):
                self._monitors.stop(kind, instance)
                return Done()
            case MonitorQuery(kind=kind, instance=instance):
                return self._monitor_state(kind, instance)
            case LogLine(tag=tag, priority=priority, text=text):
                self._log.line(tag, priority, text)
                return Done()
            case EventsQuery(limit=limit):
                return await on_disk_thread(lambda: Events(events=self._disk.journal.newest_events(min(limit, 10_000))))
            case JournalProofQuery():
                journal = self._disk.journal
                return await on_disk_thread(lambda: JournalProof(heads=journal.heads(), broken=journal.broken()))
            case CibVersionsQuery():
                return CibVersions(versions=tuple(await asyncio.to_thread(self._disk.kept_versions)))
            case CibVersionQuery(version=version):
                return _document(version, await asyncio.to_thread(self._disk.kept_cib, version))
            case _:
                raise AssertionError(f"{type(request).__name__} is for the node")

    def _monitor_state(self, kind: str, instance: str) -> Reply:
        if self._monitors.is_running(kind, instance):
            return Done()
        why = Why(f"the monitor {kind} of {instance} is not running", f"{instance} の監視 {kind} は動いていません")
        return refused("monitor.not-running", why, EXIT_NOT_RUNNING)

    async def _run_action(self, request: AgentActionRun) -> Reply:
        if request.action not in HARMLESS_ACTIONS:
            name = request.action
            why = Why(f"{name} would change what the cluster manages", f"{name} はクラスターが管理するものを変更します")
            return refused("agent.action", why, exit_code=2)
        if request.standard == "stonith":
            if request.action == "meta-data":
                device = await fence_agents.metadata(request.type, timeout_ms=request.timeout_ms)
            else:
                device = await fence_agents.device_operation(
                    "monitor", request.type, request.parameters, timeout_ms=request.timeout_ms
                )
            return AgentActionResult(rc=device.rc, output=device.output, errors=device.reason)
        call = AgentCall(
            request.standard,
            request.provider,
            request.type,
            request.action,
            request.type,
            request.parameters,
            timeout_ms=request.timeout_ms,
        )
        result = await self._agents.run(call)
        return AgentActionResult(rc=result.rc, output=result.output, errors=result.errors or result.reason)


def _document(version: CibVersion, cib: Cib | None) -> Reply:
    if cib is None:
        number = f"{version.admin_epoch}.{version.epoch}"
        why = Why(
            f"there is no configuration {number} on this node, or it is damaged",
            f"構成 {number} はこのノードにないか、壊れています",
        )
        return refused("cib.no-such-version", why, EXIT_NO_SUCH)
    return CibDocument(xml=to_xml(cib).encode(), version=cib.version)


def _agents(standard: str, provider: str) -> tuple[tuple[str, str, str], ...]:
    own_plugins = [("stonith", "", name) for name in (*external.shipped(), "meatware")]
    agents = (*installed_agents(), *own_plugins)
    return tuple(agent for agent in agents if standard in ("", agent[0]) and provider in ("", agent[1]))


def _done_or_refused(problem: Problem | None) -> Reply:
    if problem is None:
        return Done()
    return Refused(code=problem.code, reason=problem.line(), reason_ja=problem.line("ja"), exit_code=6)
