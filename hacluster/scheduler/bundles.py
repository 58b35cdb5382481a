"""Bundles: one `<bundle>` is several containers, their addresses, the connections into them and what runs inside.

Reads a `<bundle>`; gives the resources that it stands for as configuration elements, under the names that Pacemaker
gives them. The bundle itself is the clone of its containers; what runs inside is a clone of its own, whose instance N
lives on the guest node `BUNDLE-N`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from hacluster.cib.model import NOTHING, SCORE_INFINITY, Cib, Element
from hacluster.scheduler.plan import IMPLIES_FIRST, ORDER, RUNNABLE, TELLS_FIRST, TELLS_THEN, Plan
from hacluster.scheduler.values import boolean
from hacluster.scheduler.working import Cluster, Colocation, NodeKind, Replica, Resource

ENGINES = ("docker", "podman", "rkt")
_CONTROL_PORT = "3121"
_KEY = "/etc/pacemaker/authkey"
_LOGS = "/var/log/pacemaker/bundles"
_SERVER = "/usr/sbin/pacemaker-remoted"
RESTARTS = (
    ("stopped", "start"),
    ("stopped", "promote"),
    ("demoted", "stop"),
    ("demoted", "start"),
    ("demoted", "promote"),
    ("running", "promote"),
)
"""All are demoted, then stopped, then started, then promoted."""


@dataclass(frozen=True, slots=True)
class _Mount:
    source: str
    target: str
    options: str = ""
    is_own: bool = False
    """Each replica has a folder of its own below `source`."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one `<bundle>` says."""

    id: str
    element: Element
    engine: Element
    network: Element
    replicas: int
    per_host: int
    promoted_max: int
    primitive: Element | None
    mounts: tuple[_Mount, ...]
    ports: tuple[tuple[str, str], ...]
    addresses: tuple[str, ...] = field(default=())

    @property
    def is_controlled(self) -> bool:
        return self.primitive is not None

    @property
    def child_id(self) -> str:
        return f"{self.id}-{'master' if self.promoted_max else 'clone'}"

    def container_id(self, number: int) -> str:
        return f"{self.id}-{self.engine.tag}-{number}"

    def node_name(self, number: int) -> str:
        return f"{self.id}-{number}"


# ---------------------------------------------------------------- reading


def bundles_of(cib: Cib) -> list[Bundle]:
    found = [read_bundle(element) for element in cib.section("resources").all("bundle")]
    return [bundle for bundle in found if bundle is not None]


def guest_names(cib: Cib) -> dict[str, NodeKind]:
    """The nodes inside the containers."""
    return {
        bundle.node_name(number): NodeKind.GUEST
        for bundle in bundles_of(cib)
        if bundle.is_controlled
        for number in range(bundle.replicas)
    }


def read_bundle(element: Element) -> Bundle | None:
    """None for a bundle that nobody can run: without an engine, or with a resource that can't be reached."""
    engine = next(element.all(*ENGINES), None)
    if engine is None:
        return None
    network = element.find("network") or NOTHING
    primitive = element.find("primitive")
    can_reach = bool(network.get("ip-range-start") or network.get("control-port"))
    if primitive is not None and not can_reach:
        return None
    promoted = _number(engine.get("promoted-max") or engine.get("masters"), 0)
    replicas = _number(engine.get("replicas"), promoted or 1)
    per_host = _number(engine.get("replicas-per-host"), 1)
    if network.get("control-port") and not network.get("ip-range-start"):
        per_host = 1
    is_controlled = primitive is not None
    return Bundle(
        element.id,
        element,
        engine,
        network,
        replicas,
        per_host,
        promoted,
        primitive,
        tuple(_mounts(element, is_controlled)),
        tuple(_ports(network, is_controlled)),
        tuple(_addresses(network.get("ip-range-start"), replicas)),
    )


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and int(text) > 0 else default


def _addresses(start: str, count: int) -> Iterator[str]:
    if start:
        first = ip_address(start)
        for number in range(count):
            yield str(first + number)


def _mounts(element: Element, is_controlled: bool) -> Iterator[_Mount]:
    for one in (element.find("storage") or NOTHING).all("storage-mapping"):
        root = one.get("source-dir-root")
        yield _Mount(root or one.get("source-dir"), one.get("target-dir"), one.get("options"), bool(root))
    if is_controlled:
        yield _Mount(_KEY, _KEY)
        yield _Mount(_LOGS, "/var/log", "", True)


def _ports(network: Element, is_controlled: bool) -> Iterator[tuple[str, str]]:
    for one in network.all("port-mapping"):
        port = one.get("port") or one.get("range")
        yield port, one.get("internal-port") or port
    if is_controlled:
        port = network.get("control-port") or _CONTROL_PORT
        yield port, port


# ---------------------------------------------------------------- what it stands for


