"""A disk that one host at a time has reserved: what two reservers see of each other, with a clock by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nodeagent.shell.reservation import FREE, LEASE_S, Block, keep, reserve


@pytest.fixture
def device(tmp_path: Path) -> str:
    file = tmp_path / "disk"
    file.write_bytes(b"\0" * 4096)
    return str(file)


def meanwhile(*steps: Callable[[], object]) -> Callable[[float], bool]:
    """A sleep that does the next of these things and goes on; when there is none left, the reserver is told to stop."""
    waiting = list(steps)

    def sleep(seconds: float) -> bool:
        if not waiting:
            return False
        waiting.pop(0)()
        return True

    return sleep


def nothing() -> None:
    pass


def test_a_free_disk_is_reserved(device):
    assert reserve(Block(device), "pm01.1", meanwhile(nothing)) == 1
    assert Block(device).read() == ("pm01.1", 1)


def test_of_two_that_reserve_at_the_same_moment_the_last_writer_has_it(device):
    other = Block(device)
    assert reserve(Block(device), "pm01.1", meanwhile(lambda: other.write("pm02.1", 1))) == 0
    assert other.read() == ("pm02.1", 1)


def test_a_disk_that_is_renewed_is_not_taken(device):
    holder = Block(device)
    holder.write("pm02.1", 7)
    assert reserve(Block(device), "pm01.1", meanwhile(lambda: holder.write("pm02.1", 8), nothing)) == 0
    assert holder.read() == ("pm02.1", 8)


def test_a_disk_whose_holder_is_dead_is_taken_after_its_lease(device):
    waited: list[float] = []

    def sleep(seconds: float) -> bool:
        waited.append(seconds)
        return True

    Block(device).write("pm02.1", 7)
    assert reserve(Block(device), "pm01.1", sleep) == 8
    assert waited[0] == LEASE_S


def test_a_node_that_restarted_is_not_taken_for_its_earlier_life(device):
    Block(device).write("pm01.1", 7)
    assert reserve(Block(device), "pm01.2", meanwhile()) == 0


def test_a_reservation_is_given_back_at_the_end(device):
    block = Block(device)
    block.write("pm01.1", 1)
    keep(block, "pm01.1", 1, meanwhile(nothing, nothing))
    assert block.read() == (FREE, 4)


def test_who_lost_the_disk_neither_renews_it_nor_gives_it_back(device):
    block, other = Block(device), Block(device)
    block.write("pm01.1", 1)
    keep(block, "pm01.1", 1, meanwhile(nothing, lambda: other.write("pm02.1", 3), nothing))
    assert other.read() == ("pm02.1", 3)
