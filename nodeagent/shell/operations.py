"""The operations and fence devices that run now: started, killed and answered for by token.

Reads RunOperation, RunFenceDevice and their kind; gives OperationFinished, FenceDeviceFinished, FenceTargetsKnown,
each exactly once. Resources of class stonith are devices: their start and monitor ask the device.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from nodeagent.machines.effects import (
    FenceDeviceSpec,
    OperationSpec,
    QueryFenceTargets,
    RunFenceDevice,
    RunOperation,
)
from nodeagent.machines.events import Event, FenceDeviceFinished, FenceTargetsKnown, OperationFinished, Outcome
from nodeagent.shell import fence_agents
from nodeagent.shell.resource_agents import AgentCall, AgentResult, ExitCode, ResourceAgents

Report = Callable[[Event], None]


class Operations:
    """What this node runs for the cluster."""

    def __init__(self, agents: ResourceAgents, report: Report) -> None:
        self._agents = agents
        self._report = report
        self._running: dict[int, asyncio.Task[None]] = {}
        self._changing: set[int] = set()
        """Tokens of what is no mere look: starts, stops, fencing."""
        self._armed: set[str] = set()
        """Fence devices that were started here: a device answers wherever it is asked, so a probe must not ask it."""

    def run(self, effect: RunOperation) -> None:
        self._start(effect.token, self._operation(effect.token, effect.spec))
        if effect.spec.action != "monitor":
            self._changing.add(effect.token)

    def run_fence_device(self, effect: RunFenceDevice) -> None:
        self._start(effect.token, self._fence(effect.token, effect.spec))
        self._changing.add(effect.token)

    def query_targets(self, effect: QueryFenceTargets) -> None:
        self._start(effect.token, self._targets(effect))

    def kill(self, token: int) -> None:
        """End it now; it still answers, once. One that has ended already has answered."""
        task = self._running.get(token)
        if task is not None:
            # A task that is cancelled before its first step ends without a word, and its resource would wait for ever.
            asyncio.get_running_loop().call_soon(task.cancel)

    def _start(self, token: int, work: Coroutine[Any, Any, None]) -> None:
        assert token not in self._running, f"token {token} is used twice"
        task = asyncio.get_running_loop().create_task(work)
        self._running[token] = task
        task.add_done_callback(lambda ended: self._ended(token, ended))

    def _ended(self, token: int, task: asyncio.Task[None]) -> None:
        del self._running[token]
        self._changing.discard(token)
        if not task.cancelled() and (error := task.exception()):
            raise error

    async def wait_for_changes(self) -> None:
        """Until no start, stop or fencing is under way, those included that begin meanwhile."""
        while self._changing:
            await asyncio.wait([self._running[token] for token in self._changing])

    # Operations

    async def _operation(self, token: int, spec: OperationSpec) -> None:
        asked_ns = began_ns = time.monotonic_ns()

        def started(pid: int) -> None:
            nonlocal began_ns
            began_ns = time.monotonic_ns()

        try:
            result, outcome = await self._result(spec, started)
        except asyncio.CancelledError:
            result, outcome = AgentResult(ExitCode.ERR_GENERIC), Outcome.CANCELLED
        queue_ms, exec_ms = (began_ns - asked_ns) // 1_000_000, (time.monotonic_ns() - began_ns) // 1_000_000
        self._report(OperationFinished(token, int(result.rc), outcome, result.reason, exec_ms, queue_ms))

    async def _result(self, spec: OperationSpec, started: Callable[[int], None]) -> tuple[AgentResult, Outcome]:
        if spec.standard == "stonith":
            result = await self._device_result(spec)
        else:
            call = AgentCall(
                spec.standard,
                spec.provider,
                spec.type,
                spec.action,
                spec.resource,
                spec.parameters,
                _meta_of(spec),
                spec.timeout_ms,
            )
            result = await self._agents.run(call, started)
        if result.is_timed_out:
            return result, Outcome.TIMED_OUT
        if result.is_missing:
            return result, Outcome.NOT_INSTALLED
        return result, Outcome.DONE

    async def _device_result(self, spec: OperationSpec) -> AgentResult:
        if spec.action not in ("start", "stop", "monitor"):
            return AgentResult(ExitCode.ERR_UNIMPLEMENTED, reason=f"a fence device has no action {spec.action}")
        if spec.action == "monitor" and spec.resource not in self._armed:
            return AgentResult(ExitCode.NOT_RUNNING)
        device = await fence_agents.device_operation(
            spec.action, spec.type, spec.parameters, timeout_ms=spec.timeout_ms
        )
        if device.ok:
            (self._armed.discard if spec.action == "stop" else self._armed.add)(spec.resource)
        rc = ExitCode.OK if device.ok else (device.rc if 0 < device.rc < 128 else ExitCode.ERR_GENERIC)
        return AgentResult(rc, device.output, reason=device.reason, is_timed_out=device.timed_out)

    # Fencing

    async def _fence(self, token: int, spec: FenceDeviceSpec) -> None:
        is_ok, reason = False, "nobody waits for it any more"
        try:
            await asyncio.sleep(spec.delay_ms / 1000)
            async with asyncio.timeout(spec.timeout_ms / 1000):
                for _ in range(max(1, spec.retries)):
                    device = await fence_agents.fence(
                        spec.agent, spec.action, spec.target, _device_parameters(spec), timeout_ms=spec.timeout_ms
                    )
                    is_ok, reason = device.ok, device.reason
                    if is_ok:
                        break
        except asyncio.CancelledError:
            pass
        except TimeoutError:
            is_ok, reason = False, "Timed Out"
        self._report(FenceDeviceFinished(token, is_ok, reason))

    async def _targets(self, effect: QueryFenceTargets) -> None:
        targets: tuple[str, ...] | None = None
        with contextlib.suppress(asyncio.CancelledError):
            targets = await fence_agents.targets(effect.agent, effect.parameters, timeout_ms=effect.timeout_ms)
        self._report(FenceTargetsKnown(effect.token, targets))


def _meta_of(spec: OperationSpec) -> dict[str, str]:
    """Pacemaker shows the interval to recurring operations only."""
    meta = dict(spec.meta)
    if spec.interval_ms:
        meta.setdefault("interval", str(spec.interval_ms))
    return meta


def _device_parameters(spec: FenceDeviceSpec) -> dict[str, str]:
    """The plugins know the port by `pcmk_host_map`."""
    parameters = dict(spec.parameters)
    if spec.port and spec.port != spec.target:
        parameters["pcmk_host_map"] = f"{spec.target}:{spec.port}"
    if spec.host_argument:
        parameters["pcmk_host_argument"] = spec.host_argument
    return parameters
