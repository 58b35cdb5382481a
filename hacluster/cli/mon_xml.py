"""crm_mon's XML form (reference/heartbeat 4, golden/crm_mon-2.1.5.xml): one element a line, attributes in its order."""

from __future__ import annotations

from datetime import UTC, datetime

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Element
from hacluster.cib.status import Operation
from hacluster.cli.mon_text import STATUS_TEXTS, SUMMARY, Sections, ctime, is_told, rc_text
from hacluster.cli.options import API_VERSION, VERSION
from hacluster.cli.status_view import NodeView, ResourceView, View
from hacluster.scheduler.values import duration_ms, is_true, score
from hacluster.scheduler.words import role_of
from hacluster.scheduler.working import Role


def _flag(value: bool) -> str:
    return "true" if value else "false"


def render(
    view: View, sections: Sections, now: float, request: str, *, is_old: bool = False, is_live: bool = True
) -> str:
    """The sections that are asked for; of a running cluster also that it runs."""
    parts = sections.parts
    blocks = {
        "nodes": Element("nodes", {}, tuple(_node(node, view, sections) for node in view.nodes)),
        "resources": Element(
            "resources", {}, tuple(r for found in _listed(view, sections) for r in _resource(found, view))
        ),
        "attributes": _attributes(view),
        "operations": _history(view),
        "failures": Element("failures", {}, tuple(_failure(found) for found in view.failures)),
        "tickets": Element("tickets", {}, tuple(map(_ticket, view.tickets))),
        "bans": Element("bans", {}, tuple(_ban(one) for one in view.bans if one.id.startswith(sections.bans))),
    }
    children = [_running(now)] if is_live else []
    children += [_summary(view, now)] if parts & {*SUMMARY, "options"} else []
    always = ("nodes", "resources", "attributes", "operations")
    children += [block for name, block in blocks.items() if name in parts and (block.children or name in always)]
    if is_old:
        root = Element("crm_mon", {"version": VERSION}, tuple(children))
    else:
        status = Element("status", {"code": "0", "message": "OK"})
        root = Element("pacemaker-result", {"api-version": API_VERSION, "request": request}, (*children, status))
    return to_xml(root).replace("%", "&#37;")


def _running(now: float) -> Element:
    updated = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return Element("pacemakerd", {"sys_from": "pacemakerd", "state": "running", "last_updated": updated})


def _listed(view: View, sections: Sections) -> list[ResourceView]:
    """By node, only what does not stand under its node already."""
    found = [one for one in view.resources if sections.resources.only in ("", one.id)]
    return [one for one in found if not one.is_fully_active] if sections.by_node else found


def _summary(view: View, now: float) -> Element:
    options = view.options
    dc = {"present": _flag(bool(view.dc))}
    if view.dc:
        identity = next((node.id for node in view.nodes if node.name == view.dc), "")
        dc |= {
            "version": view.options.get("dc-version", ""),
            "name": view.dc,
            "id": identity,
            "with_quorum": _flag(view.has_quorum),
        }
        dc |= {"mixed_version": "false"}
    change = {"time": view.last_change or ctime(now)}
    for name, value in (("user", view.change_user), ("client", view.change_client), ("origin", view.change_origin)):
        change[name] = value
    cluster_options = {
        "stonith-enabled": _flag(is_true(options.get("stonith-enabled", "true"))),
        "symmetric-cluster": _flag(is_true(options.get("symmetric-cluster", "true"))),
        "no-quorum-policy": options.get("no-quorum-policy", "stop"),
        "maintenance-mode": _flag(is_true(options.get("maintenance-mode", "false"))),
        "stop-all-resources": _flag(is_true(options.get("stop-all-resources", "false"))),
        "stonith-timeout-ms": str(duration_ms(options.get("stonith-timeout", "60s"), 60_000)),
        "priority-fencing-delay-ms": str(duration_ms(options.get("priority-fencing-delay", "0"))),
    }
    configured = {"number": str(view.instances), "disabled": str(view.disabled), "blocked": str(view.blocked)}
    return Element(
        "summary",
        {},
        (
            Element("stack", {"type": view.stack}),
            Element("current_dc", dc),
            Element("last_update", {"time": ctime(now)}),
            Element("last_change", change),
            Element("nodes_configured", {"number": str(len(view.nodes))}),
            Element("resources_configured", configured),
            Element("cluster_options", cluster_options),
        ),
    )


def _node(node: NodeView, view: View, sections: Sections) -> Element:
    attributes = {
        "name": node.name,
        "id": node.id,
        "online": _flag(node.is_online),
        "standby": _flag(node.is_standby),
        "standby_onfail": _flag(node.is_standby_on_fail),
        "maintenance": _flag(node.is_in_maintenance),
        "pending": _flag(node.is_pending),
        "unclean": _flag(node.is_unclean),
        "health": node.health,
        **({"feature_set": node.feature_set or "<3.15.1"} if node.is_online else {}),
        "shutdown": _flag(node.is_shutting_down),
        "expected_up": _flag(node.is_expected_up),
        "is_dc": _flag(node.is_dc),
        "resources_running": str(node.resources_running),
        "type": node.kind,
    }
    leaves = [leaf for found in view.resources for leaf in found.leaves() if node.name in leaf.nodes]
    return Element("node", attributes, tuple(_primitive(leaf, view) for leaf in leaves) if sections.by_node else ())