def _primitive(name: str, agent: tuple[str, str, str], parameters: Mapping[str, str], monitor: str) -> Element:
    pairs = tuple(
        Element("nvpair", {"id": f"{name}-{key}", "name": key, "value": value}) for key, value in parameters.items()
    )
    op = {"id": f"{name}-monitor-{monitor}", "name": "monitor", "interval": monitor}
    if monitor == "30s":
        op["timeout"] = "30s"
    children = (
        Element("instance_attributes", {"id": f"{name}-attributes"}, pairs),
        Element("operations", {}, (Element("op", op),)),
    )
    named = dict(zip(("class", "provider", "type"), agent, strict=True))
    return Element("primitive", {"id": name, **named}, children)


def address_of(bundle: Bundle, number: int) -> Element | None:
    """The address of a replica, where the bundle has a range of them."""
    if not bundle.addresses:
        return None
    address = bundle.addresses[number]
    parameters = {"ip": address}
    if bundle.network.get("host-interface"):
        parameters["nic"] = bundle.network.get("host-interface")
    parameters["cidr_netmask"] = bundle.network.get("host-netmask", "32")
    return _primitive(f"{bundle.id}-ip-{address}", ("ocf", "heartbeat", "IPaddr2"), parameters, "60s")


def connection_of(bundle: Bundle, number: int) -> Element | None:
    """How the cluster talks into a replica's container."""
    if not bundle.is_controlled:
        return None
    # Without an address of its own a container is reached at its host, wherever that is.
    address = bundle.addresses[number] if bundle.addresses else "#uname"
    port = bundle.network.get("control-port") or _CONTROL_PORT
    name = bundle.node_name(number)
    made = _primitive(name, ("ocf", "pacemaker", "remote"), {"addr": address, "port": port}, "30s")
    pair = Element("nvpair", {"id": f"{name}-container", "name": "container", "value": bundle.container_id(number)})
    return made.with_children((Element("meta_attributes", {"id": f"{name}-meta"}, (pair,)), *made.children))


def container_of(bundle: Bundle, number: int) -> Element:
    """The container itself, with all options for its engine."""
    engine = bundle.engine
    parameters = {"image": engine.get("image"), "allow_pull": "true", "force_kill": "false", "reuse": "false"}
    parameters["run_opts"] = "".join(_run_options(bundle, number))
    parameters["mount_points"] = ",".join(_source(bundle, mount, number) for mount in bundle.mounts if mount.is_own)
    command = engine.get("run-command") or (_SERVER if bundle.is_controlled else "")
    if command:
        parameters["run_cmd"] = command
    # Only whether the container lives: what runs inside has its own monitors.
    parameters["monitor_cmd"] = "/bin/true"
    return _primitive(bundle.container_id(number), ("ocf", "heartbeat", engine.tag), parameters, "60s")


def _source(bundle: Bundle, mount: _Mount, number: int) -> str:
    return f"{mount.source}/{bundle.id}-{number}" if mount.is_own else mount.source


def _run_options(bundle: Bundle, number: int) -> Iterator[str]:
    engine, network = bundle.engine, bundle.network
    if engine.tag == "docker":
        yield " --restart=no"
    if network.get("ip-range-start"):
        yield f" -h {bundle.id}-{number}"
    yield " -e PCMK_stderr=1"
    if engine.get("network"):
        yield f" --net={engine.get('network')}"
    yield f" -e PCMK_remote_port={network.get('control-port') or _CONTROL_PORT}"
    for mount in bundle.mounts:
        yield f" -v {_source(bundle, mount, number)}:{mount.target}" + (f":{mount.options}" if mount.options else "")
    for source, target in bundle.ports:
        if bundle.addresses:
            yield f" -p {bundle.addresses[number]}:{source}:{target}"
        elif engine.get("network") != "host":
            yield f" -p {source}:{target}"
    if "options" in engine.attributes:
        yield f" {engine.get('options')}"
    hosts = ""
    if bundle.addresses and boolean(network.get("add-host"), True):
        hosts = "".join(f" --add-host={bundle.id}-{place}:{one}" for place, one in enumerate(bundle.addresses))
    yield f" {hosts}"


def child_of(bundle: Bundle) -> Element | None:
    """The clone of what runs inside."""
    if bundle.primitive is None:
        return None
    facts = {
        "ordered": "true",
        "clone-max": str(bundle.replicas),
        "clone-node-max": str(bundle.per_host),
        "globally-unique": "true" if bundle.per_host > 1 else "false",
    }
    if bundle.promoted_max:
        facts |= {"promotable": "true", "promoted-max": str(bundle.promoted_max)}
    name = bundle.child_id
    pairs = tuple(
        Element("nvpair", {"id": f"{name}-{key}", "name": key, "value": value}) for key, value in facts.items()
    )
    meta = Element("meta_attributes", {"id": f"{name}-facts"}, pairs)
    return Element("clone", {"id": name}, (meta, *bundle.element.all("meta_attributes"), bundle.primitive))


# ---------------------------------------------------------------- ties between the parts


