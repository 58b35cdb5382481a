"""Builders for tests: a CIB out of crm text, nodes, and what has happened to them.

`pair()` is the cluster of the 2011 talk in small; a `Situation` is changed step by step and always holds a whole Cib.
"""

from __future__ import annotations

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import erased, with_attributes, with_node_state, with_operation
from hacluster.crm.apply import Mode, load
from hacluster.scheduler.graph import Action, TransitionGraph
from hacluster.scheduler.schedule import schedule

NOW = 1_700_000_000.0
ONLINE = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
LOST = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "member"}
LEFT = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "down"}

PAIR = """
primitive ex ocf:pacemaker:Dummy op start interval=0 timeout=60s op monitor interval=10s timeout=60s \\
    op stop interval=0 timeout=60s on-fail=fence
primitive fs ocf:pacemaker:Dummy op monitor interval=10s op stop interval=0 timeout=60s on-fail=fence
primitive pg ocf:pacemaker:Dummy op monitor interval=10s op stop interval=0 timeout=60s on-fail=fence
group grp ex fs pg
primitive ping ocf:pacemaker:Dummy op monitor interval=10s
clone clnPing ping
primitive st1 stonith:external/ssh params hostlist=pm01
primitive st2 stonith:external/ssh params hostlist=pm02
location l-grp grp rule 200: #uname eq pm01 rule 100: #uname eq pm02 \\
    rule -inf: not_defined path or path lt 100
location l-st1 st1 rule -inf: #uname eq pm01
location l-st2 st2 rule -inf: #uname eq pm02
property no-quorum-policy=ignore stonith-enabled=true startup-fencing=false
rsc_defaults resource-stickiness=INFINITY migration-threshold=1
"""


class Situation:
    """A cluster at one moment."""

    def __init__(self, text: str = PAIR, nodes: tuple[str, ...] = ("pm01", "pm02")) -> None:
        members = tuple(Element("node", {"id": str(n), "uname": name}) for n, name in enumerate(nodes, start=1))
        base = Cib.empty().with_section(Element("nodes", {}, members))
        self.cib = Cib(base.root.with_attributes({"have-quorum": "1"}))
        loaded = load(self.cib, text, Mode.UPDATE)
        assert loaded.is_loaded, [problem.line() for problem in loaded.problems]
        self.cib = loaded.cib
        self._calls = 0
        for name in nodes:
            self.node(name, ONLINE)

    def node(self, name: str, state: dict[str, str]) -> None:
        self.cib = with_node_state(self.cib, name, state)

    def fenced(self, name: str) -> None:
        self.cib = erased(self.cib, name)
        self.node(name, LEFT)

    def attribute(self, node: str, name: str, value: str | None) -> None:
        self.cib = with_attributes(self.cib, node, {name: value})

    def schedule(self) -> TransitionGraph:
        return schedule(self.cib, NOW)

    def result(self, node: str, action: Action, rc: int | None = None, status: int = 0) -> None:
        """Write the history entry that an action leaves."""
        self._calls += 1
        code = action.expected_rc if rc is None else rc
        operation = "monitor" if action.kind == "monitor" else action.kind.value
        is_last = action.interval_ms == 0
        suffix = "last_failure_0" if code != action.expected_rc and not is_last else "last_0"
        name = f"{action.resource}_{suffix if is_last else f'{operation}_{action.interval_ms}'}"
        entry = {
            "id": name,
            "operation": operation,
            "interval": str(action.interval_ms),
            "call-id": str(self._calls),
            "rc-code": str(code),
            "op-status": str(status),
            "transition-key": f"{action.id}:1:{action.expected_rc}:x",
            "last-rc-change": str(int(NOW)),
            **action.digests,
        }
        resource = {"id": action.resource, "type": action.type, "class": action.standard}
        self.cib = with_operation(self.cib, node, resource, Element("lrm_rsc_op", entry))

    def settle(self) -> TransitionGraph:
        """Carry out graphs until nothing is left to do; gives the last, empty one."""
        for _ in range(10):
            graph = self.schedule()
            if graph.is_empty:
                return graph
            for action in graph.actions:
                if action.kind == "fence":
                    self.fenced(action.node)
                elif not action.pseudo and action.resource:
                    self.result(action.node, action, rc=7 if _is_probe(action) else None)
        raise AssertionError(f"still to do: {[action.task_key for action in self.schedule().actions]}")


def _is_probe(action: Action) -> bool:
    return action.kind == "monitor" and action.interval_ms == 0


def names(graph: TransitionGraph) -> list[str]:
    """`start pg pm01` for every real action that isn't a monitor."""
    return [
        " ".join(word for word in (action.kind.value, action.resource, action.node) if word)
        for action in graph.actions
        if not action.pseudo and action.kind != "monitor"
    ]


def _name(action: Action) -> str:
    """The kind of an action; `probe` for a monitor that is run once."""
    if action.kind == "monitor" and not action.interval_ms:
        return "probe"
    return action.detail if action.kind == "pseudo" else action.kind.value


def comes_before(graph: TransitionGraph, first: str, then: str) -> bool:
    """Whether the one named action must end before the other begins, directly or over others."""
    by_name = {f"{_name(action)} {action.resource or action.node}": action.id for action in graph.actions}
    behind: dict[int, list[int]] = {}
    for one, other in graph.orderings:
        behind.setdefault(one, []).append(other)
    seen: set[int] = set()
    pending = [by_name[first]]
    while pending:
        number = pending.pop()
        if number == by_name[then] and number != by_name[first]:
            return True
        if number not in seen:
            seen.add(number)
            pending += behind.get(number, [])
    return False
