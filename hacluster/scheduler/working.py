"""The scheduler's working model: nodes and resources of one run, as plain mutable objects.

`unpack` makes them from the CIB, the stages write their findings into them, and nothing of them leaves `schedule`.
Nodes are known by small ints, so that a resource's scores are a dict of ints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum, StrEnum

import msgspec

from hacluster.cib.model import NOTHING, SCORE_INFINITY, Element
from hacluster.cib.status import Operation, history_of, read_operation
from hacluster.scheduler.graph import Reason
from hacluster.scheduler.values import add


class Role(IntEnum):
    UNKNOWN = 0
    STOPPED = 1
    STARTED = 2
    UNPROMOTED = 3
    PROMOTED = 4

    @property
    def word(self) -> str:
        return self.name.capitalize()


class Variant(StrEnum):
    PRIMITIVE = "primitive"
    GROUP = "group"
    CLONE = "clone"


class NodeKind(StrEnum):
    CLUSTER = "cluster"
    REMOTE = "remote"
    GUEST = "container"


class Node(msgspec.Struct, eq=False):
    index: int
    id: str
    uname: str
    rank: int = 0
    """Its place among all nodes by name, numbers in names as numbers."""
    letter_rank: int = 0
    """The same by the letters of the name alone: `node10` before `node9`."""
    attributes: dict[str, str] = {}
    is_online: bool = False
    is_unclean: bool = False
    is_pending: bool = False
    is_standby: bool = False
    is_in_maintenance: bool = False
    is_shutting_down: bool = False
    is_dc: bool = False
    kind: NodeKind = NodeKind.CLUSTER
    host: Node | None = None
    """Of a container: the node it is on, or will be on."""
    answers_for_container: bool = False
    """Whether the attributes of that node are asked instead of its own (`container-attribute-target=host`)."""
    connection: Resource | None = None
    """Of a remote or guest node: the resource that connects to it."""
    requires_reset: bool = False
    was_fenced: bool = False
    is_in_bundle: bool = False
    is_listed: bool = True
    """Whether the configuration's nodes name it; others come with their connection."""
    was_online: bool = False
    """Whether it was there when the status was written; a remote node's connection may bring it back."""
    is_unseen: bool = False
    """Nothing is known of it but that its connection is to start somewhere."""
    was_seen: bool = False
    has_failures: bool = False
    is_searched: bool = True
    """Whether resources are looked for there (`resource-discovery-enabled`)."""
    fence_reason: str = ""
    capacity: dict[str, int] = {}
    """What is left of it while resources are placed."""
    assigned_count: int = 0
    """Resources that have been given to it so far."""

    @property
    def name_of_place(self) -> str:
        """A container is where its host is."""
        return self.uname if self.host is None else self.host.uname

    def asked_attribute(self, name: str) -> str | None:
        if self.answers_for_container and self.host is not None:
            return self.host.attributes.get(name)
        return self.attributes.get(name)

    @property
    def can_run(self) -> bool:
        return self.is_online and not (
            self.is_unclean or self.is_standby or self.is_in_maintenance or self.is_shutting_down or self.is_pending
        )


class OperationConfig(msgspec.Struct, eq=False, gc=False):
    """One `<op>` of a resource."""

    name: str
    interval_ms: int
    timeout_ms: int
    on_fail: str
    role: str
    start_delay_ms: int
    enabled: bool
    extra: dict[str, str]
    parameters: dict[str, str] = {}
    """Instance attributes of the operation itself; they add to the resource's."""


class Colocation(msgspec.Struct, eq=False):
    """`dependent` wants to be where `primary` is. Roles are UNKNOWN where the constraint names none (or Started)."""

    id: str
    dependent: Resource
    primary: Resource
    score: int
    dependent_role: Role = Role.UNKNOWN
    primary_role: Role = Role.UNKNOWN
    node_attribute: str = "#uname"
    has_influence: bool = True
    """Whether the dependent's wishes move the primary (`influence`, or `critical` of the dependent)."""
    is_explicit: bool = True
    """Of the configuration, not of a group."""


