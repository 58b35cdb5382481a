"""What every fence device has in common: its kind, the result of a call, and running a command within a time.

Reads an argument vector, an environment and standard input; gives exit code and output. A command that outlives its
time is killed with its whole process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Self

import msgspec

OUTPUT_BYTES_MAX = 256 * 1024
RC_TIMED_OUT = -1
RC_NOT_INSTALLED = 5


class DeviceKind(StrEnum):
    EXTERNAL = "external"
    """A cluster-glue plugin that is a script: `external/NAME`."""
    MEATWARE = "meatware"
    """A human who confirms."""
    FENCE_API = "fence-agent"
    """A program of the fence-agents API: `fence_NAME`."""
    CLUSTER_GLUE = "cluster-glue"
    """A compiled cluster-glue plugin, reached through its `stonith` command."""


def kind_of(agent: str) -> DeviceKind:
    """The kind of a stonith type as written in the CIB (`external/ssh`, `meatware`, `fence_ipmilan`)."""
    if agent.startswith("external/"):
        return DeviceKind.EXTERNAL
    if agent == "meatware":
        return DeviceKind.MEATWARE
    if agent.startswith("fence_"):
        return DeviceKind.FENCE_API
    return DeviceKind.CLUSTER_GLUE


class DeviceResult(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    rc: int
    reason: str = ""
    """One line for the operator when it failed."""
    output: str = ""
    timed_out: bool = False

    @classmethod
    def success(cls, output: str = "") -> Self:
        return cls(ok=True, rc=0, output=output)

    @classmethod
    def failure(cls, reason: str, rc: int = 1, output: str = "") -> Self:
        return cls(ok=False, rc=rc, reason=reason, output=output)


async def run_command(
    argv: Sequence[str], environment: Mapping[str, str], *, standard_input: bytes = b"", timeout_ms: int
) -> DeviceResult:
    """Run one command to its end. `ok` is exit code 0; the reason is its last line of errors."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        return DeviceResult.failure(f"{argv[0]}: {error.strerror}", RC_NOT_INSTALLED)
    try:
        output, errors = await asyncio.wait_for(process.communicate(standard_input), timeout_ms / 1000)
    except TimeoutError:
        _kill_group(process.pid)
        await process.wait()
        reason = f"no end within {timeout_ms} ms"
        return DeviceResult(ok=False, rc=RC_TIMED_OUT, reason=reason, timed_out=True)
    except asyncio.CancelledError:
        _kill_group(process.pid)
        raise
    return _result(process.returncode or 0, output, errors)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _result(rc: int, output: bytes, errors: bytes) -> DeviceResult:
    text = output[-OUTPUT_BYTES_MAX:].decode(errors="replace")
    lines = [line for line in errors.decode(errors="replace").splitlines() if line.strip()]
    reason = lines[-1].strip() if rc and lines else (f"exit code {rc}" if rc else "")
    return DeviceResult(ok=rc == 0, rc=rc, reason=reason, output=text)
