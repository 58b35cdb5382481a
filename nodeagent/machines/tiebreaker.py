"""Asks a third party which half of an evenly split cluster may act: a ping node, or a reservation on a shared disk.

Reads the memberships that `join` installs and TieBreakerAnswered of the shell; gives AskTieBreaker, ReleaseTieBreaker
and TieDecided, and keeps `Situation.tie`.

Invariant: while the answer is out, and after it was no, this half fences nobody of the other one and has no quorum.
A disk gives itself to one half only. A ping node may be reached by both, and then fencing decides between them. A half
that had lost by ping and reaches it again may be one whose cables are mended: it acts only when it reaches the ping
node once more, after a pause in which it would have heard the other half.
"""

from __future__ import annotations

from collections.abc import Collection

from hacluster.protocol import events
from nodeagent.machines.effects import AskTieBreaker, ReleaseTieBreaker
from nodeagent.machines.events import DcGone, TieBreakerAnswered, TieDecided
from nodeagent.machines.situation import Machine, Situation, Tie, on

ANSWER_MS = 15_000
"""Who does not answer until then says no."""
AGAIN_MS = 2_000


class TieBreaker(Machine):
    def __init__(self, here: Situation) -> None:
        super().__init__(here)
        self._token = 0
        self._was_reached = False
        """The half that has lost reaches the ping node again, and waits whether it hears the other half too."""

    def consider(self, members: Collection[str]) -> Tie:
        """DC: whether these members win. Begins to ask when they are half of all nodes and hear nothing of the rest."""
        if not self.here.settings.tie_breaker or not self._is_split(members):
            self._release()
        elif self.here.tie is Tie.NONE:
            self.here.tie = Tie.ASKED
            self._ask()
        return self.here.tie

    def _is_split(self, members: Collection[str]) -> bool:
        nodes = self.here.node_names()
        absent = [name for name in nodes if name not in members]
        if len(absent) * 2 != len(nodes) or any(name in self.here.heard for name in absent):
            return False
        return any(name not in self.here.left for name in absent)

    def _ask(self) -> None:
        self._token = self.here.token()
        self.give(AskTieBreaker(self._token))
        self.set_timer("answer", ANSWER_MS)

    def _release(self) -> None:
        self.clear_timer("answer")
        self.clear_timer("again")
        self._token = 0
        self._was_reached = False
        if self.here.tie is not Tie.NONE:
            self.here.tie = Tie.NONE
            self.give(ReleaseTieBreaker())

    @on(TieBreakerAnswered)
    def _answered(self, event: TieBreakerAnswered) -> None:
        """The answer, or later the news that a reservation was lost."""
        if event.token == self._token and self.here.tie is not Tie.NONE:
            self.clear_timer("answer")
            if event.is_won and self.here.tie is Tie.LOST and self.here.settings.tie_breaker == "ping":
                self._reach_again()
            else:
                self._decide(is_won=event.is_won)

    def _reach_again(self) -> None:
        if self._was_reached and self._is_split(self.here.view.members):
            self._decide(is_won=True)
        else:
            self._was_reached = True
            self.set_timer("again", self.here.settings.restart_ms)

    def _decide(self, *, is_won: bool) -> None:
        self._was_reached = False
        tie = Tie.WON if is_won else Tie.LOST
        if tie is not self.here.tie:
            self.here.tie = tie
            self.publish(events.TIE_WON if is_won else events.TIE_LOST)
            self.give(TieDecided())
        if not is_won and self._may_ask_again():
            self.set_timer("again", AGAIN_MS)

    def _may_ask_again(self) -> bool:
        """The other half may die later. Without fencing only a disk can say so."""
        return self.here.settings.tie_breaker == "disk" or self.here.is_fencing

    def timer(self, name: str) -> None:
        if name == "again":
            self._ask()
        else:
            self._decide(is_won=False)

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        """Only the DC of a half asks."""
        if event.dc == self.here.name:
            self._release()
