"""A transition graph as files: Pacemaker's XML, and Graphviz.

Reads a TransitionGraph; gives text. Each action is a synapse with the actions it waits for as its inputs.
"""

from __future__ import annotations

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Element
from hacluster.scheduler.graph import Action, ActionKind, TransitionGraph

_NAMES = {ActionKind.FENCE: "stonith", ActionKind.SHUTDOWN: "do_shutdown"}
_CRM_EVENTS = (ActionKind.FENCE, ActionKind.SHUTDOWN, ActionKind.CLEAR_FAILCOUNT)


def as_xml(graph: TransitionGraph) -> str:
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
        "transition_id": "0",
    }
    return to_xml(Element("transition_graph", attributes, synapses))


def _synapse(count: int, action: Action, inputs: dict[int, list[int]], by_id: dict[int, Action]) -> Element:
    triggers = tuple(
        Element("trigger", {}, (Element(_tag(by_id[first]), _identity(by_id[first])),)) for first in inputs[action.id]
    )
    done = Element("action_set", {}, (_whole(action),))
    return Element("synapse", {"id": str(count)}, (done, Element("inputs", {}, triggers)))


def _tag(action: Action) -> str:
    if action.pseudo:
        return "pseudo_event"
    return "crm_event" if action.kind in _CRM_EVENTS else "rsc_op"


def _identity(action: Action) -> dict[str, str]:
    named = {
        "id": str(action.id),
        "operation": _NAMES.get(action.kind, action.kind.value),
        "operation_key": action.task_key,
        "on_node": "" if action.pseudo else action.node,
        "on_node_uuid": "" if action.pseudo else action.node_id,
    }
    return {name: value for name, value in named.items() if value}


def _whole(action: Action) -> Element:
    children = []
    if action.resource and not action.pseudo:
        agent = {"id": action.resource, "class": action.standard, "provider": action.provider, "type": action.type}
        children.append(Element("primitive", {name: value for name, value in agent.items() if value}))
    details = dict(sorted({**action.meta, **action.parameters}.items()))
    if action.kind is ActionKind.FENCE:
        details["CRM_meta_stonith_action"] = action.detail
    children.append(Element("attributes", details))
    return Element(_tag(action), _identity(action), tuple(children))


def as_dot(graph: TransitionGraph) -> str:
    names = {action.id: f"{action.task_key} {action.node}".strip() for action in graph.actions}
    lines = ['digraph "g" {']
    for action in graph.actions:
        color = "orange" if action.pseudo else "black"
        lines.append(f'"{names[action.id]}" [ style=bold color="green" fontcolor="{color}"]')
    lines += [f'"{names[first]}" -> "{names[then]}" [ style = bold]' for first, then in graph.orderings]
    return "\n".join([*lines, "}"]) + "\n"
