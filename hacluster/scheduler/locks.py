"""Shutdown locks: what a node held when it was shut down in order waits for it (`shutdown-lock`).

Reads the option, the histories and which nodes are leaving; bans all other nodes while a lock holds.
"""

from __future__ import annotations

from hacluster.scheduler.values import duration_ms, is_true
from hacluster.scheduler.working import Cluster, Node, Resource, Variant


def apply_shutdown_locks(cluster: Cluster) -> None:
    """A member's lock speaks for its group."""
    for resource in cluster.primitives():
        node = lock_of(cluster, resource)
        if node is None:
            continue
        others = [other for other in cluster.nodes if other is not node]
        speaker = resource.parent.children[0] if _is_member(resource) and resource.parent is not None else resource
        speaker.ban_only(others, f"shutdown lock of {node.uname}")
        if speaker is not resource:
            resource.ban_only(others, f"shutdown lock of {node.uname}")


def lock_of(cluster: Cluster, resource: Resource) -> Node | None:
    """The node it waits for. Only primitives and groups outside clones are locked, and no fence devices."""
    options = cluster.options.values
    if not is_true(options.get("shutdown-lock", "")):
        return None
    if resource.clone is not None or resource.agent[0] == "stonith" or resource.is_orphan:
        return None
    found = _left_with(cluster, resource)
    if found is None:
        return None
    node, since = found
    limit_s = duration_ms(options.get("shutdown-lock-limit", "0")) / 1000
    if limit_s and since + limit_s <= cluster.now:
        return None
    if limit_s:
        cluster.recheck(since + limit_s)
    return node


def _is_member(resource: Resource) -> bool:
    return resource.parent is not None and resource.parent.variant is Variant.GROUP


def _left_with(cluster: Cluster, resource: Resource) -> tuple[Node, float] | None:
    """(node, since when): the node that is leaving with it, or that left with it."""
    if len(resource.active) == 1:
        node = cluster.nodes[next(iter(resource.active))]
        if node.is_shutting_down and node.is_online and not node.is_unclean:
            return node, _number(node.attributes.get("shutdown", "")) or cluster.now
        return None
    if resource.active:
        return None
    for index, entry in resource.entries.items():
        since = _number(entry.get("shutdown-lock"))
        if since:
            return cluster.nodes[index], since
    return None


def _number(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
