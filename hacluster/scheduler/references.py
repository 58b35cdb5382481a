"""Names in constraints → resources: an id, a tag or a template may stand for several.

Reads the CIB's tags and templates and the working model; gives resources, an instance always as its clone.
"""

from __future__ import annotations

from collections.abc import Iterator

from hacluster.cib.model import Cib, Element
from hacluster.scheduler.working import Cluster, Resource


class References:
    """Looks names of constraints up."""

    def __init__(self, cib: Cib, cluster: Cluster) -> None:
        self._cluster = cluster
        self._members: dict[str, list[str]] = {}
        for tag in cib.section("tags").all("tag"):
            self._members[tag.id] = [ref.id for ref in tag.all("obj_ref")]
        for element in cib.section("resources").walk():
            template = element.get("template")
            if element.tag == "primitive" and template:
                self._members.setdefault(template, []).append(element.id)

    def find(self, name: str) -> list[Resource]:
        """All resources a name stands for; none when it stands for nothing."""
        found: list[Resource] = []
        for member in self._members.get(name, [name]):
            resource = self._cluster.by_id.get(member)
            if resource is not None and not resource.is_orphan:
                found.append(owner(resource))
        return found

    def is_several(self, name: str) -> bool:
        """Whether the name is a tag's or a template's."""
        return name in self._members

    def in_set(self, one: Element) -> list[Resource]:
        """The members of a resource set, in its order."""
        return [resource for ref in one.all("resource_ref") for resource in self.find(ref.id)]

    def all_in(self, constraint: Element, attribute: str = "rsc") -> Iterator[tuple[Resource, str]]:
        """(resource, role) of a constraint that names one resource or sets of them."""
        if constraint.get(attribute):
            for resource in self.find(constraint.get(attribute)):
                yield resource, constraint.get(f"{attribute}-role")
        for one in constraint.all("resource_set"):
            for resource in self.in_set(one):
                yield resource, one.get("role")


def owner(resource: Resource) -> Resource:
    """A constraint on an instance is one on its clone."""
    return resource.clone or resource if resource.is_instance else resource
