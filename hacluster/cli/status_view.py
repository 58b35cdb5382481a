"""The cluster as crm_mon and its relatives show it: a Cib, read once, as plain values.

Reads a Cib with its status section, and what the agent knows of itself; gives a `View`. What a history means is the
scheduler's own reading, so that nobody is shown another state than the one that is acted upon.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.cib.status import (
    Operation,
    fail_counts,
    history_of,
    node_states,
    operations,
    read_operation,
    transient_attributes,
)
from hacluster.cli.options import VERSION
from hacluster.scheduler.history import read_cluster
from hacluster.scheduler.locks import lock_of
from hacluster.scheduler.values import is_true
from hacluster.scheduler.words import in_natural_order, role_of
from hacluster.scheduler.working import Cluster, Node, NodeKind, Replica, Resource, Role, Variant

HIDDEN_ATTRIBUTES = ("shutdown", "terminate", "standby", "fail-count", "last-failure", "#")
RC_TEXTS = {
    0: "ok",
    1: "error",
    2: "invalid parameter",
    3: "unimplemented feature",
    4: "insufficient privileges",
    5: "not installed",
    6: "not configured",
    7: "not running",
    8: "promoted",
    9: "promoted (failed)",
    190: "degraded",
    191: "promoted (degraded)",
    193: "pending",
}
_PENDING = -1
_NOT_INSTALLED = 7
_PENDING_WORDS = {
    "start": "Starting",
    "stop": "Stopping",
    "promote": "Promoting",
    "demote": "Demoting",
    "migrate_to": "Migrating",
    "migrate_from": "Migrating",
}
_KINDS = {NodeKind.CLUSTER: "member", NodeKind.REMOTE: "remote", NodeKind.GUEST: "guest"}


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    id: str
    is_online: bool
    is_standby: bool
    is_standby_on_fail: bool = False
    """A failure asked for it, nobody else."""
    is_in_maintenance: bool
    is_pending: bool
    is_unclean: bool
    is_shutting_down: bool
    is_expected_up: bool
    is_dc: bool
    resources_running: int
    attributes: dict[str, str]
    expected: dict[str, int]
    """What an attribute of a ping resource has when every host answers."""
    feature_set: str = ""
    kind: str = "member"
    """member, remote or guest"""
    health: str = "green"


class ResourceView(msgspec.Struct, frozen=True, kw_only=True):
    """One primitive or instance; for containers the children tell the rest."""

    id: str
    number_id: str = ""
    """With the number of the instance, which an anonymous one has too."""
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
    """What is under way, as a word in place of the role."""
    is_monitor_pending: bool = False
    is_promotable: bool = False
    is_unique: bool = False
    ignores_failures: bool = False
    locked_to: str = ""
    """The node that it waits for."""
    dark_nodes: tuple[str, ...] = ()
    """Those of `nodes` that are unclean and not heard of."""
    quiet_nodes: tuple[str, ...] = ()
    """Those of `nodes` that are off, so that nothing runs there."""
    refused_on: dict[str, str] = {}
    """node -> why it was found that the resource can't run there"""
    free_nodes: tuple[str, ...] = ()
    """A clone's: nodes on which no instance is."""
    instances_max: int = 0
    """A clone's."""
    address: str = ""
    """Of the replica of a bundle."""
    image: str = ""
    """Of a bundle."""
    children: tuple[ResourceView, ...] = ()

    @property
    def is_active(self) -> bool:
        """Active as a whole: every member, any instance."""
        if self.children:
            parts = [child.is_active for child in self.children]
            return all(parts) if self.variant == "group" else any(parts)
        return len(self.nodes) > len(self.quiet_nodes)

    @property
    def is_partly_active(self) -> bool:
        return any(child.is_partly_active for child in self.children) if self.children else self.is_active

    @property
    def is_fully_active(self) -> bool:
        return all(child.is_fully_active for child in self.children) if self.children else self.is_active

    def leaves(self) -> Iterator[ResourceView]:
        """The primitives in it, or itself."""
        if not self.children and self.variant == "primitive":
            yield self
        for child in self.children:
            yield from child.leaves()

    @property
    def is_disabled(self) -> bool:
        wanted = role_of(self.target_role)
        return wanted is Role.STOPPED or (wanted is Role.UNPROMOTED and self.is_promotable)


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
    is_maintenance: bool
    stops_all: bool
    last_change: str
    change_user: str
    change_client: str
    change_origin: str
    tickets: tuple[Element, ...]
    """`ticket_state` elements"""
    bans: tuple[Element, ...]
    """`rsc_location` elements"""


