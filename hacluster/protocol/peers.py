"""What the node agents say to each other: heartbeats, and the messages of the reliable streams.

A stream message crosses as msgpack of `Envelope`, inside the engine's sealed channel. docs/protocol.md tells which
machine sends what in which order. `term` names the election the sender goes by: who follows another DC ignores it.
"""

from __future__ import annotations

import functools

import msgspec

from hacluster.cib.model import Cib
from hacluster.cib.patch import Patch
from hacluster.cib.version import CibVersion
from hacluster.protocol.messages import EventRecord, FenceRecord, JournalEntry, Reply, Request, TransitionProgress

PEER_PROTOCOL = 1


class Heartbeat(msgspec.Struct, frozen=True, array_like=True):
    """The datagram that every node sends over every link, each keepalive."""

    node: str
    incarnation: int
    seq: int
    hears: dict[str, tuple[int, int]]
    """Peer -> (its incarnation, how often it was lost by silence) for every peer this node hears.

    Who is not in it is not heard, and knows so. The count tells of a loss so short that no heartbeat told of it.
    """
    is_leaving: bool = False
    protocol: int = PEER_PROTOCOL


class PeerMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="is"):
    """The root of all stream messages."""


class Hello(PeerMessage, frozen=True, kw_only=True, tag="hello"):
    """The first message of a stream, sent when the peer is heard.

    The two ends begin to hear each other at different moments, and what arrives before is dropped. So the later of the
    two Hellos arrives, and whoever gets it knows that everything after it arrives too.
    """


# ---------------------------------------------------------------- election


class VoteRequest(PeerMessage, frozen=True, kw_only=True, tag="vote?"):
    """Make me the DC of this term. `rank` is compared; the higher one should win."""

    term: int
    rank: tuple[int, int, int, str]


class Vote(PeerMessage, frozen=True, kw_only=True, tag="vote"):
    """The voter has its vote on the disk when this leaves it."""

    term: int
    is_granted: bool
    known_term: int = 0
    dc: str = ""
    """The DC that the voter follows and that it can hear."""


# ---------------------------------------------------------------- join


class JoinOffer(PeerMessage, frozen=True, kw_only=True, tag="join-offer"):
    """From a DC to each node it hears that is not a member. Two DCs compare their precedence."""

    term: int
    join_id: int
    precedence: tuple[int, int, str]
    """Has quorum, number of members, name. More is better; of equal ones the smaller name."""
    members: tuple[str, ...] = ()
    """Who follows this DC, and so is none itself."""


class JoinRequest(PeerMessage, frozen=True, kw_only=True, tag="join-request"):
    term: int
    join_id: int
    version: CibVersion
    instance: int
    """The last membership that the joiner knew; the next one has a higher number."""
    digest: str
    """Of the configuration, "" for one that nobody ever changed."""
    ancestors: tuple[str, ...]
    expected: dict[str, int] = {}
    """Node -> incarnation, of those that the joiner last knew as members and that nobody has seen end since."""


class JoinRefused(PeerMessage, frozen=True, kw_only=True, tag="join-refused"):
    term: int
    dc: str
    reason: str = ""


class CibWanted(PeerMessage, frozen=True, kw_only=True, tag="cib-wanted"):
    """The joiner's configuration is newer than the DC's."""

    term: int
    join_id: int


class CibSent(PeerMessage, frozen=True, kw_only=True, tag="cib-sent"):
    term: int
    join_id: int
    cib: Cib
    ancestors: tuple[str, ...]


class JoinWelcome(PeerMessage, frozen=True, kw_only=True, tag="join-welcome"):
    """The cluster's CIB. The joiner writes it, and only then confirms."""

    term: int
    join_id: int
    instance: int
    cib: Cib
    ancestors: tuple[str, ...]
    seq: int
    """The update that this CIB already contains; the next one follows on the same stream."""
    is_divergent: bool = False
    """The joiner's own configuration is no ancestor of this one: keep it as a file."""


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One `lrm_rsc_op`: how an operation ended (op_status 193 = still pending)."""

    resource: str
    standard: str
    provider: str
    type: str
    operation: str
    interval_ms: int
    call_id: int
    rc: int
    op_status: int
    transition_key: str
    exit_reason: str = ""
    exec_ms: int = 0
    queue_ms: int = 0
    last_rc_change: int = 0
    """Unix time in seconds."""
    op_digest: str = ""
    digests: dict[str, str] = {}
    """Further attributes for the entry: op-force-restart, op-restart-digest, op-secure-…"""
    on_fail: str = ""
    target_rc: int = 0
    meta: dict[str, str] = {}

    @property
    def key(self) -> tuple[str, int]:
        return self.operation, self.interval_ms


class LrmResource(msgspec.Struct, frozen=True, kw_only=True):
    """All a node remembers of one resource."""

    resource: str
    standard: str
    provider: str
    type: str
    entries: tuple[HistoryEntry, ...]
    last_failures: tuple[HistoryEntry, ...] = ()


class AttributeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute of one node, as every node's attribute manager holds it; None = deleted."""

    name: str
    node: str
    value: str | None
    dampen_ms: int = 0
    private: bool = False
    at: int = 0


