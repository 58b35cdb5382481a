"""The power switch of all hosts, as a process of its own: `python -m tests.lab.power HOST…`.

Reads one line a connection, `off|on|reboot|status|list HOST [WHO]`; gives `ok`, `failed`, `on` or `off`. It is the only
one that starts and kills hosts, writes each event with its time into `events.log`, and turns a host on again that
rebooted by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab import kernel
from tests.lab.boot import Keeper, boot
from tests.lab.place import FOLDER, NETWORKS, POWER_SOCKET, port_of

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_REBOOTED = 128 + signal.SIGHUP
"""How process 1 of a pid namespace ends when something in it called reboot()."""


def ask(order: str, host: str = "", who: str = "lab", timeout_s: float = 60.0) -> str:
    """What the switch answers; empty when nobody does."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(POWER_SOCKET))
            connection.sendall(f"{order} {host} {who}\n".encode())
            return connection.makefile().read().strip()
    except OSError:
        return ""


def event(*words: object) -> None:
    with (FOLDER / "events.log").open("a") as log:
        log.write(f"{time.time():.6f} {' '.join(map(str, words))}\n")


def wake_entrants(space: str) -> None:
    """`nsenter` stops itself with its child, and then nobody reaps the child: process 1 would wait for it for ever."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal() and os.readlink(folder / "ns/pid_for_children") == space:
                os.kill(int(folder.name), signal.SIGCONT)


class Switch:
    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = list(hosts)
        self._on: dict[str, Keeper] = {}
        self._watched = selectors.DefaultSelector()

    def serve(self, ready: int | None = None) -> None:
        listener = socket.socket(socket.AF_UNIX)
        POWER_SOCKET.unlink(missing_ok=True)
        listener.bind(str(POWER_SOCKET))
        listener.listen(16)
        self._watched.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in self._watched.select():
                if key.fileobj is listener:
                    self._converse(listener.accept()[0])
                else:
                    self._ended(str(key.data))

    def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            order, host, who, *_ = [*connection.recv(256).decode().split(), "", "", ""]
            connection.sendall(self._answer(order, host, who).encode() + b"\n")

    def _answer(self, order: str, host: str, who: str) -> str:
        match order:
            case "list":
                return "\n".join(self._hosts)
            case "monitor":
                return "ok"
            case "status" if host in self._hosts:
                return "on" if host in self._on else "off"
            case "on" | "off" | "reboot" if host in self._hosts:
                return self._switch(order, host, who)
        return "failed"

    def _switch(self, order: str, host: str, who: str) -> str:
        event("fence-begin" if who in self._hosts else "switch", order, host, who)
        node = FOLDER / "nodes" / host
        # A stuck switch fails for those who fence, never for the one who holds the lab.
        if who in self._hosts and (node / "stuck").exists():
            event("fence-end", order, host, "failed")
            return "failed"
        if order != "on":
            self._kill(host)
        if order == "on" or (order == "reboot" and not (node / "stay-off").exists()):
            self._start(host)
        if who in self._hosts:
            event("fence-end", order, host, "ok")
        return "ok"

    def _start(self, host: str) -> None:
        if host in self._on:
            return
        keeper = boot(host, self._hosts.index(host) + 1)
        self._on[host] = keeper
        (FOLDER / "nodes" / host / "pid").write_text(str(keeper.host_pid))
        self._watched.register(os.pidfd_open(keeper.keeper_pid), selectors.EVENT_READ, host)
        event("on", host)

    def _kill(self, host: str) -> None:
        """Power loss: cables dead at once, then everything in the host."""
        keeper = self._on.get(host)
        if keeper is None:
            return
        self._links_down(self._hosts.index(host) + 1)
        with contextlib.suppress(OSError):
            space = os.readlink(f"/proc/{keeper.host_pid}/ns/pid")
            os.kill(keeper.host_pid, signal.SIGKILL)
            wake_entrants(space)
        self._forget(host)
        event("off", host)

    def _ended(self, host: str) -> None:
        if host in self._on and self._forget(host) == _REBOOTED:
            event("rebooted", host)
            if not (FOLDER / "nodes" / host / "stay-off").exists():
                self._start(host)

    def _forget(self, host: str) -> int:
        """Wait for the keeper, thus until nothing of the host runs any more; how process 1 ended."""
        keeper = self._on.pop(host)
        _, status = os.waitpid(keeper.keeper_pid, 0)
        (FOLDER / "nodes" / host / "pid").unlink(missing_ok=True)
        for key in list(self._watched.get_map().values()):
            if key.data == host:
                self._watched.unregister(key.fileobj)
                os.close(key.fd)
        return os.waitstatus_to_exitcode(status)

    def _links_down(self, number: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            for lan in NETWORKS:
                request = struct.pack("16sh22x", port_of(number, lan).encode(), 0)
                with contextlib.suppress(OSError):
                    answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
                    flags = struct.unpack("16sh22x", answer)[1] & ~_IFF_UP
                    request = struct.pack("16sh22x", port_of(number, lan).encode(), flags)
                    fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


def main() -> None:
    kernel.call_myself("lab-power")
    if os.environ.get("LAB_STAYS") != "1":
        kernel.end_with_parent()
    os.setsid()
    (FOLDER / "power.pid").write_text(str(os.getpid()))
    with (FOLDER / "power.log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    Switch(sys.argv[1:]).serve()


FENCE_LAB = """#!/usr/bin/python3 -IS
# fence_lab: the lab's power switch by the fence agents' API.
import socket, sys
META = '''<?xml version="1.0" ?>
<resource-agent name="fence_lab" shortdesc="Power switch of the lab"><longdesc>Power switch of the lab</longdesc>
<parameters>
<parameter name="action" unique="0" required="0"><content type="string" default="reboot"/>
<shortdesc lang="en">Action</shortdesc></parameter>
<parameter name="port" unique="0" required="0"><content type="string"/><shortdesc lang="en">Host</shortdesc></parameter>
</parameters>
<actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/>
<action name="monitor"/><action name="metadata"/><action name="list"/></actions></resource-agent>'''
given = {}
words = sys.argv[1:]
for place, word in enumerate(words):
    if word in ("-o", "-n") and place + 1 < len(words):
        given["action" if word == "-o" else "port"] = words[place + 1]
    elif word.startswith("--action="): given["action"] = word[9:]
    elif word.startswith("--plug="): given["port"] = word[7:]
