"""The plan in the operator's words: what becomes of each node and resource, and why.

Reads the settled plan; gives one `Change` for each thing that changes, or would if something did not stand in its way.
The words are those of Pacemaker's transition summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hacluster.scheduler.actions import current_node
from hacluster.scheduler.graph import Change
from hacluster.scheduler.plan import IMPLIES_THEN, Draft, Plan
from hacluster.scheduler.settle import because
from hacluster.scheduler.working import Cluster, Node, Resource, Role

IsVertex = Callable[[Draft], bool]


def changes_of(plan: Plan, is_vertex: IsVertex) -> Iterator[Change]:
    """Nodes first, the last drafted first, then resources in the order of the configuration."""
    for draft in reversed([*plan.fences.values(), *plan.shutdowns.values()]):
        if draft.node is not None and is_vertex(draft):
            word = "Fence" if draft.node.index in plan.fences else "Shutdown"
            guest = draft.node.connection.container if draft.node.connection is not None else None
            yield Change(
                word=word,
                resource=draft.node.uname,
                instance=guest.id if guest is not None else "",
                role=draft.detail,
                reason=draft.reason,
            )
    for resource in _as_told(plan.cluster):
        yield from _Judge(plan, resource, is_vertex).changes()


def _as_told(cluster: Cluster) -> Iterator[Resource]:
    """As they chose their nodes; a bundle replica by replica, from its address to what is inside."""
    for resource in cluster.in_turn:
        if resource.bundle is None and not resource.replicas:
            yield from resource.primitives()
        for replica in resource.replicas:
            for part in (replica.address, replica.container, replica.connection, replica.child):
                if part is not None:
                    yield from part.primitives()


class _Judge:
    """What becomes of one resource."""

    def __init__(self, plan: Plan, resource: Resource, is_vertex: IsVertex) -> None:
        self._plan, self._resource, self._is_vertex = plan, resource, is_vertex
        cluster: Cluster = plan.cluster
        self._current = current_node(cluster, resource)
        self._target = None if resource.target is None else cluster.nodes[resource.target]
        role = resource.role_now
        self._role = Role.STARTED if role is Role.STOPPED and self._current is not None else role
        self._start = self._on_target("start")
        self._promote, self._demote = self._on_target("promote"), self._on_target("demote")
        can_start = self._start is not None and self._start.runnable
        self._stop = plan.first(resource, "stop", self._current if can_start else None)
        self._reloads = any(is_vertex(draft) for draft in plan.find(resource, "reload-agent"))

    def _on_target(self, task: str) -> Draft | None:
        return self._plan.first(self._resource, task, self._target)

    @property
    def _is_moving(self) -> bool:
        return self._current is not None and self._target is not None and self._current is not self._target

    def changes(self) -> Iterator[Change]:
        resource = self._resource
        if not resource.is_managed or (self._current is None and (self._target is None or resource.is_orphan)):
            return
        if self._role is resource.next_role:
            yield from self._same_role()
        elif self._stop is not None and self._must_end():
            yield from self._ends()
        else:
            yield from self._other_role()

    def _must_end(self) -> bool:
        cannot_start = self._start is not None and not self._start.runnable
        return self._resource.next_role is Role.STOPPED or cannot_start

    def _same_role(self) -> Iterator[Change]:
        start, stop = self._start, self._stop
        if any(self._is_vertex(draft) for draft in self._plan.find(self._resource, "migrate_from")):
            yield self._change("Migrate", start)
        elif self._reloads:
            yield self._change("Reload", start)
        elif start is None or start.optional:
            if self._demote is not None and self._promote is not None and self._is_vertex(self._demote):
                yield self._change("Re-promote", self._promote, self._demote)
        elif not start.runnable:
            yield self._change(
                "Stop", stop or start, stop if stop is not None and stop.reason else start, goes_on=False
            )
        elif self._is_moving:
            yield self._change("Recover" if self._resource.is_failed else "Move", stop)
        elif self._resource.is_failed:
            yield self._change("Recover", stop, goes_on=False)
        else:
            yield self._change("Restart", start, needed_by=self._first_that_needs(start))

    def _first_that_needs(self, start: Draft) -> str:
        """What else starts, so that this has to start anew after it."""
        firsts = (link.first for link in start.before if link.strength & IMPLIES_THEN and link.first.happens)
        others = (first for first in firsts if first.resource not in (None, self._resource))
        return next((f"required {because(first)}" for first in others), "")

    def _ends(self) -> Iterator[Change]:
        for index in self._resource.active:
            node = self._plan.cluster.nodes[index]
            stop = self._plan.first(self._resource, "stop", node)
            source = stop if stop is not None and stop.reason else self._start
            if stop is not None:
                yield self._change("Stop", stop, source, at=node, goes_on=False)

    def _other_role(self) -> Iterator[Change]:
        resource, stop = self._resource, self._stop
        if stop is not None and resource.is_failed and not stop.optional:
            yield self._change("Recover", stop, self._start)
        elif self._is_moving:
            yield self._change("Move", stop)
        elif self._reloads:
            yield self._change("Reload", self._start)
        elif stop is not None and not stop.optional:
            yield self._change("Restart", self._start)
        elif self._role is Role.PROMOTED:
            yield self._change("Demote", self._demote)
        elif resource.next_role is Role.PROMOTED:
            yield self._change("Promote", self._promote)
        elif self._role is Role.STOPPED and resource.next_role > Role.STOPPED:
            yield self._change("Start", self._start)

    def _change(
        self,
        word: str,
        action: Draft | None,
        source: Draft | None = None,
        *,
        at: Node | None = None,
        goes_on: bool = True,
        needed_by: str = "",
    ) -> Change:
        """`source` has the reason where that is another draft; what ends, or stays where it is, does not go on."""
        origin = at or self._current
        target = self._target if goes_on else None
        told = source or action
        reason = (told.reason if told is not None else "") or needed_by
        return Change(
            word=word,
            resource=self._resource.shown_id,
            instance=self._resource.id,
            role=self._role.word if self._role > Role.STOPPED else "",
            next_role=self._resource.next_role.word,
            source=origin.uname if origin is not None else "",
            target=target.uname if target is not None else "",
            reason=reason,
            is_blocked=action is not None and not action.runnable,
        )
