"""XPath over the frozen tree, by way of lxml: which elements a path names.

Reads an `Element` tree and an XPath 1.0 expression; gives the tree's own elements, so that a caller can replace them
by identity.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from hacluster.cib.model import COMMENT, Element


class BadPath(ValueError):
    """The expression can't be read, or names no elements."""


def matches(root: Element, path: str) -> list[Element]:
    """The elements that the path names, in document order."""
    origin: dict[Any, Element] = {}
    tree = _to_lxml(root, origin)
    try:
        found = tree.getroottree().xpath(path)
    except etree.XPathError as error:
        raise BadPath(str(error)) from error
    if not isinstance(found, list):
        raise BadPath(path)
    return [origin[node] for node in found if isinstance(node, etree._Element) and node in origin]


def path_of(root: Element, wanted: Element) -> str:
    """The path that leads to an element of the tree (by identity), in the form of cibadmin --node-path."""

    def search(element: Element, path: str) -> str:
        here = f"{path}/{element.tag}" + (f"[@id='{element.id}']" if element.id else "")
        if element is wanted:
            return here
        return next((found for child in element.children if (found := search(child, here))), "")

    return search(root, "")


def _to_lxml(element: Element, origin: dict[Any, Element]) -> Any:
    node = etree.Element(element.tag, dict(element.attributes))
    if element.text:
        node.text = element.text
    origin[node] = element
    for child in element.children:
        if child.tag != COMMENT:
            node.append(_to_lxml(child, origin))
    return node
