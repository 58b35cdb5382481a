"""The lab keeps its promises: without them nothing that it shows about the cluster means anything."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import power
from tests.lab.laboratory import Lab
from tests.lab.place import CLIENT_ADDRESS, FOLDER, HB1, HB2, NETWORKS, SERVICE, bridge_of

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab() as lab:
        lab.add_disk("data", 8)
        yield lab


@pytest.fixture
def lab(running: Lab) -> Lab:
    for host in running.hosts:
        host.set_stuck(False)
        host.set_stay_off(False)
        host.crash()
    running.start()
    return running


def hears(lab: Lab, lan: str) -> bool:
    return lab["pm01"].run("ping", "-c1", "-W1", lab["pm02"].address(lan), check=False).returncode == 0


def hears_again(lab: Lab, lan: str) -> bool:
    """After a cut the kernel may still hold the peer for unreachable, so a few requests are allowed."""
    address = lab["pm02"].address(lan)
    return lab["pm01"].run("ping", "-c5", "-i0.3", "-W1", address, check=False).returncode == 0


def test_a_host_has_its_own_name_processes_and_files(lab: Lab) -> None:
    pm01 = lab["pm01"]
    assert pm01.run("uname", "-n").stdout == "pm01\n"
    pm01.run("sh", "-c", "echo kept >/var/kept; echo kept >/etc/kept; echo lost >/run/lost; echo lost >/tmp/lost")
    assert not any(Path(f).exists() for f in ("/var/kept", "/etc/kept", "/run/lost", "/tmp/lost"))
    pm01.crash()
    pm01.power_on()
    assert pm01.run("cat", "/var/kept", "/etc/kept").stdout == "kept\nkept\n"
    assert pm01.run("ls", "/run/lost", "/tmp/lost", check=False).returncode == 2


def test_process_one_reaps_orphans(lab: Lab) -> None:
    lab["pm01"].run("sh", "-c", "(sleep 0.01 & ) ; exit 0")
    script = "for i in $(seq 100); do ps -eo stat | grep -q Z || exit 0; read -t 0.05 x </dev/zero; done; exit 1"
    assert lab["pm01"].run("bash", "-c", script, check=False).returncode == 0


@pytest.mark.parametrize("lan", sorted(NETWORKS))
def test_a_cut_lan_carries_nothing_until_it_is_healed(lab: Lab, lan: str) -> None:
    assert hears(lab, lan)
    lab.cut(lan)
    assert not hears(lab, lan)
    lab.heal(lan)
    assert hears_again(lab, lan)


def test_one_cable_is_cut_alone(lab: Lab) -> None:
    lab["pm02"].cut(SERVICE)
    assert lab["pm02"].run("ping", "-c1", "-W1", CLIENT_ADDRESS, check=False).returncode != 0
    assert lab["pm01"].run("ping", "-c1", "-W1", CLIENT_ADDRESS, check=False).returncode == 0
    lab["pm02"].heal()


def test_a_pulled_cable_takes_the_carrier(lab: Lab) -> None:
    lab["pm02"].unplug(HB2)
    assert lab["pm02"].run("cat", "/sys/class/net/hb2/carrier").stdout == "0\n"
    lab["pm02"].heal(HB2)
    assert hears_again(lab, HB2)


def test_a_partition_divides_the_heartbeat_lans_only(lab: Lab) -> None:
    lab.partition([lab["pm01"]], [lab["pm02"]])
    assert [hears(lab, lan) for lan in (HB1, HB2, SERVICE)] == [False, False, True]
    lab.heal()
    assert [hears_again(lab, lan) for lan in (HB1, HB2)] == [True, True]


def test_packets_are_lost_as_told(lab: Lab) -> None:
    lab["pm01"].lose(100, HB1)
    assert (hears(lab, HB1), hears(lab, HB2)) == (False, True)
    lab["pm01"].lose(0)
    assert hears_again(lab, HB1)


def test_a_crash_ends_everything_at_once_and_a_boot_brings_it_back(lab: Lab) -> None:
    pm01 = lab["pm01"]
    sleeper = pm01.start("sleep", "1000")
    pm01.crash()
    assert sleeper.wait(5) != 0
    assert not pm01.is_on
    pm01.power_on()
    assert hears_again(lab, HB1)


def test_a_frozen_host_is_silent_and_goes_on_when_thawed(lab: Lab) -> None:
    counter = "i=0; while :; do i=$((i+1)); echo $i >/tmp/count; done"
    lab["pm02"].start("sh", "-c", counter)
    count = lab["pm02"].inside("/tmp/count")
    deadline = range(200)
    assert any(count.exists() or lab["pm01"].run("sleep", "0.02") is None for _ in deadline)
    lab["pm02"].freeze()
    before = count.read_text()
    assert hears(lab, HB1), "the kernel of a hung machine still answers a ping"
    assert count.read_text() == before
    lab["pm02"].thaw()
    assert any(count.read_text() not in (before, "") for _ in range(100000))


@pytest.mark.parametrize("agent", [("fence_lab", "-o", "reboot", "-n"), ("external/lab",), ("external/ssh",)])
def test_the_fence_agents_reboot_the_other_host(lab: Lab, agent: tuple[str, ...]) -> None:
    words = agent if agent[0] == "fence_lab" else (f"/usr/lib/stonith/plugins/{agent[0]}", "reset")
    before = lab["pm02"].pid
    lab["pm01"].run(*words, "pm02")
    assert lab["pm02"].pid not in (None, before)
    assert (FOLDER / "events.log").read_text().rstrip().endswith("fence-end reboot pm02 ok")


def test_a_stuck_switch_fails_and_kills_nobody(lab: Lab) -> None:
    lab["pm02"].set_stuck(True)
    before = lab["pm02"].pid
    assert lab["pm01"].run("fence_lab", "-o", "off", "-n", "pm02", check=False).returncode == 1
    assert lab["pm02"].pid == before


def test_a_host_may_stay_off_after_a_reboot(lab: Lab) -> None:
    lab["pm02"].set_stay_off(True)
    lab["pm01"].run("fence_lab", "-o", "reboot", "-n", "pm02")
    assert power.ask("status", "pm02") == "off"


def test_a_host_that_reboots_itself_comes_back(lab: Lab) -> None:
    pm02 = lab["pm02"]
    before = pm02.pid
    reboot = "import ctypes; ctypes.CDLL(None).reboot(0x01234567)"
    pm02.run("python3", "-c", reboot, check=False)
    assert any(pm02.is_on and pm02.pid not in (None, before) for _ in range(1000))


def test_both_hosts_see_what_is_on_a_shared_disk(lab: Lab) -> None:
    write = "echo shared | dd of=/run/lab/disk/data bs=512 conv=sync,fsync status=none"
    lab["pm01"].run("sh", "-c", write)
    assert lab["pm02"].run("head", "-c", "6", "/run/lab/disk/data").stdout == "shared"


def test_a_broken_disk_fails_on_one_host_only(lab: Lab) -> None:
    read = ("dd", "if=/run/lab/disk/data", "of=/dev/null", "bs=512", "count=1")
    lab["pm01"].break_disk("data")
    assert lab["pm01"].run(*read, check=False).returncode != 0
    assert lab["pm02"].run(*read, check=False).returncode == 0
    lab["pm01"].repair_disk("data")
    assert lab["pm01"].run(*read, check=False).returncode == 0


def test_the_lab_is_known_by_its_bridges_and_folder(lab: Lab) -> None:
    shown = subprocess.run(["ip", "-br", "link"], text=True, capture_output=True, check=True).stdout
    assert all(bridge_of(lan) in shown for lan in NETWORKS)
