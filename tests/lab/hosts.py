"""One host as a test sees it: run something in it, and do something to it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import lans, power
from tests.lab.place import FOLDER, HEARTBEAT_LANS, NETWORKS, address_of, environment

RUN_S = 120.0


@dataclass(frozen=True)
class Host:
    name: str
    number: int

    @property
    def folder(self) -> Path:
        return FOLDER / "nodes" / self.name

    @property
    def pid(self) -> int | None:
        """Process 1 as the machine numbers it; None when the host is off."""
        try:
            return int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            return None

    @property
    def is_on(self) -> bool:
        return power.ask("status", self.name) == "on"

    def address(self, lan: str) -> str:
        return address_of(self.number, lan)

    def inside(self, path: str) -> Path:
        """A file of the running host, seen from outside."""
        return Path(f"/proc/{self.pid}/root") / path.lstrip("/")

    # Running.

    def command(self, *words: str) -> list[str]:
        if self.pid is None:
            raise RuntimeError(f"{self.name} is off")
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "--", *words]

    def run(
        self, *words: str, check: bool = True, timeout_s: float = RUN_S, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words),
            env=environment(self.name) | (env or {}),
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {words} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def start(self, *words: str, log: str = "daemon.log", env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A program that stays, with its output in the host's folder."""
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                self.command(*words),
                env=environment(self.name) | (env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    # Power.

    def power_on(self) -> None:
        self._order("on")

    def crash(self) -> None:
        """Power loss: all processes and cables at once."""
        self._order("off")

    def reboot(self) -> None:
        self._order("reboot")

    def shut_down(self) -> None:
        """In order: what `shutdown` in the host's folder says first, then the power."""
        script = self.folder / "shutdown"
        if script.exists():
            self.run("/bin/sh", str(script), check=False)
        self._order("off")

    def _order(self, order: str) -> None:
        if power.ask(order, self.name) != "ok":
            raise RuntimeError(f"{self.name}: {order} failed, see {FOLDER}/power.log")

    def set_stuck(self, stuck: bool) -> None:
        """The power switch answers `failed` to every node that wants to fence this host."""
        self._flag("stuck", stuck)

    def set_stay_off(self, stays: bool) -> None:
        """A reboot leaves this host off."""
        self._flag("stay-off", stays)

    def _flag(self, name: str, value: bool) -> None:
        (self.folder / name).touch() if value else (self.folder / name).unlink(missing_ok=True)

    # Processes.

    def processes(self) -> list[int]:
        """All of the host's, numbered as the machine does."""
        space = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdecimal() and os.readlink(folder / "ns/pid") == space:
                    found.append(int(folder.name))
        return found

    def freeze(self) -> None:
        """Everything stops, nothing is closed: as a machine that hangs."""
        seen: set[int] = set()
        while new := set(self.processes()) - seen:
            self._signal(new, signal.SIGSTOP)
            seen |= new

    def thaw(self) -> None:
        self._signal(self.processes(), signal.SIGCONT)
        power.wake_entrants(os.readlink(f"/proc/{self.pid}/ns/pid"))

    def kill(self, pid: int) -> None:
        """SIGKILL to a process, by the machine's number; returns when it is dead."""
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], 10)
            os.close(descriptor)

    @staticmethod
    def _signal(pids: Sequence[int] | set[int], number: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    # Cables.

    def cut(self, *names: str) -> None:
        for lan in names or tuple(NETWORKS):
            lans.cut(lan, [self.number])

    def unplug(self, lan: str) -> None:
        lans.unplug(lan, self.number)

    def heal(self, *names: str) -> None:
        for lan in names or tuple(NETWORKS):
            lans.heal(lan, [self.number])

    def lose(self, percent: int, *names: str) -> None:
        """Drop this share of the packets that arrive over the LANs; 0 ends it."""
        self.run("iptables", "-F", "INPUT")
        for lan in names or HEARTBEAT_LANS:
            if percent:
                chance = ("-m", "statistic", "--mode", "random", "--probability", f"{percent / 100:.4f}")
                self.run("iptables", "-A", "INPUT", "-i", lan, *chance, "-j", "DROP")

    def deafen(self, peer: Host, *names: str) -> None:
        """A cable broken in one direction: this host no longer hears the peer, which hears it well."""
        for lan in names or HEARTBEAT_LANS:
            self.run("iptables", "-A", "INPUT", "-i", lan, "-s", peer.address(lan), "-j", "DROP")

    def listen(self) -> None:
        """Undo deafen and lose."""
        self.run("iptables", "-F", "INPUT")

    def slow(self, kilobits: int, *names: str) -> None:
        """What the host sends queues up behind so many kilobits in a second; 0 ends it."""
        for lan in names or HEARTBEAT_LANS:
            self.run("tc", "qdisc", "del", "dev", lan, "root", check=False)
            if kilobits:
                rate = ("rate", f"{kilobits}kbit", "burst", "1600", "limit", "12000")
                self.run("tc", "qdisc", "add", "dev", lan, "root", "tbf", *rate)

    # Disks.

    def break_disk(self, name: str) -> None:
        """This host alone cannot read the disk any more: what it opens now fails with an I/O error."""
        self.run("mount", "--bind", "/proc/1/mem", f"/run/lab/disk/{name}")

    def repair_disk(self, name: str) -> None:
        self.run("umount", f"/run/lab/disk/{name}")

    def fill(self, folder: str) -> None:
        """Write until no space is left on the file system of the folder."""
        self.run("dd", "if=/dev/zero", f"of={folder}/.full", "bs=1M", check=False)

    def free(self, folder: str) -> None:
        self.run("rm", "-f", f"{folder}/.full")
