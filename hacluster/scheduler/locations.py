"""How much each resource wants each node before it knows of the others: location rules, stickiness, failures, tickets.

Reads constraints and the working model; writes `scores` with a reason for each contribution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hacluster.cib.model import SCORE_INFINITY, Cib, Element
from hacluster.scheduler.digests import parameters_of
from hacluster.scheduler.failures import fail_count_with_fillers
from hacluster.scheduler.graph import Reason
from hacluster.scheduler.references import References
from hacluster.scheduler.tickets import apply_tickets
from hacluster.scheduler.values import boolean, rule_applies, score
from hacluster.scheduler.words import constraint_role
from hacluster.scheduler.working import Cluster, Node, Resource, Role, RoleLocation, Variant


@dataclass(slots=True)
class _Location:
    """What one constraint, or one rule of it, says."""

    scores: dict[int, int]
    role: Role
    discovery: str
    cause: str


def score_nodes(cib: Cib, cluster: Cluster, references: References) -> None:
    """Fill in the scores that don't depend on other resources."""
    for constraint in cib.section("constraints").all("rsc_location"):
        for resource, role in targets_of(cluster, constraint, references):
            for location in _locations(cluster, constraint, role, resource):
                _apply(cluster, resource, location)
    for name in sorted(apply_tickets(cib, cluster, references)):
        banned = dict.fromkeys(range(len(cluster.nodes)), -SCORE_INFINITY)
        cluster.by_id[name].role_locations.append(RoleLocation(Role.PROMOTED, banned, "no ticket"))
    for resource in cluster.primitives():
        _stick(cluster, resource)
        _count_failures(cluster, resource)
    for resource in cluster.everything():
        _keep_to_exclusive(cluster, resource)


def targets_of(cluster: Cluster, constraint: Element, references: References) -> Iterator[tuple[Resource, str]]:
    """The resources a location constraint is about, with the role: by id, pattern, tag, template or set."""
    pattern = constraint.get("rsc-pattern")
    if not pattern:
        for resource, role in references.all_in(constraint):
            yield resource, role or constraint.get("role")
        return
    is_inverted = pattern.startswith("!")
    found = re.compile(pattern.removeprefix("!"))
    for resource in cluster.resources:
        if bool(found.search(resource.id)) != is_inverted:
            yield resource, constraint.get("role")


def _locations(cluster: Cluster, constraint: Element, role: str, resource: Resource) -> Iterator[_Location]:
    cause = f"location {constraint.id}"
    discovery = constraint.get("resource-discovery", "always")
    if constraint.get("node"):
        wanted = constraint.get("node").lower()
        given = score(constraint.get("score", "0"))
        scores = {node.index: given for node in cluster.nodes if node.uname.lower() == wanted}
        yield _Location(scores, constraint_role(role), discovery, cause)
        return
    for rule in constraint.all("rule"):
        rule = _about(rule, constraint, resource)
        holds = [node for node in cluster.nodes if _holds(rule, node, resource, cluster.now)]
        scores = {node.index: _score_of(rule, node) for node in holds}
        for_role = constraint_role(rule.get("role") or role)
        yield _Location(scores, for_role, discovery, f"{cause} ({_in_words(rule)})")


def _holds(rule: Element, node: Node, resource: Resource, now: float) -> bool:
    """`value-source` asks for a parameter or meta attribute of the resource, as it is on that node."""
    about: dict[str, str] = {}
    if any(found.get("value-source") in ("param", "meta") for found in rule.walk()):
        about = {f"param:{name}": value for name, value in parameters_of(resource, node).items()}
        about |= {f"meta:{name}": value for name, value in resource.meta.items()}
    return rule_applies(rule, node.attributes, now, about)


