"""Plan → transition graph: what is needed and possible, with all that an agent has to be told.

Reads the settled plan; gives the frozen TransitionGraph with placement, changes and reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from hacluster.scheduler.agent_meta import meta_of, milestone_meta
from hacluster.scheduler.digests import depend_on_node, digest, parameters_of
from hacluster.scheduler.graph import Action, ActionKind, Placement, TransitionGraph
from hacluster.scheduler.plan import (
    LOAD,
    MIGRATES_FIRST,
    NOT_TOGETHER,
    ORDER,
    SAME_NODE,
    SERIALIZE,
    TELLS_FIRST,
    TELLS_THEN,
    UNLESS_MIGRATED,
    Draft,
    Link,
    Plan,
)
from hacluster.scheduler.summary import changes_of
from hacluster.scheduler.values import duration_ms, score
from hacluster.scheduler.working import Cluster, NodeKind, Replica, Resource, Role, Variant

_WEAK = ORDER | TELLS_FIRST | TELLS_THEN


def build_graph(plan: Plan) -> TransitionGraph:
    cluster = plan.cluster
    chosen = _in_graph_order(plan)
    ids = {draft: number for number, draft in enumerate(chosen, start=1)}
    _break_circles([draft for draft in plan.all if draft in ids], ids)
    values = cluster.options.values
    return TransitionGraph(
        actions=tuple(_vertices(plan, chosen)),
        orderings=tuple(sorted({(ids[link.first], ids[then]) for then in chosen for link in _inputs(then, ids)})),
        placement_now=_placement_now(cluster),
        placement_after=_placement_after(plan),
        changes=tuple(changes_of(plan, _is_vertex)),
        explanations={resource.id: tuple(resource.reasons) for resource in cluster.everything() if resource.reasons},
        blocked=tuple(resource.shown_id for resource in cluster.primitives() if resource.is_blocked),
        recheck_at=cluster.recheck_at,
        batch_limit=max(0, score(values.get("batch-limit", "0"))),
        cluster_delay_ms=duration_ms(values.get("cluster-delay", "60s"), 60_000),
        stonith_timeout_ms=duration_ms(values.get("stonith-timeout", "60s"), 60_000),
        start_failure_is_fatal=cluster.options.start_failure_is_fatal,
    )


def _in_graph_order(plan: Plan) -> list[Draft]:
    """Resource by resource, what was drafted last first, as Pacemaker lists them; then what is of no resource."""
    kept = [draft for draft in plan.all if _is_vertex(draft)]
    kept.reverse()
    places = {
        resource: place
        for place, resource in enumerate(_in_turn(one for one in plan.cluster.in_turn if one.bundle is None))
    }
    last = len(places)

    def turn(draft: Draft) -> tuple[int, bool]:
        return (last if draft.resource is None else places.get(draft.resource, last)), _is_early(draft)

    return sorted(kept, key=turn)


def _is_early(draft: Draft) -> bool:
    """Some things follow from the histories alone, before anything else is drafted."""
    resource, node = draft.resource, draft.node
    if draft.kind in (ActionKind.CLEAR_FAILCOUNT, ActionKind.CANCEL):
        return True
    if draft.kind is not ActionKind.STOP or resource is None or node is None:
        return False
    return resource.must_stop and node.index in resource.failed_on


def _in_turn(resources: Iterable[Resource]) -> Iterator[Resource]:
    """A group before its members, a clone after its instances; a bundle's milestones are of no resource."""
    for resource in resources:
        if resource.replicas:
            yield from _in_turn(_parts_of(resource))
            continue
        if resource.variant is not Variant.CLONE:
            yield resource
        yield from _in_turn(resource.children)
        if resource.variant is Variant.CLONE:
            yield resource


def _parts_of(bundle: Resource) -> list[Resource]:
    """What is inside, then replica by replica."""
    parts = [bundle.child]
    for replica in bundle.replicas:
        parts += [replica.address, replica.container, replica.connection]
    return [part for part in parts if part is not None]


def _is_vertex(draft: Draft) -> bool:
    """Only what is needed and possible; of an unmanaged resource only what merely looks."""
    if not draft.runnable or (draft.optional and not draft.is_shown):
        return False
    resource = draft.resource
    is_unmanaged = resource is not None and resource.variant is Variant.PRIMITIVE and not resource.is_managed
    if is_unmanaged and draft.kind not in (ActionKind.MONITOR, ActionKind.CANCEL, ActionKind.CLEAR_FAILCOUNT):
        return False
    if draft.pseudo or draft.kind is ActionKind.FENCE:
        return True
    return draft.node is not None and draft.node.is_online and not draft.node.is_unclean