class JoinConfirm(PeerMessage, frozen=True, kw_only=True, tag="join-confirm"):
    """The CIB is on the joiner's disk; this is what runs there and which attributes it has."""

    term: int
    join_id: int
    lrm: tuple[LrmResource, ...]
    attributes: tuple[AttributeRow, ...]
    fence_history: tuple[FenceRecord, ...] = ()
    is_stopping: bool = False


class ViewInstalled(PeerMessage, frozen=True, kw_only=True, tag="view"):
    """The agreed membership of this term; `instance` only grows."""

    term: int
    instance: int
    members: dict[str, int]
    """Member -> its incarnation"""
    has_quorum: bool


class DcResigned(PeerMessage, frozen=True, kw_only=True, tag="dc-resigned"):
    """To the members: follow `better` (another DC) if it is heard, else elect."""

    term: int
    better: str = ""


class ExpelledFrom(PeerMessage, frozen=True, kw_only=True, tag="expelled"):
    """To a node that counts itself a member and is none any more."""

    term: int
    reason: str


# ---------------------------------------------------------------- replication


class CibUpdate(PeerMessage, frozen=True, kw_only=True, tag="cib-update"):
    """The next change in the DC's order."""

    term: int
    seq: int
    is_durable: bool
    """The configuration changed: acknowledge when it is on the disk."""
    patch: Patch | None = None
    cib: Cib | None = None
    """The whole document where no patch would be smaller."""
    client: str = ""
    user: str = ""
    origin: str = ""


class CibAck(PeerMessage, frozen=True, kw_only=True, tag="cib-ack"):
    """Everything up to `seq` is applied here, and on the disk where that was asked."""

    term: int
    seq: int


class CannotPersist(PeerMessage, frozen=True, kw_only=True, tag="cannot-persist"):
    """The sender's disk failed: it cannot stay a member."""

    term: int
    reason: str


class CibResend(PeerMessage, frozen=True, kw_only=True, tag="cib-resend"):
    """An update did not fit; send the whole CIB."""

    term: int


# ---------------------------------------------------------------- requests that the DC answers


class Forwarded(PeerMessage, frozen=True, kw_only=True, tag="forwarded"):
    """A request of a member's local door."""

    request_id: int
    request: Request
    user: str = ""


class Answered(PeerMessage, frozen=True, kw_only=True, tag="answered"):
    request_id: int
    reply: Reply


# ---------------------------------------------------------------- attributes


class AttributesHeld(PeerMessage, frozen=True, kw_only=True, tag="attributes-held"):
    """DC to members: these values are now held by all attribute managers."""

    term: int
    rows: tuple[AttributeRow, ...]


# ---------------------------------------------------------------- operations


class RunAction(PeerMessage, frozen=True, kw_only=True, tag="run-action"):
    """DC to a member: run this action of the transition graph."""

    term: int
    transition: int
    action: int
    transition_key: str
    resource: str
    standard: str
    provider: str
    type: str
    operation: str
    interval_ms: int
    timeout_ms: int
    expected_rc: int
    parameters: dict[str, str]
    meta: dict[str, str]
    on_fail: str = ""
    op_digest: str = ""
    digests: dict[str, str] = {}


class CancelRecurring(PeerMessage, frozen=True, kw_only=True, tag="cancel-action"):
    """DC to a member: stop this recurring operation."""

    term: int
    transition: int
    action: int
    resource: str
    operation: str
    interval_ms: int


class ActionDone(PeerMessage, frozen=True, kw_only=True, tag="action-done"):
    term: int
    transition: int
    action: int
    is_ok: bool
    entry: HistoryEntry | None = None
    memory: LrmResource | None = None
    """All that the node remembers of the resource now; replaces its part of the status section."""


class HistoryChanged(PeerMessage, frozen=True, kw_only=True, tag="history"):
    """Member to DC: an operation that no running transition waits for ended otherwise than the time before."""

    entry: HistoryEntry
    memory: LrmResource


