"""What must hold on a bad day in the lab: the simulator's judges, for real agents and sockets.

`Clients` ask for changes and note what was acknowledged; `verdicts` gives a sentence for everything that does not hold.
What was active where is known from the resources' own marks and the power switch, never from the cluster.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from hacluster.cib.model import Cib
from hacluster.protocol.client import AgentUnreachable, Client
from hacluster.protocol.messages import (
    AttributeUpdate,
    CibChange,
    CibChanged,
    CibOperationKind,
    JournalAppend,
    JournalAppended,
    JournalEntries,
    JournalQuery,
    Message,
    Reply,
)
from hacluster.scheduler.schedule import schedule
from tests.lab import cluster, small
from tests.lab.activity import Activity, booted, fences
from tests.lab.faults import Day
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab
from tests.lab.small import SERVICES, state_of

ANSWER_S = 15.0
_CHANGE = '<cluster_property_set id="set-{0}"><nvpair id="{0}" name="{0}" value="x"/></cluster_property_set>'


@dataclass(frozen=True)
class Alone:
    """A host that heard nobody from one moment to another. A boot ends it sooner: cables come back with that."""

    host: str
    from_s: float
    to_s: float = math.inf

    def is_so(self, host: str, at_s: float, notice_s: float, boots: Iterable[float]) -> bool:
        """Whether the host was alone at that moment, and for so long that it must have noticed."""
        is_booted = any(self.from_s < boot_s < at_s for boot_s in boots)
        return host == self.host and self.from_s + notice_s < at_s < self.to_s and not is_booted

    def until(self, now_s: float) -> Alone:
        return self if self.to_s < now_s else replace(self, to_s=now_s)


@dataclass
class Clients:
    """One client that asks one host after the other, whatever happens to them; every answer counts."""

    lab: Lab
    luck: random.Random
    changes: set[str] = field(default_factory=set)
    """Acknowledged: they are on every member's disk."""
    entries: set[tuple[str, int]] = field(default_factory=set)
    """Acknowledged entries of the journal: on the disk of their origin."""
    asked: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._ended.wait(self.luck.uniform(0.05, 0.5)):
            self.asked += 1
            host, name = self.luck.choice(self.lab.hosts), f"change-{self.asked}"
            change = CibChange(
                kind=CibOperationKind.CREATE, section="crm_config", xml=_CHANGE.format(name), client="lab"
            )
            append = JournalAppend(kind="audit", payload=b"{}")
            update = AttributeUpdate(name="colour", value=str(self.asked))
            match ask(host, self.luck.choice((change, change, append, update))):
                case CibChanged():
                    self.changes.add(name)
                case JournalAppended(origin=origin, seq=seq):
                    self.entries.add((origin, seq))
                case _:
                    pass

    def end(self) -> None:
        self._ended.set()


def ask(host: Host, message: Message) -> Reply | None:
    """None when nobody answers."""
    if host.pid is None:
        return None
    try:
        with Client(cluster.door_of(host)) as client:
            return client.request(message, ANSWER_S)
    except (AgentUnreachable, OSError):
        return None


def is_settled(day: Day) -> Callable[[cluster.View], bool]:
    """As far as one agent can tell: all are members and the scheduler finds nothing to do."""

    def settled(view: cluster.View) -> bool:
        everybody = set(day.options.nodes)
        return view.members == everybody and view.is_idle and bool(view.info.dc) and not _left_to_do(view.cib)

    return settled


def _left_to_do(cib: Cib) -> list[str]:
    graph = schedule(cib, datetime.now(UTC))
    return [f"{action.kind} {action.resource} {action.node}" for action in graph.actions if not action.pseudo]


def verdicts(lab: Lab, day: Day, clients: Clients) -> list[str]:
    activity = Activity.read()
    views = {host.name: cluster.look(host) for host in lab.hosts}
    return [
        *activity.violations,
        *_fences_without_cause(day),
        *_agreement(views),
        *_lost_changes(lab, day, clients, views),
        *_journals(lab, clients),
        *_placement(next(iter(views.values())).cib, activity),
    ]


def _fences_without_cause(day: Day) -> Iterator[str]:
    if not day.may_fence and fences():
        yield f"only one LAN at a time was touched, and nodes were fenced (who, whom): {fences()}"


def fences_of_a_minority(lab: Lab, day: Day, alone: list[Alone]) -> Iterator[str]:
    """One of three that has been alone for longer than it takes to notice wants nobody fenced."""
    if len(day.options.nodes) < 3:
        return
    notice_s = day.options.deadtime_ms / 1000 + 0.5
    for host in lab.hosts:
        boots = booted(host.name)
        for told in small.remarks(host, day.options):
            if told.get("code") == "fence.requested" and told["node"] == host.name:
                at_s = int(str(told["at_ms"])) / 1000
                if any(each.is_so(host.name, at_s, notice_s, boots) for each in alone):
                    yield f"{host.name} was alone and asked at {at_s:.3f}: {told['sentence']}"


def _agreement(views: dict[str, cluster.View]) -> Iterator[str]:
    if len({view.info.dc for view in views.values()}) != 1:
        yield f"the DC is { ({name: view.info.dc for name, view in views.items()}) }"
    first, *others = views.items()
    for name, view in others:
        if view.cib.section("configuration") != first[1].cib.section("configuration"):
            yield f"the configurations of {first[0]} ({first[1].cib.version}) and {name} ({view.cib.version}) differ"


def _lost_changes(lab: Lab, day: Day, clients: Clients, views: dict[str, cluster.View]) -> Iterator[str]:
    kept = [file.read_bytes() for host in lab.hosts for file in Path(state_of(host, day.options)).glob("cib/*diverg*")]
    for name, view in views.items():
        there = {element.id for element in view.cib.section("crm_config").walk()}
        for change in sorted(clients.changes - there):
            if not any(f'"{change}"'.encode() in one for one in kept):
                yield f"{change} was acknowledged, and {name} does not have it"


def _journals(lab: Lab, clients: Clients) -> Iterator[str]:
    heads = {host.name: _journal(host) for host in lab.hosts}
    everything = set().union(*heads.values())
    for name, entries in heads.items():
        for missing in sorted(everything - entries):
            yield f"{name} lacks the journal's entry {missing}"
        for lost in sorted(clients.entries - entries):
            yield f"the journal's entry {lost} was acknowledged, and {name} does not have it"


def _journal(host: Host) -> set[tuple[str, int]]:
    have: dict[str, int] = {}
    found: set[tuple[str, int]] = set()
    while True:
        reply = ask(host, JournalQuery(have=have))
        assert isinstance(reply, JournalEntries), reply
        if not reply.entries:
            return found
        for entry in reply.entries:
            found.add((entry.origin, entry.seq))
            have[entry.origin] = max(have.get(entry.origin, 0), entry.seq)


def _placement(cib: Cib, activity: Activity) -> Iterator[str]:
    for left in _left_to_do(cib):
        yield f"there is still something to do: {left}"
    really = activity.places()
    for resource, nodes in schedule(cib, datetime.now(UTC)).placement_after.items():
        if resource in SERVICES and really.get(resource, []) != sorted(nodes):
            yield f"{resource} is active on {really.get(resource, [])}, the cluster says {sorted(nodes)}"
    for resource in SERVICES:
        if len(really.get(resource, [])) != 1:
            yield f"{resource} is active on {really.get(resource, [])}"
