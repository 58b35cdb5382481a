"""Loading crm text into a configuration: `update`, `replace` and `push`.

Reads a Cib and a text; gives the changed Cib, or every problem and nothing changed. An object of the text takes the
place of the one with its id; whatever the text does not name stays (update) or goes (replace, push).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity, has_errors
from hacluster.cib.rollback import CLUSTERS_OWN
from hacluster.cib.upgrade import schema_version
from hacluster.crm.parser import DUPLICATE_ID, Parsed, parse
from hacluster.crm.references import CONTAINERS, RESOURCES, members, parents

MEMBER_ELSEWHERE = ProblemKind(
    "crm.member-elsewhere",
    Severity.ERROR,
    en="{member} of {container} is a member of {other} in the cluster",
    ja="{container} のメンバー {member} は、クラスター上で既に {other} のメンバーです",
    cure_en="take it out with configure modgroup {other} remove {member}, or define {other} in the same text",
    cure_ja="configure modgroup {other} remove {member} で外すか、同じテキストで {other} を定義してください",
)


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
    parsed = parse(text, nodes=nodes, known=_referable(cib) if mode is Mode.UPDATE else ())
    problems = parsed.problems
    if mode is Mode.UPDATE and parsed.is_usable:
        problems = (*problems, *_taken_from_others(cib, parsed), *_ids_of_others(cib, parsed.configuration))
    if has_errors(problems):
        return Loaded(cib, problems, is_loaded=False)
    wanted = _in_words_of(cib, parsed.configuration)
    changed = _updated(cib, wanted) if mode is Mode.UPDATE else _replaced(cib, wanted)
    return Loaded(changed, problems)


def _in_words_of(cib: Cib, wanted: Element) -> Element:
    """Old texts call a member `normal`, which schemas since 3.0 no longer know."""
    version = schema_version(cib.root.get("validate-with"))
    if version is None or version < (3, 0):
        return wanted

    def node(element: Element) -> Element:
        return element.with_attributes({"type": "member"}) if element.get("type") == "normal" else element

    return wanted.mapping_children(lambda each: each.mapping_children(node) if each.tag == "nodes" else each)


def _referable(cib: Cib) -> list[Element]:
    """What the cluster has already and a text may refer to: resources and tags."""
    resources = [element for element in cib.section("resources").walk() if _is_resource(element)]
    return [*resources, *cib.section("tags").all("tag")]


def _ids_of_others(cib: Cib, wanted: Element) -> Iterator[Problem]:
    """Ids that the cluster uses already, for an object of another section: one id can't name both."""
    used = {element.id: section for section, element in _named(cib.configuration)}
    for section, element in _named(wanted):
        if used.get(element.id, section) != section:
            yield DUPLICATE_ID.at(element.id, id=element.id, other=f"an object in {used[element.id]}")


def _named(configuration: Element) -> Iterator[tuple[str, Element]]:
    """(section, object) of all that may not share an id."""
    for section in configuration.children:
        if section.tag in ("resources", "constraints", "tags"):
            objects = section.walk() if section.tag == "resources" else section.children
            yield from ((section.tag, found) for found in objects if section.tag != "resources" or _is_resource(found))


def _taken_from_others(cib: Cib, parsed: Parsed) -> Iterator[Problem]:
    """Members that the text takes out of a container without saying what becomes of that: it might be left empty."""
    before = parents(cib.configuration)
    for container in parsed.configuration.walk():
        for member in members(container) if container.tag in CONTAINERS else ():
            other = before.get(member.id)
            if other is not None and other.id != container.id and other.id not in parsed.lines:
                yield MEMBER_ELSEWHERE.at(container.id, member=member.id, container=container.id, other=other.id)


def _is_resource(element: Element) -> bool:
    return element.tag in RESOURCES


# ---------------------------------------------------------------- replace


def _replaced(cib: Cib, wanted: Element) -> Cib:
    """The text's configuration; the cluster's own nodes and properties stay, since it runs."""
    changed = cib
    for section in cib.configuration.children:
        if section.tag == "crm_config":
            changed = changed.with_section(section.mapping_children(_clusters_own))
        elif section.tag != "nodes":
            changed = changed.with_section(wanted.find(section.tag) or Element(section.tag))
    for section in wanted.children:
        if section.tag in ("nodes", "crm_config"):
            changed = _merge_section(changed, section)
        else:
            changed = changed.with_section(section)
    return changed


def _clusters_own(properties: Element) -> Element | None:
    """The properties that the cluster writes itself, if there are any."""
    own = tuple(pair for pair in properties.all("nvpair") if pair.get("name") in CLUSTERS_OWN)
    return properties.with_children(own) if own else None


# ---------------------------------------------------------------- update


def _updated(cib: Cib, wanted: Element) -> Cib:
    for section in wanted.children:
        if section.children:
            cib = _merge_resources(cib, section) if section.tag == "resources" else _merge_section(cib, section)
    return cib


def _merge_section(cib: Cib, wanted: Element) -> Cib:
    section = cib.section(wanted.tag)
    section = section if section is not NOTHING else Element(wanted.tag)
    if section.tag == "nodes":
        for node in wanted.children:
            section = _merge_node(section, node)
        return cib.with_section(section)
    merged = list(section.children)
    places = {_key(element): place for place, element in enumerate(merged)}
    for element in wanted.children:
        place = places.get(_key(element))
        if place is None:
            places[_key(element)] = len(merged)
            merged.append(element)
        else:
            merged[place] = _merged_object(merged[place], element)
    return cib.with_section(section.with_children(tuple(merged)))


def _key(element: Element) -> tuple[str, str]:
    """Its id, whatever kind of object has it; only roles and those who have them may share one."""
    return (element.tag if element.tag.startswith("acl") else "", element.id)


def _merged_object(old: Element, new: Element) -> Element:
    is_set = new.tag in ("cluster_property_set", "meta_attributes") and old.tag == new.tag
    return _merge_pairs(old, new) if is_set else new


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
    """Resources may stand inside others: an object is replaced where it stands, and new members move into place.

    A member that the text no longer names is a resource of its own again: leaving out deletes nothing.
    """
    section = cib.section("resources")
    section = section if section is not NOTHING else Element("resources")
    tops = {element.id: element for element in wanted.children}
    inside = {found.id for top in tops.values() for found in top.walk() if found is not top and _is_resource(found)}
    placed: set[str] = set()
    loose: list[Element] = []

    def rebuilt(old: Element) -> Element | None:
        if not _is_resource(old):
            return old
        if old.id in inside or old.id in tops:
            loose.extend(kept for member in members(old) if (kept := loosened(member)) is not None)
            placed.add(old.id)
            return tops[old.id] if old.id in tops and old.id not in inside else None
        return old.mapping_children(rebuilt) if old.tag in CONTAINERS else old

    def loosened(member: Element) -> Element | None:
        """A member whose container the text defines anew; one that is defined itself stands where the text has it."""
        if member.id not in inside and member.id not in tops:
            return rebuilt(member)
        loose.extend(kept for found in members(member) if (kept := loosened(found)) is not None)
        return None

    kept = section.mapping_children(rebuilt).children
    new = (element for name, element in tops.items() if name not in placed)
    return cib.with_section(section.with_children((*kept, *new, *loose)))
