"""CIB → working model: options, nodes, resources with their meta attributes.

Reads a frozen Cib and the time; gives a `Cluster` and the maker of resources, as the histories may ask for more.
"""

from __future__ import annotations

from collections.abc import Mapping

from hacluster.cib.model import NOTHING, SCORE_INFINITY, Cib, Element
from hacluster.cib.status import node_states, transient_attributes
from hacluster.scheduler import bundles
from hacluster.scheduler.bundles import Bundle, guest_names, read_bundle
from hacluster.scheduler.remotes import REMOTE_AGENT, connection_of, names_in, tie_connections
from hacluster.scheduler.values import NOTHING_ASKED, boolean, duration_ms, is_true, rule_applies, score
from hacluster.scheduler.words import in_natural_order
from hacluster.scheduler.working import Cluster, Node, NodeKind, OperationConfig, Options, Replica, Resource, Variant

_META_NOT_INHERITED = ("clone-max", "clone-node-max", "promoted-max", "master-max", "notify", "globally-unique")


def unpack(cib: Cib, now: float) -> tuple[Cluster, Maker]:
    """The whole model, but for the histories."""
    options = unpack_options(cib, now)
    nodes = _unpack_nodes(cib, options, now)
    cluster = Cluster(options, nodes, {node.uname: node for node in nodes}, now=now)
    states = _states_by_node(cib)
    cluster.states = {node.index: state for node in nodes if (state := states.get(node.uname) or states.get(node.id))}
    return cluster, _unpack_resources(cib, cluster)


# ---------------------------------------------------------------- options


def pairs(
    holder: Element,
    tag: str,
    attributes: Mapping[str, str] = NOTHING_ASKED,
    now: float = 0.0,
    about: Mapping[str, str] = NOTHING_ASKED,
) -> dict[str, str]:
    """name -> value of the sets with this tag; the set with the higher score wins, then the first. Rules must hold."""
    sets = [one for one in holder.children if one.tag == tag]
    if len(sets) > 1:
        sets.sort(key=lambda one: -score(one.get("score", "0")))
    found: dict[str, str] = {}
    for one in sets:
        if all(rule_applies(rule, attributes, now, about) for rule in one.all("rule")):
            for pair in one.all("nvpair"):
                found.setdefault(pair.get("name"), pair.get("value"))
    return found


def unpack_options(cib: Cib, now: float = 0.0) -> Options:
    config = cib.section("crm_config")
    first = [one for one in config.all("cluster_property_set") if one.id == "cib-bootstrap-options"]
    rest = [one for one in config.all("cluster_property_set") if one.id != "cib-bootstrap-options"]
    values: dict[str, str] = {}
    for one in [*first, *sorted(rest, key=lambda found: -score(found.get("score", "0")))]:
        if all(rule_applies(rule, {}, now) for rule in one.all("rule")):
            for pair in one.all("nvpair"):
                name = pair.get("name")
                name = f"stonith-{name.removeprefix('fencing-')}" if name.startswith("fencing-") else name
                values.setdefault(name, pair.get("value"))
    has_quorum = is_true(cib.root.get("have-quorum", "1"))
    is_fencing = boolean(values.get("stonith-enabled", ""), True)
    return Options(
        values=values,
        has_quorum=has_quorum,
        fencing_enabled=is_fencing,
        fence_action=values.get("stonith-action", "reboot").replace("poweroff", "off"),
        stop_all=is_true(values.get("stop-all-resources", "")),
        maintenance=is_true(values.get("maintenance-mode", "")),
        is_symmetric=boolean(values.get("symmetric-cluster", ""), True),
        no_quorum_policy=_no_quorum_policy(cib, values, has_quorum=has_quorum, is_fencing=is_fencing),
        startup_fencing=boolean(values.get("startup-fencing", ""), True),
        start_failure_is_fatal=boolean(values.get("start-failure-is-fatal", ""), True),
        enable_startup_probes=boolean(values.get("enable-startup-probes", ""), True),
        stop_orphans=boolean(values.get("stop-orphan-resources", values.get("stop-removed-resources", "")), True),
        placement_strategy=values.get("placement-strategy", "default").lower(),
        default_timeout_ms=duration_ms(values.get("default-action-timeout", "20s"), 20_000),
    )


