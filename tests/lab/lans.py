"""The LANs: bridges in the machine's own network namespace, and what can go wrong with them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence

from tests.lab.place import CLIENT_ADDRESS, HEARTBEAT_LANS, NETWORKS, SERVICE, bridge_of, port_of

PARTS_MAX = 4


def _ip(*lines: str, must: bool = True) -> None:
    command = ["ip", "-batch", "-"] if must else ["ip", "-force", "-batch", "-"]
    done = subprocess.run(command, input="\n".join(lines) + "\n", text=True, capture_output=True, check=False)
    if must and done.returncode:
        raise RuntimeError(f"ip: {done.stderr.strip()}")


def lay() -> None:
    for lan in NETWORKS:
        _ip(f"link add {bridge_of(lan)} type bridge stp_state 0 mcast_snooping 0", f"link set {bridge_of(lan)} up")
    _ip(f"addr add {CLIENT_ADDRESS}/24 dev {bridge_of(SERVICE)}")


def remove() -> None:
    bridges = [bridge_of(lan, part) for lan in NETWORKS for part in range(PARTS_MAX)]
    have = subprocess.run(["ip", "-br", "link"], text=True, capture_output=True, check=True).stdout
    names = [line.split()[0].partition("@")[0] for line in have.splitlines()]
    ours = [name for name in names if name in bridges or (name.startswith("hal") and name[3:4].isdigit())]
    _ip(*(f"link del {name}" for name in ours), must=False)


def _forward(number: int, lan: str, *, state: int) -> None:
    command = ["bridge", "link", "set", "dev", port_of(number, lan), "state", str(state)]
    subprocess.run(command, check=False, capture_output=True)


def cut(lan: str, numbers: Iterable[int]) -> None:
    """The switch drops every frame of these hosts; they keep their carrier."""
    for number in numbers:
        _forward(number, lan, state=0)


def heal(lan: str, numbers: Iterable[int]) -> None:
    """Undo cut, unplug and partition."""
    for number in numbers:
        _ip(f"link set {port_of(number, lan)} master {bridge_of(lan)} up", must=False)
        _forward(number, lan, state=3)


def unplug(lan: str, number: int) -> None:
    """Pull the cable: the host loses its carrier."""
    _ip(f"link set {port_of(number, lan)} down")


def partition(groups: Sequence[Iterable[int]], lans: Iterable[str] = HEARTBEAT_LANS) -> None:
    """Divide LANs: hosts of different groups do not hear each other there."""
    for lan in lans:
        for part, group in enumerate(groups):
            bridge = bridge_of(lan, part)
            if part:
                _ip(f"link add {bridge} type bridge stp_state 0", f"link set {bridge} up", must=False)
            for number in group:
                _ip(f"link set {port_of(number, lan)} master {bridge}", must=False)
