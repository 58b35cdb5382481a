"""Self-fencing where the machine can't be rebooted: nothing that was started runs on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nodeagent.shell.self_fencing import descendants, kill_descendants

_TREE = """
import subprocess, sys, time
child = subprocess.Popen(["/bin/sh", "-c", "sleep 300 & sleep 300"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(300)
"""


def test_the_whole_tree_below_a_process_is_killed() -> None:
    top = subprocess.Popen([sys.executable, "-c", _TREE], stdout=subprocess.PIPE, text=True)
    assert top.stdout
    shell = int(top.stdout.readline())
    while len(descendants(top.pid)) < 3:
        pass
    below = descendants(top.pid)
    assert shell in below
    kill_descendants(top.pid)
    assert descendants(top.pid) == []
    assert top.poll() is None
    assert top.pid in descendants(os.getpid())
    top.kill()
    top.wait()
    top.stdout.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace of its own needs root")
def test_a_container_that_reboots_itself_ends_and_the_machine_stays() -> None:
    program = (
        "import time; from nodeagent.shell.self_fencing import reboot_machine; print('up', flush=True);"
        "reboot_machine(); time.sleep(60)"
    )
    ended = subprocess.run(
        [
            "unshare",
            "--pid",
            "--fork",
            "--mount-proc",
            "/bin/sh",
            "-c",
            '"$0" -c "$1"; sleep 60',
            sys.executable,
            program,
        ],
        stdout=subprocess.PIPE,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.stdout == "up\n"
    assert ended.returncode != 0
