"""What would be: a transition carried out on paper, and events that have not happened.

Reads a Cib and a TransitionGraph (or an event); gives the Cib as it would stand afterwards. Used by crm_simulate, the
console's previews and the tests.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import (
    FAIL_COUNT,
    LAST_FAILURE,
    erased,
    history_of,
    node_state,
    node_states,
    transient_attributes,
    with_attributes,
    with_node_state,
    with_operation,
    without_resource_history,
)
from hacluster.scheduler.graph import Action, ActionKind, TransitionGraph

UUID = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
_UP = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
_DOWN = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "down"}
_UNSEEN = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "member"}
_OPERATIONS = {
    ActionKind.START: "start",
    ActionKind.STOP: "stop",
    ActionKind.PROMOTE: "promote",
    ActionKind.DEMOTE: "demote",
    ActionKind.MONITOR: "monitor",
    ActionKind.MIGRATE_TO: "migrate_to",
    ActionKind.MIGRATE_FROM: "migrate_from",
    ActionKind.RELOAD_AGENT: "reload-agent",
}


def in_order(graph: TransitionGraph) -> list[Action]:
    """The actions, each after all that has to come first, in the rounds in which Pacemaker goes through its graph.

    A round takes the actions as they stand in the graph; one that waits for another further behind is left for the
    next round.
    """
    waiting = {action.id: 0 for action in graph.actions}
    behind: dict[int, list[int]] = {action.id: [] for action in graph.actions}
    for first, then in graph.orderings:
        behind[first].append(then)
        waiting[then] += 1
    places = {action.id: place for place, action in enumerate(graph.actions)}
    rounds = dict.fromkeys(places, 0)
    ready = [number for number, count in waiting.items() if not count]
    done = set()
    while ready:
        number = ready.pop()
        done.add(number)
        for then in behind[number]:
            rounds[then] = max(rounds[then], rounds[number] + (places[number] > places[then]))
            waiting[then] -= 1
            if not waiting[then]:
                ready.append(then)
    return sorted((a for a in graph.actions if a.id in done), key=lambda action: rounds[action.id])


def apply(cib: Cib, graph: TransitionGraph, now: float = 0.0, failures: Mapping[tuple[str, str], int] = {}) -> Cib:
    """Carry the graph out. `failures`: (`RSC_OP_INTERVAL`, node) -> exit code; what comes after a failure is left."""
    blocked: set[int] = set()
    call_id = _highest_call(cib)
    needs: dict[int, list[int]] = {}
    for first, then in graph.orderings:
        needs.setdefault(then, []).append(first)
    for action in in_order(graph):
        if any(first in blocked for first in needs.get(action.id, [])):
            blocked.add(action.id)
            continue
        call_id += 1
        rc = failures.get((action.task_key, action.node), action.expected_rc)
        cib = carry_out(cib, action, rc, call_id, now)
        if rc != action.expected_rc:
            blocked.add(action.id)
    return cib


def carry_out(cib: Cib, action: Action, rc: int, call_id: int, now: float = 0.0) -> Cib:
    """One action with its exit code."""
    if action.kind is ActionKind.FENCE:
        if action.detail == "on":
            return with_attributes(cib, action.node, {"#node-unfenced": str(int(now) or 1)})
        return fenced(cib, action.node)
    if action.pseudo:
        return cib
    action = _as_history_names_it(cib, action)
    match action.kind:
        case ActionKind.SHUTDOWN:
            return left_cleanly(cib, action.node)
        case ActionKind.DELETE:
            return without_resource_history(cib, action.node, action.resource)
        case ActionKind.CLEAR_FAILCOUNT:
            return without_failures(cib, action.node, action.resource)
        case ActionKind.CANCEL:
            return with_operation(cib, action.node, _identity(action), None, _recurring(cib, action))
        case kind if kind in _OPERATIONS:
            entry = _entry(action, rc, call_id, now)
            return with_operation(cib, action.node, _identity(action), entry, _outdated(cib, action))
    return cib


def _as_history_names_it(cib: Cib, action: Action) -> Action:
    """The action under the name its history already has: an anonymous instance may stand there with a number."""
    state = node_state(cib, action.node)
    names = [] if state is None else [entry.id for entry in history_of(state)]
    if not action.resource or action.resource in names:
        return action
    numbered = [name for name in names if name.rpartition(":")[0] == action.resource]
    return msgspec.structs.replace(action, resource=numbered[0]) if numbered else action


def _identity(action: Action) -> dict[str, str]:
    named = {"id": action.resource, "class": action.standard, "provider": action.provider, "type": action.type}
    return {name: value for name, value in named.items() if value}


def _recurring(cib: Cib, action: Action) -> list[str]:
    """The entries of the recurring monitor with this interval."""
    state = node_state(cib, action.node)
    found = [] if state is None else [entry for entry in history_of(state) if entry.id == action.resource]
    wanted = ("monitor", str(action.interval_ms))
    return [
        op.id
        for entry in found
        for op in entry.all("lrm_rsc_op")
        if (op.get("operation"), op.get("interval")) == wanted
    ]


def _outdated(cib: Cib, action: Action) -> list[str]:
    """The entries that no longer hold once the resource has been stopped there."""
    state = node_state(cib, action.node)
    if state is None or action.kind is not ActionKind.STOP:
        return []
    kept = [entry for entry in history_of(state) if entry.id == action.resource]
    return [op.id for entry in kept for op in entry.all("lrm_rsc_op")]


def _entry(action: Action, rc: int, call_id: int, now: float) -> Element:
    name = _OPERATIONS[action.kind]
    key = f"{action.id}:0:{action.expected_rc}:{UUID}"
    status = 0 if rc == action.expected_rc else 4
    attributes = {
        "id": f"{action.resource}_{name}_{action.interval_ms}",
        "operation_key": f"{action.resource}_{name}_{action.interval_ms}",
        "operation": name,
        "crm-debug-origin": "crm_simulate",
        "crm_feature_set": "3.16.2",
        "transition-key": key,
        "transition-magic": f"{status}:{rc};{key}",
        "on_node": action.node,
        "call-id": str(call_id),
        "rc-code": str(rc),
        "op-status": str(status),
        "interval": str(action.interval_ms),
        **({"last-rc-change": str(int(now))} if now else {}),
        **action.digests,
    }
    return Element("lrm_rsc_op", attributes)


def _highest_call(cib: Cib) -> int:
    calls = [0]
    for state in node_states(cib):
        for entry in history_of(state):
            calls += [int(op.get("call-id", "0")) for op in entry.all("lrm_rsc_op") if op.get("call-id").isdecimal()]
    return max(calls)


# ---------------------------------------------------------------- events that have not happened


def came_up(cib: Cib, node: str) -> Cib:
    """The node is a member again."""
    return with_node_state(cib, node, _UP)


def left_cleanly(cib: Cib, node: str) -> Cib:
    """The node's agent ended after it had stopped everything."""
    return with_node_state(erased(cib, node), node, _DOWN)


