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
from hacluster.scheduler.values import duration_ms, is_true
from hacluster.scheduler.working import Cluster, Colocation, Node, NodeKind, Resource, Role

REMOTE_AGENT = ("ocf", "pacemaker", "remote")


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
        if tuple(element.get(n) or template.get(n) for n in ("class", "provider", "type")) == REMOTE_AGENT:
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
    named = dict(zip(("class", "provider", "type"), REMOTE_AGENT, strict=True))
    return Element("primitive", {"id": guest, **named}, children)


def tie_connections(cluster: Cluster) -> None:
    """Each connection with its node; a guest's with the resource that the guest is."""
    by_name = {node.uname: node for node in cluster.nodes}
    for resource in cluster.primitives():
        _put_inside(cluster, resource, resource.meta.get("container", ""))
        node = by_name.get(resource.id)
        if resource.agent != REMOTE_AGENT or node is None or node.kind is NodeKind.CLUSTER:
            continue
        resource.reconnect_ms = duration_ms(_parameter(resource.element, "reconnect_interval"), 0)
        if resource.reconnect_ms:
            # A failure is over when the next attempt is due.
            resource.failure_timeout_ms = resource.reconnect_ms
        node.connection, resource.connects_to = resource, node.index
        if resource.container is not None:
            resource.container.hosts_guest = True
        elif cluster.options.fencing_enabled and cluster.options.startup_fencing:
            # Until it is heard of, or its connection can start, the worst is assumed.
            node.is_unclean = node.is_unseen = True


def _parameter(element: Element, name: str) -> str:
    sets = element.all("instance_attributes")
    return next((pair.get("value") for one in sets for pair in one.all("nvpair") if pair.get("name") == name), "")


def _put_inside(cluster: Cluster, resource: Resource, name: str) -> None:
    container = cluster.by_id.get(name)
    if container is not None and container is not resource:
        resource.container = container
        container.fillers.append(resource)


def meet_orphan(cluster: Cluster, orphan: Resource) -> None:
    """A connection that is no longer configured: its node is still there, and has to leave."""
    if orphan.agent != REMOTE_AGENT:
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
    """What was inside of something; a connection led into a guest that may be no longer configured either."""
    if orphan.container is not None:
        return
    _put_inside(cluster, orphan, name)
    if orphan.container is None or orphan.connects_to is None:
        return
    orphan.container.hosts_guest = True
    node = cluster.nodes[orphan.connects_to]
    node.kind = NodeKind.GUEST
    node.attributes["#kind"] = node.kind.value


def keep_off_remotes(cluster: Cluster) -> None:
    """Connections, fence devices and guests run on cluster nodes only; a connection is where its guest is."""
    remotes = [node for node in cluster.nodes if node.kind is not NodeKind.CLUSTER]
    for resource in cluster.primitives():
        is_guest = resource.hosts_guest and resource.bundle is None
        if resource.connects_to is not None or resource.agent[0] == STONITH or is_guest:
            resource.ban_only(remotes, "only on a cluster node")
        container = resource.container
        if container is None:
            continue
        node = None if resource.connects_to is not None else node_inside(cluster, container)
        if node is not None:
            resource.ban_only([one for one in cluster.nodes if one is not node], f"only inside {container.id}")
            continue
        # The connection into a container on a remote node runs beside that node's own connection.
        strength = SCORE_INFINITY if container.bundle is None else 10_000
        tie = Colocation("#resource-with-container", resource, container, strength, is_explicit=False)
        resource.this_with.append(tie)
        container.with_this.append(tie)


def node_inside(cluster: Cluster, container: Resource) -> Node | None:
    """The remote or guest node that a container is, or is the connection of."""
    ends = [container, *container.fillers]
    return next((cluster.nodes[one.connects_to] for one in ends if one.connects_to is not None), None)


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
    host = None
    if container is not None and len(connection.active) == 1:
        host = cluster.nodes[next(iter(connection.active))]
    if container is not None and container.is_failed:
        node.is_online, node.requires_reset = False, True
    elif connection.is_failed:
        node.is_online = False
    elif connection.role <= Role.STOPPED or (container is not None and container.role <= Role.STOPPED):
        node.is_online = node.requires_reset = False
    elif host is not None and not host.is_online and host.is_unclean:
        node.is_online, node.requires_reset = False, True


