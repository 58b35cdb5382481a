"""Who of a clone is told before and after its instances change (`notify=true`).

Reads the plan; before settling it adds milestones around each phase, afterwards a notify draft for each listener.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.plan import IMPLIES_THEN, ORDER, Draft, Plan
from hacluster.scheduler.working import Node, Resource, Role, Variant

_PHASES = (("demote", "demoted"), ("stop", "stopped"), ("start", "running"), ("promote", "promoted"))


def draft_notification_milestones(plan: Plan) -> None:
    """`pre_notify_start` → `confirmed-pre_notify_start` → start … running → `post_notify_running` → confirmed."""
    for clone in _notifying(plan):
        stops = (stop for part in clone.primitives() for stop in plan.find(part, "stop"))
        plan.wanted_stops |= {stop for stop in stops if not stop.optional}
        for task, done in _PHASES:
            action, complete = plan.first(clone, task), plan.first(clone, done)
            if action is None or complete is None:
                continue
            pre = plan.milestone(clone, f"pre_notify_{task}", optional=action.optional)
            pre_done = plan.milestone(clone, f"confirmed-pre_notify_{task}", optional=action.optional)
            post = plan.milestone(clone, f"post_notify_{done}", optional=complete.optional)
            post_done = plan.milestone(clone, f"confirmed-post_notify_{done}", optional=complete.optional)
            post.runnable = post_done.runnable = complete.runnable
            plan.link(pre, pre_done, ORDER)
            plan.link(pre_done, action, ORDER)
            plan.link(complete, post, IMPLIES_THEN)
            plan.link(post, post_done, IMPLIES_THEN)
            plan.link(pre_done, post, ORDER)
        _link_phases(plan, clone)


def _link_phases(plan: Plan, clone: Resource) -> None:
    """What was told after one phase is told before the next begins."""
    for (_, done), (task, _) in pairwise(_PHASES):
        post_done = plan.first(clone, f"confirmed-post_notify_{done}")
        pre = plan.first(clone, f"pre_notify_{task}")
        if post_done is not None and pre is not None:
            plan.link(post_done, pre, ORDER)
    told = [plan.first(clone, f"confirmed-post_notify_{done}") for done in ("demoted", "stopped")]
    for post_done in told:
        for task in ("start", "promote"):
            pre = plan.first(clone, f"pre_notify_{task}")
            if post_done is not None and pre is not None:
                plan.link(post_done, pre, ORDER)


def _notifying(plan: Plan) -> list[Resource]:
    return [
        clone
        for clone in plan.cluster.resources
        if clone.variant is Variant.CLONE and clone.notifies and not clone.replicas
    ]


def add_notifications(plan: Plan) -> None:
    for clone in _notifying(plan):
        for task, done in _PHASES:
            action, complete = plan.first(clone, task), plan.first(clone, done)
            if action is not None and complete is not None:
                _notify_phase(plan, clone, task, done, action, complete)
        _notify_after_fencing(plan, clone)


def _notify_phase(plan: Plan, clone: Resource, task: str, done: str, action: Draft, complete: Draft) -> None:
    pre, pre_done = plan.milestone(clone, f"pre_notify_{task}"), plan.milestone(clone, f"confirmed-pre_notify_{task}")
    post = plan.milestone(clone, f"post_notify_{done}")
    post_done = plan.milestone(clone, f"confirmed-post_notify_{done}")
    pre.optional = pre_done.optional = action.optional
    pre.runnable = pre_done.runnable = action.runnable
    post.optional = post_done.optional = complete.optional
    post.runnable = post_done.runnable = complete.runnable
    if action.optional or not _is_worth_telling(plan, clone, task):
        return
    for member in clone.primitives():
        for node, is_told_before, is_told_after in _listening(plan, member, task):
            if is_told_before:
                _notify(plan, member, node, f"pre_{task}", pre, pre_done)
            if is_told_after:
                _notify(plan, member, node, f"post_{done}", post, post_done)
        for monitor in _monitors(plan, member):
            plan.link(post_done, monitor, ORDER)


def _is_worth_telling(plan: Plan, clone: Resource, task: str) -> bool:
    """A start, promotion or demotion that no instance can carry out is told to nobody; a stop may follow a fencing."""
    if task == "stop":
        return True
    return any(draft.happens and draft.node for part in clone.primitives() for draft in plan.find(part, task))


def _monitors(plan: Plan, member: Resource) -> Iterator[Draft]:
    for drafts in plan.of.get(member, {}).values():
        for draft in drafts:
            if draft.kind is ActionKind.MONITOR and draft.interval_ms:
                yield draft


def _listening(plan: Plan, member: Resource, task: str) -> list[tuple[Node, bool, bool]]:
    """(node, is told before, is told after): who stops can't be told after, who starts not before."""
    cluster = plan.cluster
    if task in ("stop", "demote"):
        stopping = {draft.node.index for draft in plan.find(member, "stop") if not draft.optional and draft.node}
        implied = {draft.node.index for draft in plan.find(member, "stop") if draft.pseudo and draft.node}
        reset = {index for index in implied if cluster.nodes[index].requires_reset}
        return [
            (cluster.nodes[index], True, task == "demote" or index not in stopping)
            for index in member.active
            if cluster.nodes[index].is_online and not cluster.nodes[index].is_unclean and index not in reset
        ]
    if member.target is None or member.next_role <= Role.STOPPED:
        return []
    start = plan.first(member, "start", cluster.nodes[member.target])
    if start is None or (not start.optional and not start.runnable):
        return []
    if start.optional and not start.runnable and member.target not in member.active:
        return []
    return [(cluster.nodes[member.target], task != "start" or start.optional, True)]


def _notify(plan: Plan, member: Resource, node: Node, detail: str, begin: Draft, end: Draft) -> None:
    if not begin.runnable or node.is_pending:
        return
    draft = Draft(ActionKind.NOTIFY, "notify", member, node, detail=detail, optional=False, runnable=True)
    plan.add(draft, f"notify_{detail}")
    plan.link(begin, draft, ORDER)
    plan.link(draft, end, ORDER)


def _notify_after_fencing(plan: Plan, clone: Resource) -> None:
    """Where the fencing of a node implies a stop, those that live on are told."""
    implied = [
        stop
        for part in clone.primitives()
        for stop in plan.find(part, "stop")
        if stop.pseudo and stop.node is not None and stop.node.index in plan.fences
    ]
    if not implied:
        return
    post = plan.milestone(clone, "post_notify_stonith", optional=False)
    post_done = plan.milestone(clone, "confirmed-post_notify_stonith", optional=False)
    plan.link(post, post_done, ORDER)
    for stop in implied:
        assert stop.node is not None
        plan.link(plan.fences[stop.node.index], post, ORDER)
    for member in clone.primitives():
        leaving = {stop.node for stop in plan.find(member, "stop") if stop in plan.wanted_stops}
        for node, _, _ in _listening(plan, member, "stop"):
            # Who only stops because of others is there when the fencing has ended.
            if node in leaving:
                continue
            told = plan.find(member, "notify_post_stopped", node)
            if told:
                # One word for both: that the fencing has ended says that it has stopped.
                told[0].detail = "post_stonith"
                plan.link(post, told[0], ORDER)
                plan.link(told[0], post_done, ORDER)
            else:
                _notify(plan, member, node, "post_stonith", post, post_done)