def was_lost(cib: Cib, node: str) -> Cib:
    """The node fell silent; nobody knows what it does."""
    return with_node_state(cib, node, _UNSEEN)


def fenced(cib: Cib, node: str) -> Cib:
    """The node was fenced: nothing runs there, and that is known."""
    return left_cleanly(cib, node)


def without_failures(cib: Cib, node: str, resource: str) -> Cib:
    """The failcounts of a resource on a node are gone."""
    state = node_state(cib, node)
    if state is None:
        return cib
    prefixes = tuple(f"{kind}{resource}{end}" for kind in (FAIL_COUNT, LAST_FAILURE) for end in ("#",))
    names = [name for name in transient_attributes(state) if name.startswith(prefixes)]
    return with_attributes(cib, node, dict.fromkeys(names))


def operation_failed(cib: Cib, task_key: str, node: str, rc: int, now: float) -> Cib:
    """The result of an operation nobody has run, `RSC_OP_INTERVAL`, with its failcount (`crm_simulate -i`)."""
    resource, name, interval = task_key.rsplit("_", 2)
    kinds = {word: kind for kind, word in _OPERATIONS.items()}
    if name not in kinds:
        return cib
    primitive = cib.section("resources").by_id(resource.rsplit(":", 1)[0])
    agent = (primitive.get("class"), primitive.get("provider"), primitive.get("type")) if primitive else ("", "", "")
    action = Action(
        id=0,
        kind=kinds[name],
        node=node,
        resource=resource,
        task_key=task_key,
        standard=agent[0],
        provider=agent[1],
        type=agent[2],
        interval_ms=int(interval),
        digests=_digests_of(cib, node, resource, task_key),
    )
    cib = carry_out(cib, action, rc, _highest_call(cib) + 1, now)
    is_failure = rc != 0 and not (name == "monitor" and interval == "0" and rc in (7, 8))
    return _counted(cib, node, f"{resource}#{name}_{interval}", now) if is_failure else cib


def _digests_of(cib: Cib, node: str, resource: str, task_key: str) -> dict[str, str]:
    """The digests of the same operation's last result: it failed with the parameters it had."""
    state = node_state(cib, node)
    entries = [] if state is None else [entry for entry in history_of(state) if entry.id == resource]
    for entry in entries:
        for op in entry.all("lrm_rsc_op"):
            if op.get("operation_key") == task_key:
                return {
                    name: value for name, value in op.attributes.items() if name.startswith("op-") and "dig" in name
                }
    return {}


def _counted(cib: Cib, node: str, key: str, now: float) -> Cib:
    state = node_state(cib, node)
    known = transient_attributes(state).get(f"{FAIL_COUNT}{key}", "0") if state is not None else "0"
    count = known if known == "INFINITY" else str(int(known) + 1 if known.isdecimal() else 1)
    return with_attributes(cib, node, {f"{FAIL_COUNT}{key}": count, f"{LAST_FAILURE}{key}": str(int(now))})
