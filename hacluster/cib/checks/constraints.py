"""Words, scores and circles of constraints, and what tickets and roles may not ask for.

Reads an Index; gives Problems at the id of a constraint. A circle is named once, at its first constraint.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hacluster.cib.checks.circles import Graph
from hacluster.cib.checks.index import CONTAINERS, PROMOTED, RESOURCES, Index
from hacluster.cib.checks.kinds import error, warning
from hacluster.cib.checks.references import named_in
from hacluster.cib.model import SCORE_INFINITY, Element
from hacluster.cib.problems import Problem
from hacluster.cib.values import boolean, score

BAD_SCORE = error(
    "score",
    "the score “{text}” of {owner} is neither a whole number nor INFINITY",
    "{owner} のスコア「{text}」は整数でも INFINITY でもありません",
    "write a number, INFINITY or -INFINITY",
    "整数、INFINITY、-INFINITY のいずれかを記述してください",
)
BAD_WORD = error(
    "word",
    "{owner}: {name}={text} is none of {known}",
    "{owner}: {name}={text} は使用できません（使用できる値: {known}）",
    "use one of them",
    "いずれかの値を指定してください",
)
SELF = error(
    "self-reference",
    "{id} binds {name} to itself",
    "{id} は {name} を自分自身に関連付けています",
    "name two different resources",
    "異なる 2 つのリソースを指定してください",
)
ORDER_CIRCLE = error(
    "order-circle",
    "each of these waits for the next, and the last for the first: {names} ({constraints})",
    "順序制約が循環しています: {names}（{constraints}）",
    "take one of the constraints out",
    "いずれかの制約を削除してください",
)
COLOCATION_CIRCLE = warning(
    "colocation-circle",
    "each of these is to be placed with the next, and the last with the first: {names} ({constraints})",
    "同居制約が循環しています: {names}（{constraints}）",
    "say it in one direction; the primary is placed first",
    "一方向だけに指定してください",
)
APART = error(
    "together-and-apart",
    "{resource} and {other} have to be together ({one}) and apart ({two})",
    "{resource} と {other} は同居（{one}）と非同居（{two}）の両方が指定されています",
    "delete one of the constraints",
    "いずれかの制約を削除してください",
)
NOT_PROMOTABLE = warning(
    "role-not-promotable",
    "{id} speaks of the promoted role of {name}, which is not promotable",
    "{id} は {name} の Promoted ロールを参照していますが、{name} は promotable ではありません",
    "make it a promotable clone (meta promotable=true), or take the role out",
    "promotable=true のクローンにするか、ロールの指定を削除してください",
)
DEMOTE_POLICY = warning(
    "ticket-demote",
    "{id}: loss-policy=demote without a promoted role stops the resource",
    "{id}: Promoted ロールの指定がない loss-policy=demote は停止として扱われます",
    "write {name}:Promoted, or loss-policy=stop",
    "{name}:Promoted とするか、loss-policy=stop を指定してください",
)
FENCE_POLICY = warning(
    "ticket-fence",
    "{id}: loss-policy=fence only stops while fencing is disabled",
    "{id}: STONITH が無効なため、loss-policy=fence は停止として扱われます",
    "set stonith-enabled=true, or write loss-policy=stop",
    "stonith-enabled=true にするか、loss-policy=stop を指定してください",
)
_ROLES = ("Started", "Stopped", "Promoted", "Unpromoted", "Master", "Slave")
_ACTIONS = ("start", "stop", "promote", "demote")
_INVERSE = {"start": "stop", "stop": "start", "promote": "demote", "demote": "promote"}
_WORDS = {
    "kind": ("Mandatory", "Optional", "Serialize"),
    "first-action": _ACTIONS,
    "then-action": _ACTIONS,
    "action": _ACTIONS,
    "role": _ROLES,
    "rsc-role": _ROLES,
    "with-rsc-role": _ROLES,
    "loss-policy": ("stop", "demote", "fence", "freeze"),
    "symmetrical": ("true", "false", "yes", "no", "on", "off", "y", "n", "1", "0"),
    "sequential": ("true", "false", "yes", "no", "on", "off", "y", "n", "1", "0"),
    "require-all": ("true", "false", "yes", "no", "on", "off", "y", "n", "1", "0"),
}
_WITH_WORDS = ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket", "resource_set", "rule")
_SYMBOLS = ("red", "yellow", "green")


def check_constraints(index: Index) -> Iterator[Problem]:
    for constraint in index.constraints:
        yield from _words(constraint)
        yield from _roles(index, constraint)
        yield from _itself(index, constraint)
        if constraint.tag == "rsc_ticket":
            yield from _ticket(index, constraint)
    yield from _order_circles(index)
    yield from _colocation_circles(index)
    yield from _apart(index)


def _words(constraint: Element) -> Iterator[Problem]:
    for element in constraint.walk():
        if element.tag == "lifetime":
            continue
        text = element.attributes.get("score")
        # Scores of orders are the old way to say Mandatory or Optional.
        if text is not None and score(text) is None and text.lower() not in _SYMBOLS:
            yield BAD_SCORE.at(constraint.id, owner=constraint.id, text=text)
        for name, known in _WORDS.items() if element.tag in _WITH_WORDS else ():
            said = element.get(name)
            if said and said.lower() not in (word.lower() for word in known):
                yield BAD_WORD.at(constraint.id, owner=constraint.id, name=name, text=said, known=", ".join(known[:6]))


def _promoted_names(constraint: Element) -> Iterator[str]:
    """The resources whose promoted role, promotion or demotion a constraint speaks of."""
    for role, name in (("rsc-role", "rsc"), ("with-rsc-role", "with-rsc"), ("role", "rsc")):
        if constraint.get(role).lower() in PROMOTED and constraint.get(name):
            yield constraint.get(name)
    for action, name in (("first-action", "first"), ("then-action", "then")):
        if constraint.get(action) in ("promote", "demote") and constraint.get(name):
            yield constraint.get(name)
    for one in constraint.all("resource_set"):
        if one.get("role").lower() in PROMOTED or one.get("action") in ("promote", "demote"):
            yield from (reference.id for reference in one.all("resource_ref"))


def _roles(index: Index, constraint: Element) -> Iterator[Problem]:
    for name in dict.fromkeys(_promoted_names(constraint)):
        if any(not index.is_promotable(each) for each in index.meant_by(name)):
            yield NOT_PROMOTABLE.at(constraint.id, id=constraint.id, name=name)


def _itself(index: Index, constraint: Element) -> Iterator[Problem]:
    for one, other in (("rsc", "with-rsc"), ("first", "then")):
        name = constraint.get(one)
        # promote after start of the same resource is an order of two different actions.
        is_same_action = constraint.get("first-action", "start") == constraint.get("then-action", "start")
        if name and name == constraint.get(other) and is_same_action:
            yield SELF.at(constraint.id, id=constraint.id, name=name)


def _ticket(index: Index, constraint: Element) -> Iterator[Problem]:
    policy = constraint.get("loss-policy").lower()
    if policy == "demote" and not any(_promoted_names(constraint)):
        yield DEMOTE_POLICY.at(constraint.id, id=constraint.id, name=next(named_in(constraint), ""))
    if policy == "fence" and not index.has_fencing:
        yield FENCE_POLICY.at(constraint.id, id=constraint.id)


# ---------------------------------------------------------------- orders


def _is_mandatory(constraint: Element) -> bool:
    kind = constraint.get("kind")
    return kind.lower() == "mandatory" if kind else (score(constraint.get("score", "INFINITY")) or 0) > 0


def _order_circles(index: Index) -> Iterator[Problem]:
    """A container's action begins before those of its members and ends after them."""
    graph = Graph()
    for element in index.resources.values():
        if element.tag in CONTAINERS:
            _add_container(graph, element)
    for constraint in index.constraints:
        if constraint.tag == "rsc_order" and _is_mandatory(constraint):
            _add_order(graph, index, constraint)
    seen: set[frozenset[str]] = set()
    for names, constraints in graph.circles():
        # What circles when starting circles when stopping too.
        if frozenset(constraints) in seen:
            continue
        seen.add(frozenset(constraints))
        shown = " → ".join(dict.fromkeys(str(name[0]) for name in names if str(name[0]) in index.resources))
        yield ORDER_CIRCLE.at(constraints[0], names=shown, constraints=", ".join(constraints))


