"""How long the weaker side of a split waits before it fences: `priority-fencing-delay`.

Reads the CIB, the members and all nodes; gives milliseconds. When this partition has no majority, fencing a node whose
running services weigh most is delayed, so that the side that runs them shoots first (reference/stonith, 5).
"""

from __future__ import annotations

from collections.abc import Collection

from hacluster.cib.model import Cib, Element
from nodeagent.machines.fence_devices import time_ms

_RUNS = ("start", "promote", "demote", "migrate_from", "monitor")


def priority_delay_ms(cib: Cib, target: str, members: Collection[str], nodes: Collection[str]) -> int:
    delay = time_ms(_option(cib, "priority-fencing-delay"), 0)
    if not delay or len(members) * 2 > len(nodes):
        return 0
    weights = _node_weights(cib)
    all_weights = [weights.get(name, 0) for name in nodes]
    if not all_weights or min(all_weights) == max(all_weights):
        return 0
    return delay if weights.get(target, 0) == max(all_weights) else 0


def _option(cib: Cib, name: str) -> str:
    for element in cib.section("crm_config").walk():
        if element.tag == "nvpair" and element.get("name") == name:
            return element.get("value")
    return ""


def _node_weights(cib: Cib) -> dict[str, int]:
    """Node -> sum of the priorities of what runs there; a promoted instance counts one more."""
    priorities = _priorities(cib)
    weights: dict[str, int] = {}
    for state in cib.status.all("node_state"):
        total = 0
        for resource in (element for element in state.walk() if element.tag == "lrm_resource"):
            operation = _running_since(resource)
            if operation:
                total += priorities.get(resource.id.partition(":")[0], 0) + (operation == "promote")
        weights[state.get("uname")] = total
    return weights


def _running_since(resource: Element) -> str:
    """The last operation that left it running, "" when it does not run."""
    for entry in resource.children:
        if entry.id == f"{resource.id}_last_0" and entry.get("operation") in _RUNS:
            return entry.get("operation") if entry.get("rc-code") in ("0", "8") else ""
    return ""


def _priorities(cib: Cib) -> dict[str, int]:
    """Primitive -> its `priority`, inherited from the group or clone around it."""
    found: dict[str, int] = {}

    def visit(element: Element, inherited: int) -> None:
        own = _own_priority(element, inherited)
        if element.tag == "primitive":
            found[element.id] = own
        for child in element.all("primitive", "group", "clone", "master"):
            visit(child, own)

    visit(cib.section("resources"), 0)
    return found


def _own_priority(element: Element, inherited: int) -> int:
    for block in element.all("meta_attributes"):
        for pair in block.all("nvpair"):
            if pair.get("name") == "priority" and pair.get("value").lstrip("-").isdigit():
                return int(pair.get("value"))
    return inherited
