"""One node of the cluster: composes the machines, and is itself `step(event, now_ms, wall_ms) -> effects`.

Reads every event of `events.py`; gives the effects of `effects.py`. Facts that machines state for each other are passed
on within the same step, in the order in which they were stated; a message to the node itself is delivered at once.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable

from hacluster.protocol import messages as say
from hacluster.protocol.peers import PeerMessage
from nodeagent.machines.attributes import Attributes
from nodeagent.machines.chronicle import Chronicle
from nodeagent.machines.confirming import Confirming
from nodeagent.machines.controller import Controller
from nodeagent.machines.door import Door, cib_document
from nodeagent.machines.effects import Effect, FailAgent, PublishUpdate, RebootSelf, Send, StopAgent
from nodeagent.machines.election import Election
from nodeagent.machines.events import (
    CibApplied,
    CibReplacedWhole,
    DcFollowed,
    DcGone,
    DeadlineReached,
    Event,
    MessageReceived,
    ViewChanged,
)
from nodeagent.machines.executor import Executor
from nodeagent.machines.failover import Failover
from nodeagent.machines.fencing import Fencing
from nodeagent.machines.join import Join, OwnState
from nodeagent.machines.journal import Journal
from nodeagent.machines.membership import Membership
from nodeagent.machines.replication import Replication
from nodeagent.machines.situation import FEATURE_SET, Machine, Restored, Settings, Situation
from nodeagent.machines.tiebreaker import TieBreaker
from nodeagent.machines.transition import Transition

LAST_EFFECTS = (StopAgent, FailAgent, RebootSelf)
TOLD = (CibApplied, CibReplacedWhole, ViewChanged, DcGone, DcFollowed)
"""Facts that subscribers hear of."""


class Node:
    """The same under real sockets and under the simulator."""

    def __init__(self, settings: Settings, restored: Restored, luck: random.Random, now_ms: int, wall_ms: int) -> None:
        here = Situation(settings, restored, luck, now_ms, wall_ms)
        self.here = here
        self.membership = Membership(here)
        self.election = Election(here)
        self.replication = Replication(here)
        self.executor = Executor(here, restored.runtime)
        self.attributes = Attributes(here, self.replication)
        self.tie_breaker = TieBreaker(here)
        self.join = Join(
            here, self.replication, self.tie_breaker, OwnState(self.executor.memory, self.attributes.own_rows)
        )
        self.fencing = Fencing(here)
        self.confirming = Confirming(here, self.fencing)
        self.transition = Transition(here, self.replication)
        self.failover = Failover(here)
        self.controller = Controller(
            here,
            self.replication,
            self.transition,
            self.attributes,
            self.failover,
            lambda: self.join.is_waiting,
            self.executor,
        )
        self.chronicle = Chronicle(here, restored, lambda: self.transition.number if here.is_dc else -1)
        self.journal = Journal(here, restored)
        self.door = Door(
            here,
            self.replication,
            self.attributes,
            self.fencing,
            self.confirming,
            self.journal,
            self.info,
            self.chronicle.newest,
        )
        self._machines: tuple[Machine, ...] = (
            self.membership,
            self.election,
            self.tie_breaker,
            self.join,
            self.replication,
            self.fencing,
            self.confirming,
            self.controller,
            self.transition,
            self.failover,
            self.attributes,
            self.executor,
            self.chronicle,
            self.journal,
            self.door,
        )
        self._deadlines = tuple(machine.deadlines_ms() for machine in self._machines)
        self._on_event = self._routes("handles_events")
        self._on_message = self._routes("handles_messages")
        self._told_info: say.AgentInfo | None = None
        self._is_ending = False
        """Whether one of LAST_EFFECTS was given."""

    def _routes(self, marked: str) -> dict[type, list[Callable[..., None]]]:
        routes: dict[type, list[Callable[..., None]]] = defaultdict(list)
        for machine in self._machines:
            for kind, handler in machine.handlers(marked):
                routes[kind].append(handler)
        return dict(routes)

    # From outside

    def start(self, now_ms: int, wall_ms: int) -> list[Effect]:
        """Once, before the first event."""
        return self.step(DeadlineReached(), now_ms, wall_ms)

    def next_deadline_ms(self) -> int | None:
        # Asked after every event: most machines wait for nothing.
        return min([min(waiting) for waiting in self._deadlines if waiting], default=None)

    def step(self, event: Event, now_ms: int, wall_ms: int) -> list[Effect]:
        self.here.now_ms, self.here.wall_ms = now_ms, wall_ms
        effects: list[Effect] = []
        self._handle(event, effects)
        self.replication.flush()
        self._drain(effects)
        state = self.here.state
        self.controller.consider()
        if self.here.state != state:
            self.here.out.append(PublishUpdate(say.InfoChanged(info=self.info())))
        self._drain(effects)
        if self._is_ending:
            # An agent that ends says first why.
            self.chronicle.tell_peers()
            self._drain(effects)
            effects.sort(key=lambda effect: isinstance(effect, LAST_EFFECTS))
        return effects

    def _handle(self, event: Event, effects: list[Effect]) -> None:
        self._dispatch(event)
        self._drain(effects)

    def _drain(self, effects: list[Effect]) -> None:
        """Pass on what the machines gave, until nothing new comes."""
        out = self.here.out
        done = 0
        while done < len(out):
            output = out[done]
            done += 1
            if isinstance(output, Effect):
                self._order(output, effects)
            else:
                self._dispatch(output)
            if done == len(out):
                self.replication.flush()
        out.clear()

    def _order(self, effect: Effect, effects: list[Effect]) -> None:
        """A message to this node itself does not leave it."""
        if not isinstance(effect, Send):
            self._is_ending = self._is_ending or isinstance(effect, LAST_EFFECTS)
            effects.append(effect)
        elif effect.peer in self.here.heard:
            effects.append(effect)
        elif effect.peer == self.here.name:
            self._dispatch(MessageReceived(effect.peer, self.here.incarnation, effect.message))

    def _dispatch(self, event: Event) -> None:
        match event:
            case MessageReceived(peer, incarnation, message):
                self._message(peer, incarnation, message)
            case DeadlineReached():
                for machine, waiting in zip(self._machines, self._deadlines, strict=True):
                    if waiting:
                        machine.deadline_reached()
            case _:
                for handler in self._on_event.get(type(event), ()):
                    handler(event)
                if isinstance(event, TOLD):
                    self._tell_subscribers(event)

    def _message(self, peer: str, incarnation: int, message: PeerMessage) -> None:
        """A message of an incarnation that is not the heard one is of the past."""
        if peer != self.here.name and self.here.heard.get(peer) != incarnation:
            return
        for handler in self._on_message.get(type(message), ()):
            handler(peer, message)

    # What the local door shows

    def _tell_subscribers(self, event: Event) -> None:
        match event:
            case CibApplied(old, new):
                self.here.out.append(PublishUpdate(say.CibPatched(patch=self.replication.patch_between(old, new))))
            case CibReplacedWhole():
                self.here.out.append(PublishUpdate(say.CibReplaced(cib=cib_document(self.here.cib))))
            case ViewChanged() | DcGone() | DcFollowed():
                info = self.info()
                if info != self._told_info:
                    self._told_info = info
                    self.here.out.append(PublishUpdate(say.InfoChanged(info=info)))
            case _:
                pass

    def info(self) -> say.AgentInfo:
        here = self.here
        return say.AgentInfo(
            build=here.settings.build,
            cluster_name=here.settings.cluster,
            node=here.name,
            node_id=here.node_id(here.name),
            engine=here.settings.engine,
            state=here.state,
            dc=here.dc,
            has_quorum=here.view.has_quorum,
            feature_set=here.cib.root.get("crm_feature_set") or FEATURE_SET,
            cib_version=here.cib.version,
            members=tuple(self._member_info(name) for name in here.node_names()),
            started_at_ms=here.started_at_ms,
        )

    def _member_info(self, name: str) -> say.MemberInfo:
        here = self.here
        return say.MemberInfo(
            name=name,
            node_id=here.node_id(name),
            is_member=name in here.view.members,
            incarnation=here.incarnation if name == here.name else here.heard.get(name, 0),
            links=dict(self.membership.links.get(name, {})),
        )

    def snapshot(self, what: say.Subscribe) -> say.Snapshot:
        """The first thing a subscriber gets."""
        return say.Snapshot(
            info=self.info(),
            cib=cib_document(self.here.cib) if what.cib else None,
            events=self.chronicle.newest(200) if what.events else (),
            transition=self.controller.progress,
        )
