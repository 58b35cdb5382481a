"""Remote and guest nodes: machines that run resources but not the cluster, reached over a connection resource.

A remote node is reached by `ocf:pacemaker:remote`; a guest node is a resource (`remote-node=NAME`) whose connection
is made here. Reads the configuration; adds nodes and connections, judges whether the nodes are there, and links what
happens on them with the connection.
"""

from __future__ import annotations

from enum import Enum, auto

from hacluster.cib.model import NOTHING, SCORE_INFINITY, Cib, Element
from hacluster.scheduler.bundles import guest_names
from hacluster.scheduler.plan import IMPLIES_FIRST, IMPLIES_THEN, ORDER, RUNNABLE, STONITH, Draft, Plan
from hacluster.scheduler.reading import mark_unclean
from hacluster.scheduler.values import is_true
from hacluster.scheduler.working import Cluster, Colocation, Node, NodeKind, Resource, Role

_AGENT = ("ocf", "pacemaker", "remote")


class Link(Enum):
    """How things stand with a remote node's connection."""

    ALIVE = auto()
    RESTING = auto()
    """It runs on a node that is lost, or is moving."""
    UNKNOWN = auto()
    STOPPED = auto()
    FAILED = auto()


# ---------------------------------------------------------------- configuration


def names_in(cib: Cib) -> dict[str, NodeKind]:
    """The remote and guest nodes that the resources speak of."""
    found: dict[str, NodeKind] = {}
    resources = cib.section("resources")
    templates = {element.id: element for element in resources.all("template")}
    for element in resources.walk():
        if element.tag != "primitive":
            continue
        template = templates.get(element.get("template"), NOTHING)
        if tuple(element.get(n) or template.get(n) for n in ("class", "provider", "type")) == _AGENT:
            found[element.id] = NodeKind.REMOTE
        guest = _meta(element, "remote-node") or _meta(template, "remote-node")
        if guest:
            found[guest] = NodeKind.GUEST
    return found | guest_names(cib)


def _meta(element: Element, name: str) -> str:
    for one in element.all("meta_attributes"):
        for pair in one.all("nvpair"):
            if pair.get("name") == name:
                return pair.get("value")
    return ""


def connection_of(container: Element, guest: str) -> Element:
    """The resource that connects to a guest node, as if it had been configured."""
    pairs = {"container": container.id}
    if is_true(_meta(container, "remote-allow-migrate")) or not _meta(container, "remote-allow-migrate"):
        pairs["allow-migrate"] = "true"
    managed = _meta(container, "is-managed")
    if managed:
        pairs["is-managed"] = managed
    meta = Element(
        "meta_attributes",
        {"id": f"{guest}-meta"},
        tuple(Element("nvpair", {"id": f"{guest}-{name}", "name": name, "value": v}) for name, v in pairs.items()),
    )
    monitor = {"id": f"{guest}-monitor", "name": "monitor", "interval": "30s", "timeout": "30s"}
    operations = [Element("op", monitor)]
    timeout = _meta(container, "remote-connect-timeout")
    if timeout:
        start = {"id": f"{guest}-start", "name": "start", "interval": "0", "timeout": timeout}
        operations.append(Element("op", start))
    parameters = {
        name: value
        for name, value in (("addr", _meta(container, "remote-addr")), ("port", _meta(container, "remote-port")))
        if value
    }
    attributes = tuple(
        Element("nvpair", {"id": f"{guest}-{name}", "name": name, "value": value}) for name, value in parameters.items()
    )
    sets = (Element("instance_attributes", {"id": f"{guest}-params"}, attributes),) if attributes else ()
    children = (meta, *sets, Element("operations", {}, tuple(operations)))
    named = dict(zip(("class", "provider", "type"), _AGENT, strict=True))
    return Element("primitive", {"id": guest, **named}, children)


