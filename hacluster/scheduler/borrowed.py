"""Borrowed parts of a configuration: `<operations id-ref="ops-db"/>` stands for the element with that id.

Reads a Cib; gives the same one with every such element replaced by what it refers to.
"""

from __future__ import annotations

from hacluster.cib.model import Cib, Element

_REFERENCE = "id-ref"
_LENDING = ("meta_attributes", "instance_attributes", "utilization", "operations", "nvpair", "rule")


def resolved(cib: Cib) -> Cib:
    """The Cib itself where nothing is borrowed."""
    borrowers = {element.get(_REFERENCE) for element in cib.configuration.walk() if _REFERENCE in element.attributes}
    if not borrowers:
        return cib
    lenders = {element.id: element for element in cib.configuration.walk() if element.id in borrowers}
    return cib.with_configuration(_resolved(cib.configuration, lenders))


def _resolved(element: Element, lenders: dict[str, Element]) -> Element:
    lender = lenders.get(element.get(_REFERENCE)) if element.tag in _LENDING else None
    if lender is not None and lender.tag == element.tag:
        name = element.get("name")
        return lender.with_attributes({"name": name}) if name else lender
    children = tuple(_resolved(child, lenders) for child in element.children)
    if all(new is old for new, old in zip(children, element.children, strict=True)):
        return element
    return element.with_children(children)
