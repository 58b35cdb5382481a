"""The cluster information base as a frozen tree.

Reads nothing; gives `Element` (one XML element of the CIB, unknown ones included, so that nothing
an operator owns is lost on the way through) and `Cib` (the whole document with its sections).
A change makes a new tree that shares every untouched branch with the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Self

import msgspec

from hacluster.cib.version import CibVersion

SCORE_INFINITY = 1_000_000
COMMENT = "#comment"
"""The tag of an XML comment; its words are in `text`."""


class Element(msgspec.Struct, frozen=True, gc=False):
    """One XML element: tag, attributes in document order, children, and text where there is any.

    `attributes` is a plain dict for speed; nobody writes to it (STYLE: all that crosses is frozen).
    """

    tag: str
    attributes: dict[str, str] = {}
    children: tuple[Element, ...] = ()
    text: str = ""

    @property
    def id(self) -> str:
        """The XML id, or "" where the element has none."""
        return self.attributes.get("id", "")

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def find(self, tag: str) -> Element | None:
        """The first child with this tag."""
        for child in self.children:
            if child.tag == tag:
                return child
        return None

    def all(self, *tags: str) -> Iterator[Element]:
        """The children with one of these tags, in document order."""
        for child in self.children:
            if child.tag in tags:
                yield child

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in document order."""
        pending = [self]
        while pending:
            element = pending.pop()
            yield element
            pending.extend(reversed(element.children))

    def by_id(self, wanted: str) -> Element | None:
        """The first element in the tree with this XML id."""
        for element in self.walk():
            if element.attributes.get("id") == wanted:
                return element
        return None

    def with_attributes(self, changes: Mapping[str, str | None]) -> Element:
        """The same element with these attributes set; None takes one away."""
        merged = {**self.attributes, **changes}
        return Element(
            self.tag,
            {name: value for name, value in merged.items() if value is not None},
            self.children,
            self.text,
        )

    def with_children(self, children: tuple[Element, ...]) -> Element:
        return Element(self.tag, self.attributes, children, self.text)

    def with_child(self, child: Element) -> Element:
        """The same element with one more child at its end."""
        return self.with_children((*self.children, child))

    def replacing(self, old: Element, new: Element | None) -> Element:
        """The same element with the child `old` (by identity) replaced, or taken out by None."""
        kept: list[Element] = []
        for child in self.children:
            if child is not old:
                kept.append(child)
            elif new is not None:
                kept.append(new)
        return self.with_children(tuple(kept))

    def mapping_children(self, change: Callable[[Element], Element | None]) -> Element:
        """The same element with each child put through `change`; None takes it out.

        Gives itself back when no child changed, so that identity tells what is untouched.
        """
        changed = [change(child) for child in self.children]
        children = tuple(child for child in changed if child is not None)
        same = len(children) == len(self.children) and all(
            new is old for new, old in zip(children, self.children, strict=True)
        )
        return self if same else self.with_children(children)


NOTHING = Element("")
"""Stands in for a section that is not there: no attributes, no children."""

CONFIGURATION_SECTIONS = ("crm_config", "nodes", "resources", "constraints")


class Cib(msgspec.Struct, frozen=True):
    """The whole document: `<cib>` with `<configuration>` and `<status>`."""

    root: Element

    @classmethod
    def empty(cls, *, validate_with: str = "pacemaker-3.9", feature_set: str = "3.16.1") -> Self:
        """A CIB at version 0.0.0 with empty sections, as a first node writes it."""
        sections = tuple(Element(tag) for tag in CONFIGURATION_SECTIONS)
        attributes = {
            "crm_feature_set": feature_set,
            "validate-with": validate_with,
            "epoch": "0",
            "num_updates": "0",
            "admin_epoch": "0",
        }
        return cls(Element("cib", attributes, (Element("configuration", {}, sections), Element("status"))))

    @property
    def version(self) -> CibVersion:
        return CibVersion.of(self.root.attributes)

    @property
    def configuration(self) -> Element:
        return self.root.find("configuration") or NOTHING

    @property
    def status(self) -> Element:
        return self.root.find("status") or NOTHING

    def section(self, tag: str) -> Element:
        """A section of the configuration: crm_config, nodes, resources, constraints, rsc_defaults, …"""
        return self.configuration.find(tag) or NOTHING

    def with_version(self, version: CibVersion) -> Cib:
        return Cib(self.root.with_attributes(version.attributes()))

    def with_configuration(self, configuration: Element) -> Cib:
        return Cib(_with_section(self.root, configuration))

    def with_status(self, status: Element) -> Cib:
        return Cib(_with_section(self.root, status))

    def with_section(self, section: Element) -> Cib:
        """The same CIB with one section of its configuration replaced, or added at its end."""
        return self.with_configuration(_with_section(self.configuration, section))


def _with_section(parent: Element, section: Element) -> Element:
    old = parent.find(section.tag)
    return parent.replacing(old, section) if old is not None else parent.with_child(section)