def view(cib: Cib, *, dc: str = "", stack: str = "", now: float = 0.0) -> View:
    """Everything at once. `dc` and `stack` come from the agent, which knows them first hand."""
    cluster = read_cluster(cib, now)
    root = cib.root
    _sort_as_configured(cib, cluster)
    resources = tuple(_resource(cluster, found) for found in cluster.resources if _is_shown(found))
    resources = tuple(_with_image(cib, found) if found.variant == "bundle" else found for found in resources)
    unlisted = _unlisted_guests(cib, cluster)
    resources = tuple(_without_nodes(found, unlisted) for found in resources)
    leaves = [leaf for resource in resources for leaf in resource.leaves()]
    by_id = {node.id: node.uname for node in cluster.nodes}
    designated = dc or by_id.get(root.get("dc-uuid"), "")
    return View(
        nodes=tuple(
            _node(cib, cluster, node, designated)
            for node in sorted(cluster.nodes, key=lambda n: in_natural_order(n.uname))
        ),
        resources=resources,
        history=_history(cib, cluster),
        failures=tuple(one for one in operations(cib) if one.is_failure and not is_masked(one)),
        options=cluster.options.values,
        instances=len(leaves),
        disabled=sum(leaf.is_disabled for leaf in leaves),
        blocked=sum(leaf.is_blocked for leaf in leaves),
        has_quorum=cluster.options.has_quorum,
        dc=designated,
        dc_version=cluster.options.values.get("dc-version", VERSION if dc else "unknown"),
        stack=stack or cluster.options.values.get("cluster-infrastructure", "unknown"),
        is_maintenance=cluster.options.maintenance,
        stops_all=cluster.options.stop_all,
        last_change=root.get("cib-last-written"),
        change_user=root.get("update-user"),
        change_client=root.get("update-client"),
        change_origin=root.get("update-origin"),
        tickets=tuple(_tickets(cib)),
        bans=tuple(_bans(cib)),
    )


def _tickets(cib: Cib) -> Iterator[Element]:
    """Every ticket that has a state or that a constraint names."""
    found = {state.id: state for state in (cib.status.find("tickets") or NOTHING).all("ticket_state")}
    for constraint in cib.section("constraints").all("rsc_ticket"):
        found.setdefault(constraint.get("ticket"), Element("ticket_state", {"id": constraint.get("ticket")}))
    return (found[name] for name in sorted(found))


def _bans(cib: Cib) -> Iterator[Element]:
    """The location constraints that keep a resource off a node, the newest first."""
    listed = reversed(list(cib.section("constraints").all("rsc_location")))
    return (one for one in listed if one.get("node") and one.get("score").startswith("-"))


def _in_order(nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: in_natural_order(node.uname))


def _sort_as_configured(cib: Cib, cluster: Cluster) -> None:
    """What is more important comes first. The scheduler reads bundles last."""
    places = {element.id: place for place, element in enumerate(cib.section("resources").children)}
    cluster.resources.sort(key=lambda found: (-found.priority, places.get(found.id, len(places))))


def _with_image(cib: Cib, bundle: ResourceView) -> ResourceView:
    written = cib.section("resources").by_id(bundle.id) or NOTHING
    image = next((engine.get("image") for engine in written.children if engine.get("image")), "")
    return msgspec.structs.replace(bundle, image=image)


def _without_nodes(clone: ResourceView, names: set[str]) -> ResourceView:
    return msgspec.structs.replace(clone, free_nodes=tuple(name for name in clone.free_nodes if name not in names))


