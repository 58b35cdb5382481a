"""The state of the cluster as the console shows it, in codes and parameters, before any language.

Reads the CIB, what the agent says about itself and the transition it reports; gives a `Picture`. Pure: the same input
gives the same picture, and nothing in it changes by itself (ages are computed in the browser).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hacluster.cib.model import SCORE_INFINITY, Cib, Element
from hacluster.protocol.messages import AgentInfo, TransitionProgress
from webui.history import Activity, Condition, Failure, conditions

RESOURCE_TAGS = ("primitive", "group", "clone", "master", "bundle")
YES = ("true", "yes", "1", "on", "y")
STANDARD_ATTRIBUTES = ("standby", "maintenance", "shutdown", "probe_complete", "terminate")


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    state: str
    """online, pending, standby, draining, maintenance, offline, lost, unclean, unheard"""
    is_dc: bool = False
    running: int = 0
    attributes: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, bool], ...] = ()

    @property
    def can_host(self) -> bool:
        return self.state == "online"


@dataclass(frozen=True, slots=True)
class Resource:
    id: str
    kind: str
    agent: str
    parent: str
    depth: int
    should_run: bool
    managed: bool
    maintenance: bool
    threshold: int
    fencing: bool


@dataclass(frozen=True, slots=True)
class Cell:
    resource: str
    node: str
    state: str
    """A key of wording.CELL_LOOKS: running, ready, failed, starting, …"""
    failcount: int = 0
    threshold: int = 0
    why_not: str = ""
    """Code of the reason why the resource cannot start here."""
    why_fields: tuple[tuple[str, str], ...] = ()
    failure: Failure | None = None
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    code: str
    severity: str
    subject: str
    node: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    since_ms: int = 0
    actions: tuple[tuple[str, str, str], ...] = ()
    """(action, target, node)"""

    @property
    def key(self) -> str:
        return f"{self.code}:{self.subject}@{self.node}"


@dataclass(frozen=True, slots=True)
class Picture:
    cluster: str = ""
    node: str = ""
    dc: str = ""
    agent_state: str = ""
    has_quorum: bool = False
    build: str = ""
    version: str = ""
    """CIB version: admin_epoch.epoch.num_updates."""
    nodes: dict[str, Node] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    """Resource -> its members, in their order."""
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    purposes: tuple[Problem, ...] = ()
    """Not normal, but on purpose: maintenance, standby, temporary placements."""
    transition: TransitionProgress | None = None

    @property
    def services(self) -> list[Resource]:
        """What an operator calls a service: the top-level resources that are not fencing devices."""
        return [each for each in self.resources.values() if not each.parent and not each.fencing]

    def leaves(self, resource: str) -> list[str]:
        """The primitives below a resource, itself included when it is one."""
        if self.resources[resource].kind == "primitive":
            return [resource]
        return [leaf for child in self.children.get(resource, ()) for leaf in self.leaves(child)]


def picture_of(cib: Cib, info: AgentInfo | None, transition: TransitionProgress | None = None) -> Picture:
    """Read as a table of contents."""
    reading = _Reading(cib, info)
    nodes = reading.nodes()
    resources = {each.id: each for each in reading.resources()}
    cells = _with_plan(reading.cells(nodes, resources), transition)
    nodes = _with_running(nodes, cells)
    bare = Picture(
        cluster=info.cluster_name if info else reading.property("cluster-name"),
        node=info.node if info else "",
        dc=info.dc if info else "",
        agent_state=info.state if info else "",
        has_quorum=info.has_quorum if info else cib.root.get("have-quorum") == "1",
        build=info.build if info else "",
        version=str(cib.version),
        nodes=nodes,
        resources=resources,
        children=_children(resources),
        cells=cells,
        transition=transition,
    )
    # troubles.py reads pictures, so that it can only be imported when this module is complete.
    from webui.troubles import problems_of, purposes_of

    return replace(bare, problems=problems_of(bare, cib, info), purposes=purposes_of(bare, cib))


def _with_running(nodes: dict[str, Node], cells: dict[tuple[str, str], Cell]) -> dict[str, Node]:
    active = ("running", "promoted", "unpromoted", "alone", "failed", "double", "unmanaged", "maintenance", "blocked")
    counted = {}
    for name, node in nodes.items():
        running = sum(1 for cell in cells.values() if cell.node == name and cell.state in active)
        state = "draining" if node.state == "standby" and running else node.state
        counted[name] = replace(node, running=running, state=state)
    return counted


def _children(resources: dict[str, Resource]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in resources.values():
        found.setdefault(each.parent, []).append(each.id)
    return found


_PLANNED = re.compile(r"^(?:Start|Move|Recover|Restart|Migrate) (\S+) \(.*?(\S+)\)")
"""`Move prmPg (Started pm01 -> pm02)`: the resource, and the node it is to run on."""


def _with_plan(
    cells: dict[tuple[str, str], Cell], transition: TransitionProgress | None
) -> dict[tuple[str, str], Cell]:
    """While a transition is under way, what is stopped but planned to run is about to start, not missing."""
    if transition is None or transition.state not in ("running", "waiting"):
        return cells
    found = [match for line in transition.summary if (match := _PLANNED.match(line))]
    targets = {match[1].split(":")[0]: match[2] for match in found}
    planned = dict(cells)
    for (resource, node), cell in cells.items():
        if cell.state == "stopped" and resource in targets:
            planned[resource, node] = replace(cell, state="awaited" if targets[resource] == node else "ready")
    return planned


def is_yes(text: str) -> bool:
    return text.lower() in YES


def whole(text: str, default: int) -> int:
    if text.lstrip("+").upper() == "INFINITY":
        return SCORE_INFINITY
    if text.upper() == "-INFINITY":
        return -SCORE_INFINITY
    try:
        return int(text)
    except ValueError:
        return default


def nvpairs(parent: Element, tag: str) -> dict[str, str]:
    """Name -> value of the first set in which a name stands."""
    values: dict[str, str] = {}
    for block in parent.all(tag):
        for pair in block.all("nvpair"):
            values.setdefault(pair.get("name"), pair.get("value"))
    return values


class _Reading:
    """One pass over one CIB."""

    def __init__(self, cib: Cib, info: AgentInfo | None) -> None:
        self.cib = cib
        self.info = info
        self.states = {each.get("uname"): each for each in cib.status.all("node_state")}
        self.transient = {name: _transient(state) for name, state in self.states.items()}
        self.permanent = {
            each.get("uname"): nvpairs(each, "instance_attributes") for each in cib.section("nodes").all("node")
        }
        self.members = {each.name: each for each in info.members} if info else {}
        self.defaults = nvpairs(cib.section("rsc_defaults"), "meta_attributes")
        self.all_maintenance = is_yes(self.property("maintenance-mode"))
        self.locations: dict[str, list[Element]] = {}
        for location in cib.section("constraints").all("rsc_location"):
            self.locations.setdefault(location.get("rsc"), []).append(location)
        self.reasons: dict[tuple[str, str], tuple[str, tuple[tuple[str, str], ...]]] = {}

    def property(self, name: str, default: str = "") -> str:
        for block in self.cib.section("crm_config").all("cluster_property_set"):
            for pair in block.all("nvpair"):
                if pair.get("name") == name:
                    return pair.get("value")
        return default

    def attribute(self, node: str, name: str) -> str:
        return self.transient.get(node, {}).get(name) or self.permanent.get(node, {}).get(name, "")

    def attributes(self, node: str) -> dict[str, str]:
        return {**self.permanent.get(node, {}), **self.transient.get(node, {})}

    def nodes(self) -> dict[str, Node]:
        names = [each.get("uname") for each in self.cib.section("nodes").all("node")]
        names += [name for name in (*self.states, *self.members) if name not in names]
        return {name: self._node(name) for name in sorted(names)}

    def _node(self, name: str) -> Node:
        shown = {
            key: value
            for key, value in self.transient.get(name, {}).items()
            if key not in STANDARD_ATTRIBUTES
            and value != "up"
            and not key.startswith(("fail-count-", "last-failure-", "#", "master-"))
        }
        member = self.members.get(name)
        return Node(
            name=name,
            state=self._node_state(name),
            is_dc=bool(self.info and self.info.dc == name),
            attributes=tuple(sorted(shown.items())),
            links=tuple(sorted(member.links.items())) if member else (),
        )

    def _node_state(self, name: str) -> str:
        state = self.states.get(name)
        member = self.members.get(name)
        if state is None:
            return "pending" if member and member.is_member else "offline"
        in_membership = state.get("in_ccm") not in ("", "false", "0")
        online = in_membership and state.get("crmd") not in ("", "offline", "0")
        expected = state.get("expected") == "member"
        joined = state.get("join") == "member"
        if is_yes(self.attribute(name, "terminate")) or (not in_membership and (expected or joined)):
            return "unclean"
        if not online:
            return "offline"
        if not joined:
            return "pending"
        if is_yes(self.attribute(name, "maintenance")) or self.all_maintenance:
            return "maintenance"
        return "standby" if self.attribute(name, "standby") in (*YES, "INFINITY") else "online"

    # ------------------------------------------------------------ resources

    def resources(self) -> Iterator[Resource]:
        for element in self.cib.section("resources").all(*RESOURCE_TAGS):
            yield from self._resource(element, "", 0, dict(self.defaults))

    def _resource(self, element: Element, parent: str, depth: int, inherited: dict[str, str]) -> Iterator[Resource]:
        meta = {**inherited, **nvpairs(element, "meta_attributes")}
        kind = "clone" if element.tag == "master" else element.tag
        if element.tag == "master" or is_yes(meta.get("promotable", "")):
            kind = "promotable" if element.tag in ("clone", "master") else kind
        agent = ":".join(part for part in (element.get("class"), element.get("provider"), element.get("type")) if part)
        yield Resource(
            id=element.id,
            kind=kind,
            agent=agent,
            parent=parent,
            depth=depth,
            should_run=meta.get("target-role", "Started").lower() != "stopped",
            managed=is_yes(meta.get("is-managed", self.property("is-managed-default", "true"))),
            maintenance=is_yes(meta.get("maintenance", "")) or self.all_maintenance,
            threshold=whole(meta.get("migration-threshold", ""), SCORE_INFINITY) or SCORE_INFINITY,
            fencing=any(each.get("class") == "stonith" for each in element.walk() if each.tag == "primitive"),
        )
        for child in element.all("primitive", "group"):
            yield from self._resource(child, element.id, depth + 1, meta)

    # ------------------------------------------------------------ cells

    def cells(self, nodes: dict[str, Node], resources: dict[str, Resource]) -> dict[tuple[str, str], Cell]:
        history = conditions(self.cib)
        cells: dict[tuple[str, str], Cell] = {}
        for resource in resources.values():
            if resource.kind == "primitive":
                for node in nodes.values():
                    cells[resource.id, node.name] = self._cell(resource, resources, node, nodes, history)
        return cells

    def _cell(
        self,
        resource: Resource,
        resources: dict[str, Resource],
        node: Node,
        nodes: dict[str, Node],
        history: dict[tuple[str, str], Condition],
    ) -> Cell:
        condition = history.get((resource.id, node.name), Condition())
        failcount = self._failcount(resource.id, node.name)
        why, fields = self._why_not(resource, resources, node)
        elsewhere = [
            other
            for other in nodes
            if other != node.name and _is_active(history.get((resource.id, other))) and nodes[other].state != "offline"
        ]
        cloned = _is_cloned(resource, resources)
        others = [
            other
            for other in nodes.values()
            if other.name != node.name and not self._why_not(resource, resources, other)[0]
        ]
        state = _cell_state(resource, node, condition, cloned, bool(elsewhere), bool(others), why, len(nodes))
        return Cell(
            resource=resource.id,
            node=node.name,
            state=state,
            failcount=failcount,
            threshold=0 if resource.threshold >= SCORE_INFINITY else resource.threshold,
            why_not=why if state in ("none", "cannot", "failed") else "",
            why_fields=fields if state in ("none", "cannot", "failed") else (),
            failure=condition.failure or condition.past_failure,
            since_ms=condition.since_ms,
        )

    def _failcount(self, resource: str, node: str) -> int:
        total = 0
        for name, value in self.transient.get(node, {}).items():
            if name.startswith("fail-count-") and name[11:].split("#")[0].split(":")[0] == resource:
                total += whole(value, 0)
        return min(total, SCORE_INFINITY)

    def _why_not(
        self, resource: Resource, resources: dict[str, Resource], node: Node
    ) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Why this node cannot take the resource over: a code with its fields, or "" when it can."""
        key = (resource.id, node.name)
        if key not in self.reasons:
            self.reasons[key] = self._reason(resource, resources, node)
        return self.reasons[key]

    def _reason(
        self, resource: Resource, resources: dict[str, Resource], node: Node
    ) -> tuple[str, tuple[tuple[str, str], ...]]:
        failcount = self._failcount(resource.id, node.name)
        if not node.can_host:
            return f"node-{node.state}", ()
        if failcount >= resource.threshold:
            return "failcount", (("count", _count(failcount)), ("threshold", str(resource.threshold)))
        family = _family(resource.id, resources)
        for member in family:
            other = resources[member]
            count = self._failcount(member, node.name)
            if other.kind == "primitive" and count >= other.threshold:
                return "group-failcount", (("member", member), ("count", _count(count)))
        for concerned in (*family, resource.id, *_ancestors(resource.id, resources)):
            for location in self.locations.get(concerned, ()):
                forbidden = self._forbids(location, node.name)
                if forbidden:
                    return "rule", (("rule", forbidden), ("constraint", location.id))
        return "", ()

    def _forbids(self, location: Element, node: str) -> str:
        """The sentence of the rule that keeps everything off this node, or ""."""
        if location.get("node") == node and whole(location.get("score"), 0) <= -SCORE_INFINITY:
            return location.id
        for rule in location.all("rule"):
            if whole(rule.get("score"), 0) <= -SCORE_INFINITY and self._rule_holds(rule, node):
                return rule_text(rule)
        return ""

    def _rule_holds(self, rule: Element, node: str) -> bool:
        results = [self._expression_holds(each, node) for each in rule.all("expression", "rule")]
        return bool(results) and (any(results) if rule.get("boolean-op") == "or" else all(results))

    def _expression_holds(self, expression: Element, node: str) -> bool:
        if expression.tag == "rule":
            return self._rule_holds(expression, node)
        name, wanted = expression.get("attribute"), expression.get("value")
        actual = node if name == "#uname" else self.attributes(node).get(name)
        match expression.get("operation"):
            case "defined":
                return actual is not None
            case "not_defined":
                return actual is None
            case operation:
                return actual is not None and compares(operation, actual, wanted)


