"""What would be: a transition carried out on paper, and events that have not happened.

Reads a Cib and a TransitionGraph (or an event); gives the Cib as it would stand afterwards. Used by crm_simulate, the
console's previews and the tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from hacluster.cib.model import NOTHING, Cib, Element
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
    with_resource_histories,
    without_failures,
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
    if not graph.actions:
        return cib
    blocked: set[int] = set()
    call_id = _highest_call(cib)
    needs: dict[int, list[int]] = {}
    for first, then in graph.orderings:
        needs.setdefault(then, []).append(first)
    paper = _Paper(cib, now)
    for action in in_order(graph):
        if blocked and any(first in blocked for first in needs.get(action.id, [])):
            blocked.add(action.id)
            continue
        call_id += 1
        rc = failures.get((action.task_key, action.node), action.expected_rc)
        paper.carry_out(action, rc, call_id)
        if rc != action.expected_rc:
            blocked.add(action.id)
    return paper.cib()


class _Paper:
    """The CIB on which actions are carried out; histories become a tree again only at the end."""

    def __init__(self, cib: Cib, now: float) -> None:
        self._cib = cib
        self._now = now
        self._histories: dict[str, _History] = {}

    def cib(self) -> Cib:
        """The CIB with everything that has been carried out."""
        for node, history in self._histories.items():
            self._cib = history.written(self._cib, node)
        self._histories.clear()
        return self._cib

    def carry_out(self, action: Action, rc: int, call_id: int) -> None:
        """One action with its exit code."""
        match action.kind:
            case ActionKind.FENCE if action.detail == "on":
                self._cib = with_attributes(self._cib, action.node, {"#node-unfenced": str(int(self._now) or 1)})
            case ActionKind.FENCE:
                self._forget(action.node)
            case _ if action.pseudo:
                return
            case ActionKind.SHUTDOWN:
                self._forget(action.node)
            case ActionKind.CLEAR_FAILCOUNT:
                name = self._history(action.node).name_of(action)
                self._cib = without_failures(self._cib, action.node, name)
            case ActionKind.DELETE | ActionKind.CANCEL:
                self._history(action.node).lose(action)
            case kind if kind in _OPERATIONS:
                self._history(action.node).note(action, rc, call_id, self._now)

    def _history(self, node: str) -> _History:
        if node not in self._histories:
            self._cib = with_node_state(self._cib, node, {})
            self._histories[node] = _History(node_state(self._cib, node) or NOTHING)
        return self._histories[node]

    def _forget(self, node: str) -> None:
        self._histories.pop(node, None)
        self._cib = left_cleanly(self._cib, node)


class _History:
    """What one node says of its resources, in its order."""

    def __init__(self, state: Element) -> None:
        self._entries: dict[str, Element] = {}
        for entry in history_of(state):
            self._put(entry)
        self._is_changed = False

    def _put(self, entry: Element) -> None:
        self._entries[entry.id] = entry
        self._is_changed = True

    def name_of(self, action: Action) -> str:
        """The name its history already has: an anonymous instance may stand there with a number."""
        is_numbered = action.resource not in self._entries and action.instance in self._entries
        return action.instance if is_numbered else action.resource

    def note(self, action: Action, rc: int, call_id: int, now: float) -> None:
        """The operation's result; a stop takes the place of all that was."""
        name = self.name_of(action)
        known = self._entries.get(name) or Element("lrm_resource", _identity(action, name))
        result = _result(action, name, rc, call_id, now)
        kept = () if action.kind is ActionKind.STOP else known.children
        place = next((place for place, one in enumerate(kept) if one.id == result.id), len(kept))
        self._put(known.with_children((*kept[:place], result, *kept[place + 1 :])))

    def lose(self, action: Action) -> None:
        """The whole history of a resource, or of its recurring monitor with this interval."""
        name = self.name_of(action)
        if action.kind is ActionKind.DELETE:
            self._is_changed = self._entries.pop(name, None) is not None or self._is_changed
            return
        known = self._entries.get(name) or Element("lrm_resource", _identity(action, name))
        wanted = ("monitor", str(action.interval_ms))
        kept = (one for one in known.children if (one.get("operation"), one.get("interval")) != wanted)
        self._put(known.with_children(tuple(kept)))

    def written(self, cib: Cib, node: str) -> Cib:
        """The CIB with this history in it."""
        return with_resource_histories(cib, node, tuple(self._entries.values())) if self._is_changed else cib


def _identity(action: Action, name: str) -> dict[str, str]:
    named = {"id": name, "class": action.standard, "provider": action.provider, "type": action.type}
    return {name: value for name, value in named.items() if value}


def _result(action: Action, resource: str, rc: int, call_id: int, now: float) -> Element:
    name = _OPERATIONS[action.kind]
    key = f"{action.id}:0:{action.expected_rc}:{UUID}"
    status = 0 if rc == action.expected_rc else 4
    attributes = {
        "id": f"{resource}_{name}_{action.interval_ms}",
        "operation_key": f"{resource}_{name}_{action.interval_ms}",
        "operation": name,
        "crm-debug-origin": "crm_simulate",
        "crm_feature_set": "3.16.1",
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
            found = (op.attributes.get("call-id", "") for op in entry.children)
            calls += [int(number) for number in found if number.isdecimal()]
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
    paper = _Paper(cib, now)
    paper.carry_out(action, rc, _highest_call(cib) + 1)
    cib = paper.cib()
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
