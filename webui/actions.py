"""What an operator can do, as values: the changed CIB it leads to, what to tell the agent, the same as a command line.

Reads the current CIB and a `Wish`; gives an `Order`, or a `Refusal`. Pure: preview and deed take the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from hacluster.cib import placement
from hacluster.cib.model import Cib, Element
from webui.picture import Picture, nvpairs


class Tier(IntEnum):
    """How much confirmation it takes (reference: console, 3.3)."""

    NONE = 0
    PREVIEW = 1
    DIALOG = 2
    TYPED = 3


@dataclass(frozen=True, slots=True)
class Wish:
    action: str
    target: str
    """A resource or a node."""
    node: str = ""
    """Where to (move), or on which node (cleanup)."""


@dataclass(frozen=True, slots=True)
class Order:
    """`configuration`: the agent gets the changed configuration; otherwise the action has a message of its own."""

    wish: Wish
    changed: Cib
    configuration: bool
    cli: str
    tier: Tier
    constraint: str = ""
    """The temporary placement it makes."""


@dataclass(frozen=True, slots=True)
class Refusal:
    code: str
    fields: tuple[tuple[str, str], ...] = ()


RESOURCE_ACTIONS = ("cleanup", "refresh", "move", "unmove", "start", "stop")
NODE_ACTIONS = ("standby", "online", "maintenance", "ready", "fence", "fence-confirm")
ACTIONS = RESOURCE_ACTIONS + NODE_ACTIONS


def order_of(wish: Wish, cib: Cib, picture: Picture) -> Order | Refusal:
    if wish.action not in ACTIONS:
        return Refusal("unknown-action", (("action", wish.action),))
    if wish.action in RESOURCE_ACTIONS and wish.target not in picture.resources:
        return Refusal("unknown-resource", (("target", wish.target),))
    if wish.action in NODE_ACTIONS and wish.target not in picture.nodes:
        return Refusal("unknown-node", (("target", wish.target),))
    if wish.node and wish.node not in picture.nodes:
        return Refusal("unknown-node", (("target", wish.node),))
    match wish.action:
        case "cleanup" | "refresh":
            return _cleanup(wish, cib, picture)
        case "move":
            return _move(wish, cib, picture)
        case "unmove":
            return _unmove(wish, cib)
        case "start" | "stop":
            return _target_role(wish, cib)
        case "standby" | "online" | "maintenance" | "ready":
            return _node_attribute(wish, cib)
        case "fence":
            changed = _with_node_state(cib, wish.target, {"in_ccm": "false", "crmd": "offline", "expected": "member"})
            return Order(wish, changed, False, f"crm node fence {wish.target}", Tier.TYPED)
        case _:
            return _fence_confirm(wish, cib, picture)


def _fence_confirm(wish: Wish, cib: Cib, picture: Picture) -> Order | Refusal:
    """Refused while anybody hears the node: a human's word must not overrule a heartbeat."""
    node = picture.nodes[wish.target]
    if node.state in ("online", "standby", "draining", "maintenance", "pending"):
        return Refusal("node-is-heard", (("target", wish.target), ("node", picture.node)))
    if any(is_heard for _nic, is_heard in node.links):
        return Refusal("node-is-heard", (("target", wish.target), ("node", picture.node)))
    off = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "down"}
    changed = _with_node_state(cib, wish.target, off, forget=True)
    return Order(wish, changed, False, f"stonith_admin --confirm {wish.target}", Tier.TYPED)


# ---------------------------------------------------------------- resources


def _cleanup(wish: Wish, cib: Cib, picture: Picture) -> Order:
    resources = set(picture.leaves(wish.target))
    parent = picture.resources[wish.target].parent
    if parent and picture.resources[parent].kind == "group":
        resources = set(picture.leaves(parent))
    changed = cib.with_status(
        cib.status.mapping_children(
            lambda state: _without_failures(state, resources, wish) if wish.node in ("", state.get("uname")) else state
        )
    )
    verb = "cleanup" if wish.action == "cleanup" else "refresh"
    return Order(wish, changed, False, " ".join(("crm resource", verb, wish.target, wish.node)).strip(), Tier.PREVIEW)


