"""`hactl simulate --xml-file FILE [-t TIME]`: the scheduler's answer to one CIB as JSON.

Reads a CIB; prints placement, actions and their order, the form the scheduler's conformance cases are judged by.
"""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.scheduler.graph import Action, TransitionGraph
from hacluster.scheduler.schedule import schedule

USAGE = "usage: hactl simulate --xml-file FILE [-t TIME]"
_ORDINAL = re.compile(r"(\d{4})-(\d{3})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?Z?")


def main(argv: list[str]) -> int:
    options = dict(zip(argv[::2], argv[1::2], strict=False))
    file = options.get("--xml-file") or options.get("-x")
    if file is None or len(argv) % 2:
        print(USAGE, file=sys.stderr)
        return 2
    cib = parse_cib(Path(file).read_bytes(), file)
    if isinstance(cib, Problem):
        print(cib.line(), file=sys.stderr)
        return 1
    moment = parse_time(options["-t"]) if "-t" in options else now_of(cib)
    if moment is None:
        print(f"hactl simulate: “{options['-t']}” is not a time such as 2014-05-07 00:28:00", file=sys.stderr)
        return 2
    json.dump(as_json(schedule(cib, moment)), sys.stdout)
    print()
    return 0


def now_of(cib: Cib) -> float:
    """The time the CIB was made for, or the real one."""
    stamp = cib.root.get("execution-date")
    return float(stamp) if stamp.isdecimal() else time.time()


def parse_time(text: str) -> float | None:
    """ISO 8601 in UTC, ordinal dates (`2005-020T12:30`) among them -> unix time."""
    ordinal = _ORDINAL.fullmatch(text.strip())
    if ordinal:
        year, day, hour, minute, second = (int(part or 0) for part in ordinal.groups())
        start = datetime(year, 1, 1, tzinfo=UTC)
        return (start + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)).timestamp()
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def as_json(graph: TransitionGraph) -> dict[str, object]:
    """The graph in the conformance runner's words."""
    return {
        "current_placement": graph.placement_now,
        "actions": [_action(action) for action in graph.actions],
        "ordering": [list(pair) for pair in graph.orderings],
        "placement": graph.placement_after,
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