if not given:
    for line in sys.stdin:
        name, equals, value = line.strip().partition("=")
        if equals: given[name] = value
action = given.get("action", "reboot")
if action in ("metadata", "meta-data"):
    print(META); sys.exit(0)
host = given.get("port") or given.get("plug") or given.get("nodename") or ""
try:
    switch = socket.socket(socket.AF_UNIX); switch.settimeout(30); switch.connect("@SOCKET@")
    switch.sendall(("%s %s %s\\n" % (action, host, socket.gethostname())).encode())
    answer = switch.makefile().read().strip()
except OSError as error:
    print("power switch: %s" % error, file=sys.stderr); sys.exit(1)
if action == "status":
    print("Status: " + answer.upper()); sys.exit({"on": 0, "off": 2}.get(answer, 1))
if action == "list":
    print(answer); sys.exit(0)
sys.exit(0 if answer == "ok" else 1)
""".replace("@SOCKET@", str(POWER_SOCKET))

EXTERNAL = """#!/bin/sh
# external/@NAME@: the lab's power switch by cluster-glue's API.
case $1 in
gethosts) for host in $(echo "$hostlist" | tr ',' ' '); do echo "$host"; done;;
on|off) exec /usr/sbin/fence_lab -o "$1" -n "$2";;
reset) exec /usr/sbin/fence_lab -o reboot -n "$2";;
status) exec /usr/sbin/fence_lab -o monitor;;
getconfignames) echo hostlist;;
getinfo-devid|getinfo-devname|getinfo-devdescr) echo "power switch of the lab";;
getinfo-devurl) echo none;;
getinfo-xml) echo '<parameters><parameter name="hostlist" unique="0" required="1"><content type="string"/>'
 echo '<shortdesc lang="en">Hosts</shortdesc></parameter></parameters>';;
*) exit 1;;
esac
"""


def install(usr: Path) -> None:
    """Put the switch's agents into a host's /usr; `external/ssh` too, since nothing listens for ssh here."""
    write_script(usr / "sbin" / "fence_lab", FENCE_LAB)
    for name in ("lab", "ssh"):
        write_script(usr / "lib/stonith/plugins/external" / name, EXTERNAL.replace("@NAME@", name))


def write_script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


if __name__ == "__main__":
    main()
