"""Paints the picture of the cluster, and only what has changed since the picture before.

Reads the CIB, what the agent says about itself and the transition it reports; gives a `Picture`. The same input gives
the same picture, whatever was painted before: what is kept is only taken over while all that it depends on is the same.
The unit is the top-level resource, since nothing below it depends on another one.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from hacluster.cib.model import NOTHING, Cib
from hacluster.protocol.messages import AgentInfo, MemberInfo, TransitionProgress
from webui import troubles
from webui.cells import Ground, cells_of, state_of
from webui.picture import YES, Cell, Node, Part, Picture, Problem, is_yes
from webui.situation import Situation, situation_of
from webui.wanted import Wanted, wanted_of

STANDARD_ATTRIBUTES = ("standby", "maintenance", "shutdown", "probe_complete", "terminate")
OWN_ATTRIBUTES = ("fail-count-", "last-failure-", "#", "master-")
ACTIVE_STATES = (
    *("running", "promoted", "unpromoted", "alone", "failed", "double", "unmanaged", "maintenance", "blocked"),
)
_PLANNED = re.compile(r"^(?:Start|Move|Recover|Restart|Migrate) (\S+) \(.*?(\S+)\)")
"""`Move prmPg (Started pm01 -> pm02)`: the resource, and the node it is to run on."""


def picture_of(cib: Cib, info: AgentInfo | None, transition: TransitionProgress | None = None) -> Picture:
    """The picture of one moment."""
    return Painter().paint(cib, info, transition)


class Painter:
    """Keeps what the last picture was made of."""

    def __init__(self) -> None:
        self._ground: Ground | None = None
        self._parts: dict[str, Part] = {}
        self._cells: dict[tuple[str, str], Cell] = {}
        self._running: Counter[str] = Counter()
        self._problems: dict[str, tuple[Problem, ...]] = {}
        self._purposes: tuple[Problem, ...] = ()
        self._shown: dict[str, str] = {}

    def paint(self, cib: Cib, info: AgentInfo | None, transition: TransitionProgress | None = None) -> Picture:
        """Read as a table of contents."""
        before = self._ground
        ground = _ground(cib, info, transition, before)
        self._repaint(_touched(ground, before), ground)
        self._ground = ground
        nodes = self._with_running(ground)
        bare = Picture(
            cluster=info.cluster_name if info else ground.wanted.properties.get("cluster-name", ""),
            node=info.node if info else "",
            dc=info.dc if info else "",
            agent_state=info.state if info else "",
            has_quorum=info.has_quorum if info else cib.root.get("have-quorum") == "1",
            build=info.build if info else "",
            version=str(cib.version),
            nodes=nodes,
            resources=ground.wanted.resources,
            children=ground.wanted.children,
            cells=self._cells,
            parts=self._parts,
            transition=transition,
        )
        problems = [problem for its in self._problems.values() for problem in its]
        problems += troubles.problems_of_frame(bare, info)
        return replace(bare, problems=troubles.in_order(problems), purposes=self._purposes_of(nodes, ground, before))

    def _repaint(self, touched: list[str] | None, ground: Ground) -> None:
        """Replace what the last picture was made of; what it gave away stays as it was."""
        if touched is None:
            touched = ground.wanted.children[""]
            self._parts, self._cells, self._running = {}, {}, Counter()
            self._problems = {"": tuple(troubles.problems_of_configuration(ground.wanted))}
        parts = {root: part for root in touched if (part := _part(root, ground)) != self._parts.get(root)}
        if not parts:
            return
        for root, part in parts.items():
            if root in self._parts:
                self._running.subtract(self._parts[root].running)
            self._running.update(part.running)
            self._problems[root] = part.problems
        self._parts = {**self._parts, **parts}
        self._cells = dict(self._cells)
        for part in parts.values():
            self._cells.update(part.cells)

    def _with_running(self, ground: Ground) -> dict[str, Node]:
        counted = {}
        for name, node in ground.nodes.items():
            running = self._running[name]
            state = "draining" if node.state == "standby" and running else node.state
            counted[name] = replace(node, running=running, state=state)
        return counted

    def _purposes_of(self, nodes: dict[str, Node], ground: Ground, before: Ground | None) -> tuple[Problem, ...]:
        shown = {name: node.state for name, node in nodes.items()}
        if before is None or before.wanted is not ground.wanted or shown != self._shown:
            self._purposes = troubles.purposes_of(nodes, ground.wanted)
            self._shown = shown
        return self._purposes


def _touched(ground: Ground, before: Ground | None) -> list[str] | None:
    """The top-level resources in which something may have changed; None for all of them."""
    if before is None or ground.wanted is not before.wanted or _states(ground) != _states(before):
        return None
    wanted = ground.wanted
    found: set[str] = set()
    for name, now in ground.situations.items():
        if now is not before.situations[name]:
            resources, attributes = now.differing(before.situations[name])
            found |= {wanted.roots[each] for each in resources if each in wanted.roots}
            found |= {root for attribute in attributes for root in wanted.concerned.get(attribute, ())}
    if ground.targets != before.targets:
        planned = {*ground.targets.items()} ^ {*before.targets.items()}
        found |= {wanted.roots[resource] for resource, _node in planned if resource in wanted.roots}
    return sorted(found)


def _states(ground: Ground) -> dict[str, str]:
    return {name: node.state for name, node in ground.nodes.items()}


def _part(root: str, ground: Ground) -> Part:
    wanted = ground.wanted
    cells = cells_of(root, ground)
    shown = {leaf: [cells[leaf, node].state for node in ground.nodes] for leaf in wanted.leaves(root)}
    states = {name: state_of([shown[leaf] for leaf in wanted.leaves(name)]) for name in _below(root, wanted)}
    # A clone serves as long as one instance of each of its parts runs, whatever became of the others.
    is_clone = wanted.resources[root].kind in ("clone", "promotable", "bundle")
    up = ("running", "promoted", "unpromoted")
    return Part(
        cells=cells,
        states=states,
        serves=is_clone and all(any(state in up for state in here) for here in shown.values()),
        problems=tuple(troubles.problems_of_part(wanted.resources[root], wanted, cells)),
        running=dict(Counter(cell.node for cell in cells.values() if cell.state in ACTIVE_STATES)),
    )


def _below(root: str, wanted: Wanted) -> list[str]:
    return [root, *(each for child in wanted.children.get(root, ()) for each in _below(child, wanted))]


# ---------------------------------------------------------------- what cells depend on


def _ground(cib: Cib, info: AgentInfo | None, transition: TransitionProgress | None, before: Ground | None) -> Ground:
    wanted = before.wanted if before is not None and before.wanted.is_still(cib) else wanted_of(cib)
    states = {each.get("uname"): each for each in cib.status.all("node_state")}
    members = {each.name: each for each in info.members} if info else {}
    names = sorted({*wanted.node_names, *states, *members})
    known = before.situations if before is not None else {}
    situations = {name: situation_of(states.get(name, NOTHING), known.get(name)) for name in names}
    nodes = {name: _node(name, wanted, situations[name], members.get(name), info) for name in names}
    return Ground(wanted, nodes, situations, _targets(transition))


def _node(name: str, wanted: Wanted, situation: Situation, member: MemberInfo | None, info: AgentInfo | None) -> Node:
    shown = {
        key: value
        for key, value in situation.attributes.items()
        if key not in STANDARD_ATTRIBUTES and value != "up" and not key.startswith(OWN_ATTRIBUTES)
    }
    return Node(
        name=name,
        state=_node_state(name, wanted, situation, member),
        is_dc=bool(info and info.dc == name),
        attributes=tuple(sorted(shown.items())),
        links=tuple(sorted(member.links.items())) if member else (),
    )


def _node_state(name: str, wanted: Wanted, situation: Situation, member: MemberInfo | None) -> str:
    state = situation.state
    if state is NOTHING:
        return "pending" if member and member.is_member else "offline"

    def attribute(key: str) -> str:
        return situation.attributes.get(key) or wanted.attributes.get(name, {}).get(key, "")

    in_membership = state.get("in_ccm") not in ("", "false", "0")
    online = in_membership and state.get("crmd") not in ("", "offline", "0")
    expected = state.get("expected") == "member"
    joined = state.get("join") == "member"
    if is_yes(attribute("terminate")) or (not in_membership and (expected or joined)):
        return "unclean"
    if not online:
        return "offline"
    if not joined:
        return "pending"
    if is_yes(attribute("maintenance")) or wanted.all_maintenance:
        return "maintenance"
    return "standby" if attribute("standby") in (*YES, "INFINITY") else "online"


def _targets(transition: TransitionProgress | None) -> dict[str, str]:
    """Resource -> where the transition under way will start it."""
    if transition is None or transition.state not in ("running", "waiting"):
        return {}
    found = [match for line in transition.summary if (match := _PLANNED.match(line))]
    return {match[1].split(":")[0]: match[2] for match in found}