def _inputs(then: Draft, ids: dict[Draft, int]) -> list[Link]:
    return [link for link in then.before if link.first in ids and link.first is not then and _is_input(link)]


def _break_circles(chosen: list[Draft], ids: dict[Draft, int]) -> None:
    """Where resources migrate to each other's nodes, one of them can't wait until there is room."""
    for draft in reversed(chosen):
        if draft.kind is ActionKind.MIGRATE_TO:
            for link in _inputs(draft, ids):
                if link.strength == LOAD and _comes_after(link.first, draft, ids):
                    link.strength = 0


def _comes_after(later: Draft, earlier: Draft, ids: dict[Draft, int]) -> bool:
    waiting, seen = [later], {later}
    while waiting:
        for link in _inputs(waiting.pop(), ids):
            if link.first is earlier:
                return True
            if link.first not in seen:
                seen.add(link.first)
                waiting.append(link.first)
    return False


def _makes_room(first: Draft, then: Draft) -> bool:
    """Only on the node that the second will use; of a migration that is where it goes."""
    if first.optional or first.node is None:
        return False
    if then.kind is ActionKind.MIGRATE_TO and then.resource is not None:
        return then.resource.target == first.node.index
    return first.node is then.node


def _is_input(link: Link) -> bool:
    """Whether a link still says something between two vertices."""
    first, then, strength = link.first, link.then, link.strength
    if not strength:
        return False
    if not first.runnable and not strength & ~_WEAK:
        return False
    if strength & MIGRATES_FIRST and not first.runnable:
        return False
    if strength & UNLESS_MIGRATED and first.migratable:
        return False
    is_left_behind = first.migratable and first.task == "stop" and first.resource is not then.resource
    is_plain = strength == ORDER if first.kind is ActionKind.PSEUDO else not strength & ~_WEAK
    if is_left_behind and is_plain:
        return False
    if strength & LOAD:
        return _makes_room(first, then)
    if strength & NOT_TOGETHER or (strength & SERIALIZE and first.optional):
        if first.optional:
            return False
        return not strength & NOT_TOGETHER or first.node is None or then.node is None or first.node is then.node
    return not (strength & SAME_NODE and first.node is not then.node)


def _vertices(plan: Plan, chosen: list[Draft]) -> Iterator[Action]:
    """Probes of one resource differ in nothing but the node, so only the first of them is worked out."""
    probes: dict[tuple[Resource, int, bool], Action] = {}
    for number, draft in enumerate(chosen, start=1):
        resource, node = draft.resource, draft.node
        if resource is None or node is None or draft.kind is not ActionKind.MONITOR or draft.interval_ms:
            yield _vertex(plan, draft, number)
            continue
        like = probes.get((resource, draft.expected_rc, draft.pseudo))
        if like is None:
            like = _vertex(plan, draft, number)
            if not depend_on_node(resource):
                probes[resource, draft.expected_rc, draft.pseudo] = like
            yield like
            continue
        meta = {**like.meta, "CRM_meta_on_node": node.uname, "CRM_meta_on_node_uuid": node.id}
        yield msgspec.structs.replace(like, id=number, node=node.uname, node_id=node.id, meta=meta)


def _vertex(plan: Plan, draft: Draft, number: int) -> Action:
    cluster, resource, node = plan.cluster, draft.resource, draft.node
    if draft.kind is ActionKind.PSEUDO or node is None:
        name = resource.id if resource is not None else ""
        key = f"{name}_{draft.task}_0" if name else draft.task
        meta = milestone_meta(resource, cluster.options.default_timeout_ms) if resource is not None else {}
        return Action(
            id=number,
            kind=ActionKind.PSEUDO,
            resource=name,
            task_key=key,
            pseudo=True,
            detail=draft.task,
            meta=meta,
        )
    if resource is None:
        return Action(
            id=number,
            kind=draft.kind,
            node=node.uname,
            node_id=node.id,
            detail=draft.detail,
            pseudo=draft.pseudo,
            task_key=f"{'stonith' if draft.kind is ActionKind.FENCE else 'do_shutdown'}-{node.uname}",
        )
    config = draft.config
    name = draft.kind.value
    timeout_ms = config.timeout_ms if config is not None else cluster.options.default_timeout_ms
    parameters = parameters_of(resource, node) | (config.parameters if config is not None else {})
    standard, provider, kind = resource.agent
    return Action(
        id=number,
        kind=draft.kind,
        node=node.uname,
        node_id=node.id,
        resource=resource.shown_id,
        instance=resource.long_id,
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
        meta=meta_of(plan, draft, timeout_ms),
        digests={"op-digest": digest(parameters, draft.interval_ms, timeout_ms)},
    )


