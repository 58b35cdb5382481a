"""Power on: makes the namespaces of one host and its process 1.

Reads nothing but its arguments; gives a `Keeper`, the process outside that waits for process 1. Everything in the host
dies with process 1, process 1 with its keeper, and the keeper with the power switch.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab import kernel
from tests.lab.place import CHECKOUT, FOLDER, NETWORKS, OVERLAYS, PRIVATE, address_of, bridge_of, environment, port_of


@dataclass(frozen=True)
class Keeper:
    keeper_pid: int
    host_pid: int


def boot(name: str, number: int) -> Keeper:
    """Returns when the host's network is up."""
    pid_read, pid_write = os.pipe()
    plug_read, plug_write = os.pipe()
    up_read, up_write = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        _keep(name, number, pid_write, plug_read, up_write)
    for end in (pid_write, plug_read, up_write):
        os.close(end)
    host = int(os.read(pid_read, 32) or b"0")
    plugged = bool(host) and os.read(up_read, 1) == b"n" and _plug(number, host)
    if plugged:
        os.write(plug_write, b"p")
    is_up = plugged and os.read(up_read, 1) == b"u"
    for end in (pid_read, plug_write, up_read):
        os.close(end)
    if not is_up:
        raise RuntimeError(f"{name} did not come up:\n{(FOLDER / 'nodes' / name / 'boot.log').read_text()}")
    return Keeper(keeper, host)


def _keep(name: str, number: int, pid_write: int, plug_read: int, up_write: int) -> None:
    """The keeper: ends as process 1 ended, 128 + signal as exit code."""
    try:
        kernel.end_with_parent()
        kernel.call_myself(f"keep:{name}")
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        kernel.unshare(kernel.CLONE_NEWPID)
        host = os.fork()
        if host == 0:
            _be_process_one(name, number, plug_read, up_write)
        os.write(pid_write, str(host).encode())
        os.closerange(3, 1024)
        _, status = os.waitpid(host, 0)
        os._exit(os.waitstatus_to_exitcode(status) % 256 if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
    finally:
        os._exit(127)


def _plug(number: int, pid: int) -> bool:
    """Put a cable from each LAN's bridge into the host."""
    lines = []
    for place, lan in enumerate(NETWORKS, 1):
        port, mac = port_of(number, lan), f"02:00:00:00:{place:02x}:{number:02x}"
        subprocess.run(["ip", "link", "del", port], stderr=subprocess.DEVNULL, check=False)
        lines.append(f"link add {port} type veth peer name {lan} address {mac} netns {pid}")
        lines.append(f"link set {port} master {bridge_of(lan)} up")
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=False)
    return done.returncode == 0


def _be_process_one(name: str, number: int, plug_read: int, up_write: int) -> None:
    try:
        kernel.end_with_parent()
        kernel.call_myself(f"host:{name}")
        os.setsid()
        log = os.open(FOLDER / "nodes" / name / "boot.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0), os.dup2(log, 1), os.dup2(log, 2)
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWNET)
        os.write(up_write, b"n")
        if os.read(plug_read, 1) != b"p":
            os._exit(1)
        _make_files(name)
        socket.sethostname(name)
        os.environ.clear()
        os.environ.update(environment(name))
        _make_network(number)
        os.write(up_write, b"u")
        os.closerange(3, 1024)
        _start_rc(name)
        _reap()
    except BaseException as error:
        os.write(2, f"{error!r}\n".encode())
    finally:
        os._exit(1)


def _make_files(name: str) -> None:
    node = FOLDER / "nodes" / name
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc")
    kernel.mount("sysfs", "/sys", "sysfs")
    for one in OVERLAYS:
        options = f"lowerdir=/{one},upperdir={node}/{one},workdir={node}/.{one}"
        kernel.mount("overlay", f"/{one}", "overlay", 0, options)
    # What lies below a covered folder is opened before and put back after.
    kept = {path: os.open(path, os.O_PATH) for path in (FOLDER, *_covered_checkout())}
    for folder, mode in PRIVATE:
        kernel.mount("tmpfs", folder, "tmpfs", 0, f"mode={mode}")
    for path, descriptor in kept.items():
        path.mkdir(parents=True, exist_ok=True)
        kernel.mount(f"/proc/self/fd/{descriptor}", str(path), None, kernel.MS_BIND | kernel.MS_REC)
        os.close(descriptor)
    for folder in ("/run/lock", "/run/lab/disk", "/run/heartbeat", "/run/resource-agents", "/run/postgresql"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    subprocess.run(["chown", "postgres:", "/run/postgresql"], check=False)
    for disk in sorted((FOLDER / "disks").glob("*.device")):
        _, _, number = disk.read_text().partition(" ")
        os.mknod(f"/run/lab/disk/{disk.stem}", 0o660 | stat.S_IFBLK, int(number))


def _covered_checkout() -> list[Path]:
    return [CHECKOUT] if any(CHECKOUT.is_relative_to(folder) for folder, _ in PRIVATE) else []


def _make_network(number: int) -> None:
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    lines = ["link set lo up"]
    for lan in NETWORKS:
        lines += [f"link set {lan} up", f"addr add {address_of(number, lan)}/24 brd + dev {lan}"]
    lines += [f"route add default via {NETWORKS['svc']}.254"]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def _start_rc(name: str) -> None:
    """What the host does by itself after power on."""
    script = FOLDER / "nodes" / name / "rc"
    if script.exists() and os.fork() == 0:
        os.setsid()
        os.execv("/bin/sh", ["/bin/sh", str(script)])


def _reap() -> None:
    """Orphans that nobody waits for would let `kill -0` succeed for ever, and agents wait for that."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.2)