def compares(operation: str, actual: str, wanted: str) -> bool:
    pair: tuple[float, float] | tuple[str, str] = (actual, wanted)
    with contextlib.suppress(ValueError):
        pair = (float(actual), float(wanted))
    left, right = pair
    match operation:
        case "eq":
            return left == right
        case "ne":
            return left != right
        case "lt":
            return left < right  # type: ignore[operator]
        case "lte":
            return left <= right  # type: ignore[operator]
        case "gt":
            return left > right  # type: ignore[operator]
        case "gte":
            return left >= right  # type: ignore[operator]
        case _:
            return False


def rule_text(rule: Element) -> str:
    parts = []
    for each in rule.all("expression"):
        words = (each.get("attribute"), each.get("operation"), each.get("value"))
        if each.get("operation") in ("defined", "not_defined"):
            words = (each.get("operation"), each.get("attribute"), "")
        parts.append(" ".join(word for word in words if word))
    return f" {rule.get('boolean-op', 'and')} ".join(parts)


def _count(number: int) -> str:
    return "INFINITY" if number >= SCORE_INFINITY else str(number)


def _transient(state: Element) -> dict[str, str]:
    block = state.find("transient_attributes")
    return nvpairs(block, "instance_attributes") if block else {}


def _is_active(condition: Condition | None) -> bool:
    return condition is not None and condition.activity is not Activity.STOPPED


