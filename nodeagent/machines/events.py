"""What can happen to a node: the facts that the shell (or the simulator) reports to `Node.step`.

Every event is frozen and says what has happened, never what to do. Those of the first part come from outside;
those of the last part are facts that one machine states for the others, passed on within the same step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from hacluster.cib.model import Cib
from hacluster.protocol.checkpoint import Checkpoint
from hacluster.protocol.messages import JournalEntry, Request
from hacluster.protocol.peers import AttributeRow, HistoryEntry, LrmResource, PeerMessage

if TYPE_CHECKING:
    from hacluster.scheduler.graph import TransitionGraph


class Event:
    """The root of all facts."""

    __slots__ = ()


# ---------------------------------------------------------------- the peers, as the engine sees them


@dataclass(frozen=True, slots=True)
class PeerHeard(Event):
    """A peer is heard, and it hears this node. Said once for each incarnation and after each loss.

    The stream to the peer starts anew with this fact: what was under way before is gone.
    """

    peer: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class PeerLost(Event):
    """A peer has been silent on all links for the deadtime, or does not hear this node any more."""

    peer: str
    silent_ms: int
    restarts_as: int = 0
    """Its next incarnation, when that is what tells of the loss: it will be heard in a moment."""


@dataclass(frozen=True, slots=True)
class PeerLeft(Event):
    """A peer said that it stops, having stopped its resources: no fencing is needed."""

    peer: str


@dataclass(frozen=True, slots=True)
class PeerReturned(Event):
    """A peer that counted as lost is heard again in the same incarnation. PeerHeard follows."""

    peer: str
    silent_ms: int


@dataclass(frozen=True, slots=True)
class PeerHeldOff(Event):
    """A peer arrives again that was lost several times within a minute; PeerHeard follows when it stays."""

    peer: str
    losses: int
    hold_ms: int


@dataclass(frozen=True, slots=True)
class PeerLate(Event):
    """A heartbeat came later than the warntime, but before the deadtime."""

    peer: str
    interval_ms: int


@dataclass(frozen=True, slots=True)
class LinkUp(Event):
    """A peer is heard over this local interface."""

    peer: str
    link: str


@dataclass(frozen=True, slots=True)
class LinkDead(Event):
    """A peer has been silent over this local interface for the deadtime."""

    peer: str
    link: str


@dataclass(frozen=True, slots=True)
class MessageReceived(Event):
    """A message of a peer, in the order in which it was sent.

    `incarnation` is that of the sender when it sent; a message of an incarnation that is not the heard one is dropped.
    """

    peer: str
    incarnation: int
    message: PeerMessage


# ---------------------------------------------------------------- time


@dataclass(frozen=True, slots=True)
class DeadlineReached(Event):
    """The moment that `Node.next_deadline_ms()` named has come. Being early or saying it twice does no harm."""


# ---------------------------------------------------------------- the disk


@dataclass(frozen=True, slots=True)
class Persisted(Event):
    """What the effect with this token asked for is on the disk and survives a power cut."""

    token: int


@dataclass(frozen=True, slots=True)
class PersistFailed(Event):
    token: int
    reason: str


@dataclass(frozen=True, slots=True)
class CompactionPlanned(Event):
    """Answer to PlanCompaction: so many entries go with this checkpoint."""

    token: int
    goes: int
    checkpoint: Checkpoint | None


# ---------------------------------------------------------------- operations of resource agents


class Outcome(StrEnum):
    """How an operation ended, beside its exit code (Pacemaker's `op-status`)."""

    DONE = "done"
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    """KillOperation came before it ended."""
    NOT_INSTALLED = "not-installed"
    ERROR = "error"
    """It could not be run at all."""


@dataclass(frozen=True, slots=True)
class OperationFinished(Event):
    """The operation that RunOperation started has ended, with all its processes."""

    token: int
    rc: int
    outcome: Outcome = Outcome.DONE
    exit_reason: str = ""
    exec_ms: int = 0
    queue_ms: int = 0


@dataclass(frozen=True, slots=True)
class FenceDeviceFinished(Event):
    """The device that RunFenceDevice started has said how it went."""

    token: int
    is_ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FenceTargetsKnown(Event):
    """Answer to QueryFenceTargets: the nodes this device can fence, None when it cannot tell (any node)."""

    token: int
    targets: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class TieBreakerAnswered(Event):
    """Answer to AskTieBreaker; said once more, with a no, when a reservation is lost later."""

    token: int
    is_won: bool


# ---------------------------------------------------------------- the scheduler


@dataclass(frozen=True, slots=True)
class Scheduled(Event):
    """Answer to Schedule."""

    token: int
    graph: TransitionGraph


# ---------------------------------------------------------------- the local door and the operator


@dataclass(frozen=True, slots=True)
class RequestReceived(Event):
    """Somebody asks at the local door. Exactly one Reply with the same `client` answers, now or later."""

    client: int
    request: Request
    user: str = ""


@dataclass(frozen=True, slots=True)
class ClientGone(Event):
    """Whoever asked does not wait for the answer any more."""

    client: int


@dataclass(frozen=True, slots=True)
class StopRequested(Event):
    """The agent was asked to stop (SIGTERM): move the resources away, leave, then stop."""


@dataclass(frozen=True, slots=True)
class Happened(Event):
    """Something of this node that the shell saw and the operator should know (`hacluster.protocol.events`)."""

    code: str
    fields: dict[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------- facts between the machines of one node


@dataclass(frozen=True, slots=True)
class ElectionNeeded(Event):
    """There is no DC that this node could follow."""

    reason: str


@dataclass(frozen=True, slots=True)
class OfferAccepted(Event):
    """This node has asked a DC to let it in."""

    dc: str


@dataclass(frozen=True, slots=True)
class DcElected(Event):
    """This node has won the election of this term."""

    term: int


@dataclass(frozen=True, slots=True)
class DcFollowed(Event):
    """This node is a member of the membership that this DC leads."""

    dc: str
    term: int


@dataclass(frozen=True, slots=True)
class DcGone(Event):
    """The DC left, is lost, or has given up; also said by a DC that gives up itself."""

    dc: str


@dataclass(frozen=True, slots=True)
class MemberJoined(Event):
    """DC only: a node holds the CIB and has told what runs on it."""

    member: str
    lrm: tuple[LrmResource, ...]
    attributes: tuple[AttributeRow, ...]


@dataclass(frozen=True, slots=True)
class MemberGone(Event):
    """DC only: a member is out. Unless `is_clean`, nobody knows what it does."""

    member: str
    is_clean: bool


@dataclass(frozen=True, slots=True)
class TieDecided(Event):
    """DC only: `Situation.tie` is another one."""


@dataclass(frozen=True, slots=True)
class ViewChanged(Event):
    """The agreed membership is another one (`Situation.view`)."""


@dataclass(frozen=True, slots=True)
class CibReplacedWhole(Event):
    """The CIB of this node was taken over from another partition, or is new."""

    old: Cib


@dataclass(frozen=True, slots=True)
class CibApplied(Event):
    """The CIB of this node has moved by one ordered update."""

    old: Cib
    new: Cib
    is_configuration: bool


@dataclass(frozen=True, slots=True)
class UpdateCommitted(Event):
    """DC only: every member has the update with this number."""

    seq: int


@dataclass(frozen=True, slots=True)
class FenceNeeded(Event):
    """DC only: the transition or an operator wants a node fenced."""

    target: str
    action: str
    client: str
    timeout_ms: int = 0


@dataclass(frozen=True, slots=True)
class AttributeWanted(Event):
    """DC only: set, count up or delete (None) a node attribute at once."""

    node: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class AttributesWritten(Event):
    """DC only: these transient attributes in the CIB have other values now."""

    rows: tuple[AttributeRow, ...]


@dataclass(frozen=True, slots=True)
class FailcountRaised(Event):
    """DC only: a resource failed on a node."""

    resource: str
    node: str


@dataclass(frozen=True, slots=True)
class ActionAnswered(Event):
    """DC only: an action of the running transition ended; None as entry means that it needed no agent."""

    transition: int
    action: int
    is_ok: bool
    entry: HistoryEntry | None = None


@dataclass(frozen=True, slots=True)
class RecomputeNeeded(Event):
    """DC only: something changed that the scheduler has to look at."""

    reason: str


@dataclass(frozen=True, slots=True)
class FencingFinished(Event):
    """DC only: a whole fence request has ended."""

    target: str
    is_ok: bool
    executor: str
    by_human: bool = False
    incarnation: int = 0
    """The one that was fenced; a later one is the node after its restart."""


@dataclass(frozen=True, slots=True)
class TransitionEnded(Event):
    """DC only: all actions of the transition that could run have ended."""

    number: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class JournalReceived(Event):
    """Entries that were not known here before, in the order of their origin."""

    entries: tuple[JournalEntry, ...]
