"""An agent begins anew on a busy machine, deadtime 1 s: its services run on, and its peers hear it all the time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.loads import Loads
from hacluster.protocol.messages import AgentInfo, AgentInfoQuery
from tests.lab import cluster, small
from tests.lab.activity import LOG, fences
from tests.lab.hosts import Host
from tests.lab.judges import ask
from tests.lab.laboratory import Lab

pytestmark = pytest.mark.lab
OPTIONS = small.Options(media=("bcast", "ucast"), deadtime_ms=1000)
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small.small_cluster(OPTIONS) as lab:
        yield lab


def life(host: Host) -> int:
    """When its agent was started; 0 while none answers."""
    answer = ask(host, AgentInfoQuery())
    return answer.started_at_ms if isinstance(answer, AgentInfo) else 0


def begin_anew(lab: Lab, host: Host) -> None:
    """Returns when everybody is a member again and everything runs."""
    pid, before = host.inside("/run/hacluster/agent.pid").read_text(), life(host)
    host.run("nodeagent", "--restart")
    everybody = {each.name for each in lab.hosts}
    for each in lab.hosts:
        cluster.wait_until(
            each,
            f"{host.name} is back",
            lambda view: life(host) not in (0, before) and view.members == everybody and small.is_served(view),
            PATIENCE_S,
        )
    assert host.inside("/run/hacluster/agent.pid").read_text() == pid


def dead_links(lab: Lab) -> list[dict[str, object]]:
    return [each for host in lab.hosts for each in small.remarks(host, OPTIONS) if each.get("code") == "link.dead"]


def test_no_peer_misses_a_heartbeat_while_an_agent_begins_anew_on_a_busy_machine(lab: Lab, tmp_path: Path) -> None:
    marks = LOG.read_text()
    with Loads(tmp_path, cores=os.cpu_count() or 1, writers=0):
        for host in lab.hosts:
            begin_anew(lab, host)
    assert dead_links(lab) == []
    assert LOG.read_text() == marks
    assert fences() == []


def test_an_agent_that_cannot_begin_anew_is_missed_by_its_peers(lab: Lab) -> None:
    """Its heart must not beat on for a node that nobody controls."""
    host, other = lab.hosts
    program = host.folder / "etc" / "hacluster" / "ha.cf"
    text = program.read_text()
    host.run("sh", "-c", "kill -STOP $(cat /run/hacluster/agent.pid)")
    program.write_text("nonsense\n")
    host.run("sh", "-c", "kill -USR1 $(cat /run/hacluster/agent.pid); kill -CONT $(cat /run/hacluster/agent.pid)")
    cluster.wait_until(other, "it is lost", lambda view: host.name not in view.members, PATIENCE_S)
    program.write_text(text)
    everybody = {each.name for each in lab.hosts}
    cluster.wait_until(other, "it is back", lambda view: view.members == everybody, PATIENCE_S)
