"""A small scheduler for the simulator: enough of the rules to move services, fence and probe, and fast.

Reads the same CIB and gives the same TransitionGraph as `hacluster.scheduler`; the simulator can run either.
"""

from __future__ import annotations

from datetime import datetime

from hacluster.cib.model import Cib, Element
from hacluster.scheduler.graph import Action, ActionKind, Change, TransitionGraph
from nodeagent.machines.status_section import attributes_of

BANNED_AT = 3
MONITOR_MS = 5_000


class _Plan:
    """The graph while it grows."""

    def __init__(self, cib: Cib) -> None:
        self.cib = cib
        self.actions: list[Action] = []
        self.orderings: list[tuple[int, int]] = []
        self.changes: list[Change] = []
        self.now: dict[str, dict[str, str]] = {}
        self.after: dict[str, dict[str, str]] = {}

    def add(self, kind: ActionKind, resource: Element | None, node: str, after: list[int], **more) -> int:
        number = len(self.actions)
        fields = {}
        if resource is not None:
            fields = {
                "resource": resource.id,
                "standard": resource.get("class"),
                "provider": resource.get("provider"),
                "type": resource.get("type"),
            }
        self.actions.append(Action(id=number, kind=kind, node=node, **{"timeout_ms": 10_000, **fields, **more}))
        self.orderings += [(first, number) for first in after]
        return number


def schedule(cib: Cib, now: datetime) -> TransitionGraph:
    plan = _Plan(cib)
    states = {state.get("uname"): state for state in cib.status.all("node_state")}
    online = [name for name, state in sorted(states.items()) if _is_online(state)]
    is_fencing = _option(cib, "stonith-enabled") == "true"
    policy = "ignore" if cib.root.get("have-quorum") == "1" else _option(cib, "no-quorum-policy")
    may_act = policy == "ignore"
    primitives = [p for p in cib.section("resources").all("primitive") if p.get("class") != "stonith"]
    unclean = [name for name, state in sorted(states.items()) if _is_unclean(state)]
    # Nobody knows what a node does that was never seen (startup-fencing).
    known = [node.get("uname") for node in cib.section("nodes").all("node")]
    unclean += [name for name in sorted(known) if name not in states]
    if policy == "suicide" and cib.root.get("no-quorum-panic") == "1":
        unclean += online
    for name in online:
        if any(_history(states[name], p.id).get("stop") == "failed" for p in primitives) and is_fencing:
            unclean.append(name)
    fences: list[int] = []
    if is_fencing:
        # Without quorum only the own members are fenced, and this node is the last of them.
        targets = sorted(
            set(unclean) if may_act else set(unclean) & set(online), key=lambda name: (_is_dc(cib, name), name)
        )
        fences = [plan.add(ActionKind.FENCE, None, name, [], detail="reboot") for name in targets]
    usable = [name for name in online if name not in unclean]
    leaving = [name for name in usable if "shutdown" in attributes_of(cib, name)]
    last_stops: dict[str, list[int]] = {name: [] for name in leaving}
    is_blocked = bool(unclean) and is_fencing and not may_act
    for primitive in primitives:
        _place(plan, primitive, states, usable, leaving, last_stops, fences, may_act and not is_blocked, policy)
    for name, stops in last_stops.items():
        plan.add(ActionKind.SHUTDOWN, None, name, stops)
    return TransitionGraph(
        actions=tuple(plan.actions),
        orderings=tuple(plan.orderings),
        changes=tuple(plan.changes),
        placement_now=plan.now,
        placement_after=plan.after,
    )


