"""A configuration, looked through once, so that no check has to search it again.

Reads a Cib; gives an `Index`: resources by id, what contains what, what a name stands for, which nodes there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from hacluster.cib.model import Cib, Element
from hacluster.cib.values import boolean

CONTAINERS = ("group", "clone", "master", "bundle")
RESOURCES = ("primitive", *CONTAINERS)
PROMOTED = ("promoted", "master")
REFERENCES = ("obj_ref", "resource_ref", "role", "role_ref")
"""Elements whose `id` names something else, and is none of their own."""


class Index:
    def __init__(self, cib: Cib) -> None:
        self.cib = cib
        self.nodes = tuple(node.get("uname") for node in cib.section("nodes").all("node") if node.get("type") != "ping")
        self.resources: dict[str, Element] = {}
        self.templates: dict[str, Element] = {}
        self.parent: dict[str, str] = {}
        """member -> the container it stands in; the first one, where a document names two."""
        for element in cib.section("resources").children:
            self._take(element)
        self.primitives = [element for element in self.resources.values() if element.tag == "primitive"]
        self.tags = {tag.id: tuple(ref.id for ref in tag.all("obj_ref")) for tag in cib.section("tags").all("tag")}
        self._of_template: dict[str, list[str]] = {}
        for primitive in self.primitives:
            if primitive.get("template"):
                self._of_template.setdefault(primitive.get("template"), []).append(primitive.id)
        self.by_id: dict[str, Element] = {}
        for element in cib.configuration.walk():
            if element.id and element.tag not in REFERENCES:
                self.by_id.setdefault(element.id, element)
        self.properties = self._settings("crm_config")
        self.constraints = cib.section("constraints").children

    def _take(self, top: Element) -> None:
        pending = [(top, "")]
        while pending:
            element, parent = pending.pop()
            if element.tag == "template":
                self.templates.setdefault(element.id, element)
            if element.tag not in RESOURCES:
                continue
            self.resources.setdefault(element.id, element)
            # An id that stands for itself further out would send every search for the outermost container in a circle.
            if parent and element.id not in self.ancestors(parent):
                self.parent.setdefault(element.id, parent)
            pending.extend((child, element.id) for child in reversed(element.children))

    def _settings(self, section: str) -> dict[str, Element]:
        """name -> the nvpair that counts, the first of each name."""
        found: dict[str, Element] = {}
        for block in self.cib.section(section).children:
            for pair in block.all("nvpair"):
                found.setdefault(pair.get("name"), pair)
        return found

    def setting(self, *names: str) -> str:
        """The value of a cluster property under any of its names, or ""."""
        return next((self.properties[name].get("value") for name in names if name in self.properties), "")

    @property
    def has_fencing(self) -> bool:
        return boolean(self.setting("stonith-enabled", "fencing-enabled")) is not False

    def is_known(self, name: str) -> bool:
        """Whether a constraint may name it."""
        return name in self.resources or name in self.tags or name in self.templates

    def meant_by(self, name: str) -> list[str]:
        """The resources that a name stands for: its own, a tag's, or those made of a template."""
        names = self.tags.get(name) or self._of_template.get(name) or [name]
        return [each for each in names if each in self.resources]

    def top(self, name: str) -> str:
        """The outermost container of a resource."""
        while name in self.parent:
            name = self.parent[name]
        return name

    def ancestors(self, name: str) -> Iterator[str]:
        """The resource itself and the containers around it, from the inside."""
        yield name
        while name in self.parent:
            name = self.parent[name]
            yield name

    def is_promotable(self, name: str) -> bool:
        """Whether it, or a container around it, has promoted instances."""
        for each in self.ancestors(name):
            element = self.resources[each]
            if element.tag in ("master", "bundle") or boolean(self.meta(element, "promotable")):
                return True
        return False

    def blocks(self, element: Element, *tags: str) -> Iterator[Element]:
        """The attribute sets of a resource, then those of its template; a reference is followed."""
        template = self.templates.get(element.get("template"))
        for owner in (element,) if template is None else (element, template):
            for block in owner.all(*tags):
                yield self.by_id.get(block.get("id-ref"), block) if block.get("id-ref") else block

    def values(self, element: Element, name: str, tag: str = "instance_attributes") -> list[str]:
        """Every value of a parameter, those under rules too; the first one counts where there is no rule."""
        return [
            pair.get("value")
            for block in self.blocks(element, tag)
            for pair in block.all("nvpair")
            if pair.get("name") == name
        ]

    def value(self, element: Element, *names: str) -> str:
        return next((found for name in names for found in self.values(element, name)[:1]), "")

    def meta(self, element: Element, name: str) -> str:
        return next(iter(self.values(element, name, "meta_attributes")), "")

    def operations(self, primitive: Element) -> list[Element]:
        """Its own, and those of its template that it does not set itself."""
        found: dict[tuple[str, str], list[Element]] = {}
        template = self.templates.get(primitive.get("template"))
        for owner in (primitive,) if template is None else (primitive, template):
            own: dict[tuple[str, str], list[Element]] = {}
            for block in owner.all("operations"):
                source = self.by_id.get(block.get("id-ref"), block) if block.get("id-ref") else block
                for operation in source.all("op"):
                    own.setdefault((operation.get("name"), operation.get("interval", "0")), []).append(operation)
            for key, operations in own.items():
                found.setdefault(key, operations)
        return [operation for operations in found.values() for operation in operations]

    def agent(self, primitive: Element) -> tuple[str, str, str]:
        """(class, provider, type), the template's where it has none of its own."""
        source = primitive if primitive.get("type") else self.templates.get(primitive.get("template"), primitive)
        return source.get("class"), source.get("provider"), source.get("type")
