"""Going back to an earlier configuration, as an ordinary change of the present one.

Reads the running Cib and an old one; gives the running one with the old configuration. What belongs to the running
cluster stays: its nodes (those that joined later have no old entry) and the properties that the cluster writes itself.
"""

from __future__ import annotations

from hacluster.cib.model import NOTHING, Cib, Element

CLUSTERS_OWN = ("cluster-infrastructure", "cluster-name", "dc-version", "have-watchdog", "last-lrm-refresh")


def rolled_back(running: Cib, old: Cib) -> Cib:
    configuration = old.configuration
    for tag, section in (
        ("nodes", _nodes(running.section("nodes"), old.section("nodes"))),
        ("crm_config", _properties(running.section("crm_config"), old.section("crm_config"))),
    ):
        before = configuration.find(tag)
        if before is not None:
            configuration = configuration.replacing(before, section)
        elif section.children:
            configuration = configuration.with_child(section)
    return running.with_configuration(configuration)


def _nodes(running: Element, old: Element) -> Element:
    """Every node of today, with the attributes it had then."""
    then = {node.get("uname"): node for node in old.all("node")}
    nodes = tuple(
        node.with_children(then[node.get("uname")].children) if node.get("uname") in then else node
        for node in running.all("node")
    )
    return Element("nodes", running.attributes, nodes)


def _properties(running: Element, old: Element) -> Element:
    """The old properties, with today's value of those that only the cluster writes."""
    today = {
        pair.get("name"): pair
        for block in running.children
        for pair in block.all("nvpair")
        if pair.get("name") in CLUSTERS_OWN
    }
    blocks = [block.mapping_children(lambda pair: today.pop(pair.get("name"), pair)) for block in old.children]
    if today:
        blocks = blocks or [Element("cluster_property_set", {"id": "cib-bootstrap-options"})]
        blocks[0] = blocks[0].with_children((*blocks[0].children, *today.values()))
    return Element("crm_config", (old if old is not NOTHING else running).attributes, tuple(blocks))
