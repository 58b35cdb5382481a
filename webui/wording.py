"""The picture in the language of the reader: codes become words, shapes, tones and sentences.

Reads a `Picture` and the latest events; gives the entities that templates render and websockets patch. Template and
script put these texts into the page as they are, so that a patched page equals a freshly rendered one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from hacluster.protocol import events as catalogue
from hacluster.protocol.messages import EventRecord, TransitionProgress
from webui.changes import change_sentence
from webui.payloads import Button, Entities, Entity
from webui.picture import (
    DOWN_STATES,
    UP_STATES,
    WORST_FIRST,
    Cell,
    Node,
    Part,
    Picture,
    Problem,
    Resource,
)


class Look(NamedTuple):
    shape: str
    tone: str
    word: str


CELL_LOOKS = {
    "running": Look("running", "none", noop("Running")),
    "promoted": Look("promoted", "none", noop("Running (primary)")),
    "unpromoted": Look("ring", "none", noop("Standby copy")),
    "ready": Look("ready", "none", noop("Ready to take over")),
    "alone": Look("half", "warning", noop("Running, no standby left")),
    "stopped": Look("stopped", "critical", noop("Stopped")),
    "disabled": Look("hand", "none", noop("Stopped by operator")),
    "failed": Look("failed", "critical", noop("Failed")),
    "blocked": Look("blocked", "critical", noop("Blocked: needs you")),
    "starting": Look("moving", "transition", noop("Starting")),
    "awaited": Look("moving", "transition", noop("About to start")),
    "stopping": Look("moving", "transition", noop("Stopping")),
    "promoting": Look("moving", "transition", noop("Promoting")),
    "demoting": Look("moving", "transition", noop("Demoting")),
    "migrating": Look("moving", "transition", noop("Moving")),
    "unmanaged": Look("dashed", "maintenance", noop("Not managed")),
    "maintenance": Look("wrench", "maintenance", noop("Maintenance")),
    "double": Look("double", "critical", noop("Running twice!")),
    "unknown": Look("question", "critical", noop("State unknown")),
    "cannot": Look("barred", "quiet", noop("Cannot start here")),
    "none": Look("dash", "quiet", noop("Not available")),
}
NODE_LOOKS = {
    "online": Look("bar", "none", noop("Online")),
    "pending": Look("moving", "transition", noop("Joining")),
    "standby": Look("pause", "maintenance", noop("Standby (drained)")),
    "draining": Look("pause", "maintenance", noop("Draining")),
    "maintenance": Look("wrench", "maintenance", noop("Maintenance")),
    "offline": Look("bar-hollow", "quiet", noop("Offline")),
    "lost": Look("bar-broken", "critical", noop("Lost")),
    "unclean": Look("question", "critical", noop("Unknown: must be fenced")),
}

REASONS = {
    "node-offline": noop("the node is offline"),
    "node-lost": noop("the node is lost"),
    "node-unclean": noop("the node must be fenced first"),
    "node-pending": noop("the node is still joining"),
    "node-standby": noop("the node is in standby"),
    "node-draining": noop("the node is in standby"),
    "node-maintenance": noop("the node is in maintenance"),
    "failcount": noop("failed %(count)s times here, threshold %(threshold)s"),
    "group-failcount": noop("%(member)s of its group failed here (%(count)s)"),
    "rule": noop("rule: %(rule)s"),
}

PROBLEM_SENTENCES = {
    "quorum.none": noop("No quorum: this partition may not run services."),
    "dc.none": noop("No DC: an election is under way, nothing is decided meanwhile."),
    "node.unclean": noop(
        "Node %(subject)s is lost and its state is unknown: it must be fenced before its services can start elsewhere."
    ),
    "node.offline": noop("Node %(subject)s is offline."),
    "service.down": noop("Service %(subject)s is down."),
    "service.recovering": noop("Service %(subject)s is being started; it does not run yet."),
    "service.alone": noop("Service %(subject)s runs, but no other node can take it over."),
    "resource.double": noop("%(subject)s runs on more than one node at the same time."),
    "resource.blocked": noop("%(subject)s could not be stopped on %(node)s; the cluster waits for you."),
    "resource.failed": noop("%(subject)s has failed on %(node)s."),
    "resource.excluded": noop("%(subject)s may not start on %(node)s any more: it failed there too often."),
    "resource.has-failed": noop("%(subject)s failed on %(node)s and was recovered."),
    "link.dead": noop("Node %(subject)s is not heard over %(nic)s."),
    "fencing.off": noop("Fencing is switched off (stonith-enabled=false): a split cluster may damage data."),
    "fencing.no-device": noop("Fencing is required, but no fencing device is configured."),
    "placement.left": noop("A temporary placement holds %(subject)s (%(constraint)s)."),
    "purpose.standby": noop("%(subject)s is in standby"),
    "purpose.maintenance": noop("%(subject)s is in maintenance"),
    "purpose.stopped": noop("%(subject)s is stopped by an operator"),
    "purpose.unmanaged": noop("%(subject)s is not managed"),
    "purpose.placement": noop("%(subject)s has a temporary placement"),
}

SEVERITY_WORDS = {
    "critical": noop("Critical"),
    "major": noop("Major"),
    "warning": noop("Warning"),
    "info": noop("Info"),
}

ACTION_WORDS = {
    "cleanup": noop("Forget failures"),
    "refresh": noop("Re-detect everything"),
    "move": noop("Move…"),
    "unmove": noop("End temporary placement"),
    "start": noop("Start"),
    "stop": noop("Stop"),
    "standby": noop("Standby"),
    "online": noop("Back online"),
    "maintenance": noop("Maintenance on"),
    "ready": noop("Maintenance off"),
    "fence": noop("Fence"),
    "fence-confirm": noop("Confirm that it is off"),
}

ACTION_EFFECTS = {
    "cleanup": noop(
        "Forgets failures and fail counts, so that the resource may run here again. A group is cleaned as a whole."
    ),
    "refresh": noop("Forgets the whole history and asks every node again what runs there."),
    "move": noop("Sets a temporary placement. It ends when the resource has arrived, or after eight hours."),
    "unmove": noop("Takes the temporary placement away; the cluster may then place the resource freely."),
    "start": noop("Lets the cluster start it (target-role=Started)."),
    "stop": noop("Has the cluster stop it on every node (target-role=Stopped)."),
    "standby": noop("Moves everything away from this node; nothing may run there until it is back online."),
    "online": noop("Lets the node run services again."),
    "maintenance": noop("Everything on this node runs on, but nobody looks after it: failures are not noticed."),
    "ready": noop("The cluster looks after everything on this node again."),
    "fence": noop("Resets the node by force. Everything that runs there is cut off."),
    "fence-confirm": noop("Tells the cluster that the node is off. If it is not, data may be damaged."),
}

KIND_WORDS = {
    "primitive": noop("Primitive"),
    "group": noop("Group"),
    "clone": noop("Clone"),
    "promotable": noop("Promotable clone"),
    "bundle": noop("Bundle"),
}

TRANSITION_WORDS = {
    "running": noop("Transition under way: %(done)s of %(total)s steps"),
    "waiting": noop("Transition waits (fencing or a human): %(done)s of %(total)s steps"),
    "aborted": noop("Transition was interrupted after %(done)s of %(total)s steps"),
    "done": noop("Last transition is complete"),
}


def entities_of(picture: Picture, events: Iterable[EventRecord], seen: frozenset[str], live: bool) -> Entities:
    """Everything a page can show, keyed. `seen`: the problems somebody has acknowledged."""
    entities = frame_of(picture, events, live)
    for root, part in picture.parts.items():
        entities |= part_of(root, part, picture)
    for order, problem in enumerate(picture.problems):
        entities[f"problem:{problem.key}"] = problem_entity(problem, order, problem.key in seen)
    return entities


def frame_of(picture: Picture, events: Iterable[EventRecord], live: bool) -> Entities:
    """What does not grow with the number of resources."""
    entities: Entities = {"head": _head(picture, live)}
    entities |= _summary(picture)
    entities |= {f"node:{node.name}": _node(node, picture) for node in picture.nodes.values()}
    for order, purpose in enumerate(picture.purposes):
        entities[f"purpose:{purpose.key}"] = Entity(cls="purpose", order=order, parts={"sentence": _sentence(purpose)})
    for order, event in enumerate(reversed(list(events))):
        entities[f"event:{event.node}:{event.seq}"] = event_entity(event, order)
    entities["transition"] = _transition(picture.transition)
    return entities


def part_of(root: str, part: Part, picture: Picture) -> Entities:
    """The rows and cells of one top-level resource and all that is below it."""
    entities: Entities = {}
    for name, state in part.states.items():
        resource, leaves = picture.resources[name], picture.leaves(name)
        entities[f"row:{name}"] = _row(resource, state, leaves, part, picture.nodes)
        for node in picture.nodes:
            cells = [part.cells[leaf, node] for leaf in leaves]
            is_leaf = resource.kind == "primitive"
            entities[f"cell:{name}@{node}"] = _leaf_cell(cells[0], language()) if is_leaf else _cell(cells)
    return entities


def structure_of(picture: Picture) -> str:
    """Changes when rows or columns come or go: a page then fetches its matrix anew."""
    shape = repr((list(picture.nodes), [(each.id, each.kind, each.parent) for each in picture.resources.values()]))
    return hashlib.sha256(shape.encode()).hexdigest()[:16]


def worst_of(picture: Picture) -> str:
    return picture.problems[0].severity if picture.problems else "ok"


def _head(picture: Picture, live: bool) -> Entity:
    count = len([each for each in picture.problems if each.severity in ("critical", "major")])
    worst = worst_of(picture)
    words = _(SEVERITY_WORDS[worst]) if worst in SEVERITY_WORDS else _("No problems")
    if not live:
        words = _("Not live")
    seen = _("seen from %(node)s (DC %(dc)s)") % {"node": picture.node or "?", "dc": picture.dc or _("none")}
    return Entity(
        cls=f"head tone-{_tone(worst) if live else 'unknown'}",
        shape=_tone_shape(worst) if live else "question",
        parts={"seen": seen, "worst": words, "count": str(count) if count else "", "version": picture.version},
    )


def _tone(severity: str) -> str:
    return {"critical": "critical", "major": "warning", "warning": "warning", "info": "transition"}.get(
        severity, "none"
    )


def _tone_shape(severity: str) -> str:
    return {"critical": "failed", "major": "alert", "warning": "alert", "info": "ring"}.get(severity, "running")


def _summary(picture: Picture) -> Entities:
    services = [(picture.parts[each.id].states[each.id], picture.parts[each.id].serves) for each in picture.services]
    down = [state for state, serves in services if state in DOWN_STATES and not serves]
    alone = [state for state, _serves in services if state == "alone"]
    online = [each for each in picture.nodes.values() if each.can_host]
    links = [is_heard for node in picture.nodes.values() for _nic, is_heard in node.links]
    fencing = next((each.code for each in picture.problems if each.code.startswith("fencing.")), "")
    spare = _("none can fail over") if services and len(alone) == len(services) else ""
    spare = spare or (_("%(n)s cannot fail over") % {"n": len(alone)} if alone else _("every one can fail over"))
    return {
        "sum:services": _meter(
            _("Services"),
            _("%(up)s of %(all)s up") % {"up": len(services) - len(down), "all": len(services)},
            "critical" if down else "none",
        ),
        "sum:spare": _meter(
            _("Redundancy"), spare if services and (alone or not down) else "—", "warning" if alone else "none"
        ),
        "sum:nodes": _meter(
            _("Nodes"),
            _("%(up)s of %(all)s online") % {"up": len(online), "all": len(picture.nodes)},
            "warning" if len(online) < len(picture.nodes) else "none",
        ),
        "sum:links": _meter(
            _("Heartbeat links"),
            _("%(up)s of %(all)s heard") % {"up": sum(links), "all": len(links)} if links else "—",
            "warning" if links and not all(links) else "none",
        ),
        "sum:quorum": _meter(
            _("Quorum"), _("yes") if picture.has_quorum else _("no"), "none" if picture.has_quorum else "critical"
        ),
        "sum:fencing": _meter(
            _("Fencing"),
            {"": _("ready"), "fencing.off": _("off"), "fencing.no-device": _("no device")}[fencing],
            "warning" if fencing else "none",
        ),
    }


def _meter(label: str, value: str, tone: str) -> Entity:
    return Entity(cls=f"meter tone-{tone}", parts={"label": label, "value": value})


def _node(node: Node, picture: Picture) -> Entity:
    look = NODE_LOOKS[node.state]
    word = _(look.word)
    if node.state == "draining":
        word = _("Draining, %(n)s left") % {"n": node.running}
    badges = [_("DC")] if node.is_dc else []
    badges += [_("this console")] if node.name == picture.node else []
    attributes = " · ".join(f"{name} = {value}" for name, value in node.attributes)
    return Entity(
        cls=f"node tone-{look.tone}",
        shape=look.shape,
        parts={"name": node.name, "word": word, "badges": " · ".join(badges), "attributes": attributes},
    )


def _row(resource: Resource, state: str, leaves: list[str], part: Part, nodes: Iterable[str]) -> Entity:
    look = CELL_LOOKS[state]
    running = (*UP_STATES, "double")
    places = [node for node in nodes if any(part.cells[leaf, node].state in running for leaf in leaves)]
    where = _("on %(nodes)s") % {"nodes": ", ".join(places)} if places else ""
    return Entity(
        cls=f"row tone-{look.tone}",
        shape=look.shape,
        parts={
            "name": resource.id,
            "kind": resource.agent or _(KIND_WORDS[resource.kind]),
            "word": _(look.word),
            "where": where,
        },
    )


def _cell(cells: list[Cell]) -> Entity:
    """Of a group or a clone: the worst of its parts."""
    if not cells:
        return Entity(cls="cell tone-quiet", shape="dash", parts={"word": "", "count": "", "why": ""})
    worst = min(cells, key=lambda cell: WORST_FIRST.index(cell.state))
    look = CELL_LOOKS[worst.state]
    same = sum(1 for cell in cells if cell.state == worst.state)
    word = _(look.word) if same == len(cells) else f"{_(look.word)} {same}/{len(cells)}"
    return Entity(cls=f"cell tone-{look.tone}", shape=look.shape, parts={"word": word, "count": "", "why": _why(worst)})


def _leaf_cell(cell: Cell, spoken: str) -> Entity:
    """Nothing in it says where it stands, so that cells which look alike are one entity."""
    return _cell_like(spoken, replace(cell, resource="", node="", since_ms=0))


@lru_cache(maxsize=4096)
def _cell_like(_spoken: str, cell: Cell) -> Entity:
    look = CELL_LOOKS[cell.state]
    count = ""
    if cell.failcount:
        number = "∞" if cell.failcount >= 1_000_000 else str(cell.failcount)
        threshold = f"/{cell.threshold}" if cell.threshold else ""
        count = _("failures %(count)s") % {"count": f"{number}{threshold}"}
    tone = "warning" if cell.failcount and look.tone in ("none", "quiet") else look.tone
    return Entity(
        cls=f"cell tone-{tone}", shape=look.shape, parts={"word": _(look.word), "count": count, "why": _why(cell)}
    )


def _why(cell: Cell) -> str:
    if cell.state == "failed" and cell.failure:
        return _failure_words(cell.failure.operation, "timeout" if cell.failure.timed_out else str(cell.failure.rc))
    return _(REASONS[cell.why_not]) % dict(cell.why_fields) if cell.why_not else ""


def _failure_words(operation: str, rc: str) -> str:
    if rc == "timeout":
        return _("%(operation)s timed out") % {"operation": operation}
    return _("%(operation)s gave rc=%(rc)s") % {"operation": operation, "rc": rc}


def _sentence(problem: Problem) -> str:
    fields = {"subject": problem.subject, "node": problem.node, **dict(problem.fields)}
    return _(PROBLEM_SENTENCES[problem.code]) % fields


def problem_entity(problem: Problem, order: int, is_seen: bool) -> Entity:
    entity = Entity(
        cls=f"problem tone-{_tone(problem.severity)} {'is-seen' if is_seen else ''}".strip(),
        shape=_tone_shape(problem.severity),
        order=order,
        parts={
            "severity": _(SEVERITY_WORDS[problem.severity]),
            "sentence": _sentence(problem),
            "evidence": _evidence(problem),
            "seen": _("acknowledged") if is_seen else "",
        },
        buttons=[
            Button(action=action, target=target, node=node, label=_(ACTION_WORDS[action]))
            for action, target, node in problem.actions
        ],
    )
    if problem.since_ms:
        entity["at"] = problem.since_ms
    return entity


def _evidence(problem: Problem) -> str:
    fields = dict(problem.fields)
    parts = []
    if fields.get("operation"):
        parts.append(_failure_words(fields["operation"], fields["rc"]))
    if fields.get("reason"):
        parts.append(fields["reason"])
    if "count" in fields:
        limit = {"count": fields["count"], "threshold": fields["threshold"]}
        parts.append(_("failures %(count)s, threshold %(threshold)s") % limit)
    if fields.get("members"):
        parts.append(_("not running: %(members)s") % {"members": fields["members"]})
    return " · ".join(parts)


def event_entity(event: EventRecord, order: int) -> Entity:
    level = catalogue.alert_level(event).value
    priority = catalogue.priority(event).value
    tone = {"error": "critical", "warning": "warning"}.get(priority, "none")
    return Entity(
        cls=f"event tone-{tone}",
        shape={"critical": "failed", "warning": "alert"}.get(tone, "dot"),
        order=order,
        at=event.at_ms,
        parts={
            "sentence": catalogue.sentence(event, language()),
            "node": event.node,
            "level": "" if level == "none" else level,
            "raw": catalogue.sentence(event, "en") if language() != "en" else "",
            "clock": clock(event.at_ms),
        },
    )


def clock(at_ms: int) -> str:
    """Local time with its offset, as ISO writes it."""
    at = datetime.fromtimestamp(at_ms / 1000).astimezone()
    return at.strftime("%Y-%m-%d %H:%M:%S")


def language() -> str:
    return "ja" if (get_language() or "en").startswith("ja") else "en"


def _transition(transition: TransitionProgress | None) -> Entity:
    if transition is None or transition.state == "done":
        return Entity(
            cls="transition is-idle",
            parts={"word": _(TRANSITION_WORDS["done"]) if transition else "", "steps": "", "done": "0", "total": "1"},
        )
    fields = {"done": transition.done, "total": transition.total}
    word = _(TRANSITION_WORDS.get(transition.state, TRANSITION_WORDS["running"])) % fields
    return Entity(
        cls=f"transition is-{transition.state} tone-transition",
        at=transition.started_at_ms,
        parts={
            "word": word,
            "steps": "\n".join(change_sentence(line) for line in transition.summary[:12]),
            "done": str(transition.done),
            "total": str(max(transition.total, 1)),
        },
    )