def _without_failures(state: Element, resources: set[str], wish: Wish) -> Element:
    def clean(element: Element) -> Element | None:
        if element.tag == "nvpair":
            name = element.get("name")
            counted = name.startswith(("fail-count-", "last-failure-"))
            bare = name.split("-", 2)[-1].split("#")[0].split(":")[0]
            return None if counted and bare in resources else element
        if element.tag == "lrm_resource" and element.id.split(":")[0] in resources:
            failed = any(each.id.endswith("_last_failure_0") for each in element.all("lrm_rsc_op"))
            return None if wish.action == "refresh" or failed else element
        return element.mapping_children(clean)

    return state.mapping_children(clean)


def _move(wish: Wish, cib: Cib, picture: Picture) -> Order | Refusal:
    if not wish.node:
        return Refusal("no-target")
    if not picture.nodes[wish.node].can_host:
        return Refusal("target-cannot-host", (("node", wish.node),))
    changed = placement.moved(cib, wish.target, wish.node, off=_places(wish.target, picture))
    command = f"crm resource move {wish.target} {wish.node} force"
    return Order(wish, changed, True, command, Tier.DIALOG, placement.prefer_id(wish.target))


def _places(resource: str, picture: Picture) -> list[str]:
    """The nodes on which some of it runs."""
    active = ("running", "promoted", "alone", "failed", "unmanaged", "maintenance")
    return [
        node
        for node in picture.nodes
        if any(picture.cells[leaf, node].state in active for leaf in picture.leaves(resource))
    ]


def _unmove(wish: Wish, cib: Cib) -> Order | Refusal:
    changed = placement.cleared(cib, wish.target)
    if changed is cib:
        return Refusal("no-placement", (("target", wish.target),))
    return Order(wish, changed, True, f"crm resource unmove {wish.target}", Tier.PREVIEW)


def _target_role(wish: Wish, cib: Cib) -> Order:
    role = "Started" if wish.action == "start" else "Stopped"

    def change(element: Element) -> Element:
        if element.id == wish.target and element.tag != "nvpair":
            return _with_pair(element, "meta_attributes", f"{wish.target}-meta_attributes", "target-role", role)
        return element.mapping_children(change)

    changed = cib.with_section(change(cib.section("resources")))
    tier = Tier.PREVIEW if wish.action == "start" else Tier.DIALOG
    return Order(wish, changed, True, f"crm resource {wish.action} {wish.target}", tier)


# ---------------------------------------------------------------- nodes


def _node_attribute(wish: Wish, cib: Cib) -> Order | Refusal:
    name, value = {
        "standby": ("standby", "on"),
        "online": ("standby", "off"),
        "maintenance": ("maintenance", "true"),
        "ready": ("maintenance", "false"),
    }[wish.action]
    node = next((each for each in cib.section("nodes").all("node") if each.get("uname") == wish.target), None)
    if node is None:
        return Refusal("unknown-node", (("target", wish.target),))
    if nvpairs(node, "instance_attributes").get(name, "off") == value:
        return Refusal("already-so", (("target", wish.target),))
    set_id = f"nodes-{node.id}"
    new = _with_pair(node, "instance_attributes", set_id, name, value)
    changed = cib.with_section(cib.section("nodes").replacing(node, new))
    return Order(wish, changed, True, f"crm node {wish.action} {wish.target}", Tier.DIALOG)


def _with_node_state(cib: Cib, node: str, attributes: dict[str, str], *, forget: bool = False) -> Cib:
    def change(state: Element) -> Element:
        if state.get("uname") != node:
            return state
        changed = state.with_attributes(attributes)
        return changed.with_children(()) if forget else changed

    return cib.with_status(cib.status.mapping_children(change))


def _with_pair(owner: Element, tag: str, set_id: str, name: str, value: str) -> Element:
    """The owner with one nvpair set in its first set of this tag, which is made where there is none."""
    block = owner.find(tag)
    if block is None:
        pair = Element("nvpair", {"id": f"{set_id}-{name}", "name": name, "value": value})
        return owner.with_children((Element(tag, {"id": set_id}, (pair,)), *owner.children))
    for pair in block.all("nvpair"):
        if pair.get("name") == name:
            return owner.replacing(block, block.replacing(pair, pair.with_attributes({"value": value})))
    pair = Element("nvpair", {"id": f"{block.id}-{name}", "name": name, "value": value})
    return owner.replacing(block, block.with_child(pair))