def _is_shown(resource: Resource) -> bool:
    """Neither a part of a bundle nor the connection that makes a guest of a resource is told by itself."""
    is_part = resource.bundle is not None or (resource.is_guest_connection and not resource.is_orphan)
    return not is_part and (not resource.is_orphan or bool(resource.active))


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
        is_standby_on_fail=node.is_standby and not is_true(node.attributes.get("standby", "")),
        is_in_maintenance=node.is_in_maintenance,
        is_pending=node.is_pending,
        is_unclean=node.is_unclean,
        is_shutting_down=node.is_shutting_down,
        is_expected_up=state is not None and state.get("expected") == "member",
        is_dc=node.uname == dc,
        resources_running=running,
        attributes={n: shown[n] for n in sorted(shown) if not n.startswith(HIDDEN_ATTRIBUTES)},
        expected={name: value for name, value in _expected(cluster, node).items() if name in shown},
        feature_set=attributes.get("#feature-set", ""),
        kind=_KINDS[node.kind],
        health=_health(cluster, node),
    )


def _expected(cluster: Cluster, node: Node) -> dict[str, int]:
    """The attributes of the ping resources that run on the node: hosts times multiplier."""
    found = {}
    for resource in cluster.primitives():
        if resource.agent[2] not in ("ping", "pingd") or node.index not in resource.active:
            continue
        pairs = {one.get("name"): one.get("value") for one in resource.element.walk() if one.tag == "nvpair"}
        times = pairs.get("multiplier", "1")
        name = pairs.get("name", "pingd")
        found[name] = len(pairs.get("host_list", "").split()) * (int(times) if times.isdecimal() else 1)
    return found


def _health(cluster: Cluster, node: Node) -> str:
    """The worst colour that a health attribute has, where anybody minds."""
    if cluster.options.values.get("node-health-strategy", "none") == "none":
        return "green"
    found = {value for name, value in node.attributes.items() if name.startswith("#health")}
    return next((colour for colour in ("red", "yellow") if colour in found), "green")


def _resource(cluster: Cluster, resource: Resource) -> ResourceView:
    is_anonymous = resource.clone is not None and not resource.clone.is_unique
    found = ResourceView(
        id=resource.base_id if is_anonymous else resource.id,
        number_id=resource.id,
        variant=resource.variant.value,
        target_role=resource.meta.get("target-role", ""),
        is_managed=resource.is_managed,
        is_in_maintenance=_is_in_maintenance(cluster, resource),
        is_promotable=resource.is_promotable,
        is_unique=resource.is_unique,
    )
    if resource.replicas:
        return _bundle(cluster, resource, found)
    if resource.variant is Variant.PRIMITIVE:
        return _primitive(cluster, resource, found)
    children = tuple(_resource(cluster, child) for child in resource.children if not _is_spare(resource, child))
    found = msgspec.structs.replace(found, children=children)
    if resource.variant is Variant.CLONE and not resource.is_unique:
        free = _free_nodes(cluster, resource, found)
        return msgspec.structs.replace(found, free_nodes=free, instances_max=resource.clone_max)
    return found


def _is_in_maintenance(cluster: Cluster, resource: Resource) -> bool:
    """By itself or its node; that the whole cluster is in maintenance is told above all."""
    if not cluster.options.maintenance:
        return resource.in_maintenance
    return is_true(resource.meta.get("maintenance", ""))


def _primitive(cluster: Cluster, resource: Resource, found: ResourceView) -> ResourceView:
    nodes = [cluster.nodes[index] for index in resource.active]
    off = [node.uname for node in nodes if not node.is_online and not node.is_unclean and resource.is_managed]
    pending = {history[-1].name: history[-1] for history in resource.history.values() if _is_pending(history[-1:])}
    lock = lock_of(cluster, resource)
    is_promotable = resource.clone is not None and resource.clone.is_promotable
    role = Role.UNPROMOTED if is_promotable and resource.role_now is Role.STARTED else resource.role_now
    return msgspec.structs.replace(
        found,
        agent=":".join(part for part in resource.agent if part),
        role=role.word,
        nodes=tuple(node.uname for node in nodes),
        dark_nodes=tuple(node.uname for node in nodes if node.is_unclean and not node.is_online),
        quiet_nodes=tuple(off),
        is_orphan=resource.is_orphan,
        is_blocked=resource.is_blocked,
        is_failed=resource.is_failed,
        is_promotable=is_promotable,
        ignores_failures=resource.ignores_failures,
        pending=next((_PENDING_WORDS[name] for name in pending if name in _PENDING_WORDS), ""),
        is_monitor_pending=any(operation.interval_ms for operation in pending.values()),
        refused_on=_refusals(cluster, resource),
        locked_to=lock.uname if lock is not None and not nodes else "",
    )


