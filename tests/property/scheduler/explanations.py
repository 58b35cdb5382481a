"""Why our decisions and those of crm_simulate 2.1.5 may differ: rules that later versions changed, and its own faults.

Reads a Cib and the words on which the two differ (`- start a node1`: only the peer, `+ …`: only ours). An explanation
has to account for every one of them; docs/scheduler.md lists them in words.
"""

from __future__ import annotations

from collections.abc import Iterable

from hacluster.cib.model import Cib, Element
from hacluster.scheduler.graph import TransitionGraph

MOVES = "2.1.5 moves instances of a clone though the node they are on gets one anyway"
LONELY_MONITOR = "2.1.5 promotes or monitors a resource whose start can't happen"
BLOCKED = "2.1.5 puts another instance beside one that is blocked"
TWICE = "2.1.5 starts an instance on a node that has one already"
UNMANAGED_PROMOTED = "2.1.5 promotes a second instance beside a promoted group that nobody may touch"
ABORTS = "2.1.5 ends on one of its own assertions"
OPTIONAL_PROMOTION = "2.1.5 counts no optional colocation of the promoted role for instances that are everywhere"


def explained(cib: Cib, graph: TransitionGraph, theirs: Iterable[str], words: list[str]) -> str | None:
    """The reasons for all the differences, or None where one of them has none."""
    said = set(theirs)
    if _only_what_needs_a_start(graph, said, words):
        return LONELY_MONITOR
    if any(word.split()[1] in ("fence", "shutdown") for word in words):
        return None
    open_about = {word.split()[2] for word in words}
    reasons: list[str] = []
    families = _families(cib)
    for clone, members in families.items():
        why = _reason(cib, graph, said, words, clone, members) if members & open_about else None
        if why is not None:
            reasons.append(why)
            open_about -= members | _connected(cib, clone)
    return None if open_about or not reasons else reasons[0]


def _reason(
    cib: Cib, graph: TransitionGraph, theirs: set[str], words: list[str], clone: str, members: set[str]
) -> str | None:
    if _moves(graph, members, words):
        return MOVES
    if _is_twice_there(graph, members, theirs, words):
        return TWICE
    if members & {name.partition(":")[0] for name in graph.blocked}:
        return BLOCKED
    if _has_unmanaged_promoted(cib, graph, clone, members):
        return UNMANAGED_PROMOTED
    return OPTIONAL_PROMOTION if _is_promoted_with_something(cib, clone, members, words) else None


def _only_what_needs_a_start(graph: TransitionGraph, theirs: set[str], words: list[str]) -> bool:
    for word in words:
        sign, task, name, node, *_ = [*word.split(), "", ""]
        is_there = node in graph.placement_now.get(name, {})
        is_lonely = task in ("monitor", "promote") or word.split()[4:] in (["pre_promote"], ["post_promoted"])
        if sign != "-" or not is_lonely or is_there or f"start {name} {node}" in theirs:
            return False
    return True


def _families(cib: Cib) -> dict[str, set[str]]:
    """clone -> its primitives"""
    clones = cib.section("resources").all("clone")
    return {clone.id: {one.id for one in clone.walk() if one.tag == "primitive"} for clone in clones}


def _connected(cib: Cib, clone: str) -> set[str]:
    """The primitives that constraints tie to a clone, directly or over others; all where they share what nodes have."""
    resources = cib.section("resources")
    if any(pair.get("name") == "placement-strategy" for pair in cib.section("crm_config").walk()):
        return {one.id for one in resources.walk() if one.tag == "primitive"}
    known, grown = {clone}, True
    named = [_names(constraint) for constraint in cib.section("constraints").children]
    while grown:
        grown = False
        for names in named:
            if names & known and not names <= known:
                known |= names
                grown = True
    inside: set[str] = set()
    for top in resources.children:
        if top.id in known:
            inside |= {one.id for one in top.walk() if one.tag == "primitive"}
    return inside


def _names(constraint: Element) -> set[str]:
    found = {constraint.get(word) for word in ("rsc", "with-rsc", "first", "then")} - {""}
    return found | {ref.id for ref in constraint.walk() if ref.tag == "resource_ref"}


def _moves(graph: TransitionGraph, members: set[str], words: list[str]) -> bool:
    """The peer stops, or migrates, a running instance that we leave where it is."""
    for word in words:
        sign, task, name, node, *_ = [*word.split(), "", ""]
        base = name.partition(":")[0]
        if sign == "-" and task in ("stop", "migrate_to") and base in members:
            placed = [nodes for one, nodes in graph.placement_now.items() if one.partition(":")[0] == base]
            return any(node in nodes for nodes in placed)
    return False


def _is_twice_there(graph: TransitionGraph, members: set[str], theirs: set[str], words: list[str]) -> bool:
    for word in words:
        sign, task, name, node, *_ = [*word.split(), "", ""]
        is_there = node in graph.placement_now.get(name, {})
        if sign == "-" and task == "start" and name in members and is_there and f"stop {name} {node}" not in theirs:
            return True
    return False


def _is_promoted_with_something(cib: Cib, clone: str, members: set[str], words: list[str]) -> bool:
    """Another instance is promoted, of a clone that has one for each node and whose promotion a colocation prefers."""
    whole = cib.section("resources").by_id(clone)
    if whole is None or not any(word.split()[1] == "promote" and word.split()[2] in members for word in words):
        return False
    limits = [int(pair.get("value")) for pair in whole.walk() if pair.get("name") == "clone-max"]
    if any(limit < len(list(cib.section("nodes").all("node"))) for limit in limits):
        return False
    # Where its promoted role is tied in another way too, that may be the reason.
    tied = [
        one.get("rsc") == clone and one.get("score").isdigit()
        for one in cib.section("constraints").all("rsc_colocation")
        if (one.get("rsc"), one.get("rsc-role")) == (clone, "Promoted")
        or (one.get("with-rsc"), one.get("with-rsc-role")) == (clone, "Promoted")
    ]
    return bool(tied) and all(tied)


def _has_unmanaged_promoted(cib: Cib, graph: TransitionGraph, clone: str, members: set[str]) -> bool:
    whole = cib.section("resources").by_id(clone)
    if whole is None or not any(whole.all("group")):
        return False
    held = {node.get("uname") for node in cib.section("nodes").all("node") for one in node.walk() if _is_rest(one)}
    return any(
        graph.placement_now.get(name, {}).get(node) == "Promoted" and node in held for name in members for node in held
    )


def _is_rest(pair: Element) -> bool:
    return pair.tag == "nvpair" and pair.get("name") == "maintenance" and pair.get("value") == "true"
