"""Letting the links act until nothing changes: what becomes necessary, what impossible, what follows the other.

Reads the linked plan; writes `optional`, `runnable` and `pseudo` of its drafts. Every change goes one way only, so the
work ends; a draft is looked at again when something before it has changed.
"""

from __future__ import annotations

from collections import deque

from hacluster.cib.model import SCORE_INFINITY
from hacluster.scheduler.colocations import Wishes, instances_by_node
from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.milestones import DONE, TASK, Milestones, task_of
from hacluster.scheduler.plan import (
    ANY_OF,
    ASYMMETRIC,
    CANCELS_FIRST,
    IMPLIES_FIRST,
    IMPLIES_THEN,
    MIGRATES_FIRST,
    PROMOTED_IMPLIES_FIRST,
    PSEUDO_THEN,
    RESTART,
    RUNNABLE,
    SAME_NODE,
    TELLS_FIRST,
    TELLS_THEN,
    Draft,
    Link,
    Plan,
)
from hacluster.scheduler.working import Node, Resource, Role, Variant

_UPDATES = IMPLIES_THEN | IMPLIES_FIRST | RUNNABLE | RESTART | PROMOTED_IMPLIES_FIRST | ASYMMETRIC | ANY_OF
_UPDATES |= MIGRATES_FIRST | PSEUDO_THEN | CANCELS_FIRST | TELLS_FIRST | TELLS_THEN
_ROUNDS = 60


def settle(plan: Plan) -> None:
    """Work through all drafts, and again through those whose predecessors changed."""
    _Settler(plan).run()