def _add_container(graph: Graph, container: Element) -> None:
    members = [member.id for member in container.all(*RESOURCES)]
    for action in _ACTIONS:
        for member in members:
            graph.add((container.id, action, "begin"), (member, action, "begin"))
            graph.add((member, action, "begin"), (member, action, "end"))
            graph.add((member, action, "end"), (container.id, action, "end"))
    if container.tag == "group":
        for before, after in pairwise(members):
            graph.add((before, "start", "end"), (after, "start", "begin"))
            graph.add((after, "stop", "end"), (before, "stop", "begin"))


def _add_order(graph: Graph, index: Index, constraint: Element) -> None:
    is_symmetrical = boolean(constraint.get("symmetrical", "true")) is not False
    if constraint.get("first") and constraint.get("then"):
        first_action = constraint.get("first-action", "start")
        then_action = constraint.get("then-action") or first_action
        firsts, thens = index.meant_by(constraint.get("first")), index.meant_by(constraint.get("then"))
        if constraint.get("first") != constraint.get("then"):
            _join(graph, (firsts, first_action), (thens, then_action), constraint.id, is_symmetrical)
        return
    before: tuple[list[str], str] | None = None
    for number, one in enumerate(constraint.all("resource_set")):
        members = [each for reference in one.all("resource_ref") for each in index.meant_by(reference.id)]
        action = one.get("action") or "start"
        if boolean(one.get("sequential", "true")) is not False:
            for first, then in pairwise(members):
                _join(graph, ([first], action), ([then], action), constraint.id, is_symmetrical)
        if before is not None:
            _join(graph, before, (members, action), constraint.id, is_symmetrical, str(number))
        before = members, action


