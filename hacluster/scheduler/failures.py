"""Failcounts: how often a resource failed on a node, and whether that still counts.

Reads the nodes' `fail-count-*` and `last-failure-*` attributes; gives counts and notes which are to be cleared.
"""

from __future__ import annotations

from hacluster.cib.model import SCORE_INFINITY
from hacluster.scheduler.values import score
from hacluster.scheduler.working import Cluster, Node, Resource

_COUNT = "fail-count-"
_LAST = "last-failure-"


def raw_fail_count(resource: Resource, node: Node) -> tuple[int, float]:
    """(sum over operations, unix time of the newest failure), whatever the time."""
    if not node.has_failures:
        return 0, 0.0
    total, newest = 0, 0.0
    for name, value in node.attributes.items():
        if name.startswith(_COUNT) and _is_of(name.removeprefix(_COUNT), resource):
            total = min(SCORE_INFINITY, total + max(0, score(value)))
        elif name.startswith(_LAST) and _is_of(name.removeprefix(_LAST), resource):
            newest = max(newest, float(value) if value.replace(".", "", 1).isdigit() else 0.0)
    return total, newest


def _is_of(name: str, resource: Resource) -> bool:
    name = name.partition("#")[0]
    if name == resource.shown_id:
        return True
    # Old statuses count an anonymous instance under its number.
    return resource.is_anonymous and name.rpartition(":")[0] == resource.base_id and name.rpartition(":")[2].isdecimal()


def fail_count_with_fillers(cluster: Cluster, resource: Resource, node: Node) -> int:
    """What fails inside counts for what it is inside of, too; a bundle's parts count each for itself."""
    total, _ = effective_fail_count(cluster, resource, node)
    for filler in resource.fillers if resource.bundle is None else ():
        total = min(SCORE_INFINITY, total + effective_fail_count(cluster, filler, node)[0])
    return total


def effective_fail_count(cluster: Cluster, resource: Resource, node: Node) -> tuple[int, float]:
    """The failcount that counts now: failures older than failure-timeout are forgiven."""
    total, newest = raw_fail_count(resource, node)
    if total and resource.failure_timeout_ms > 0 and newest:
        ends = newest + resource.failure_timeout_ms / 1000
        if ends < cluster.now:
            return 0, newest
        cluster.recheck(ends)
    return total, newest


def clear_failcount(cluster: Cluster, resource: Resource, node: Node) -> None:
    """Ask for the failcount to be taken away; what nobody manages keeps its own."""
    if not resource.is_managed:
        return
    cluster.clearings.setdefault((resource.shown_id, node.index), resource)
