"""Asks every member whether it hears a node before a human's word that it is off is believed.

Reads a confirmation at the DC, LinkUp and LinkDead, and the members' answers; tells Fencing of a confirmation that
nobody contradicts. Invariant: one member that hears the node, over a single link and in one direction only, or that
does not answer in time, refuses it: what sends heartbeats still runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hacluster.protocol import messages as say
from hacluster.protocol.peers import HearingAnswered, HearingAsked
from nodeagent.machines.events import DcGone, LinkDead, LinkUp, MemberGone
from nodeagent.machines.fencing import DC_CHANGED, Fencing
from nodeagent.machines.situation import Machine, Situation, on, on_message

ANSWER_MS = 3_000
Then = Callable[[say.Why | None], None]


def _hears(member: str, target: str) -> say.Why:
    return say.Why(f"{member} hears {target}", f"{member} に {target} の応答が届いています")


@dataclass(slots=True)
class _Question:
    """One node whose end somebody vouches for."""

    number: int
    user: str
    waiting: set[str]
    thens: list[Then] = field(default_factory=list)


class Confirming(Machine):
    def __init__(self, here: Situation, fencing: Fencing) -> None:
        super().__init__(here)
        self._fencing = fencing
        self._links: dict[str, set[str]] = {}
        """Node -> the links over which it is heard here, also where it does not hear this node."""
        self._questions: dict[str, _Question] = {}
        self._number = 0

    @on(LinkUp)
    def _link_up(self, event: LinkUp) -> None:
        self._links.setdefault(event.peer, set()).add(event.link)

    @on(LinkDead)
    def _link_dead(self, event: LinkDead) -> None:
        self._links.get(event.peer, set()).discard(event.link)

    def hears(self, target: str) -> bool:
        return target == self.here.name or target in self.here.heard or bool(self._links.get(target))

    # At the DC

    def ask(self, target: str, user: str, then: Then) -> None:
        """`then` gets why not, or None."""
        if self.hears(target):
            then(_hears(self.here.name, target))
            return
        question = self._questions.get(target)
        if question is not None:
            question.thens.append(then)
            return
        waiting = {member for member in self.here.members_but_self() if member != target}
        self._number += 1
        self._questions[target] = _Question(self._number, user, waiting, [then])
        for member in sorted(waiting):
            self.send(member, HearingAsked(number=self._number, target=target))
        self.set_timer(target, ANSWER_MS)
        self._consider(target)

    @on_message(HearingAnswered)
    def _answered(self, peer: str, message: HearingAnswered) -> None:
        question = self._questions.get(message.target)
        if question is None or question.number != message.number:
            return
        if message.is_heard:
            self._end(message.target, _hears(peer, message.target))
            return
        question.waiting.discard(peer)
        self._consider(message.target)

    @on(MemberGone)
    def _member_gone(self, event: MemberGone) -> None:
        for target in list(self._questions):
            self._questions[target].waiting.discard(event.member)
            self._consider(target)

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        if event.dc == self.here.name:
            for target in list(self._questions):
                self._end(target, DC_CHANGED)

    def timer(self, name: str) -> None:
        silent = ", ".join(sorted(self._questions[name].waiting))
        why_not = say.Why(
            f"{silent} did not say whether it hears {name}", f"{silent} が {name} の応答の有無を回答しませんでした"
        )
        self._end(name, why_not)

    def _consider(self, target: str) -> None:
        question = self._questions[target]
        if not question.waiting:
            # It may have come back while the members were asked.
            why_not = _hears(self.here.name, target) if self.hears(target) else None
            self._end(target, why_not or self._fencing.confirm(target, question.user))

    def _end(self, target: str, why_not: say.Why | None) -> None:
        self.clear_timer(target)
        for then in self._questions.pop(target).thens:
            then(why_not)

    # At every member

    @on_message(HearingAsked)
    def _asked(self, peer: str, message: HearingAsked) -> None:
        is_heard = self.hears(message.target)
        self.send(peer, HearingAnswered(number=message.number, target=message.target, is_heard=is_heard))
