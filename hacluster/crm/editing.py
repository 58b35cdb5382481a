"""Changing single objects: deleting, renaming, and a group's members.

Reads a Cib and names; gives the changed Cib, or every problem and nothing changed. What goes along with a deleted
object is told, never silent.
"""

from __future__ import annotations

import re

from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity, has_errors
from hacluster.crm.apply import Loaded
from hacluster.crm.references import CONTAINERS, RESOURCES, members, object_named, parent_of, renamed, users_of

IN_USE = ProblemKind(
    "crm.in-use",
    Severity.ERROR,
    en="{id} can't be deleted: {users} refers to it",
    ja="{id} は {users} から参照されているため削除できません",
    cure_en="delete {users} first, or use --force",
    cure_ja="先に {users} を削除するか、--force を指定してください",
)
LAST_MEMBER = ProblemKind(
    "crm.last-member",
    Severity.ERROR,
    en="{id} is the last member of {container}, which can't be empty",
    ja="{id} は {container} の最後のメンバーです。{container} を空にはできません",
    cure_en="delete {container} too, or use --force",
    cure_ja="{container} も削除するか、--force を指定してください",
)
NOT_THERE = ProblemKind(
    "crm.not-there",
    Severity.ERROR,
    en="there is no object {id}",
    ja="オブジェクト {id} はありません",
)
GOES_TOO = ProblemKind(
    "crm.goes-too",
    Severity.WARNING,
    en="{id} is deleted too: {reason}",
    ja="{id} も削除されます: {reason}",
)
LEAVES = ProblemKind(
    "crm.leaves",
    Severity.WARNING,
    en="{container} goes on without {id}",
    ja="{container} は {id} なしで続きます",
)
NOT_A_GROUP = ProblemKind(
    "crm.not-a-group",
    Severity.ERROR,
    en="{id} is no group",
    ja="{id} はグループではありません",
    cure_en="modgroup works on groups",
    cure_ja="modgroup はグループに使用します",
)
NOT_A_MEMBER = ProblemKind(
    "crm.not-a-member",
    Severity.ERROR,
    en="{id} is no member of {container}",
    ja="{id} は {container} のメンバーではありません",
    cure_en="its members are {members}",
    cure_ja="メンバーは {members} です",
)
ELSEWHERE = ProblemKind(
    "crm.elsewhere",
    Severity.ERROR,
    en="{id} can't become a member: {why}",
    ja="{id} はメンバーにできません: {why}",
    cure_en="only a primitive that is in no other group or clone can",
    cure_ja="他のグループやクローンに属さないプリミティブだけを指定できます",
)
BAD_NAME = ProblemKind(
    "crm.new-name",
    Severity.ERROR,
    en="“{id}” can't be the new name: {why}",
    ja="「{id}」を新しい名前にできません: {why}",
    cure_en="begin with a letter and use letters, digits, “-”, “_” and “.”",
    cure_ja="英字で始め、英数字、「-」「_」「.」を使用してください",
)
_XML_NAME = re.compile(r"[A-Za-z_][\w.\-]*", re.ASCII)


# ---------------------------------------------------------------- edit


def emptied(cib: Cib, chosen: list[str]) -> Cib:
    """Without the settings that an edited text says anew: a pair that is missing there shall be missing afterwards.

    Loading merges pairs into properties and sets into nodes, since a text usually adds something. `chosen`: these
    objects only; none means all.
    """

    def change(element: Element) -> Element:
        if chosen and element.id not in chosen and element.get("uname", "-") not in chosen:
            return element
        return element.with_children(())

    for tag in ("crm_config", "nodes", "rsc_defaults", "op_defaults"):
        section = cib.section(tag)
        if section.children:
            cib = cib.with_section(section.mapping_children(change))
    return cib


# ---------------------------------------------------------------- delete


def delete(cib: Cib, ids: list[str], *, force: bool = False) -> Loaded:
    """The configuration without these objects.

    Refused while something else refers to one of them, or a group or clone would be left without members; with `force`
    these go along, and each is told.
    """
    problems = [NOT_THERE.at(name, id=name) for name in ids if not _is_known(cib, name)]
    gone = list(dict.fromkeys(ids))
    for name in gone:  # grows while it is walked through: what goes along may be referred to as well
        users = [user for user in users_of(cib.configuration, name) if user not in gone]
        if users and not force:
            problems.append(IN_USE.at(name, id=name, users=", ".join(users)))
        elif users:
            problems += [GOES_TOO.at(user, id=user, reason=f"it refers to {name}") for user in users]
            gone += users
        problems += _about_container(cib, name, gone, force=force)
    if has_errors(problems):
        return Loaded(cib, tuple(problems), is_loaded=False)
    return Loaded(cib.with_configuration(_pruned(cib.configuration, set(gone))), tuple(problems))


def _about_container(cib: Cib, name: str, gone: list[str], *, force: bool) -> list[Problem]:
    parent = parent_of(cib.configuration, name)
    if parent is None or parent.id in gone:
        return []
    if any(member.id not in gone for member in members(parent)):
        return [LEAVES.at(name, id=name, container=parent.id)]
    if not force:
        return [LAST_MEMBER.at(name, id=name, container=parent.id)]
    gone.append(parent.id)
    return [GOES_TOO.at(parent.id, id=parent.id, reason=f"{name} is its last member")]