def _is_cloned(resource: Resource, resources: dict[str, Resource]) -> bool:
    return any(resources[each].kind in ("clone", "promotable", "bundle") for each in _ancestors(resource.id, resources))


def _ancestors(resource: str, resources: dict[str, Resource]) -> list[str]:
    found = []
    while resource := resources[resource].parent:
        found.append(resource)
    return found


def _family(resource: str, resources: dict[str, Resource]) -> list[str]:
    """The other members of its group: one cannot go anywhere without the others."""
    parent = resources[resource].parent
    if not parent or resources[parent].kind != "group":
        return []
    return [each.id for each in resources.values() if each.parent == parent and each.id != resource]


PENDING_STATES = {
    "start": "starting",
    "stop": "stopping",
    "promote": "promoting",
    "demote": "demoting",
    "migrate_to": "migrating",
    "migrate_from": "migrating",
}


def _cell_state(
    resource: Resource,
    node: Node,
    condition: Condition,
    cloned: bool,
    elsewhere: bool,
    spare: bool,
    why: str,
    node_count: int,
) -> str:
    active = condition.activity is not Activity.STOPPED
    if node.state in ("offline", "lost"):
        return "none"
    if node.state == "unclean":
        return "unknown" if active else "none"
    if condition.pending:
        return PENDING_STATES.get(condition.pending, "starting")
    if condition.failure:
        return "blocked" if condition.failure.operation == "stop" else "failed"
    if active and elsewhere and not cloned:
        return "double"
    if active:
        return _active_state(resource, node, condition, cloned, spare, node_count)
    if not resource.should_run:
        return "disabled"
    if why:
        return "cannot"
    return "ready" if elsewhere or cloned else "stopped"


def _active_state(
    resource: Resource, node: Node, condition: Condition, cloned: bool, spare: bool, node_count: int
) -> str:
    if node.state == "maintenance" or resource.maintenance:
        return "maintenance"
    if not resource.managed:
        return "unmanaged"
    if condition.activity is Activity.PROMOTED:
        return "promoted"
    if condition.activity is Activity.UNPROMOTED:
        return "unpromoted"
    if not spare and not cloned and not resource.fencing and node_count > 1:
        return "alone"
    return "running"
