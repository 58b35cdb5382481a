"""The monitors inside the agent, with the real kernel's ICMP and files."""

import asyncio
from collections.abc import Callable

import pytest

from hacluster.cib.problems import Problem
from nodeagent.shell.monitors import Monitors, diskd, pingd
from nodeagent.shell.monitors.icmp import checksum, echo_request
from nodeagent.shell.monitors.settings import duration_ms


class Listener:
    """Collects what monitors report, and lets a test wait for it."""

    def __init__(self) -> None:
        self.attributes: list[tuple[str, str | None]] = []
        self.events: list[str] = []
        self._changed = asyncio.Event()

    def attribute(self, name: str, value: str | None, *, dampen_ms: int | None, first: bool) -> None:
        self.attributes.append((name, value))
        self._changed.set()

    def event(self, kind, **fields: str) -> None:
        self.events.append(kind.sentence(fields))
        self._changed.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def listener():
    return Listener()


@pytest.fixture
async def monitors(listener):
    monitors = Monitors(listener)
    yield monitors
    monitors.close()


async def test_pingd_counts_the_hosts_that_answer(monitors, listener):
    parameters = {"name": "path", "host_list": "127.0.0.1 127.0.0.2 240.0.0.1", "multiplier": "100"}
    fast = {"attempts": "1", "timeout": "200ms"}
    assert monitors.start("pingd", "prmPing", parameters | fast) is None
    await listener.until(lambda: bool(listener.attributes))
    assert listener.attributes == [("path", "200")]
    assert listener.events == ["Network to 240.0.0.1 is unreachable."]


async def test_a_stopped_monitor_takes_its_attribute_back(monitors, listener):
    monitors.start("pingd", "prmPing", {"host_list": "127.0.0.1"})
    await listener.until(lambda: bool(listener.attributes))
    monitors.stop("pingd", "prmPing")
    assert listener.attributes[-1] == ("pingd", None)
    assert not monitors.is_running("pingd", "prmPing")


async def test_diskd_notices_a_disk_that_breaks_and_one_that_comes_back(monitors, listener, tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    fast = {"interval": "100ms", "retry": "0"}
    assert monitors.start("diskd", "prmDisk", {"name": "disk", "write_dir": str(folder)} | fast) is None
    await listener.until(lambda: listener.attributes == [("disk", "normal")])
    folder.rename(tmp_path / "gone")
    await listener.until(lambda: listener.attributes[-1] == ("disk", "ERROR"))
    (tmp_path / "gone").rename(folder)
    await listener.until(lambda: listener.attributes[-1] == ("disk", "normal"))
    assert listener.events == [
        f"Disk connection to {folder} is ERROR. (attr_name=disk)",
        f"Disk connection to {folder} is normal. (attr_name=disk)",
    ]


async def test_diskd_takes_a_check_that_hangs_for_an_error(monitors, listener, tmp_path, monkeypatch):
    hanging = tmp_path / "hang.py"
    hanging.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(diskd, "_CHECKER", hanging)
    fast = {"interval": "100ms", "retry": "0", "timeout": "300ms"}
    monitors.start("diskd", "prmDisk", {"device": "/dev/null"} | fast)
    await listener.until(lambda: listener.attributes == [("diskd", "ERROR")])


def test_parameters_that_are_missing_or_unreadable_are_named():
    missing = pingd.read_settings({})
    assert isinstance(missing, Problem)
    assert "host_list" in missing.line()
    unreadable = diskd.read_settings({"device": "/dev/sda", "interval": "soon"})
    assert isinstance(unreadable, Problem)
    assert "interval=“soon”" in unreadable.line()


def test_an_unknown_monitor_is_refused_with_a_cure(listener):
    problem = Monitors(listener).start("fand", "prm", {})
    assert problem is not None
    assert "pingd" in problem.line()


@pytest.mark.parametrize(("text", "ms"), [("10", 10_000), ("10s", 10_000), ("1500ms", 1_500), ("2m", 120_000), ("", 7)])
def test_durations_are_read_as_operators_write_them(text, ms):
    assert duration_ms({"x": text}, "x", 7) == ms


def test_an_echo_request_has_a_checksum_that_adds_up():
    assert checksum(echo_request(8, 1, 2, b"payload!")) == 0
