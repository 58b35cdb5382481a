"""The plan while it is made: drafts of actions, and the links that say which comes first and what it entails.

A draft is everything that could be done, optional or not; ordering.py links drafts, settle.py makes them necessary or
impossible, vertices.py keeps those that remain.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.working import Cluster, Node, NodeKind, OperationConfig, Resource, Role

STONITH = "stonith"

# What a link entails; several may hold at once. Plain ints, as settling compares them a million times.
ORDER = 1
"""Only if both happen."""
IMPLIES_THEN = 1 << 1
"""If the first happens, the second has to."""
IMPLIES_FIRST = 1 << 2
"""If the second happens, the first has to."""
RUNNABLE = 1 << 3
"""The second can't happen if the first can't."""
RESTART = 1 << 4
"""A start that must happen, or can't, asks for the stop before it."""
PROMOTED_IMPLIES_FIRST = 1 << 5
"""As IMPLIES_FIRST, where the second is of a resource that is promoted now."""
ASYMMETRIC = 1 << 6
"""A second that would change anything is held back while the first can't happen."""
ANY_OF = 1 << 7
"""One of those that the second counts before it may happen."""
SAME_NODE = 1 << 8
"""Only on one node."""
SERIALIZE = 1 << 9
"""One after the other, in any order, when both really happen."""
NOT_TOGETHER = 1 << 10
"""As ORDER, when both happen on one node."""
CANCELS_FIRST = 1 << 11
"""If the second happens, the first is left out."""
MIGRATES_FIRST = 1 << 12
"""A migration's part: left out when the second can't be part of a migration."""
PSEUDO_THEN = 1 << 13
"""The second is real again when the first can't happen."""
TELLS_FIRST = 1 << 14
"""A milestone that happens if the second does."""
TELLS_THEN = 1 << 15
"""A milestone that happens if the first does."""

LOAD = 1 << 17
"""A place is given up on a node before another resource takes it."""

UNLESS_MIGRATED = 1 << 18
"""As ORDER, where the first is no part of a migration."""

_RESTRICTED = SAME_NODE | NOT_TOGETHER | LOAD | UNLESS_MIGRATED

_ACTIVE_TASKS = ("start", "promote")


class Link(msgspec.Struct, eq=False, gc=False):
    first: Draft
    then: Draft
    strength: int


class Draft(msgspec.Struct, eq=False, gc=False):
    """An action that may become a vertex of the graph. `task` is `start`, `monitor` …, or a milestone's name.

    The collector of garbage doesn't look at drafts and links, of which there are tens of thousands; so their circles
    are opened by hand, by `Plan.take_apart`.
    """

    kind: ActionKind
    task: str
    resource: Resource | None
    node: Node | None
    interval_ms: int = 0
    optional: bool = False
    runnable: bool = True
    pseudo: bool = False
    expected_rc: int = 0
    config: OperationConfig | None = None
    detail: str = ""
    reason: str = ""
    needs: str = "nothing"
    migratable: bool = False
    is_dangling: bool = False
    is_stale: bool = False
    """A monitor that runs, but has to be started anew."""
    is_shown: bool = False
    """A milestone that is kept though nothing needs it."""
    counts: int = 0
    """With ANY_OF: how many of those before must be able to happen."""
    before: list[Link] = []
    after: list[Link] = []

    @property
    def recurs(self) -> bool:
        """Whether it recurs, and is still configured."""
        known = self.resource.operations if self.resource is not None else ()
        return self.interval_ms > 0 and any(op.interval_ms == self.interval_ms for op in known)

    @property
    def happens(self) -> bool:
        return not self.optional and self.runnable


class Order(msgspec.Struct, eq=False, gc=False):
    """A rule between tasks of resources; it becomes links once all drafts are there."""

    first: Resource | None
    first_task: str
    then: Resource | None
    then_task: str
    strength: int
    first_draft: Draft | None = None
    then_draft: Draft | None = None


