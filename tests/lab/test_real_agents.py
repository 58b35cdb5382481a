"""The agents of the scenes run in the lab: real ones and a real PostgreSQL, on one host after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.lab import postgres
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.place import SERVICE_ADDRESS

pytestmark = pytest.mark.lab

CHAIN = (("Filesystem", postgres.FILESYSTEM), ("IPaddr2", postgres.IPADDR2), ("pgsql", postgres.PGSQL))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        postgres.make_disks(lab)
        lab.start()
        yield lab


def call(host: Host, agent: str, parameters: Mapping[str, str], action: str) -> int:
    env = {f"OCF_RESKEY_{name}": value for name, value in parameters.items()}
    env |= {"OCF_ROOT": "/usr/lib/ocf", "OCF_RESOURCE_INSTANCE": agent, "HA_RSCTMP": "/run/resource-agents"}
    done = host.run(f"/usr/lib/ocf/resource.d/heartbeat/{agent}", action, check=False, env=env)
    print(host.name, agent, action, done.returncode, done.stdout, done.stderr)
    return done.returncode


def start_all(host: Host) -> list[int]:
    return [call(host, agent, parameters, "start") for agent, parameters in CHAIN]


def sql(host: Host, text: str) -> str:
    return host.run(
        "psql", "-At", "-h", SERVICE_ADDRESS, "-U", "postgres", "-d", "template1", "-c", text
    ).stdout.strip()


def test_committed_rows_follow_the_service_to_the_other_host_in_order_and_after_a_crash(lab: Lab) -> None:
    pm01, pm02 = lab["pm01"], lab["pm02"]
    assert start_all(pm01) == [0, 0, 0]
    assert [call(pm01, agent, parameters, "monitor") for agent, parameters in CHAIN] == [0, 0, 0]
    sql(pm02, "create table kept (row int); insert into kept values (1)")
    assert [call(pm01, agent, parameters, "stop") for agent, parameters in reversed(CHAIN)] == [0, 0, 0]
    assert [call(pm01, agent, parameters, "monitor") for agent, parameters in CHAIN] == [7, 7, 7]
    assert start_all(pm02) == [0, 0, 0]
    sql(pm01, "insert into kept values (2)")
    pm02.crash()
    assert start_all(pm01) == [0, 0, 0]
    assert sql(pm01, "select count(*) from kept") == "2"
