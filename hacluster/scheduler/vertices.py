"""Drafts → transition graph: what is needed and possible, with all that an agent has to be told.

Reads settled drafts and rules; gives the frozen TransitionGraph with placement, changes and reasons.
"""

from __future__ import annotations

from collections import defaultdict

from hacluster.scheduler.actions import Draft, Drafts
from hacluster.scheduler.agent_meta import meta_of
from hacluster.scheduler.digests import digest, parameters_of
from hacluster.scheduler.graph import Action, ActionKind, Change, Placement, TransitionGraph
from hacluster.scheduler.ordering import Rule
from hacluster.scheduler.values import duration_ms, score
from hacluster.scheduler.working import Cluster, Resource, Role


def build_graph(cluster: Cluster, drafts: Drafts, rules: list[Rule]) -> TransitionGraph:
    chosen = [draft for draft in drafts.all if not draft.optional and draft.runnable]
    ids = {draft: number for number, draft in enumerate(chosen, start=1)}
    values = cluster.options.values
    return TransitionGraph(
        actions=tuple(_vertex(cluster, drafts, draft, ids[draft]) for draft in chosen),
        orderings=_orderings(ids, rules),
        placement_now=_placement_now(cluster),
        placement_after=_placement_after(cluster, drafts),
        changes=tuple(_changes(cluster, drafts)),
        explanations={resource.id: tuple(resource.reasons) for resource in _everything(cluster) if resource.reasons},
        blocked=tuple(resource.shown_id for resource in cluster.primitives() if resource.is_blocked),
        recheck_at=cluster.recheck_at,
        batch_limit=max(0, score(values.get("batch-limit", "0"))),
        cluster_delay_ms=duration_ms(values.get("cluster-delay", "60s"), 60_000),
        stonith_timeout_ms=duration_ms(values.get("stonith-timeout", "60s"), 60_000),
        start_failure_is_fatal=cluster.options.start_failure_is_fatal,
    )


def _everything(cluster: Cluster) -> list[Resource]:
    found = list(cluster.resources)
    for resource in found:
        found += resource.children
    return found


# ---------------------------------------------------------------- order


def _orderings(ids: dict[Draft, int], rules: list[Rule]) -> tuple[tuple[int, int], ...]:
    """Rules between chosen drafts; a milestone hands its order on, what merely does not happen does not."""
    behind: dict[Draft, set[Draft]] = defaultdict(set)
    for rule in rules:
        behind[rule.first].add(rule.then)
    found: set[tuple[int, int]] = set()
    for draft, number in ids.items():
        seen: set[Draft] = set()
        pending = list(behind[draft])
        while pending:
            then = pending.pop()
            if then in seen:
                continue
            seen.add(then)
            if then in ids:
                found.add((number, ids[then]))
            elif then.kind is ActionKind.PSEUDO:
                pending.extend(behind[then])
    return tuple(sorted(pair for pair in found if pair[0] != pair[1]))


# ---------------------------------------------------------------- vertices


def _vertex(cluster: Cluster, drafts: Drafts, draft: Draft, number: int) -> Action:
    resource = draft.resource
    if resource is None:
        return Action(
            id=number,
            kind=draft.kind,
            node=draft.node.uname,
            node_id=draft.node.id,
            detail=draft.detail,
            task_key=f"{'stonith' if draft.kind is ActionKind.FENCE else 'do_shutdown'}-{draft.node.uname}",
        )
    config = draft.config
    name = draft.kind.value
    timeout_ms = config.timeout_ms if config is not None else cluster.options.default_timeout_ms
    parameters = parameters_of(resource, draft.node)
    standard, provider, kind = resource.agent
    return Action(
        id=number,
        kind=draft.kind,
        node=draft.node.uname,
        node_id=draft.node.id,
        resource=resource.shown_id,
        task_key=f"{resource.shown_id}_{name}_{draft.interval_ms}",
        standard=standard,
        provider=provider,
        type=kind,
        interval_ms=draft.interval_ms,
        timeout_ms=timeout_ms,
        start_delay_ms=config.start_delay_ms if config is not None else 0,
        on_fail=config.on_fail if config is not None else "",
        expected_rc=draft.expected_rc,
        pseudo=draft.pseudo,
        detail=draft.detail,
        priority=resource.priority,
        parameters=parameters,
        meta=meta_of(cluster, drafts, draft, timeout_ms),
        digests={"op-digest": digest(parameters, draft.interval_ms, timeout_ms)},
    )


