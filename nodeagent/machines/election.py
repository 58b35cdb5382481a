"""Finds one DC for the nodes that hear each other.

Reads PeerHeard/PeerLost/PeerLeft, ElectionNeeded, DcGone and votes; gives DcElected.

Invariant: two candidates of one term can never both win a voter, because each node votes once a term, and its term
and vote reach the disk before the vote leaves it. A node that follows a DC it can hear votes for nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from hacluster.protocol.peers import Hello, Vote, VoteRequest
from nodeagent.machines.effects import FailAgent, PersistTerm
from nodeagent.machines.events import (
    DcElected,
    DcFollowed,
    DcGone,
    ElectionNeeded,
    OfferAccepted,
    PeerHeard,
    PeerLeft,
    PeerLost,
    Persisted,
    PersistFailed,
)
from nodeagent.machines.situation import Machine, Situation, on, on_message


class Phase(StrEnum):
    WAITING = "waiting"
    """Just started: peers that were never heard may still be booting."""
    CANDIDATE = "candidate"
    VOTED = "voted"
    """Promised to another candidate, or told of a DC that should call."""
    SETTLED = "settled"
    """Is DC or follows one."""


Rank = tuple[int, int, int, str]


class Election(Machine):
    def __init__(self, here: Situation) -> None:
        super().__init__(here)
        self.phase = Phase.WAITING
        self._granted: set[str] = set()
        self._awaited = ""
        """Who should call soon, while phase is VOTED."""
        self._elsewhere: set[str] = set()
        """Peers that follow a DC which this node cannot hear; they do not count."""
        self._when_persisted: dict[int, Callable[[], None]] = {}
        self.set_timer("initdead", here.settings.initdead_ms)

    @property
    def _rank(self) -> Rank:
        """The newest configuration first, so that nothing has to be copied; then the smaller name."""
        version = self.here.cib.version
        return (0 if self.here.is_stopping else 1, version.admin_epoch, version.epoch, self.here.name)

    @staticmethod
    def _is_better(one: Rank, other: Rank) -> bool:
        return one[:3] > other[:3] or (one[:3] == other[:3] and one[3] < other[3])

    # When

    @on(PeerHeard)
    def _heard(self, event: PeerHeard) -> None:
        if self.phase is Phase.WAITING:
            if all(peer in self.here.heard for peer in self.here.settings.nodes if peer != self.here.name):
                self._stand("all nodes are heard")
        elif self.phase is Phase.CANDIDATE:
            self._ask(event.peer)

    @on_message(Hello)
    def _hears_us(self, peer: str, message: Hello) -> None:
        if self.phase is Phase.CANDIDATE and peer not in self._granted:
            self._ask(peer)

    @on(PeerLost, PeerLeft)
    def _gone(self, event: PeerLost | PeerLeft) -> None:
        if event.peer == self.here.dc:
            self.give(DcGone(event.peer))
        self._granted.discard(event.peer)
        self._elsewhere.discard(event.peer)
        if self.phase is Phase.CANDIDATE:
            self._count()
        elif self.phase is Phase.VOTED and event.peer == self._awaited:
            self._stand(f"{event.peer} is lost before it became DC")

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        if self.here.dc == event.dc:
            self.here.dc = ""
        if self.phase is Phase.SETTLED and not self.here.dc:
            self._stand(f"{event.dc} is not DC any more")

    @on(ElectionNeeded)
    def _needed(self, event: ElectionNeeded) -> None:
        self._stand(event.reason)

    @on(OfferAccepted)
    def _accepted(self, event: OfferAccepted) -> None:
        self._wait_for_offer(event.dc, self.here.settings.join_timeout_ms)

    @on(DcFollowed)
    def _followed(self, event: DcFollowed) -> None:
        self._settle()

    def timer(self, name: str) -> None:
        match name:
            case "initdead":
                if self.phase is Phase.WAITING:
                    self._stand("initdead has passed")
            case "votes":
                if self.phase is Phase.CANDIDATE:
                    self._win()
            case "offer":
                if self.phase is Phase.VOTED:
                    self._stand("nobody became DC")

    # Candidate

    def _stand(self, reason: str) -> None:
        """Ask for votes in a new term; the term is on the disk before any peer hears of it."""
        if self.here.dc:
            return
        self.phase = Phase.CANDIDATE
        self.clear_timer("offer")
        self._granted.clear()
        self._elsewhere.clear()
        self._promise(self.here.term + 1, self.here.name, self._ask_all)

    def _promise(self, term: int, whom: str, then: Callable[[], None]) -> None:
        self.here.term = term
        token = self.here.token()
        self._when_persisted[token] = then
        self.give(PersistTerm(token, term, whom))

    @on(Persisted)
    def _persisted(self, event: Persisted) -> None:
        then = self._when_persisted.pop(event.token, None)
        if then is not None:
            then()

    @on(PersistFailed)
    def _persist_failed(self, event: PersistFailed) -> None:
        if self._when_persisted.pop(event.token, None) is not None:
            # A node that cannot remember its vote could vote twice after a restart.
            self.give(FailAgent(f"cannot write the election term: {event.reason}"))

    def _ask_all(self) -> None:
        if self.phase is not Phase.CANDIDATE:
            return
        # Two candidates that always ask at the same moment would refuse each other for ever.
        self.set_timer("votes", self.here.settings.election_timeout_ms + self.here.luck.randrange(200))
        for peer in self.here.heard:
            self._ask(peer)
        self._count()

    def _ask(self, peer: str) -> None:
        if not self._when_persisted:
            self.send(peer, VoteRequest(term=self.here.term, rank=self._rank))

    @on_message(Vote)
    def _vote(self, peer: str, vote: Vote) -> None:
        if self.phase is not Phase.CANDIDATE or vote.term != self.here.term:
            return
        if vote.is_granted:
            self._granted.add(peer)
        elif vote.dc and vote.dc in self.here.heard:
            self._wait_for_offer(vote.dc, self.here.settings.dc_deadtime_ms)
            return
        elif vote.dc and vote.dc != self.here.name:
            self._elsewhere.add(peer)
        elif vote.known_term > self.here.term:
            self.here.term = vote.known_term
            self._stand("a peer knows a later term")
            return
        self._count()

    def _count(self) -> None:
        waiting = [peer for peer in self.here.heard if peer not in self._granted and peer not in self._elsewhere]
        if not waiting and not self._when_persisted:
            self._win()

    def _win(self) -> None:
        if self.here.is_stopping and self.here.heard:
            self._wait_for_offer("", self.here.settings.dc_deadtime_ms)
            return
        self.here.dc = self.here.name
        self._settle()
        self.give(DcElected(self.here.term))

    def _settle(self) -> None:
        self.phase = Phase.SETTLED
        for name in ("votes", "offer", "initdead"):
            self.clear_timer(name)

    def _wait_for_offer(self, dc: str, timeout_ms: int) -> None:
        self.phase = Phase.VOTED
        self._awaited = dc
        self.clear_timer("votes")
        self.set_timer("offer", timeout_ms + self.here.luck.randrange(200))

    # Voter

    @on_message(VoteRequest)
    def _asked(self, peer: str, request: VoteRequest) -> None:
        if self.here.dc == peer:
            # The DC would not ask if it still were one.
            self.give(DcGone(peer))
            self.here.dc = ""
        if self.here.dc:
            self.send(peer, Vote(term=request.term, is_granted=False, known_term=self.here.term, dc=self.here.dc))
        elif self._is_better(self._rank, request.rank):
            self._refuse(peer, request)
        elif request.term > self.here.term:
            self._wait_for_offer(peer, 2 * self.here.settings.election_timeout_ms)
            answer = Vote(term=request.term, is_granted=True)
            self._promise(request.term, peer, lambda: self._grant(peer, answer))
        else:
            self.send(peer, Vote(term=request.term, is_granted=False, known_term=self.here.term))

    def _refuse(self, peer: str, request: VoteRequest) -> None:
        """This node would be the better DC: it stands itself, in a term later than the other's."""
        self.here.term = max(self.here.term, request.term)
        if self.phase is Phase.CANDIDATE and not self._when_persisted and self.here.term > request.term:
            self._ask(peer)
        else:
            self._stand("a worse candidate stands")

    def _grant(self, peer: str, answer: Vote) -> None:
        if self.phase is Phase.VOTED and self.here.term == answer.term:
            self.send(peer, answer)
