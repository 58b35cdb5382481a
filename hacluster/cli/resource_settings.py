"""Parameters, meta attributes and utilization of one resource: reading them, and the change that writes them."""

from __future__ import annotations

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.protocol.messages import CibChange, CibOperationKind

TAGS = {"params": "instance_attributes", "meta": "meta_attributes", "utilization": "utilization"}
_RESOURCES = ("primitive", "group", "clone", "master", "bundle", "template")


def resource_element(cib: Cib, name: str) -> Element:
    for element in cib.section("resources").walk():
        if element.tag in _RESOURCES and element.id == name:
            return element
    raise CommandFailed(Exit.NOSUCH, f"Resource '{name}' not found: there is no resource with this id")


def pair_of(cib: Cib, resource: str, kind: str, name: str) -> Element | None:
    element = resource_element(cib, resource)
    pairs = (pair for block in element.all(TAGS[kind]) for pair in block.all("nvpair"))
    return next((pair for pair in pairs if pair.get("name") == name), None)


def read(cib: Cib, resource: str, kind: str, name: str) -> str | None:
    found = pair_of(cib, resource, kind, name)
    return found.get("value") if found is not None else None


def write(cib: Cib, resource: str, kind: str, name: str, value: str | None, *, client: str = "") -> CibChange | None:
    """The change that sets a value (None deletes it), or None when there is nothing to do."""
    element = resource_element(cib, resource)
    tag = TAGS[kind]
    for block in element.all(tag):
        for pair in block.all("nvpair"):
            if pair.get("name") == name:
                if value is None:
                    xml = to_xml(Element("nvpair", {"id": pair.id}))
                    return CibChange(kind=CibOperationKind.DELETE, section="resources", xml=xml, client=client)
                xml = to_xml(Element("nvpair", {"id": pair.id, "name": name, "value": value}))
                return CibChange(kind=CibOperationKind.MODIFY, section="resources", xml=xml, client=client)
    if value is None:
        return None
    set_id = next((block.id for block in element.all(tag) if block.id), f"{resource}-{tag}")
    pair = Element("nvpair", {"id": f"{set_id}-{name}", "name": name, "value": value})
    xml = to_xml(Element(element.tag, {"id": resource}, (Element(tag, {"id": set_id}, (pair,)),)))
    return CibChange(kind=CibOperationKind.MODIFY, section="resources", xml=xml, client=client)
