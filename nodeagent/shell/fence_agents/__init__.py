"""Fence devices of every kind behind one door: what to run for an action, and what its end means.

Reads the agent's type as it stands in the CIB (`external/NAME`, `meatware`, `fence_NAME`, other cluster-glue types),
the device's parameters and the target; gives a `DeviceResult`. Decides nothing: order, retries and delays belong to
`machines/fencing`.
"""

from __future__ import annotations

from collections.abc import Mapping

from nodeagent.shell.fence_agents import external, fence_api, meatware
from nodeagent.shell.fence_agents.device import DeviceKind, DeviceResult, kind_of

__all__ = ["DeviceKind", "DeviceResult", "device_operation", "fence", "kind_of", "metadata"]


async def fence(
    agent: str, action: str, target: str, parameters: Mapping[str, str], *, timeout_ms: int
) -> DeviceResult:
    """Run `action` (reboot, off, on) of one device against `target`; ends within `timeout_ms`."""
    match kind_of(agent):
        case DeviceKind.EXTERNAL:
            return await external.fence(agent, action, target, parameters, timeout_ms=timeout_ms)
        case DeviceKind.MEATWARE:
            return await meatware.fence(target, timeout_ms=timeout_ms)
        case DeviceKind.FENCE_API:
            return await fence_api.fence(agent, action, target, parameters, timeout_ms=timeout_ms)
        case DeviceKind.CLUSTER_GLUE:
            return await external.fence_by_library(agent, action, target, parameters, timeout_ms=timeout_ms)


async def device_operation(
    operation: str, agent: str, parameters: Mapping[str, str], *, timeout_ms: int
) -> DeviceResult:
    """Run start, stop or monitor of a stonith resource. A start proves the device as a monitor does.

    Meatware's device is a human, who is always there.
    """
    if operation == "stop":
        return DeviceResult.success()
    match kind_of(agent):
        case DeviceKind.EXTERNAL:
            return await external.status(agent, parameters, timeout_ms=timeout_ms)
        case DeviceKind.MEATWARE:
            return meatware.check(parameters)
        case DeviceKind.FENCE_API:
            return await fence_api.status(agent, parameters, timeout_ms=timeout_ms)
        case DeviceKind.CLUSTER_GLUE:
            return await external.status_by_library(agent, parameters, timeout_ms=timeout_ms)


async def targets(agent: str, parameters: Mapping[str, str], *, timeout_ms: int) -> tuple[str, ...] | None:
    """The targets a device says it can fence, or None when it can't say."""
    match kind_of(agent):
        case DeviceKind.EXTERNAL:
            return await external.hosts(agent, parameters, timeout_ms=timeout_ms)
        case DeviceKind.MEATWARE | DeviceKind.CLUSTER_GLUE:
            return tuple(parameters.get("hostlist", "").replace(",", " ").split()) or None
        case DeviceKind.FENCE_API:
            return await fence_api.targets(agent, parameters, timeout_ms=timeout_ms)


async def metadata(agent: str, *, timeout_ms: int = 20_000) -> DeviceResult:
    """The agent's meta-data XML in `output`."""
    match kind_of(agent):
        case DeviceKind.EXTERNAL | DeviceKind.CLUSTER_GLUE:
            return await external.metadata(agent, timeout_ms=timeout_ms)
        case DeviceKind.MEATWARE:
            return DeviceResult(ok=True, rc=0, output=meatware.METADATA)
        case DeviceKind.FENCE_API:
            return await fence_api.metadata(agent, timeout_ms=timeout_ms)
