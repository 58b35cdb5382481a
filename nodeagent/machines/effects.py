"""What a node orders: the effects that the shell (or the simulator) carries out after `Node.step`, in this order.

An effect gives nothing back. What takes time or can fail is answered later by the event named in its docstring,
with the same token. Nothing that a peer may rely on is sent before the fact behind it is on the disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hacluster.cib.model import Cib
from hacluster.protocol.checkpoint import Checkpoint
from hacluster.protocol.messages import EventRecord, JournalEntry, JournalQuery, Reply, Update
from hacluster.protocol.peers import PeerMessage

if TYPE_CHECKING:
    from datetime import datetime


class Effect:
    """The root of all orders."""

    __slots__ = ()


# ---------------------------------------------------------------- peers


@dataclass(frozen=True, slots=True)
class Send(Effect):
    """Send to a peer, after everything sent to it before. Lost only when the peer counts as lost."""

    peer: str
    message: PeerMessage


@dataclass(frozen=True, slots=True)
class SayLeave(Effect):
    """Tell the peers' engines that this node leaves cleanly; they report PeerLeft."""


# ---------------------------------------------------------------- the disk; answered by Persisted or PersistFailed


@dataclass(frozen=True, slots=True)
class PersistTerm(Effect):
    """Remember the election term and whom this node voted for in it."""

    token: int
    term: int
    voted_for: str


@dataclass(frozen=True, slots=True)
class PersistCib(Effect):
    """Write the configuration (the status section stays out) with a digest, keep the last 100 versions.

    Versions come in order; a write of a newer one may answer the tokens of the older ones that still wait.
    """

    token: int
    cib: Cib
    ancestors: tuple[str, ...]
    """Digests of the configurations it came from, newest first; handed back in `Restored`."""
    client: str = ""
    user: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class KeepDivergentCib(Effect):
    """Keep a configuration that lost against another partition's as a file of its own. No answer."""

    cib: Cib
    node: str
    file: str
    """The name of the file below `<state>/cib/`."""


@dataclass(frozen=True, slots=True)
class PersistJournal(Effect):
    """Append these entries to the journal in SQLite."""

    token: int
    entries: tuple[JournalEntry, ...]


@dataclass(frozen=True, slots=True)
class PlanCompaction(Effect):
    """Look what of this origin could go (`retention.plan`). Answered by CompactionPlanned."""

    token: int
    origin: str


@dataclass(frozen=True, slots=True)
class CompactJournal(Effect):
    """Drop the entries of this origin that its checkpoint does not keep. No answer."""

    origin: str
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class SendJournal(Effect):
    """Read the journal after these sequence numbers and send it to a peer as JournalPush messages. No answer.

    The first of them carries the newest checkpoint of each origin of which the peer may miss what was dropped.
    """

    peer: str
    after: dict[str, int]


@dataclass(frozen=True, slots=True)
class ReplyJournal(Effect):
    """Answer a client's JournalQuery from the disk. No answer to the node."""

    client: int
    query: JournalQuery


@dataclass(frozen=True, slots=True)
class SaveRuntime(Effect):
    """Keep this in /run (no fsync): what an agent that restarts on a running machine needs to re-attach. No answer."""

    data: bytes


# ---------------------------------------------------------------- resource agents


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """One call of a resource agent, complete. Field names are those of `shell.resource_agents.AgentCall`."""

    standard: str
    provider: str
    type: str
    action: str
    resource: str
    parameters: dict[str, str] = field(default_factory=dict)
    """Instance attributes by their bare names."""
    meta: dict[str, str] = field(default_factory=dict)
    """`CRM_meta_*` by their bare names."""
    interval_ms: int = 0
    timeout_ms: int = 20_000


@dataclass(frozen=True, slots=True)
class RunOperation(Effect):
    """Run it, kill it with its process group after `timeout_ms`. Answered by OperationFinished."""

    token: int
    spec: OperationSpec


@dataclass(frozen=True, slots=True)
class KillOperation(Effect):
    """End a running operation now. OperationFinished still follows, once."""

    token: int


# ---------------------------------------------------------------- fencing


@dataclass(frozen=True, slots=True)
class FenceDeviceSpec:
    """One fence device, ready to run."""

    device: str
    agent: str
    """The stonith type: `external/ssh`, `meatware`, `fence_ipmilan`."""
    target: str
    """Name of the node to fence, as in the CIB."""
    port: str
    """What `pcmk_host_map` names the target for this device; the name itself without a map."""
    action: str
    """reboot, off, on (already renamed by `pcmk_reboot_action` and its kind)."""
    parameters: dict[str, str] = field(default_factory=dict)
    """The device's instance attributes, the special `pcmk_*`, `stonith-timeout` and `priority` taken out."""
    host_argument: str = ""
    """`pcmk_host_argument`, "" when the agent's meta-data decides."""
    timeout_ms: int = 60_000
    delay_ms: int = 0
    retries: int = 1


@dataclass(frozen=True, slots=True)
class RunFenceDevice(Effect):
    """Wait `delay_ms`, then run the device. Answered by FenceDeviceFinished."""

    token: int
    spec: FenceDeviceSpec


@dataclass(frozen=True, slots=True)
class KillFenceDevice(Effect):
    """Nobody waits for this device any more (confirmed by a human, target gone). FenceDeviceFinished still follows."""

    token: int


@dataclass(frozen=True, slots=True)
class QueryFenceTargets(Effect):
    """Ask a device whom it can fence (gethosts, list). Answered by FenceTargetsKnown."""

    token: int
    device: str
    agent: str
    parameters: dict[str, str] = field(default_factory=dict)
    timeout_ms: int = 20_000


# ---------------------------------------------------------------- the tie-breaker


@dataclass(frozen=True, slots=True)
class AskTieBreaker(Effect):
    """Ping the ping nodes, or reserve the disk and keep it reserved. Answered by TieBreakerAnswered."""

    token: int


@dataclass(frozen=True, slots=True)
class ReleaseTieBreaker(Effect):
    """Give the reservation back; nobody waits for an answer any more."""


# ---------------------------------------------------------------- the scheduler


@dataclass(frozen=True, slots=True)
class Schedule(Effect):
    """Run `schedule(cib, now)`, in a worker if it may take long. Answered by Scheduled."""

    token: int
    cib: Cib
    now: datetime


# ---------------------------------------------------------------- the local door


@dataclass(frozen=True, slots=True)
class Answer(Effect):
    """The one answer to RequestReceived with this client."""

    client: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class Publish(Effect):
    """An event in the operator's language, of this node: log line. Subscribers get it with PublishUpdate."""

    record: EventRecord


@dataclass(frozen=True, slots=True)
class PublishUpdate(Effect):
    """Tell every subscriber of the local door."""

    update: Update


# ---------------------------------------------------------------- the agent itself


@dataclass(frozen=True, slots=True)
class StopAgent(Effect):
    """All is stopped and left in order: end the process, exit code 0."""


@dataclass(frozen=True, slots=True)
class FailAgent(Effect):
    """This node cannot go on as a member: end at once, without a leave message, and do not restart by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class RebootSelf(Effect):
    """Self-fencing: make sure that this machine runs nothing any more (watchdog, sysrq, reboot)."""

    reason: str
