"""The difference between two versions of the CIB, and how to apply it.

Reads two frozen documents; gives a `Patch` from the version of the one to the version of the other, in the terms of
Pacemaker's v2 patchset (create, modify, delete, move at an XPath). Branches that both documents share by identity are
never looked into, so a status change in a large document costs its path to the root.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import reduce
from itertools import groupby

import msgspec

from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.cib.version import CibVersion

DOES_NOT_FIT = ProblemKind(
    "cib.patch-does-not-fit",
    Severity.ERROR,
    en="the patch changes {path}, which is not there",
    ja="パッチの対象 {path} がありません",
    cure_en="fetch the whole CIB",
    cure_ja="CIB 全体を取得してください",
)
WRONG_VERSION = ProblemKind(
    "cib.patch-version",
    Severity.ERROR,
    en="the patch is for version {wanted}, the CIB has {found}",
    ja="パッチの対象は版 {wanted} ですが、CIB は版 {found} です",
    cure_en="fetch the whole CIB",
    cure_ja="CIB 全体を取得してください",
)


class ChangeKind(StrEnum):
    CREATE = "create"
    MODIFY = "modify"
    DELETE = "delete"
    MOVE = "move"


class Change(msgspec.Struct, frozen=True):
    """One step of a patch, carried out in the order of the list.

    `path` is that of the element itself, or of the parent for a create
    (`/cib/status/node_state[@id='1']/lrm`). `position` counts among the parent's children.
    """

    kind: ChangeKind
    path: str
    position: int = -1
    element: Element | None = None
    set_attributes: dict[str, str] = {}
    unset_attributes: tuple[str, ...] = ()


class Patch(msgspec.Struct, frozen=True):
    source: CibVersion
    target: CibVersion
    changes: tuple[Change, ...] = ()


# ---------------------------------------------------------------- making a patch


def diff(old: Cib, new: Cib) -> Patch:
    """What turns `old` into `new`. The version attributes travel in the patch's head, not as a change."""
    changes: list[Change] = []
    _diff_attributes(old.root, new.root, "/cib", changes, skip=frozenset(CibVersion.__struct_fields__))
    _diff_children(old.root, new.root, "/cib", changes)
    return Patch(old.version, new.version, tuple(changes))


def step_of(element: Element, position: int) -> str:
    """The last step of an element's path: its tag and id, or its tag and place where it has no id."""
    found = element.attributes.get("id")
    return f"{element.tag}[@id='{found}']" if found is not None else f"{element.tag}[{position + 1}]"


def _key(element: Element, occurrence: int) -> tuple[str, str]:
    found = element.attributes.get("id")
    return (element.tag, found) if found is not None else (element.tag, f"\0{occurrence}")


def _keyed(element: Element) -> dict[tuple[str, str], Element]:
    """Children by tag and id; those without an id by their place among equals. A repeated id keeps its first."""
    counts: dict[str, int] = {}
    keyed: dict[tuple[str, str], Element] = {}
    for child in element.children:
        occurrence = counts.get(child.tag, 0)
        counts[child.tag] = occurrence + 1
        key = _key(child, occurrence)
        keyed[(child.tag, f"{key[1]}\0{occurrence}") if key in keyed else key] = child
    return keyed


def _path(parent: str, key: tuple[str, str]) -> str:
    tag, name = key
    if name.startswith("\0"):
        return f"{parent}/{tag}[{int(name[1:]) + 1}]"
    if "\0" in name:
        return f"{parent}/{tag}[{int(name.rpartition(chr(0))[2]) + 1}]"
    return f"{parent}/{tag}[@id='{name}']"


def _diff_attributes(
    old: Element, new: Element, path: str, changes: list[Change], skip: frozenset[str] = frozenset()
) -> None:
    was, now = old.attributes, new.attributes
    written = {name: value for name, value in now.items() if was.get(name) != value and name not in skip}
    gone = tuple(name for name in was if name not in now and name not in skip)
    if written or gone:
        changes.append(Change(ChangeKind.MODIFY, path, set_attributes=written, unset_attributes=gone))


def _diff_children(old: Element, new: Element, path: str, changes: list[Change]) -> None:
    if old.children is new.children:
        return
    was, now = _keyed(old), _keyed(new)
    if _must_replace(was, now):
        changes.extend(Change(ChangeKind.DELETE, _path(path, key)) for key in reversed(was))
        changes.extend(Change(ChangeKind.CREATE, path, position, child) for position, child in enumerate(now.values()))
        return
    changes.extend(Change(ChangeKind.DELETE, _path(path, key)) for key in reversed(was) if key not in now)
    _diff_order([key for key in was if key in now], now, path, changes)
    for key, child in now.items():
        before = was.get(key)
        if before is not None and before is not child:
            _diff_element(before, child, _path(path, key), changes)


