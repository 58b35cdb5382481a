"""Loading crm text into a configuration: `update`, `replace` and `push`.

Reads a Cib and a text; gives the changed Cib, or every problem and nothing changed. An object of the text takes the
place of the one with its id; whatever the text does not name stays (update) or goes (replace, push).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.crm.parser import parse

IN_USE = ProblemKind(
    "crm.in-use",
    Severity.ERROR,
    en="{id} can't be deleted: {users} refers to it",
    ja="{id} は {users} から参照されているため削除できません",
    cure_en="delete {users} first, or use --force",
    cure_ja="先に {users} を削除するか、--force を指定してください",
)
NOT_THERE = ProblemKind(
    "crm.not-there",
    Severity.ERROR,
    en="there is no object {id}",
    ja="オブジェクト {id} はありません",
)
_CONTAINERS = ("group", "clone", "master", "bundle")


class Mode(StrEnum):
    UPDATE = "update"
    REPLACE = "replace"
    PUSH = "push"


class Loaded(msgspec.Struct, frozen=True):
    cib: Cib
    problems: tuple[Problem, ...] = ()
    """Warnings when it was loaded; with an error the Cib is the old one."""
    is_loaded: bool = True


def load(cib: Cib, text: str, mode: Mode) -> Loaded:
    """The whole text or nothing of it."""
    nodes = [node.get("uname") for node in cib.section("nodes").all("node")]
    known = list(cib.section("resources").walk()) if mode is Mode.UPDATE else []
    parsed = parse(text, nodes=nodes, known=[element for element in known if _is_resource(element)])
    if not parsed.is_usable:
        return Loaded(cib, parsed.problems, is_loaded=False)
    changed = _updated(cib, parsed.configuration) if mode is Mode.UPDATE else _replaced(cib, parsed.configuration)
    return Loaded(changed, parsed.problems)


def _is_resource(element: Element) -> bool:
    return element.tag in ("primitive", "template", *_CONTAINERS)


# ---------------------------------------------------------------- replace


def _replaced(cib: Cib, wanted: Element) -> Cib:
    """The text's configuration; the cluster's own nodes stay, since they run."""
    changed = cib
    for section in cib.configuration.children:
        if section.tag not in ("nodes", "crm_config"):
            changed = changed.with_section(wanted.find(section.tag) or Element(section.tag))
    for section in wanted.children:
        if section.tag in ("nodes", "crm_config"):
            changed = _merge_section(changed, section)
        else:
            changed = changed.with_section(section)
    return changed


# ---------------------------------------------------------------- update


def _updated(cib: Cib, wanted: Element) -> Cib:
    for section in wanted.children:
        if section.children:
            cib = _merge_resources(cib, section) if section.tag == "resources" else _merge_section(cib, section)
    return cib


def _merge_section(cib: Cib, wanted: Element) -> Cib:
    section = cib.section(wanted.tag)
    section = section if section is not NOTHING else Element(wanted.tag)
    for element in wanted.children:
        section = _merge_object(section, element)
    return cib.with_section(section)


def _merge_object(section: Element, element: Element) -> Element:
    if section.tag == "nodes":
        return _merge_node(section, element)
    old = next((found for found in section.children if found.tag == element.tag and found.id == element.id), None)
    if old is None:
        same_id = next((found for found in section.children if element.id and found.id == element.id), None)
        return section.with_child(element) if same_id is None else section.replacing(same_id, element)
    if element.tag in ("cluster_property_set", "meta_attributes"):
        return section.replacing(old, _merge_pairs(old, element))
    return section.replacing(old, element)


def _merge_node(section: Element, element: Element) -> Element:
    """A node keeps its id; the text's sets take the place of those of the same kind."""
    old = next((found for found in section.children if found.get("uname") == element.get("uname")), None)
    if old is None:
        return section.with_child(element)
    kinds = {child.tag for child in element.children}
    kept = tuple(child for child in old.children if child.tag not in kinds)
    attributes = {**element.attributes, "id": old.id}
    return section.replacing(old, Element("node", attributes, (*kept, *element.children)))


