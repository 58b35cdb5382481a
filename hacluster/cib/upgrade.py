"""A configuration of an older Pacemaker in today's terms.

Reads a Cib of any schema since 1.0; gives the same configuration under the schema that this cluster speaks, and what
was changed and why. What it does not know stays untouched. The changes are those that Pacemaker makes between its
schemas 2.10 and 3.0: option names with underscores, defaults that moved, settings that never had an effect. From 1.0 to
2.10, and among 3.x, schemas differ in additions only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity

CURRENT = "pacemaker-3.9"
_THIRD = (3, 0)
_SCHEMA = re.compile(r"pacemaker-(\d+)\.(\d+)")

TOO_OLD = ProblemKind(
    "cib.schema-too-old",
    Severity.ERROR,
    en="the schema {schema} is older than pacemaker-1.0",
    ja="スキーマ {schema} は pacemaker-1.0 より古いものです",
    cure_en="upgrade it with the Pacemaker that wrote it first",
    cure_ja="先にその CIB を作成した Pacemaker で更新してください",
)
RENAMED = ProblemKind(
    "cib.upgrade.renamed", Severity.WARNING, en="{old} is called {new} now", ja="{old} は現在 {new} という名前です"
)
MOVED = ProblemKind(
    "cib.upgrade.moved",
    Severity.WARNING,
    en="{old} has moved to {section} as {new}",
    ja="{old} は {section} の {new} に移動しました",
)
DROPPED = ProblemKind(
    "cib.upgrade.dropped", Severity.WARNING, en="{old} is dropped: {why}", ja="{old} は削除されました: {why}"
)
STOPPED = ProblemKind(
    "cib.upgrade.stopped",
    Severity.WARNING,
    en="{old} no longer exists: the resource is kept stopped",
    ja="{old} は廃止されたため、リソースは停止状態になります",
    cure_en="run it in a bundle instead",
    cure_ja="代わりに bundle で実行してください",
)

_UNDERSCORED = (
    "cluster_recheck_interval", "dc_deadtime", "election_timeout", "no_quorum_policy", "remove_after_stop",
    "shutdown_escalation", "startup_fencing", "stonith_action", "stonith_enabled", "stop_orphan_actions",
    "stop_orphan_resources", "symmetric_cluster",
)  # fmt: skip
_OPTION_NAMES = {name: name.replace("_", "-") for name in _UNDERSCORED} | {"transition_idle_timeout": "cluster-delay"}
_MOVED_OPTIONS = {
    "default-resource-stickiness": ("rsc_defaults", "resource-stickiness"),
    "is-managed-default": ("rsc_defaults", "is-managed"),
    "default-action-timeout": ("op_defaults", "timeout"),
}
_MOVED_OPTIONS |= {name.replace("-", "_"): place for name, place in _MOVED_OPTIONS.items()}
_THRESHOLD_INSTEAD = "migration-threshold says it now"
_DROPPED_OPTIONS = {
    "default-resource-failure-stickiness": _THRESHOLD_INSTEAD,
    "default_resource_failure_stickiness": _THRESHOLD_INSTEAD,
    "default-migration-threshold": _THRESHOLD_INSTEAD,
    "expected-quorum-votes": "the membership layer counts votes itself",
    "notification-agent": "alerts took its place",
    "notification-recipient": "alerts took its place",
}
_DROPPED_META = {
    "resource-failure-stickiness": _THRESHOLD_INSTEAD,
    "resource_failure_stickiness": _THRESHOLD_INSTEAD,
}
_ISOLATION = ("isolation", "isolation-instance", "isolation-wrapper", "isolation-host")
_FENCE_PARAMETERS = {
    f"pcmk_{action}_cmd": f"pcmk_{action}_action" for action in ("list", "monitor", "status", "off", "on", "reboot")
}
_NEVER_IN_EFFECT = ("score-attribute", "score-attribute-mangle")


_Change = Callable[[Element, list[Problem]], Element | None]


class Upgraded(msgspec.Struct, frozen=True):
    cib: Cib
    changes: tuple[Problem, ...] = ()


def upgrade(cib: Cib) -> Upgraded | Problem:
    """The document under the current schema. A newer one stays as it is."""
    schema = cib.root.get("validate-with")
    version = schema_version(schema)
    if version is None and schema not in ("", "none", "pacemaker-next"):
        return TOO_OLD.at(schema=schema)
    current = schema_version(CURRENT)
    if version is not None and current is not None and version >= current:
        return Upgraded(cib)
    changes: list[Problem] = []
    if version is not None and version < _THIRD:
        cib = _to_third(cib, changes)
    return Upgraded(Cib(cib.root.with_attributes({"validate-with": CURRENT})), tuple(changes))


def schema_version(schema: str) -> tuple[int, int] | None:
    """`pacemaker-2.10` -> (2, 10); None for what is no schema since 1.0."""
    match = _SCHEMA.fullmatch(schema)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    return version if version >= (1, 0) else None


def _to_third(cib: Cib, changes: list[Problem]) -> Cib:
    cib = _with_options(cib, changes)
    for tag, change in _SECTION_CHANGES:
        section = cib.section(tag)
        if section.children:
            cib = cib.with_section(_everywhere(section, _telling(change, changes)))
    return cib


def _telling(change: _Change, changes: list[Problem]) -> Callable[[Element], Element | None]:
    return lambda element: change(element, changes)


def _everywhere(tree: Element, change: Callable[[Element], Element | None]) -> Element:
    """Each element below put through `change`, from the outside inwards; None takes it out."""

    def below(child: Element) -> Element | None:
        changed = change(child)
        return None if changed is None else _everywhere(changed, change)

    return tree.mapping_children(below)


# ---------------------------------------------------------------- options

# `cluster-infrastructure` stays: Pacemaker drops the values of stacks it gave up, and heartbeat is one of them.


def _with_options(cib: Cib, changes: list[Problem]) -> Cib:
    moved: dict[str, list[Element]] = {}

    def pair(found: Element) -> Element | None:
        name = found.get("name")
        if name in _OPTION_NAMES:
            changes.append(RENAMED.at(found.id, old=name, new=_OPTION_NAMES[name]))
            return found.with_attributes({"name": _OPTION_NAMES[name]})
        if name in _MOVED_OPTIONS:
            place, new = _MOVED_OPTIONS[name]
            changes.append(MOVED.at(found.id, old=name, section=place, new=new))
            moved.setdefault(place, []).append(found.with_attributes({"name": new}))
            return None
        if name in _DROPPED_OPTIONS:
            changes.append(DROPPED.at(found.id, old=name, why=_DROPPED_OPTIONS[name]))
            return None
        return found

    def pairs(block: Element) -> Element | None:
        return _unless_emptied(block, block.mapping_children(lambda one: pair(one) if one.tag == "nvpair" else one))

    section = cib.section("crm_config")
    if section.children:
        cib = cib.with_section(section.mapping_children(pairs))
    for place, found in moved.items():
        cib = _with_defaults(cib, place, found)
    return cib


def _with_defaults(cib: Cib, place: str, found: list[Element]) -> Cib:
    """A default that is configured already stays; the others come into a set of their own."""
    section = cib.section(place)
    section = section if section.tag == place else Element(place)
    known = {pair.get("name") for pair in section.walk() if pair.tag == "nvpair"}
    new: dict[str, Element] = {}
    for pair in found:
        if pair.get("name") not in known:
            new.setdefault(pair.get("name"), pair)
    if not new:
        return cib
    name = "rsc" if place == "rsc_defaults" else "op"
    block = Element("meta_attributes", {"id": f"_2TO3_-{name}-defaults"}, tuple(new.values()))
    return cib.with_section(section.with_child(block))


# ---------------------------------------------------------------- nodes, resources, constraints


def _node(element: Element, changes: list[Problem]) -> Element:
    if element.tag == "node" and element.get("type") == "normal":
        changes.append(RENAMED.at(element.get("uname"), old="type normal", new="member"))
        return element.with_attributes({"type": "member"})
    return element


def _constraint(element: Element, changes: list[Problem]) -> Element:
    if element.tag != "rsc_colocation":
        return element
    gone = [name for name in _NEVER_IN_EFFECT if name in element.attributes]
    changes += [DROPPED.at(element.id, old=name, why="it never had an effect") for name in gone]
    return element.with_attributes(dict.fromkeys(gone)) if gone else element


def _resource(element: Element, changes: list[Problem]) -> Element | None:
    if element.tag in ("primitive", "template"):
        element = _with_requires(element, changes)
    if element.tag == "meta_attributes":
        return _with_pairs(element, list(_meta_pairs(element, changes)))
    if element.tag == "instance_attributes":
        return _with_pairs(element, list(_parameters(element, changes)))
    return element


def _with_pairs(block: Element, pairs: list[Element]) -> Element | None:
    return _unless_emptied(block, block if tuple(pairs) == block.children else block.with_children(tuple(pairs)))


def _unless_emptied(old: Element, new: Element) -> Element | None:
    """A set that has lost its last pair goes; one that was empty before is the operator's own business."""
    return None if old.children and not new.children else new


