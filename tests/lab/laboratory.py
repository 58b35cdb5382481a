"""The whole lab: `with Lab() as lab` makes LANs, disks and hosts, and leaves nothing behind.

One lab at a time on a machine, since the addresses are fixed: a second one waits for the lock. What an earlier one
left because it was killed is removed before a new one begins.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.lab import disks, kernel, lans, power
from tests.lab.hosts import Host
from tests.lab.place import CHECKOUT, FOLDER, HB1, LOCK, NETWORKS, OVERLAYS, address_of

WAIT_FOR_LOCK_S = 600.0
SIZE = "3g"


class LabBusy(Exception):
    """Another lab is up on this machine."""


class Lab:
    def __init__(self, *names: str, stays: bool = False) -> None:
        self.hosts = [Host(name, number) for number, name in enumerate(names or ("pm01", "pm02"), 1)]
        self._stays = stays
        self._lock = -1
        self._switch: subprocess.Popen[bytes] | None = None

    def __getitem__(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def __enter__(self) -> Self:
        try:
            return self.up()
        except BaseException:
            self.down()
            raise

    def __exit__(self, *_: object) -> None:
        self.down()

    def other(self, host: Host) -> Host:
        """The other one of a pair."""
        return next(each for each in self.hosts if each != host)

    def up(self, wait_s: float = WAIT_FOR_LOCK_S) -> Self:
        """LANs, folders and the power switch; disks are added and hosts turned on by the caller."""
        self._lock = take_lock(wait_s)
        remove_rests()
        FOLDER.mkdir(exist_ok=True)
        kernel.mount("tmpfs", str(FOLDER), "tmpfs", 0, f"mode=755,size={SIZE}")
        disks.make_loop_nodes()
        for host in self.hosts:
            self._prepare(host)
        lans.lay()
        self._start_switch()
        return self

    def down(self) -> None:
        if self._switch is not None:
            self._switch.kill()
            self._switch.wait()
            self._switch = None
        if self._lock >= 0:
            remove_rests()
            os.close(self._lock)
            self._lock = -1

    def start(self) -> None:
        for host in self.hosts:
            host.power_on()

    def add_disk(self, name: str, megabytes: int) -> Path:
        return disks.add(name, megabytes)

    def cut(self, lan: str) -> None:
        """The LAN's switch is dead for all hosts."""
        lans.cut(lan, [host.number for host in self.hosts])

    def heal(self, *names: str) -> None:
        for lan in names or tuple(NETWORKS):
            lans.heal(lan, [host.number for host in self.hosts])

    def partition(self, *groups: Sequence[Host]) -> None:
        lans.partition([[host.number for host in group] for group in groups])

    def _prepare(self, host: Host) -> None:
        for one in OVERLAYS:
            (host.folder / one).mkdir(parents=True)
            (host.folder / f".{one}").mkdir()
        names = "".join(f"{address_of(each.number, HB1)} {each.name}\n" for each in self.hosts)
        (host.folder / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        (host.folder / "etc" / "hostname").write_text(f"{host.name}\n")
        power.install(host.folder / "usr")

    def _start_switch(self) -> None:
        command = [sys.executable, "-m", "tests.lab.power", *(host.name for host in self.hosts)]
        self._switch = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=os.environ | {"LAB_STAYS": "1" if self._stays else "0"},
            stdin=subprocess.DEVNULL,
            pass_fds=[self._lock],
        )
        deadline_s = time.monotonic() + 20
        while not power.ask("list"):
            if self._switch.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError("the power switch did not start")
            select.select([], [], [], 0.02)


def attach() -> Lab:
    """The lab that `python -m tests.lab up` left running."""
    return Lab(*power.ask("list").split())


def take_lock(wait_s: float) -> int:
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                os.close(lock)
                raise LabBusy("another lab is up on this machine (python -m tests.lab down)") from None
            select.select([], [], [], 0.2)


def stop_switch() -> None:
    """End the power switch of a lab that was left running; all its hosts die with it."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.pidfd_open(int((FOLDER / "power.pid").read_text()))
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], 10)
        os.close(descriptor)


def remove_rests() -> None:
    """Everything of a lab whose processes are dead."""
    lans.remove()
    _unmount_below(FOLDER, keep_itself=True)
    disks.detach_all()
    _unmount_below(FOLDER)
    if FOLDER.is_dir():
        FOLDER.rmdir()


def _unmount_below(folder: Path, *, keep_itself: bool = False) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mounted in reversed(mounts):
        if mounted == str(folder) and keep_itself:
            continue
        if mounted == str(folder) or mounted.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", mounted], check=False)
