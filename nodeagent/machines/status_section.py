"""How the status section of the CIB is written: node states, operation history, transient attributes.

Reads a CIB and what happened; gives a new CIB that shares every untouched branch. The forms are Pacemaker's
(reference/heartbeat, 3), because the scheduler, crm_mon and exporters read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hacluster.cib.model import Cib, Element
from hacluster.protocol.peers import AttributeRow, HistoryEntry, LrmResource

OP_DONE, OP_CANCELLED, OP_TIMED_OUT, OP_NOT_SUPPORTED, OP_ERROR, OP_NOT_INSTALLED, OP_PENDING = 0, 1, 2, 3, 4, 7, -1
RC_PENDING = 193
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.\-]")


def node_state(cib: Cib, name: str) -> Element | None:
    """The node_state of a node, by its name."""
    for state in cib.status.all("node_state"):
        if state.get("uname") == name:
            return state
    return None


def with_node_state(cib: Cib, node_id: str, name: str, fields: dict[str, str | None]) -> Cib:
    """Set fields of the node's state; the state is made where there is none."""
    old = node_state(cib, name)
    base = old if old is not None else Element("node_state", {"id": node_id, "uname": name})
    new = base.with_attributes({"id": node_id, **fields})
    if old is not None and new.attributes == old.attributes:
        return cib
    status = cib.status
    return cib.with_status(status.replacing(old, new) if old is not None else status.with_child(new))


def _with_part(cib: Cib, name: str, tag: str, part: Element | None) -> Cib:
    """Replace `<lrm>` or `<transient_attributes>` of a node; None takes it out."""
    state = node_state(cib, name)
    if state is None:
        return cib
    old = state.find(tag)
    if old is not None:
        new = state.replacing(old, part)
    elif part is not None:
        new = state.with_child(part)
    else:
        return cib
    return cib.with_status(cib.status.replacing(state, new))


def without_history_of(cib: Cib, name: str) -> Cib:
    """Erase all that was known of a node that stopped or was fenced."""
    return _with_part(_with_part(cib, name, "lrm", None), name, "transient_attributes", None)


# ---------------------------------------------------------------- operation history


def with_lrm(cib: Cib, name: str, resources: Iterable[LrmResource]) -> Cib:
    """What a node told of itself replaces what was known of it."""
    state = node_state(cib, name)
    if state is None:
        return cib
    children = tuple(lrm_resource(memory, name) for memory in resources)
    return _with_part(cib, name, "lrm", Element("lrm", {"id": state.id}, (Element("lrm_resources", {}, children),)))


def with_lrm_resource(cib: Cib, name: str, resource: str, memory: LrmResource | None) -> Cib:
    """Replace what is known of one resource on one node; None forgets it."""
    state = node_state(cib, name)
    if state is None:
        return cib
    lrm = state.find("lrm") or Element("lrm", {"id": state.id})
    book = lrm.find("lrm_resources") or Element("lrm_resources")
    old = next((child for child in book.children if child.id == resource), None)
    new = lrm_resource(memory, name) if memory is not None and memory.entries else None
    if old is not None:
        changed = book.replacing(old, new)
    elif new is not None:
        changed = book.with_child(new)
    else:
        return cib
    return _with_part(cib, name, "lrm", Element("lrm", lrm.attributes, (changed,)))


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
        "crm_feature_set": "3.16.2",
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
        if not row.private:
            cib = _with_attribute(cib, row)
    return cib


def _with_attribute(cib: Cib, row: AttributeRow) -> Cib:
    state = node_state(cib, row.node)
    if state is None:
        return cib
    part = state.find("transient_attributes") or Element("transient_attributes", {"id": state.id})
    group = part.find("instance_attributes") or Element("instance_attributes", {"id": f"status-{state.id}"})
    old = next((pair for pair in group.all("nvpair") if pair.get("name") == row.name), None)
    if row.value is None:
        if old is None:
            return cib
        new_group = group.replacing(old, None)
    else:
        if old is not None and old.get("value") == row.value:
            return cib
        pair_id = _NOT_IN_IDS.sub(".", f"status-{state.id}-{row.name}")
        pair = Element("nvpair", {"id": pair_id, "name": row.name, "value": row.value})
        new_group = group.replacing(old, pair) if old is not None else group.with_child(pair)
    return _with_part(cib, row.node, "transient_attributes", Element(part.tag, part.attributes, (new_group,)))


def attributes_of(cib: Cib, name: str) -> dict[str, str]:
    """The transient attributes of a node, as written in the CIB."""
    state = node_state(cib, name)
    part = state.find("transient_attributes") if state is not None else None
    if part is None:
        return {}
    return {
        pair.get("name"): pair.get("value") for group in part.all("instance_attributes") for pair in group.all("nvpair")
    }