class ForgetHistory(PeerMessage, frozen=True, kw_only=True, tag="forget-history"):
    """DC to a member: drop the history of a resource (cleanup, deletion). "" as operation is all of it."""

    term: int
    resource: str
    operation: str = ""
    interval_ms: int = 0


class LeaveGranted(PeerMessage, frozen=True, kw_only=True, tag="leave-granted"):
    """DC to a member that asked to stop: nothing runs there any more, go."""

    term: int
    known: dict[str, int] | None = None
    """Resource -> the member's last call that the DC had heard of when it said so."""


# ---------------------------------------------------------------- fencing


class FenceAsked(PeerMessage, frozen=True, kw_only=True, tag="fence-asked"):
    """DC to a member: run this device against the target."""

    request_id: int
    device: str
    target: str
    action: str
    attempt: int
    delay_ms: int = 0
    timeout_ms: int = 0
    """What the requester gives a device without a time of its own; 0 is the cluster's stonith-timeout."""


class FenceAnswered(PeerMessage, frozen=True, kw_only=True, tag="fence-answered"):
    request_id: int
    device: str
    is_ok: bool
    reason: str = ""


class FenceCancelled(PeerMessage, frozen=True, kw_only=True, tag="fence-cancelled"):
    request_id: int


class HearingAsked(PeerMessage, frozen=True, kw_only=True, tag="hearing-asked"):
    """DC to every member, before a human's confirmation is believed: do you hear this node?"""

    number: int
    target: str


class HearingAnswered(PeerMessage, frozen=True, kw_only=True, tag="hearing-answered"):
    number: int
    target: str
    is_heard: bool


class FenceRecorded(PeerMessage, frozen=True, kw_only=True, tag="fence-recorded"):
    """The fencing history is the same everywhere: new or changed records, and what was cleared."""

    records: tuple[FenceRecord, ...] = ()
    cleared: tuple[str, ...] = ()
    waiting_for_confirm: tuple[str, ...] = ()


# ---------------------------------------------------------------- journal and events


class JournalHave(PeerMessage, frozen=True, kw_only=True, tag="journal-have"):
    """How far the sender's journal goes for each origin."""

    have: dict[str, int]


class JournalPush(PeerMessage, frozen=True, kw_only=True, tag="journal-push"):
    entries: tuple[JournalEntry, ...]
    licences: tuple[JournalEntry, ...] = ()
    """The newest checkpoints of the origins of which entries are left out."""


class EventSpread(PeerMessage, frozen=True, kw_only=True, tag="event-spread"):
    records: tuple[EventRecord, ...]


class ProgressSpread(PeerMessage, frozen=True, kw_only=True, tag="progress-spread"):
    """DC to members: how far the transition is, and the controller's state."""

    term: int
    state: str
    progress: TransitionProgress | None = None


AnyPeerMessage = (
    Hello
    | VoteRequest
    | Vote
    | JoinOffer
    | JoinRequest
    | JoinRefused
    | CibWanted
    | CibSent
    | JoinWelcome
    | JoinConfirm
    | ViewInstalled
    | DcResigned
    | ExpelledFrom
    | CibUpdate
    | CibAck
    | CannotPersist
    | CibResend
    | Forwarded
    | Answered
    | AttributesHeld
    | RunAction
    | CancelRecurring
    | ActionDone
    | HistoryChanged
    | ForgetHistory
    | LeaveGranted
    | FenceAsked
    | FenceAnswered
    | FenceCancelled
    | HearingAsked
    | HearingAnswered
    | FenceRecorded
    | JournalHave
    | JournalPush
    | EventSpread
    | ProgressSpread
)


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    incarnation: int
    """Of the sender."""
    message: AnyPeerMessage


class PeerMessageError(ValueError):
    """Bytes that are no message of this protocol."""


@functools.cache
def _encoder() -> msgspec.msgpack.Encoder:
    return msgspec.msgpack.Encoder()


@functools.cache
def _envelopes() -> msgspec.msgpack.Decoder[Envelope]:
    return msgspec.msgpack.Decoder(Envelope)


@functools.cache
def _heartbeats() -> msgspec.msgpack.Decoder[Heartbeat]:
    return msgspec.msgpack.Decoder(Heartbeat)


def to_bytes(message: Heartbeat | Envelope) -> bytes:
    return _encoder().encode(message)


def envelope_of(data: bytes) -> Envelope:
    """Read a stream message, or raise PeerMessageError."""
    try:
        return _envelopes().decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerMessageError(f"not a message between agents: {error}") from error


def heartbeat_of(data: bytes) -> Heartbeat:
    """Read a datagram, or raise PeerMessageError."""
    try:
        return _heartbeats().decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerMessageError(f"not a heartbeat: {error}") from error