class _Settler:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._wishes = Wishes(plan.cluster)
        self._queue: deque[Draft] = deque()
        self._queued: set[Draft] = set()
        self._visits: dict[Draft, int] = {}
        self._milestones = Milestones(plan, self._touch)

    def run(self) -> None:
        for draft in list(self._plan.all):
            self._push(draft)
        self._work()
        for draft in self._plan.all:
            if draft.kind is ActionKind.PSEUDO and draft.resource is not None and self._anything_happens(draft):
                self._milestones.flags(draft, None)
        self._work()

    def _anything_happens(self, milestone: Draft) -> bool:
        assert milestone.resource is not None
        task = task_of(milestone.task)
        return any(draft.happens for part in milestone.resource.primitives() for draft in self._plan.find(part, task))

    def _work(self) -> None:
        while self._queue:
            draft = self._queue.popleft()
            self._queued.discard(draft)
            visits = self._visits.get(draft, 0)
            # No chain of changes is longer than this; a loop of the configuration's own must end.
            if visits < _ROUNDS:
                self._visits[draft] = visits + 1
                self._update(draft)

    def _push(self, draft: Draft) -> None:
        if draft not in self._queued:
            self._queued.add(draft)
            self._queue.append(draft)

    def _touch(self, draft: Draft) -> None:
        """The draft changed: whatever stands after it, and it itself, is looked at again."""
        self._push(draft)
        for link in draft.after:
            self._push(link.then)
        resource = draft.resource
        if resource is None:
            return
        self._milestones.touched(resource)
        if draft.task in ("start", "promote") and not draft.runnable:
            self._block_dependents(draft)
        above = resource.parent
        while above is not None:
            self._milestones.touched(above)
            for task in (draft.task, DONE.get(draft.task, draft.task)):
                for milestone in self._plan.find(above, task):
                    self._push(milestone)
                    for link in milestone.after:
                        self._push(link.then)
            above = above.parent or above.bundle

    # ------------------------------------------------------------ one draft

    def _update(self, then: Draft) -> None:
        before = then.optional, then.runnable, then.pseudo, then.migratable
        if then.counts and then.runnable:
            counted = [link.first for link in then.before if link.strength & ANY_OF]
            then.runnable = sum(self._can_happen(first, then) for first in counted) >= then.counts
        place = 0
        while place < len(then.before):
            link = then.before[place]
            place += 1
            self._apply_link(link, then)
        if (then.optional, then.runnable, then.pseudo, then.migratable) != before:
            self._touch(then)

    def _can_happen(self, first: Draft, then: Draft) -> bool:
        return self._milestones.flags(self._expanded(first, then), None)[1]

    def _apply_link(self, link: Link, then: Draft) -> None:
        first, strength = link.first, link.strength
        if _is_at_rest(first) and _is_at_rest(then) and not strength & MIGRATES_FIRST:
            return
        if strength & SAME_NODE and None not in (first.node, then.node) and first.node is not then.node:
            return
        if strength & CANCELS_FIRST and not then.optional and not first.optional:
            first.optional = True
            self._touch(first)
        wider = self._expanded(first, then)
        if wider is not first:
            # Waiting for a clone or a group is waiting until it has come up as a whole.
            self._plan.link(wider, then, strength)
            link.strength = 0
            known = self._plan.linked[wider, then]
            if not strength & _UPDATES:
                return
            self._act(known.first, then, known.strength)
            return
        if strength & _UPDATES:
            self._act(first, then, strength)

    def _expanded(self, first: Draft, then: Draft) -> Draft:
        resource = first.resource
        if resource is None or then.resource is None or resource.variant is Variant.PRIMITIVE:
            return first
        if first.resource is then.resource or _contains(resource, then.resource):
            return first
        done = DONE.get(first.task, first.task)
        if done not in TASK:
            return first
        if resource.variant is Variant.CLONE and resource.notifies:
            # A bundle has no such milestones, only what is inside has: nothing waits for its end then.
            return self._plan.first(resource, f"confirmed-post_notify_{done}") or first
        return self._plan.first(resource, done) or first

    # ------------------------------------------------------------ what a link does

    def _act(self, first: Draft, then: Draft, strength: int) -> None:
        first_optional, first_runnable = self._milestones.flags(first, self._node_of(then))
        is_calm = first_optional and first_runnable and first.runnable and _is_at_rest(then)
        if is_calm and not strength & MIGRATES_FIRST:
            return
        then_optional, _ = self._milestones.flags(then, self._node_of(first))
        if strength & RESTART:
            self._on_then(first, then, RESTART, first_optional, first_runnable)
        if strength & IMPLIES_FIRST and not then_optional:
            self._need_first(first, then, first_optional)
        if strength & (IMPLIES_FIRST | IMPLIES_THEN):
            self._stay_below_unmanaged(first, then)
        if strength & PROMOTED_IMPLIES_FIRST:
            self._on_then(first, then, PROMOTED_IMPLIES_FIRST, first_optional, first_runnable)
        if strength & RUNNABLE:
            self._on_then(first, then, RUNNABLE, first_optional, first_runnable)
        if strength & IMPLIES_THEN:
            self._on_then(first, then, IMPLIES_THEN, first_optional, first_runnable)
        if strength & MIGRATES_FIRST:
            self._migrates(first, then)
        if strength & PSEUDO_THEN and not first.runnable and (then.pseudo or then.migratable):
            then.pseudo = then.migratable = False
        if strength & ASYMMETRIC:
            self._on_then(first, then, ASYMMETRIC, first_optional, first_runnable)
        if strength & TELLS_THEN and first_runnable and not first_optional and then.optional:
            then.is_shown = True
        if strength & TELLS_FIRST and not then_optional and then.runnable and first.runnable:
            first.is_shown = True

    def _node_of(self, draft: Draft) -> Node | None:
        """Where it happens; a group starts where it has been placed."""
        resource = draft.resource
        if resource is None or resource.variant is not Variant.GROUP or draft.task != "start":
            return draft.node
        return self._plan.cluster.nodes[resource.homes_next[0]] if resource.homes_next else None

    def _need_first(self, first: Draft, then: Draft, first_optional: bool) -> None:
        """A milestone stands for what is needed of its parts.

        A primitive that must stop before another does so because it can't be started, or has to be started anew, after
        the other: no stop by itself asks for the stop before it.
        """
        if first.optional and not first_optional:
            first.optional = False
            first.reason = first.reason or f"required {because(then)}"
            self._touch(first)
        if first.migratable and not then.migratable and then.resource is not first.resource:
            first.migratable = False
            is_guest = first.resource is not None and first.resource.is_guest_connection
            first.reason = first.reason or ("" if is_guest else f"unmigrateable {because(then)}")
            self._touch(first)

    def _stay_below_unmanaged(self, first: Draft, then: Draft) -> None:
        """What stands below something that nobody may stop can't be stopped either."""
        resource = first.resource
        if resource is None or first.runnable or first.task != "stop" or not then.runnable:
            return
        if resource.is_blocked and not resource.is_managed and resource.active:
            then.runnable = False
            self._touch(then)

    def _on_then(self, first: Draft, then: Draft, strength: int, first_optional: bool, first_runnable: bool) -> None:
        resource = then.resource
        if resource is None or resource.variant is Variant.PRIMITIVE or then.kind is not ActionKind.PSEUDO:
            self._native(first, then, strength, first_optional, first_runnable)
            return
        if resource.variant is Variant.GROUP:
            self._native(first, then, strength, first_optional, first_runnable)
            if first.resource is not None and _contains(resource, first.resource):
                return
            for member in resource.children:
                found = self._plan.first(member, then.task)
                if found is not None and then.task in DONE:
                    self._native(first, found, strength, first_optional, first_runnable)
            return
        self._on_clone(first, then, strength, first_optional, first_runnable)

    def _on_clone(self, first: Draft, then: Draft, strength: int, first_optional: bool, first_runnable: bool) -> None:
        clone = then.resource
        assert clone is not None
        if first.resource is not None and (first.resource is clone or _contains(clone, first.resource)):
            self._native(first, then, strength, first_optional, first_runnable)
            return
        if self._interleaves(clone, first):
            self._on_interleaved(first, then, strength)
            return
        self._native(first, then, strength, first_optional, first_runnable)
        if then.task not in DONE:
            return
        for instance in clone.children:
            for found in self._plan.find(instance, then.task):
                if not self._milestones.flags(found, None)[1]:
                    continue
                self._on_then(first, found, strength, first_optional, first_runnable)

    def _interleaves(self, clone: Resource, other: Draft) -> bool:
        if other.resource is None:
            return False
        mine = other.resource
        if mine.variant is not Variant.CLONE or mine is clone:
            return False
        then_is_down = other.task in ("stop", "stopped", "demote", "demoted")
        return mine.is_interleaved if then_is_down else clone.is_interleaved

    def _on_interleaved(self, first: Draft, then: Draft, strength: int) -> None:
        """Each instance waits only for the one on its own node."""
        clone, primary = then.resource, first.resource
        assert clone is not None
        assert primary is not None
        primary = primary if primary.variant is Variant.CLONE else primary.clone
        assert primary is not None
        now = first.task in ("stopped", "demoted", "stop", "demote") or first.task.endswith(("stopped", "demoted"))
        task = task_of(first.task)
        partners = instances_by_node(primary, now)
        for instance in clone.children:
            partner = self._wishes.compatible_instance(instance, partners, now)
            if partner is None:
                if not now and strength & (RUNNABLE | IMPLIES_THEN):
                    self._forbid(instance, first)
                continue
            # Waiting for a container is waiting for what is inside, unless it stops; only that has roles.
            if partner.content is not None and task != "stop":
                partner = partner.content
            actor = instance
            if instance.content is not None and task_of(then.task) in ("promote", "demote"):
                actor = instance.content
            first_inner, then_inner = self._plan.first(partner, task), self._plan.first(actor, then.task)
            if first_inner is None or then_inner is None:
                continue
            if partner.variant is not Variant.PRIMITIVE:
                first_inner = self._plan.first(partner, DONE.get(task, task)) or first_inner
            if self._plan.link(first_inner, then_inner, strength):
                self._push(then_inner)
            optional, runnable = self._milestones.flags(first_inner, None)
            self._on_then(first_inner, then_inner, strength, optional, runnable)

    def _forbid(self, instance: Resource, first: Draft) -> None:
        """An instance without its counterpart must not come up."""
        for part in instance.primitives():
            for task in ("start", "promote"):
                for draft in self._plan.find(part, task):
                    if draft.runnable:
                        draft.runnable = False
                        self._touch(draft)
            part.target = None
            part.next_role = Role.STOPPED
            for stop in self._plan.find(part, "stop"):
                if stop.optional:
                    stop.optional = False
                    self._touch(stop)

    def _native(self, first: Draft, then: Draft, strength: int, first_optional: bool, first_runnable: bool) -> None:
        before = then.optional, then.runnable, then.migratable
        if strength & IMPLIES_THEN:
            if then.optional and not first_optional and not first.migratable:
                then.optional = False
                if first.resource is not then.resource:
                    then.reason = then.reason or f"required {because(first)}"
        elif strength & RUNNABLE:
            if then.runnable and not first_runnable:
                then.runnable = then.migratable = False
                if first.resource is not then.resource:
                    then.reason = then.reason or f"unrunnable {because(first)}"
        elif strength & RESTART:
            self._restart(first, then)
        elif strength & PROMOTED_IMPLIES_FIRST:
            self._need_demote(first, then)
        elif strength & ASYMMETRIC:
            self._asymmetric(first, then, first_runnable)
        if (then.optional, then.runnable, then.migratable) != before:
            self._touch(then)

    def _need_demote(self, demote: Draft, stop: Draft) -> None:
        """What is promoted is demoted before it stops."""
        if stop.optional or stop.resource is None or stop.resource.role is not Role.PROMOTED:
            return
        if demote.optional:
            demote.optional = False
            self._touch(demote)

    def _restart(self, stop: Draft, start: Draft) -> None:
        """A start that can't happen or must happen needs the stop before it."""
        resource = start.resource
        is_held_back = not start.runnable and resource is not None and resource.is_managed and stop.resource is resource
        if not is_held_back and start.optional:
            return
        changed = False
        if stop.optional and (stop.runnable or not start.optional):
            stop.optional, changed = False, True
        if stop.migratable and not start.migratable:
            stop.migratable, changed = False, True
        if not stop.optional and not stop.runnable and start.runnable:
            start.runnable = False
            self._touch(start)
        if changed:
            self._touch(stop)

    def _asymmetric(self, first: Draft, then: Draft, first_runnable: bool) -> None:
        """What is done already is left alone; anything else waits for a first that can't come."""
        if first_runnable or then.resource is None:
            return
        if then.optional:
            role = then.resource.role_now
            if then.task == "stop" and role is Role.STOPPED:
                return
            if then.task == "start" and role >= Role.STARTED and then.resource.role_next >= Role.STARTED:
                return
            then.optional = False
            then.reason = then.reason or f"required {because(first)}"
        then.reason = then.reason or f"unrunnable {because(first)}"
        then.runnable = False

    def _migrates(self, first: Draft, then: Draft) -> None:
        if not (then.migratable and then.runnable) and first.runnable:
            first.runnable = False
            self._touch(first)
        if not then.optional and first.optional:
            first.optional = False
            self._touch(first)

    # ------------------------------------------------------------ colocated with what can't come up

    def _block_dependents(self, draft: Draft) -> None:
        """What must be where this would be can't come up either; of a clone, once no instance can.

        A group may yet come up in part, and what goes with it has its place by then.
        """
        assert draft.resource is not None
        whole, task = draft.resource.top, draft.task
        whole = whole.bundle or whole
        if whole.variant is Variant.GROUP:
            return
        for child in whole.children if whole.variant is Variant.CLONE else ():
            found = self._plan.first(child, task)
            if found is None or self._milestones.flags(found, None)[1]:
                return
        for colocation in whole.with_this:
            if colocation.score < SCORE_INFINITY or not colocation.is_explicit:
                continue
            if (task == "promote") is not (colocation.primary_role is Role.PROMOTED):
                continue
            blocked = "promote" if colocation.dependent_role is Role.PROMOTED else "start"
            self._block(colocation.dependent, blocked, whole)

    def _block(self, dependent: Resource, task: str, primary: Resource) -> None:
        if dependent.variant is not Variant.PRIMITIVE:
            for child in dependent.children if not dependent.replicas else ():
                self._block(child, task, primary)
            return
        for draft in self._plan.find(dependent, task):
            if draft.runnable:
                draft.runnable = False
                draft.reason = draft.reason or f"colocation with {primary.id}"
                self._touch(draft)


def _is_at_rest(draft: Draft) -> bool:
    """Possible, and not needed: nothing follows for others. A milestone has to look at what it stands for."""
    if not (draft.optional and draft.runnable):
        return False
    resource = draft.resource
    return resource is None or resource.variant is Variant.PRIMITIVE or draft.kind is not ActionKind.PSEUDO


def because(first: Draft) -> str:
    """Whose doing it is: `prmIp start`."""
    who = first.resource.id if first.resource is not None else (first.node.uname if first.node else "")
    return f"{who} {first.task}".strip()


def _contains(outer: Resource, inner: Resource) -> bool:
    above = inner.parent or inner.bundle
    while above is not None:
        if above is outer:
            return True
        above = above.parent or above.bundle
    return False
