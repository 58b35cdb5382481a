"""What a configuration falls apart into: sets of resources that no colocation or order ties to any other.

Reads a Cib (with nothing borrowed in it); gives for each resource its part, and for each attribute of a node the parts
whose rules ask for it. Resources of different parts meet only where they compete for nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hacluster.cib.model import Cib, Element

_COUPLING = ("rsc_colocation", "rsc_order")
_TOPS = ("primitive", "group", "clone", "master")
_NAMING = ("rsc", "with-rsc", "first", "then")
_ASKING = ("attribute", "node-attribute", "score-attribute")
_SHARED = ("crm_config", "nodes", "rsc_defaults", "op_defaults")


class Parts:
    """The parts of one configuration. A part is known by the name of one of its resources."""

    def __init__(self, cib: Cib) -> None:
        self._cib = cib
        self._tops = {top.id: top for top in cib.section("resources").all(*_TOPS)}
        self.top_of = {one.id: top.id for top in self._tops.values() for one in top.walk() if one.tag in _TOPS}
        """resource, or something inside one -> the resource at the top level"""
        self._stands_for = self._collective_names()
        self._joined = {name: name for name in self._tops}
        self._named = [(one, list(self._tops_in(one))) for one in cib.section("constraints").children]
        for constraint, tops in self._named:
            if constraint.tag in _COUPLING:
                self._join(tops)
        self.asking = self._parts_by_attribute()
        """attribute of a node -> the parts that depend on it; with "" among them, everything does"""

    def part_of(self, top: str) -> str:
        while self._joined[top] != top:
            top = self._joined[top]
        return top

    def members(self, parts: set[str]) -> list[str]:
        """The resources of these parts, in the configuration's order."""
        return [top for top in self._tops if self.part_of(top) in parts]

    def only(self, tops: set[str]) -> Element:
        """The configuration with these resources and what speaks of them."""
        resources, constraints = self._cib.section("resources"), self._cib.section("constraints")
        kept = tuple(one for one in resources.children if one.tag not in _TOPS or one.id in tops)
        # What names nothing known may be a pattern, which is tried on whatever is there.
        said = tuple(one for one, named in self._named if not named or not tops.isdisjoint(named))
        reduced = self._cib.with_section(resources.with_children(kept))
        return reduced.with_section(constraints.with_children(said)).configuration

    # ------------------------------------------------------------ which belong together

    def _collective_names(self) -> dict[str, list[str]]:
        """Tags and templates stand for several resources."""
        found = {tag.id: [ref.id for ref in tag.all("obj_ref")] for tag in self._cib.section("tags").all("tag")}
        for element in self._cib.section("resources").walk():
            if element.tag == "primitive" and element.get("template"):
                found.setdefault(element.get("template"), []).append(element.id)
        return found

    def _tops_in(self, constraint: Element) -> Iterator[str]:
        names = [constraint.get(word) for word in _NAMING]
        names += [ref.id for one in constraint.all("resource_set") for ref in one.all("resource_ref")]
        for name in names:
            for member in self._stands_for.get(name, [name]):
                if member in self.top_of:
                    yield self.top_of[member]

    def _join(self, tops: list[str]) -> None:
        for top in tops[1:]:
            self._joined[self.part_of(top)] = self.part_of(tops[0])

    # ------------------------------------------------------------ which ask for attributes

    def _parts_by_attribute(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for constraint, tops in self._named:
            _note(found, constraint, [self.part_of(top) for top in tops] or [""])
        for name, top in self._tops.items():
            _note(found, top, [self.part_of(name)])
        for section in _SHARED:
            _note(found, self._cib.section(section), [""])
        return found


def _note(found: dict[str, set[str]], element: Element, parts: Iterable[str]) -> None:
    for one in element.walk():
        for word in _ASKING:
            if word in one.attributes:
                found.setdefault(one.attributes[word], set()).update(parts)
