"""In which order: the rules between drafts, and what they make necessary or impossible.

Reads drafts, groups, order constraints; gives the list of `Rule`s and settles which drafts are needed and runnable.
Rules are of four strengths, combined as flags; settling goes on until nothing changes.
"""

from __future__ import annotations

from enum import Flag, auto
from itertools import pairwise

from hacluster.cib.model import Cib, Element
from hacluster.scheduler.actions import STONITH, Draft, Drafts
from hacluster.scheduler.graph import ActionKind
from hacluster.scheduler.references import References
from hacluster.scheduler.values import boolean, score
from hacluster.scheduler.working import Cluster, Resource, Variant


class Strength(Flag):
    ORDER = 0
    """Only if both happen."""
    RUNNABLE = auto()
    """The second can't happen if the first is needed and can't."""
    IMPLIES_THEN = auto()
    """If the first happens, the second has to."""
    IMPLIES_FIRST = auto()
    """If the second happens, the first has to."""


class Rule:
    """`first` before `then`."""

    __slots__ = ("first", "strength", "then")

    def __init__(self, first: Draft, then: Draft, strength: Strength = Strength.ORDER) -> None:
        self.first = first
        self.then = then
        self.strength = strength


def order_actions(cib: Cib, cluster: Cluster, references: References, drafts: Drafts) -> list[Rule]:
    rules: list[Rule] = []
    for resource in cluster.primitives():
        rules += _own_order(drafts, resource)
    for resource in _groups(cluster):
        rules += _group_order(drafts, resource)
    for resource in cluster.resources:
        if resource.variant is Variant.CLONE:
            rules += _clone_order(drafts, resource)
    rules += _fencing_order(cluster, drafts)
    rules += _shutdown_order(drafts)
    for constraint in cib.section("constraints").all("rsc_order"):
        rules += _constraint_order(references, drafts, constraint)
    _settle(drafts, rules)
    _settle_migrations(drafts)
    return rules


# ---------------------------------------------------------------- within one resource


def _own_order(drafts: Drafts, resource: Resource) -> list[Rule]:
    start, promote = drafts.start.get(resource), drafts.promote.get(resource)
    stops, demotes = drafts.stop.get(resource, []), drafts.demote.get(resource, [])
    probes = drafts.probes.get(resource.base_id, [])
    rules = [Rule(demote, stop) for demote in demotes for stop in stops if demote.node is stop.node]
    for stop in stops:
        rules += [Rule(stop, delete) for delete in drafts.deletes.get(resource, []) if delete.node is stop.node]
        rules += [Rule(stop, monitor) for monitor in drafts.stopped_monitors.get(resource, [])]
        rules += [Rule(cancel, stop) for cancel in drafts.cancels.get(resource, []) if cancel.node is stop.node]
    if start is None:
        return rules
    rules += [Rule(stop, start, Strength.RUNNABLE) for stop in stops]
    rules += [Rule(probe, start, Strength.RUNNABLE) for probe in probes]
    for reload in [drafts.reloads[resource]] if resource in drafts.reloads else []:
        rules.append(Rule(start, reload, Strength.RUNNABLE))
        rules += [Rule(reload, monitor) for monitor in drafts.monitors.get(resource, [])]
    for monitor in drafts.monitors.get(resource, []):
        rules.append(Rule(start, monitor, Strength.RUNNABLE | Strength.IMPLIES_THEN))
        if promote is not None:
            rules.append(Rule(promote, monitor, Strength.RUNNABLE))
        rules += [Rule(demote, monitor) for demote in demotes]
    rules += _migration_order(drafts, resource, start)
    if promote is not None:
        rules.append(Rule(start, promote, Strength.RUNNABLE | Strength.IMPLIES_THEN))
        rules += [Rule(demote, promote) for demote in demotes]
    return rules


def _migration_order(drafts: Drafts, resource: Resource, start: Draft) -> list[Rule]:
    """Away, in, then the stop at the old place; the start is implied."""
    if resource not in drafts.migrations:
        return []
    there, here = drafts.migrations[resource]
    rules = [Rule(there, here), Rule(here, start)]
    rules += [Rule(probe, there) for probe in drafts.probes.get(resource.base_id, [])]
    return rules + [Rule(here, stop) for stop in drafts.stop.get(resource, [])]


def _settle_migrations(drafts: Drafts) -> None:
    """A migration happens as a whole or not at all."""
    for resource, (there, here) in drafts.migrations.items():
        start = drafts.start[resource]
        stops = drafts.stop.get(resource, [])
        if start.optional or not start.runnable or any(stop.optional or not stop.runnable for stop in stops):
            there.optional = here.optional = True
        else:
            start.pseudo = True


# ---------------------------------------------------------------- groups


def _groups(cluster: Cluster) -> list[Resource]:
    found = [resource for resource in cluster.resources if resource.variant is Variant.GROUP]
    for clone in cluster.resources:
        if clone.variant is Variant.CLONE:
            found += [child for child in clone.children if child.variant is Variant.GROUP]
    return found


