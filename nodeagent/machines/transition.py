"""Carries out one transition graph: fires what is ready, in order, and stops firing when the world has changed.

Reads a TransitionGraph and the ends of its actions; gives RunAction and its relatives, FenceNeeded, AttributeWanted
and at last TransitionEnded. It runs on the DC only.

Rules: an action starts when all that is ordered before it has ended well; a failed one stops everything behind it. An
aborted transition fires nothing new; it ends when what runs has ended. Fencing is not waited for then, because the next
transition asks for the same fencing again and joins it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING

from hacluster.cib.status import with_attributes
from hacluster.protocol.peers import ActionDone, CancelRecurring, ForgetHistory, LeaveGranted, RunAction
from nodeagent.machines.events import (
    ActionAnswered,
    AttributeWanted,
    DcGone,
    FenceNeeded,
    FencingFinished,
    MemberGone,
    TransitionEnded,
)
from nodeagent.machines.replication import Replication
from nodeagent.machines.situation import Machine, Situation, on
from nodeagent.machines.status_section import attributes_of, last_calls, with_lrm_resource

if TYPE_CHECKING:
    from hacluster.scheduler.graph import Action, TransitionGraph

DELAYED = "delayed "
LATE_MS = 60_000
"""How much later than its timeout an action may be reported (`cluster-delay`)."""


class Transition(Machine):
    def __init__(self, here: Situation, replication: Replication) -> None:
        super().__init__(here)
        self._replication = replication
        self.number = -1
        self.graph: TransitionGraph | None = None
        self.is_running = False
        self.aborted_by = ""
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.in_flight: dict[int, Action] = {}
        self.done_count = self.total_count = 0
        """Without milestones."""
        self.summary: tuple[str, ...] = ()
        self._uuid = ""
        self._actions: dict[int, Action] = {}
        self._waits_for: dict[int, int] = {}
        self._behind: dict[int, list[int]] = {}
        self._ready: list[tuple[int, int]] = []

    # Begin and end

    def start(self, graph: TransitionGraph) -> None:
        self.number += 1
        self.graph = graph
        self.is_running, self.aborted_by = True, ""
        self.done, self.failed, self.in_flight = set(), set(), {}
        if not self._uuid:
            self._uuid = f"{self.here.luck.getrandbits(32):08x}-0000-4000-8000-{self.here.luck.getrandbits(48):012x}"
        self._actions = {action.id: action for action in graph.actions}
        self.done_count, self.total_count = 0, sum(not action.pseudo for action in graph.actions)
        self.summary = tuple(change.text() for change in graph.changes)
        self._waits_for = dict.fromkeys(self._actions, 0)
        behind: dict[int, list[int]] = defaultdict(list)
        for first, then in sorted({*graph.orderings, *_probes_before_shutdowns(graph)}):
            if first in self._actions and then in self._actions:
                self._waits_for[then] += 1
                behind[first].append(then)
        self._behind = dict(behind)
        self._ready = [self._place(number) for number, count in self._waits_for.items() if count == 0]
        heapq.heapify(self._ready)
        self._fire()

    def _place(self, number: int) -> tuple[int, int]:
        return -self._actions[number].priority, number

    def abort(self, reason: str) -> None:
        """Fire nothing new; the controller computes anew when what runs has ended."""
        if self.is_running and not self.aborted_by:
            self.aborted_by = reason
            self._end_if_idle()

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        if event.dc == self.here.name:
            self.is_running = False
            self.in_flight.clear()
            self._deadlines.clear()

    def _end_if_idle(self) -> None:
        if not self.is_running:
            return
        waiting = [action for action in self.in_flight.values() if not self.aborted_by or action.kind != "fence"]
        if waiting or (self._ready and not self.aborted_by):
            return
        self.is_running = False
        self.in_flight.clear()
        self._deadlines.clear()
        self.give(TransitionEnded(self.number, is_complete=not self.aborted_by and not self.failed))

    # Firing

    def _fire(self) -> None:
        limit = self.graph.batch_limit if self.graph is not None else 0
        while self._ready and not self.aborted_by and (limit <= 0 or len(self.in_flight) < limit):
            _, number = heapq.heappop(self._ready)
            action = self._actions[number]
            if action.pseudo or action.kind == "pseudo":
                self._complete(number)
            else:
                self._order(action)
        self._end_if_idle()

    def _complete(self, number: int) -> None:
        self.done.add(number)
        self.done_count += not self._actions[number].pseudo
        for then in self._behind.get(number, []):
            self._waits_for[then] -= 1
            if self._waits_for[then] == 0:
                heapq.heappush(self._ready, self._place(then))

    def _order(self, action: Action) -> None:
        self.in_flight[action.id] = action
        match action.kind:
            case "fence":
                self.give(FenceNeeded(action.node, action.detail or "reboot", "pacemaker-controld"))
            case "shutdown":
                known = last_calls(self._replication.draft, action.node)
                self.send(action.node, LeaveGranted(term=self.here.view.term, known=known))
                self._finish(action.id, is_ok=True)
            case "clear_failcount":
                self._clear_failcount(action)
            case "delete":
                self._delete(action)
            case _ if action.node not in self.here.view.members:
                self._finish(action.id, is_ok=False)
            case "cancel":
                self._cancel(action)
            case _ if action.start_delay_ms:
                self.set_timer(f"{DELAYED}{action.id}", action.start_delay_ms)
            case _:
                self._run(action)

    def _run(self, action: Action) -> None:
        order = RunAction(
            term=self.here.view.term,
            transition=self.number,
            action=action.id,
            transition_key=f"{action.id}:{self.number}:{action.expected_rc}:{self._uuid}",
            resource=action.resource,
            standard=action.standard,
            provider=action.provider,
            type=action.type,
            operation=action.kind.value,
            interval_ms=action.interval_ms,
            timeout_ms=action.timeout_ms,
            expected_rc=action.expected_rc,
            parameters=action.parameters,
            meta=action.meta,
            on_fail=action.on_fail,
            digests=action.digests,
        )
        self.set_timer(str(action.id), action.timeout_ms + LATE_MS)
        self.send(action.node, order)

    def _start_delayed(self, action: Action) -> None:
        if self.aborted_by or action.node not in self.here.view.members:
            self._finish(action.id, is_ok=False)
        else:
            self._run(action)

    def _cancel(self, action: Action) -> None:
        order = CancelRecurring(
            term=self.here.view.term,
            transition=self.number,
            action=action.id,
            resource=action.resource,
            operation=action.detail or "monitor",
            interval_ms=action.interval_ms,
        )
        self.set_timer(str(action.id), action.timeout_ms + LATE_MS)
        self.send(action.node, order)

    def _delete(self, action: Action) -> None:
        if action.node in self.here.view.members:
            self.send(action.node, ForgetHistory(term=self.here.view.term, resource=action.resource))
        self._replication.change_status(lambda cib: with_lrm_resource(cib, action.node, action.resource, None))
        self._finish(action.id, is_ok=True)

    def _clear_failcount(self, action: Action) -> None:
        for name in failcount_names(attributes_of(self._replication.draft, action.node), action.resource):
            self.give(AttributeWanted(action.node, name, None))
        self._finish(action.id, is_ok=True)

    # Ends

    def done_at(self, node: str, done: ActionDone) -> bool:
        """A member's answer. False for one of an older transition, which changes nothing here."""
        action = self.in_flight.get(done.action)
        if not self.is_running or done.transition != self.number or action is None or action.node != node:
            return False
        self._finish(done.action, is_ok=done.is_ok)
        return True

    def timer(self, name: str) -> None:
        if name.startswith(DELAYED):
            self._start_delayed(self.in_flight[int(name.removeprefix(DELAYED))])
            return
        self._finish(int(name), is_ok=False)

    def _finish(self, number: int, *, is_ok: bool) -> None:
        action = self.in_flight.pop(number, None)
        if action is None:
            return
        self.clear_timer(str(number))
        self.clear_timer(f"{DELAYED}{number}")
        if is_ok or action.can_fail:
            self._complete(number)
        else:
            self.failed.add(number)
        self.give(ActionAnswered(self.number, number, is_ok))

    @on(ActionAnswered)
    def _answered(self, event: ActionAnswered) -> None:
        """Firing waits for the end of the handler that reported the end, so that its own facts come first."""
        if self.is_running and event.transition == self.number:
            self._fire()

    @on(FencingFinished)
    def _fenced(self, event: FencingFinished) -> None:
        for number, action in list(self.in_flight.items()):
            if action.kind == "fence" and action.node == event.target:
                if action.detail == "on" and event.is_ok:
                    self._remember_unfencing(action.node)
                self._finish(number, is_ok=event.is_ok)

    def _remember_unfencing(self, node: str) -> None:
        """So that the scheduler does not ask for it again."""
        now = {"#node-unfenced": str(self.here.wall_ms // 1000)}
        self._replication.change_status(lambda cib: with_attributes(cib, node, now))

    @on(MemberGone)
    def _member_gone(self, event: MemberGone) -> None:
        for number, action in list(self.in_flight.items()):
            if action.node == event.member and action.kind != "fence":
                self._finish(number, is_ok=False)


def failcount_names(attributes: dict[str, str], resource: str) -> list[str]:
    """The fail counts of a resource among a node's attributes, and the times of its last failures."""
    plain = resource.partition(":")[0]
    prefixes = tuple(
        f"{kind}-{name}{end}" for kind in ("fail-count", "last-failure") for name in (resource, plain) for end in ("#",)
    )
    whole = {f"{kind}-{name}" for kind in ("fail-count", "last-failure") for name in (resource, plain)}
    return sorted(name for name in attributes if name.startswith(prefixes) or name in whole)


def _probes_before_shutdowns(graph: TransitionGraph) -> list[tuple[int, int]]:
    """A node may go only when all that is asked of it has been answered: a probe may find what nobody knew of."""
    shutdowns = {action.node: action.id for action in graph.actions if action.kind == "shutdown"}
    return [
        (action.id, shutdowns[action.node])
        for action in graph.actions
        if action.kind == "monitor" and not action.interval_ms and action.node in shutdowns
    ]