def _diff_element(old: Element, new: Element, path: str, changes: list[Change]) -> None:
    _diff_attributes(old, new, path, changes)
    _diff_children(old, new, path, changes)


def _must_replace(was: dict[tuple[str, str], Element], now: dict[tuple[str, str], Element]) -> bool:
    """Elements that have no id can't be followed when their number or order changes, nor text when it does."""
    if any(was[key].text != now[key].text for key in was if key in now):
        return True
    anonymous_was = [key for key in was if "\0" in key[1]]
    anonymous_now = [key for key in now if "\0" in key[1]]
    return anonymous_was != anonymous_now


def _diff_order(
    kept: list[tuple[str, str]], now: dict[tuple[str, str], Element], path: str, changes: list[Change]
) -> None:
    """Creates and moves, each at its final place, so that carrying them out from first to last gives `now`."""
    order = list(kept)
    for position, (key, child) in enumerate(now.items()):
        if position < len(order) and order[position] == key:
            continue
        if key in order[position:]:
            order.remove(key)
            changes.append(Change(ChangeKind.MOVE, _path(path, key), position))
        else:
            changes.append(Change(ChangeKind.CREATE, path, position, child))
        order.insert(position, key)


# ---------------------------------------------------------------- applying a patch

_STEP = re.compile(r"([^/\[\]]+)(?:\[@id='([^']*)'\]|\[(\d+)\])?")


class _Missing(Exception):
    """A step of a path leads nowhere."""


def apply(cib: Cib, patch: Patch) -> Cib | Problem:
    """The document after the patch; a Problem when it was made for another version or doesn't fit."""
    if cib.version != patch.source:
        return WRONG_VERSION.at(wanted=patch.source, found=cib.version)
    root = cib.root
    for path, together in groupby(patch.changes, key=lambda change: change.path):
        changes = tuple(together)
        try:
            if len(changes) > 1 and all(change.kind is ChangeKind.CREATE for change in changes):
                root = _create_all(root, path, changes)
            else:
                root = reduce(_apply_change, changes, root)
        except _Missing:
            return DOES_NOT_FIT.at(path, path=path)
    return Cib(root).with_version(patch.target)


def _steps(path: str) -> list[tuple[str, str | None, int | None]]:
    return [(match[1], match[2], int(match[3]) - 1 if match[3] else None) for match in _STEP.finditer(path.lstrip("/"))]


def _create_all(root: Element, path: str, changes: tuple[Change, ...]) -> Element:
    """New children of one element, one after the other, but its tuple of children is made only once."""
    parent = _at(root, path)
    children = list(parent.children)
    for change in changes:
        if change.element is None:
            raise _Missing
        children.insert(change.position if 0 <= change.position <= len(children) else len(children), change.element)
    filled = parent.with_children(tuple(children))
    steps = _steps(path)[1:]
    return _put(root, steps, filled)


def _at(root: Element, path: str) -> Element:
    steps = _steps(path)
    if not steps or steps[0][0] != root.tag:
        raise _Missing
    return reduce(_child, steps[1:], root)


def _put(element: Element, steps: list[tuple[str, str | None, int | None]], new: Element) -> Element:
    if not steps:
        return new
    child = _child(element, steps[0])
    return element.replacing(child, _put(child, steps[1:], new))


def _apply_change(root: Element, change: Change) -> Element:
    steps = _steps(change.path)
    if not steps or steps[0][0] != root.tag:
        raise _Missing
    return _rewrite(root, steps[1:], change)


def _rewrite(element: Element, steps: list[tuple[str, str | None, int | None]], change: Change) -> Element:
    at_target = not steps
    if at_target and change.kind is ChangeKind.CREATE:
        return _inserted(element, change)
    if at_target:
        merged: dict[str, str | None] = {**change.set_attributes, **dict.fromkeys(change.unset_attributes)}
        return element.with_attributes(merged)
    child = _child(element, steps[0])
    if len(steps) == 1 and change.kind is ChangeKind.DELETE:
        return element.replacing(child, None)
    if len(steps) == 1 and change.kind is ChangeKind.MOVE:
        without = element.replacing(child, None)
        kept = without.children
        return without.with_children((*kept[: change.position], child, *kept[change.position :]))
    return element.replacing(child, _rewrite(child, steps[1:], change))


