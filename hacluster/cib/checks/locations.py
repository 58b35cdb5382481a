"""Location constraints that can never hold, contradict each other, or leave a resource no node at all.

Reads an Index; what only the running cluster knows (transient attributes, the date) counts as possible.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hacluster.cib.checks.index import Index
from hacluster.cib.checks.kinds import warning
from hacluster.cib.model import SCORE_INFINITY, Element
from hacluster.cib.problems import Problem
from hacluster.cib.values import boolean, score

NEVER_HOLDS = warning(
    "location-never-holds",
    "no node can ever match {id}: it has no effect",
    "{id} に一致するノードがないため、この制約は効きません",
    "correct its node or its rule, or delete it",
    "ノード名またはルールを修正するか、削除してください",
)
NOWHERE = warning(
    "nowhere",
    "{id} may run on no node: {why}",
    "{id} を起動できるノードがありません: {why}",
    "allow it one node",
    "いずれかのノードでの起動を許可してください",
)
CONTRADICTION = warning(
    "location-contradicts",
    "{id} and {other} say INFINITY and -INFINITY for {resource} on {node}; -INFINITY wins",
    "{id} と {other} が {node} での {resource} に INFINITY と -INFINITY を指定しています（-INFINITY が優先）",
    "delete one of them",
    "いずれかを削除してください",
)


class Said(NamedTuple):
    """One score for a resource on a node, certain to apply there."""

    resource: str
    node: str
    score: int
    constraint: str


def check_locations(index: Index) -> Iterator[Problem]:
    if not index.nodes:
        return
    said: list[Said] = []
    may_hold: set[str] = set()
    for constraint in index.constraints:
        if constraint.tag != "rsc_location":
            continue
        possible, certain = _scores(index, constraint, index.nodes)
        if not possible and not constraint.get("rsc-pattern"):
            yield NEVER_HOLDS.at(constraint.id, id=constraint.id)
        if possible:
            may_hold.update(_resources(index, constraint))
        said += certain
    yield from _contradictions(said)
    yield from _nowhere(index, said, may_hold)


def banned_nodes(index: Index) -> dict[str, dict[str, str]]:
    """Outermost resource -> the nodes where it may never run, each with the constraint that says so.

    A group is bound by what is said of any of its members, a clone by what is said of what it clones. Before any node
    has joined, the nodes are those that the constraints name.
    """
    locations = [constraint for constraint in index.constraints if constraint.tag == "rsc_location"]
    nodes = index.nodes or tuple(dict.fromkeys(name for each in locations for name in named_nodes(each)))
    return _banned(index, [said for each in locations for said in _scores(index, each, nodes)[1]])


def _banned(index: Index, said: list[Said]) -> dict[str, dict[str, str]]:
    banned: dict[str, dict[str, str]] = {}
    for each in said:
        if each.score == -SCORE_INFINITY:
            banned.setdefault(index.top(each.resource), {})[each.node] = each.constraint
    return banned


def named_nodes(constraint: Element) -> Iterator[str]:
    """The nodes that a location constraint names."""
    if constraint.get("node"):
        yield constraint.get("node")
    for element in constraint.walk():
        if element.tag == "expression" and element.get("attribute") == "#uname" and element.get("value"):
            yield element.get("value")


def _resources(index: Index, constraint: Element) -> list[str]:
    named = [constraint.get("rsc")] if constraint.get("rsc") else []
    named += [reference.id for one in constraint.all("resource_set") for reference in one.all("resource_ref")]
    return [each for name in named for each in index.meant_by(name)]


def _scores(index: Index, constraint: Element, nodes: tuple[str, ...]) -> tuple[bool, list[Said]]:
    """Whether it can hold anywhere, and the scores that are certain."""
    resources = _resources(index, constraint)
    if constraint.get("node"):
        holds = [node for node in nodes if node.lower() == constraint.get("node").lower()]
        value = score(constraint.get("score", "0")) or 0
        is_certain = not constraint.get("role")
        certain = [Said(r, n, value, constraint.id) for r in resources for n in holds] if is_certain else []
        return bool(holds), certain
    rules = [index.by_id.get(rule.get("id-ref"), rule) for rule in constraint.all("rule")]
    possible = not rules
    certain = []
    for rule in rules:
        fixed = score(rule.get("score", "0")) if not rule.get("score-attribute") else None
        for node in nodes:
            outcome = _holds(rule, node)
            possible |= outcome is not False
            if outcome and fixed is not None and not rule.get("role") and not constraint.get("role"):
                certain += [Said(resource, node, fixed, constraint.id) for resource in resources]
    return possible, certain


def _holds(rule: Element, node: str) -> bool | None:
    """None where only the running cluster knows."""
    outcomes = [_holds(part, node) if part.tag == "rule" else _expression(part, node) for part in rule.children]
    deciding = rule.get("boolean-op", "and") == "or"
    if deciding in outcomes:
        return deciding
    return None if None in outcomes or not outcomes else not deciding


def _expression(expression: Element, node: str) -> bool | None:
    if expression.tag != "expression" or expression.get("attribute") != "#uname":
        return None
    is_same = expression.get("value").lower() == node.lower()
    match expression.get("operation"):
        case "eq":
            return is_same
        case "ne":
            return not is_same
        case "defined":
            return True
        case "not_defined":
            return False
    return None


def _contradictions(said: list[Said]) -> Iterator[Problem]:
    extremes: dict[tuple[str, str], Said] = {}
    for each in said:
        if abs(each.score) != SCORE_INFINITY:
            continue
        before = extremes.setdefault((each.resource, each.node), each)
        if before.score != each.score:
            yield CONTRADICTION.at(
                each.constraint, id=each.constraint, other=before.constraint, resource=each.resource, node=each.node
            )


def _nowhere(index: Index, said: list[Said], may_hold: set[str]) -> Iterator[Problem]:
    banned = _banned(index, said)
    for name, nodes in banned.items():
        if len(nodes) == len(set(index.nodes)):
            yield NOWHERE.at(name, id=name, why=", ".join(dict.fromkeys(nodes.values())))
    if boolean(index.setting("symmetric-cluster")) is not False:
        return
    allowed = {index.top(resource) for resource in may_hold}
    for name in index.resources:
        if name not in index.parent and name not in allowed:
            yield NOWHERE.at(name, id=name, why="symmetric-cluster=false")
