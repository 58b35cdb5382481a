"""How much each resource wants each node: location rules, stickiness, failures.

Reads constraints and the working model; writes `scores` with a reason for each contribution. A group's scores stand at
the group; those of a clone at the clone, and each instance starts with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hacluster.cib.model import SCORE_INFINITY, Cib, Element
from hacluster.scheduler.references import References
from hacluster.scheduler.tickets import apply_tickets
from hacluster.scheduler.unpack import fail_count_of
from hacluster.scheduler.values import add, rule_applies, score
from hacluster.scheduler.working import Cluster, Node, Resource, Role, Variant

_PROMOTED_WORDS = ("promoted", "master")


def score_nodes(cib: Cib, cluster: Cluster, references: References) -> dict[str, dict[int, int]]:
    """Fill in the scores; gives the additional scores for the promoted role, by clone and node."""
    _base(cluster)
    promoted: dict[str, dict[int, int]] = {}
    for constraint in cib.section("constraints").all("rsc_location"):
        for resource in targets_of(cluster, constraint, references):
            _apply_location(cluster, constraint, resource, promoted)
    for resource in cluster.primitives():
        _stick(cluster, resource)
        _count_failures(cluster, resource)
    for name in sorted(apply_tickets(cib, cluster, references)):
        promoted[name] = {node.index: -SCORE_INFINITY for node in cluster.nodes}
    return promoted


def _base(cluster: Cluster) -> None:
    if cluster.options.is_symmetric:
        return
    for resource in cluster.resources:
        for node in cluster.nodes:
            resource.scores[node.index] = 0


def targets_of(cluster: Cluster, constraint: Element, references: References) -> Iterator[Resource]:
    """The resources a location constraint is about: by id, pattern, tag, template or set."""
    pattern = constraint.get("rsc-pattern")
    if pattern:
        for resource in [*cluster.resources, *(child for top in cluster.resources for child in top.children)]:
            if re.search(pattern, resource.base_id):
                yield resource
        return
    for resource, _ in references.all_in(constraint):
        yield resource


def _apply_location(
    cluster: Cluster, constraint: Element, resource: Resource, promoted: dict[str, dict[int, int]]
) -> None:
    cause = f"location {constraint.id}"
    is_promoted = constraint.get("role").lower() in _PROMOTED_WORDS
    if constraint.get("node"):
        node = next((n for n in cluster.nodes if n.uname.lower() == constraint.get("node").lower()), None)
        if node is not None:
            _give(resource, node, score(constraint.get("score", "0")), cause, is_promoted, promoted)
        return
    for rule in constraint.all("rule"):
        for_promoted = is_promoted or rule.get("role").lower() in _PROMOTED_WORDS
        for node in cluster.nodes:
            if rule_applies(rule, node.attributes, cluster.now):
                given = _score_of(rule, node)
                _give(resource, node, given, f"{cause} ({_in_words(rule)})", for_promoted, promoted)


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


def _give(
    resource: Resource, node: Node, given: int, cause: str, for_promoted: bool, promoted: dict[str, dict[int, int]]
) -> None:
    if for_promoted:
        clone = resource if resource.variant is Variant.CLONE else resource.clone
        if clone is not None:
            found = promoted.setdefault(clone.id, {})
            found[node.index] = add(found.get(node.index, 0), given)
        return
    resource.add_score(node, given, cause)


def _stick(cluster: Cluster, resource: Resource) -> None:
    for index in sorted(resource.active):
        node = cluster.nodes[index]
        if resource.stickiness and node.is_online and len(resource.active) == 1:
            resource.add_score(node, resource.stickiness, "stickiness")


def _count_failures(cluster: Cluster, resource: Resource) -> None:
    for node in cluster.nodes:
        count, _ = fail_count_of(cluster, resource, node)
        if count and count >= resource.threshold and resource.is_managed:
            shown = "INFINITY" if count >= SCORE_INFINITY else str(count)
            limit = "INFINITY" if resource.threshold >= SCORE_INFINITY else str(resource.threshold)
            resource.add_score(node, -SCORE_INFINITY, f"failcount {shown} of {limit}")


def role_of(word: str) -> Role:
    """`Started`, `Stopped`, `Promoted`/`Master`, `Unpromoted`/`Slave`, in any case."""
    return {
        "stopped": Role.STOPPED,
        "started": Role.STARTED,
        "promoted": Role.PROMOTED,
        "master": Role.PROMOTED,
        "unpromoted": Role.UNPROMOTED,
        "slave": Role.UNPROMOTED,
    }.get(word.lower(), Role.UNKNOWN)