def _group_order(drafts: Drafts, group: Resource) -> list[Rule]:
    """Members start one after the other and stop the other way round."""
    first_start = drafts.start.get(group.children[0]) if group.children else None
    stops = [stop for member in group.children for stop in drafts.stop.get(member, [])]
    rules = [Rule(stop, first_start) for stop in stops] if first_start is not None else []
    for earlier, later in pairwise(group.children):
        rules += between(drafts, [earlier], [later], mandatory=True, symmetrical=True)
        first, then = drafts.promote.get(earlier), drafts.promote.get(later)
        if first is not None and then is not None:
            rules.append(Rule(first, then, Strength.RUNNABLE))
    return rules


def _clone_order(drafts: Drafts, clone: Resource) -> list[Rule]:
    """All instances are demoted, then stopped, then started, then promoted."""
    members = list(clone.primitives())
    phases = [
        [draft for member in members for draft in drafts.demote.get(member, [])],
        [draft for member in members for draft in drafts.stop.get(member, [])],
        [drafts.start[member] for member in members if member in drafts.start],
        [drafts.promote[member] for member in members if member in drafts.promote],
    ]
    filled = [phase for phase in phases if phase]
    rules: list[Rule] = []
    for earlier, later in pairwise(filled):
        # A milestone that never happens hands the order on, so that the rules stay as few as the instances.
        milestone = Draft(ActionKind.PSEUDO, clone, earlier[0].node, optional=True)
        rules += [Rule(draft, milestone) for draft in earlier]
        rules += [Rule(milestone, draft) for draft in later]
    return rules


def between(
    drafts: Drafts, firsts: list[Resource], thens: list[Resource], *, mandatory: bool, symmetrical: bool
) -> list[Rule]:
    """Start the ones before the others, and stop them after."""
    rules: list[Rule] = []
    forward = Strength.RUNNABLE | Strength.IMPLIES_THEN if mandatory else Strength.ORDER
    backward = Strength.IMPLIES_FIRST if mandatory else Strength.ORDER
    for first in firsts:
        for then in thens:
            starts = drafts.start.get(first), drafts.start.get(then)
            if starts[0] is not None and starts[1] is not None:
                rules.append(Rule(starts[0], starts[1], forward))
            elif mandatory and starts[1] is not None and first.target is None:
                # What isn't started at all holds back whatever has to come after it.
                _hold_back(drafts, then)
            if symmetrical:
                rules += [
                    Rule(stop_then, stop_first, backward)
                    for stop_first in drafts.stop.get(first, [])
                    for stop_then in drafts.stop.get(then, [])
                ]
    return rules


# ---------------------------------------------------------------- fencing and shutdown


def _fencing_order(cluster: Cluster, drafts: Drafts) -> list[Rule]:
    rules: list[Rule] = []
    for index, fence in drafts.fences.items():
        for draft in drafts.all:
            if draft.resource is None or draft is fence:
                continue
            is_implied = draft.node.index == index and draft.pseudo
            needs_it = draft.resource.requires == "fencing" and draft.resource.agent[0] != STONITH
            if is_implied or (draft.kind in ("start", "promote") and needs_it):
                rules.append(Rule(fence, draft, Strength.RUNNABLE))
    return rules


def _shutdown_order(drafts: Drafts) -> list[Rule]:
    return [
        Rule(stop, shutdown)
        for shutdown in drafts.shutdowns.values()
        for stops in drafts.stop.values()
        for stop in stops
        if stop.node is shutdown.node
    ]


# ---------------------------------------------------------------- order constraints


def _constraint_order(references: References, drafts: Drafts, constraint: Element) -> list[Rule]:
    kind = constraint.get("kind", "Mandatory").lower()
    if not constraint.get("kind") and constraint.get("score"):
        kind = "mandatory" if score(constraint.get("score")) > 0 else "optional"
    symmetrical = boolean(constraint.get("symmetrical", ""), kind != "serialize")
    mandatory = kind == "mandatory"
    sets = list(constraint.all("resource_set"))
    if not sets:
        ends = references.find(constraint.get("first")), references.find(constraint.get("then"))
        actions = constraint.get("first-action", "start"), constraint.get("then-action") or ""
        both = (actions[0], actions[1] or actions[0])
        pairs = [(first, then) for first in ends[0] for then in ends[1]]
        return [rule for a, b in pairs for rule in _pair_order(drafts, a, b, both, mandatory, symmetrical)]
    return _set_order(references, drafts, sets, mandatory, symmetrical)


def _set_order(
    references: References, drafts: Drafts, sets: list[Element], mandatory: bool, symmetrical: bool
) -> list[Rule]:
    rules: list[Rule] = []
    before: list[Resource] = []
    for one in sets:
        members = references.in_set(one)
        is_chain = boolean(one.get("sequential", ""), True)
        actions = (one.get("action", "start"), one.get("action", "start"))
        pairs = list(pairwise(members)) if is_chain else []
        pairs += [(first, then) for first in before for then in (members[:1] if is_chain else members)]
        for first, then in pairs:
            rules += _pair_order(drafts, first, then, actions, mandatory, symmetrical)
        before = members[-1:] if is_chain else members
    return rules


