"""The cluster as crm_mon and its relatives show it: a Cib, read once, as plain values.

Reads a Cib with its status section, and what the agent knows of itself; gives a `View`. What a history means is the
scheduler's own reading, so that nobody is shown another state than the one that is acted upon.
"""

from __future__ import annotations

import msgspec

from hacluster.cib.model import Cib
from hacluster.cib.status import Operation, fail_counts, node_states, operations, transient_attributes
from hacluster.scheduler.history import read_cluster
from hacluster.scheduler.words import role_of
from hacluster.scheduler.working import Cluster, Node, Resource, Role, Variant

HIDDEN_ATTRIBUTES = ("shutdown", "terminate", "standby", "fail-count", "last-failure", "probe_complete", "#")


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    id: str
    is_online: bool
    is_standby: bool
    is_in_maintenance: bool
    is_pending: bool
    is_unclean: bool
    is_shutting_down: bool
    is_expected_up: bool
    is_dc: bool
    resources_running: int
    attributes: dict[str, str]
    feature_set: str = ""


class ResourceView(msgspec.Struct, frozen=True, kw_only=True):
    """One primitive or instance; for containers the children tell the rest."""

    id: str
    variant: str
    agent: str = ""
    role: str = "Stopped"
    target_role: str = ""
    nodes: tuple[str, ...] = ()
    is_orphan: bool = False
    is_blocked: bool = False
    is_managed: bool = True
    is_failed: bool = False
    is_in_maintenance: bool = False
    pending: str = ""
    is_promotable: bool = False
    is_unique: bool = False
    children: tuple[ResourceView, ...] = ()

    @property
    def is_active(self) -> bool:
        return bool(self.nodes)

    @property
    def is_disabled(self) -> bool:
        return role_of(self.target_role) is Role.STOPPED


class HistoryView(msgspec.Struct, frozen=True, kw_only=True):
    resource: str
    is_orphan: bool
    threshold: int
    fail_count: int
    last_failure: int
    operations: tuple[Operation, ...]


class View(msgspec.Struct, frozen=True, kw_only=True):
    nodes: tuple[NodeView, ...]
    resources: tuple[ResourceView, ...]
    history: dict[str, tuple[HistoryView, ...]]
    failures: tuple[Operation, ...]
    options: dict[str, str]
    instances: int
    disabled: int
    blocked: int
    has_quorum: bool
    dc: str
    dc_version: str
    stack: str
    last_change: str
    change_user: str
    change_client: str
    change_origin: str


def view(cib: Cib, *, dc: str = "", stack: str = "heartbeat", now: float = 0.0) -> View:
    """Everything at once. `dc` and `stack` come from the agent, which knows them first hand."""
    cluster = read_cluster(cib, now)
    root = cib.root
    resources = tuple(_resource(cluster, found) for found in cluster.resources if _is_shown(found))
    leaves = [leaf for resource in resources for leaf in _leaves(resource)]
    by_id = {node.id: node.uname for node in cluster.nodes}
    designated = dc or by_id.get(root.get("dc-uuid"), "")
    return View(
        nodes=tuple(_node(cib, cluster, node, designated) for node in cluster.nodes),
        resources=resources,
        history=_history(cib, cluster),
        failures=tuple(operation for operation in operations(cib) if operation.is_failure),
        options=cluster.options.values,
        instances=len(leaves),
        disabled=sum(leaf.is_disabled for leaf in leaves),
        blocked=sum(leaf.is_blocked for leaf in leaves),
        has_quorum=cluster.options.has_quorum,
        dc=designated,
        dc_version=cluster.options.values.get("dc-version", "2.1.5"),
        stack=stack,
        last_change=root.get("cib-last-written"),
        change_user=root.get("update-user"),
        change_client=root.get("update-client"),
        change_origin=root.get("update-origin"),
    )


def _leaves(resource: ResourceView) -> list[ResourceView]:
    if not resource.children:
        return [resource] if resource.variant == "primitive" else []
    return [leaf for child in resource.children for leaf in _leaves(child)]


