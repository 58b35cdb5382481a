"""What an action or a new configuration would do, computed by the scheduler before anybody does it.

Reads the current CIB and the changed one; gives a `Preview`: before and after, the steps, what is interrupted. Its
digest names the consequences: who confirms a preview confirms these consequences, and where they have become others,
the console shows the new ones instead of acting.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from typing import Any

from hacluster.cib.model import Cib
from hacluster.scheduler.graph import Change, Placement, TransitionGraph

STOPPING_WORDS = ("Stop", "Move", "Recover", "Restart", "Demote", "Re-promote", "Migrate")
SHOWN_STEPS = ("start", "stop", "promote", "demote", "migrate_to", "migrate_from", "fence", "shutdown")


@dataclass(frozen=True, slots=True)
class Slice:
    """One row of the matrix before and after."""

    resource: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Preview:
    version: str
    """The CIB it was computed on."""
    digest: str
    changes: tuple[str, ...]
    """In the words of crm_simulate: `Move prmPg (Started pm01 -> pm02)`."""
    steps: tuple[str, ...]
    """In an order in which they can be carried out."""
    slices: tuple[Slice, ...]
    interrupted: tuple[str, ...]
    """Resources that run now, stop on the way and run again."""
    lost: tuple[str, ...]
    """Resources that run now and not afterwards."""
    fenced: tuple[str, ...]
    blocked: tuple[str, ...]
    available: bool = True
    """False where the scheduler could not be asked."""

    def as_payload(self) -> dict[str, Any]:
        return asdict(self)


def preview_of(current: Cib, changed: Cib) -> Preview:
    """Ask the scheduler what it would do with the changed CIB."""
    try:
        from hacluster.scheduler.schedule import schedule
    except ImportError:
        return _without_scheduler(current)
    graph = schedule(changed, time.time())
    return _of_graph(str(current.version), graph)


def _of_graph(version: str, graph: TransitionGraph) -> Preview:
    fenced = tuple(sorted({action.node for action in graph.actions if action.kind.value == "fence"}))
    steps = tuple(_ordered_steps(graph))
    slices = tuple(_slices(graph.placement_now, graph.placement_after))
    texts = tuple(change.text() for change in graph.changes)
    lost = _lost(graph.placement_now, graph.placement_after)
    interrupted = {each.resource for each in graph.changes if _interrupts(each, graph)} - set(lost)
    words = repr((texts, sorted(steps), fenced, graph.blocked))
    return Preview(
        version=version,
        digest=hashlib.sha256(words.encode()).hexdigest()[:32],
        changes=texts,
        steps=steps,
        slices=slices,
        interrupted=tuple(sorted(interrupted)),
        lost=tuple(sorted(lost)),
        fenced=fenced,
        blocked=graph.blocked,
    )


def _interrupts(change: Change, graph: TransitionGraph) -> bool:
    """A clone goes on where another of its instances stays as it is."""
    if change.word not in STOPPING_WORDS or change.is_blocked:
        return False
    resource = change.resource.split(":")[0]
    stopping = {each.source or each.target for each in graph.changes if each.resource.split(":")[0] == resource}
    before, after = graph.placement_now.get(resource, {}), graph.placement_after.get(resource, {})
    return not any(node in after and node not in stopping for node in before)


def _lost(before: Placement, after: Placement) -> list[str]:
    return [resource for resource, places in before.items() if places and not after.get(resource)]


def _slices(before: Placement, after: Placement) -> list[Slice]:
    changed = [name for name in {**before, **after} if before.get(name, {}) != after.get(name, {})]
    return [Slice(name, _places(before.get(name, {})), _places(after.get(name, {}))) for name in changed]


def _places(places: dict[str, str]) -> str:
    return ", ".join(node if role == "Started" else f"{node} ({role})" for node, role in places.items())


def _ordered_steps(graph: TransitionGraph) -> list[str]:
    """The actions that somebody carries out, each after what it waits for; ties keep the graph's order."""
    waits: dict[int, set[int]] = {action.id: set() for action in graph.actions}
    for first, then in graph.orderings:
        if then in waits and first in waits:
            waits[then].add(first)
    left = list(graph.actions)
    steps: list[str] = []
    while left:
        ready = [action for action in left if not waits[action.id]] or left[:1]
        for action in ready:
            if action.kind.value in SHOWN_STEPS:
                steps.append(" ".join(word for word in (action.kind.value, action.resource, f"@{action.node}") if word))
        done = {action.id for action in ready}
        left = [action for action in left if action.id not in done]
        for waiting in waits.values():
            waiting -= done
    return steps


def _without_scheduler(current: Cib) -> Preview:
    return Preview(str(current.version), "", (), (), (), (), (), (), (), available=False)
