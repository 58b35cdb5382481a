"""Scheduling again after a small change: what nothing has happened to keeps its answer.

Reads one Cib after the other; gives the same graphs as `schedule`. Parts of the configuration (parts.py) meet only
where they compete for nodes. So when the status of some changes, a Cib of only these is scheduled, with the others
counted where they are; and if one of these goes elsewhere, those for whom that may matter are looked at too. Whatever
is not surely of one part (nodes that come, go or are to be fenced, a changed configuration) is scheduled as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import FAIL_COUNT, LAST_FAILURE, history_of, node_states, transient_attributes
from hacluster.scheduler.borrowed import resolved
from hacluster.scheduler.graph import Placement, Reason, TransitionGraph
from hacluster.scheduler.parts import Parts
from hacluster.scheduler.schedule import decide
from hacluster.scheduler.values import is_true
from hacluster.scheduler.working import Cluster, LeftOut, Node, NodeKind, Resource

_COUNTERS = ("num_updates", "epoch", "admin_epoch", "cib-last-written", "execution-date")
_OF_A_RESOURCE = (FAIL_COUNT, LAST_FAILURE, "master-", "promotion-")
_OF_THE_NODE = ("standby", "maintenance", "shutdown", "terminate", "resource-discovery-enabled")


class Memory:
    """Schedules one cluster again and again; remembers the last answer and what led to it.

    `largest_share`: if more of the resources than this have to be looked at, all are.
    """

    def __init__(self, largest_share: float = 0.5) -> None:
        self._largest_share = largest_share
        self._last: _Answers | None = None
        self.decided = 0
        """Resources at the top level that the last call looked at"""

    def schedule(self, cib: Cib, now: datetime | float) -> TransitionGraph:
        """As `schedule`, in less time where little has changed since the last call."""
        moment = now.timestamp() if isinstance(now, datetime) else now
        last, self._last = self._last, None
        graph = last.after(cib, moment, self._largest_share) if last is not None else None
        if last is not None and graph is not None:
            self._last, self.decided = last, last.decided
            return graph
        graph, cluster = decide(resolved(cib), moment)
        parts = last.parts if last is not None and last.is_configured_by(cib) else None
        self._last, self.decided = _remembered(cib, graph, cluster, parts), len(cluster.resources)
        return graph


def _remembered(cib: Cib, graph: TransitionGraph, cluster: Cluster, parts: Parts | None) -> _Answers | None:
    """None where one part might feel what happens to another."""
    options = cluster.options
    is_coupled = options.has_unfencing or options.placement_strategy != "default"
    is_coupled = is_coupled or is_true(options.values.get("shutdown-lock", "")) or bool(cluster.orphans)
    if is_coupled or any(one.replicas or one.connects_to is not None for one in cluster.resources):
        return None
    if not all(_is_calm(node) for node in cluster.nodes):
        return None
    if any(one.tag == "date_expression" for one in cib.configuration.walk()):
        return None
    parts = parts or Parts(resolved(cib))
    if any(name.startswith((FAIL_COUNT, LAST_FAILURE)) or "%" in name for name in parts.asking):
        return None
    return _Answers(cib, parts, graph, cluster)


def _is_calm(node: Node) -> bool:
    return node.kind is NodeKind.CLUSTER and not (node.is_unclean or node.is_pending or node.is_shutting_down)


class _Answer(msgspec.Struct):
    """What a graph says of one resource at the top level."""

    now: Placement = {}
    after: Placement = {}
    reasons: dict[str, tuple[Reason, ...]] = {}


class _State:
    """One `<node_state>`: its attributes, and its history by resource."""

    def __init__(self, element: Element, parts: Parts) -> None:
        self.element = element
        self.transient = transient_attributes(element)
        self.histories: dict[str, list[Element]] = {}
        for entry in history_of(element):
            self.histories.setdefault(_top_of(entry.id, parts), []).append(entry)

    def only(self, tops: Iterable[str]) -> Element:
        """The state with the histories of these resources."""
        entries = tuple(entry for top in tops for entry in self.histories.get(top, ()))
        lrm = Element("lrm", {"id": self.element.id}, (Element("lrm_resources", {}, entries),))
        return self.element.with_children((*(one for one in self.element.children if one.tag != "lrm"), lrm))


class _Answers:
    """One answer, taken apart by resource."""

    def __init__(self, cib: Cib, parts: Parts, graph: TransitionGraph, cluster: Cluster) -> None:
        self.parts = parts
        self._configuration = cib.configuration
        self._root = _facts_of(cib)
        self._others = [one for one in cib.status.children if one.tag != "node_state"]
        self._states = [_State(state, parts) for state in node_states(cib)]
        self._nodes = [_facts_of_node(node) for node in cluster.nodes]
        self._has_fence_devices = cluster.options.has_fence_devices
        self._turns: dict[str, dict[int, int]] = {}
        self._ties: set[str] = set()
        self._restless: set[str] = set()
        """Those that have something to do, or a past that time may change: looked at each time"""
        self._answers: dict[str, _Answer] = {}
        self.decided = 0
        self._keep(set(cluster.turns), graph, cluster)

    def is_configured_by(self, cib: Cib) -> bool:
        return cib.configuration is self._configuration or cib.configuration == self._configuration

    def after(self, cib: Cib, now: float, largest_share: float) -> TransitionGraph | None:
        """The answer to the next Cib; None where everything has to be worked out anew."""
        touched = self._touched(cib)
        if touched is None:
            return None
        limit = largest_share * len(self._turns)
        tops = set(self.parts.members(touched | {self.parts.part_of(top) for top in self._restless}))
        found = self._decided(cib, now, tops, limit)
        if found is not None and self._has_moved(found[1]) and not self._ties <= tops:
            tops |= set(self.parts.members({self.parts.part_of(top) for top in self._ties}))
            found = self._decided(cib, now, tops, limit)
        if found is None:
            return None
        self.decided = len(tops)
        self._keep(tops, *found)
        return self._together(found[0])

    # ------------------------------------------------------------ what has changed

    def _touched(self, cib: Cib) -> set[str] | None:
        """The parts that a difference is about; None where it may be about all of them."""
        elements = list(node_states(cib))
        others = [one for one in cib.status.children if one.tag != "node_state"]
        if not self.is_configured_by(cib) or _facts_of(cib) != self._root or others != self._others:
            return None
        if [state.id for state in elements] != [known.element.id for known in self._states]:
            return None
        before = self._states
        self._states = [
            known if known.element is element else _State(element, self.parts)
            for element, known in zip(elements, before, strict=True)
        ]
        touched: set[str] = set()
        for state, known in zip(self._states, before, strict=True):
            if state is not known:
                touched |= self._difference(state, known)
        return None if "" in touched else touched

    def _difference(self, state: _State, known: _State) -> set[str]:
        """The parts that two states of one node differ about; with "" among them, all are."""
        if state.element.attributes != known.element.attributes:
            return {""}
        after, before = state.transient, known.transient
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        touched = {part for name in changed for part in self._asking(name)}
        for top in state.histories.keys() | known.histories.keys():
            if state.histories.get(top) != known.histories.get(top):
                touched.add(self.parts.part_of(top) if top else "")
        return touched

    def _asking(self, attribute: str) -> set[str]:
        """The parts that an attribute of a node is about; with "" among them, all are."""
        if attribute.startswith("#") or attribute in _OF_THE_NODE:
            return {""}
        found = set(self.parts.asking.get(attribute, ()))
        for prefix in _OF_A_RESOURCE:
            if attribute.startswith(prefix):
                top = _top_of(attribute.removeprefix(prefix).partition("#")[0], self.parts)
                found.add(self.parts.part_of(top) if top else "")
        return found

    # ------------------------------------------------------------ deciding some

    def _decided(self, cib: Cib, now: float, tops: set[str], limit: float) -> tuple[TransitionGraph, Cluster] | None:
        """The answer for some resources; None if they are too many, or do to nodes what concerns the others."""
        if len(tops) > limit:
            return None
        in_order = [top for top in self._turns if top in tops]
        status = cib.status.with_children((*self._others, *(state.only(in_order) for state in self._states)))
        reduced = cib.with_configuration(self.parts.only(tops)).with_status(status)
        graph, cluster = decide(reduced, now, LeftOut(self._counts_without(tops), self._has_fence_devices))
        if cluster.orphans or [_facts_of_node(node) for node in cluster.nodes] != self._nodes:
            return None
        return graph, cluster

    def _counts_without(self, tops: set[str]) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {}
        since: dict[int, int] = {}
        for top, given in self._turns.items():
            if top in tops:
                found[top], since = since, {}
                continue
            for index, count in given.items():
                since[index] = since.get(index, 0) + count
        return found

    def _has_moved(self, cluster: Cluster) -> bool:
        return any(self._turns[top] != given for top, given in cluster.turns.items())

    # ------------------------------------------------------------ keeping and putting together

    def _keep(self, tops: set[str], graph: TransitionGraph, cluster: Cluster) -> None:
        self._turns.update(cluster.turns)
        self._ties = (self._ties - tops) | cluster.ties
        self._restless = (self._restless - tops) | self._restless_in(graph, cluster)
        for top in tops:
            self._answers[top] = _Answer({}, {}, {})
        for resource, places in graph.placement_now.items():
            self._answers[_top_of(resource, self.parts)].now[resource] = places
        for resource, places in graph.placement_after.items():
            self._answers[_top_of(resource, self.parts)].after[resource] = places
        for resource, reasons in graph.explanations.items():
            self._answers[_top_of(resource, self.parts)].reasons[resource] = reasons

    def _restless_in(self, graph: TransitionGraph, cluster: Cluster) -> set[str]:
        names = [action.resource for action in graph.actions]
        if not all(names):
            return set(cluster.turns)
        names += [change.resource for change in graph.changes] + list(graph.blocked)
        names += [resource.id for resource in cluster.clearings.values()]
        names += [name for state in self._states for name in _failing(state.transient)]
        names += [resource.id for resource in cluster.primitives() if _has_a_past(resource)]
        found = {_top_of(name, self.parts) for name in names}
        return found & cluster.turns.keys()

    def _together(self, graph: TransitionGraph) -> TransitionGraph:
        answers = [self._answers[top] for top in self._turns]
        return msgspec.structs.replace(
            graph,
            placement_now={name: places for one in answers for name, places in one.now.items()},
            placement_after={name: places for one in answers for name, places in one.after.items()},
            explanations={name: reasons for one in answers for name, reasons in one.reasons.items()},
        )


def _top_of(name: str, parts: Parts) -> str:
    """The resource at the top level that an instance, or a name in a history, belongs to; "" for none that is known."""
    return parts.top_of.get(name) or parts.top_of.get(name.rpartition(":")[0], "")


def _facts_of(cib: Cib) -> dict[str, str]:
    return {name: value for name, value in cib.root.attributes.items() if name not in _COUNTERS}


def _facts_of_node(node: Node) -> tuple[bool | str, ...]:
    """What of a node concerns everything on it."""
    states = node.is_online, node.is_unclean, node.is_pending, node.is_standby, node.is_in_maintenance
    return *states, node.is_shutting_down, node.requires_reset, node.fence_reason


def _failing(attributes: dict[str, str]) -> list[str]:
    """The resources that failcounts are about."""
    counters = (name for name in attributes if name.startswith((FAIL_COUNT, LAST_FAILURE)))
    return [name.removeprefix(FAIL_COUNT).removeprefix(LAST_FAILURE).partition("#")[0] for name in counters]


def _has_a_past(resource: Resource) -> bool:
    """Something went wrong, or is under way: what it means may depend on the time."""
    if resource.is_failed or resource.start_pending or resource.pending_node is not None or resource.ignores_failures:
        return True
    if resource.failed_on or resource.reschedule or resource.migrating is not None or resource.dangling_on:
        return True
    if "failure-timeout" not in resource.meta:
        return False
    return any(op.rc != op.expected_rc or op.status for history in resource.history.values() for op in history)
