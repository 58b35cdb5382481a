"""When heartbeats really leave a host, by the kernel's own clock at the LAN's switch.

Reads the frames of one cable; gives the intervals between a host's heartbeats, however late this program looks.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from itertools import pairwise
from typing import Self

from tests.lab.hosts import Host
from tests.lab.place import HB1, port_of

_ALL = 3
"""A bridge takes the frames of its ports before those who asked for one protocol get them."""
_TIMESTAMPNS = 35
_IP, _UDP, _PORT = b"\x08\x00", 17, 694
_HEADERS = 34
"""Ethernet and IP without options."""


class Wire:
    """`with Wire(hosts)` listens until the block ends."""

    def __init__(self, hosts: list[Host], lan: str = HB1) -> None:
        self._hosts, self._lan = hosts, lan
        self._times_s: dict[str, list[float]] = {host.name: [] for host in hosts}
        self._sockets: dict[int, tuple[socket.socket, Host]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="wire", daemon=True)

    def __enter__(self) -> Self:
        for host in self._hosts:
            cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
            cable.bind((port_of(host.number, self._lan), _ALL))
            cable.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            cable.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
            cable.setblocking(False)
            self._sockets[cable.fileno()] = cable, host
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for cable, _ in self._sockets.values():
            cable.close()

    def intervals_ms(self, name: str) -> list[float]:
        return [(later - sooner) * 1000 for sooner, later in pairwise(tuple(self._times_s[name]))]

    def _listen(self) -> None:
        poll = select.poll()
        for descriptor in self._sockets:
            poll.register(descriptor, select.POLLIN)
        while not self._ended.is_set():
            for descriptor, _ in poll.poll(200):
                cable, host = self._sockets[descriptor]
                frame, notes, _, address = cable.recvmsg(256, 64)
                is_own = address[2] != socket.PACKET_OUTGOING
                if is_own and len(frame) > _HEADERS + 4 and frame[12:14] == _IP and frame[23] == _UDP:
                    (port,) = struct.unpack_from("!H", frame, _HEADERS + 2)
                    if port == _PORT and notes:
                        seconds, nanoseconds = struct.unpack("qq", notes[0][2])
                        self._times_s[host.name].append(seconds + nanoseconds / 1e9)