def _pair_order(
    drafts: Drafts, first: Resource, then: Resource, actions: tuple[str, str], mandatory: bool, symmetrical: bool
) -> list[Rule]:
    first, then = (resource.clone or resource if resource.is_instance else resource for resource in (first, then))
    if then.variant is Variant.CLONE and first.variant is Variant.CLONE and then.is_interleaved:
        return _interleaved(drafts, first, then, actions, mandatory, symmetrical)
    lasts, starters = _ends(first, last=True), _ends(then, last=False)
    if actions == ("start", "start"):
        strict = mandatory and first.variant is not Variant.CLONE
        rules = between(drafts, lasts, starters, mandatory=strict, symmetrical=symmetrical)
        if mandatory and not strict:
            rules += _any_of(drafts, lasts, starters)
        return rules
    rules = []
    for one in lasts:
        for other in starters:
            for a in _drafts_for(drafts, one, actions[0]):
                for b in _drafts_for(drafts, other, actions[1]):
                    rules.append(Rule(a, b, Strength.RUNNABLE if mandatory else Strength.ORDER))
    return rules


def _hold_back(drafts: Drafts, then: Resource) -> None:
    """Stopped, it can't start; active, it has to stop."""
    start = drafts.start[then]
    start.runnable = start.optional = False
    for stop in drafts.stop.get(then, []):
        stop.optional = False


def _any_of(drafts: Drafts, firsts: list[Resource], thens: list[Resource]) -> list[Rule]:
    """A clone that comes first is enough when one of its instances runs."""
    starts = [drafts.start[one] for one in firsts if one in drafts.start]
    if not any(start.runnable or start.optional for start in starts):
        for then in thens:
            if then in drafts.start:
                _hold_back(drafts, then)
    return []


def _ends(resource: Resource, *, last: bool) -> list[Resource]:
    """The primitives whose actions stand for the whole: all instances of a clone, the outer member of a group."""
    instances = resource.children if resource.variant is Variant.CLONE else [resource]
    found = []
    for instance in instances:
        members = list(instance.primitives())
        found += members[-1:] if last else members[:1]
    return found


def _interleaved(
    drafts: Drafts, first: Resource, then: Resource, actions: tuple[str, str], mandatory: bool, symmetrical: bool
) -> list[Rule]:
    """Each instance waits only for the one on its own node."""
    rules: list[Rule] = []
    for one in _ends(first, last=True):
        for other in _ends(then, last=False):
            homes = {one.target, *one.active} & {other.target, *other.active}
            if homes - {None}:
                rules += between(drafts, [one], [other], mandatory=mandatory, symmetrical=symmetrical)
    return rules


def _drafts_for(drafts: Drafts, resource: Resource, action: str) -> list[Draft]:
    match action:
        case "start":
            return [drafts.start[resource]] if resource in drafts.start else []
        case "promote":
            return [drafts.promote[resource]] if resource in drafts.promote else []
        case "stop":
            return drafts.stop.get(resource, [])
        case "demote":
            return drafts.demote.get(resource, [])
    return []


# ---------------------------------------------------------------- settling


def _settle(drafts: Drafts, rules: list[Rule]) -> None:
    """Let the rules make drafts necessary or impossible until nothing changes; each step goes one way only."""
    changed = True
    while changed:
        changed = False
        for rule in rules:
            changed |= _apply(rule)
        for resource, start in drafts.start.items():
            changed |= _restart(drafts, resource, start)


def _apply(rule: Rule) -> bool:
    first, then, strength = rule.first, rule.then, rule.strength
    changed = False
    if Strength.RUNNABLE in strength and not first.optional and not first.runnable and then.runnable:
        then.runnable = False
        changed = not then.optional
    if Strength.IMPLIES_THEN in strength and not first.optional and then.optional:
        then.optional = False
        then.reason = then.reason or _because(first)
        changed = True
    if Strength.IMPLIES_FIRST in strength and not then.optional and not _is_free(first) and then.runnable:
        then.runnable = False
        changed = True
    if Strength.IMPLIES_FIRST in strength and not then.optional and first.optional:
        first.optional = False
        first.reason = first.reason or _because(then)
        changed = True
    return changed


def _is_free(draft: Draft) -> bool:
    """Whether the cluster may carry it out at all; an unmanaged or blocked resource is left alone."""
    return draft.resource is None or (draft.resource.is_managed and not draft.resource.is_blocked)


def _because(draft: Draft) -> str:
    return f"required {draft.resource.shown_id} {draft.kind.value}" if draft.resource is not None else ""


def _restart(drafts: Drafts, resource: Resource, start: Draft) -> bool:
    """Where a resource stays, its stop and its start happen both or not at all."""
    changed = False
    for stop in drafts.stop.get(resource, []):
        is_asked_again = stop.optional and start.node.index in resource.starting_on
        if stop.node is start.node and stop.optional != start.optional and not is_asked_again:
            stop.optional = start.optional = False
            changed = True
        for demote in drafts.demote.get(resource, []):
            if demote.node is stop.node and demote.optional and not stop.optional:
                demote.optional = False
                changed = True
    return changed
