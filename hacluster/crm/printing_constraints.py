"""Constraints → crm text."""

from __future__ import annotations

from itertools import pairwise

from hacluster.cib.model import Element
from hacluster.crm.printing_parts import CantSay, Style, joined, plain, quoted


def print_constraint(element: Element, style: Style) -> str:
    match element.tag:
        case "rsc_location":
            return _location(element, style)
        case "rsc_colocation":
            return _colocation(element, style)
        case "rsc_order":
            return _order(element, style)
        case "rsc_ticket":
            return _ticket(element)
    raise CantSay


def _location(element: Element, style: Style) -> str:
    if element.get("rsc-pattern"):
        subject = [plain(f"/{element.get('rsc-pattern')}/")]
    elif element.get("rsc"):
        subject = [plain(element.get("rsc"))]
    else:
        subject = ["{", *_sets(element, "role"), "}"]
    head = ["location", element.id, *subject]
    head += [f"{name}={quoted(element.get(name))}" for name in ("role", "resource-discovery") if element.get(name)]
    rules = list(element.all("rule"))
    if rules:
        return joined([" ".join(head), *(style.rule(rule) for rule in rules)])
    return " ".join([*head, style.score(element), plain(element.get("node"))])


def _sets(element: Element, kind: str) -> list[str]:
    words: list[str] = []
    for one in element.all("resource_set"):
        detail = one.get(kind)
        members = [plain(f"{ref.id}:{detail}" if detail else ref.id) for ref in one.all("resource_ref")]
        is_sequential, needs_all = one.get("sequential", "true") == "true", one.get("require-all", "true") == "true"
        if not needs_all:
            words += ["[", *members, *(["sequential=true"] if is_sequential else []), "]"]
        elif not is_sequential:
            words += ["(", *members, ")"]
        else:
            words += members
    _must_be_sayable(element, kind)
    return words


def _must_be_sayable(element: Element, kind: str) -> None:
    """Two plain sets beside each other would be read as one, unless their roles differ."""
    sets = list(element.all("resource_set"))
    for one, other in pairwise(sets):
        plain = all(
            found.get("sequential", "true") == found.get("require-all", "true") == "true" for found in (one, other)
        )
        if plain and one.get(kind) == other.get(kind):
            raise CantSay
    for one in sets:
        if set(one.attributes) - {"id", "sequential", "require-all", "role", "action"}:
            raise CantSay
        if one.get("role" if kind == "action" else "action"):
            raise CantSay


_BRACKETS = ("(", ")", "[", "]")


def _forced(element: Element, words: list[str]) -> list[str]:
    """Two resources in one set look like the simple form unless a word says otherwise."""
    sets = list(element.all("resource_set"))
    if sum(len(one.children) for one in sets) < 2:
        raise CantSay
    named = [word for word in words if word not in _BRACKETS and "=" not in word]
    return ["_rsc_set_", *words] if len(named) == 2 and words[-1] not in (")", "]") else words


def _colocation(element: Element, style: Style) -> str:
    head = ["colocation", element.id, style.score(element)]
    if any(element.all("resource_set")):
        members = _forced(element, _sets(element, "role"))
    else:
        members = [_with_detail(element, "rsc", "rsc-role"), _with_detail(element, "with-rsc", "with-rsc-role")]
    attribute = element.get("node-attribute")
    return " ".join([*head, *members, *([f"node-attribute={quoted(attribute)}"] if attribute else [])])


def _with_detail(element: Element, name: str, detail: str) -> str:
    return plain(f"{element.get(name)}:{element.get(detail)}" if element.get(detail) else element.get(name))


def _order(element: Element, style: Style) -> str:
    head = ["order", element.id]
    if element.get("kind"):
        head.append(f"{element.get('kind')}:")
    elif element.get("score"):
        raise CantSay  # a score in front would come back as a kind
    if any(element.all("resource_set")):
        members = _forced(element, _sets(element, "action"))
    else:
        members = [_with_detail(element, "first", "first-action"), _with_detail(element, "then", "then-action")]
    symmetrical = element.get("symmetrical")
    return " ".join([*head, *members, *([f"symmetrical={symmetrical}"] if symmetrical else [])])


def _ticket(element: Element) -> str:
    head = ["rsc_ticket", element.id, plain(f"{element.get('ticket')}:")]
    members = _sets(element, "role") or [_with_detail(element, "rsc", "rsc-role")]
    policy = element.get("loss-policy")
    return " ".join([*head, *members, *([f"loss-policy={policy}"] if policy else [])])
