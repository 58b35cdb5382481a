"""Failures beside the four scenes: what the pair does with a hung node, a broken disk and a fence device that fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import cluster
from tests.lab.client import Writer
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.pair import bare_pair, load, wait_for_first_service, wait_for_service, wait_until_whole

pytestmark = pytest.mark.lab
FAILOVER_S = 60.0


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with bare_pair(consoles=True) as lab:
        load(lab)
        wait_for_first_service(lab["pm01"])
        yield lab


@pytest.fixture
def pair(running: Lab) -> Iterator[tuple[Host, Host, Writer]]:
    """The node that serves, the other one, and a client that commits rows all the time; none may be lost."""
    wait_until_whole(running["pm01"])
    (name,) = cluster.look(running["pm01"]).runs_on("prmPg")
    wait_for_service(running["pm01"], name)
    with Writer() as writer:
        writer.wait_for_commit(30)
        yield running[name], running.other(running[name]), writer
        writer.wait_for_commit(30)
        assert writer.lost_rows() == 0


def test_a_crashed_node_is_found_dead_and_its_service_moves(pair: tuple[Host, Host, Writer]) -> None:
    active, standby, _ = pair
    active.crash()
    wait_for_service(standby, standby.name, FAILOVER_S)
    active.power_on()
    wait_until_whole(standby)


def test_a_hung_node_is_shot_before_its_service_starts_elsewhere(pair: tuple[Host, Host, Writer]) -> None:
    active, standby, _ = pair
    before = active.pid
    active.freeze()
    wait_for_service(standby, standby.name, FAILOVER_S)
    assert active.pid != before
    wait_until_whole(standby)


def test_a_broken_disk_moves_the_service_and_a_repaired_one_lets_the_node_help_again(
    pair: tuple[Host, Host, Writer],
) -> None:
    active, standby, _ = pair
    active.break_disk("data")
    wait_for_service(standby, standby.name, FAILOVER_S)
    active.repair_disk("data")
    wait_until_whole(standby)


def test_nothing_starts_while_fencing_fails_until_a_human_confirms(pair: tuple[Host, Host, Writer]) -> None:
    active, standby, _ = pair
    active.set_stuck(True)
    active.freeze()
    log = standby.inside("/var/lib/hacluster/agent.jsonl")
    cluster.wait_until(standby, "a human is asked", lambda _: "fence.waiting_for_human" in log.read_text(), FAILOVER_S)
    assert cluster.look(standby).runs_on("prmPg") != [standby.name]
    active.crash()
    standby.run("sh", "-c", f"echo y | meatclient -c {active.name}")
    wait_for_service(standby, standby.name, FAILOVER_S)
    active.set_stuck(False)
    active.power_on()
    wait_until_whole(standby)
