"""crm_mon's text form (that of Pacemaker 2.1.5; reference/golden/crm_mon-2.1.5.txt)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from hacluster.cib.model import Element
from hacluster.cib.status import Operation
from hacluster.cli.resource_text import Shown, brief_lines, lines_of, primitive_line
from hacluster.cli.status_view import RC_TEXTS, HistoryView, NodeView, ResourceView, View
from hacluster.scheduler.values import is_true
from hacluster.scheduler.words import role_of
from hacluster.scheduler.working import Role

STATUS_TEXTS = {-1: "pending", 0: "complete", 1: "Cancelled", 2: "Timed Out", 4: "Error", 7: "Not installed"}
SUMMARY = ("stack", "dc", "times", "counts", "options", "maint-mode")
USUAL = frozenset({"stack", "dc", "times", "counts", "maint-mode", "nodes", "resources", "failures"})
SECTIONS = frozenset({*USUAL, "attributes", "bans", "failcounts", "operations", "options", "tickets", "fencing"})
"""All that can be asked for. `fencing` is in the agents' events; a CIB says nothing of it."""
_LISTS = {
    "member": ("Online", "OFFLINE"),
    "remote": ("RemoteOnline", "RemoteOFFLINE"),
    "guest": ("GuestOnline", ""),
}
_NAMES = {"member": "Node", "remote": "RemoteNode", "guest": "GuestNode"}
_NO_QUORUM = {
    "freeze": "Freeze resources",
    "stop": "Stop ALL resources",
    "demote": "Demote promotable resources and stop all other resources",
    "ignore": "Ignore",
    "suicide": "Suicide",
}


