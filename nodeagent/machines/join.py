"""Makes nodes members of the membership that a DC leads, and takes them out of it.

Reads DcElected, PeerHeard/PeerLost/PeerLeft, offers, requests and confirmations; gives MemberJoined, MemberGone,
ViewChanged, DcFollowed and OfferAccepted, and keeps `Situation.view`.

Invariant: a node becomes a member only after it has the cluster's configuration on its disk and has told what runs on
it. So a node that was away is never simply merged, and no member acts on an old configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hacluster.protocol import events
from hacluster.protocol.peers import (
    AttributeRow,
    CannotPersist,
    CibSent,
    CibWanted,
    DcResigned,
    ExpelledFrom,
    Hello,
    JoinConfirm,
    JoinOffer,
    JoinRefused,
    JoinRequest,
    JoinWelcome,
    LrmResource,
    ViewInstalled,
    VoteRequest,
)
from nodeagent.machines.effects import FailAgent, RebootSelf
from nodeagent.machines.events import (
    DcElected,
    DcFollowed,
    DcGone,
    FencingFinished,
    MemberGone,
    MemberJoined,
    OfferAccepted,
    PeerHeard,
    PeerLeft,
    PeerLost,
    Persisted,
    PersistFailed,
    TieDecided,
    ViewChanged,
)
from nodeagent.machines.quorum import Quorum
from nodeagent.machines.replication import Replication, digest_of
from nodeagent.machines.situation import Machine, Situation, Tie, View, on, on_message
from nodeagent.machines.status_section import expected_in, with_expected
from nodeagent.machines.tiebreaker import TieBreaker

FENCED, NO_QUORUM = "fenced", "no quorum"
REFUSED_AGAIN_MS = 1_000
"""How long a DC leaves a node alone that follows another DC."""


@dataclass(frozen=True, slots=True)
class OwnState:
    """What a joining node tells of itself; read at the moment of the confirmation."""

    lrm: Callable[[], tuple[LrmResource, ...]]
    attributes: Callable[[], tuple[AttributeRow, ...]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The offer this node has accepted."""

    dc: str
    term: int
    join_id: int


