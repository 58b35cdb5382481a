"""What a sheet says correctly and yet cannot mean: circles, constraints of a resource with itself, unknown names.

Reads the finished model; reports, and changes nothing.
"""

from __future__ import annotations

import re

from hacluster.sheets.crm_text import additional_text
from hacluster.sheets.model import Order, SheetModel
from hacluster.sheets.problems import (
    CLASHING_ADDITIONAL,
    DANGLING_ADDITIONAL,
    MEMBER_REFERENCE,
    ORDER_CYCLE,
    SELF_REFERENCE,
    STONITH_MISSING,
    STONITH_SWITCHED_OFF,
    UNKNOWN_NODE,
    UNKNOWN_STATEMENT,
    Findings,
)
from hacluster.sheets.rows import Cell
from hacluster.sheets.tables import suggestion

_DEFINING = ("primitive", "group", "clone", "ms", "master", "bundle", "rsc_template")
_RELATING = ("colocation", "collocation", "order", "location", "rsc_ticket")
_OTHERS = (
    "node", "property", "rsc_defaults", "op_defaults", "fencing_topology", "tag", "role", "user", "acl_target",
    "acl_group", "alert", "xml", "monitor", "delete", "commit", "fencing-topology",
)  # fmt: skip
_BRACKETS = str.maketrans("()[]", "    ")
_SCORE = re.compile(r"[^\s:]+:\Z")


def check_model(model: SheetModel, nodes_named: list[Cell], findings: Findings) -> None:
    _check_pairs(model, findings)
    _check_cycles(model.orders, findings)
    _check_nodes(model, nodes_named, findings)
    _check_stonith(model, findings)
    _check_additional(model, findings)


def _check_pairs(model: SheetModel, findings: Findings) -> None:
    parents = {resource.id: resource.parent for resource in model.resources}
    pairs = [(c.rsc, c.with_rsc, c.at) for c in model.colocations if not c.generated]
    pairs += [
        (o.first, o.then, o.at) for o in model.orders if not o.generated and not o.first_action and not o.then_action
    ]
    for one, other, at in pairs:
        if one == other:
            findings.report(SELF_REFERENCE, at)
        for member, container in ((one, other), (other, one)):
            if _stands_in(member, container, parents):
                findings.report(MEMBER_REFERENCE, at, container=container, member=member)


def _stands_in(member: str, container: str, parents: dict[str, str]) -> bool:
    above = parents.get(member, "")
    while above:
        if above == container:
            return True
        above = parents.get(above, "")
    return False


def _check_cycles(orders: tuple[Order, ...], findings: Findings) -> None:
    after: dict[tuple[str, str], list[Order]] = {}
    for order in orders:
        if order.first != order.then and order.score not in ("0", "Optional", "optional"):
            after.setdefault((order.first, order.first_action or "start"), []).append(order)
    for order in orders:
        circle = _circle(order, after)
        # The last row of a circle is the one that closes it; the others are not blamed.
        if circle and order.at.row == max(o.at.row for o in circle):
            names = " → ".join([*(o.first for o in circle), circle[0].first])
            findings.report(ORDER_CYCLE, order.at, cycle=names)


def _circle(start: Order, after: dict[tuple[str, str], list[Order]]) -> list[Order]:
    """The orders that lead from the start back to it, or nothing."""
    home = (start.first, start.first_action or "start")
    if start not in after.get(home, []):
        return []
    pending, seen = [[start]], set[tuple[str, str]]()
    while pending:
        path = pending.pop()
        place = (path[-1].then, path[-1].then_action or path[-1].first_action or "start")
        if place == home:
            return path
        if place in seen:
            continue
        seen.add(place)
        pending.extend([*path, order] for order in after.get(place, []))
    return []


def _check_nodes(model: SheetModel, named: list[Cell], findings: Findings) -> None:
    known = {node.uname for node in model.nodes}
    for cell in named if known else []:
        if cell.text not in known:
            findings.report(UNKNOWN_NODE, cell, hint=suggestion(cell.text, sorted(known)))


def _check_stonith(model: SheetModel, findings: Findings) -> None:
    setting = next((p for p in reversed(model.properties) if p.name == "stonith-enabled"), None)
    devices = [primitive for primitive in model.primitives.values() if primitive.agent_class == "stonith"]
    if setting is None or not model.primitives:
        return
    enabled = setting.value.lower() in ("true", "yes", "y", "on", "1")
    if devices and not enabled:
        findings.report(STONITH_SWITCHED_OFF, setting.at, cell=setting.value)
    if enabled and not devices and not model.additional:
        findings.report(STONITH_MISSING, setting.at)


def _check_additional(model: SheetModel, findings: Findings) -> None:
    known = {resource.id for resource in model.resources}
    pieces = [(cell, additional_text(cell).replace("\\\n", " ").split()) for cell in model.additional]
    pieces = [(cell, words) for cell, words in pieces if words and not words[0].startswith("#")]
    defined = {words[1] for _, words in pieces if words[0].lower() in _DEFINING and len(words) > 1}
    taken = known | _constraint_ids(model)
    for cell, words in pieces:
        keyword = words[0].lower()
        if keyword not in (*_DEFINING, *_RELATING, *_OTHERS):
            findings.report(UNKNOWN_STATEMENT, cell, name=words[0])
        elif keyword in (*_DEFINING, *_RELATING) and len(words) > 1:
            if words[1] in taken:
                findings.report(CLASHING_ADDITIONAL, cell, name=words[1])
            taken.add(words[1])
        for name in _related(keyword, words):
            if name not in known and name not in defined:
                findings.report(DANGLING_ADDITIONAL, cell, name=name)


def _constraint_ids(model: SheetModel) -> set[str]:
    locations = enumerate((*model.locations, *model.expert_locations), start=1)
    return {
        *(f"rsc_location-{location.rsc}-{n}" for n, location in locations),
        *(f"rsc_colocation-{c.rsc}-{c.with_rsc}-{n}" for n, c in enumerate(model.colocations, start=1)),
        *(f"rsc_order-{o.first}-{o.then}-{n}" for n, o in enumerate(model.orders, start=1)),
        *(f"rsc_ticket-{t.ticket}-{n}" for n, t in enumerate(model.tickets, start=1)),
        *(f"alert_{n}" for n, _ in enumerate(model.alerts, start=1)),
    }


def _related(keyword: str, words: list[str]) -> list[str]:
    """The resources that a statement names, as far as plain words tell."""
    rest = " ".join(words[2:]).translate(_BRACKETS).split()
    if keyword == "location":
        return [word for word in rest[:1] if "=" not in word and "/" not in word and not word.startswith("{")]
    if keyword in ("group", "clone", "ms", "master"):
        members: list[str] = []
        for word in rest:
            if word in ("meta", "params") or "=" in word:
                break
            members.append(word)
        return members
    if keyword not in _RELATING:
        return []
    named = [word for word in rest if "=" not in word and not _SCORE.match(word) and not word.startswith(("{", "}"))]
    return list(dict.fromkeys(word.partition(":")[0] for word in named))