def _is_shown(resource: Resource) -> bool:
    return not resource.is_orphan or bool(resource.active)


def _node(cib: Cib, cluster: Cluster, node: Node, dc: str) -> NodeView:
    state = next((found for found in node_states(cib) if found.get("uname") == node.uname), None)
    running = sum(node.index in found.active for found in cluster.primitives())
    attributes = transient_attributes(state) if state is not None else {}
    permanent = {name: value for name, value in node.attributes.items() if name not in attributes}
    shown = {**permanent, **attributes} if node.is_online else {}
    return NodeView(
        name=node.uname,
        id=node.id,
        is_online=node.is_online,
        is_standby=node.is_standby,
        is_in_maintenance=node.is_in_maintenance or cluster.options.maintenance,
        is_pending=node.is_pending,
        is_unclean=node.is_unclean,
        is_shutting_down=node.is_shutting_down,
        is_expected_up=state is not None and state.get("expected") == "member",
        is_dc=node.uname == dc,
        resources_running=running,
        attributes={n: shown[n] for n in sorted(shown) if not n.startswith(HIDDEN_ATTRIBUTES)},
        feature_set=attributes.get("#feature-set", ""),
    )


def _resource(cluster: Cluster, resource: Resource) -> ResourceView:
    is_anonymous = resource.clone is not None and not resource.clone.is_unique
    found = ResourceView(
        id=resource.base_id if is_anonymous else resource.id,
        variant=resource.variant.value,
        target_role=resource.meta.get("target-role", ""),
        is_managed=resource.is_managed,
        is_in_maintenance=resource.in_maintenance,
        is_promotable=resource.is_promotable,
        is_unique=resource.is_unique,
    )
    if resource.variant is not Variant.PRIMITIVE:
        children = [child for child in resource.children if not _is_spare(resource, child)]
        return msgspec.structs.replace(found, children=tuple(_resource(cluster, child) for child in children))
    return msgspec.structs.replace(
        found,
        agent=":".join(part for part in resource.agent if part),
        role=resource.role_now.word,
        nodes=tuple(cluster.nodes[index].uname for index in sorted(resource.active)),
        is_orphan=resource.is_orphan,
        is_blocked=resource.is_blocked,
        is_failed=resource.is_failed,
        pending=_pending(resource),
    )


def _is_spare(clone: Resource, child: Resource) -> bool:
    """An instance beyond clone-max that runs nowhere."""
    is_beyond = clone.variant is Variant.CLONE and clone.children.index(child) >= clone.clone_max
    return is_beyond and not any(member.active for member in child.primitives())


def _pending(resource: Resource) -> str:
    words = {"start": "Starting", "stop": "Stopping", "promote": "Promoting", "demote": "Demoting"}
    for history in resource.history.values():
        if history and history[-1].status == -1:
            return words.get(history[-1].name, "")
    return ""


def _history(cib: Cib, cluster: Cluster) -> dict[str, tuple[HistoryView, ...]]:
    configured = {found.base_id: found for found in cluster.primitives() if not found.is_orphan}
    found: dict[str, tuple[HistoryView, ...]] = {}
    for state in node_states(cib):
        uname = state.get("uname")
        by_resource: dict[str, list[Operation]] = {}
        for operation in operations(cib):
            if operation.node == uname:
                by_resource.setdefault(operation.resource, []).append(operation)
        counts = fail_counts(state)
        attributes = transient_attributes(state)
        entries = []
        for name, listed in by_resource.items():
            resource = configured.get(name.split(":")[0])
            last = [int(v) for k, v in attributes.items() if k.startswith(f"last-failure-{name}#") and v.isdecimal()]
            entries.append(
                HistoryView(
                    resource=name,
                    is_orphan=resource is None,
                    threshold=resource.threshold if resource is not None else 1_000_000,
                    fail_count=min(1_000_000, sum(counts.get(name, {}).values())),
                    last_failure=max(last, default=0),
                    operations=tuple(sorted(listed, key=lambda one: one.call_id)),
                )
            )
        found[uname] = tuple(entries)
    return found
