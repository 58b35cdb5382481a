"""Bad days for real agents and sockets: `python -m tests.lab.schedules --seeds 1-60`, as root.

Each seed is a day (tests/lab/faults.py): a cluster of two or three nodes, clients that change things, faults for
half a minute, then calm. When all has settled the judges look (tests/lab/judges.py). A day that fails leaves the
agents' logs, the marks and the power switch's events in a folder, and its seed plays it again.
"""

from __future__ import annotations

import argparse
import heapq
import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import apart, cluster, faults, small
from tests.lab.activity import fences
from tests.lab.faults import Day, Fault
from tests.lab.judges import Alone, Clients, fences_of_a_minority, is_settled, verdicts
from tests.lab.laboratory import Lab
from tests.lab.place import FOLDER, HB1, HB2, HEARTBEAT_LANS

SETTLE_S = 90.0


@dataclass
class Outcome:
    seed: int
    verdicts: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    asked: int = 0
    fences: int = 0
    settled_s: float = 0.0

    def line(self) -> str:
        mark = "ok    " if not self.verdicts else "FAILED"
        return (
            f"{mark} seed {self.seed}: {sum(self.happened.values())} faults, {self.fences} fence requests, "
            f"{self.acknowledged} of {self.asked} requests acknowledged, settled after {self.settled_s:.1f} s"
        )


def play(day: Day, keep: Path | None = None) -> Outcome:
    outcome = Outcome(day.seed)
    with small.small_cluster(day.options) as lab:
        clients = Clients(lab, random.Random(f"{day.seed} clients"))
        asking = threading.Thread(target=clients.run, name="clients")
        asking.start()
        try:
            outcome.happened, alone = _storm(lab, day)
            calm_s = time.time()
            _calm(lab, day)
            clients.end()
            asking.join()
            try:
                for host in lab.hosts:
                    cluster.wait_until(host, "all is settled", is_settled(day), SETTLE_S)
                outcome.settled_s = time.time() - calm_s
                outcome.verdicts = [*verdicts(lab, day, clients), *fences_of_a_minority(lab, day, alone)]
            except TimeoutError as error:
                outcome.verdicts = [f"not settled within {SETTLE_S:g} s: {error}"]
        finally:
            clients.end()
            asking.join()
        outcome.asked, outcome.acknowledged = clients.asked, len(clients.changes) + len(clients.entries)
        outcome.fences = len(fences())
        if outcome.verdicts and keep is not None:
            _keep(lab, day, outcome, keep / f"seed-{day.seed}")
    return outcome


def _storm(lab: Lab, day: Day) -> tuple[Counter[str], list[Alone]]:
    """Begin and end the faults at their times."""
    began_s, happened, alone = time.monotonic(), Counter[str](), list[Alone]()
    steps: list[tuple[float, int, bool, Fault]] = [(fault.at_s, n, True, fault) for n, fault in enumerate(day.faults)]
    heapq.heapify(steps)
    while steps:
        at_s, number, is_begin, fault = heapq.heappop(steps)
        threading.Event().wait(max(0.0, began_s + at_s - time.monotonic()))
        if not is_begin:
            if fault.kind in faults.HEALS:
                alone = [each.until(time.time()) for each in alone]
            faults.end(lab, day, fault)
        elif faults.begin(lab, day, fault):
            happened[fault.kind] += 1
            alone += [Alone(host, time.time()) for host in faults.cut_off(fault, day.options.nodes)]
            heapq.heappush(steps, (at_s + fault.lasts_s, number, False, fault))
    return happened, alone


def _calm(lab: Lab, day: Day) -> None:
    """An operator makes everything whole: cables, disks, power; an agent that stayed away is started by a reboot."""
    lab.heal(*HEARTBEAT_LANS)
    for host in lab.hosts:
        host.set_stuck(False)
        small.set_fail_stop(host, False)
        small.free(host, day.options)
        host.power_on()
        host.thaw()
        host.listen()
        host.slow(0, HB1, HB2)
        if small.has_given_up(host):
            host.reboot()


def _keep(lab: Lab, day: Day, outcome: Outcome, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [*map(str, day.faults), "", *outcome.verdicts]
    (folder / "day").write_text("\n".join((*lines, "")))
    for name in ("activity.log", "events.log"):
        shutil.copy(FOLDER / name, folder)
    for host in lab.hosts:
        for file in (host.folder / "agent.out", Path(small.state_of(host, day.options)) / "agent.jsonl"):
            if file.exists():
                shutil.copy(file, folder / f"{host.name}.{file.name}")
        if host.pid is not None:
            (folder / f"{host.name}.cib").write_text(host.run("cibadmin", "-Q", check=False).stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.schedules", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="1-10", metavar="A-B", help="one seed or a range")
    parser.add_argument("--keep", type=Path, default=Path("var/lab-days"), metavar="FOLDER", help="logs of failed days")
    parser.add_argument("--show", action="store_true", help="print the days, do not play them")
    options = parser.parse_args(arguments)
    first, _, last = options.seeds.partition("-")
    days = [faults.draw(seed) for seed in range(int(first), int(last or first) + 1)]
    if options.show:
        for day in days:
            print(f"seed {day.seed}: {day.options.nodes} {day.options.media} may fence: {day.may_fence}")
            print("\n".join(map(str, day.faults)))
        return 0
    apart.enter()
    total: Counter[str] = Counter()
    failed = []
    for day in days:
        outcome = play(day, options.keep.absolute())
        total += outcome.happened
        print("\n".join((outcome.line(), *(f"    {each}" for each in outcome.verdicts))), flush=True)
        failed += [day.seed] if outcome.verdicts else []
    print(f"{len(days)} days, {len(failed)} failed{f': {failed}' if failed else ''}")
    print("faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(total.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