def tie_connections(cluster: Cluster) -> None:
    """Each connection with its node; a guest's with the resource that the guest is."""
    by_name = {node.uname: node for node in cluster.nodes}
    for resource in cluster.primitives():
        node = by_name.get(resource.id)
        if resource.agent != _AGENT or node is None or node.kind is NodeKind.CLUSTER:
            continue
        node.connection, resource.connects_to = resource, node.index
        container = cluster.by_id.get(resource.meta.get("container", ""))
        if container is not None:
            resource.container = container
            container.hosts_guest = True


def meet_orphan(cluster: Cluster, orphan: Resource) -> None:
    """A connection that is no longer configured: its node is still there, and has to leave."""
    if orphan.agent != _AGENT:
        return
    node = cluster.by_uname.get(orphan.id)
    if node is None:
        node = Node(len(cluster.nodes), orphan.id, orphan.id, kind=NodeKind.REMOTE)
        node.attributes = {"#uname": node.uname, "#id": node.id, "#kind": node.kind.value}
        cluster.nodes.append(node)
        cluster.by_uname[node.uname] = node
    node.connection, orphan.connects_to = orphan, node.index
    node.is_shutting_down = True


def tie_orphan(cluster: Cluster, orphan: Resource, name: str) -> None:
    """The connection into a guest that is no longer configured either."""
    container = cluster.by_id.get(name)
    if container is None or orphan.container is not None or orphan.connects_to is None:
        return
    orphan.container, container.hosts_guest = container, True
    node = cluster.nodes[orphan.connects_to]
    node.kind = NodeKind.GUEST
    node.attributes["#kind"] = node.kind.value


def keep_off_remotes(cluster: Cluster) -> None:
    """Connections, fence devices and guests run on cluster nodes only; a connection is where its guest is."""
    remotes = [node for node in cluster.nodes if node.kind is not NodeKind.CLUSTER]
    if not remotes:
        return
    for resource in cluster.primitives():
        is_guest = resource.hosts_guest and resource.bundle is None
        if resource.connects_to is not None or resource.agent[0] == STONITH or is_guest:
            resource.ban_only(remotes, "only on a cluster node")
        container = resource.container
        if container is not None:
            # The connection into a container on a remote node runs beside that node's own connection.
            strength = SCORE_INFINITY if container.bundle is None else 10_000
            tie = Colocation("#resource-with-container", resource, container, strength, is_explicit=False)
            resource.this_with.append(tie)
            container.with_this.append(tie)


# ---------------------------------------------------------------- is it there?


def judge_remote(cluster: Cluster, node: Node) -> None:
    """A remote node is there while its connection is."""
    connection = node.connection
    if connection is None:
        node.is_online = False
        return
    node.is_online = connection.role >= Role.STARTED
    if connection.role >= Role.STARTED and connection.next_role is Role.STOPPED:
        node.is_shutting_down = True
    container = connection.container
    host = cluster.nodes[next(iter(connection.active))] if connection.active else None
    if container is not None and container.is_failed:
        node.is_online, node.requires_reset = False, True
    elif connection.is_failed:
        node.is_online = False
    elif connection.role <= Role.STOPPED or (container is not None and container.role <= Role.STOPPED):
        node.is_online = node.requires_reset = False
    elif host is not None and not host.is_online and host.is_unclean:
        node.is_online, node.requires_reset = False, True


def can_be_read(node: Node) -> bool:
    """Whether enough is known of its connection to read its history."""
    connection = node.connection
    if connection is None or connection.role < Role.STARTED:
        return False
    return connection.container is None or connection.container.role >= Role.STARTED


def connect(cluster: Cluster, connection: Resource) -> None:
    """A connection has been given a node, or none: the remote node can be used in this transition, or ends."""
    assert connection.connects_to is not None
    node = cluster.nodes[connection.connects_to]
    if connection.target is not None and connection.next_role is not Role.STOPPED:
        node.is_online = True
        if not node.was_seen or node.is_unseen:
            node.is_unclean = False
    else:
        node.is_shutting_down = True


