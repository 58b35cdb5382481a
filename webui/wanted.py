"""What the configuration wants of the cluster, read once for each configuration.

Reads the configuration of a CIB; gives `Wanted`: its resources as a tree, the rules that keep them off nodes, and which
of them each node attribute concerns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hacluster.cib.model import SCORE_INFINITY, Cib, Element
from webui.picture import Resource, is_yes, nvpairs, whole

RESOURCE_TAGS = ("primitive", "group", "clone", "master", "bundle")
SECTIONS = ("crm_config", "nodes", "resources", "constraints", "rsc_defaults")


@dataclass(frozen=True, slots=True)
class Wanted:
    sections: tuple[Element, ...]
    """What it was read from."""
    properties: dict[str, str]
    node_names: tuple[str, ...]
    attributes: dict[str, dict[str, str]]
    """Node -> its permanent attributes."""
    resources: dict[str, Resource]
    children: dict[str, list[str]]
    """Resource -> its members, in their order; those of "" are the top-level resources."""
    roots: dict[str, str]
    """Resource -> the top-level resource that it belongs to."""
    locations: dict[str, list[Element]]
    concerned: dict[str, set[str]]
    """Node attribute -> the top-level resources that a rule about it concerns."""

    @property
    def all_maintenance(self) -> bool:
        return is_yes(self.properties.get("maintenance-mode", ""))

    def is_still(self, cib: Cib) -> bool:
        """Whether a CIB has this very configuration: versions share the branches in which nothing was changed."""
        return all(now is was for now, was in zip(_sections(cib), self.sections, strict=True))

    def ancestors(self, resource: str) -> list[str]:
        found = []
        while resource := self.resources[resource].parent:
            found.append(resource)
        return found

    def family(self, resource: str) -> list[str]:
        """The other members of its group: one cannot go anywhere without the others."""
        parent = self.resources[resource].parent
        if not parent or self.resources[parent].kind != "group":
            return []
        return [each for each in self.children[parent] if each != resource]

    def leaves(self, resource: str) -> list[str]:
        """The primitives below a resource, itself included when it is one."""
        if self.resources[resource].kind == "primitive":
            return [resource]
        return [leaf for child in self.children.get(resource, ()) for leaf in self.leaves(child)]

    def is_cloned(self, resource: str) -> bool:
        return any(self.resources[each].kind in ("clone", "promotable", "bundle") for each in self.ancestors(resource))


def wanted_of(cib: Cib) -> Wanted:
    properties: dict[str, str] = {}
    for block in cib.section("crm_config").all("cluster_property_set"):
        for pair in block.all("nvpair"):
            properties.setdefault(pair.get("name"), pair.get("value"))
    resources = {each.id: each for each in _resources(cib, properties)}
    children: dict[str, list[str]] = {"": []}
    roots: dict[str, str] = {}
    for each in resources.values():
        children.setdefault(each.parent, []).append(each.id)
        roots[each.id] = roots.get(each.parent, each.id)
    locations: dict[str, list[Element]] = {}
    for location in cib.section("constraints").all("rsc_location"):
        locations.setdefault(location.get("rsc"), []).append(location)
    nodes = list(cib.section("nodes").all("node"))
    return Wanted(
        sections=_sections(cib),
        properties=properties,
        node_names=tuple(each.get("uname") for each in nodes),
        attributes={each.get("uname"): nvpairs(each, "instance_attributes") for each in nodes},
        resources=resources,
        children=children,
        roots=roots,
        locations=locations,
        concerned=_concerned(locations, roots),
    )


def _sections(cib: Cib) -> tuple[Element, ...]:
    return tuple(cib.section(name) for name in SECTIONS)


def _concerned(locations: dict[str, list[Element]], roots: dict[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for resource, its in locations.items():
        for element in (each for location in its for each in location.walk() if each.tag == "expression"):
            if resource in roots:
                found.setdefault(element.get("attribute"), set()).add(roots[resource])
    return found


def _resources(cib: Cib, properties: dict[str, str]) -> Iterator[Resource]:
    defaults = nvpairs(cib.section("rsc_defaults"), "meta_attributes")
    for element in cib.section("resources").all(*RESOURCE_TAGS):
        yield from _resource(element, "", 0, dict(defaults), properties)


def _resource(
    element: Element, parent: str, depth: int, inherited: dict[str, str], properties: dict[str, str]
) -> Iterator[Resource]:
    meta = {**inherited, **nvpairs(element, "meta_attributes")}
    kind = "clone" if element.tag == "master" else element.tag
    if element.tag == "master" or is_yes(meta.get("promotable", "")):
        kind = "promotable" if element.tag in ("clone", "master") else kind
    agent = ":".join(part for part in (element.get("class"), element.get("provider"), element.get("type")) if part)
    yield Resource(
        id=element.id,
        kind=kind,
        agent=agent,
        parent=parent,
        depth=depth,
        should_run=meta.get("target-role", "Started").lower() != "stopped",
        managed=is_yes(meta.get("is-managed", properties.get("is-managed-default", "true"))),
        maintenance=is_yes(meta.get("maintenance", "")) or is_yes(properties.get("maintenance-mode", "")),
        threshold=whole(meta.get("migration-threshold", ""), SCORE_INFINITY) or SCORE_INFINITY,
        fencing=any(each.get("class") == "stonith" for each in element.walk() if each.tag == "primitive"),
    )
    for child in element.all("primitive", "group"):
        yield from _resource(child, element.id, depth + 1, meta, properties)


# ---------------------------------------------------------------- rules


def forbids(location: Element, node: str, attributes: Mapping[str, str]) -> str:
    """The sentence of the rule that keeps everything off this node, or ""."""
    if location.get("node") == node and whole(location.get("score"), 0) <= -SCORE_INFINITY:
        return location.id
    for rule in location.all("rule"):
        if whole(rule.get("score"), 0) <= -SCORE_INFINITY and _rule_holds(rule, node, attributes):
            return rule_text(rule)
    return ""


def _rule_holds(rule: Element, node: str, attributes: Mapping[str, str]) -> bool:
    results = [_expression_holds(each, node, attributes) for each in rule.all("expression", "rule")]
    return bool(results) and (any(results) if rule.get("boolean-op") == "or" else all(results))


def _expression_holds(expression: Element, node: str, attributes: Mapping[str, str]) -> bool:
    if expression.tag == "rule":
        return _rule_holds(expression, node, attributes)
    name, value = expression.get("attribute"), expression.get("value")
    actual = node if name == "#uname" else attributes.get(name)
    match expression.get("operation"):
        case "defined":
            return actual is not None
        case "not_defined":
            return actual is None
        case operation:
            return actual is not None and compares(operation, actual, value)


def compares(operation: str, actual: str, wanted: str) -> bool:
    pair: tuple[float, float] | tuple[str, str] = (actual, wanted)
    with contextlib.suppress(ValueError):
        pair = (float(actual), float(wanted))
    left, right = pair
    match operation:
        case "eq":
            return left == right
        case "ne":
            return left != right
        case "lt":
            return left < right  # type: ignore[operator]
        case "lte":
            return left <= right  # type: ignore[operator]
        case "gt":
            return left > right  # type: ignore[operator]
        case "gte":
            return left >= right  # type: ignore[operator]
        case _:
            return False


def rule_text(rule: Element) -> str:
    parts = []
    for each in rule.all("expression"):
        words = (each.get("attribute"), each.get("operation"), each.get("value"))
        if each.get("operation") in ("defined", "not_defined"):
            words = (each.get("operation"), each.get("attribute"), "")
        parts.append(" ".join(word for word in words if word))
    return f" {rule.get('boolean-op', 'and')} ".join(parts)
