"""ICMP echo requests from inside the agent, many hosts at once, without a process for each.

Gives, for each address, whether an answer came within the timeout. Needs root or a group in `ping_group_range`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import struct

_ECHO = {socket.AF_INET: (8, 0, socket.IPPROTO_ICMP), socket.AF_INET6: (128, 129, socket.IPPROTO_ICMPV6)}
"""family -> (type of a request, type of a reply, protocol)"""


def checksum(packet: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(kind: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    header = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence)
    return struct.pack("!BBHHH", kind, 0, checksum(header + payload), identifier, sequence) + payload


async def answers(host: str, *, attempts: int, timeout_ms: int) -> bool:
    """Whether the host answers one of `attempts` requests, each given `timeout_ms`; unresolvable is silent."""
    try:
        family, address = await _resolve(host)
        connection = _open(family, address)
    except OSError:
        return False
    with contextlib.closing(connection):
        for sequence in range(1, attempts + 1):
            if await _ask(connection, family, sequence, timeout_ms):
                return True
    return False


async def _resolve(host: str) -> tuple[socket.AddressFamily, str]:
    with contextlib.suppress(ValueError):
        numeric = ipaddress.ip_address(host.partition("%")[0])
        return (socket.AF_INET6 if numeric.version == 6 else socket.AF_INET), host
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    return found[0][0], str(found[0][4][0])


def _open(family: socket.AddressFamily, address: str) -> socket.socket:
    """A connected raw socket, so that the kernel hands over this host's packets alone."""
    protocol = _ECHO[family][2]
    try:
        connection = socket.socket(family, socket.SOCK_RAW, protocol)
    except PermissionError:
        connection = socket.socket(family, socket.SOCK_DGRAM, protocol)
    try:
        connection.setblocking(False)
        connection.connect((address, 0))
    except OSError:
        connection.close()
        raise
    return connection


async def _ask(connection: socket.socket, family: socket.AddressFamily, sequence: int, timeout_ms: int) -> bool:
    request_type, reply_type, _ = _ECHO[family]
    token = os.urandom(16)
    identifier = int.from_bytes(token[:2], "big")
    try:
        connection.send(echo_request(request_type, identifier, sequence, token))
        await asyncio.wait_for(_reply(connection, reply_type, token), timeout_ms / 1000)
    except TimeoutError:
        return False
    except OSError:
        # No route, link down, host unreachable: silence that is known at once still lasts its time,
        # so that a path that flaps is not judged on one moment.
        await asyncio.sleep(timeout_ms / 1000)
        return False
    return True


async def _reply(connection: socket.socket, reply_type: int, token: bytes) -> None:
    loop = asyncio.get_running_loop()
    while True:
        packet = await loop.sock_recv(connection, 2048)
        # The payload is random for each request, so nobody's else answer can be taken for it, and the
        # IP header, which only raw IPv4 sockets show, need not be parsed.
        if packet.endswith(token) and packet[-len(token) - 8] == reply_type:
            return
