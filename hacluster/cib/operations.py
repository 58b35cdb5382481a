"""What `cibadmin` and every other writer may do to a CIB, as one pure function.

Reads a frozen Cib and a `CibChange`-shaped order; gives the changed Cib, or every problem at once with nothing
changed. The DC carries out all changes with it, and `CIB_file` uses the same (cibadmin's man page).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from hacluster.cib.codec import parse_xml
from hacluster.cib.model import Cib, Element
from hacluster.cib.orders import CibOperationKind
from hacluster.cib.patch import apply, from_xml
from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.cib.schema import new_in
from hacluster.cib.upgrade import upgrade
from hacluster.cib.version import CibVersion
from hacluster.cib.xpath import BadPath, matches

NOT_FOUND = ProblemKind(
    "cib.not-found",
    Severity.ERROR,
    en="{what} is not in the CIB",
    ja="{what} は CIB にありません",
    cure_en="look at the names with cibadmin -Q",
    cure_ja="cibadmin -Q で名前を確認してください",
)
EXISTS = ProblemKind(
    "cib.exists",
    Severity.ERROR,
    en="{what} exists already",
    ja="{what} は既に存在します",
    cure_en="modify or replace it instead",
    cure_ja="変更 (modify) または置換 (replace) を使用してください",
)
CONFLICT = ProblemKind(
    "cib.version",
    Severity.ERROR,
    en="the configuration was changed meanwhile: it is at {found}, this change was made for {wanted}",
    ja="構成は既に {found} に変更されています（この変更は {wanted} に対するものです）",
    cure_en="look at the new configuration and try again",
    cure_ja="新しい構成を確認してから、やり直してください",
)
NO_INPUT = ProblemKind(
    "cib.no-input",
    Severity.ERROR,
    en="{kind} needs XML",
    ja="{kind} には XML が必要です",
    cure_en="give it with --xml-text, --xml-file or --xml-pipe",
    cure_ja="--xml-text、--xml-file、--xml-pipe のいずれかで指定してください",
)
OLDER = ProblemKind(
    "cib.older",
    Severity.ERROR,
    en="the replacement has version {given}, older than the {found} that is in force",
    ja="置換する CIB の版 {given} は、現在の版 {found} より古いものです",
    cure_en="raise its epoch or admin_epoch",
    cure_ja="epoch または admin_epoch を上げてください",
)
BAD_XPATH = ProblemKind(
    "cib.xpath", Severity.ERROR, en="the XPath {path} can't be read", ja="XPath {path} を解釈できません"
)


class Order(Protocol):
    """What is to be done. `protocol.messages.CibChange` has this shape."""

    @property
    def kind(self) -> str: ...
    @property
    def section(self) -> str: ...
    @property
    def xpath(self) -> str: ...
    @property
    def xml(self) -> str: ...
    @property
    def allow_create(self) -> bool: ...
    @property
    def based_on(self) -> CibVersion | None: ...


Outcome = Cib | tuple[Problem, ...]


def carry_out(cib: Cib, order: Order) -> Outcome:
    """The CIB after the order, its version counted on; or the problems, and nothing is changed."""
    wanted = order.based_on
    found = cib.version
    if wanted is not None and (wanted.admin_epoch, wanted.epoch) != (found.admin_epoch, found.epoch):
        return (CONFLICT.at(wanted=wanted, found=found),)
    try:
        changed = _CARRIERS[CibOperationKind(order.kind)](cib, order)
    except BadPath:
        return (BAD_XPATH.at(order.xpath, path=order.xpath),)
    if isinstance(changed, Problem):
        return (changed,)
    if refused := _refused_by_schema(cib, changed):
        return refused
    # A patch brings the version it leads to, unless it was made without versions.
    is_counted = order.kind in (CibOperationKind.PATCH, CibOperationKind.BUMP) and changed.version != cib.version
    return changed if is_counted else counted_on(cib, changed)


def _refused_by_schema(old: Cib, new: Cib) -> tuple[Problem, ...]:
    """A status is written all the time and has no form."""
    name = "validate-with"
    is_same = new.configuration is old.configuration and new.root.get(name) == old.root.get(name)
    return () if is_same else tuple(new_in(old, new))


def counted_on(old: Cib, new: Cib) -> Cib:
    """`new` under the version that follows `old`: by the epoch when the configuration changed, else by num_updates."""
    version = new.version
    if version > old.version and new.root.attributes.get("epoch") != old.root.attributes.get("epoch"):
        return new
    if _configuration_differs(old, new):
        return new.with_version(
            msgspec.structs.replace(old.version, admin_epoch=version.admin_epoch).after_configuration_change()
        )
    return new.with_version(old.version.after_status_change()) if new.status is not old.status else new


def _configuration_differs(old: Cib, new: Cib) -> bool:
    if old.configuration is not new.configuration and old.configuration != new.configuration:
        return True
    volatile = {"epoch", "num_updates", "cib-last-written", "have-quorum", "dc-uuid"}
    volatile |= {"update-origin", "update-client", "update-user", "execution-date"}
    names = (old.root.attributes.keys() | new.root.attributes.keys()) - volatile
    return any(old.root.attributes.get(name) != new.root.attributes.get(name) for name in names)


# ---------------------------------------------------------------- the orders


def _input(order: Order) -> Element | Problem:
    return parse_xml(order.xml) if order.xml.strip() else NO_INPUT.at(kind=order.kind)


def _name(element: Element) -> str:
    return f"<{element.tag} id={element.id}>" if element.id else f"<{element.tag}>"


def _target_section(cib: Cib, order: Order) -> Element | None:
    """The element that an input without an XPath is compared with: the section, or the whole document."""
    if not order.section or order.section in ("all", "cib"):
        return cib.root
    if order.section in ("configuration", "status"):
        return cib.root.find(order.section)
    return cib.configuration.find(order.section) or Element(order.section)


def _with_target(cib: Cib, order: Order, target: Element) -> Cib:
    if target.tag == "cib":
        return Cib(target)
    if target.tag == "configuration":
        return cib.with_configuration(target)
    return cib.with_status(target) if target.tag == "status" else cib.with_section(target)


def _create(cib: Cib, order: Order) -> Cib | Problem:
    given = _input(order)
    if isinstance(given, Problem):
        return given
    if order.xpath:
        return _at_path(cib, order.xpath, lambda found: found.with_child(given))
    if given.id and (old := cib.root.by_id(given.id)) is not None and old.tag == given.tag:
        return EXISTS.at(given.id, what=_name(given))
    target = _target_section(cib, order)
    if target is None:
        return NOT_FOUND.at(order.section, what=f"section {order.section}")
    if given.tag == target.tag:
        return _with_target(cib, order, target.with_children((*target.children, *given.children)))
    return _with_target(cib, order, target.with_child(given))


def _modify(cib: Cib, order: Order) -> Cib | Problem:
    given = _input(order)
    if isinstance(given, Problem):
        return given
    if order.xpath:
        return _at_path(cib, order.xpath, lambda found: merged(found, given))
    target = _target_section(cib, order)
    if target is None:
        return NOT_FOUND.at(order.section, what=f"section {order.section}")
    if given.tag == target.tag:
        return _with_target(cib, order, merged(target, given))
    changed = _merge_somewhere(target, given)
    if changed is None:
        if not order.allow_create and not _is_section(given):
            return NOT_FOUND.at(given.id, what=_name(given))
        changed = target.with_child(given)
    return _with_target(cib, order, changed)


def _is_section(element: Element) -> bool:
    return not element.id


def merged(old: Element, new: Element) -> Element:
    """`old` with everything that `new` says: attributes set, children merged by tag and id, others added."""
    result = old.with_attributes(new.attributes)
    for child in new.children:
        same = next((kept for kept in result.children if kept.tag == child.tag and kept.id == child.id), None)
        result = result.with_child(child) if same is None else result.replacing(same, merged(same, child))
    return result


def _merge_somewhere(tree: Element, given: Element) -> Element | None:
    """The tree with the element of the same tag and id merged, wherever it stands; None when there is none."""

    def change(element: Element) -> Element:
        if element.tag == given.tag and element.id == given.id:
            return merged(element, given)
        return element.mapping_children(change)

    changed = tree.mapping_children(change)
    present = any(element.tag == given.tag and element.id == given.id for element in tree.walk())
    return changed if present else None


def _replace(cib: Cib, order: Order) -> Cib | Problem:
    given = _input(order)
    if isinstance(given, Problem):
        return given
    if order.xpath:
        return _at_path(cib, order.xpath, lambda _: given)
    if given.tag == "cib":
        return _replace_all(cib, given)
    if given.tag in ("configuration", "status"):
        return _with_target(cib, order, given)
    if cib.configuration.find(given.tag) is not None and not given.id:
        return cib.with_section(given)
    found = cib.root.by_id(given.id) if given.id else None
    if found is None or found.tag != given.tag:
        return _create(cib, order) if order.allow_create else NOT_FOUND.at(given.id, what=_name(given))
    return Cib(_replaced_everywhere(cib.root, lambda element: given if element is found else None))


def _replace_all(cib: Cib, given: Element) -> Cib | Problem:
    """A whole document keeps its own version when that is newer; an older one is refused."""
    new = Cib(given)
    if (new.version.admin_epoch, new.version.epoch) < (cib.version.admin_epoch, cib.version.epoch):
        return OLDER.at(given=new.version, found=cib.version)
    return new if new.root.find("status") is not None else new.with_status(cib.status)


def _delete(cib: Cib, order: Order) -> Cib | Problem:
    if order.xpath:
        return _remove_at_path(cib, order.xpath, first_only=order.kind == CibOperationKind.DELETE)
    given = _input(order)
    if isinstance(given, Problem):
        return given
    # As cibadmin: something that isn't there is deleted already.
    return Cib(_without(cib.root, lambda element: _is_described(element, given)))


def _is_described(element: Element, wanted: Element) -> bool:
    return element.tag == wanted.tag and all(element.get(name, "\0") == v for name, v in wanted.attributes.items())


def _without(tree: Element, is_gone: Callable[[Element], bool]) -> Element:
    return tree.mapping_children(lambda child: None if is_gone(child) else _without(child, is_gone))


def _replaced_everywhere(tree: Element, change: Callable[[Element], Element | None]) -> Element:
    return tree.mapping_children(lambda child: change(child) or _replaced_everywhere(child, change))


def _at_path(cib: Cib, path: str, change: Callable[[Element], Element]) -> Cib | Problem:
    found = matches(cib.root, path)
    if not found:
        return NOT_FOUND.at(path, what=path)
    first = found[0]
    if first is cib.root:
        return Cib(change(first))
    return Cib(_replaced_everywhere(cib.root, lambda element: change(element) if element is first else None))


def _remove_at_path(cib: Cib, path: str, *, first_only: bool) -> Cib | Problem:
    found = matches(cib.root, path)
    gone = {id(element) for element in (found[:1] if first_only else found)}
    return Cib(_without(cib.root, lambda element: id(element) in gone))


def _patch(cib: Cib, order: Order) -> Cib | Problem:
    given = _input(order)
    if isinstance(given, Problem):
        return given
    patch = from_xml(given, cib.version)
    return patch if isinstance(patch, Problem) else apply(cib, patch)


def _erase(cib: Cib, order: Order) -> Cib | Problem:
    blank = Cib.empty(validate_with=cib.root.get("validate-with", "pacemaker-3.9"))
    erased = cib.with_configuration(blank.configuration).with_status(blank.status)
    version = msgspec.structs.replace(cib.version, admin_epoch=cib.version.admin_epoch + 1, epoch=0, num_updates=0)
    return erased.with_version(version)


def _bump(cib: Cib, order: Order) -> Cib | Problem:
    return cib.with_version(cib.version.after_configuration_change())


def _upgrade(cib: Cib, order: Order) -> Cib | Problem:
    upgraded = upgrade(cib)
    return upgraded if isinstance(upgraded, Problem) else upgraded.cib


_CARRIERS: dict[CibOperationKind, Callable[[Cib, Order], Cib | Problem]] = {
    CibOperationKind.CREATE: _create,
    CibOperationKind.MODIFY: _modify,
    CibOperationKind.REPLACE: _replace,
    CibOperationKind.DELETE: _delete,
    CibOperationKind.DELETE_ALL: _delete,
    CibOperationKind.PATCH: _patch,
    CibOperationKind.ERASE: _erase,
    CibOperationKind.BUMP: _bump,
    CibOperationKind.UPGRADE: _upgrade,
}