def _no_quorum_policy(cib: Cib, values: dict[str, str], *, has_quorum: bool, is_fencing: bool) -> str:
    """Nobody fences himself where fencing is off, or where there never was quorum that could have been lost."""
    policy = values.get("no-quorum-policy", "stop")
    if policy in ("suicide", "fence"):
        had_quorum = has_quorum or is_true(cib.root.get("no-quorum-panic", ""))
        return "suicide" if is_fencing and had_quorum else "stop"
    return policy


# ---------------------------------------------------------------- nodes


def _unpack_nodes(cib: Cib, options: Options, now: float) -> list[Node]:
    states = _states_by_node(cib)
    configured = [entry for entry in cib.section("nodes").all("node") if entry.get("type", "member") != "ping"]
    kinds = names_in(cib)
    bundled = guest_names(cib)
    known = {entry.get("uname") for entry in configured}
    configured += [Element("node", {"id": name, "uname": name}) for name in kinds if name not in known]
    nodes = []
    for index, entry in enumerate(configured):
        node = Node(index, entry.id, entry.get("uname"))
        node.kind = kinds.get(node.uname, NodeKind.REMOTE if entry.get("type") == "remote" else NodeKind.CLUSTER)
        node.is_dc = bool(node.id) and node.id == cib.root.get("dc-uuid")
        node.attributes = _own_attributes(node, entry, options, now)
        state = states.get(node.uname) or states.get(node.id)
        if state is not None and node.kind is NodeKind.CLUSTER:
            node.attributes |= transient_attributes(state)
            node.has_failures = any(name.startswith("fail-count-") for name in node.attributes)
        node.is_listed, node.is_in_bundle = entry.get("uname") in known, entry.get("uname") in bundled
        if node.kind is NodeKind.CLUSTER:
            _judge_node(node, state, options, now)
        else:
            _judge_remote(node, state)
        nodes.append(node)
    for rank, node in enumerate(sorted(nodes, key=lambda one: in_natural_order(one.uname))):
        node.rank = rank
    for rank, node in enumerate(sorted(nodes, key=lambda one: one.uname)):
        node.letter_rank = rank
    return nodes


def _own_attributes(node: Node, entry: Element, options: Options, now: float) -> dict[str, str]:
    """The configured attributes, and those that every node has by itself."""
    cluster_name = options.values.get("cluster-name", "")
    found = {"#uname": node.uname, "#id": node.id, "#kind": node.kind.value, "#is_dc": str(node.is_dc).lower()}
    found |= {"#cluster-name": cluster_name} if cluster_name else {}
    found = pairs(entry, "instance_attributes", found, now) | found
    site_name = found.get("#site-name") or found.get("site-name") or cluster_name
    return found | ({"#site-name": site_name} if site_name else {})


def _judge_remote(node: Node, state: Element | None) -> None:
    """What its own state says; whether it is there, and may be used, is told by its connection."""
    if state is not None:
        node.was_seen = True
        node.was_fenced = is_true(state.get("node_fenced")) or state.get("node_fenced").isdecimal()
        node.was_fenced = node.was_fenced and state.get("node_fenced") != "0"


def _states_by_node(cib: Cib) -> dict[str, Element]:
    """By name; a state that was written before the name was known, by id."""
    return {state.get("uname") or state.id: state for state in node_states(cib)}


def _says_yes(text: str) -> bool:
    """A membership field: a boolean, `online`, or a time that isn't 0."""
    return is_true(text) or text == "online" or (text.isdecimal() and int(text) > 0)