# ---------------------------------------------------------------- placement


def _placement_now(cluster: Cluster) -> Placement:
    placement: Placement = {}
    for resource in cluster.primitives():
        for index, role in sorted(resource.active.items()):
            placement.setdefault(resource.shown_id, {})[cluster.nodes[index].uname] = role.word
    return placement


def _placement_after(cluster: Cluster, drafts: Drafts) -> Placement:
    """Where everything is once all chosen actions have succeeded."""
    placement: Placement = {}
    for resource in cluster.primitives():
        stopped = {draft.node.index for draft in drafts.stop.get(resource, []) if _happens(draft)}
        after = {index: role for index, role in resource.active.items() if index not in stopped}
        for demote in drafts.demote.get(resource, []):
            if _happens(demote) and demote.node.index in after:
                after[demote.node.index] = Role.UNPROMOTED
        start, promote = drafts.start.get(resource), drafts.promote.get(resource)
        if start is not None and _happens(start):
            clone = resource.clone
            is_promotable = clone is not None and clone.is_promotable
            after[start.node.index] = Role.UNPROMOTED if is_promotable else Role.STARTED
        if promote is not None and _happens(promote) and promote.node.index in after:
            after[promote.node.index] = Role.PROMOTED
        for index, role in sorted(after.items()):
            placement.setdefault(resource.shown_id, {})[cluster.nodes[index].uname] = role.word
    return placement


def _happens(draft: Draft) -> bool:
    return not draft.optional and draft.runnable


# ---------------------------------------------------------------- changes in the operator's words


def _changes(cluster: Cluster, drafts: Drafts) -> list[Change]:
    found = [
        Change(word="Fence", resource=draft.node.uname, role=draft.detail, reason=draft.reason)
        for draft in drafts.fences.values()
    ]
    for resource in cluster.primitives():
        change = _change_of(resource, drafts)
        if change is not None:
            found.append(change)
    found += [Change(word="Shutdown", resource=draft.node.uname) for draft in drafts.shutdowns.values()]
    return found


def _change_of(resource: Resource, drafts: Drafts) -> Change | None:
    stops = [draft for draft in drafts.stop.get(resource, []) if _happens(draft)]
    start, promote = drafts.start.get(resource), drafts.promote.get(resource)
    starts = start if start is not None and _happens(start) else None
    role, next_role = resource.role_now, resource.next_role
    common = {
        "resource": resource.shown_id,
        "role": role.word if role > Role.STOPPED else "",
        "next_role": next_role.word,
    }
    if stops and starts is not None:
        source, target = stops[0].node.uname, starts.node.uname
        word = "Move" if source != target else "Restart"
        if resource.failed_on and source == target:
            word = "Recover"
        return Change(word=word, source=source, target=target, reason=stops[0].reason, **common)
    if stops:
        blocked = start is not None and not start.runnable
        return Change(
            word="Stop",
            source=stops[0].node.uname,
            reason="unrunnable start" if blocked else ("node availability" if resource.target is None else ""),
            **{**common, "next_role": ""},
        )
    if starts is not None:
        return Change(word="Start", target=starts.node.uname, **{**common, "role": ""})
    if promote is not None and _happens(promote):
        return Change(word="Promote", source=promote.node.uname, **common)
    demotes = [draft for draft in drafts.demote.get(resource, []) if _happens(draft)]
    return Change(word="Demote", source=demotes[0].node.uname, **common) if demotes else None