# ---------------------------------------------------------------- placement


def _note(placement: Placement, resource: Resource, uname: str, role: Role) -> None:
    """Two anonymous instances on one node stand there as `Started,Started`."""
    places = placement.setdefault(resource.shown_id, {})
    places[uname] = f"{places[uname]},{role.word}" if uname in places else role.word


def _is_implied(resource: Resource) -> bool:
    """What stands there with something else: a guest's connection while it is configured, and parts of bundles."""
    return (resource.is_guest_connection and not resource.is_orphan) or resource.bundle is not None


def _placement_now(cluster: Cluster) -> Placement:
    placement: Placement = {}
    for resource in cluster.primitives():
        if _is_implied(resource):
            continue
        for index, role in sorted(resource.active.items()):
            node = cluster.nodes[index]
            # Of a clone only what may still run is told: a guest that is off can't have anything.
            is_off = node.kind is not NodeKind.CLUSTER and not (node.was_online or node.is_unclean)
            if not (is_off and resource.is_anonymous and resource.is_managed):
                _note(placement, resource, node.uname, role)
    for replica in (replica for bundle in cluster.resources for replica in bundle.replicas):
        inside = replica.child.active if replica.child is not None else {}
        if replica.child is not None and replica.child.is_failed:
            # What failed is told without a role, unless it is promoted.
            inside = {index: role if role is Role.PROMOTED else Role.STARTED for index, role in inside.items()}
        _note_replica(cluster, placement, replica, replica.container.active, inside)
    return placement


def _note_replica(
    cluster: Cluster, placement: Placement, replica: Replica, hosts: dict[int, Role], inside: dict[int, Role]
) -> None:
    """A replica stands there once: on its container's host, in the role of what is inside."""
    named = replica.connection or replica.container
    role = Role.STARTED if replica.child is None else next(iter(inside.values()), None)
    for index in sorted(hosts):
        if role is not None:
            _note(placement, named, cluster.nodes[index].uname, role)


def _placement_after(plan: Plan) -> Placement:
    """Where everything is once all chosen actions have succeeded."""
    placement: Placement = {}
    for resource in plan.cluster.primitives():
        if _is_implied(resource):
            continue
        for index, role in sorted(_roles_after(plan, resource).items()):
            _note(placement, resource, plan.cluster.nodes[index].uname, role)
    for replica in (replica for bundle in plan.cluster.resources for replica in bundle.replicas):
        inside = _roles_after(plan, replica.child) if replica.child is not None else {}
        _note_replica(plan.cluster, placement, replica, _roles_after(plan, replica.container), inside)
    return placement


def _roles_after(plan: Plan, resource: Resource) -> dict[int, Role]:
    stopped = {index for index in resource.active for stop in _done_on(plan, resource, "stop", index)}
    stopped -= {index for index in stopped if _outlives_a_stop(resource, index)}
    after = {index: role for index, role in resource.active.items() if index not in stopped}
    for index in list(after):
        if _done_on(plan, resource, "demote", index):
            after[index] = Role.UNPROMOTED
    started = Role.UNPROMOTED if resource.clone is not None and resource.clone.is_promotable else Role.STARTED
    for start in [*plan.find(resource, "start"), *plan.find(resource, "migrate_from")]:
        if start.node is not None and _is_vertex(start):
            after[start.node.index] = max(after.get(start.node.index, Role.STOPPED), started)
    for promote in plan.find(resource, "promote"):
        if promote.node is not None and _is_vertex(promote) and promote.node.index in after:
            after[promote.node.index] = Role.PROMOTED
    return after


def _outlives_a_stop(resource: Resource, index: int) -> bool:
    """A start under way that old agents noted in an entry of its own: the stop's entry does not take its place."""
    last = resource.history[index][-1] if resource.history.get(index) else None
    return last is not None and last.call_id < 0 and last.name == "start" and not last.id.endswith("_last_0")


def _done_on(plan: Plan, resource: Resource, task: str, index: int) -> list[Draft]:
    found = plan.find(resource, task)
    return [draft for draft in found if draft.node is not None and draft.node.index == index and _is_vertex(draft)]
