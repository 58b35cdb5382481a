"""What a milestone says: the start of a group or clone is needed, or possible, as the starts of its parts are.

Reads drafts and the resources they are of; gives (optional, runnable), and writes what
the parts say into the milestone.
"""

from __future__ import annotations

from collections.abc import Callable

from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.plan import Draft, Plan
from hacluster.scheduler.working import Node, Resource, Variant

DONE = {"start": "running", "stop": "stopped", "promote": "promoted", "demote": "demoted"}
TASK = {done: task for task, done in DONE.items()}


def _phase_of(task: str) -> str:
    """`running` for `confirmed-post_notify_running`."""
    return task.rpartition("_notify_")[2] or task


def task_of(task: str) -> str:
    """The task a milestone stands for: `confirmed-post_notify_running` and `running` for `start`."""
    phase = _phase_of(task)
    return TASK.get(phase, phase)


class Milestones:
    """Knows what milestones say, until something inside of their resource is touched."""

    def __init__(self, plan: Plan, touch: Callable[[Draft], None]) -> None:
        self._plan = plan
        self._touch = touch
        self._versions: dict[Resource, int] = {}
        """How often something inside a resource, or itself, was touched."""
        self._known: dict[tuple[Draft, Node | None, bool], tuple[int, tuple[bool, bool]]] = {}
        self._by_node: dict[tuple[Resource, str], dict[Node, list[Draft]] | None] = {}

    def touched(self, resource: Resource) -> None:
        self._versions[resource] = self._versions.get(resource, 0) + 1

    def flags(self, draft: Draft, node: Node | None, *, inside: bool = False) -> tuple[bool, bool]:
        """(optional, runnable) of a draft; a milestone's are those of what it stands for."""
        resource = draft.resource
        if resource is None or resource.variant is Variant.PRIMITIVE or draft.kind is not ActionKind.PSEUDO:
            return draft.optional, draft.runnable
        # What a milestone stands for can only have changed if something inside of its resource was touched.
        version = self._versions.get(resource, 0)
        known = self._known.get((draft, node, inside))
        if known is not None and known[0] == version:
            return known[1]
        flags = self._milestone_flags(draft, resource, node, inside)
        self._known[draft, node, inside] = version, flags
        return flags

    def _milestone_flags(self, draft: Draft, resource: Resource, node: Node | None, inside: bool) -> tuple[bool, bool]:
        if task_of(draft.task) not in DONE:
            return draft.optional, draft.runnable
        if resource.variant is Variant.GROUP:
            return self._group_flags(draft, resource, node if inside else None)
        if node is None:
            return self._clone_flags(draft, resource, None)
        # Whether it can happen at all matters, wherever; whether it is needed, only here.
        _, runnable = self.flags(draft, None)
        return self._clone_flags(draft, resource, node)[0], runnable

    def _group_flags(self, draft: Draft, group: Resource, node: Node | None) -> tuple[bool, bool]:
        task = task_of(draft.task)
        optional, runnable = True, True
        for member in group.children:
            found = self._plan.first(member, task, node)
            if found is not None and (found.node is not None or task != "promote"):
                if not found.optional:
                    optional = False
                if task != draft.task and not found.runnable:
                    runnable = False
            elif task not in ("stop", "demote"):
                runnable = False
        if node is not None:
            return optional, runnable
        return self._settled_flags(draft, optional, runnable)

    def _clone_flags(self, draft: Draft, clone: Resource, node: Node | None) -> tuple[bool, bool]:
        task = task_of(draft.task)
        optional, runnable = True, False
        here = self._drafts_by_node(clone, task) if node is not None else None
        if node is not None and here is not None:
            found_here = here.get(node, [])
            return all(one.optional for one in found_here), any(one.runnable for one in found_here)
        for instance in self._instances(clone, task):
            is_primitive = instance.variant is Variant.PRIMITIVE
            # A group has milestones of its own, and has not come up before all its members have.
            asked = task if is_primitive else _phase_of(draft.task)
            found = self._plan.first(instance, asked, node if is_primitive else None)
            if found is None:
                continue
            part_optional, part_runnable = self.flags(found, node, inside=True)
            optional = optional and part_optional
            runnable = runnable or part_runnable
        if node is not None:
            return optional, runnable
        return self._settled_flags(draft, optional, runnable)

    def _drafts_by_node(self, clone: Resource, task: str) -> dict[Node, list[Draft]] | None:
        """Of a clone of primitives: the draft of each instance on each node; None where there is one without a node."""
        if (clone, task) not in self._by_node:
            instances = self._instances(clone, task)
            drafts = [self._plan.find(instance, task) for instance in instances]
            is_clear = all(instance.variant is Variant.PRIMITIVE for instance in instances)
            is_clear = is_clear and all(draft.node is not None for ones in drafts for draft in ones)
            self._by_node[clone, task] = _first_by_node(drafts) if is_clear else None
        return self._by_node[clone, task]

    @staticmethod
    def _instances(clone: Resource, task: str) -> list[Resource]:
        """Of a bundle the containers start and stop, but what is inside has roles."""
        if clone.child is not None and task in ("promote", "demote"):
            return clone.child.children
        return clone.children

    def _settled_flags(self, draft: Draft, optional: bool, runnable: bool) -> tuple[bool, bool]:
        changed = False
        if not optional and draft.optional:
            draft.optional, changed = False, True
        if not runnable and draft.runnable:
            draft.runnable, changed = False, True
        if changed:
            self._touch(draft)
        return optional and draft.optional, runnable and draft.runnable


def _first_by_node(drafts: list[list[Draft]]) -> dict[Node, list[Draft]]:
    """node -> of each list the first draft that is there"""
    found: dict[Node, list[Draft]] = {}
    for ones in drafts:
        first_on = {draft.node: draft for draft in reversed(ones) if draft.node is not None}
        for node, draft in first_on.items():
            found.setdefault(node, []).append(draft)
    return found
