"""Node health: what monitors of the nodes themselves say about them (`node-health-strategy`).

Reads the `#health…` attributes of each node; changes the scores of all resources on nodes that are not well.
"""

from __future__ import annotations

from hacluster.cib.model import SCORE_INFINITY
from hacluster.scheduler.values import add, is_true, score
from hacluster.scheduler.working import Cluster, Node

_COLOURS = {
    "migrate-on-red": {"green": 0, "yellow": 0, "red": -SCORE_INFINITY},
    "only-green": {"green": 0, "yellow": -SCORE_INFINITY, "red": -SCORE_INFINITY},
}


def apply_health(cluster: Cluster) -> None:
    """`custom` leaves it to the location constraints of the configuration."""
    strategy = cluster.options.values.get("node-health-strategy", "none").lower()
    if strategy not in ("migrate-on-red", "only-green", "progressive"):
        return
    colours = _COLOURS.get(strategy) or _progressive(cluster)
    base = score(cluster.options.values.get("node-health-base", "0")) if strategy == "progressive" else 0
    for node in cluster.nodes:
        health = health_of(node, colours, base)
        if health:
            _let_feel(cluster, node, health, strategy)


def _progressive(cluster: Cluster) -> dict[str, int]:
    values = cluster.options.values
    defaults = {"green": 0, "yellow": 0, "red": -SCORE_INFINITY}
    return {name: score(values.get(f"node-health-{name}", ""), known) for name, known in defaults.items()}


def health_of(node: Node, colours: dict[str, int], base: int = 0) -> int:
    """The sum of all its health attributes."""
    total = base
    for name, value in node.attributes.items():
        if name.startswith("#health"):
            total = add(total, colours.get(value.lower(), score(value) if value.lower() not in colours else 0))
    return total


def _let_feel(cluster: Cluster, node: Node, health: int, strategy: str) -> None:
    for resource in cluster.everything():
        may_stay = health < 0 and is_true(resource.meta.get("allow-unhealthy-nodes", ""))
        # A group's first member speaks for the others.
        is_follower = resource.parent is not None and resource.parent.variant == "group"
        is_follower = is_follower and resource.parent is not None and resource.parent.children[0] is not resource
        if not may_stay and not is_follower:
            resource.allow(node, health, f"{strategy}: health of {node.uname}")