def _judge_node(node: Node, state: Element | None, options: Options, now: float) -> None:
    """Online, pending, cleanly offline or unclean (Pacemaker's criteria, conformance README "Status section")."""
    node.is_standby = is_true(node.attributes.get("standby", ""))
    node.is_in_maintenance = is_true(node.attributes.get("maintenance", ""))
    shutdown = node.attributes.get("shutdown", "0")
    node.is_shutting_down = shutdown not in ("", "0")
    if state is None:
        node.is_unclean = options.fencing_enabled and options.startup_fencing
        node.fence_reason = "node is unclean" if node.is_unclean else ""
        return
    node.was_seen = True
    is_member, is_up = _says_yes(state.get("in_ccm")), _says_yes(state.get("crmd"))
    join, expected = state.get("join", "down"), state.get("expected", "down")
    if not options.fencing_enabled:
        node.is_online = is_member and is_up and join == "member"
        if is_member and not is_up and expected != "down":
            node.is_unclean, node.fence_reason = True, "peer is unexpectedly down"
        return
    was_told = "in_ccm" in state.attributes or node.is_shutting_down
    _judge_with_fencing(node, is_member, is_up, join, expected, was_told=was_told)
    limit_ms = duration_ms(options.values.get("node-pending-timeout", "0"))
    since = state.get("in_ccm")
    if node.is_pending and not is_up and limit_ms and since.isdecimal() and int(since) + limit_ms / 1000 <= now:
        node.is_unclean, node.fence_reason = True, "peer pending timed out on joining the process group"


def _judge_with_fencing(node: Node, is_member: bool, is_up: bool, join: str, expected: str, *, was_told: bool) -> None:
    asked = node.attributes.get("terminate", "")
    wants_end = is_true(asked) or (asked[:1].isdecimal() and asked[:1] != "0")
    reason = ""
    if node.is_shutting_down:
        # It can't be told to leave when it has gone; what it left behind decides.
        node.is_online = is_up
    elif not was_told:
        reason = "peer has not been seen by the cluster"
    elif join == "nack":
        reason = "peer was refused"
    elif not wants_end and expected == "down":
        node.is_pending = node.is_online = is_member or is_up
    elif not is_member:
        reason = "peer is no longer part of the cluster"
    elif not is_up:
        reason = "peer process is no longer available"
    elif wants_end:
        reason = "fencing was requested"
    elif join == "member":
        node.is_online = True
    elif join in ("pending", "welcome", "integrated"):
        node.is_online = node.is_pending = True
    else:
        reason = "peer was in an unknown state"
    if reason:
        node.is_unclean, node.fence_reason = True, reason
        node.is_online = is_member


# ---------------------------------------------------------------- resources


def _unpack_resources(cib: Cib, cluster: Cluster) -> Maker:
    templates = {element.id: element for element in cib.section("resources").all("template")}
    maker = Maker(cluster, templates, cib.section("rsc_defaults"), cib.section("op_defaults"))
    for element in cib.section("resources").all("primitive", "group", "clone", "master", "bundle"):
        if element.tag == "bundle":
            found = read_bundle(element)
            if found is not None:
                maker.make_bundle(found)
            continue
        resource = maker.make(element, None)
        if resource is not None:
            cluster.resources.append(resource)
    for element in [found for found in cib.section("resources").walk() if found.tag == "primitive"]:
        guest = _guest_of(element, templates.get(element.get("template"), NOTHING))
        if guest and guest not in cluster.by_id:
            connection = maker.make(connection_of(element, guest), None)
            if connection is not None:
                cluster.resources.append(connection)
    tie_connections(cluster)
    cluster.resources.sort(key=lambda found: -found.priority)
    options = cluster.options
    watchdog = duration_ms(options.values.get("stonith-watchdog-timeout", "0"))
    has_watchdog = is_true(cib.root.get("have-watchdog")) or is_true(options.values.get("have-watchdog", ""))
    words = ("provides", "requires")
    options.has_unfencing = any(one.meta.get(word) == "unfencing" for one in cluster.primitives() for word in words)
    if options.has_unfencing:
        for resource in cluster.primitives():
            resource.requires = maker.requires(resource)
    is_device = any(found.agent[0] == "stonith" for found in cluster.primitives())
    options.has_fence_devices = is_device or bool(watchdog and has_watchdog)
    return maker