class Join(Machine):
    def __init__(self, here: Situation, replication: Replication, tie: TieBreaker, own: OwnState) -> None:
        super().__init__(here)
        self._replication = replication
        self._own = own
        self._tie = tie
        self._quorum = Quorum(wait_for_all=here.settings.wait_for_all)
        self._join_id = 0
        self._joining: dict[str, int] = {}
        """DC: peer -> join id, for everyone that was offered and is no member yet."""
        self._requested_by: set[str] = set()
        """DC: those of them that have answered the offer."""
        self._restarting: set[str] = set()
        """Peers whose next incarnation is there, and will be heard both ways in a moment."""
        self._unheard = {name for name in here.settings.nodes if name != here.name}
        """Whom this agent has not heard since its start, while its start is no longer ago than deadtime."""
        self.set_timer("unheard", min(here.settings.initdead_ms, here.settings.restart_ms))
        self._given_up: set[str] = set()
        """DC: peers that are heard, but do not become members; the controller decides without them."""
        self._told: set[str] = set()
        """Whom the operator knows as a member; a DC that changes does not make them new."""
        self._told_quorum = False
        """What the operator knows."""
        self._asked: _Asked | None = None
        self._welcome_token = 0

    @property
    def is_waiting(self) -> bool:
        """DC: whether a node is still about to become a member, or nobody knows yet whether these may act.

        A DC whose agent has just begun anew knows nothing of a node that it has not heard since.
        """
        return (
            self.here.tie is Tie.ASKED
            or bool(self._restarting)
            or any(name not in self.here.left for name in self._unheard)
            or any(peer not in self._given_up for peer in self._joining)
        )

    # The DC offers

    @on(DcElected)
    def _elected(self, event: DcElected) -> None:
        self._joining.clear()
        self._requested_by.clear()
        self._given_up.clear()
        self._asked = None
        self._replication.lead(event.term)
        self._install(
            View(event.term, self.here.name, self.here.view.instance, {}), {self.here.name: self.here.incarnation}
        )
        self.publish(events.DC_ELECTED, node=self.here.name)
        self.give(MemberJoined(self.here.name, self._own.lrm(), self._own.attributes()))
        for peer in self.here.heard:
            self._offer(peer)

    @on(PeerHeard)
    def _heard(self, event: PeerHeard) -> None:
        self._restarting.discard(event.peer)
        self._unheard.discard(event.peer)
        if self.here.is_dc:
            self._offer(event.peer)

    @on_message(Hello)
    def _hears_us(self, peer: str, message: Hello) -> None:
        """The offer may have come before the peer heard this node.

        A Hello comes before everything else of a stream, so a member that says it has lost this DC meanwhile.
        """
        self._take_back(peer)
        if self.here.is_dc and peer not in self._requested_by:
            self._offer(peer)

    @on_message(VoteRequest)
    def _vote_wanted(self, peer: str, request: VoteRequest) -> None:
        """Whoever asks for votes follows no DC, whatever this DC believed."""
        self._take_back(peer)
        if self.here.is_dc:
            self._offer(peer)

    def _take_back(self, peer: str) -> None:
        if self.here.is_dc and peer in self.here.view.members:
            self._requested_by.discard(peer)
            self.take_out(peer, is_clean=False)

    def _offer(self, peer: str) -> None:
        if self.here.fenced.get(peer) == self.here.heard.get(peer):
            self.send(peer, ExpelledFrom(term=self.here.term, reason=FENCED))
            return
        self._replication.forget(peer)
        self._join_id += 1
        self._joining[peer] = self._join_id
        self._requested_by.discard(peer)
        self._given_up.discard(peer)
        self.set_timer(f"join {peer}", self.here.settings.join_timeout_ms)
        self.clear_timer(f"offer {peer}")
        offer = JoinOffer(
            term=self.here.view.term,
            join_id=self._join_id,
            precedence=self._precedence(),
            members=tuple(self.here.view.members),
        )
        self.send(peer, offer)

    def _precedence(self) -> tuple[int, int, str]:
        return int(self.here.view.has_quorum), len(self.here.view.members), self.here.name

    def timer(self, name: str) -> None:
        verb, _, peer = name.partition(" ")
        if verb == "unheard":
            # Only now does silence say something: before, such a node may have paused for a moment.
            if self._unheard:
                self._unheard.clear()
                self.give(ViewChanged())
            return
        if verb == "restart":
            self._restarting.discard(peer)
            self.give(ViewChanged())
            return
        if not self.here.is_dc or peer not in self.here.heard or peer in self.here.view.members:
            return
        if verb == "join":
            self._give_up(peer)
        else:
            self._offer(peer)
            self._give_up(peer)

    def _give_up(self, peer: str) -> None:
        self._given_up.add(peer)
        self.set_timer(f"offer {peer}", REFUSED_AGAIN_MS)
        self.give(ViewChanged())

    @on_message(JoinRefused)
    def _refused(self, peer: str, message: JoinRefused) -> None:
        if self.here.is_dc and peer in self._joining:
            self._give_up(peer)

    # The node answers

    @on_message(JoinOffer)
    def _offered(self, peer: str, offer: JoinOffer) -> None:
        if self.here.is_dc and not self._gives_way_to(offer):
            if peer not in self._joining and peer not in self.here.view.members:
                self._offer(peer)
            return
        follows_another = self.here.dc not in ("", peer, self.here.name) and self.here.dc in self.here.heard
        if follows_another and self.here.dc not in offer.members:
            self.send(peer, JoinRefused(term=offer.term, dc=self.here.dc))
            return
        if self.here.is_dc:
            self.resign(peer)
        self._ask_in(peer, offer)

    def _gives_way_to(self, offer: JoinOffer) -> bool:
        mine, theirs = self._precedence(), offer.precedence
        return theirs[:2] > mine[:2] or (theirs[:2] == mine[:2] and theirs[2] < mine[2])

    def resign(self, better: str) -> None:
        """Stop being the DC. What it had ordered and not acknowledged is for the next DC to know or not."""
        for peer in sorted({*self.here.members_but_self(), *self._joining}):
            self.send(peer, DcResigned(term=self.here.view.term, better=better))
        self.here.dc = ""
        self.give(DcGone(self.here.name))

    def _ask_in(self, dc: str, offer: JoinOffer) -> None:
        self._asked = _Asked(dc, offer.term, offer.join_id)
        if self.here.dc:
            # It was followed until now: by the DC's own word this node is no member, or its DC follows another.
            gone, self.here.dc = self.here.dc, ""
            self.give(DcGone(gone))
        self.give(OfferAccepted(dc))
        request = JoinRequest(
            term=offer.term,
            join_id=offer.join_id,
            instance=self.here.view.instance,
            version=self.here.cib.version,
            digest=self._replication.digest,
            ancestors=self.here.ancestors,
            expected=expected_in(self.here.cib),
        )
        self.send(dc, request)

    @on_message(CibWanted)
    def _cib_wanted(self, peer: str, message: CibWanted) -> None:
        sent = CibSent(term=message.term, join_id=message.join_id, cib=self.here.cib, ancestors=self.here.ancestors)
        self.send(peer, sent)

    @on_message(JoinWelcome)
    def _welcomed(self, peer: str, welcome: JoinWelcome) -> None:
        if self._asked != _Asked(peer, welcome.term, welcome.join_id):
            return
        self.here.dc = peer
        self.here.view = View(welcome.term, peer, welcome.instance)
        self._welcome_token = self._replication.take_over(peer, welcome)
        if not self._welcome_token:
            self._confirm()

    @on(Persisted)
    def _persisted(self, event: Persisted) -> None:
        if self._welcome_token and event.token == self._welcome_token:
            self._welcome_token = 0
            self._confirm()

    @on(PersistFailed)
    def _persist_failed(self, event: PersistFailed) -> None:
        if self._welcome_token and event.token == self._welcome_token and self._asked:
            self._welcome_token = 0
            self.send(self._asked.dc, CannotPersist(term=self._asked.term, reason=event.reason))
            self.give(FailAgent(f"cannot write the cluster's configuration: {event.reason}"))

    def _confirm(self) -> None:
        if self._asked is None or self.here.dc != self._asked.dc:
            return
        confirm = JoinConfirm(
            term=self._asked.term,
            join_id=self._asked.join_id,
            lrm=self._own.lrm(),
            attributes=self._own.attributes(),
            is_stopping=self.here.is_stopping,
        )
        self.send(self._asked.dc, confirm)
        self.give(DcFollowed(self._asked.dc, self._asked.term))

    @on_message(ViewInstalled)
    def _view_installed(self, peer: str, message: ViewInstalled) -> None:
        if peer != self.here.dc or message.term != self.here.view.term or peer == self.here.name:
            return
        # Whoever is DC next knows then that all nodes were seen together.
        self._quorum.saw(message.members, self.here.node_names())
        self._quorum.was_there = self._quorum.was_there or message.has_quorum
        is_new = not self.here.view.members
        old = self.here.view.members
        self.here.view = View(message.term, peer, message.instance, message.members, message.has_quorum)
        if is_new:
            self.publish(events.DC_ELECTED, node=peer)
        self._tell_changes(old)
        self.give(ViewChanged())

    @on_message(DcResigned)
    def _dc_resigned(self, peer: str, message: DcResigned) -> None:
        if peer == self.here.dc:
            self.give(DcGone(peer))

    @on_message(ExpelledFrom)
    def _expelled(self, peer: str, message: ExpelledFrom) -> None:
        if message.reason == FENCED:
            # The others take it for granted that nothing runs here any more, so nothing may.
            self.give(RebootSelf(f"{peer} says that this node was fenced"))
        elif message.reason == NO_QUORUM and peer == self.here.dc:
            self.give(RebootSelf("quorum was lost, and no-quorum-policy is suicide"))
        elif peer == self.here.dc:
            self.give(DcGone(peer))

    @on(DcGone)
    def _gone(self, event: DcGone) -> None:
        if self.here.view.dc == event.dc:
            self.publish(events.DC_UNSET, node=event.dc)
            self.here.view = View(instance=self.here.view.instance)
            if self._asked is not None and self._asked.dc == event.dc and event.dc not in self.here.heard:
                self._asked = None
            self._joining.clear()
            self.give(ViewChanged())

    # The DC takes in

    @on_message(JoinRequest)
    def _requested(self, peer: str, request: JoinRequest) -> None:
        if not self._is_current(peer, request.term, request.join_id):
            return
        self._requested_by.add(peer)
        instance = max(self.here.view.instance, request.instance)
        self.here.view = replace(self.here.view, instance=instance)
        self._learn(request.expected)
        if self._replication.is_newer(request.digest, request.ancestors, request.version):
            self.send(peer, CibWanted(term=request.term, join_id=request.join_id))
        else:
            self._welcome(peer, request.join_id, is_divergent=not self._replication.is_ancestor(request.digest))

    def _learn(self, expected: dict[str, int]) -> None:
        """What became a member in another partition may run something, though it was down when this one last saw it."""
        unknown = {name: life for name, life in expected.items() if life > self.here.fenced.get(name, 0)}
        away = {name: life for name, life in unknown.items() if name not in self.here.view.members}
        ids = {name: self.here.node_id(name) for name in away}
        self._replication.change_status(lambda cib: with_expected(cib, ids, away))

    @on_message(CibSent)
    def _cib_sent(self, peer: str, message: CibSent) -> None:
        if not self._is_current(peer, message.term, message.join_id):
            return
        digest = digest_of(message.cib)
        if not self._replication.is_newer(digest, message.ancestors, message.cib.version):
            # Another joiner's was taken meanwhile.
            self._welcome(peer, message.join_id, is_divergent=not self._replication.is_ancestor(digest))
        else:
            self._replication.adopt(peer, message, lambda: self._adopted(peer, message))

    def _adopted(self, peer: str, message: CibSent) -> None:
        """The joiner becomes a member when all members have on their disks what only it had."""
        if self._is_current(peer, message.term, message.join_id):
            self._welcome(peer, message.join_id, is_divergent=False)

    def _is_current(self, peer: str, term: int, join_id: int) -> bool:
        return self.here.is_dc and term == self.here.view.term and self._joining.get(peer) == join_id

    def _welcome(self, peer: str, join_id: int, *, is_divergent: bool) -> None:
        seq = self._replication.teach(peer)
        welcome = JoinWelcome(
            term=self.here.view.term,
            join_id=join_id,
            instance=self.here.view.instance,
            cib=self.here.cib,
            ancestors=self.here.ancestors,
            seq=seq,
            is_divergent=is_divergent,
        )
        self.send(peer, welcome)

    @on_message(JoinConfirm)
    def _confirmed(self, peer: str, confirm: JoinConfirm) -> None:
        if not self._is_current(peer, confirm.term, confirm.join_id):
            return
        del self._joining[peer]
        self._given_up.discard(peer)
        self.clear_timer(f"join {peer}")
        self.clear_timer(f"offer {peer}")
        self._install(self.here.view, {**self.here.view.members, peer: self.here.heard[peer]})
        self.give(MemberJoined(peer, confirm.lrm, confirm.attributes))

    # The DC takes out

    @on(PeerLost, PeerLeft)
    def _silent(self, event: PeerLost | PeerLeft) -> None:
        if isinstance(event, PeerLost) and event.restarts_as:
            self._restarting.add(event.peer)
            self.set_timer(f"restart {event.peer}", self.here.settings.restart_ms)
        else:
            self._restarting.discard(event.peer)
        self._tell_lost(event.peer)
        was_joining = self._joining.pop(event.peer, None) is not None
        self._requested_by.discard(event.peer)
        self._given_up.discard(event.peer)
        self.take_out(event.peer, is_clean=isinstance(event, PeerLeft))
        if was_joining and self.here.is_dc:
            self._replication.forget(event.peer)
            self.give(ViewChanged())
        if self.here.is_dc:
            self._review()

    @on_message(CannotPersist)
    def _cannot_persist(self, peer: str, message: CannotPersist) -> None:
        self.take_out(peer, is_clean=False)

    @on(FencingFinished)
    def _fenced(self, event: FencingFinished) -> None:
        member = self.here.view.members.get(event.target)
        if event.is_ok and member is not None and member <= event.incarnation:
            if event.target in self.here.heard:
                self.send(event.target, ExpelledFrom(term=self.here.view.term, reason=FENCED))
            self.take_out(event.target, is_clean=False)

    def take_out(self, peer: str, *, is_clean: bool) -> None:
        """A DC's member is no member any more."""
        if not self.here.is_dc or peer not in self.here.view.members or peer == self.here.name:
            return
        members = {name: incarnation for name, incarnation in self.here.view.members.items() if name != peer}
        self._install(self.here.view, members)
        self.give(MemberGone(peer, is_clean))
        self._replication.forget(peer)

    @on(TieDecided)
    def _tie_decided(self, event: TieDecided) -> None:
        self._review()
        self.give(ViewChanged())

    def _review(self) -> None:
        """The members are the same; whether they may act, may have changed."""
        tie = self.here.tie
        if self._has_quorum(self.here.view.members) != self.here.view.has_quorum:
            self._install(self.here.view, self.here.view.members)
        elif self.here.tie is not tie:
            self.give(ViewChanged())

    def _has_quorum(self, members: dict[str, int]) -> bool:
        tie = self._tie.consider(members)
        if tie is Tie.ASKED:
            # Nothing is computed before the answer, so services run on meanwhile.
            return self.here.view.has_quorum
        return self._quorum.has_quorum(members, self.here.node_names(), tie)

    def _install(self, view: View, members: dict[str, int]) -> None:
        has_quorum = self._has_quorum(members)
        old = self.here.view
        self.here.view = View(view.term, view.dc, view.instance + 1, members, has_quorum, self._quorum.was_there)
        installed = ViewInstalled(
            term=view.term, instance=self.here.view.instance, members=members, has_quorum=has_quorum
        )
        self.send_members(installed)
        self._tell_changes(old.members)
        self.give(ViewChanged())

    @on(ViewChanged)
    def _tell_quorum(self, event: ViewChanged) -> None:
        """Once for each change, and not of a DC that has only just begun to take the others in."""
        has_quorum = self.here.view.has_quorum
        if not self.here.is_dc:
            self._told_quorum = has_quorum if self.here.view.members else self._told_quorum
        elif has_quorum != self._told_quorum and not self.is_waiting:
            self._told_quorum = has_quorum
            self.publish(events.QUORUM_GAINED if has_quorum else events.QUORUM_LOST)

    def _tell_changes(self, old: dict[str, int]) -> None:
        for member in sorted({*old, *self.here.view.members}):
            if member in self.here.view.members and member not in self._told:
                self._told.add(member)
                self.publish(events.NODE_MEMBER, node=member)
            elif member not in self.here.view.members:
                self._tell_lost(member)

    def _tell_lost(self, node: str) -> None:
        if node in self._told:
            self._told.discard(node)
            self.publish(events.NODE_LOST, node=node)