def _meta_pairs(block: Element, changes: list[Problem]) -> Iterator[Element]:
    is_stopped = False
    for pair in block.children:
        name = pair.get("name")
        if name in _ISOLATION:
            changes.append(STOPPED.at(pair.id, old=name))
            if not is_stopped:
                yield pair.with_attributes({"name": "target-role", "value": "Stopped"})
            is_stopped = True
        elif name in _DROPPED_META:
            changes.append(DROPPED.at(pair.id, old=name, why=_DROPPED_META[name]))
        else:
            yield pair


def _parameters(block: Element, changes: list[Problem]) -> Iterator[Element]:
    for pair in block.children:
        name = pair.get("name")
        if name == "pcmk_arg_map":
            changes.append(DROPPED.at(pair.id, old=name, why="pcmk_host_argument says it now"))
        elif name in _FENCE_PARAMETERS:
            changes.append(RENAMED.at(pair.id, old=name, new=_FENCE_PARAMETERS[name]))
            yield pair.with_attributes({"name": _FENCE_PARAMETERS[name]})
        else:
            yield pair


def _with_requires(resource: Element, changes: list[Problem]) -> Element:
    """`requires` of an operation: a meta attribute of the resource for start and promote, without effect elsewhere."""
    wanted: list[Element] = []

    def operation(op: Element) -> Element:
        value, cleaned = _taken_requires(op)
        if value is None:
            return op
        if op.get("name") in ("start", "promote"):
            changes.append(MOVED.at(op.id, old="requires", section="meta_attributes", new="requires"))
            pair = {"id": f"_2TO3_{op.id}-meta-requires", "name": "requires", "value": value}
            wanted.append(Element("nvpair", pair))
        else:
            changes.append(DROPPED.at(op.id, old="requires", why="only start and promote wait for it"))
        return cleaned

    def operations(child: Element) -> Element:
        return child.mapping_children(operation) if child.tag == "operations" else child

    changed = resource.mapping_children(operations)
    known = {pair.get("name") for block in resource.all("meta_attributes") for pair in block.all("nvpair")}
    if not wanted or "requires" in known:
        return changed
    return changed.with_child(Element("meta_attributes", {"id": f"_2TO3_{resource.id}-meta"}, (wanted[0],)))


def _taken_requires(op: Element) -> tuple[str | None, Element]:
    """What an operation requires, as an attribute or in its meta attributes, and the operation without it."""
    if op.tag != "op":
        return None, op
    value = op.attributes.get("requires")

    def without(block: Element) -> Element | None:
        nonlocal value
        if block.tag != "meta_attributes":
            return block
        kept = tuple(pair for pair in block.children if pair.get("name") != "requires")
        if value is None and kept != block.children:
            value = next(pair.get("value") for pair in block.children if pair not in kept)
        return _unless_emptied(block, block if kept == block.children else block.with_children(kept))

    cleaned = op.mapping_children(without)
    return value, cleaned.with_attributes({"requires": None}) if "requires" in cleaned.attributes else cleaned


_SECTION_CHANGES: tuple[tuple[str, _Change], ...] = (
    ("nodes", _node),
    ("resources", _resource),
    ("constraints", _constraint),
)