def _resource(resource: ResourceView, view: View) -> list[Element]:
    match resource.variant:
        case "group":
            attributes = {
                "id": resource.number_id or resource.id,
                "number_resources": str(len(resource.children)),
                "managed": _flag(resource.is_managed),
                "disabled": _flag(resource.is_disabled),
            }
            return [Element("group", attributes, _children(resource, view))]
        case "clone":
            attributes = {
                "id": resource.id,
                "multi_state": _flag(resource.is_promotable),
                "unique": _flag(resource.is_unique),
                "managed": _flag(resource.is_managed),
                "disabled": _flag(resource.is_disabled),
                "failed": "false",
                "failure_ignored": "false",
            }
            if resource.target_role:
                attributes["target_role"] = resource.target_role
            return [Element("clone", attributes, _children(resource, view))]
    return [_primitive(resource, view)]


def _children(resource: ResourceView, view: View) -> tuple[Element, ...]:
    return tuple(element for child in resource.children for element in _resource(child, view))


def _primitive(resource: ResourceView, view: View) -> Element:
    attributes = {"id": resource.id, "resource_agent": resource.agent, "role": resource.role}
    if resource.target_role:
        attributes["target_role"] = resource.target_role
    attributes |= {
        "active": _flag(resource.is_active),
        "orphaned": _flag(resource.is_orphan),
        "blocked": _flag(resource.is_blocked),
        "managed": _flag(resource.is_managed),
        "failed": _flag(resource.is_failed),
        "failure_ignored": _flag(resource.ignores_failures),
        "nodes_running_on": str(len(resource.nodes)),
    }
    if resource.pending:
        attributes["pending"] = resource.pending
    ids = {node.name: node.id for node in view.nodes}
    nodes = tuple(Element("node", {"name": name, "id": ids.get(name, ""), "cached": "true"}) for name in resource.nodes)
    return Element("resource", attributes, nodes)


def _attributes(view: View) -> Element:
    nodes = tuple(
        Element(
            "node",
            {"name": node.name},
            tuple(
                Element("attribute", {"name": name, "value": value, **_expected(node, name)})
                for name, value in node.attributes.items()
                if not name.startswith("#")
            ),
        )
        for node in view.nodes
        if node.is_online
    )
    return Element("node_attributes", {}, tuple(node for node in nodes if node.children))


def _expected(node: NodeView, name: str) -> dict[str, str]:
    return {"expected": str(node.expected[name])} if name in node.expected else {}


def _history(view: View) -> Element:
    nodes: list[Element] = []
    for name, entries in view.history.items():
        resources: list[Element] = []
        for entry in entries:
            attributes = {
                "id": entry.resource,
                "orphan": _flag(entry.is_orphan),
                "migration-threshold": str(entry.threshold),
            }
            if entry.fail_count:
                attributes["fail-count"] = str(entry.fail_count)
            if entry.last_failure:
                attributes["last-failure"] = ctime(entry.last_failure)
            told = tuple(_entry(found) for found in entry.operations if is_told(found))
            resources += [Element("resource_history", attributes, told)] if told else []
        nodes += [Element("node", {"name": name}, tuple(resources))] if resources else []
    return Element("node_history", {}, tuple(nodes))


def _entry(operation: Operation) -> Element:
    attributes = {
        "call": str(operation.call_id),
        "task": "probe" if operation.is_probe else operation.name,
        "rc": str(operation.rc),
        "rc_text": rc_text(operation),
    }
    if operation.interval_ms:
        attributes["interval"] = f"{operation.interval_ms}ms"
    attributes |= {"last-rc-change": ctime(operation.last_change)} if operation.last_change else {}
    attributes |= {"exec-time": f"{operation.exec_ms}ms"} if operation.element.get("exec-time") else {}
    attributes |= {"queue-time": f"{operation.queue_ms}ms"} if operation.element.get("queue-time") else {}
    return Element("operation_history", attributes)


def _failure(operation: Operation) -> Element:
    return Element(
        "failure",
        {
            "op_key": f"{operation.resource}_{operation.name}_{operation.interval_ms}",
            "node": operation.node,
            "exitstatus": rc_text(operation),
            "exitreason": operation.exit_reason or "none",
            "exitcode": str(operation.rc),
            "call": str(operation.call_id),
            "status": STATUS_TEXTS.get(operation.status, "complete"),
            "last-rc-change": datetime.fromtimestamp(operation.last_change)
            .astimezone(UTC)
            .strftime("%Y-%m-%d %H:%M:%SZ"),
            "queued": str(operation.queue_ms),
            "exec": str(operation.exec_ms),
            "interval": str(operation.interval_ms),
            "task": operation.name,
        },
    )


def _ticket(state: Element) -> Element:
    attributes = {
        "id": state.id,
        "status": "granted" if is_true(state.get("granted")) else "revoked",
        "standby": _flag(is_true(state.get("standby"))),
    }
    if state.get("last-granted").isdecimal():
        attributes["last-granted"] = ctime(int(state.get("last-granted")))
    return Element("ticket", attributes)


def _ban(one: Element) -> Element:
    is_promoted = _flag(role_of(one.get("role")) is Role.PROMOTED)
    return Element(
        "ban",
        {
            "id": one.id,
            "resource": one.get("rsc"),
            "node": one.get("node"),
            "weight": str(score(one.get("score"))),
            "promoted-only": is_promoted,
            "master_only": is_promoted,
        },
    )
