"""The four scenes of the talk, unattended: `python -m tests.lab.scenes [--repeat N]`.

Each scene acts on the running pair while a client commits rows through the service address, and gives one `Row`:
what came of it, how long no row could be committed, how many committed rows are missing. Exit 0 when all passed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.lab import cluster
from tests.lab.client import Writer
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.pair import bare_pair, load, wait_for_first_service, wait_for_service, wait_until_whole
from tests.lab.place import FOLDER, HB1, HB2, SERVICE

FAILOVER_S = 60.0
INTERRUPTED_S = 1.0
"""A longer silence counts as an interruption; the machine's own load makes shorter ones."""


@dataclass(frozen=True)
class Row:
    scene: str
    passed: bool
    outcome: str
    down_s: float = 0.0
    lost_rows: int = 0

    def line(self) -> str:
        mark = "ok    " if self.passed else "FAILED"
        return f"{mark} {self.scene:<28} {self.outcome:<58} down {self.down_s:6.2f} s   rows lost {self.lost_rows}"


class SceneFailed(Exception):
    """What was to be seen did not come."""


def load_the_sheet(lab: Lab, writer: Writer) -> Row:
    began_s = load(lab)
    serving = wait_for_first_service(lab["pm01"])
    wait_until_whole(lab["pm01"])
    answered_s = writer.wait_for_commit(30, began_s)
    lost = writer.lost_rows()
    return Row("load the sheet", lost == 0, f"the service runs on {serving}", answered_s - began_s, lost)


def kill_postgresql(lab: Lab, writer: Writer) -> Row:
    active = _active(lab)
    standby = lab.other(active)
    postmaster = int(active.inside("/srv/pgsql/data/postmaster.pid").read_text().split()[0])
    began_s = time.time()
    active.run("kill", "-9", str(postmaster))
    wait_for_service(standby, standby.name, FAILOVER_S)
    writer.wait_for_commit(30)
    active.run("crm", "resource", "cleanup", "prmPg")
    cluster.wait_until(standby, "the failure is forgotten", lambda view: not view.failures("prmPg"), 30)
    wait_until_whole(standby)
    return _row("kill PostgreSQL", f"failed over to {standby.name}, then cleaned up", writer, began_s)


def cut_the_ping_path(lab: Lab, writer: Writer) -> Row:
    active = _active(lab)
    standby = lab.other(active)
    began_s = time.time()
    active.cut(SERVICE)
    wait_for_service(standby, standby.name, FAILOVER_S)
    writer.wait_for_commit(30)
    active.heal(SERVICE)
    wait_until_whole(standby)
    return _row("cut the ping path", f"failed over to {standby.name}", writer, began_s)


def cut_all_heartbeats(lab: Lab, writer: Writer) -> Row:
    active = _active(lab)
    standby = lab.other(active)
    mark = len((FOLDER / "events.log").read_text())
    began_s = time.time()
    lab.cut(HB1)
    lab.cut(HB2)
    cluster.wait_until(active, f"{standby.name} is fenced", lambda _: bool(_fenced(mark)), FAILOVER_S)
    lab.heal(HB1, HB2)
    wait_until_whole(active)
    wait_for_service(active, active.name)
    writer.wait_for_commit(30)
    row = _row("cut all heartbeat LANs", f"{standby.name} shot, the service stays on {active.name}", writer, began_s)
    if _fenced(mark) != [standby.name]:
        raise SceneFailed(f"shot: {', '.join(_fenced(mark))} instead of {standby.name}")
    if row.down_s > INTERRUPTED_S:
        raise SceneFailed(f"the service was interrupted for {row.down_s:.2f} s")
    return row


Scene = Callable[[Lab, Writer], Row]
SCENES: tuple[tuple[str, Scene], ...] = (
    ("load the sheet", load_the_sheet),
    ("kill PostgreSQL", kill_postgresql),
    ("cut the ping path", cut_the_ping_path),
    ("cut all heartbeat LANs", cut_all_heartbeats),
)


def _active(lab: Lab) -> Host:
    places = cluster.look(lab["pm01"]).runs_on("prmPg")
    if len(places) != 1:
        raise SceneFailed(f"the service runs on {places}")
    return lab[places[0]]


def _fenced(mark: int) -> list[str]:
    """Hosts that a node had turned off or rebooted since the mark."""
    events = [line.split() for line in (FOLDER / "events.log").read_text()[mark:].splitlines()]
    return [each[3] for each in events if each[1] == "fence-end" and each[-1] == "ok"]


def _row(scene: str, outcome: str, writer: Writer, began_s: float) -> Row:
    lost = writer.lost_rows()
    if lost:
        raise SceneFailed(f"{lost} committed rows are lost")
    return Row(scene, True, outcome, writer.down_s(began_s), lost)


def play_all() -> list[Row]:
    """All scenes in order on one pair; the first that fails ends them, with the cluster's picture."""
    rows: list[Row] = []
    with bare_pair(consoles=True) as lab, Writer() as writer:
        for name, scene in SCENES:
            try:
                row = scene(lab, writer)
            except (SceneFailed, TimeoutError, RuntimeError) as error:
                row = Row(name, False, str(error).splitlines()[0])
                print(error, file=sys.stderr)
                print("\n".join(cluster.picture(host) for host in lab.hosts), file=sys.stderr)
            print(row.line(), flush=True)
            rows.append(row)
            if not row.passed:
                break
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.scenes", description="The four scenes of the talk.")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="play all of them N times")
    options = parser.parse_args(arguments)
    for turn in range(1, options.repeat + 1):
        if options.repeat > 1:
            print(f"turn {turn} of {options.repeat}", flush=True)
        rows = play_all()
        if len(rows) < len(SCENES) or not all(row.passed for row in rows):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
