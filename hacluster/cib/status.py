"""The status section: where the cluster's knowledge of its nodes stands, read with types and written as new trees.

Reads `<status>` of a CIB; gives node states, operation histories, transient attributes. The writers give a new Cib and
touch only the branch of the node they are about (Pacemaker's form, reference/heartbeat 3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from hacluster.cib.model import NOTHING, Cib, Element

FAIL_COUNT = "fail-count-"
LAST_FAILURE = "last-failure-"


class Operation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of the operation history, `<lrm_rsc_op>`."""

    id: str
    name: str
    resource: str
    node: str
    interval_ms: int
    call_id: int
    rc: int
    status: int
    expected_rc: int
    last_change: int
    transition_key: str
    element: Element

    @property
    def exec_ms(self) -> int:
        return _number(self.element.get("exec-time", "0"))

    @property
    def queue_ms(self) -> int:
        return _number(self.element.get("queue-time", "0"))

    @property
    def exit_reason(self) -> str:
        return self.element.get("exit-reason")

    @property
    def is_probe(self) -> bool:
        return self.name == "monitor" and self.interval_ms == 0

    @property
    def is_failure(self) -> bool:
        """The result is not the expected one, and not merely what a probe found."""
        if self.status == -1 or self.rc == 193:
            return False
        if self.is_probe and self.rc in (0, 7, 8, 190, 191):
            return False
        return self.rc != self.expected_rc or self.status not in (0, 1)


def node_states(cib: Cib) -> Iterator[Element]:
    return cib.status.all("node_state")


def node_state(cib: Cib, uname: str) -> Element | None:
    for state in node_states(cib):
        if state.get("uname") == uname:
            return state
    return None


def node_ids(cib: Cib) -> dict[str, str]:
    """uname -> id of all configured nodes, and of those only the status knows."""
    ids = {node.get("uname"): node.id for node in cib.section("nodes").all("node")}
    for state in node_states(cib):
        ids.setdefault(state.get("uname"), state.id)
    return ids


def history_of(state: Element) -> Iterator[Element]:
    """The `<lrm_resource>` elements of a node state."""
    lrm = state.find("lrm") or NOTHING
    return (lrm.find("lrm_resources") or NOTHING).all("lrm_resource")


def operations(cib: Cib) -> Iterator[Operation]:
    """Every operation in every history."""
    for state in node_states(cib):
        for resource in history_of(state):
            for entry in resource.all("lrm_rsc_op"):
                yield read_operation(entry, resource.id, state.get("uname"))


def read_operation(entry: Element, resource: str, node: str) -> Operation:
    get = entry.attributes.get
    key = get("transition-key", "")
    parts = key.split(":")
    return Operation(
        id=get("id", ""),
        name=get("operation", ""),
        resource=resource,
        node=node,
        interval_ms=_number(get("interval", get("interval_ms", "0"))),
        call_id=_number(get("call-id", "0")),
        rc=_number(get("rc-code", "0")),
        status=_number(get("op-status", "0")),
        expected_rc=_number(parts[2]) if len(parts) >= 4 else 0,
        last_change=_number(get("last-rc-change", "0")),
        transition_key=key,
        element=entry,
    )


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def transient_attributes(state: Element) -> dict[str, str]:
    """name -> value of one node's transient attributes."""
    found: dict[str, str] = {}
    for block in state.all("transient_attributes"):
        for attribute_set in block.all("instance_attributes"):
            for pair in attribute_set.all("nvpair"):
                found.setdefault(pair.get("name"), pair.get("value"))
    return found


def fail_counts(state: Element) -> dict[str, dict[str, int]]:
    """resource -> `OP_INTERVAL` -> count of failures; INFINITY is 1,000,000."""
    counts: dict[str, dict[str, int]] = {}
    for name, value in transient_attributes(state).items():
        if name.startswith(FAIL_COUNT):
            resource, _, operation = name.removeprefix(FAIL_COUNT).partition("#")
            counts.setdefault(resource, {})[operation] = 1_000_000 if value == "INFINITY" else _number(value)
    return counts


# ---------------------------------------------------------------- writing


def _replaced(parent: Element, tag: str, name: str, new: Element | None) -> Element:
    """The parent with its child of this tag and id replaced, added, or taken out by None."""
    for child in parent.children:
        if child.tag == tag and child.id == name:
            return parent if child is new else parent.replacing(child, new)
    return parent if new is None else parent.with_child(new)


def _with_state(cib: Cib, uname: str, state: Element | None) -> Cib:
    for old in node_states(cib):
        if old.get("uname") == uname:
            return cib if state is old else cib.with_status(cib.status.replacing(old, state))
    return cib if state is None else cib.with_status(cib.status.with_child(state))


def with_node_state(cib: Cib, uname: str, attributes: Mapping[str, str | None]) -> Cib:
    """The CIB with these attributes of a node's state set, or taken away by None; the state is made where needed."""
    state = node_state(cib, uname)
    if state is None:
        identity = attributes.get("id") or node_ids(cib).get(uname, uname)
        state = Element("node_state", {"id": identity, "uname": uname})
    elif all(state.attributes.get(name) == value for name, value in attributes.items()):
        return cib
    return _with_state(cib, uname, state.with_attributes(attributes))