class Plan(msgspec.Struct, eq=False):
    """All drafts, and how to find the one in question."""

    cluster: Cluster
    all: list[Draft] = []
    of: dict[Resource, dict[str, list[Draft]]] = {}
    """resource -> task (`monitor_10000` for recurring ones, `monitor_0` for probes) -> drafts"""
    orders: list[Order] = []
    fences: dict[int, Draft] = {}
    unfences: dict[int, Draft] = {}
    shutdowns: dict[int, Draft] = {}
    wanted_stops: set[Draft] = set()
    """Of clones that are told: the stops that are not merely what something else entails."""
    loads: dict[int, Draft] = {}
    """node -> the milestone after which what leaves it has left"""
    linked: dict[tuple[Draft, Draft], Link] = {}

    # ------------------------------------------------------------ drafts

    def find(self, resource: Resource, task: str, node: Node | None = None) -> list[Draft]:
        """Drafts of a task; those for one node, where it is given."""
        found = self.of.get(resource, {}).get(task, [])
        return found if node is None else [draft for draft in found if draft.node is None or draft.node is node]

    def first(self, resource: Resource, task: str, node: Node | None = None) -> Draft | None:
        found = self.find(resource, task, node)
        return found[0] if found else None

    def draft(
        self,
        resource: Resource,
        task: str,
        node: Node | None,
        *,
        optional: bool,
        interval_ms: int = 0,
        config: OperationConfig | None = None,
    ) -> Draft:
        """The draft of a task on a node, made if it isn't there; asked for as needed, it becomes needed."""
        key = f"{task}_{interval_ms}" if task == "monitor" else task
        known = self._existing(resource, key, node)
        if known is None:
            kind = ActionKind(task)
            known = Draft(kind, task, resource, node, interval_ms, optional, config=config)
            known.needs = _needs(resource) if task in _ACTIVE_TASKS else "nothing"
            if config is None:
                known.config = next((op for op in resource.operations if op.name == task), None)
            self.add(known, key)
        else:
            known.optional = known.optional and optional
            known.config = known.config if config is None else config
        if known.node is None:
            known.node = node
        if not resource.is_managed and known.node is not None and not known.pseudo and task != "monitor":
            # Nobody may touch it, so nothing has to be done.
            known.optional = True
        self._judge(known)
        return known

    def draft_probe(self, resource: Resource, node: Node, config: OperationConfig | None) -> Draft:
        """As `draft`, without looking for one that is there: each node is asked once."""
        is_there = node.is_online and not node.is_pending
        return self.add(
            Draft(ActionKind.MONITOR, "monitor", resource, node, runnable=is_there, config=config), "monitor_0"
        )

    def _existing(self, resource: Resource, key: str, node: Node | None) -> Draft | None:
        found = self.of.get(resource, {}).get(key)
        if not found:
            return None
        if node is None:
            return found[0]
        return next((draft for draft in found if draft.node is None or draft.node is node), None)

    def add(self, draft: Draft, key: str = "") -> Draft:
        self.all.append(draft)
        if draft.resource is not None:
            self.of.setdefault(draft.resource, {}).setdefault(key or draft.task, []).append(draft)
        return draft

    def milestone(self, resource: Resource, task: str, *, optional: bool = True, runnable: bool = True) -> Draft:
        """A pseudo action of a group or clone: `start`, `running`, `stop`, `stopped` …"""
        known = self.first(resource, task)
        if known is None:
            known = Draft(ActionKind.PSEUDO, task, resource, None, 0, optional, runnable, pseudo=True)
            known.needs = "nothing"
            self.add(known)
        elif not optional:
            known.optional = False
        return known

    def load_stopped(self, node: Node) -> Draft:
        known = self.loads.get(node.index)
        if known is None:
            known = Draft(ActionKind.PSEUDO, f"load_stopped_{node.uname}", None, node, pseudo=True)
            self.loads[node.index] = self.add(known)
        return known

    def _judge(self, draft: Draft) -> None:
        """Whether it can be carried out at all: the node must be there, and a start needs quorum."""
        if draft.pseudo:
            return
        node, resource = draft.node, draft.resource
        if node is None or not can_be_asked(node):
            draft.runnable = False
            return
        if draft.needs == "nothing" or resource is None:
            draft.runnable = True
            return
        match quorum_policy(self.cluster, resource):
            case "stop":
                draft.runnable, draft.reason = False, "no quorum"
            case "freeze" if not resource.active or resource.next_role > resource.role:
                draft.runnable, draft.reason = False, "quorum freeze"
            case _:
                draft.runnable = True

    # ------------------------------------------------------------ order

    def order(self, first: Resource, first_task: str, then: Resource, then_task: str, strength: int = ORDER) -> None:
        self.orders.append(Order(first, first_task, then, then_task, strength))

    def order_after(self, first: Draft, then: Resource, then_task: str, strength: int = ORDER) -> None:
        self.orders.append(Order(None, "", then, then_task, strength, first_draft=first))

    def order_before(self, first: Resource, first_task: str, then: Draft, strength: int = ORDER) -> None:
        self.orders.append(Order(first, first_task, None, "", strength, then_draft=then))

    def link(self, first: Draft, then: Draft, strength: int = ORDER) -> bool:
        """Link two drafts; gives whether that is new."""
        if first is then or not strength:
            return False
        known = self.linked.get((first, then))
        if known is not None:
            if known.strength & strength == strength or not known.strength:
                return False
            known.strength = _together(known.strength, strength)
            return False
        link = Link(first, then, strength)
        self.linked[first, then] = link
        first.after.append(link)
        then.before.append(link)
        return True

    def take_apart(self) -> None:
        """Let go of all drafts: each holds its links, and they hold it."""
        for draft in self.all:
            draft.before.clear()
            draft.after.clear()
        for table in (self.all, self.of, self.orders, self.linked):
            table.clear()

    def link_all(self, firsts: Iterable[Draft], thens: Iterable[Draft], strength: int = ORDER) -> None:
        thens = list(thens)
        for first in firsts:
            for then in thens:
                self.link(first, then, strength)


def _together(one: int, other: int) -> int:
    """Two rules between the same drafts: what always holds outweighs what holds on one node only, or for some cases."""
    if bool(one & _RESTRICTED) is bool(other & _RESTRICTED):
        return one | other
    return other if one & _RESTRICTED else one


def can_be_asked(node: Node) -> bool:
    """Whether anything can be carried out there: a guest that is down comes up before, unless it has to be reset."""
    is_there = node.is_online or (node.kind is NodeKind.GUEST and not node.requires_reset)
    return is_there and not node.is_pending


def quorum_policy(cluster: Cluster, resource: Resource) -> str:
    """What no-quorum-policy means for this resource now."""
    if cluster.options.has_quorum:
        return "ignore"
    policy = cluster.options.no_quorum_policy
    if policy != "demote":
        return policy
    if resource.role not in (Role.PROMOTED, Role.UNPROMOTED):
        return "stop"
    if resource.next_role > Role.UNPROMOTED:
        resource.next_role = Role.UNPROMOTED
    return "ignore"


def _needs(resource: Resource) -> str:
    return "fencing" if resource.requires == "unfencing" else resource.requires
