"""A pair whose heartbeat LANs are all cut: the side that reaches the third party goes on, the other one not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.lab import cluster, small
from tests.lab.activity import LOG, Activity, fences
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.place import CLIENT_ADDRESS, SERVICE

pytestmark = pytest.mark.lab
PATIENCE_S = 90.0
LINES = {"ping": f"tiebreaker ping {CLIENT_ADDRESS}", "disk": "tiebreaker disk /run/lab/disk/tie"}


class Split:
    """The pair, of which one side is cut off from the third party, and can be cut off from the other one."""

    def __init__(self, lab: Lab, kind: str) -> None:
        self.lab, self.kind = lab, kind
        self.everybody = {host.name for host in lab.hosts}
        self.blind: Host | None = None
        """Whose disk is broken, if it was not rebooted since."""

    def begin(self, loser: Host | None) -> None:
        """The third party first, as when a switch dies; without a loser both sides reach it."""
        if loser is not None and self.kind == "ping":
            loser.cut(SERVICE)
        elif loser is not None:
            loser.break_disk("tie")
            self.blind = loser
        self.lab.partition(*([host] for host in self.lab.hosts))

    def end(self) -> None:
        """Of a host that was rebooted the cables and disks are whole already."""
        self.lab.heal()
        for host in self.lab.hosts:
            host.set_stuck(False)
        with contextlib.suppress(RuntimeError):
            if self.blind is not None:
                self.blind.repair_disk("tie")
        self.blind = None
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        for host in self.lab.hosts:
            cluster.wait_until(
                host, "all is whole", lambda view: view.members == self.everybody and small.is_served(view), PATIENCE_S
            )

    def spread(self) -> Host:
        """The DC, once both sides have services to lose."""
        self.wait_until_whole()
        places = Activity.read().places()
        assert {name for hosts in places.values() for name in hosts} >= self.everybody
        return self.lab[cluster.look(self.lab.hosts[0]).info.dc]


@pytest.fixture(scope="module", params=LINES)
def split(request: pytest.FixtureRequest) -> Iterator[Split]:
    disks = ("tie",) if request.param == "disk" else ()
    with small.small_cluster(small.Options(policy="stop", lines=(LINES[request.param],), disks=disks)) as lab:
        yield Split(lab, request.param)


def begun_on(host: Host, since_s: float) -> set[str]:
    """What was started there since then."""
    words = [line.split() for line in LOG.read_text().splitlines()]
    return {each[2] for each in words if float(each[0]) >= since_s and each[1] == "begin" and each[3] == host.name}


def services_of(host: Host) -> set[str]:
    return {name for name, hosts in Activity.read().places().items() if host.name in hosts}


def test_the_side_that_reaches_the_third_party_fences_the_other_one_and_takes_over(split: Split) -> None:
    loser = split.spread()
    winner = split.lab.other(loser)
    lost, began_s = services_of(loser), time.time()
    split.begin(loser)
    cluster.wait_until(winner, "it took over", lambda view: lost <= begun_on(winner, began_s), PATIENCE_S)
    split.end()
    assert fences(began_s) == [f"{winner.name} {loser.name}"]
    assert Activity.read().violations == []


def test_the_side_that_does_not_stops_its_services_when_nobody_can_fence_it(split: Split) -> None:
    loser = split.spread()
    winner = split.lab.other(loser)
    kept, began_s = services_of(winner), time.time()
    for host in split.lab.hosts:
        host.set_stuck(True)
    split.begin(loser)
    cluster.wait_until(
        loser, "it has stopped", lambda view: not view.info.has_quorum and not services_of(loser), PATIENCE_S
    )
    cluster.wait_until(winner, "it goes on", lambda view: view.info.has_quorum, PATIENCE_S)
    assert services_of(winner) == kept
    assert begun_on(winner, began_s) == set()
    split.end()
    assert {each.partition(" ")[0] for each in fences(began_s)} <= {winner.name}
    assert Activity.read().violations == []


def test_of_two_sides_that_reach_the_disk_one_goes_on(split: Split) -> None:
    if split.kind == "ping":
        # Both are told that they reach it: fencing decides, as without a third party.
        return
    split.spread()
    began_s = time.time()
    split.begin(None)
    cluster.wait_until(split.lab.hosts[0], "one is fenced", lambda view: bool(fences(began_s)), PATIENCE_S)
    split.end()
    assert len(set(fences(began_s))) == 1
    assert Activity.read().violations == []
