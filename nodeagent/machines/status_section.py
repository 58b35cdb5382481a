"""What the agents tell each other, written into the status section of the CIB.

Reads a CIB and what happened, in the words of the wire; gives a new CIB. `hacluster.cib.status` changes the
trees; here stands only what the agent knows beyond it: its own forms of history and attributes, and that nothing is
written of a node that has no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hacluster.cib import status
from hacluster.cib.model import Cib, Element
from hacluster.cib.status import node_state
from hacluster.protocol.peers import AttributeRow, HistoryEntry, LrmResource

OP_DONE, OP_CANCELLED, OP_TIMED_OUT, OP_NOT_SUPPORTED, OP_ERROR, OP_NOT_INSTALLED, OP_PENDING = 0, 1, 2, 3, 4, 7, -1
RC_PENDING = 193
MEMBER = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member", "crm-debug-origin": "hacluster"}
LOST = {"in_ccm": "false", "crmd": "offline", "join": "down"}
DOWN = {**LOST, "expected": "down"}
INCARNATION = "incarnation"


def with_node_state(cib: Cib, node_id: str, name: str, fields: dict[str, str | None]) -> Cib:
    """Set fields of the node's state; the state is made where there is none."""
    return status.with_node_state(cib, name, {"id": node_id, **fields})


def incarnation_in(state: Element | None) -> int:
    """The life of the node that its state speaks of: what is down, or expected to be up. 0 where nobody knows."""
    text = state.get(INCARNATION) if state is not None else ""
    return int(text) if text.isdecimal() else 0


def expected_in(cib: Cib) -> dict[str, int]:
    """Node -> incarnation, of all that may run something."""
    states = (state for state in cib.status.all("node_state") if state.get("expected") == "member")
    return {state.get("uname"): life for state in states if (life := incarnation_in(state))}


def with_expected(cib: Cib, ids: Mapping[str, str], lives: Mapping[str, int]) -> Cib:
    """A node of which only an earlier life is known to be down counts as lost: unclean until it joins or is fenced."""
    for name, life in lives.items():
        state = node_state(cib, name)
        is_known = state is not None and state.get("expected") == "member"
        if not is_known and life > incarnation_in(state):
            cib = with_node_state(cib, ids[name], name, {**LOST, "expected": "member", INCARNATION: str(life)})
    return cib


def without_history_of(cib: Cib, name: str) -> Cib:
    """Erase all that was known of a node that stopped or was fenced."""
    return status.erased(cib, name)


# ---------------------------------------------------------------- operation history


def with_lrm(cib: Cib, name: str, resources: Iterable[LrmResource]) -> Cib:
    """What a node told of itself replaces what was known of it."""
    state = node_state(cib, name)
    if state is None:
        return cib
    children = tuple(lrm_resource(memory, name) for memory in resources)
    return status.with_history(cib, name, Element("lrm", {"id": state.id}, (Element("lrm_resources", {}, children),)))


def with_lrm_resource(cib: Cib, name: str, resource: str, memory: LrmResource | None) -> Cib:
    """Replace what is known of one resource on one node; None forgets it."""
    if node_state(cib, name) is None:
        return cib
    new = lrm_resource(memory, name) if memory is not None and memory.entries else None
    return status.with_resource_history(cib, name, resource, new)


def last_calls(cib: Cib, name: str) -> dict[str, int]:
    """Resource -> the call id of the last operation on this node that was no recurring one."""
    state = node_state(cib, name)
    if state is None:
        return {}
    entries = ((book.id, entry) for book in status.history_of(state) for entry in book.all("lrm_rsc_op"))
    return {resource: int(entry.get("call-id", "0")) for resource, entry in entries if entry.id == f"{resource}_last_0"}


def lrm_resource(memory: LrmResource, node: str) -> Element:
    attributes = {"id": memory.resource, "type": memory.type, "class": memory.standard}
    if memory.provider:
        attributes["provider"] = memory.provider
    entries = [lrm_rsc_op(entry, node, entry_id(entry)) for entry in memory.entries]
    failures = [lrm_rsc_op(entry, node, f"{memory.resource}_last_failure_0") for entry in memory.last_failures]
    return Element("lrm_resource", attributes, (*failures, *entries))


def entry_id(entry: HistoryEntry) -> str:
    """Recurring operations have an entry each; of all others the last one is kept."""
    if entry.interval_ms:
        return f"{entry.resource}_{entry.operation}_{entry.interval_ms}"
    return f"{entry.resource}_last_0"


def lrm_rsc_op(entry: HistoryEntry, node: str, element_id: str) -> Element:
    attributes = {
        "id": element_id,
        "operation_key": f"{entry.resource}_{entry.operation}_{entry.interval_ms}",
        "operation": entry.operation,
        "crm-debug-origin": "hacluster",
        "crm_feature_set": "3.16.1",
        "transition-key": entry.transition_key,
        "transition-magic": f"{entry.op_status}:{entry.rc};{entry.transition_key}",
        "exit-reason": entry.exit_reason,
        "on_node": node,
        "call-id": str(entry.call_id),
        "rc-code": str(entry.rc),
        "op-status": str(entry.op_status),
        "interval": str(entry.interval_ms),
        "last-rc-change": str(entry.last_rc_change),
        "exec-time": str(entry.exec_ms),
        "queue-time": str(entry.queue_ms),
        **entry.digests,
    }
    return Element("lrm_rsc_op", attributes)


# ---------------------------------------------------------------- transient attributes


def with_attributes(cib: Cib, rows: Iterable[AttributeRow]) -> Cib:
    """Write these attributes (private ones stay out); a row without a value takes the attribute out."""
    for row in rows:
        if not row.private and node_state(cib, row.node) is not None:
            cib = status.with_attributes(cib, row.node, {row.name: row.value})
    return cib


def attributes_of(cib: Cib, name: str) -> dict[str, str]:
    """The transient attributes of a node, as written in the CIB."""
    state = node_state(cib, name)
    return status.transient_attributes(state) if state is not None else {}
