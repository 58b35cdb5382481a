"""The scheduler's working model: nodes and resources of one run, as plain mutable objects.

`unpack` makes them from the CIB, the stages write their findings into them, and nothing of them leaves `schedule`.
Nodes are known by small ints, so that a resource's scores are a dict of ints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from hacluster.cib.model import NOTHING, SCORE_INFINITY, Element
from hacluster.cib.status import Operation
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


@dataclass(slots=True)
class Node:
    index: int
    id: str
    uname: str
    attributes: dict[str, str] = field(default_factory=dict)
    is_online: bool = False
    is_unclean: bool = False
    is_pending: bool = False
    is_standby: bool = False
    is_in_maintenance: bool = False
    is_shutting_down: bool = False
    was_seen: bool = False
    fence_reason: str = ""
    assigned_count: int = 0

    @property
    def can_run(self) -> bool:
        return self.is_online and not (
            self.is_unclean or self.is_standby or self.is_in_maintenance or self.is_shutting_down or self.is_pending
        )


@dataclass(slots=True)
class OperationConfig:
    """One `<op>` of a resource."""

    name: str
    interval_ms: int
    timeout_ms: int
    on_fail: str
    role: str
    start_delay_ms: int
    enabled: bool
    extra: dict[str, str]


@dataclass(slots=True, eq=False)
class Resource:
    """A primitive instance, a group or a clone. `id` of a clone's child carries its number: `prmPingd:0`."""

    id: str
    variant: Variant
    element: Element
    parent: Resource | None = None
    template: Element = NOTHING
    children: list[Resource] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    order: int = 0
    # --- primitives
    agent: tuple[str, str, str] = ("", "", "")
    operations: list[OperationConfig] = field(default_factory=list)
    history: dict[int, list[Operation]] = field(default_factory=dict)
    """node -> operations, oldest first"""
    active: dict[int, Role] = field(default_factory=dict)
    """node -> role it has there now"""
    failed_on: set[int] = field(default_factory=set)
    starting_on: set[int] = field(default_factory=set)
    """Nodes whose last word is that a start is under way: it is asked for again."""
    unknown_until_fenced: bool = False
    is_managed: bool = True
    is_blocked: bool = False
    is_orphan: bool = False
    in_maintenance: bool = False
    scores: dict[int, int] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    stickiness: int = 0
    threshold: int = SCORE_INFINITY
    failure_timeout_ms: int = 0
    priority: int = 0
    requires: str = "fencing"
    # --- the decision
    is_assigned: bool = False
    target: int | None = None
    next_role: Role = Role.UNKNOWN
    # --- clones
    clone_max: int = 0
    clone_node_max: int = 1
    promoted_max: int = 0
    promoted_node_max: int = 1
    is_unique: bool = False
    is_promotable: bool = False
    is_interleaved: bool = False
    is_ordered: bool = False
    notifies: bool = False

    @property
    def base_id(self) -> str:
        """The name in the configuration, without an instance's number."""
        return self.id.rsplit(":", 1)[0] if self.is_instance else self.id

    @property
    def is_instance(self) -> bool:
        return self.clone is not None and self.variant is not Variant.CLONE

    @property
    def clone(self) -> Resource | None:
        """The clone this is an instance of, or part of an instance of."""
        above = self.parent
        while above is not None and above.variant is not Variant.CLONE:
            above = above.parent
        return above

    @property
    def top(self) -> Resource:
        return self if self.parent is None else self.parent.top

    @property
    def shown_id(self) -> str:
        """The name that history and agents know: numbered only for globally unique clones."""
        clone = self.clone
        return self.id if clone is None or clone.is_unique or self.variant is Variant.CLONE else self.base_id

    def primitives(self) -> Iterator[Resource]:
        if self.variant is Variant.PRIMITIVE:
            yield self
        for child in self.children:
            yield from child.primitives()

    def add_score(self, node: Node, score: int, cause: str) -> None:
        self.scores[node.index] = add(self.scores.get(node.index, 0), score)
        self.reasons.append(Reason(node.uname, score, cause))

    @property
    def role_now(self) -> Role:
        return max(self.active.values(), default=Role.STOPPED)

    @property
    def is_failed(self) -> bool:
        return bool(self.failed_on)


@dataclass(slots=True)
class Options:
    """Cluster properties, under their old and new names."""

    values: dict[str, str] = field(default_factory=dict)
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


@dataclass(slots=True)
class Cluster:
    """Everything of one run."""

    options: Options
    nodes: list[Node]
    by_uname: dict[str, Node]
    resources: list[Resource] = field(default_factory=list)
    """Top level, in the configuration's order."""
    by_id: dict[str, Resource] = field(default_factory=dict)
    """Every resource and instance by its id; an anonymous name gives the first instance."""
    now: float = 0.0
    recheck_at: float | None = None

    def primitives(self) -> Iterator[Resource]:
        for resource in self.resources:
            yield from resource.primitives()

    def recheck(self, at: float) -> None:
        """Remember when the answer would change by itself."""
        if at > self.now and (self.recheck_at is None or at < self.recheck_at):
            self.recheck_at = at
