"""What each resource does on each node, and why not, for one top-level resource at a time.

Reads `Wanted`, the situation of the nodes and what the transition under way plans; gives cells.
"""

from __future__ import annotations

from dataclasses import dataclass

from hacluster.cib.model import SCORE_INFINITY
from webui.history import Activity, Condition
from webui.picture import UP_STATES, WORST_FIRST, Cell, Node, Resource
from webui.situation import Situation
from webui.wanted import Wanted, forbids

Fields = tuple[tuple[str, str], ...]
NO_CONDITION = Condition()
RANK = {state: rank for rank, state in enumerate(WORST_FIRST)}
PENDING_STATES = {
    "start": "starting",
    "stop": "stopping",
    "promote": "promoting",
    "demote": "demoting",
    "migrate_to": "migrating",
    "migrate_from": "migrating",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """All that a cell depends on."""

    wanted: Wanted
    nodes: dict[str, Node]
    situations: dict[str, Situation]
    targets: dict[str, str]
    """Resource -> the node where the transition under way will start it."""

    def attributes(self, node: str) -> dict[str, str]:
        return {**self.wanted.attributes.get(node, {}), **self.situations[node].attributes}


def cells_of(root: str, ground: Ground) -> dict[tuple[str, str], Cell]:
    """The cells of the primitives below a top-level resource."""
    leaves = ground.wanted.leaves(root)
    cells = (cell for leaf in leaves for cell in _cells(ground.wanted.resources[leaf], ground))
    return {(cell.resource, cell.node): cell for cell in cells}


def _cells(resource: Resource, ground: Ground) -> list[Cell]:
    conditions = {name: each.conditions.get(resource.id, NO_CONDITION) for name, each in ground.situations.items()}
    reasons = {node.name: _reason(resource, node, ground) for node in ground.nodes.values()}
    active = {name for name, node in ground.nodes.items() if _is_active(conditions[name]) and node.state != "offline"}
    free = {name for name, (why, _fields) in reasons.items() if not why}
    cloned = ground.wanted.is_cloned(resource.id)
    target = ground.targets.get(resource.id, "")
    cells = []
    for name, node in ground.nodes.items():
        why, fields = reasons[name]
        condition = conditions[name]
        elsewhere, spare = bool(active - {name}), bool(free - {name})
        state = _cell_state(resource, node, condition, cloned, elsewhere, spare, why, len(ground.nodes))
        says_why = state in ("none", "cannot", "failed")
        cells.append(
            Cell(
                resource=resource.id,
                node=name,
                # What is stopped but planned to run is about to start, not missing.
                state=("awaited" if target == name else "ready") if target and state == "stopped" else state,
                failcount=ground.situations[name].failcounts.get(resource.id, 0),
                threshold=0 if resource.threshold >= SCORE_INFINITY else resource.threshold,
                why_not=why if says_why else "",
                why_fields=fields if says_why else (),
                failure=condition.failure or condition.past_failure,
                since_ms=condition.since_ms,
            )
        )
    return cells


def _reason(resource: Resource, node: Node, ground: Ground) -> tuple[str, Fields]:
    """Why this node cannot take the resource over: a code with its fields, or "" when it can."""
    wanted, failcounts = ground.wanted, ground.situations[node.name].failcounts
    failcount = failcounts.get(resource.id, 0)
    if not node.can_host:
        return f"node-{node.state}", ()
    if failcount >= resource.threshold:
        return "failcount", (("count", _count(failcount)), ("threshold", str(resource.threshold)))
    family = wanted.family(resource.id)
    for member in family:
        count = failcounts.get(member, 0)
        if wanted.resources[member].kind == "primitive" and count >= wanted.resources[member].threshold:
            return "group-failcount", (("member", member), ("count", _count(count)))
    for concerned in (*family, resource.id, *wanted.ancestors(resource.id)):
        for location in wanted.locations.get(concerned, ()):
            forbidden = forbids(location, node.name, ground.attributes(node.name))
            if forbidden:
                return "rule", (("rule", forbidden), ("constraint", location.id))
    return "", ()


def _count(number: int) -> str:
    return "INFINITY" if number >= SCORE_INFINITY else str(number)


def _is_active(condition: Condition) -> bool:
    return condition.activity is not Activity.STOPPED


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
    active = _is_active(condition)
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


def state_of(leaves: list[list[str]]) -> str:
    """The state of a resource as a whole: what the worst of its parts does on the node where it runs best.

    `leaves`: for each primitive below it, the states of its cells.
    """
    states = []
    for here in leaves:
        alarming = [state for state in here if RANK[state] <= RANK["migrating"]]
        up = [state for state in here if state in UP_STATES]
        disabled = [state for state in here if state == "disabled"]
        states.append(min(alarming or up or disabled or ["stopped"], key=RANK.__getitem__))
    return min(states, key=RANK.__getitem__, default="none")
