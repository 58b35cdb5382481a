"""The UDP sockets of the heartbeat LANs, which survive whatever happens to their interfaces.

Reads the `Link`s of ha.cf; gives datagrams with the name of the link they came over. An interface that goes, loses
its address or comes back with another index is looked at again at the next beat; no error leaves this module.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterator

from nodeagent.settings import Link, Medium

RECEIVE_BUFFER_BYTES = 1 << 20
DATAGRAM_BYTES_MAX = 8192
BURST_MAX = 64
"""Datagrams read from one link before the other links and the own beat get their turn."""
_LOOK_AGAIN_MS = 1000
_SIOCGIFADDR, _SIOCGIFBRDADDR, _SIOCGIFNETMASK = 0x8915, 0x8919, 0x891B
_SO_BINDTODEVICE = 25


class LinkSocket:
    """One heartbeat LAN; closed while its interface is away."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.error = ""
        """Why it cannot send, "" when it can."""
        self._socket: socket.socket | None = None
        self._seen: tuple[int, bytes, bytes] | None = None
        self._look_at_ms = 0

    def fileno(self) -> int:
        """-1 while it's closed."""
        return self._socket.fileno() if self._socket else -1

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def look(self, now_ms: int) -> bool:
        """Open, or open again after a change of the interface; True when the file descriptor is a new one."""
        if now_ms < self._look_at_ms:
            return False
        self._look_at_ms = now_ms + _LOOK_AGAIN_MS
        seen = _interface(self.link.device)
        if self._socket is not None and seen == self._seen:
            return False
        self.close()
        self._seen = seen
        if seen is None:
            self.error = f"there is no interface {self.link.device}"
            return False
        try:
            self._socket = _open(self.link, seen)
        except OSError as error:
            self.error = error.strerror or str(error)
            return False
        self.error = ""
        return True

    def send(self, datagram: bytes) -> None:
        if self._socket is None or self._seen is None:
            return
        for address in self._targets(self._seen):
            try:
                self._socket.sendto(datagram, (address, self.link.port))
                self.error = ""
            except BlockingIOError:
                pass
            except OSError as error:
                self.error = error.strerror or str(error)

    def _targets(self, seen: tuple[int, bytes, bytes]) -> tuple[str, ...]:
        match self.link.medium:
            case Medium.UCAST:
                own = self.link.own_address or socket.inet_ntoa(seen[1])
                return tuple(peer for peer in self.link.peers if peer != own)
            case Medium.MCAST:
                return (self.link.group,)
            case Medium.BCAST:
                return (socket.inet_ntoa(seen[2]),)

    def receive(self) -> Iterator[tuple[bytes, str]]:
        """(datagram, address of its sender), at most BURST_MAX of them."""
        for _ in range(BURST_MAX):
            if self._socket is None:
                return
            try:
                datagram, sender = self._socket.recvfrom(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError as error:
                self.error = error.strerror or str(error)
                return
            yield datagram, sender[0]


def _interface(device: str) -> tuple[int, bytes, bytes] | None:
    """(index, address, broadcast address); zeros as the address when it has none, None when there is no interface."""
    try:
        index = socket.if_nametoindex(device)
    except OSError:
        return None
    address = _query(device, _SIOCGIFADDR)
    netmask = _query(device, _SIOCGIFNETMASK)
    broadcast = _query(device, _SIOCGIFBRDADDR)
    if broadcast == bytes(4):
        everyone = int.from_bytes(address, "big") | (~int.from_bytes(netmask, "big") & 0xFFFFFFFF)
        broadcast = everyone.to_bytes(4, "big") if netmask not in (bytes(4), b"\xff" * 4) else b"\xff" * 4
    return index, address, broadcast


def _query(device: str, request: int) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        try:
            answer = fcntl.ioctl(asker, request, struct.pack("256s", device.encode()[:15]))
        except OSError:
            return bytes(4)
        return answer[20:24]


def bind_to_device(connection: socket.socket, link: Link) -> None:
    """Keep the socket to its LAN. Links with an own address (`bind`) are told apart by that address instead."""
    if not link.own_address:
        connection.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, link.device.encode())


def _open(link: Link, seen: tuple[int, bytes, bytes]) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 6)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xC0)
        bind_to_device(opened, link)
        if link.medium is Medium.MCAST:
            _join(opened, link, seen[0])
        # A socket bound to one address hears neither broadcasts nor multicasts.
        opened.bind((link.own_address if link.medium is Medium.UCAST else "", link.port))
    except OSError:
        opened.close()
        raise
    return opened


def _join(opened: socket.socket, link: Link, index: int) -> None:
    request = struct.pack("4s4si", socket.inet_aton(link.group), bytes(4), index)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", bytes(4), bytes(4), index))
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, link.ttl)
