"""pm01 and pm02 as processes of one user, on loopback addresses: for machines where nobody may be root.

Agents find each other by ucast over 127.0.0.x; the sheet holds only agents that need no privilege.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cluster import AUTHKEYS, PASSWORD
from tests.lab.place import CHECKOUT, VENV_BIN

SHEET = Path(__file__).parent / "sheets" / "loopback.csv"
NODES = ("pm01", "pm02")
PATIENCE_S = 60.0


@dataclass(frozen=True)
class LoopbackPair:
    folder: Path
    urls: tuple[str, ...]
    agents: tuple[subprocess.Popen[bytes], ...]


@contextlib.contextmanager
def running() -> Iterator[LoopbackPair]:
    """Both consoles answer and see both nodes; everything ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="hacluster-pair-"))
    processes: list[subprocess.Popen[bytes]] = []
    port = _free_port()
    urls = tuple(f"http://127.0.0.{number}:{port}" for number, _ in enumerate(NODES, 1))
    try:
        _write_configuration(folder)
        for number, node in enumerate(NODES, 1):
            processes += [_agent(folder, node), _console(folder, node, number, port)]
        for url, process in zip(urls, processes[1::2], strict=True):
            _wait_for(url, process, folder)
        yield LoopbackPair(folder, urls, tuple(processes[0::2]))
    finally:
        # Consoles first: an agent that stops in order waits for nobody else.
        for process in [*processes[1::2], *processes[0::2]]:
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    """One for both consoles: 8000, or any other when another pair has it."""
    for wanted in (8000, 0):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            first, second = (stack.enter_context(socket.socket()) for _ in NODES)
            first.bind(("127.0.0.1", wanted))
            port = int(first.getsockname()[1])
            second.bind(("127.0.0.2", port))
            return port
    raise RuntimeError("no port is free on 127.0.0.1 and 127.0.0.2")


def _write_configuration(folder: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    binds = "".join(
        f"bind {node} {lan} 127.0.{third}.{number}\nucast {lan} 127.0.{third}.{number}\n"
        for third, lan in ((0, "lo"), (1, "lo:1"))
        for number, node in enumerate(NODES, 1)
    )
    times = "keepalive 100ms\nwarntime 500ms\ndeadtime 1\ninitdead 3\nrealtime off\n"
    for node in NODES:
        etc = folder / node / "etc"
        etc.mkdir(parents=True)
        (etc / "ha.cf").write_text(f"cluster lab\n{times}udpport {port}\n{binds}node {' '.join(NODES)}\n")
        (etc / "authkeys").write_text(AUTHKEYS)
        (etc / "authkeys").chmod(0o600)


def _agent(folder: Path, node: str) -> subprocess.Popen[bytes]:
    here = folder / node
    folders = ("--etc", str(here / "etc"), "--state", str(here / "state"), "--run", str(here / "run"))
    return _start([str(VENV_BIN / "nodeagent"), "--node", node, *folders], here / "agent.out", {})


def _console(folder: Path, node: str, number: int, port: int) -> subprocess.Popen[bytes]:
    here = folder / node
    command = [str(VENV_BIN / "hactl"), "console", "--bind", f"127.0.0.{number}", "--port", str(port)]
    command += ["--state", str(here / "state"), "--run", str(here / "run")]
    return _start(command, here / "console.out", {"HACLUSTER_ADMIN_PASSWORD": PASSWORD})


def _start(command: list[str], log: Path, more: dict[str, str]) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PATH": f"{VENV_BIN}:{os.environ['PATH']}"} | more
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _wait_for(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
                if b'"agent": "ok"' in answer.read():
                    return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline_s:
            logs = "".join(log.read_text() for log in sorted(folder.glob("*/*.out")))
            raise RuntimeError(f"{url} does not answer:\n{logs}")
        time.sleep(0.1)