def _join(
    graph: Graph,
    first: tuple[list[str], str],
    then: tuple[list[str], str],
    constraint: str,
    is_symmetrical: bool,
    part: str = "",
) -> None:
    """All of one before any of the other, through one vertex between, so that it costs a + b edges and not a × b."""
    directions = [(first, then)]
    if is_symmetrical and first[1] in _INVERSE and then[1] in _INVERSE:
        directions.append(((then[0], _INVERSE[then[1]]), (first[0], _INVERSE[first[1]])))
    for (before, before_action), (after, after_action) in directions:
        between = (f"#{constraint}", f"{before_action}-{after_action}-{before[:1]}", part)
        for name in before:
            graph.add((name, before_action, "end"), between, constraint)
        for name in after:
            graph.add(between, (name, after_action, "begin"), constraint)
    for name in (*first[0], *then[0]):
        for action in _ACTIONS:
            graph.add((name, action, "begin"), (name, action, "end"))


# ---------------------------------------------------------------- colocations


def _pairs(index: Index, constraint: Element) -> Iterator[tuple[str, str, int]]:
    """(dependent, primary, score) between single resources; neighbours only, in a set."""
    value = score(constraint.get("score", "INFINITY")) or 0
    if constraint.get("rsc") and constraint.get("with-rsc"):
        for dependent in index.meant_by(constraint.get("rsc")):
            for primary in index.meant_by(constraint.get("with-rsc"))[:1]:
                yield dependent, primary, value
        return
    for one in constraint.all("resource_set"):
        own = score(one.get("score")) if one.get("score") else value
        members = [each for reference in one.all("resource_ref") for each in index.meant_by(reference.id)]
        if boolean(one.get("sequential", "true")) is not False:
            # In a sequential set each is placed with the one before it.
            for primary, dependent in pairwise(members):
                yield dependent, primary, own or 0


def _colocation_circles(index: Index) -> Iterator[Problem]:
    graph = Graph()
    for constraint in index.constraints:
        if constraint.tag == "rsc_colocation":
            for dependent, primary, value in _pairs(index, constraint):
                if value == SCORE_INFINITY and index.top(dependent) != index.top(primary):
                    one, other = (index.top(dependent), "", ""), (index.top(primary), "", "")
                    graph.add(one, other, constraint.id)
    for names, constraints in graph.circles():
        shown = " → ".join(str(name[0]) for name in names)
        yield COLOCATION_CIRCLE.at(constraints[0], names=shown, constraints=", ".join(constraints))


def _apart(index: Index) -> Iterator[Problem]:
    together: dict[tuple[str, str], str] = {}
    apart: dict[tuple[str, str], str] = {}
    for constraint in index.constraints:
        if constraint.tag != "rsc_colocation" or constraint.get("rsc-role") or constraint.get("with-rsc-role"):
            continue
        for dependent, primary, value in _pairs(index, constraint):
            group = _common_group(index, dependent, primary)
            if value == -SCORE_INFINITY and group:
                yield APART.at(constraint.id, resource=dependent, other=primary, one=group, two=constraint.id)
            key = min(dependent, primary), max(dependent, primary)
            if abs(value) == SCORE_INFINITY:
                (together if value > 0 else apart).setdefault(key, constraint.id)
    for key, two in apart.items():
        if key in together:
            yield APART.at(two, resource=key[0], other=key[1], one=together[key], two=two)


def _common_group(index: Index, one: str, other: str) -> str:
    above, same = index.parent.get(one, ""), index.parent.get(other, "")
    return above if above and above == same and index.resources[above].tag == "group" else ""