def _inserted(parent: Element, change: Change) -> Element:
    if change.element is None:
        raise _Missing
    children = parent.children
    at = change.position if 0 <= change.position <= len(children) else len(children)
    return parent.with_children((*children[:at], change.element, *children[at:]))


def _child(element: Element, step: tuple[str, str | None, int | None]) -> Element:
    tag, wanted, place = step
    if wanted is not None:
        for child in element.children:
            if child.tag == tag and child.attributes.get("id") == wanted:
                return child
        raise _Missing
    same = [child for child in element.children if child.tag == tag]
    if (place or 0) >= len(same):
        raise _Missing
    return same[place or 0]


# ---------------------------------------------------------------- Pacemaker's v2 patchset


def to_xml(patch: Patch, result: Cib | None = None, *, with_version: bool = True) -> Element:
    """`<diff format="2">` as crm_diff prints it and cibadmin --patch reads it.

    With the document that results, each changed element is told as it stands afterwards, as Pacemaker does.
    """
    root = result.root if result is not None else None
    changes = tuple(_change_to_xml(change, root) for change in patch.changes)
    if not with_version:
        return Element("diff", {"format": "2"}, changes)
    version = Element(
        "version",
        {},
        (Element("source", _version(patch.source)), Element("target", _version(patch.target))),
    )
    return Element("diff", {"format": "2"}, (version, *changes))


def _version(version: CibVersion) -> dict[str, str]:
    known = version.attributes()
    return {name: known[name] for name in ("admin_epoch", "epoch", "num_updates")}


def _change_to_xml(change: Change, result: Element | None) -> Element:
    # The first of its kind is told without its number.
    attributes = {"operation": change.kind.value, "path": change.path.replace("[1]", "")}
    if change.position >= 0:
        attributes["position"] = str(change.position)
    children: tuple[Element, ...] = (change.element,) if change.element is not None else ()
    if change.kind is ChangeKind.MODIFY:
        listed = [
            Element("change-attr", {"name": name, "operation": "set", "value": value})
            for name, value in change.set_attributes.items()
        ]
        listed += [Element("change-attr", {"name": name, "operation": "unset"}) for name in change.unset_attributes]
        children = (Element("change-list", {}, tuple(listed)), *_result(change.path, result))
    return Element("change", attributes, children)


def _result(path: str, result: Element | None) -> tuple[Element, ...]:
    if result is None:
        return ()
    try:
        found = _at(result, path)
    except _Missing:
        return ()
    return (Element("change-result", {}, (found.with_children(()),)),)


def with_version_change(patch: Patch, result: Cib) -> Patch:
    """The change of version told as one of the root's attributes too, as Pacemaker does."""
    now, was = patch.target.attributes(), patch.source.attributes()
    changed = {name: value for name, value in now.items() if value != was[name]}
    root = f"/{result.root.tag}"
    if not changed:
        return patch
    first = patch.changes[:1]
    if first and first[0].path == root and first[0].kind is ChangeKind.MODIFY:
        merged = msgspec.structs.replace(first[0], set_attributes={**changed, **first[0].set_attributes})
        return msgspec.structs.replace(patch, changes=(merged, *patch.changes[1:]))
    return msgspec.structs.replace(
        patch, changes=(Change(ChangeKind.MODIFY, root, set_attributes=changed), *patch.changes)
    )


def from_xml(document: Element, version_if_none: CibVersion | None = None) -> Patch | Problem:
    """Read a v2 patchset. One that was made without versions fits any, and is read as one for `version_if_none`."""
    version = document.find("version")
    if version is None and version_if_none is not None and document.get("format") == "2":
        return Patch(version_if_none, version_if_none, tuple(map(_change_from_xml, document.all("change"))))
    source = version.find("source") if version else None
    target = version.find("target") if version else None
    if document.tag != "diff" or document.get("format") != "2" or source is None or target is None:
        return DOES_NOT_FIT.at(document.tag, path=document.tag)
    changes = tuple(_change_from_xml(change) for change in document.all("change"))
    return Patch(CibVersion.of(source.attributes), CibVersion.of(target.attributes), changes)


def _change_from_xml(change: Element) -> Change:
    kind = ChangeKind(change.get("operation", ChangeKind.MODIFY))
    listed = change.find("change-list")
    entries = tuple(listed.all("change-attr")) if listed is not None else ()
    return Change(
        kind,
        change.get("path"),
        int(change.get("position", "-1")),
        change.children[0] if kind is ChangeKind.CREATE and change.children else None,
        {entry.get("name"): entry.get("value") for entry in entries if entry.get("operation") == "set"},
        tuple(entry.get("name") for entry in entries if entry.get("operation") == "unset"),
    )