def _op_key(op: Element) -> tuple[str, str]:
    """An operation of the resource takes the place of the template's for the same role."""
    role = op.get("role").lower()
    return op.get("name"), "" if role in ("started", "unpromoted", "slave") else role


def _agent_of(element: Element, template: Element) -> dict[str, str]:
    found = {name: element.get(name) or template.get(name) for name in ("class", "provider", "type")}
    return {name: value for name, value in found.items() if value}


def _guest_of(element: Element, template: Element) -> str:
    meta = pairs(template, "meta_attributes") | pairs(element, "meta_attributes")
    return meta.get("remote-node", "")


class Maker:
    """Makes resources out of elements; knows templates and defaults."""

    def __init__(
        self,
        cluster: Cluster,
        templates: Mapping[str, Element],
        defaults: Element,
        op_defaults: Element,
    ) -> None:
        self._cluster = cluster
        self._templates = templates
        self._defaults = defaults
        self._op_defaults = op_defaults
        self._count = 0
        self._metas: dict[tuple[int, int], dict[str, str]] = {}
        self._operations: dict[int, list[OperationConfig]] = {}
        """element -> its operations; elements are known by identity, as long as their resources are there"""
        inside = [node for node in cluster.nodes if node.kind is NodeKind.GUEST and node.is_in_bundle]
        self._still_to_come = {node.index for node in inside if not node.is_listed}
        """Nodes of bundles that nothing but the bundle itself tells of: clones before it don't count them."""
        self._still_open = {node.index for node in inside if node.is_listed}
        """Those that are known before: what stands before the bundle doesn't know that they are not for it."""

    def make(self, element: Element, parent: Resource | None, suffix: str = "") -> Resource | None:
        variant = Variant.CLONE if element.tag in ("clone", "master") else Variant(element.tag)
        template = self._templates.get(element.get("template"), NOTHING)
        resource = Resource(element.id + suffix, variant, element, template=template, defaults=self._defaults)
        resource.order = self._count
        resource.hang_under(parent)
        self._count += 1
        if self._cluster.options.is_symmetric:
            resource.scores = dict.fromkeys(range(len(self._cluster.nodes)), 0)
            resource.kept_out_of = set(self._still_open)
        resource.meta = self._meta(element, template, parent)
        self._read_common(resource)
        match variant:
            case Variant.PRIMITIVE:
                self._read_primitive(resource, element, template)
            case Variant.GROUP:
                made = (self.make(child, resource, suffix) for child in element.all("primitive"))
                resource.children = [child for child in made if child is not None]
            case Variant.CLONE:
                self._read_clone(resource, element)
        self._cluster.by_id.setdefault(resource.id, resource)
        return resource

    def _meta(self, element: Element, template: Element, parent: Resource | None) -> dict[str, str]:
        """The same for all instances of a clone."""
        key = id(element), 0 if parent is None else id(parent.element)
        if key not in self._metas:
            self._metas[key] = self._read_meta(element, template, parent)
        return dict(self._metas[key])

    def _read_meta(self, element: Element, template: Element, parent: Resource | None) -> dict[str, str]:
        now, about = self._cluster.now, _agent_of(element, template)
        own = pairs(template, "meta_attributes", now=now) | pairs(element, "meta_attributes", now=now)
        inherited = {} if parent is None else parent.meta
        kept = {name: value for name, value in inherited.items() if name not in _META_NOT_INHERITED}
        defaults = pairs(self._defaults, "meta_attributes", now=now, about=about)
        return {**defaults, **kept, **own}

    def _read_common(self, resource: Resource) -> None:
        meta, options = resource.meta, self._cluster.options
        resource.priority = score(meta.get("priority", "0"))
        resource.is_managed = boolean(meta.get("is-managed", ""), True)
        resource.in_maintenance = options.maintenance or is_true(meta.get("maintenance", ""))
        if resource.in_maintenance:
            resource.is_managed = False
        resource.threshold = score(meta.get("migration-threshold", "INFINITY"), SCORE_INFINITY) or SCORE_INFINITY
        resource.multiple_active = meta.get("multiple-active", "stop_start")
        resource.failure_timeout_ms = duration_ms(meta.get("failure-timeout", "0"))
        default = "1" if self._is_clone_part(resource) else "0"
        resource.stickiness = score(meta.get("resource-stickiness", default))

    @staticmethod
    def _is_clone_part(resource: Resource) -> bool:
        return resource.variant is Variant.CLONE or resource.clone is not None

    def _read_primitive(self, resource: Resource, element: Element, template: Element) -> None:
        resource.agent = tuple(element.get(n) or template.get(n) for n in ("class", "provider", "type"))  # type: ignore[assignment]
        resource.requires = self.requires(resource)
        if id(element) not in self._operations:
            self._operations[id(element)] = self._read_operations(element, template)
        resource.operations = self._operations[id(element)]

    def _read_operations(self, element: Element, template: Element) -> list[OperationConfig]:
        own = [op for block in element.all("operations") for op in block.all("op")]
        inherited = [op for block in template.all("operations") for op in block.all("op")]
        seen = {_op_key(op) for op in own}
        about = _agent_of(element, template)
        return [self._operation(op, about) for op in own + [op for op in inherited if _op_key(op) not in seen]]

    def requires(self, resource: Resource) -> str:
        """What a start waits for; fence devices themselves can't wait for fencing."""
        word = resource.meta.get("requires", "").lower()
        if word == "nothing":
            return word
        options, is_connection = self._cluster.options, resource.agent == REMOTE_AGENT
        if resource.agent[0] == "stonith" or not options.fencing_enabled or (is_connection and not word):
            return "quorum"
        if word in ("quorum", "fencing", "unfencing"):
            return word
        return "unfencing" if options.has_unfencing else "fencing"

    def _operation(self, op: Element, about: Mapping[str, str]) -> OperationConfig:
        now = self._cluster.now
        about = {**about, "name": op.get("name"), "interval": op.get("interval", "0")}
        defaults = pairs(self._op_defaults, "meta_attributes", now=now, about=about)
        values = {**defaults, **pairs(op, "meta_attributes", now=now), **pairs(op, "instance_attributes", now=now)}
        values |= {name: value for name, value in op.attributes.items() if name != "id"}
        known = ("name", "interval", "timeout", "on-fail", "role", "start-delay", "enabled")
        return OperationConfig(
            name=op.get("name"),
            interval_ms=duration_ms(values.get("interval", "0")),
            timeout_ms=duration_ms(values.get("timeout", ""), self._cluster.options.default_timeout_ms),
            on_fail=values.get("on-fail", ""),
            role=values.get("role", ""),
            start_delay_ms=duration_ms(values.get("start-delay", "0")),
            enabled=boolean(values.get("enabled", ""), True),
            extra={name: value for name, value in values.items() if name not in known},
            parameters=pairs(op, "instance_attributes"),
        )

    def _read_clone(self, resource: Resource, element: Element) -> None:
        meta, node_count = resource.meta, len(self._cluster.nodes) - len(self._still_to_come)
        resource.is_promotable = element.tag == "master" or is_true(meta.get("promotable", ""))
        resource.clone_node_max = max(1, score(meta.get("clone-node-max", "1"), 1))
        resource.is_unique = boolean(meta.get("globally-unique", ""), resource.clone_node_max > 1)
        if not resource.is_unique:
            resource.clone_node_max = 1
        resource.clone_max = max(0, score(meta.get("clone-max", str(max(1, node_count))), node_count))
        promoted = meta.get("promoted-max", meta.get("master-max", "1"))
        resource.promoted_max = max(0, score(promoted, 1)) if resource.is_promotable else 0
        per_node = meta.get("promoted-node-max", meta.get("master-node-max", "1"))
        resource.promoted_node_max = max(0, score(per_node, 1))
        resource.is_interleaved = is_true(meta.get("interleave", ""))
        resource.is_ordered = is_true(meta.get("ordered", ""))
        resource.notifies = is_true(meta.get("notify", ""))
        child = next(element.all("primitive", "group"), None)
        if child is None:
            return
        for number in range(resource.clone_max):
            self.add_instance(resource, child, number)

    def add_instance(self, clone: Resource, child: Element, number: int) -> Resource:
        instance = self.make(child, clone, f":{number}")
        assert instance is not None
        clone.children.append(instance)
        for part in [instance, *instance.children]:
            self._cluster.by_id.setdefault(part.base_id, part)
        return instance

    def make_bundle(self, bundle: Bundle) -> None:
        """The bundle as the clone of its containers, and everything else beside it."""
        whole = self.make(
            Element("clone", bundle.element.attributes, tuple(bundle.element.all("meta_attributes"))), None
        )
        assert whole is not None
        whole.is_unique, whole.clone_max, whole.clone_node_max = True, bundle.replicas, bundle.per_host
        whole.is_promotable = False
        self._cluster.resources.append(whole)
        for number in range(bundle.replicas):
            container = self._make_part(bundles.container_of(bundle, number), whole)
            container.hang_under(whole)
            whole.children.append(container)
            replica = Replica(container)
            address, connection = bundles.address_of(bundle, number), bundles.connection_of(bundle, number)
            replica.address = self._make_part(address, whole) if address is not None else None
            if connection is not None:
                replica.node = self._cluster.by_uname[connection.id].index
                self._still_to_come.discard(replica.node)
                self._still_open.discard(replica.node)
                replica.connection = self._make_part(connection, whole)
            self._cluster.resources += [one for one in (replica.address, replica.connection) if one is not None]
            whole.replicas.append(replica)
        child = bundles.child_of(bundle)
        if child is not None:
            self._make_inside(child, whole)

    def _make_part(self, element: Element, bundle: Resource) -> Resource:
        part = self.make(element, bundle)
        assert part is not None
        part.hang_under(None)
        part.bundle = bundle
        part.stickiness = score(part.meta.get("resource-stickiness", "0"))
        return part

    def _make_inside(self, element: Element, bundle: Resource) -> None:
        child = self._make_part(element, bundle)
        bundle.child = child
        self._cluster.resources.append(child)
        for replica, instance in zip(bundle.replicas, child.children, strict=False):
            instance.bundle, replica.child = bundle, instance
            replica.container.content = instance
            instance.stickiness = child.stickiness

    def make_orphan(self, entry: Element) -> Resource:
        """A resource that runs, or ran, but isn't configured any more."""
        attributes = {name: entry.get(name) for name in ("id", "class", "provider", "type")}
        resource = self.make(Element("primitive", attributes), None)
        assert resource is not None
        resource.is_orphan = True
        if resource.agent[0] == "stonith":
            self._cluster.options.has_fence_devices = True
        self._cluster.orphans[entry.id] = resource
        if self._cluster.options.stop_orphans:
            resource.ban(self._cluster.nodes, "no longer configured")
        else:
            resource.is_managed = False
        self._cluster.resources.append(resource)
        return resource


__all__ = ["Maker", "pairs", "unpack", "unpack_options"]
