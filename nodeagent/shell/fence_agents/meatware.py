"""Meatware: the device is a human who switches the node off and says so.

Reads a FIFO `<run>/meatware.<node>`; gives success when `meatclient` writes `meatware reply NODE` into it. That is
the local door when the console can't be reached; a confirmation through the agent (`FenceConfirm`) ends the request
in `machines/fencing` and cancels this wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from nodeagent.shell.fence_agents.device import RC_TIMED_OUT, DeviceResult

FIFO_FOLDER = Path("/var/run")

METADATA = """<?xml version="1.0"?>
<resource-agent name="meatware">
<shortdesc lang="en">A human confirms that the node is off</shortdesc>
<longdesc lang="en">Fencing waits until an operator has switched the node off and confirms it in the console or with
meatclient -c NODE. Meant as the last resort of a chain.</longdesc>
<parameters><parameter name="hostlist" unique="0" required="1"><content type="string"/>
<shortdesc lang="en">Nodes, separated by blanks or commas</shortdesc></parameter></parameters>
<actions><action name="start" timeout="60"/><action name="stop" timeout="15"/><action name="monitor" timeout="60"/>
<action name="reset" timeout="600"/></actions></resource-agent>
"""


def fifo_of(target: str) -> Path:
    return FIFO_FOLDER / f"meatware.{target.lower()}"


def check(parameters: Mapping[str, str]) -> DeviceResult:
    """Only the configuration can be checked: a human always answers the monitor."""
    if parameters.get("hostlist", "").replace(",", " ").split():
        return DeviceResult.success()
    return DeviceResult.failure("meatware needs the parameter hostlist", rc=6)


async def fence(target: str, *, timeout_ms: int) -> DeviceResult:
    """Wait for the operator's word about `target`."""
    fifo = fifo_of(target)
    try:
        with contextlib.suppress(FileNotFoundError):
            fifo.unlink()
        os.mkfifo(fifo, 0o600)
        # Reading and writing keeps the FIFO open from this side, so that no writer sees it broken
        # and the reader sees no end of file between two writers.
        descriptor = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return DeviceResult.failure(f"{fifo}: {error.strerror}")
    try:
        words = await asyncio.wait_for(_read_words(descriptor), timeout_ms / 1000)
    except TimeoutError:
        reason = f"no operator confirmed within {timeout_ms // 1000} s"
        return DeviceResult(ok=False, rc=RC_TIMED_OUT, reason=reason, timed_out=True)
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            fifo.unlink()
    return _judge(words, target)


def _judge(words: list[str], target: str) -> DeviceResult:
    if words[:2] == ["meatware", "reply"] and [word.lower() for word in words[2:]] == [target.lower()]:
        return DeviceResult.success()
    return DeviceResult.failure("the reply named another node; nothing is confirmed")


async def _read_words(descriptor: int) -> list[str]:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, 256).rstrip(b"\0\n").decode(errors="replace").split()