def _merge_pairs(old: Element, new: Element) -> Element:
    names = {pair.get("name"): pair for pair in new.children}
    kept = [names.pop(pair.get("name"), pair) for pair in old.children]
    ids = {pair.get("name"): pair.id for pair in old.children}
    merged = [p.with_attributes({"id": ids[p.get("name")]}) if p.get("name") in ids else p for p in kept]
    return old.with_children((*merged, *names.values()))


def _merge_resources(cib: Cib, wanted: Element) -> Cib:
    """Resources may stand inside others: an object is replaced where it stands, and new members move into place."""
    section = cib.section("resources")
    section = section if section is not NOTHING else Element("resources")
    for element in wanted.children:
        members = {found.id for found in element.walk() if found is not element and _is_resource(found)}
        section = _without(section, members)
        if any(found.id == element.id for found in section.walk()):
            section = _replace_deep(section, element)
        else:
            section = section.with_child(element)
    return cib.with_section(section)


def _without(tree: Element, ids: set[str]) -> Element:
    def change(child: Element) -> Element | None:
        if _is_resource(child) and child.id in ids:
            return None
        return _without(child, ids) if child.tag in _CONTAINERS else child

    return tree.mapping_children(change)


def _replace_deep(tree: Element, element: Element) -> Element:
    def change(child: Element) -> Element:
        if _is_resource(child) and child.id == element.id:
            return element
        return _replace_deep(child, element) if child.tag in _CONTAINERS else child

    return tree.mapping_children(change)


# ---------------------------------------------------------------- delete


def delete(cib: Cib, ids: list[str], *, force: bool = False) -> Loaded:
    """The configuration without these objects; refused while something else refers to one of them."""
    problems: list[Problem] = []
    for name in ids:
        if cib.configuration.by_id(name) is None and not _node_named(cib, name):
            problems.append(NOT_THERE.at(name, id=name))
        users = [user for user in _users_of(cib, name) if user not in ids]
        if users and not force:
            problems.append(IN_USE.at(name, id=name, users=", ".join(users)))
    if problems:
        return Loaded(cib, tuple(problems), is_loaded=False)
    gone = set(ids)
    if force:
        gone |= {user for name in ids for user in _users_of(cib, name)}
    return Loaded(cib.with_configuration(_pruned(cib.configuration, gone)))


def _node_named(cib: Cib, name: str) -> bool:
    return any(node.get("uname") == name for node in cib.section("nodes").all("node"))


def _users_of(cib: Cib, name: str) -> list[str]:
    users = []
    for constraint in cib.section("constraints").children:
        named = {constraint.get(key) for key in ("rsc", "with-rsc", "first", "then")}
        named |= {ref.id for one in constraint.all("resource_set") for ref in one.all("resource_ref")}
        if name in named:
            users.append(constraint.id)
    return users


def _pruned(tree: Element, gone: set[str]) -> Element:
    """Members of a container that goes come back to the top level, as crmsh has it."""
    if tree.tag == "resources":
        kept: list[Element] = []
        for child in tree.children:
            kept += _survivors(child, gone)
        return tree.with_children(tuple(kept))
    return tree.mapping_children(
        lambda child: None if child.id in gone or child.get("uname") in gone else _pruned(child, gone)
    )


def _survivors(element: Element, gone: set[str]) -> list[Element]:
    inside = [found for child in element.children if _is_resource(child) for found in _survivors(child, gone)]
    if element.id in gone:
        return inside
    if element.tag not in _CONTAINERS:
        return [element]
    own = tuple(child for child in element.children if not _is_resource(child))
    # A group or clone without members is no longer valid: it goes with its last one.
    return [element.with_children((*own, *inside))] if inside else []