class RoleLocation(msgspec.Struct, eq=False):
    """A location constraint that counts only in one role."""

    role: Role
    scores: dict[int, int]
    cause: str


class Replica(msgspec.Struct, eq=False):
    """One container of a bundle with what belongs to it."""

    container: Resource
    address: Resource | None = None
    connection: Resource | None = None
    child: Resource | None = None
    """The instance that runs inside."""
    node: int | None = None
    """The guest node that the container is."""


def compare_capacity(one: Node, other: Node) -> int:
    """Below 0 when the first has more left of more things."""
    result = 0
    for name in {**one.capacity, **other.capacity}:
        mine, theirs = one.capacity.get(name, 0), other.capacity.get(name, 0)
        result += (mine < theirs) - (mine > theirs)
    return result


class Resource(msgspec.Struct, eq=False):
    """A primitive instance, a group or a clone. `id` of a clone's child carries its number: `prmPingd:0`."""

    id: str
    variant: Variant
    element: Element
    parent: Resource | None = None
    clone: Resource | None = None
    """The clone this is an instance of, or part of an instance of."""
    base_id: str = ""
    """The name in the configuration, without an instance's number."""
    old_name: str = ""
    """The name that a history has for this instance, where that is another one than it has now."""
    template: Element = NOTHING
    defaults: Element = NOTHING
    """`rsc_defaults`, which may hold instance attributes too"""
    children: list[Resource] = []
    meta: dict[str, str] = {}
    order: int = 0
    # --- primitives
    agent: tuple[str, str, str] = ("", "", "")
    operations: list[OperationConfig] = []
    history: dict[int, list[Operation]] = {}
    """node -> operations, oldest first; not of nodes that only say that it isn't there"""
    entries: dict[int, Element] = {}
    """node -> its entry of the status section, which may bear an old name or another agent"""
    active: dict[int, Role] = {}
    """node -> role it has there now, in the order in which it was found"""
    role: Role = Role.UNKNOWN
    """The highest role it has anywhere."""
    known_on: set[int] = set()
    """Nodes whose history says something of it."""
    failed_on: set[int] = set()
    reschedule: set[tuple[int, str]] = set()
    """(node, id of its entry) of recurring operations to be started anew"""
    is_failed: bool = False
    must_stop: bool = False
    """A failure asks for a stop."""
    must_restart: bool = False
    """Something inside of it failed."""
    must_be_demoted: set[int] = set()
    start_pending: bool = False
    ignores_failures: bool = False
    pending_node: int | None = None
    migrating: tuple[int, int] | None = None
    """(source, target) of a live migration that has begun and not ended"""
    dangling_on: list[int] = []
    """Sources of migrations that broke: it has to be stopped there."""
    is_managed: bool = True
    is_blocked: bool = False
    is_orphan: bool = False
    in_maintenance: bool = False
    scores: dict[int, int] = {}
    """node -> score; a node that is not here is not allowed"""
    reasons: list[Reason] = []
    role_locations: list[RoleLocation] = []
    never_probed_on: set[int] = set()
    kept_out_of: set[int] = set()
    """Nodes inside of containers that it was to run on, had their bundle not come"""
    exclusive_on: set[int] | None = None
    """With exclusive discovery: the only nodes it is looked for on."""
    this_with: list[Colocation] = []
    with_this: list[Colocation] = []
    stickiness: int = 0
    threshold: int = SCORE_INFINITY
    failure_timeout_ms: int = 0
    priority: int = 0
    utilization: dict[str, int] = {}
    requires: str = "fencing"
    multiple_active: str = "stop_start"
    connects_to: int | None = None
    """The remote or guest node this connects to."""
    container: Resource | None = None
    """The resource it is inside of (`container`); of a guest node's connection, the guest."""
    reconnect_ms: int = 0
    """Of a connection: how long to wait after a failure before the next attempt."""
    fillers: list[Resource] = []
    """What is inside of it."""
    hosts_guest: bool = False
    # --- the decision
    is_assigned: bool = False
    is_assigning: bool = False
    is_merging: bool = False
    target: int | None = None
    next_role: Role = Role.UNKNOWN
    sort_index: int = 0
    counts: dict[int, int] = {}
    """A clone's: node -> instances that have been given to it"""
    # --- bundles
    replicas: list[Replica] = []
    bundle: Resource | None = None
    """The bundle that it is a part of."""
    host_name: str = ""
    """A container's: the node it is on, or will be on."""
    child: Resource | None = None
    """A bundle's: the clone of what runs inside its containers."""
    content: Resource | None = None
    """A container's: the instance that runs inside."""
    # --- clones
    clone_max: int = 0
    clone_node_max: int = 1
    is_everywhere: bool = False
    """There are instances for all nodes that can run any."""
    promoted_max: int = 0
    promoted_node_max: int = 1
    is_unique: bool = False
    is_promotable: bool = False
    is_interleaved: bool = False
    is_ordered: bool = False
    notifies: bool = False

    def hang_under(self, parent: Resource | None) -> None:
        """Make it a part of another; its names follow from that."""
        self.parent = parent
        self.clone = parent if parent is None or parent.variant is Variant.CLONE else parent.clone
        self.base_id = self.id.rsplit(":", 1)[0] if self.is_instance else self.id

    @property
    def is_guest_connection(self) -> bool:
        return self.connects_to is not None and self.container is not None

    @property
    def is_instance(self) -> bool:
        return self.clone is not None and self.variant is not Variant.CLONE

    @property
    def top(self) -> Resource:
        """The whole that it is a part of; parts of a bundle stand for themselves."""
        return self if self.parent is None or self.parent.replicas else self.parent.top

    @property
    def shown_id(self) -> str:
        """The name that history and agents know: numbered only for globally unique clones."""
        clone = self.clone
        return self.id if clone is None or clone.is_unique or self.variant is Variant.CLONE else self.base_id

    @property
    def long_id(self) -> str:
        """With its number; that of the history if it stands there with one."""
        return self.old_name if self.is_anonymous and self.old_name not in ("", self.base_id) else self.id

    @property
    def is_anonymous(self) -> bool:
        clone = self.clone
        return clone is not None and not clone.is_unique

    def primitives(self) -> Iterator[Resource]:
        if self.variant is Variant.PRIMITIVE:
            yield self
        elif self.variant is Variant.GROUP:
            yield from self.children
        else:
            for child in self.children:
                yield from child.primitives()

    def walk(self) -> Iterator[Resource]:
        yield self
        for child in self.children:
            yield from child.walk()

    def allow(self, node: Node, score: int, cause: str) -> None:
        """Allow a node, or add to the score of one that is allowed."""
        self.scores[node.index] = add(self.scores.get(node.index, 0), score)
        if score:
            self.reasons.append(Reason(node.uname, score, cause))

    def ban(self, nodes: Iterable[Node], cause: str) -> None:
        """Nowhere on these nodes, with everything inside."""
        for node in nodes:
            self.allow(node, -SCORE_INFINITY, cause)
        # A group goes where its first member can go.
        for child in self.children[:1] if self.variant is Variant.GROUP else self.children:
            child.ban(nodes, cause)

    def ban_only(self, nodes: Iterable[Node], cause: str) -> None:
        """Not itself; what is inside is judged by itself."""
        for node in nodes:
            if self.scores.get(node.index, -SCORE_INFINITY) > -SCORE_INFINITY:
                self.allow(node, -SCORE_INFINITY, cause)

    @property
    def homes_now(self) -> list[int]:
        """The nodes on which it, or anything inside it, is active."""
        if self.variant is Variant.PRIMITIVE:
            return list(self.active)
        return list(dict.fromkeys(index for child in self.children for index in child.homes_now))

    @property
    def homes_next(self) -> list[int]:
        """The nodes it has been given."""
        if self.variant is Variant.PRIMITIVE:
            return [] if self.target is None else [self.target]
        return list(dict.fromkeys(index for child in self.children for index in child.homes_next))

    @property
    def role_now(self) -> Role:
        if self.variant is Variant.PRIMITIVE:
            return self.role if self.role is not Role.UNKNOWN else Role.STOPPED
        return max((child.role_now for child in self.children), default=Role.STOPPED)

    @property
    def role_next(self) -> Role:
        if self.variant is Variant.PRIMITIVE:
            return self.next_role
        return max((child.role_next for child in self.children), default=Role.UNKNOWN)