class Sections(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown, by crm_mon's options."""

    parts: frozenset[str] = USUAL
    timing: bool = False
    by_node: bool = False
    bans: str = ""
    """Those whose ids begin so."""
    resources: Shown = Shown()


def ctime(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%a %b %e %H:%M:%S %Y")


def render(view: View, sections: Sections, now: float) -> str:
    """The sections that are asked for."""
    parts = sections.parts
    blocks = [_summary(view, sections, now)]
    nodes = node_lines(view, sections) if "nodes" in parts else []
    blocks.append(["Node List:", *nodes] if nodes else [])
    blocks.append(resource_block(view, sections) if "resources" in parts else [])
    blocks.append(attribute_block(view, sections) if "attributes" in parts else [])
    blocks.append(history_block(view, sections) if parts & {"failcounts", "operations"} else [])
    blocks.append(_failures(view, sections) if "failures" in parts else [])
    blocks.append(_tickets(view) if "tickets" in parts else [])
    blocks.append(_bans(view, sections) if "bans" in parts else [])
    return "".join("\n".join(block) + "\n\n" for block in blocks if block)[:-1]


# ---------------------------------------------------------------- summary


def _summary(view: View, sections: Sections, now: float) -> list[str]:
    quorum = "with" if view.has_quorum else "WITHOUT"
    identity = next((f" ({node.id})" for node in view.nodes if node.name == view.dc != node.id), "")
    name = f"{view.dc}{identity if sections.resources.details else ''}"
    dc = f"{name} (version {view.dc_version}) - partition {quorum} quorum" if view.dc else "NONE"
    lines = {
        "stack": [f"  * Stack: {view.stack}"],
        "dc": [f"  * Current DC: {dc}"],
        "times": [f"  * Last updated: {ctime(now)}", *_last_change(view)],
        "counts": _counts(view),
        "options": _options(view),
    }
    found = [line for name, listed in lines.items() if name in sections.parts for line in listed]
    found = ["Cluster Summary:", *found] if found else []
    return found + (_halted(view) if "maint-mode" in sections.parts else [])


def _last_change(view: View) -> list[str]:
    if not view.last_change:
        return []
    line = f"  * Last change:  {view.last_change}"
    for word, said in (("by", view.change_user), ("via", view.change_client), ("on", view.change_origin)):
        line += f" {word} {said}" if said else ""
    return [line]


def _counts(view: View) -> list[str]:
    count, nodes = view.instances, len(view.nodes)
    marks = [f"{view.disabled} DISABLED"] if view.disabled else []
    marks += [f"{view.blocked} BLOCKED from further action due to failure"] if view.blocked else []
    marked = f" ({', '.join(marks)})" if marks else ""
    return [
        f"  * {nodes} node{'s' if nodes != 1 else ''} configured",
        f"  * {count} resource instance{'s' if count != 1 else ''} configured{marked}",
    ]


def _options(view: View) -> list[str]:
    options = view.options
    fencing = options.get("stonith-enabled", options.get("fencing-enabled", "true"))
    policy = _NO_QUORUM.get(options.get("no-quorum-policy", "stop"), _NO_QUORUM["stop"])
    symmetric = options.get("symmetric-cluster", "true")
    lines = [
        f"STONITH of failed nodes {_enabled(fencing)}",
        "Cluster is " + ("symmetric" if _enabled(symmetric) == "enabled" else "asymmetric"),
        f"No quorum policy: {policy}",
    ]
    return [f"  * {line}" for line in lines]


def _enabled(text: str) -> str:
    return "enabled" if text.lower() in ("true", "yes", "on", "y", "1") else "disabled"


def _halted(view: View) -> list[str]:
    if view.is_maintenance:
        told = ("DISABLED", "The cluster will not attempt to start, stop or recover services")
    elif view.stops_all:
        told = ("STOPPED", "The cluster will keep all resources stopped")
    else:
        return []
    return ["", f"              *** Resource management is {told[0]} ***", f"  {told[1]}"]


# ---------------------------------------------------------------- nodes


def node_status(node: NodeView) -> str:
    """The words behind a node's name; "" for one that is plainly online or offline."""
    if node.is_unclean:
        return f"UNCLEAN ({'online' if node.is_online else 'pending' if node.is_pending else 'offline'})"
    if node.is_pending:
        return "pending"
    if node.is_standby_on_fail and node.is_online:
        return "standby (on-fail)"
    if node.is_standby and node.is_online:
        return "standby (with active resources)" if node.resources_running else "standby"
    if node.is_standby:
        return "OFFLINE (standby)"
    if node.is_in_maintenance:
        return "maintenance" if node.is_online else "OFFLINE (maintenance)"
    return f"online (health is {node.health.upper()})" if node.is_online and node.health != "green" else ""


def node_lines(view: View, sections: Sections) -> list[str]:
    """One line for each node that needs words, the others in lists."""
    nodes = [node for node in view.nodes if sections.resources.only_node in ("", node.name)]
    if sections.by_node:
        return [line for node in nodes for line in _node_with_resources(view, node, sections)]
    if sections.resources.details:
        return [f"  * {_named(node, sections)}" for node in nodes]
    lines = [f"  * {_named(node, sections)}" for node in nodes if node_status(node)]
    plain = [node for node in nodes if not node_status(node)]
    for kind, titles in _LISTS.items():
        for title, is_online in zip(titles, (True, False), strict=True):
            names = [node.name for node in plain if node.kind == kind and node.is_online == is_online]
            lines += [f"  * {title}: [ {' '.join(names)} ]"] if names and title else []
    return lines


def _named(node: NodeView, sections: Sections) -> str:
    status = node_status(node) or ("online" if node.is_online else "OFFLINE")
    if not sections.resources.details:
        return f"{_NAMES[node.kind]} {node.name}: {status}"
    release = f", feature set {node.feature_set or '<3.15.1'}" if node.is_online else ""
    identity = f" ({node.id})" if node.id != node.name else ""
    return f"{_NAMES[node.kind]} {node.name}{identity}: {status}{release}"


def _node_with_resources(view: View, node: NodeView, sections: Sections) -> Iterator[str]:
    here = [leaf for found in view.resources for leaf in found.leaves() if node.name in leaf.nodes]
    if sections.resources.brief and not here:
        return
    yield f"  * {_named(node, sections)}:"
    yield "    * Resources:"
    if sections.resources.brief:
        yield from brief_lines(here, "      ", sections.resources, node.name)
        return
    for leaf in here:
        yield f"      * {primitive_line(msgspec.structs.replace(leaf, dark_nodes=()), with_nodes=False)}"


# ---------------------------------------------------------------- resources


def resource_block(view: View, sections: Sections) -> list[str]:
    """The resources under their heading."""
    shown = sections.resources
    lines = list(_resource_lines(view, sections))
    if lines:
        title = "Inactive" if sections.by_node else "Full List of" if shown.inactive else "Active"
        return [f"{title} Resources:", *lines]
    if sections.by_node and not shown.inactive:
        return []
    word = " inactive" if sections.by_node else "" if shown.inactive else " active"
    if shown.only:
        return [f"{'Full List of' if shown.inactive else 'Active'} Resources:", f"  * No{word} resources"]
    return [f"No{word} resources"]


def _resource_lines(view: View, sections: Sections) -> Iterator[str]:
    shown = sections.resources
    listed = [found for found in view.resources if shown.only in ("", found.id)]
    if sections.by_node and not shown.inactive:
        return
    if shown.brief and not sections.by_node:
        yield from brief_lines([found for found in listed if found.variant == "primitive"], "  ", shown)
    for found in listed:
        is_counted = shown.brief and found.variant == "primitive"
        is_told = (sections.by_node and found.is_fully_active) or is_counted
        if is_told or (not shown.inactive and not found.is_partly_active):
            continue
        if (
            shown.only_node
            and found.is_partly_active
            and not any(shown.only_node in leaf.nodes for leaf in found.leaves())
        ):
            continue
        yield from lines_of(found, "  ", shown)


def _is_on(resource: ResourceView, node: str) -> bool:
    return not node or any(node in leaf.nodes for leaf in resource.leaves())


# ---------------------------------------------------------------- attributes, history, failures


def attribute_block(view: View, sections: Sections) -> list[str]:
    lines = ["Node Attributes:"]
    for node in view.nodes:
        shown = {n: v for n, v in node.attributes.items() if not n.startswith("#")}
        if node.is_online and shown and sections.resources.only_node in ("", node.name):
            lines.append(f"  * Node: {node.name}:")
            lines += [f"    * {name:<32}\t: {value:<10}{_reach(node, name)}" for name, value in shown.items()]
    return lines if len(lines) > 1 else []


def _reach(node: NodeView, name: str) -> str:
    """What the value of a ping resource's attribute means."""
    if name not in node.expected:
        return ""
    value = int(node.attributes[name]) if node.attributes[name].isdecimal() else 0
    if value <= 0:
        return "\t: Connectivity is lost"
    expected = node.expected[name]
    return f"\t: Connectivity is degraded (Expected={expected})" if value < expected else ""


def history_block(view: View, sections: Sections) -> list[str]:
    with_operations = "operations" in sections.parts
    lines = ["Operations:" if with_operations else "Migration Summary:"]
    for node, entries in view.history.items():
        if sections.resources.only_node not in ("", node):
            continue
        inner: list[str] = []
        for entry in entries:
            if not with_operations and entry.fail_count:
                inner.append(_history_head(entry))
            operations = [_operation(found, sections) for found in entry.operations if is_told(found)]
            if with_operations and operations:
                inner += [f"{_history_head(entry)}:", *(f"      * {line}" for line in operations)]
        lines += [f"  * Node: {node}:", *inner] if inner else []
    return lines


def _history_head(entry: HistoryView) -> str:
    head = f"    * {entry.resource}: migration-threshold={entry.threshold}"
    if entry.fail_count:
        head += f" fail-count={'INFINITY' if entry.fail_count >= 1_000_000 else entry.fail_count}"
        head += f" last-failure='{ctime(entry.last_failure)}'" if entry.last_failure else ""
    return head


def is_told(operation: Operation) -> bool:
    """A notification, or a probe that found nothing, says nothing of the resource."""
    return operation.name != "notify" and not (operation.is_probe and operation.rc == 7)


def _operation(operation: Operation, sections: Sections) -> str:
    words = []
    if operation.interval_ms:
        words.append(f'interval="{operation.interval_ms}ms"')
    if sections.timing:
        words += [f'last-rc-change="{ctime(operation.last_change)}"'] if operation.last_change else []
        words += [f'exec-time="{operation.exec_ms}ms"'] if operation.element.get("exec-time") else []
        words += [f'queue-time="{operation.queue_ms}ms"'] if operation.element.get("queue-time") else []
        words.append(f"rc={operation.rc} ({rc_text(operation)})")
    task = "probe" if operation.is_probe else operation.name
    return f"({operation.call_id}) {task}" + (f": {' '.join(words)}" if words else "")


def rc_text(operation: Operation) -> str:
    return RC_TEXTS.get(operation.rc, "unknown")


def _failures(view: View, sections: Sections) -> list[str]:
    shown = sections.resources
    found = [one for one in view.failures if shown.only_node in ("", one.node) and shown.only in ("", one.resource)]
    told = _failure_in_detail if shown.details else failure_line
    return ["Failed Resource Actions:", *(f"  * {told(one)}" for one in found)] if found else []


def failure_line(operation: Operation) -> str:
    """`gd1 10s-interval monitor on pm01 returned 'not running' (reason) at … after 12ms`"""
    interval = f"{readable(operation.interval_ms)}-interval " if operation.interval_ms else ""
    verb = "could not be executed (Timed Out)" if operation.status == 2 else f"returned '{rc_text(operation)}'"
    reason = f" ({operation.exit_reason})" if operation.exit_reason else ""
    at = f" at {ctime(operation.last_change)}" if operation.last_change else ""
    after = f" after {readable(operation.exec_ms)}" if operation.exec_ms else ""
    return f"{operation.resource} {interval}{operation.name} on {operation.node} {verb}{reason}{at}{after}"


def _failure_in_detail(operation: Operation) -> str:
    facts = {
        "call": str(operation.call_id),
        "status": f"'{STATUS_TEXTS.get(operation.status, 'unknown')}'",
        **({"exitreason": f"'{operation.exit_reason}'"} if operation.exit_reason else {}),
        **({"last-rc-change": f"'{ctime(operation.last_change)}'"} if operation.last_change else {}),
        "queued": f"{operation.queue_ms}ms",
        "exec": f"{operation.exec_ms}ms",
    }
    key = f"{operation.resource}_{operation.name}_{operation.interval_ms}"
    listed = ", ".join(f"{name}={value}" for name, value in facts.items())
    return f"{key} on {operation.node} '{rc_text(operation)}' ({operation.rc}): {listed}"


def readable(ms: int) -> str:
    """`90500` -> `1m30s500ms`"""
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, ms = divmod(ms, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


# ---------------------------------------------------------------- tickets, bans


def _tickets(view: View) -> list[str]:
    return ["Tickets:", *(f"  * {short_line(state)}" for state in view.tickets)] if view.tickets else []


def short_line(state: Element) -> str:
    """`ticketA: granted [standby] last-granted="…"`"""
    words = [f"{state.id}: {'granted' if is_true(state.get('granted')) else 'revoked'}"]
    words += ["[standby]"] if is_true(state.get("standby")) else []
    when = state.get("last-granted")
    words += [f'last-granted="{ctime(int(when))}"'] if when.isdecimal() else []
    return " ".join(words)


def _bans(view: View, sections: Sections) -> list[str]:
    lines = []
    for one in view.bans:
        if one.id.startswith(sections.bans):
            role = " in Promoted role" if role_of(one.get("role")) is Role.PROMOTED else ""
            lines.append(f"  * {one.id}\tprevents {one.get('rsc')} from running{role} on {one.get('node')}")
    return ["Negative Location Constraints:", *lines] if lines else []
