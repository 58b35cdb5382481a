"""Who of a clone is told before and after its instances change (`notify=true`).

Reads settled drafts; adds a notify draft for each listener and gives the order: pre notifications, the operations,
post notifications, and one kind of operation after the other.
"""

from __future__ import annotations

from hacluster.scheduler.actions import Draft, Drafts
from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.ordering import Rule
from hacluster.scheduler.working import Cluster, Node, Resource, Role, Variant

# In the order in which the operations happen.
_PHASES = (
    (ActionKind.DEMOTE, "demoted"),
    (ActionKind.STOP, "stopped"),
    (ActionKind.START, "running"),
    (ActionKind.PROMOTE, "promoted"),
)


def add_notifications(cluster: Cluster, drafts: Drafts) -> list[Rule]:
    rules: list[Rule] = []
    for clone in cluster.resources:
        if clone.variant is Variant.CLONE and clone.notifies:
            rules += _notify_clone(cluster, drafts, clone)
    return rules


def _notify_clone(cluster: Cluster, drafts: Drafts, clone: Resource) -> list[Rule]:
    rules: list[Rule] = []
    earlier: list[Draft] = []
    members = list(clone.primitives())
    for kind, done in _PHASES:
        operations = [draft for member in members for draft in drafts_of(drafts, member, kind) if _happens(draft)]
        if not operations:
            continue
        before: list[Draft] = []
        after: list[Draft] = []
        for member in members:
            for node, is_told_before, is_told_after in _listening(cluster, drafts, member, kind):
                if is_told_before:
                    before.append(_notify(drafts, member, node, f"pre_{kind.value}"))
                if is_told_after:
                    after.append(_notify(drafts, member, node, f"post_{done}"))
        rules += [Rule(first, then) for first in earlier for then in [*before, *operations]]
        rules += [Rule(first, then) for first in before for then in [*operations, *after]]
        rules += [Rule(first, then) for first in operations for then in after]
        monitors = [draft for member in members for draft in drafts.monitors.get(member, []) if _happens(draft)]
        rules += [Rule(first, then) for first in after for then in monitors]
        earlier = [*earlier, *after]
    return rules


def drafts_of(drafts: Drafts, resource: Resource, kind: ActionKind) -> list[Draft]:
    match kind:
        case ActionKind.START:
            return [drafts.start[resource]] if resource in drafts.start else []
        case ActionKind.PROMOTE:
            return [drafts.promote[resource]] if resource in drafts.promote else []
        case ActionKind.STOP:
            return drafts.stop.get(resource, [])
    return drafts.demote.get(resource, [])


def _happens(draft: Draft) -> bool:
    return not draft.optional and draft.runnable


def _listening(cluster: Cluster, drafts: Drafts, member: Resource, kind: ActionKind) -> list[tuple[Node, bool, bool]]:
    """(node, is told before, is told after): who stops can't be told after, who starts not before."""
    if kind in (ActionKind.STOP, ActionKind.DEMOTE):
        stopping = {draft.node.index for draft in drafts.stop.get(member, []) if _happens(draft)}
        return [
            (cluster.nodes[index], True, kind is ActionKind.DEMOTE or index not in stopping)
            for index in sorted(member.active)
            if index not in drafts.fences and cluster.nodes[index].is_online
        ]
    if member.target is None or member.next_role <= Role.STOPPED:
        return []
    start = drafts.start.get(member)
    if start is None or (not start.optional and not start.runnable):
        return []
    return [(start.node, kind is not ActionKind.START or start.optional, True)]


def _notify(drafts: Drafts, member: Resource, node: Node, detail: str) -> Draft:
    return drafts.add(Draft(ActionKind.NOTIFY, member, node, detail=detail))
