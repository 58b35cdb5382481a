"""Recognises a fail-over and tells how it went (reference/logconv, 4).

Reads FailcountRaised, MemberGone, FencingFinished and what the scheduler plans; gives the failover.* events. It runs
on the DC. An operator's own move, a first start, or a restart on the same node is no fail-over.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from hacluster.protocol import events
from nodeagent.machines.events import DcGone, FailcountRaised, FencingFinished, MemberGone
from nodeagent.machines.situation import Machine, Situation, on

if TYPE_CHECKING:
    from hacluster.scheduler.graph import Change, Placement, TransitionGraph


class Failure(StrEnum):
    NONE = "none"
    RESOURCE = "resource"
    NODE = "node"
    SCORE = "score"


class Move(StrEnum):
    NONE = "none"
    START = "start"
    MOVE = "move"
    STOP = "stop"
    STOPPED = "stopped"


_STARTS = {
    Failure.RESOURCE: {Move.MOVE, Move.STOP},
    Failure.SCORE: {Move.MOVE, Move.STOP},
    Failure.NODE: {Move.START, Move.MOVE, Move.STOP, Move.STOPPED},
}
_WORDS = {"Move": Move.MOVE, "Migrate": Move.MOVE, "Stop": Move.STOP, "Start": Move.START}


class Failover(Machine):
    def __init__(self, here: Situation) -> None:
        super().__init__(here)
        self._failure = Failure.NONE
        self._move = Move.NONE
        self._is_under_way = False
        self._before: Placement = {}
        self._touched: dict[str, None] = {}
        self._after: Placement = {}

    @on(FailcountRaised)
    def _failcount(self, event: FailcountRaised) -> None:
        self._see(failure=Failure.RESOURCE)

    @on(MemberGone)
    def _gone(self, event: MemberGone) -> None:
        if not event.is_clean:
            self._see(failure=Failure.NODE)

    @on(FencingFinished)
    def _fenced(self, event: FencingFinished) -> None:
        if event.by_human:
            self._see(failure=Failure.NODE)

    def attribute_worsened(self) -> None:
        """A node attribute that rules read has changed: a reason for a move, if nothing else is."""
        if self._failure is Failure.NONE:
            self._see(failure=Failure.SCORE)

    def planned(self, graph: TransitionGraph) -> None:
        """What the next transition will do."""
        if not self._before:
            self._before = graph.placement_now
        self._after = graph.placement_after
        for change in graph.changes:
            move = _move_of(change)
            if move is not Move.NONE and not _is_device(graph, change.resource):
                self._touched[change.resource] = None
                self._see(move=move)

    def _see(self, failure: Failure | None = None, move: Move | None = None) -> None:
        self._failure = failure or self._failure
        self._move = move or self._move
        if not self._is_under_way and self._move in _STARTS.get(self._failure, set()):
            self._is_under_way = True
            self.publish(events.FAILOVER_STARTED)

    def became_idle(self) -> None:
        """The controller has nothing more to do."""
        if self._is_under_way:
            self._summarise()
        self._forget()

    def _summarise(self) -> None:
        is_failed = not self._touched
        for resource in self._touched:
            before, after = _place(self._before, resource), _place(self._after, resource)
            if not after:
                is_failed = True
                self.publish(events.FAILOVER_RESOURCE_STOPPED, resource=resource)
            elif before and before != after:
                self.publish(events.FAILOVER_RESOURCE, resource=resource, change=f"Move {before} -> {after}")
            else:
                self.publish(events.FAILOVER_RESOURCE, resource=resource, change=f"Started on {after}")
        self.publish(events.FAILOVER_FAILED if is_failed else events.FAILOVER_OK)

    def _forget(self) -> None:
        self._failure, self._move, self._is_under_way = Failure.NONE, Move.NONE, False
        self._before, self._after, self._touched = {}, {}, {}

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        self._forget()


def _move_of(change: Change) -> Move:
    if change.is_blocked:
        return Move.NONE
    if change.word == "Recover" and change.target not in ("", change.source):
        return Move.MOVE
    return _WORDS.get(change.word, Move.NONE)


def _is_device(graph: TransitionGraph, resource: str) -> bool:
    return any(action.resource == resource and action.standard == "stonith" for action in graph.actions)


def _place(placement: Placement, resource: str) -> str:
    return next(iter(placement.get(resource, {})), "")
