"""Plugins of cluster-glue's stonith API: `external/NAME` scripts, and compiled types through the `stonith` command.

A script gets its parameters as environment variables with their bare names and one subcommand as argument
(reference/stonith, 1). The site's own scripts come before those that the project ships.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from nodeagent.shell.fence_agents.device import RC_NOT_INSTALLED, DeviceResult, run_command

SHIPPED = Path(__file__).resolve().parents[2] / "stonith" / "external"
SITE_PATHS = (Path("/usr/lib/stonith/plugins/external"), Path("/usr/lib64/stonith/plugins/external"))
HELPER_PATHS = "/usr/share/cluster-glue:/usr/lib/heartbeat:/usr/libexec/heartbeat"
"""Where cluster-glue keeps `ha_log.sh`, which many plugins call by its bare name."""

_SUBCOMMAND = {"reboot": "reset", "reset": "reset", "off": "off", "on": "on"}


def find(agent: str) -> Path | None:
    """The script of `external/NAME`; None when nobody has it or when others than its owner may write to it."""
    name = agent.removeprefix("external/")
    if not name or "/" in name or name.startswith("."):
        return None
    for folder in (*SITE_PATHS, SHIPPED):
        script = folder / name
        if script.is_file() and os.access(script, os.X_OK) and not script.stat().st_mode & 0o022:
            return script
    return None


def shipped() -> list[str]:
    """The plugins that the project brings along, as the CIB names them."""
    return sorted(f"external/{script.name}" for script in SHIPPED.iterdir() if find(script.name) is not None)


def environment(agent: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The environment of a script: parameters under their bare names, and where to find helpers."""
    path = os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    given = {name: value for name, value in parameters.items() if not name.startswith("pcmk_")}
    return {**given, "PATH": f"{path}:{HELPER_PATHS}", "LC_ALL": "C", "HA_LOGTAG": agent.removeprefix("external/")}


async def _call(agent: str, arguments: tuple[str, ...], parameters: Mapping[str, str], timeout_ms: int) -> DeviceResult:
    script = find(agent)
    if script is None:
        return DeviceResult.failure(f"stonith plugin {agent} is not installed here", RC_NOT_INSTALLED)
    return await run_command((str(script), *arguments), environment(agent, parameters), timeout_ms=timeout_ms)


async def fence(
    agent: str, action: str, target: str, parameters: Mapping[str, str], *, timeout_ms: int
) -> DeviceResult:
    subcommand = _SUBCOMMAND.get(action)
    if subcommand is None:
        return DeviceResult.failure(f"{agent} can't do {action}")
    return await _call(agent, (subcommand, target.lower()), parameters, timeout_ms)


async def status(agent: str, parameters: Mapping[str, str], *, timeout_ms: int) -> DeviceResult:
    return await _call(agent, ("status",), parameters, timeout_ms)


async def hosts(agent: str, parameters: Mapping[str, str], *, timeout_ms: int) -> tuple[str, ...] | None:
    answer = await _call(agent, ("gethosts",), parameters, timeout_ms)
    return tuple(answer.output.split()) if answer.ok else None


async def metadata(agent: str, *, timeout_ms: int) -> DeviceResult:
    """The plugin's parameter block, wrapped as a `<resource-agent>` as every other meta-data is."""
    answer = await _call(agent, ("getinfo-xml",), {}, timeout_ms)
    if not answer.ok:
        return answer
    actions = "".join(f'<action name="{name}" timeout="60"/>' for name in ("start", "stop", "monitor", "reset", "off"))
    body = f"{answer.output.strip()}<actions>{actions}</actions>"
    return DeviceResult.success(f'<?xml version="1.0"?>\n<resource-agent name="{agent}">{body}</resource-agent>\n')


async def fence_by_library(
    agent: str, action: str, target: str, parameters: Mapping[str, str], *, timeout_ms: int
) -> DeviceResult:
    subcommand = _SUBCOMMAND.get(action)
    if subcommand is None:
        return DeviceResult.failure(f"{agent} can't do {action}")
    return await _library(agent, ("-T", subcommand, target.lower()), parameters, timeout_ms)


async def status_by_library(agent: str, parameters: Mapping[str, str], *, timeout_ms: int) -> DeviceResult:
    return await _library(agent, ("-S",), parameters, timeout_ms)


async def _library(
    agent: str, arguments: tuple[str, ...], parameters: Mapping[str, str], timeout_ms: int
) -> DeviceResult:
    """cluster-glue's own command; -E takes the parameters from the environment, so no secret stands in `ps`."""
    argv = ("/usr/sbin/stonith", "-t", agent, "-E", *arguments)
    return await run_command(argv, environment(agent, parameters), timeout_ms=timeout_ms)