def link_state(cluster: Cluster, node: Node) -> Link:
    connection = node.connection
    assert connection is not None
    host = cluster.nodes[next(iter(connection.active))] if connection.active else None
    if connection.next_role is Role.STOPPED or connection.target is None:
        if host is not None and host.is_unclean:
            return Link.FAILED
        if not connection.is_failed:
            return Link.STOPPED
        waits = connection.next_role is Role.STOPPED and bool(connection.meta.get("reconnect_interval"))
        return Link.UNKNOWN if waits and node.was_fenced else Link.FAILED
    if host is None:
        return Link.UNKNOWN
    if host.is_unclean or not host.is_online:
        return Link.RESTING
    if len(connection.active) > 1 and connection.migrating is not None:
        return Link.RESTING
    return Link.ALIVE


# ---------------------------------------------------------------- order


def order_connections(plan: Plan) -> None:
    """What happens on a remote node waits for its connection, and the connection's end for what happens there."""
    for resource in plan.cluster.primitives():
        container = resource.container
        if container is not None:
            plan.order(container, "start", resource, "start", IMPLIES_THEN | RUNNABLE)
            plan.order(resource, "stop", container, "stop", IMPLIES_FIRST)
            plan.order(container, "monitor_0", resource, "stop", ORDER)
    for draft in list(plan.all):
        node = draft.node
        if draft.resource is None or node is None or node.connection is None or draft.resource is node.connection:
            continue
        if draft.task in ("delete", "clear_failcount", "cancel"):
            plan.order_before(node.connection, "start", draft, ORDER | RUNNABLE)
        elif node.kind is NodeKind.GUEST:
            _order_on_guest(plan, draft, node, node.connection)
        else:
            _order_on_remote(plan, draft, node, node.connection)


def _after_start(plan: Plan, first: Resource, then: Draft, more: int = 0) -> None:
    plan.order_before(first, "start", then, ORDER | RUNNABLE | more)


def _before_stop(plan: Plan, first: Draft, then: Resource, more: int = 0) -> None:
    plan.order_after(first, then, "stop", ORDER | more)


def _order_on_guest(plan: Plan, draft: Draft, node: Node, connection: Resource) -> None:
    container = connection.container
    if container is None:
        return
    if container.is_failed:
        node.requires_reset = True
    match draft.task:
        case "start" | "promote":
            _after_start(plan, container, draft, IMPLIES_THEN)
            _after_start(plan, connection, draft)
        case "stop" | "demote":
            if not container.is_failed:
                _before_stop(plan, draft, connection)
        case _:
            _after_start(plan, connection, draft, IMPLIES_THEN if draft.interval_ms else 0)


def _order_on_remote(plan: Plan, draft: Draft, node: Node, connection: Resource) -> None:
    state = link_state(plan.cluster, node)
    match draft.task:
        case "start" | "promote":
            _after_start(plan, connection, draft)
        case "stop":
            if state is Link.ALIVE:
                _before_stop(plan, draft, connection, IMPLIES_FIRST)
            elif state is Link.FAILED:
                mark_unclean(node, "resources are active but connection is unrecoverable")
            elif connection.next_role is Role.STOPPED:
                _before_stop(plan, draft, connection, IMPLIES_FIRST)
            else:
                _after_start(plan, connection, draft)
        case "demote":
            if state in (Link.RESTING, Link.UNKNOWN):
                _after_start(plan, connection, draft)
        case _ if draft.interval_ms:
            _after_start(plan, connection, draft, IMPLIES_THEN)
        case _:
            if draft.task == "monitor" and state is Link.FAILED:
                mark_unclean(node, "resources are in unknown state and connection is unrecoverable")
            if connection.active and state is Link.STOPPED:
                _before_stop(plan, draft, connection, RUNNABLE)
            else:
                _after_start(plan, connection, draft)