def _is_known(cib: Cib, name: str) -> bool:
    nodes = {node.get("uname") for node in cib.section("nodes").all("node")}
    return name in nodes or object_named(cib.configuration, name) is not None


def _pruned(tree: Element, gone: set[str]) -> Element:
    """Members of a container that goes come back to the top level, as crmsh has it."""
    if tree.tag == "resources":
        kept: list[Element] = []
        for child in tree.children:
            kept += _survivors(child, gone)
        return tree.with_children(tuple(kept))
    if tree.tag != "configuration":
        children = (child for child in tree.children if child.id not in gone and child.get("uname", "-") not in gone)
        return tree.with_children(tuple(children))
    return tree.mapping_children(lambda section: _pruned(section, gone))


def _survivors(element: Element, gone: set[str]) -> list[Element]:
    inside = [found for child in members(element) for found in _survivors(child, gone)]
    if element.id in gone:
        return inside
    if element.tag not in CONTAINERS:
        return [element]
    own = tuple(child for child in element.children if child.tag not in RESOURCES)
    return [element.with_children((*own, *inside))]


# ---------------------------------------------------------------- rename


def rename(cib: Cib, old: str, new: str) -> Loaded:
    """The configuration in which the object and everything that refers to it say `new`."""
    problem = None
    own = object_named(cib.configuration, old)
    if own is None or own.tag == "node":
        problem = NOT_THERE.at(old, id=old)
    elif not _XML_NAME.fullmatch(new):
        problem = BAD_NAME.at(new, id=new, why="it is no XML name")
    elif cib.configuration.by_id(new) is not None:
        problem = BAD_NAME.at(new, id=new, why="it is used already")
    if problem is not None:
        return Loaded(cib, (problem,), is_loaded=False)
    return Loaded(cib.with_configuration(renamed(cib.configuration, old, new)))


# ---------------------------------------------------------------- a group's members


def add_member(cib: Cib, group: str, name: str, *, before: str = "", after: str = "") -> Loaded:
    """A primitive becomes a member, at the end or beside another member."""
    found = _group(cib, group)
    if isinstance(found, Problem):
        return Loaded(cib, (found,), is_loaded=False)
    there = [member.id for member in members(found)]
    neighbour = before or after
    if neighbour and neighbour not in there:
        problem = NOT_A_MEMBER.at(neighbour, id=neighbour, container=group, members=", ".join(there))
        return Loaded(cib, (problem,), is_loaded=False)
    own = object_named(cib.configuration, name)
    why = _why_no_member(cib, own, name, group)
    if why or own is None:
        return Loaded(cib, (ELSEWHERE.at(name, id=name, why=why),), is_loaded=False)
    position = there.index(neighbour) + (1 if after else 0) if neighbour else len(there)
    kept = [member for member in members(found) if member.id != name]
    kept.insert(position, own)
    changed = _with_members(found, kept)
    resources = cib.section("resources")
    without = resources.with_children(tuple(child for child in resources.children if child.id != name))
    return Loaded(cib.with_section(_replaced(without, found.id, changed)))


def _why_no_member(cib: Cib, own: Element | None, name: str, group: str) -> str:
    if own is None:
        return "there is no object of this name"
    if own.tag != "primitive":
        return f"it is a {own.tag}"
    parent = parent_of(cib.configuration, name)
    return "" if parent is None else f"it is a member of {parent.id} already"


def remove_member(cib: Cib, group: str, name: str) -> Loaded:
    """A member becomes a resource of its own, behind all others."""
    found = _group(cib, group)
    if isinstance(found, Problem):
        return Loaded(cib, (found,), is_loaded=False)
    there = members(found)
    own = next((member for member in there if member.id == name), None)
    if own is None:
        ids = ", ".join(member.id for member in there)
        return Loaded(cib, (NOT_A_MEMBER.at(name, id=name, container=group, members=ids),), is_loaded=False)
    if len(there) == 1:
        return Loaded(cib, (LAST_MEMBER.at(name, id=name, container=group),), is_loaded=False)
    changed = _with_members(found, [member for member in there if member.id != name])
    resources = _replaced(cib.section("resources"), group, changed)
    return Loaded(cib.with_section(resources.with_child(own)))


def _group(cib: Cib, name: str) -> Element | Problem:
    found = object_named(cib.configuration, name)
    if found is None:
        return NOT_THERE.at(name, id=name)
    return found if found.tag == "group" else NOT_A_GROUP.at(name, id=name)


def _with_members(group: Element, inside: list[Element]) -> Element:
    own = tuple(child for child in group.children if child.tag not in RESOURCES)
    return group.with_children((*own, *inside))


def _replaced(tree: Element, name: str, new: Element) -> Element:
    def change(child: Element) -> Element:
        if child.tag in CONTAINERS:
            return new if child.id == name else _replaced(child, name, new)
        return child

    return tree.mapping_children(change)