def _about(rule: Element, constraint: Element, resource: Resource) -> Element:
    """The rule with `%1` … in attribute names filled in with what the pattern found in the resource's name."""
    pattern = constraint.get("rsc-pattern")
    if not pattern or pattern.startswith("!") or not any("%" in one.get("attribute") for one in rule.walk()):
        return rule
    found = re.search(pattern, resource.id)
    groups = [found[0], *found.groups("")] if found is not None else []
    return _filled_in(rule, groups)


def _filled_in(element: Element, groups: list[str]) -> Element:
    name = element.get("attribute")
    for number, text in enumerate(groups):
        name = name.replace(f"%{number}", text)
    element = element.with_attributes({"attribute": name}) if "attribute" in element.attributes else element
    return element.with_children(tuple(_filled_in(child, groups) for child in element.children))


def _score_of(rule: Element, node: Node) -> int:
    by_attribute = rule.get("score-attribute")
    return score(node.attributes.get(by_attribute, "0")) if by_attribute else score(rule.get("score", "INFINITY"))


def _in_words(rule: Element) -> str:
    words = []
    for part in rule.all("expression", "date_expression", "rule"):
        if part.tag == "expression":
            words.append(" ".join(w for w in (part.get("attribute"), part.get("operation"), part.get("value")) if w))
        else:
            words.append(part.tag)
    return f" {rule.get('boolean-op', 'and')} ".join(words)


def _apply(cluster: Cluster, resource: Resource, location: _Location) -> None:
    if location.role is not Role.UNKNOWN:
        resource.role_locations.append(RoleLocation(location.role, location.scores, location.cause))
        if location.role is Role.PROMOTED or resource.next_role is not location.role:
            return
    for index, given in location.scores.items():
        resource.allow(cluster.nodes[index], given, location.cause)
    _apply_discovery(resource, location)
    for replica in resource.replicas:
        if replica.address is not None:
            _apply(cluster, replica.address, location)
    is_group = resource.variant is Variant.GROUP and boolean(resource.meta.get("collocated", ""), True)
    for position, child in enumerate(resource.children):
        # Only the first member of a group is told: the others go where it goes.
        scores = dict.fromkeys(location.scores, 0) if is_group and position else location.scores
        _apply(cluster, child, _Location(scores, Role.UNKNOWN, location.discovery, location.cause))


def _apply_discovery(resource: Resource, location: _Location) -> None:
    if location.discovery == "never":
        resource.never_probed_on |= set(location.scores)
    elif location.discovery == "exclusive":
        resource.exclusive_on = (resource.exclusive_on or set()) | set(location.scores)


def _keep_to_exclusive(cluster: Cluster, resource: Resource) -> None:
    holder = resource if resource.exclusive_on is not None else resource.top
    if holder.exclusive_on is None:
        return
    mine = resource.exclusive_on or set()
    resource.ban_only([node for node in cluster.nodes if node.index not in mine], "discovery is exclusive elsewhere")


def _stick(cluster: Cluster, resource: Resource) -> None:
    """An active resource likes where it is; in a cluster where nothing is allowed by default only if it still is."""
    if not resource.is_managed or resource.stickiness < 1 or len(resource.active) != 1:
        return
    node = cluster.nodes[next(iter(resource.active))]
    if cluster.options.is_symmetric or node.index in resource.scores:
        resource.allow(node, resource.stickiness, "stickiness")


def _count_failures(cluster: Cluster, resource: Resource) -> None:
    if resource.ignores_failures:
        return
    for node in cluster.nodes:
        count = fail_count_with_fillers(cluster, resource, node)
        if count and count >= resource.threshold:
            shown = "INFINITY" if count >= SCORE_INFINITY else str(count)
            limit = "INFINITY" if resource.threshold >= SCORE_INFINITY else str(resource.threshold)
            # An anonymous instance speaks for its clone, and its siblings say the same.
            banned = resource.top if resource.is_anonymous else resource
            reason = Reason(node.uname, -SCORE_INFINITY, f"failcount {shown} of {limit}")
            if reason not in banned.reasons:
                banned.ban([node], reason.cause)


__all__ = ["score_nodes", "targets_of"]
