"""Resources as lines of text, in the form of Pacemaker's crm_mon and crm_simulate.

Reads ResourceViews; gives lines, indented by what they are part of. An anonymous clone is told by the nodes that its
instances are on; an instance that differs from the others has a line of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from hacluster.cli.status_view import ResourceView
from hacluster.scheduler.words import in_natural_order, role_of
from hacluster.scheduler.working import Role


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """How much is told."""

    inactive: bool = False
    details: bool = False
    """Every instance of a clone by itself."""
    brief: bool = False
    """Primitives of one kind are counted."""
    only: str = ""
    """This resource alone."""
    only_node: str = ""
    """What is on this node."""


def lines_of(resource: ResourceView, margin: str, shown: Shown) -> Iterator[str]:
    match resource.variant:
        case "group":
            yield from _group(resource, margin, shown)
        case "clone":
            yield from _clone(resource, margin, shown)
        case "bundle":
            yield from _bundle(resource, margin)
        case _:
            yield f"{margin}* {primitive_line(resource)}"


# ---------------------------------------------------------------- primitives


def primitive_line(resource: ResourceView, *, with_nodes: bool = True) -> str:
    """`prmPg\\t(ocf:heartbeat:pgsql):\\t Started pm01 (flags)`"""
    name = f"{resource.id} ({resource.address})" if resource.address else resource.id
    words = ["ORPHANED"] if resource.is_orphan else []
    words.append(_state(resource))
    nodes = resource.nodes if with_nodes else ()
    words += nodes if len(nodes) == 1 else [resource.locked_to] if resource.locked_to and with_nodes else []
    flags = _flags(resource)
    words += [f"({', '.join(flags)})"] if flags else []
    words += [f"[ {' '.join(nodes)} ]"] if len(nodes) > 1 else []
    return f"{name}\t({resource.agent}):\t {' '.join(words)}"


def _state(resource: ResourceView) -> str:
    if not resource.is_failed:
        return resource.pending or resource.role
    return f"FAILED {resource.role}" if role_of(resource.role) > Role.UNPROMOTED else "FAILED"


def _flags(resource: ResourceView) -> list[str]:
    flags = ["UNCLEAN"] if resource.nodes and resource.nodes[0] in resource.dark_nodes else []
    flags += ["LOCKED"] if resource.locked_to else []
    flags += ["Monitoring"] if resource.is_monitor_pending else []
    flags += _target_flags(resource)
    if resource.is_blocked:
        flags.append("blocked")
    else:
        flags += _care(resource)
    return [*flags, "failure ignored"] if resource.ignores_failures else flags


def _target_flags(resource: ResourceView) -> list[str]:
    wanted = role_of(resource.target_role) if resource.target_role else Role.UNKNOWN
    if wanted is Role.STOPPED:
        return ["disabled"]
    return [f"target-role:{resource.target_role}"] if wanted is Role.UNPROMOTED and resource.is_promotable else []


def _care(resource: ResourceView) -> list[str]:
    if resource.is_in_maintenance:
        return ["maintenance"]
    return [] if resource.is_managed else ["unmanaged"]


# ---------------------------------------------------------------- groups and bundles


def _with_flags(flags: list[str]) -> str:
    return f" ({', '.join(flags)})" if flags else ""


def _group(group: ResourceView, margin: str, shown: Shown) -> Iterator[str]:
    idle = 0 if shown.inactive else sum(not child.is_partly_active for child in group.children)
    flags = [f"{idle} member{'s' if idle > 1 else ''} inactive"] if idle else []
    flags += ["disabled"] if group.is_disabled else []
    yield f"{margin}* Resource Group: {group.number_id or group.id}{_with_flags([*flags, *_care(group)])}:"
    if shown.brief:
        yield from brief_lines(group.children, f"{margin}  ", shown, with_total=True)
        return
    for child in group.children:
        if shown.inactive or child.is_partly_active:
            yield from lines_of(child, f"{margin}  ", shown)


def _bundle(bundle: ResourceView, margin: str) -> Iterator[str]:
    several = " set" if len(bundle.children) > 1 else ""
    flags = ["unique"] if bundle.is_unique else []
    flags += ["disabled"] if bundle.is_disabled else []
    yield f"{margin}* Container bundle{several}: {bundle.id} [{bundle.image}]{_with_flags([*flags, *_care(bundle)])}:"
    for replica in bundle.children:
        yield f"{margin}  * {primitive_line(replica)}"


# ---------------------------------------------------------------- clones


def _clone(clone: ResourceView, margin: str, shown: Shown) -> Iterator[str]:
    inner = clone.children[0].id.split(":")[0] if clone.children else "?"
    flags = ["promotable"] if clone.is_promotable else []
    flags += ["unique"] if clone.is_unique else []
    flags += ["disabled"] if clone.is_disabled else []
    yield f"{margin}* Clone Set: {clone.id} [{inner}]{_with_flags([*flags, *_care(clone)])}:"
    special = [found for found in clone.children if _stands_alone(clone, found, shown)]
    for found in special:
        yield from lines_of(found, f"{margin}  ", shown)
    plain = [found for found in clone.children if found not in special and found.is_active]
    for word in ("Promoted", "Unpromoted" if clone.is_promotable else "Started"):
        names = {next(found.leaves()).nodes[0] for found in plain if _role_group(clone, found) == word}
        if names := names & {shown.only_node} if shown.only_node else names:
            yield f"{margin}  * {_role_title(clone, word)}: [ {' '.join(sorted(names, key=in_natural_order))} ]"
    if shown.inactive and not shown.details and len(plain) < clone.instances_max:
        yield from _free(clone, margin, shown)


def _stands_alone(clone: ResourceView, found: ResourceView, shown: Shown) -> bool:
    leaves = list(found.leaves())
    if shown.details:
        return True
    if clone.is_unique:
        return found.is_partly_active or not any(leaf.is_orphan for leaf in leaves)
    if not found.is_partly_active:
        return False
    is_odd = any(leaf.is_orphan or leaf.is_failed for leaf in leaves) or not all(leaf.is_managed for leaf in leaves)
    places = {name for leaf in leaves for name in leaf.nodes}
    is_lost = any(leaf.dark_nodes for leaf in leaves)
    return is_odd or is_lost or not found.is_active or len(places) != 1


def _role_group(clone: ResourceView, found: ResourceView) -> str:
    role = max(role_of(leaf.role) for leaf in found.leaves())
    if role is Role.PROMOTED:
        return "Promoted"
    return "Unpromoted" if clone.is_promotable else "Started"


def _role_title(clone: ResourceView, word: str) -> str:
    is_kept = clone.target_role and role_of(clone.target_role) is Role.UNPROMOTED
    return f"{word} (target-role)" if word == "Unpromoted" and is_kept else word


def _free(clone: ResourceView, margin: str, shown: Shown) -> Iterator[str]:
    """Nodes without an instance, together by what keeps it off."""
    refused = {name: text for leaf in clone.leaves() for name, text in leaf.refused_on.items()}
    usual = "Stopped (disabled)" if clone.is_disabled else "Stopped"
    together: dict[str, list[str]] = {}
    for name in clone.free_nodes:
        if shown.only_node in ("", name):
            together.setdefault(f"Stopped ({refused[name]})" if name in refused else usual, []).append(name)
    for state, names in together.items():
        yield f"{margin}  * {state}: [ {' '.join(names)} ]"


# ---------------------------------------------------------------- counted


def brief_lines(
    resources: Iterable[ResourceView], margin: str, shown: Shown, node: str = "", *, with_total: bool = False
) -> Iterator[str]:
    """`2/4\\t(ocf:heartbeat:Dummy):\\tActive pm01`: primitives of one kind on one node, as one line."""
    active: Counter[tuple[str, str]] = Counter()
    total: Counter[str] = Counter()
    for resource in resources:
        for leaf in resource.leaves():
            total[leaf.agent] += 1
            for place in leaf.nodes or ([""] if shown.inactive else []):
                if node in ("", place):
                    active[leaf.agent, place] += bool(place)
    for (agent, place), count in sorted(active.items()):
        if not place and any(other == agent and where for other, where in active):
            continue
        where = f" {'' if node else place}" if place else ""
        number = f"{count}/{total[agent]}" if (shown.inactive or with_total) and not node else str(count)
        yield f"{margin}* {number}\t({agent}):\tActive{where}"