class Options(msgspec.Struct, eq=False):
    """Cluster properties, under their old and new names."""

    values: dict[str, str] = {}
    has_quorum: bool = True
    fencing_enabled: bool = True
    fence_action: str = "reboot"
    stop_all: bool = False
    maintenance: bool = False
    is_symmetric: bool = True
    no_quorum_policy: str = "stop"
    startup_fencing: bool = True
    start_failure_is_fatal: bool = True
    enable_startup_probes: bool = True
    stop_orphans: bool = True
    default_timeout_ms: int = 20_000
    placement_strategy: str = "default"
    has_fence_devices: bool = False
    has_unfencing: bool = False


class LeftOut(msgspec.Struct, frozen=True):
    """What a run has to know of the resources that were left out of it, as nothing has changed for them."""

    counts: dict[str, dict[int, int]] = {}
    """resource -> node -> how many of them the node was given since the turn of the resource before it"""
    has_fence_devices: bool = False


NOTHING_LEFT_OUT = LeftOut()


class Cluster(msgspec.Struct, eq=False):
    """Everything of one run."""

    options: Options
    nodes: list[Node]
    by_uname: dict[str, Node]
    resources: list[Resource] = []
    """Top level, in the configuration's order."""
    in_turn: list[Resource] = []
    """Those at the top level in the order in which they chose, and are told of."""
    orphans: dict[str, Resource] = {}
    by_id: dict[str, Resource] = {}
    """Every resource and instance by its id; an anonymous name gives the first instance."""
    now: float = 0.0
    recheck_at: float | None = None
    states: dict[int, Element] = {}
    """node -> its part of the status section"""
    unfence_reasons: dict[int, str] = {}
    """node -> why it has to be unfenced, as a fence device changed"""
    clearings: dict[tuple[str, int], Resource] = {}
    """(resource, node) -> whose failcount is to be cleared there"""
    left_out: LeftOut = NOTHING_LEFT_OUT
    turns: dict[str, dict[int, int]] = {}
    """resource at the top level, in the order in which they chose -> node -> how many it was given in that turn"""
    ties: set[str] = set()
    """Those that found several nodes equally good, so that what others had been given made the choice."""

    def primitives(self) -> Iterator[Resource]:
        for resource in self.resources:
            if resource.variant is Variant.PRIMITIVE:
                yield resource
            else:
                yield from resource.primitives()

    def everything(self) -> Iterator[Resource]:
        """Every resource, container first."""
        for resource in self.resources:
            yield from resource.walk()

    def raw_history(
        self, node: Node, name: str, in_order: Callable[[Iterable[Operation]], list[Operation]]
    ) -> list[Operation]:
        """The history of a resource on a node as the status section has it."""
        state = self.states.get(node.index)
        entries = [] if state is None else [entry for entry in history_of(state) if entry.id == name]
        return in_order(read_operation(op, name, node.uname) for entry in entries for op in entry.all("lrm_rsc_op"))

    def recheck(self, at: float) -> None:
        """Remember when the answer would change by itself."""
        if at > self.now and (self.recheck_at is None or at < self.recheck_at):
            self.recheck_at = at
