"""What an agent is told beside its parameters: the CRM_meta_* values of an action.

Reads a draft and its clone; gives the names and values of reference/ocf-agents 3 and golden/agent-env-2.1.5.txt.
"""

from __future__ import annotations

from collections.abc import Iterable

from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.plan import Draft, Plan
from hacluster.scheduler.working import Resource, Role, Variant

_TOLD_OF_CHANGES = (ActionKind.START, ActionKind.STOP, ActionKind.PROMOTE, ActionKind.DEMOTE, ActionKind.NOTIFY)
_OPERATION_OF = {"running": "start", "stopped": "stop", "promoted": "promote", "demoted": "demote"}


def meta_of(plan: Plan, draft: Draft, timeout_ms: int) -> dict[str, str]:
    """Every CRM_meta_* of one action, by its full name."""
    resource = draft.resource
    assert resource is not None, "only a resource's actions have meta attributes"
    assert draft.node is not None, "a milestone has no meta attributes"
    meta = {
        "CRM_meta_timeout": str(timeout_ms),
        "CRM_meta_on_node": draft.node.uname,
        "CRM_meta_on_node_uuid": draft.node.id,
    }
    if draft.interval_ms:
        meta["CRM_meta_interval"] = str(draft.interval_ms)
    meta |= _configured(draft)
    clone = resource.clone
    if clone is not None:
        meta |= _of_clone(clone, resource)
        if clone.notifies and draft.kind in _TOLD_OF_CHANGES:
            meta |= _changes_of(plan, clone)
    if draft.kind is ActionKind.NOTIFY:
        meta |= _notification(draft.detail)
    return meta


def milestone_meta(resource: Resource, timeout_ms: int) -> dict[str, str]:
    """What a milestone of a group or clone says of it; nobody carries one out, but a graph's file shows it."""
    meta = {"CRM_meta_timeout": str(timeout_ms)}
    if resource.variant is Variant.CLONE:
        meta |= _of_clone(resource, resource)
        del meta["CRM_meta_clone"]
    elif resource.clone is not None:
        meta |= _of_clone(resource.clone, resource)
        del meta["CRM_meta_clone"]
    return meta


def _configured(draft: Draft) -> dict[str, str]:
    """What the `<op>` says."""
    meta = {"CRM_meta_op_target_rc": str(draft.expected_rc)} if draft.expected_rc and not draft.interval_ms else {}
    config = draft.config
    if config is None or config.interval_ms != draft.interval_ms:
        # A probe borrows no more than its timeout from a recurring monitor.
        return meta
    meta |= {"CRM_meta_name": config.name, **{f"CRM_meta_{name}": value for name, value in config.extra.items()}}
    if config.on_fail:
        meta["CRM_meta_on_fail"] = config.on_fail
    if config.role:
        meta["CRM_meta_role"] = config.role
    return meta


def _number(resource: Resource) -> str:
    return resource.id.rsplit(":", 1)[-1]


def _of_clone(clone: Resource, resource: Resource) -> dict[str, str]:
    meta = {
        "CRM_meta_clone": _number(resource),
        "CRM_meta_clone_max": str(clone.clone_max),
        "CRM_meta_clone_node_max": str(clone.clone_node_max),
        "CRM_meta_globally_unique": str(clone.is_unique).lower(),
        "CRM_meta_notify": str(clone.notifies).lower(),
    }
    if clone.is_promotable:
        for name in ("promoted", "master"):
            meta[f"CRM_meta_{name}_max"] = str(clone.promoted_max)
            meta[f"CRM_meta_{name}_node_max"] = str(clone.promoted_node_max)
    return meta


def _notification(detail: str) -> dict[str, str]:
    """`pre_start`, `post_running` -> type and operation."""
    kind, _, done = detail.partition("_")
    operation = _OPERATION_OF.get(done, done)
    return {
        "CRM_meta_notify_type": kind,
        "CRM_meta_notify_operation": operation,
        "CRM_meta_notify_key_type": kind,
        "CRM_meta_notify_key_operation": done,
    }


def _changes_of(plan: Plan, clone: Resource) -> dict[str, str]:
    """Who is active in which role, and who is about to change; as lists of instances and of nodes."""
    cluster, members = plan.cluster, list(clone.primitives())
    now = [(member, index, role) for member in members for index, role in sorted(member.active.items())]
    lists: dict[str, list[tuple[Resource, int]]] = {
        "active": [(member, index) for member, index, _ in now],
        "promoted": [(member, index) for member, index, role in now if role is Role.PROMOTED],
        "unpromoted": [(member, index) for member, index, role in now if role is not Role.PROMOTED],
        "start": _planned(draft for member in members for draft in plan.find(member, "start")),
        "promote": _planned(draft for member in members for draft in plan.find(member, "promote")),
        "stop": _planned(draft for member in members for draft in plan.find(member, "stop")),
        "demote": _planned(draft for member in members for draft in plan.find(member, "demote")),
    }
    lists |= {"master": lists["promoted"], "slave": lists["unpromoted"]}
    meta: dict[str, str] = {}
    for name, entries in lists.items():
        meta[f"CRM_meta_notify_{name}_resource"] = _joined(member.id for member, _ in entries)
        meta[f"CRM_meta_notify_{name}_uname"] = _joined(cluster.nodes[index].uname for _, index in entries)
    meta["CRM_meta_notify_inactive_resource"] = _joined(member.id for member in members if not member.active)
    meta["CRM_meta_notify_all_uname"] = _joined(node.uname for node in cluster.nodes)
    meta["CRM_meta_notify_available_uname"] = _joined(node.uname for node in cluster.nodes if node.is_online)
    return meta


def _planned(drafts: Iterable[Draft]) -> list[tuple[Resource, int]]:
    return [
        (draft.resource, draft.node.index)
        for draft in drafts
        if draft.resource is not None and draft.node is not None and draft.happens
    ]


def _joined(names: Iterable[str]) -> str:
    """Separated by blanks; one blank when there are none, since agents compare with that."""
    return " ".join(names) or " "
