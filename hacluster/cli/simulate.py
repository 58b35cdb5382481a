"""`hactl simulate --xml-file FILE [-t TIME]`: the scheduler's answer to one CIB as JSON.

Reads a CIB; prints placement, actions and their order, the form the scheduler's conformance cases are judged by.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path

import msgspec

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.cli.language import line_of
from hacluster.scheduler.dates import parse_date
from hacluster.scheduler.graph import Action, Placement, TransitionGraph
from hacluster.scheduler.schedule import schedule

USAGE = "usage: hactl simulate --xml-file FILE [-t TIME]"


def main(argv: list[str]) -> int:
    options = dict(zip(argv[::2], argv[1::2], strict=False))
    file = options.get("--xml-file") or options.get("-x")
    if file is None or len(argv) % 2:
        print(USAGE, file=sys.stderr)
        return 2
    # All that is made here is needed to the end, so nobody need look for garbage in it.
    gc.disable()
    cib = parse_cib(Path(file).read_bytes(), file)
    if isinstance(cib, Problem):
        print(line_of(cib), file=sys.stderr)
        return 1
    moment = parse_date(options["-t"]) if "-t" in options else now_of(cib)
    if moment is None:
        print(f"hactl simulate: “{options['-t']}” is not a time such as 2014-05-07 00:28:00", file=sys.stderr)
        return 2
    sys.stdout.buffer.write(msgspec.json.encode(as_json(schedule(cib, moment))) + b"\n")
    return 0


def now_of(cib: Cib) -> float:
    """The time the CIB was made for, or the real one."""
    stamp = cib.root.get("execution-date")
    return float(stamp) if stamp.isdecimal() else time.time()


def as_json(graph: TransitionGraph) -> dict[str, object]:
    """The graph in the conformance runner's words."""
    return {
        "current_placement": _placement(graph.placement_now),
        "actions": [_action(action) for action in graph.actions],
        "ordering": [list(pair) for pair in graph.orderings],
        "placement": _placement(graph.placement_after),
    }


def _placement(placement: Placement) -> dict[str, dict[str, str | list[str]]]:
    """Several instances on one node as a list of their roles."""
    return {
        resource: {node: roles.split(",") if "," in roles else roles for node, roles in places.items()}
        for resource, places in placement.items()
    }


def _action(action: Action) -> dict[str, object]:
    shown: dict[str, object] = {"id": action.id, "op": action.kind.value, "node": action.node}
    if action.resource:
        shown["resource"] = action.resource
    if action.kind in ("monitor", "cancel"):
        shown["interval"] = action.interval_ms
    if action.detail and action.kind in ("fence", "notify"):
        shown["detail"] = action.detail
    if action.pseudo:
        shown["pseudo"] = True
    return shown
