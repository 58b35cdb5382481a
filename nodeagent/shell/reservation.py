"""The tie-breaker's process for a shared disk: reserves its first block, says so, and renews it until told to stop.

Run as `python -IS reservation.py DEVICE OWNER`. Says `reserved` or `taken` on standard output; ends when standard input
ends (and gives the block back), or when it could not renew in time, so that nobody relies on a reservation that another
host may take. Imports the least.

The block holds an owner and a number that grows with each renewal. A block whose number stands still for LEASE_S is
free. Who finds it free writes himself into it, waits until every other writer must have seen that, and reads it again:
the last writer has it. The rule needs a write to reach the disk within SETTLE_S; one that takes longer is given up.
"""

from __future__ import annotations

import mmap
import os
import select
import sys
import time
from collections.abc import Callable

BLOCK_BYTES = 4096
MAGIC = b"hacluster reservation 1\n"
SETTLE_S = 1.0
RENEW_S = 1.0
LEASE_S = 5.0
FREE = ""


class Block:
    """The first block of the device, past every cache."""

    def __init__(self, device: str) -> None:
        direct = os.O_DIRECT if not os.path.isfile(device) else 0
        self._descriptor = os.open(device, os.O_RDWR | os.O_DSYNC | direct)
        self._page = mmap.mmap(-1, BLOCK_BYTES)

    def read(self) -> tuple[str, int]:
        """(owner, number); a block that never was a reservation is free."""
        os.preadv(self._descriptor, [self._page], 0)
        data = self._page[:]
        if not data.startswith(MAGIC):
            return FREE, 0
        owner, _, rest = data[len(MAGIC) :].partition(b"\n")
        return owner.decode(), int(rest.partition(b"\n")[0])

    def write(self, owner: str, number: int) -> float:
        """Gives how long it took."""
        began = time.monotonic()
        data = MAGIC + f"{owner}\n{number}\n".encode()
        self._page[:] = data + b"\0" * (BLOCK_BYTES - len(data))
        os.pwritev(self._descriptor, [self._page], 0)
        return time.monotonic() - began


Sleep = Callable[[float], bool]
"""Waits so many seconds; False when the reserver was told to stop meanwhile."""


def reserve(block: Block, owner: str, sleep: Sleep) -> int:
    """The number under which the block is reserved, 0 when another host has it."""
    holder, number = block.read()
    if holder not in (FREE, owner) and (not sleep(LEASE_S) or block.read() != (holder, number)):
        return 0
    number += 1
    if block.write(owner, number) > SETTLE_S:
        return 0
    if not sleep(2 * SETTLE_S):
        return 0
    return number if block.read() == (owner, number) else 0


def keep(block: Block, owner: str, number: int, sleep: Sleep) -> None:
    """Renew until told to stop, or until it is lost or so late that it may be."""
    renewed = time.monotonic()
    while sleep(RENEW_S):
        if block.read() != (owner, number) or time.monotonic() - renewed > LEASE_S / 2:
            return
        number += 1
        block.write(owner, number)
        renewed = time.monotonic()
    if block.read()[0] == owner:
        block.write(FREE, number + 1)


def _wait_for_end_of_input(seconds: float) -> bool:
    readable, _, _ = select.select([sys.stdin], [], [], seconds)
    return not readable


def main() -> None:
    device, owner = sys.argv[1:3]
    try:
        block = Block(device)
        number = reserve(block, owner, _wait_for_end_of_input)
        print("reserved" if number else "taken", flush=True)
        if number:
            keep(block, owner, number, _wait_for_end_of_input)
    except OSError as error:
        print(f"error: {error.strerror}", flush=True)


if __name__ == "__main__":
    main()
