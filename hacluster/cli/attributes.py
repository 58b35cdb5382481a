"""Reading and writing attributes: transient ones through the agent, the others as pairs in the CIB.

Reads a Cib; gives values, and the CibChange that sets or deletes one. Shared by crm_attribute, crm_master,
attrd_updater, crm_failcount and crm_standby.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.cli.exits import CommandFailed, Exit

if TYPE_CHECKING:
    from hacluster.cli.cluster import FileCluster, LiveCluster
    from hacluster.protocol.messages import CibChange

NO_SUCH = "Error performing operation: No such device or address"


def node_element(cib: Cib, name: str) -> Element:
    for node in cib.section("nodes").all("node"):
        if name.lower() in (node.get("uname").lower(), node.id.lower()):
            return node
    raise CommandFailed(Exit.NOSUCH, f"Could not map name={name} to a UUID: there is no such node")


def pair_holder(cib: Cib, scope: str, node: str, set_id: str) -> tuple[str, Element, str, str]:
    """(section, holder of the sets, tag of a set, default id of the set) for crm_config, nodes or the defaults."""
    match scope:
        case "crm_config":
            return "crm_config", cib.section("crm_config"), "cluster_property_set", set_id or "cib-bootstrap-options"
        case "rsc_defaults" | "op_defaults":
            name = "rsc-options" if scope == "rsc_defaults" else "op-options"
            return scope, cib.section(scope), "meta_attributes", set_id or name
        case "utilization":
            found = node_element(cib, node)
            return "nodes", found, "utilization", set_id or f"nodes-{found.id}-utilization"
    found = node_element(cib, node)
    return "nodes", found, "instance_attributes", set_id or f"nodes-{found.id}"


def pairs_of(cib: Cib, scope: str, node: str, set_id: str) -> Iterator[Element]:
    """The name-value pairs of a scope, in its sets or in one of them; of a ticket, what it says of itself."""
    if scope == "tickets":
        return iter(())
    _, holder, tag, default = pair_holder(cib, scope, node, set_id)
    return (pair for block in holder.all(tag) if not set_id or block.id == default for pair in block.all("nvpair"))


def pair_of(cib: Cib, scope: str, node: str, set_id: str, name: str) -> Element | None:
    return next((pair for pair in pairs_of(cib, scope, node, set_id) if pair.get("name") == name), None)


def read_pair(cib: Cib, scope: str, node: str, set_id: str, name: str) -> str | None:
    found = pair_of(cib, scope, node, set_id, name)
    return found.get("value") if found is not None else None


def write_pair(
    cib: Cib, scope: str, node: str, set_id: str, name: str, value: str | None, pair_id: str = ""
) -> CibChange | None:
    """The change that sets a pair (None deletes it), or None when there is nothing to do."""
    from hacluster.cib.codec import to_xml
    from hacluster.protocol.messages import CibChange, CibOperationKind

    if scope == "tickets":
        raise CommandFailed(Exit.UNIMPLEMENT_FEATURE, "tickets are granted, revoked and set with crm_ticket")
    section, holder, tag, default = pair_holder(cib, scope, node, set_id)
    pair = pair_of(cib, scope, node, set_id, name)
    if pair is not None and value is None:
        xml = to_xml(Element("nvpair", {"id": pair.id}))
        return CibChange(kind=CibOperationKind.DELETE, section=section, xml=xml, client="crm_attribute")
    if value is None:
        return None
    if pair is not None:
        xml = to_xml(Element("nvpair", {"id": pair.id, "name": name, "value": value}))
        return CibChange(kind=CibOperationKind.MODIFY, section=section, xml=xml, client="crm_attribute")
    pair = Element("nvpair", {"id": pair_id or f"{default}-{name}", "name": name, "value": value})
    block = Element(tag, {"id": default}, (pair,))
    inner = Element("node", {"id": holder.id}, (block,)) if section == "nodes" else block
    xml = to_xml(Element(section, {}, (inner,)))
    modify = CibOperationKind.MODIFY
    return CibChange(kind=modify, section=section, xml=xml, allow_create=True, client="crm_attribute")


# ---------------------------------------------------------------- transient attributes


def read_transient(cluster: LiveCluster | FileCluster, node: str, name: str) -> str | None:
    """The value as the attribute manager holds it, a value that was just set included."""
    from hacluster.cib.status import node_state, transient_attributes
    from hacluster.cli.cluster import FileCluster

    if isinstance(cluster, FileCluster):
        state = node_state(cluster.query(), node) or NOTHING
        return transient_attributes(state).get(name)
    from hacluster.protocol.messages import AttributeQuery, AttributeValues

    values = cluster.ask(AttributeQuery(name=name, node=node), AttributeValues).values
    return values[0].value if values else None


def write_transient(
    cluster: LiveCluster | FileCluster, node: str, name: str, value: str | None, dampen_ms: int | None = None
) -> None:
    from hacluster.cli.cluster import FileCluster

    if isinstance(cluster, FileCluster):
        from hacluster.cib.status import with_attributes

        cib = cluster.query()
        node_element(cib, node)
        changed = with_attributes(cib, node, {name: value})
        cluster.write(changed.with_version(cib.version.after_status_change()))
        return
    from hacluster.protocol.messages import AttributeUpdate, Done

    cluster.ask(AttributeUpdate(name=name, node=node, value=value, dampen_ms=dampen_ms), Done)


def duration_ms(text: str) -> int:
    """`5s`, `1500ms`, `5` -> ms"""
    from hacluster.scheduler.values import duration_ms as read

    return read(text, 0)
