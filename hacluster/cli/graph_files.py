"""A transition graph as files: Pacemaker's XML, and Graphviz.

Reads a TransitionGraph; gives text. Each action is a synapse with the actions it waits for as its inputs.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Element
from hacluster.scheduler.graph import Action, ActionKind, TransitionGraph

_NAMES = {ActionKind.FENCE: "stonith", ActionKind.SHUTDOWN: "do_shutdown"}
_CRM_EVENTS = (ActionKind.FENCE, ActionKind.SHUTDOWN, ActionKind.CLEAR_FAILCOUNT)
_XML_NAME = re.compile(r"[A-Za-z_][\w.-]*").fullmatch
_TAKES_A_NODE_DOWN = (ActionKind.FENCE, ActionKind.SHUTDOWN)
_FIRST = "1000000"
"""The priority of a milestone that says something has ended: it must not wait behind other work."""
_ENDS = ("running", "stopped", "promoted", "demoted", "notified")


def as_xml(graph: TransitionGraph, known: Collection[str] = ()) -> str:
    """`known`: names in the histories. An anonymous instance goes by the name without its number where they do."""
    return to_xml(_document(_renamed(graph, known)))


def _renamed(graph: TransitionGraph, known: Collection[str]) -> TransitionGraph:
    actions = tuple(
        msgspec.structs.replace(action, resource=action.instance)
        if action.instance and action.resource != action.instance and action.resource not in known
        else action
        for action in graph.actions
    )
    return msgspec.structs.replace(graph, actions=actions)


def _document(graph: TransitionGraph) -> Element:
    by_id = {action.id: action for action in graph.actions}
    inputs: dict[int, list[int]] = {number: [] for number in by_id}
    for first, then in graph.orderings:
        inputs[then].append(first)
    synapses = tuple(_synapse(count, by_id[number], inputs, by_id) for count, number in enumerate(by_id))
    attributes = {
        "cluster-delay": f"{graph.cluster_delay_ms // 1000}s",
        "stonith-timeout": f"{graph.stonith_timeout_ms // 1000}s",
        "failed-stop-offset": "INFINITY",
        "failed-start-offset": "INFINITY" if graph.start_failure_is_fatal else "1",
        "batch-limit": str(graph.batch_limit),
        "transition_id": "0",
    }
    return Element("transition_graph", attributes, synapses)


def _synapse(count: int, action: Action, inputs: dict[int, list[int]], by_id: dict[int, Action]) -> Element:
    triggers = tuple(
        Element("trigger", {}, (Element(_tag(by_id[first]), _identity(by_id[first])),)) for first in inputs[action.id]
    )
    done = Element("action_set", {}, (_whole(action),))
    priority = _priority(action)
    head = {"id": str(count), **({"priority": priority} if priority else {})}
    return Element("synapse", head, (done, Element("inputs", {}, triggers)))


def _priority(action: Action) -> str:
    if action.kind is ActionKind.PSEUDO and _operation(action) in _ENDS and action.resource:
        return _FIRST
    return str(action.priority) if action.priority > 0 else ""


def _tag(action: Action) -> str:
    if action.pseudo:
        return "pseudo_event"
    return "crm_event" if action.kind in _CRM_EVENTS else "rsc_op"


def _operation(action: Action) -> str:
    if action.kind is not ActionKind.PSEUDO:
        return _NAMES.get(action.kind, action.kind.value)
    before, is_notification, _ = action.detail.partition("_notify_")
    if not is_notification:
        return action.detail
    return "notified" if before.startswith("confirmed") else "notify"


def key_of(action: Action, name: str) -> str:
    """The operation's key, under the name that the history knows or that with the instance's number."""
    match action.kind:
        case ActionKind.FENCE:
            return f"stonith-{action.node}-{action.detail or 'reboot'}"
        case ActionKind.NOTIFY:
            when, _, what = action.detail.partition("_")
            return f"{name}_{when}_notify_{what}_0"
        case ActionKind.CANCEL:
            return f"{name}_monitor_{action.interval_ms}"
        case ActionKind.SHUTDOWN | ActionKind.PSEUDO:
            return action.task_key
    return f"{name}_{action.kind.value}_{action.interval_ms}"


def _identity(action: Action) -> dict[str, str]:
    instance = action.instance if action.instance != action.resource else ""
    named = {
        "id": str(action.id),
        "operation": _operation(action),
        "operation_key": key_of(action, action.resource),
        "internal_operation_key": key_of(action, instance) if instance else "",
        "on_node": action.node,
        "on_node_uuid": action.node_id,
    }
    return {name: value for name, value in named.items() if value}


def _whole(action: Action) -> Element:
    children = []
    if action.resource and not action.pseudo:
        long_id = action.instance if action.instance != action.resource else ""
        is_unique = action.meta.get("CRM_meta_globally_unique") == "true"
        base = action.instance.rpartition(":")[0]
        is_numbered = action.resource == action.instance and base and not is_unique
        agent = {
            "id": base if is_numbered else action.resource,
            "long-id": action.resource if is_numbered else long_id,
            "class": action.standard,
            "provider": action.provider,
            "type": action.type,
        }
        children.append(Element("primitive", {name: value for name, value in agent.items() if value}))
    details = dict(sorted({**action.meta, **action.parameters, **_beside(action)}.items()))
    odd = tuple(
        Element("param", {"name": name, "value": value}) for name, value in details.items() if not _XML_NAME(name)
    )
    children.append(Element("attributes", {n: value for n, value in details.items() if _XML_NAME(n)}, odd))
    if action.kind in _TAKES_A_NODE_DOWN and action.detail != "on" and not action.pseudo:
        children.append(Element("downed", {}, (Element("node", {"id": action.node_id}),)))
    return Element(_tag(action), _identity(action), tuple(children))


def _beside(action: Action) -> dict[str, str]:
    """What only the controller minds."""
    told = {}
    if action.kind in (ActionKind.SHUTDOWN, ActionKind.CLEAR_FAILCOUNT):
        told["CRM_meta_op_no_wait"] = "true"
    if action.kind is ActionKind.FENCE:
        told["CRM_meta_stonith_action"] = action.detail or "reboot"
    if action.kind in _TAKES_A_NODE_DOWN:
        told |= {"CRM_meta_on_node": action.node, "CRM_meta_on_node_uuid": action.node_id}
    if action.kind is ActionKind.CANCEL:
        told["CRM_meta_operation"] = "monitor"
    return told


def as_dot(graph: TransitionGraph) -> str:
    names = {action.id: f"{action.task_key} {action.node}".strip() for action in graph.actions}
    lines = [' digraph "g" {']
    for action in graph.actions:
        color = "orange" if action.pseudo else "black"
        lines.append(f'"{names[action.id]}" [ style=bold color="green" fontcolor="{color}"]')
    lines += [f'"{names[first]}" -> "{names[then]}" [ style = bold]' for first, then in graph.orderings]
    return "\n".join([*lines, "}"]) + "\n"
