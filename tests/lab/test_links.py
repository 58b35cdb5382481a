"""Heartbeat links in the lab: what goes, comes back or is not allowed, on real interfaces."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import cluster, small
from tests.lab.activity import LOG, fences
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.place import HB2

pytestmark = pytest.mark.lab
PATIENCE_S = 30.0
OPTIONS = small.Options(media=("ucast", "mcast"), deadtime_ms=2000)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small.small_cluster(OPTIONS) as lab:
        yield lab


def wait_for_link(host: Host, text: str) -> None:
    log = host.inside("/var/log/hacluster.log")
    cluster.wait_until(host, text, lambda view: text in log.read_text(), PATIENCE_S)


def beating_pid(host: Host) -> int:
    return next(pid for pid in host.processes() if b"engines.beat" in Path(f"/proc/{pid}/cmdline").read_bytes())


def cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_an_interface_that_vanishes_costs_neither_the_peer_nor_the_processor_and_comes_back(lab: Lab) -> None:
    host, other = lab.hosts
    host.run("sh", "-c", f"ip link set {HB2} down && ip link set {HB2} name away")
    wait_for_link(other, f"Link {host.name}:{HB2} is FAULTY.")
    began_s, before_s = time.monotonic(), cpu_s(beating_pid(host))
    host.run("sleep", "2")
    assert cpu_s(beating_pid(host)) - before_s < 0.3 * (time.monotonic() - began_s)
    host.run("sh", "-c", f"ip link set away name {HB2} && ip link set {HB2} up")
    for each in lab.hosts:
        peer = lab.other(each).name
        log = each.inside("/var/log/hacluster.log")
        up = f"Link {peer}:{HB2} is up."
        cluster.wait_until(
            each,
            up,
            lambda view, log=log, up=up: log.read_text().rfind(up) > log.read_text().rfind("FAULTY"),
            PATIENCE_S,
        )
    assert fences() == []


def test_keys_are_rolled_while_everything_runs(lab: Lab) -> None:
    old, new = cluster.AUTHKEYS.splitlines()[1], "2 sha256 another-secret-of-the-lab-fedcba9876543210"
    marks = LOG.read_text()
    for step, text in enumerate((f"auth 1\n{old}\n{new}\n", f"auth 2\n{old}\n{new}\n", f"auth 2\n{new}\n"), 1):
        for host in lab.hosts:
            host.inside("/etc/hacluster/authkeys").write_text(text)
            host.run("sh", "-c", "kill -HUP $(cat /run/hacluster/agent.pid)")
            told = Path(small.state_of(host, OPTIONS)) / "agent.jsonl"
            read = step, told
            cluster.wait_until(
                host,
                "its keys are read",
                lambda view, read=read: _times(read[1], "keys read again") == read[0],
                PATIENCE_S,
            )
        # A message of each to the other, under the keys of this step.
        for host in lab.hosts:
            small.change(host, "crm_config", f'<cluster_property_set id="roll-{step}-{host.name}"/>')
    assert LOG.read_text() == marks
    for host in lab.hosts:
        log = host.inside("/var/log/hacluster.log").read_text()
        assert "is lost" not in log
        assert "were dropped" not in log


def _times(file: Path, text: str) -> int:
    return file.read_text().count(text)
