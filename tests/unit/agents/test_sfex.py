"""The lock of sfex_daemon on a file that plays the shared disk, in the on-disk format of sfex_init."""

import importlib.machinery
import importlib.util
from pathlib import Path

import pytest

DAEMON = Path(__file__).resolve().parents[3] / "nodeagent" / "ocf" / "libexec" / "sfex_daemon"
BLOCK_BYTES = 512


@pytest.fixture(scope="module")
def sfex():
    loader = importlib.machinery.SourceFileLoader("sfex_daemon", str(DAEMON))
    spec = importlib.util.spec_from_loader("sfex_daemon", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def device(tmp_path) -> Path:
    control = b"SFEX" + b"1".ljust(4, b"\0") + b"3".ljust(4, b"\0") + b"512".ljust(8, b"\0") + b"1".ljust(4, b"\0")
    file = tmp_path / "disk"
    file.write_bytes(control.ljust(BLOCK_BYTES, b"\0") + b"u0".ljust(BLOCK_BYTES, b"\0") + bytes(64 * BLOCK_BYTES))
    return file


class FileDisk:
    """Blocks of a plain file; the daemon's own Disk adds only O_DIRECT, which not every file system has."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, offset: int, size: int) -> bytes:
        return self._file.read_bytes()[offset : offset + size]

    def write(self, offset: int, block: bytes) -> None:
        data = bytearray(self._file.read_bytes())
        data[offset : offset + len(block)] = block
        self._file.write_bytes(data)


@pytest.fixture
def lock_of(sfex, device):
    return lambda node: sfex.Lock(FileDisk(device), 1, node)


AT_ONCE = {"lock_timeout": 0, "collision_timeout": 0}


def test_a_free_lock_is_acquired_and_named(lock_of):
    lock = lock_of("pm01")
    assert lock.acquire(**AT_ONCE)
    assert lock.read() == (True, 2, "pm01")


def test_a_released_lock_keeps_its_name_but_is_free_for_the_peer(lock_of):
    first, second = lock_of("pm01"), lock_of("pm02")
    first.acquire(**AT_ONCE)
    first.release()
    assert first.read() == (False, 2, "pm01")
    assert second.acquire(**AT_ONCE)


def test_a_lock_whose_holder_stands_still_is_taken_over_and_the_old_holder_sees_it(lock_of):
    first, second = lock_of("pm01"), lock_of("pm02")
    first.acquire(**AT_ONCE)
    assert second.acquire(**AT_ONCE)
    assert not first.refresh()
    assert not first.is_mine()


def test_a_lock_whose_holder_lives_is_left_alone(lock_of, sfex, monkeypatch):
    first, second = lock_of("pm01"), lock_of("pm02")
    first.acquire(**AT_ONCE)
    monkeypatch.setattr(sfex.time, "sleep", lambda _: first.refresh())
    assert not second.acquire(lock_timeout=10, collision_timeout=0)
    assert first.is_mine()


def test_the_count_wraps_within_its_field(lock_of, device):
    lock = lock_of("pm01")
    lock.acquire(**AT_ONCE)
    for _ in range(1000):
        assert lock.refresh()
    assert lock.read() == (True, 2, "pm01")


def test_a_device_without_a_control_block_is_refused(sfex, device):
    device.write_bytes(bytes(8192))
    with pytest.raises(ValueError, match="sfex_init"):
        sfex.Lock(FileDisk(device), 1, "pm01")