def tie_replicas(cluster: Cluster) -> None:
    """Who may be where: a child only inside its own container, all others outside of them."""
    inside = {replica.node for bundle in cluster.resources for replica in bundle.replicas if replica.node is not None}
    if not any(bundle.replicas for bundle in cluster.resources):
        return
    for resource in cluster.everything():
        child = resource.bundle.child if resource.bundle is not None else None
        if child is None or child not in (resource, resource.clone):
            _keep_out(resource, inside)
        else:
            resource.kept_out_of = set()
    _look_inside(cluster)
    for bundle in cluster.resources:
        for replica in bundle.replicas:
            _find_host(cluster, replica, next(iter(replica.container.active), None))
            if replica.address is not None:
                tie = Colocation("#ip-with-container", replica.address, replica.container, SCORE_INFINITY)
                tie.is_explicit = False
                replica.address.this_with.append(tie)
                replica.container.with_this.append(tie)
        if bundle.child is not None:
            bundle.child.role_locations += bundle.role_locations
            bundle.child.scores = {index: 0 for index in sorted(inside) if index in _nodes_of(bundle)}


def _nodes_of(bundle: Resource) -> set[int]:
    return {replica.node for replica in bundle.replicas if replica.node is not None}


def _keep_out(resource: Resource, inside: set[int]) -> None:
    resource.never_probed_on |= inside
    for index in inside:
        resource.scores.pop(index, None)


def _look_inside(cluster: Cluster) -> None:
    """An address of a bundle is looked for inside of its own container, and of those that come after it."""
    for bundle in cluster.resources:
        for place, replica in enumerate(bundle.replicas):
            if replica.address is not None:
                nodes = [later.node for later in bundle.replicas[place:] if later.node is not None]
                replica.address.never_probed_on -= {index for index in nodes if cluster.nodes[index].is_listed}


def _find_host(cluster: Cluster, replica: Replica, index: int | None) -> None:
    if index is None:
        return
    replica.container.host_name = cluster.nodes[index].uname
    if replica.node is not None and replica.child is not None:
        inside = cluster.nodes[replica.node]
        inside.host = cluster.nodes[index]
        inside.answers_for_container = replica.child.meta.get("container-attribute-target", "").lower() == "host"


def go_through_host(cluster: Cluster, replica: Replica) -> None:
    """Into a container on a remote node only the node that is connected with that can connect."""
    target, connection = replica.container.target, replica.connection
    host = None if target is None else cluster.nodes[target].connection
    if host is not None and connection is not None:
        tie = Colocation("#replica-remote-with-host-remote", connection, host, SCORE_INFINITY, is_explicit=False)
        connection.this_with.append(tie)
        host.with_this.append(tie)


def settle_inside(cluster: Cluster, replica: Replica) -> None:
    """The child wants its own container's node and nothing else."""
    _find_host(cluster, replica, replica.container.target)
    if replica.child is None or replica.node is None:
        return
    wanted = replica.child.scores.get(replica.node, 0)
    replica.child.scores = {replica.node: SCORE_INFINITY if wanted > -SCORE_INFINITY else -SCORE_INFINITY}
    replica.child.exclusive_on = {replica.node}


# ---------------------------------------------------------------- order


def order_bundles(plan: Plan) -> None:
    """Address, then container, then connection, then what is inside; and the other way round."""
    for bundle in plan.cluster.resources:
        for replica in bundle.replicas:
            _order_replica(plan, bundle, replica)
        if bundle.child is not None:
            _order_child(plan, bundle, bundle.child)


def _order_replica(plan: Plan, bundle: Resource, replica: Replica) -> None:
    container = replica.container
    plan.order(bundle, "start", container, "start", RUNNABLE | TELLS_FIRST)
    if replica.child is not None:
        plan.order(bundle, "stop", replica.child, "stop", TELLS_FIRST)
    plan.order(bundle, "stop", container, "stop", TELLS_FIRST)
    plan.order(container, "start", bundle, "running", TELLS_THEN)
    plan.order(container, "stop", bundle, "stopped", TELLS_THEN)
    if replica.address is not None:
        plan.order(replica.address, "start", container, "start", RUNNABLE)
        plan.order(container, "stop", replica.address, "stop", IMPLIES_FIRST)
    if replica.connection is not None:
        # Where it can be reached is known only once the container runs.
        strength = ORDER if container.active else RUNNABLE
        plan.order(container, "start", replica.connection, "monitor_0", strength)


def _order_child(plan: Plan, bundle: Resource, child: Resource) -> None:
    """What the bundle does stands around what the clone inside does."""
    pairs = [("start", "running"), ("stop", "stopped")]
    if child.is_promotable:
        pairs += [("promote", "promoted"), ("demote", "demoted")]
        for first, then in RESTARTS:
            plan.order(bundle, first, bundle, then)
    for task, done in pairs:
        plan.order(bundle, task, child, task, TELLS_FIRST)
        plan.order(child, done, bundle, done, TELLS_THEN)
