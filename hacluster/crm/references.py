"""Who refers to whom in a configuration, and how a name is changed everywhere at once.

Reads a `<configuration>`; gives the objects that would be left with a dangling reference, and the configuration in
which every reference follows a new name.
"""

from __future__ import annotations

from collections.abc import Iterator

from hacluster.cib.model import Element

CONTAINERS = ("group", "clone", "master", "bundle")
RESOURCES = ("primitive", "template", *CONTAINERS)
_NAMING_ATTRIBUTES = {
    "rsc_location": ("rsc", "node"),
    "rsc_colocation": ("rsc", "with-rsc"),
    "rsc_order": ("first", "then"),
    "rsc_ticket": ("rsc",),
    "primitive": ("template",),
    "resource_ref": ("id",),
    "obj_ref": ("id",),
    "fencing-level": ("target",),
    "acl_permission": ("reference",),
    "role": ("id",),
    "role_ref": ("id",),
}
"""tag -> its attributes that hold the name of another object"""
_REFERRING = ("resource_ref", "obj_ref", "role", "role_ref")
"""Elements whose `id` is a name of something else."""


def users_of(configuration: Element, name: str) -> list[str]:
    """Ids of the constraints, tags, fencing levels, primitives and roles that would lose what they refer to."""
    return list(dict.fromkeys(_users(configuration, name)))


def _users(configuration: Element, name: str) -> Iterator[str]:
    for section in configuration.children:
        for element in section.children:
            if element.id != name and name in _names_in(element):
                yield element.id
            elif element.tag in CONTAINERS:
                inner = (
                    found for found in element.walk() if found.tag == "primitive" and found.get("template") == name
                )
                yield from (found.id for found in inner)


def _names_in(element: Element) -> set[str]:
    names: set[str] = set()
    for found in element.walk() if element.tag not in CONTAINERS else (element,):
        names |= {found.attributes[key] for key in _NAMING_ATTRIBUTES.get(found.tag, ()) if key in found.attributes}
        if found.tag == "fencing-level":
            names |= set(found.get("devices").split(","))
    return names


def parent_of(configuration: Element, name: str) -> Element | None:
    """The group, clone or bundle that holds a resource."""
    for element in configuration.walk():
        if element.tag in CONTAINERS and any(child.id == name for child in members(element)):
            return element
    return None


def parents(configuration: Element) -> dict[str, Element]:
    """Every member's group, clone or bundle, for many questions."""
    containers = (element for element in configuration.walk() if element.tag in CONTAINERS)
    return {child.id: container for container in containers for child in members(container)}


def members(container: Element) -> list[Element]:
    return [child for child in container.children if child.tag in RESOURCES]


def object_named(configuration: Element, name: str) -> Element | None:
    """The object of this id: what stands directly in a section, and every resource."""
    for section in configuration.children:
        for element in section.children:
            if element.id == name:
                return element
            if element.tag in CONTAINERS:
                found = next((one for one in element.walk() if one.tag in RESOURCES and one.id == name), None)
                if found is not None:
                    return found
    return None


# ---------------------------------------------------------------- another name


def renamed(configuration: Element, old: str, new: str) -> Element:
    """The configuration with `new` in the place of `old`, in the object itself and in all that refers to it."""
    own = object_named(configuration, old)
    ids = _ids_made_from(own, old, new) if own is not None else {}

    def change(element: Element) -> Element:
        return _with_new_names(element, old, new, ids).mapping_children(change)

    return change(configuration)


def _ids_made_from(own: Element, old: str, new: str) -> dict[str, str]:
    """Ids inside the object that carry its name (`OLD-instance_attributes-ip`), those of members left alone."""
    found: dict[str, str] = {}

    def collect(element: Element) -> None:
        if element.id.startswith(f"{old}-") and element.tag not in _REFERRING:
            found[element.id] = new + element.id.removeprefix(old)
        for child in element.children:
            if child.tag not in RESOURCES:
                collect(child)

    collect(own)
    return found


def _with_new_names(element: Element, old: str, new: str, ids: dict[str, str]) -> Element:
    changes: dict[str, str | None] = {}
    for key in _NAMING_ATTRIBUTES.get(element.tag, ()):
        if element.attributes.get(key) == old:
            changes[key] = new
    if element.tag not in _REFERRING and element.id == old and element.tag not in ("nvpair", "op", "rule"):
        changes["id"] = new
    if element.id in ids:
        changes["id"] = ids[element.id]
    if element.get("id-ref") in ids:
        changes["id-ref"] = ids[element.get("id-ref")]
    if element.tag == "fencing-level" and old in element.get("devices").split(","):
        devices = (new if device == old else device for device in element.get("devices").split(","))
        changes["devices"] = ",".join(devices)
    if element.tag == "acl_permission" and f"@id='{old}'" in element.get("xpath"):
        changes["xpath"] = element.get("xpath").replace(f"@id='{old}'", f"@id='{new}'")
    return element.with_attributes(changes) if changes else element
