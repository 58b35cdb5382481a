"""Programs of the fence-agents API (`fence_NAME`): parameters on standard input, meaning in the exit code.

Reads the device's parameters with the `pcmk_*` ones that are for the manager; gives what the program is told
(reference/stonith, 3). The translation is pure, so it's tested without a device.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping

from nodeagent.shell.fence_agents.device import RC_NOT_INSTALLED, DeviceResult, run_command

_FOR_THE_MANAGER = ("pcmk_", "crm_", "CRM_meta_")
_OLD_STYLE = ("stonith-timeout", "priority")
_SEARCH_PATH = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin"


def host_map(parameters: Mapping[str, str]) -> dict[str, str]:
    """`pcmk_host_map`: `node1:1;node2:2,3` -> node to port(s). Blanks and semicolons separate."""
    pairs = re.split(r"[;\s]+", parameters.get("pcmk_host_map", ""))
    return {node: port for node, _, port in (pair.partition(":") for pair in pairs) if port}


def standard_input(action: str, target: str, parameters: Mapping[str, str]) -> str:
    """The lines a fence agent reads for one call; `target` is "" for monitor, list and the like."""
    agent_action = parameters.get(f"pcmk_{action}_action", action)
    lines = [f"{name}={value}" for name, value in parameters.items() if _is_for_the_agent(name)]
    lines.append(f"action={agent_action}")
    if target:
        lines.append(f"nodename={target}")
        argument = parameters.get("pcmk_host_argument", "port")
        if argument != "none" and argument not in parameters:
            lines.append(f"{argument}={host_map(parameters).get(target, target)}")
    return "".join(f"{line}\n" for line in lines)


def _is_for_the_agent(name: str) -> bool:
    return not name.startswith(_FOR_THE_MANAGER) and name not in _OLD_STYLE and name not in ("action", "nodename")


async def _call(agent: str, action: str, target: str, parameters: Mapping[str, str], timeout_ms: int) -> DeviceResult:
    path = f"{os.environ.get('PATH', '')}:{_SEARCH_PATH}"
    program = shutil.which(agent, path=path)
    if program is None or "/" in agent:
        return DeviceResult.failure(f"fence agent {agent} is not installed here", RC_NOT_INSTALLED)
    environment = {"PATH": path, "LC_ALL": "C"}
    words = standard_input(action, target, parameters).encode()
    return await run_command((program,), environment, standard_input=words, timeout_ms=timeout_ms)


async def fence(
    agent: str, action: str, target: str, parameters: Mapping[str, str], *, timeout_ms: int
) -> DeviceResult:
    """Fence one target. The agent itself waits until the power is really off."""
    return await _call(agent, action, target, parameters, timeout_ms)


async def status(agent: str, parameters: Mapping[str, str], *, timeout_ms: int) -> DeviceResult:
    return await _call(agent, "monitor", "", parameters, timeout_ms)


async def targets(agent: str, parameters: Mapping[str, str], *, timeout_ms: int) -> tuple[str, ...] | None:
    """Targets by host list or map, else by the agent's `list` (one `port,alias` a line)."""
    named = parameters.get("pcmk_host_list", "").replace(",", " ").replace(";", " ").split()
    named += host_map(parameters)
    if named:
        return tuple(dict.fromkeys(named))
    answer = await _call(agent, "list", "", parameters, timeout_ms)
    if not answer.ok:
        return None
    return tuple(line.split(",")[0].strip() for line in answer.output.splitlines() if line.strip())


async def metadata(agent: str, *, timeout_ms: int) -> DeviceResult:
    return await _call(agent, "metadata", "", {}, timeout_ms)
