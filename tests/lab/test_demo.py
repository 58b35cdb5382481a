"""`make demo` as a newcomer meets it, and what is left when it ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator

import pytest

from tests.lab import cluster, loopback_pair
from tests.lab.browserless import Operator
from tests.lab.client import Connection
from tests.lab.laboratory import WAIT_FOR_LOCK_S, Lab, take_lock
from tests.lab.place import CHECKOUT, FOLDER, NETWORKS, bridge_of

pytestmark = pytest.mark.lab
DEMO_S = WAIT_FOR_LOCK_S + 120.0


def rests() -> list[str]:
    """What a lab would leave on the machine; asked when no other lab is up."""
    lock = take_lock(WAIT_FOR_LOCK_S)
    links = subprocess.run(["ip", "-br", "link"], text=True, capture_output=True, check=True).stdout
    loops = subprocess.run(["losetup", "-n", "-O", "BACK-FILE"], text=True, capture_output=True, check=True).stdout
    found = [bridge_of(lan) for lan in NETWORKS if bridge_of(lan) in links]
    found += [line for line in loops.splitlines() if str(FOLDER) in line]
    found += [str(FOLDER)] if FOLDER.exists() else []
    os.close(lock)
    return found


@contextlib.contextmanager
def demo() -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The running demo and what it printed."""
    command = [sys.executable, "-u", "-m", "tests.lab.demo"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        too_late = threading.Timer(DEMO_S, process.kill)
        too_late.start()
        try:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl-C ends it" in line:
                    break
            else:
                pytest.fail(f"the demo ended or hung: {lines}")
            too_late.cancel()
            yield process, lines
        finally:
            too_late.cancel()
            process.kill()


def test_the_demo_serves_two_consoles_and_leaves_nothing_after_ctrl_c() -> None:
    with demo() as (process, lines):
        urls = [word for line in lines if "console of" in line for word in line.split() if word.startswith("http")]
        assert len(urls) >= 2
        for url in urls:
            with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
                assert b'"agent": "ok"' in answer.read()
        connection = Connection(5.0)
        assert connection.ask("select 1") == ["1"]
        connection.close()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0
    assert rests() == []


def test_a_lab_that_was_killed_is_dead_and_the_next_one_removes_its_rests() -> None:
    script = "import signal\nfrom tests.lab.laboratory import Lab\nlab = Lab().up()\nlab.add_disk('data', 4)\n"
    script += "lab.start()\nprint(lab['pm01'].pid, flush=True)\nsignal.pause()\n"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
    assert select.select([host], [], [], 10)[0], "process 1 of a host outlived its lab"
    os.close(host)
    with Lab() as lab:
        lab.start()
        assert lab["pm01"].is_on
    assert rests() == []


def test_without_root_the_pair_runs_on_loopback_and_moves_the_service() -> None:
    with loopback_pair.running() as pair:
        Operator(pair.urls[0], "admin", cluster.PASSWORD).apply_sheet(loopback_pair.SHEET, reason="test")
        door = pair.folder / "pm02" / "run" / "agent.sock"
        cluster.wait_until_door(door, lambda view: view.runs_on("prmPg") == ["pm01"], 30)
        cluster.wait_until_door(door, lambda view: view.runs_on("prmWatch") == ["pm01", "pm02"], 30)
        pair.agents[0].terminate()
        cluster.wait_until_door(door, lambda view: view.runs_on("prmPg") == ["pm02"], 30)
    assert not pair.folder.exists()