def is_connected(node: Node) -> bool:
    """Whether its connection, and the guest it may be, are known to be up."""
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
        if node.is_unseen:
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
        is_due_later = connection.next_role is Role.STOPPED and connection.reconnect_ms > 0
        is_leaving = node.attributes.get("shutdown", "0") not in ("", "0")
        return Link.UNKNOWN if is_due_later and node.was_fenced and not is_leaving else Link.FAILED
    if host is None:
        return Link.UNKNOWN
    if host.is_unclean or not host.is_online:
        return Link.RESTING
    if len(connection.active) > 1 and connection.migrating is not None:
        return Link.RESTING
    return Link.ALIVE


def is_out_of_reach(cluster: Cluster, node: Node) -> bool:
    """Whether a remote node's connection failed for good, so that nobody knows what is there."""
    is_remote = node.kind is NodeKind.REMOTE and node.connection is not None
    return is_remote and link_state(cluster, node) is Link.FAILED


# ---------------------------------------------------------------- order


def order_connections(plan: Plan) -> None:
    """What happens on a remote node waits for its connection, and the connection's end for what happens there."""
    for draft in list(plan.all):
        node, actor = draft.node, draft.resource
        if actor is not None and actor.connects_to is not None and draft.task == "clear_failcount":
            plan.order_after(draft, actor, "start", ORDER)
            continue
        if draft.pseudo or actor is None or node is None or node.connection is None:
            continue
        if draft.task == "start":
            _stop_late(plan, draft, node, node.connection)
        if node.connection.container is not None:
            _order_on_guest(plan, draft, node, node.connection)
        else:
            _order_on_remote(plan, draft, node, node.connection)


def order_containers(plan: Plan) -> None:
    """What is inside of something comes after it and goes before it."""
    for resource in plan.cluster.primitives():
        if resource.container is not None:
            _order_inside(plan, resource, resource.container)


def _order_inside(plan: Plan, resource: Resource, container: Resource) -> None:
    if resource.connects_to is not None:
        plan.order(container, "monitor_0", resource, "stop", ORDER)
    elif node_inside(plan.cluster, container) is not None:
        return
    plan.order(container, "start", resource, "start", IMPLIES_THEN | RUNNABLE)
    plan.order(resource, "stop", container, "stop", IMPLIES_FIRST)


def _stop_late(plan: Plan, start: Draft, node: Node, connection: Resource) -> None:
    """What moves to a remote node goes on running where it is until that can be reached."""
    assert start.resource is not None
    for stop in plan.find(start.resource, "stop"):
        if stop.node is not node:
            plan.order_before(connection, "start", stop, ORDER)


def _after_start(plan: Plan, first: Resource, then: Draft, more: int = 0) -> None:
    plan.order_before(first, "start", then, ORDER | RUNNABLE | more)


def _recurs(draft: Draft) -> bool:
    """Whether it has to be started, or ended, anew with the connection."""
    return draft.task == "cancel" or draft.recurs


def _before_stop(plan: Plan, first: Draft, then: Resource, more: int = 0) -> None:
    plan.order_after(first, then, "stop", ORDER | more)


def _order_on_guest(plan: Plan, draft: Draft, node: Node, connection: Resource) -> None:
    container = connection.container
    if container is None:
        return
    if container.is_failed:
        mark_unclean(node, "container failed")
    match draft.task:
        case "start" | "promote":
            _after_start(plan, container, draft, IMPLIES_THEN)
            _after_start(plan, connection, draft)
        case "stop" | "demote" | "migrate_to" | "migrate_from":
            if not container.is_failed:
                _before_stop(plan, draft, connection)
        case "cancel":
            return
        case _:
            _after_start(plan, connection, draft, IMPLIES_THEN if _recurs(draft) else 0)


def _order_on_remote(plan: Plan, draft: Draft, node: Node, connection: Resource) -> None:
    state = link_state(plan.cluster, node)
    match draft.task:
        case "start" | "promote":
            _after_start(plan, connection, draft)
        case "stop" | "migrate_to" | "migrate_from":
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
        case _ if _recurs(draft):
            _after_start(plan, connection, draft, IMPLIES_THEN)
        case _:
            if draft.task == "monitor" and state is Link.FAILED:
                mark_unclean(node, "resources are in unknown state and connection is unrecoverable")
            if connection.active and state is Link.STOPPED:
                _before_stop(plan, draft, connection, RUNNABLE)
            else:
                _after_start(plan, connection, draft)