def is_masked(operation: Operation) -> bool:
    """A probe that says the resource can't run there: a fact about the node, no failure."""
    return operation.is_probe and (operation.rc in (2, 5) or operation.status == _NOT_INSTALLED)


def _is_pending(newest: list[Operation]) -> bool:
    return bool(newest) and newest[0].status == _PENDING


def _refusals(cluster: Cluster, resource: Resource) -> dict[str, str]:
    """Nodes where a probe said that the resource can't run there at all."""
    found = {}
    for index, history in resource.history.items():
        for operation in history:
            if is_masked(operation):
                found[cluster.nodes[index].uname] = RC_TEXTS.get(operation.rc, "unknown")
    return found


def _free_nodes(cluster: Cluster, clone: Resource, found: ResourceView) -> tuple[str, ...]:
    taken = {name for leaf in found.leaves() for name in leaf.nodes}
    known = {index for part in clone.primitives() for index in part.known_on}
    nodes = [node for node in cluster.nodes if cluster.options.is_symmetric or node.index in known]
    nodes = [node for node in nodes if not _is_forgotten(node)]
    return tuple(sorted((node.uname for node in nodes if node.uname not in taken), key=in_natural_order))


def _unlisted_guests(cib: Cib, cluster: Cluster) -> set[str]:
    """The nodes inside of bundles that the nodes section doesn't have: no other clone is told to be off there."""
    listed = {element.get("uname") for element in cib.section("nodes").all("node")}
    inside = {replica.node for bundle in cluster.resources for replica in bundle.replicas if replica.node is not None}
    return {cluster.nodes[index].uname for index in inside} - listed


def _is_forgotten(node: Node) -> bool:
    return node.connection is not None and node.connection.is_orphan


def _bundle(cluster: Cluster, bundle: Resource, found: ResourceView) -> ResourceView:
    """A bundle as its replicas: each with its node's name, its container's place and the role of its inside."""
    replicas = []
    for replica in bundle.replicas:
        inside = _resource(cluster, replica.child or replica.container)
        host = _resource(cluster, replica.container)
        replicas.append(
            msgspec.structs.replace(
                inside,
                id=(replica.connection or replica.container).id,
                nodes=host.nodes,
                dark_nodes=host.dark_nodes,
                quiet_nodes=host.quiet_nodes,
                refused_on={},
                address=_address(replica),
            )
        )
    is_unique = bundle.child is not None and bundle.child.is_unique
    return msgspec.structs.replace(found, variant="bundle", is_unique=is_unique, children=tuple(replicas))


def _address(replica: Replica) -> str:
    given = replica.address.element.walk() if replica.address is not None else ()
    return next((pair.get("value") for pair in given if pair.get("name") == "ip"), "")


def _is_spare(clone: Resource, child: Resource) -> bool:
    """An instance beyond clone-max that runs nowhere."""
    is_beyond = clone.variant is Variant.CLONE and clone.children.index(child) >= clone.clone_max
    return is_beyond and not any(member.active for member in child.primitives())


def _history(cib: Cib, cluster: Cluster) -> dict[str, tuple[HistoryView, ...]]:
    configured = {found.base_id: found for found in cluster.primitives() if not found.is_orphan}
    found: dict[str, tuple[HistoryView, ...]] = {}
    for state in node_states(cib):
        uname = state.get("uname")
        by_resource: dict[str, list[Operation]] = {}
        for held in history_of(state):
            listed = by_resource.setdefault(held.id, [])
            listed += (read_operation(entry, held.id, uname) for entry in held.all("lrm_rsc_op"))
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