def _place(plan, primitive, states, usable, leaving, last_stops, fences, may_act, policy) -> None:
    rsc = primitive.id
    known = {name: _history(states[name], rsc) for name in usable}
    probes = []
    for name in usable:
        if not known[name]:
            probes.append(plan.add(ActionKind.MONITOR, primitive, name, [], expected_rc=7, timeout_ms=5_000))
    if any(history.get("pending") for history in known.values()):
        # Without fencing it may run on a node that leaves as well: that one stays until this has ended.
        for name in usable:
            if known[name].get("active"):
                last_stops.pop(name, None)
        return
    active = [name for name in usable if known[name].get("active")]
    plan.now[rsc] = dict.fromkeys(active, "Started")
    candidates = [name for name in usable if name not in leaving and not _is_banned(plan.cib, name, rsc)]
    target = _preferred(primitive, active, candidates) if may_act else ""
    healthy = [name for name in active if not known[name].get("failed")]
    if policy == "freeze" and active == healthy and len(active) == 1 and active[0] in candidates:
        target = active[0]
    if target and active == [target] and healthy == [target]:
        plan.after[rsc] = {target: "Started"}
        if not known[target].get("monitored"):
            plan.add(ActionKind.MONITOR, primitive, target, fences, interval_ms=MONITOR_MS, timeout_ms=5_000)
        return
    stops = [plan.add(ActionKind.STOP, primitive, name, []) for name in active]
    for name, number in zip(active, stops, strict=True):
        if name in last_stops:
            last_stops[name].append(number)
    if target:
        start = plan.add(ActionKind.START, primitive, target, [*probes, *stops, *fences])
        plan.add(ActionKind.MONITOR, primitive, target, [start], interval_ms=MONITOR_MS, timeout_ms=5_000)
        plan.after[rsc] = {target: "Started"}
    word = "Start" if not active else "Stop" if not target else "Move"
    plan.changes.append(Change(word=word, resource=rsc, source=active[0] if active else "", target=target))


def _preferred(primitive: Element, active: list[str], candidates: list[str]) -> str:
    for name in active:
        if name in candidates:
            return name
    if not candidates:
        return ""
    return candidates[sum(primitive.id.encode()) % len(candidates)]


def _history(state: Element, rsc: str) -> dict[str, object]:
    """What the operation history says of one resource on one node; {} when it was never looked at."""
    told: dict[str, object] = {}
    resource = next((e for e in state.walk() if e.tag == "lrm_resource" and e.id == rsc), None)
    if resource is None:
        return told
    entries = [entry for entry in resource.children if not entry.id.endswith("_last_failure_0")]
    for entry in sorted(entries, key=lambda entry: int(entry.get("interval")) > 0):
        operation, rc, status = entry.get("operation"), entry.get("rc-code"), entry.get("op-status")
        is_ok = status == "0" and rc == "0"
        told["seen"] = True
        if status in ("-1", "193"):
            told["pending"] = True
        elif operation == "stop":
            told["active"] = not is_ok
            told["stop"] = "ok" if is_ok else "failed"
        elif operation == "start":
            told["active"] = True
            told["failed"] = not is_ok
        elif operation == "monitor" and entry.get("interval") == "0":
            told["active"] = rc != "7" or status != "0"
            told["failed"] = not is_ok
        elif operation == "monitor":
            told["monitored"] = True
            if not is_ok:
                told["active"] = told["failed"] = True
    return told


def _is_dc(cib: Cib, name: str) -> bool:
    state = next((state for state in cib.status.all("node_state") if state.get("uname") == name), None)
    return state is not None and state.id == cib.root.get("dc-uuid")


def _is_online(state: Element) -> bool:
    return state.get("in_ccm") == "true" and state.get("crmd") == "online" and state.get("join") == "member"


def _is_unclean(state: Element) -> bool:
    return state.get("expected") == "member" and not _is_online(state)


def _is_banned(cib: Cib, node: str, rsc: str) -> bool:
    counts = [value for name, value in attributes_of(cib, node).items() if name.startswith(f"fail-count-{rsc}#")]
    return any(value == "INFINITY" or int(value) >= BANNED_AT for value in counts)


def _option(cib: Cib, name: str) -> str:
    for pair in cib.section("crm_config").walk():
        if pair.get("name") == name:
            return pair.get("value")
    return ""
