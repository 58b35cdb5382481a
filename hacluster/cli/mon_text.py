"""crm_mon's text form (that of Pacemaker 2.1.5; reference/golden/crm_mon-2.1.5.txt)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from hacluster.cib.status import Operation
from hacluster.cli.status_view import NodeView, ResourceView, View

RC_TEXTS = {
    0: "ok",
    1: "error",
    2: "invalid parameter",
    3: "unimplemented feature",
    4: "insufficient privileges",
    5: "not installed",
    6: "not configured",
    7: "not running",
    8: "promoted",
    9: "promoted (failed)",
    190: "degraded",
    191: "promoted (degraded)",
    193: "pending",
}
STATUS_TEXTS = {-1: "pending", 0: "complete", 1: "Cancelled", 2: "Timed Out", 4: "Error", 7: "Not installed"}


class Sections(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown, by crm_mon's options."""

    attributes: bool = False
    failcounts: bool = False
    operations: bool = False
    timing: bool = False
    inactive: bool = False
    by_node: bool = False
    node_names: tuple[str, ...] = ()
    """All nodes, for naming those on which an instance does not run."""


def ctime(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%a %b %e %H:%M:%S %Y")


def render(view: View, sections: Sections, now: float) -> str:
    blocks = [_summary(view, now), _nodes(view), resource_block(view, sections)]
    if sections.attributes:
        blocks.append(_attributes(view))
    if sections.failcounts or sections.operations:
        blocks.append(_history(view, sections))
    if view.failures:
        blocks.append(["Failed Resource Actions:", *(f"  * {failure_line(found)}" for found in view.failures)])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _summary(view: View, now: float) -> list[str]:
    quorum = "with" if view.has_quorum else "WITHOUT"
    dc = f"{view.dc} (version {view.dc_version}) - partition {quorum} quorum" if view.dc else "NONE"
    change = f"  * Last change:  {view.last_change}" if view.last_change else ""
    for word, said in (("by", view.change_user), ("via", view.change_client), ("on", view.change_origin)):
        change += f" {word} {said}" if change and said else ""
    count, nodes = view.instances, len(view.nodes)
    marks = [f"{view.disabled} DISABLED"] if view.disabled else []
    marks += [f"{view.blocked} BLOCKED from further action due to failure"] if view.blocked else []
    marked = f" ({', '.join(marks)})" if marks else ""
    lines = [
        "Cluster Summary:",
        f"  * Stack: {view.stack}",
        f"  * Current DC: {dc}",
        f"  * Last updated: {ctime(now)}",
        change,
        f"  * {nodes} node{'s' if nodes != 1 else ''} configured",
        f"  * {count} resource instance{'s' if count != 1 else ''} configured{marked}",
    ]
    return [line for line in lines if line]


def node_status(node: NodeView) -> str:
    """The words behind a node's name; "" for one that is plainly online or offline."""
    if node.is_unclean:
        return f"UNCLEAN ({'online' if node.is_online else 'offline'})"
    if node.is_pending:
        return "pending"
    if node.is_standby and node.is_online:
        return "standby (with active resources)" if node.resources_running else "standby"
    if node.is_standby:
        return "OFFLINE (standby)"
    if node.is_in_maintenance:
        return "maintenance" if node.is_online else "OFFLINE (maintenance)"
    return ""


def _nodes(view: View) -> list[str]:
    lines = ["Node List:"]
    lines += [f"  * Node {node.name}: {node_status(node)}" for node in view.nodes if node_status(node)]
    for word, is_online in (("Online", True), ("OFFLINE", False)):
        names = [node.name for node in view.nodes if not node_status(node) and node.is_online == is_online]
        lines += [f"  * {word}: [ {' '.join(names)} ]"] if names else []
    return lines


def resource_block(view: View, sections: Sections) -> list[str]:
    """The resources under their heading."""
    if not view.resources:
        return ["No resources" if sections.inactive else "No active resources"]
    sections = msgspec.structs.replace(sections, node_names=tuple(node.name for node in view.nodes))
    title = "Full List of Resources:" if sections.inactive else "Active Resources:"
    lines = [line for found in view.resources for line in _resource(found, "  ", sections)]
    return [title, *lines] if lines else ["No active resources"]


def _any_active(resource: ResourceView) -> bool:
    return resource.is_active or any(_any_active(child) for child in resource.children)


def _resource(resource: ResourceView, margin: str, sections: Sections) -> Iterator[str]:
    if not sections.inactive and not _any_active(resource):
        return
    match resource.variant:
        case "group":
            yield f"{margin}* Resource Group: {resource.id}{_container_flags(resource)}:"
            for child in resource.children:
                yield from _resource(child, f"{margin}  ", sections)
        case "clone":
            yield from _clone(resource, margin, sections)
        case _:
            yield f"{margin}* {primitive_line(resource)}"


def _container_flags(resource: ResourceView) -> str:
    flags = ["disabled"] if resource.is_disabled else []
    flags += ["maintenance"] if resource.is_in_maintenance else (["unmanaged"] if not resource.is_managed else [])
    return f" ({', '.join(flags)})" if flags else ""


def _clone(resource: ResourceView, margin: str, sections: Sections) -> Iterator[str]:
    child = resource.children[0].id if resource.children else "?"
    flags = ["promotable"] if resource.is_promotable else []
    flags += ["unique"] if resource.is_unique else []
    flags += ["disabled"] if resource.is_disabled else []
    flags += ["maintenance"] if resource.is_in_maintenance else (["unmanaged"] if not resource.is_managed else [])
    shown = f" ({', '.join(flags)})" if flags else ""
    yield f"{margin}* Clone Set: {resource.id} [{child}]{shown}:"
    special = [found for found in resource.children if _needs_own_line(found) or resource.is_unique]
    for found in special:
        yield from _resource(found, f"{margin}  ", sections)
    plain = [found for found in resource.children if found not in special]
    for word in ("Promoted", "Unpromoted", "Started"):
        names = sorted({node for found in plain for node in _nodes_in_role(found, word)})
        if names:
            yield f"{margin}  * {word}: [ {' '.join(names)} ]"
    if sections.inactive:
        idle = [found for found in plain if not _any_active(found)]
        busy = {node for found in resource.children for leaf in [found, *found.children] for node in leaf.nodes}
        free = [name for name in sections.node_names if name not in busy][: len(idle)]
        if free:
            yield f"{margin}  * Stopped: [ {' '.join(free)} ]"


def _needs_own_line(resource: ResourceView) -> bool:
    parts = [resource, *resource.children]
    return any(
        part.is_failed or part.is_blocked or part.pending or part.is_orphan or len(part.nodes) > 1 for part in parts
    )


def _nodes_in_role(resource: ResourceView, role: str) -> list[str]:
    active = [leaf for leaf in (resource.children or [resource]) if leaf.nodes]
    return list(active[0].nodes) if active and active[0].role == role else []


def primitive_line(resource: ResourceView) -> str:
    """`prmPg\\t(ocf:heartbeat:pgsql):\\t Started pm01 (flags)`"""
    role = resource.pending or ("FAILED" if resource.is_failed else resource.role)
    if resource.is_failed and resource.role in ("Promoted", "Unpromoted"):
        role = f"FAILED {resource.role}"
    flags = ["disabled"] if resource.is_disabled else []
    flags += ["blocked"] if resource.is_blocked else []
    flags += ["maintenance"] if resource.is_in_maintenance else (["unmanaged"] if not resource.is_managed else [])
    shown = f" ({', '.join(flags)})" if flags else ""
    orphan = " ORPHANED" if resource.is_orphan else ""
    if len(resource.nodes) > 1:
        return f"{resource.id}\t({resource.agent}):{orphan}\t {role} [ {' '.join(resource.nodes)} ]{shown}"
    where = f" {resource.nodes[0]}" if resource.nodes else ""
    return f"{resource.id}\t({resource.agent}):{orphan}\t {role}{where}{shown}"


def _attributes(view: View) -> list[str]:
    lines = ["Node Attributes:"]
    for node in view.nodes:
        shown = {n: v for n, v in node.attributes.items() if not n.startswith("#")}
        if node.is_online and shown:
            lines.append(f"  * Node: {node.name}:")
            lines += [f"    * {name:<32}\t: {value:<10}" for name, value in shown.items()]
    return lines


def _history(view: View, sections: Sections) -> list[str]:
    lines = ["Operations:" if sections.operations else "Migration Summary:"]
    for node, entries in view.history.items():
        inner: list[str] = []
        for entry in entries:
            head = f"    * {entry.resource}: migration-threshold={entry.threshold}"
            if entry.fail_count:
                shown = "INFINITY" if entry.fail_count >= 1_000_000 else entry.fail_count
                head += f" fail-count={shown}"
                head += f" last-failure='{ctime(entry.last_failure)}'" if entry.last_failure else ""
            if sections.operations:
                inner += [f"{head}:", *(f"      * {_operation(found, sections)}" for found in entry.operations)]
            elif entry.fail_count:
                inner.append(head)
        lines += [f"  * Node: {node}:", *inner] if inner else []
    return lines if len(lines) > 1 or sections.operations else []


def _operation(operation: Operation, sections: Sections) -> str:
    words = [f"({operation.call_id}) {operation.name}"]
    if operation.interval_ms:
        words.append(f'interval="{operation.interval_ms}ms"')
    if sections.timing:
        words.append(f"last-rc-change='{ctime(operation.last_change)}' exec-time={operation.exec_ms}ms")
    return (
        ": ".join([" ".join(words)])
        if operation.rc == 0
        else f"{' '.join(words)}: rc={operation.rc} ({rc_text(operation)})"
    )


def rc_text(operation: Operation) -> str:
    return RC_TEXTS.get(operation.rc, "unknown")


def failure_line(operation: Operation) -> str:
    """`gd1 10s-interval monitor on pm01 returned 'not running' (reason) at …`"""
    interval = f"{operation.interval_ms // 1000}s-interval " if operation.interval_ms else ""
    verb = "could not be executed (Timed Out)" if operation.status == 2 else f"returned '{rc_text(operation)}'"
    reason = f" ({operation.exit_reason})" if operation.exit_reason else ""
    at = f" at {ctime(operation.last_change)}" if operation.last_change else ""
    return f"{operation.resource} {interval}{operation.name} on {operation.node} {verb}{reason}{at}"