def without_node_state(cib: Cib, uname: str) -> Cib:
    return _with_state(cib, uname, None)


def erased(cib: Cib, uname: str) -> Cib:
    """The CIB without a node's history and transient attributes, as after its fencing or its clean end."""
    state = node_state(cib, uname)
    if state is None:
        return cib
    kept = tuple(child for child in state.children if child.tag not in ("lrm", "transient_attributes"))
    return _with_state(cib, uname, state if len(kept) == len(state.children) else state.with_children(kept))


def with_history(cib: Cib, uname: str, lrm: Element) -> Cib:
    """The CIB with a node's whole `<lrm>` replaced by what the node itself says."""
    state = node_state(cib, uname) or Element("node_state", {"id": node_ids(cib).get(uname, uname), "uname": uname})
    old = state.find("lrm")
    return _with_state(cib, uname, state.replacing(old, lrm) if old is not None else state.with_child(lrm))


def with_operation(
    cib: Cib, uname: str, resource: Mapping[str, str], entry: Element | None, drops: Iterable[str] = ()
) -> Cib:
    """The CIB with one history entry written (and others dropped). `resource`: id, type, class, provider."""
    state = node_state(cib, uname) or Element("node_state", {"id": node_ids(cib).get(uname, uname), "uname": uname})
    lrm = state.find("lrm") or Element("lrm", {"id": state.id})
    resources = lrm.find("lrm_resources") or Element("lrm_resources")
    old = next((child for child in resources.children if child.id == resource["id"]), None)
    new = old or Element("lrm_resource", dict(resource))
    for dropped in drops:
        new = _replaced(new, "lrm_rsc_op", dropped, None)
    if entry is not None:
        new = _replaced(new, "lrm_rsc_op", entry.id, entry)
    return with_history(cib, uname, _with_child(lrm, _replaced(resources, "lrm_resource", new.id, new)))


def with_resource_history(cib: Cib, uname: str, resource: str, history: Element | None) -> Cib:
    """The CIB with one `<lrm_resource>` of a node replaced; None: the node has never heard of the resource."""
    state = node_state(cib, uname) or Element("node_state", {"id": node_ids(cib).get(uname, uname), "uname": uname})
    lrm = state.find("lrm") or Element("lrm", {"id": state.id})
    resources = lrm.find("lrm_resources") or Element("lrm_resources")
    changed = _replaced(resources, "lrm_resource", resource, history)
    return cib if changed is resources else with_history(cib, uname, _with_child(lrm, changed))


def with_resource_histories(cib: Cib, uname: str, histories: tuple[Element, ...]) -> Cib:
    """The CIB with all `<lrm_resource>` of a node replaced."""
    state = node_state(cib, uname) or Element("node_state", {"id": node_ids(cib).get(uname, uname), "uname": uname})
    lrm = state.find("lrm") or Element("lrm", {"id": state.id})
    resources = lrm.find("lrm_resources") or Element("lrm_resources")
    return with_history(cib, uname, _with_child(lrm, resources.with_children(histories)))


def _with_child(parent: Element, child: Element) -> Element:
    old = parent.find(child.tag)
    return parent.replacing(old, child) if old is not None else parent.with_child(child)


_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_.\-]")


def with_attributes(cib: Cib, uname: str, values: Mapping[str, str | None]) -> Cib:
    """The CIB with transient attributes of a node set, or deleted by None."""
    state = node_state(cib, uname)
    if state is None and all(value is None for value in values.values()):
        return cib
    state = state or Element("node_state", {"id": node_ids(cib).get(uname, uname), "uname": uname})
    set_id = f"status-{state.id}"
    block = state.find("transient_attributes") or Element("transient_attributes", {"id": state.id})
    pairs = block.find("instance_attributes") or Element("instance_attributes", {"id": set_id})
    new = pairs
    for name, value in values.items():
        new = _with_pair(new, f"{set_id}-{_NOT_IN_AN_ID.sub('.', name)}", name, value)
    if new is pairs:
        return cib
    return _with_state(cib, uname, _with_child(state, _with_child(block, new)))


def _with_pair(pairs: Element, pair_id: str, name: str, value: str | None) -> Element:
    old = next((pair for pair in pairs.all("nvpair") if pair.get("name") == name), None)
    if value is None:
        return pairs if old is None else pairs.replacing(old, None)
    if old is None:
        return pairs.with_child(Element("nvpair", {"id": pair_id, "name": name, "value": value}))
    return pairs if old.get("value") == value else pairs.replacing(old, old.with_attributes({"value": value}))


def without_failures(cib: Cib, node: str, resource: str) -> Cib:
    """The failcounts of a resource on a node are gone."""
    state = node_state(cib, node)
    if state is None:
        return cib
    prefixes = tuple(f"{kind}{resource}#" for kind in (FAIL_COUNT, LAST_FAILURE))
    names = [name for name in transient_attributes(state) if name.startswith(prefixes)]
    return with_attributes(cib, node, dict.fromkeys(names)) if names else cib
