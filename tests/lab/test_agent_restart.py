"""The agent alone is killed and comes back within deadtime: its services run on, and nobody is fenced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hacluster.protocol.messages import AgentInfo, AgentInfoQuery
from tests.lab import cluster, small
from tests.lab.activity import LOG, PAUSE, Activity, fences
from tests.lab.hosts import Host
from tests.lab.judges import ask
from tests.lab.laboratory import Lab

pytestmark = pytest.mark.lab
OPTIONS = small.Options(keepalive_ms=200, warntime_ms=5000, deadtime_ms=10_000)
"""A busy machine may take seconds to start a program."""
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with small.small_cluster(OPTIONS) as lab:
        yield lab


@pytest.fixture
def lab(running: Lab) -> Lab:
    PAUSE.unlink(missing_ok=True)
    small.wait_until_served(running.hosts[0])
    return running


def life(host: Host) -> int:
    """When its agent was started; 0 while none answers."""
    answer = ask(host, AgentInfoQuery())
    return answer.started_at_ms if isinstance(answer, AgentInfo) else 0


def wait_for_next_life(lab: Lab, host: Host, before: int) -> None:
    everybody = {each.name for each in lab.hosts}
    for each in lab.hosts:
        cluster.wait_until(
            each,
            f"{host.name} is back",
            lambda view: life(host) not in (0, before) and view.members == everybody and small.is_served(view),
            PATIENCE_S,
        )


def test_a_killed_agent_comes_back_to_the_services_that_it_left_running(lab: Lab) -> None:
    for host in lab.hosts:
        marks, before = LOG.read_text(), life(host)
        small.kill_agent(host)
        wait_for_next_life(lab, host, before)
        assert LOG.read_text() == marks
    assert fences() == []


def test_a_start_under_way_ends_with_the_agent_that_ordered_it(lab: Lab) -> None:
    """It would succeed after the next agent has looked, and after the service was started elsewhere."""
    dc = lab[cluster.look(lab.hosts[0]).info.dc]
    host, other = lab.other(dc), dc
    PAUSE.write_text("4")
    small.change(other, "resources", f"<resources>{small.marked('prmLate')}</resources>")
    small.change(other, "constraints", small.place("prmLate", host.name, "INFINITY"))
    cluster.wait_until(host, "its start is under way", lambda view: _is_starting(host), PATIENCE_S)
    before = life(host)
    small.kill_agent(host)
    small.change(other, "constraints", small.place("prmLate", host.name, "-INFINITY"))
    PAUSE.unlink()
    cluster.wait_until(other, "it runs", lambda view: view.runs_on("prmLate") == [other.name], PATIENCE_S)
    wait_for_next_life(lab, host, before)
    # Longer than the start that was under way would have taken.
    host.run("sleep", "4")
    assert Activity.read().places()["prmLate"] == [other.name]
    assert Activity.read().violations == []
    assert fences() == []


def _is_starting(host: Host) -> bool:
    return any("Marked start" in each for each in host.run("ps", "-eo", "args").stdout.splitlines())
