"""What is said at the agent's local door: requests, replies and the stream of a subscription.

The agent listens on a Unix socket (`<run>/agent.sock`). A frame is a big-endian u32 length and a msgpack map
with its kind under `is`. A connection asks one thing after the other and gets one reply each; after `Subscribe` it only
listens. Console, command line and resource agents' callbacks all use these messages and the same client.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from hacluster.cib.orders import CibOperationKind as CibOperationKind
from hacluster.cib.patch import Patch
from hacluster.cib.version import CibVersion

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 256 * 1024 * 1024


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="is"):
    """The root of everything that crosses the local door."""


# ---------------------------------------------------------------- the agent itself


class AgentInfoQuery(Message, frozen=True, kw_only=True, tag="agent-info?"):
    """Who are you, who is in your partition?  -> AgentInfo"""


class MemberInfo(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    node_id: str
    is_member: bool
    """Agreed member of the membership this agent belongs to."""
    incarnation: int = 0
    links: dict[str, bool] = {}
    """Local interface name -> whether this peer is heard over it. Empty for the node itself."""


class AgentInfo(Message, frozen=True, kw_only=True, tag="agent-info"):
    protocol: int = PROTOCOL_VERSION
    build: str
    cluster_name: str
    node: str
    node_id: str
    engine: str
    """`heartbeat` or `corosync`, the "Stack" of crm_mon."""
    state: str
    """The controller's state in Pacemaker's words: S_PENDING, S_ELECTION, S_IDLE, S_TRANSITION_ENGINE, S_NOT_DC …"""
    dc: str
    """Name of the DC, or "" while there is none."""
    has_quorum: bool
    feature_set: str
    cib_version: CibVersion
    members: tuple[MemberInfo, ...]
    started_at_ms: int
    """Unix time."""


# ---------------------------------------------------------------- the CIB


class CibQuery(Message, frozen=True, kw_only=True, tag="cib?"):
    """The whole CIB as this agent has it on memory.  -> CibDocument"""


class CibDocument(Message, frozen=True, kw_only=True, tag="cib"):
    xml: bytes
    version: CibVersion


class CibVersionsQuery(Message, frozen=True, kw_only=True, tag="cib-versions?"):
    """The configurations that this node has kept, the newest hundred.  -> CibVersions"""


class KeptVersion(msgspec.Struct, frozen=True, kw_only=True):
    version: CibVersion
    at_ms: int
    user: str = ""
    client: str = ""
    origin: str = ""
    """The node at which the change was asked for."""


class CibVersions(Message, frozen=True, kw_only=True, tag="cib-versions"):
    versions: tuple[KeptVersion, ...]
    """Oldest first."""


class CibVersionQuery(Message, frozen=True, kw_only=True, tag="cib-version?"):
    """One kept configuration, by admin_epoch and epoch.  -> CibDocument | Refused (`cib.no-such-version`)"""

    version: CibVersion


class CibChange(Message, frozen=True, kw_only=True, tag="cib!"):
    """Change the CIB; answered when every member has the change on disk.  -> CibChanged | Refused

    `based_on`: refuse (code `cib.version`) unless the configuration still has this admin_epoch and epoch.
    """

    kind: CibOperationKind
    section: str = ""
    xpath: str = ""
    xml: str = ""
    allow_create: bool = False
    based_on: CibVersion | None = None
    client: str = ""
    """The name of the program, for `update-client`."""
    user: str = ""
    """Who asks, for `update-user` and the audit trail. The door fills it in from the peer credentials."""


class CibChanged(Message, frozen=True, kw_only=True, tag="cib-changed"):
    version: CibVersion


# ---------------------------------------------------------------- node attributes


class AttributeUpdate(Message, frozen=True, kw_only=True, tag="attribute!"):
    """Set (`value`) or delete (None) a transient node attribute.  -> Done | Refused

    `value` may be `value++` or `value+=N`. `dampen_ms` takes effect as in reference/monitors 7: for a new attribute
    or with `set_dampening`; with `set_dampening` and `keep_value` only the dampening changes.
    """

    name: str
    node: str = ""
    """"" is the agent's own node."""
    value: str | None = None
    dampen_ms: int | None = None
    set_dampening: bool = False
    keep_value: bool = False
    private: bool = False


class AttributeQuery(Message, frozen=True, kw_only=True, tag="attribute?"):
    """Values as the attribute manager holds them, private ones included; "" as name or node is every one."""

    name: str = ""
    node: str = ""


class AttributeValue(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    node: str
    value: str
    private: bool = False


class AttributeValues(Message, frozen=True, kw_only=True, tag="attributes"):
    values: tuple[AttributeValue, ...]


class AttributeRefresh(Message, frozen=True, kw_only=True, tag="attribute-refresh!"):
    """Write all attributes into the CIB again.  -> Done"""


# ---------------------------------------------------------------- resources and nodes


class ResourceCleanup(Message, frozen=True, kw_only=True, tag="cleanup!"):
    """Forget failures (`only_failures`) or the whole history, and detect the state again.  -> Cleaned | Refused

    "" as resource or node is every one. A group member stands for its whole group unless `force`.
    """

    resource: str = ""
    node: str = ""
    operation: str = ""
    interval_ms: int = 0
    only_failures: bool = True
    force: bool = False
    user: str = ""


class Cleaned(Message, frozen=True, kw_only=True, tag="cleaned"):
    done: tuple[tuple[str, str], ...]
    """(resource, node) pairs in the order in which they were cleaned."""


class ResourceFail(Message, frozen=True, kw_only=True, tag="resource-fail!"):
    """Count the resource as failed on a node (crm_resource --fail).  -> Done | Refused"""

    resource: str
    node: str = ""


class NodeShutdown(Message, frozen=True, kw_only=True, tag="node-shutdown!"):
    """Ask a node to move its resources away and stop its agent.  -> Done | Refused"""

    node: str = ""


class NodeForget(Message, frozen=True, kw_only=True, tag="node-forget!"):
    """Take a node that is gone for good out of the CIB and the membership's memory.  -> Done | Refused"""

    node: str


class AgentActionRun(Message, frozen=True, kw_only=True, tag="agent-action!"):
    """Run meta-data, validate-all or status of a resource or fence agent, outside the cluster.  -> AgentActionResult"""

    standard: str
    provider: str = ""
    type: str
    action: str
    parameters: dict[str, str] = {}
    timeout_ms: int = 20_000


class AgentActionResult(Message, frozen=True, kw_only=True, tag="agent-action"):
    rc: int
    output: str
    errors: str


class AgentListQuery(Message, frozen=True, kw_only=True, tag="agents?"):
    """The agents installed here; "" is every class / provider.  -> AgentList"""

    standard: str = ""
    provider: str = ""


class AgentList(Message, frozen=True, kw_only=True, tag="agents"):
    agents: tuple[tuple[str, str, str], ...]
    """(class, provider or "", type)"""


# ---------------------------------------------------------------- fencing


class FenceNode(Message, frozen=True, kw_only=True, tag="fence!"):
    """Fence a node now; answered when it is done or has failed.  -> Done | Refused"""

    node: str
    action: str = "reboot"
    timeout_ms: int = 0
    client: str = ""
    user: str = ""


class FenceConfirm(Message, frozen=True, kw_only=True, tag="fence-confirm!"):
    """A human has seen that the node is off (meatware, stonith_admin -C).  -> Done | Refused

    Refused while any member hears the node.
    """

    node: str
    user: str
    reason: str = ""


class FenceHistoryQuery(Message, frozen=True, kw_only=True, tag="fence-history?"):
    node: str = ""


class FenceHistoryClear(Message, frozen=True, kw_only=True, tag="fence-history-clear!"):
    node: str = ""


class FenceRecord(msgspec.Struct, frozen=True, kw_only=True):
    target: str
    action: str
    origin: str
    client: str
    delegate: str = ""
    status: str
    """pending, success, failed"""
    exit_reason: str = ""
    device: str = ""
    started_at_ms: int
    completed_at_ms: int = 0


class FenceHistory(Message, frozen=True, kw_only=True, tag="fence-history"):
    records: tuple[FenceRecord, ...]
    waiting_for_confirm: tuple[str, ...] = ()
    """Nodes whose fencing waits for a human."""


class FenceDevicesQuery(Message, frozen=True, kw_only=True, tag="fence-devices?"):
    """The devices that could fence a node ("" = all), in the order in which they would be tried."""

    node: str = ""


class FenceDevice(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    agent: str
    targets: tuple[str, ...] = ()
    runs_on: str = ""
    level: int = 0


class FenceDevices(Message, frozen=True, kw_only=True, tag="fence-devices"):
    devices: tuple[FenceDevice, ...]


# ---------------------------------------------------------------- monitors that run inside the agent


class MonitorStart(Message, frozen=True, kw_only=True, tag="monitor-start!"):
    """Start a built-in monitor (pingd, diskd).  -> Done | Refused"""

    kind: str
    instance: str
    parameters: dict[str, str]
    """The agent's OCF parameters by their bare names."""


class MonitorStop(Message, frozen=True, kw_only=True, tag="monitor-stop!"):
    kind: str
    instance: str


class MonitorQuery(Message, frozen=True, kw_only=True, tag="monitor?"):
    """-> Done when it runs, Refused with code `monitor.not-running` when it does not."""

    kind: str
    instance: str


# ---------------------------------------------------------------- events and the journal


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, in the operator's language (hacluster.protocol.events renders the sentences)."""

    node: str
    """The node that reports it."""
    seq: int
    """Grows by one for each event of this node; survives restarts."""
    at_ms: int
    """Unix time."""
    code: str
    fields: dict[str, str] = {}
    cause_node: str = ""
    cause_seq: int = 0
    transition: int = -1


class EventsQuery(Message, frozen=True, kw_only=True, tag="events?"):
    """The newest `limit` events of all nodes, oldest first.  -> Events"""

    limit: int = 200


class Events(Message, frozen=True, kw_only=True, tag="events"):
    events: tuple[EventRecord, ...]


class LogLine(Message, frozen=True, kw_only=True, tag="log!"):
    """A line for the agent's log (ha_logger).  -> Done"""

    tag: str
    priority: str = "info"
    text: str


class JournalAppend(Message, frozen=True, kw_only=True, tag="journal!"):
    """Add an entry to this node's part of the journal; answered when it is on disk here.  -> JournalAppended"""

    kind: str
    """user, audit, sheet, alert, …"""
    payload: bytes
    """JSON"""
    key: str = ""
    """What it is about (a user, an alert), where the newest entry with this kind and key says all there is to know."""


class JournalAppended(Message, frozen=True, kw_only=True, tag="journal-appended"):
    origin: str
    seq: int


class JournalQuery(Message, frozen=True, kw_only=True, tag="journal?"):
    """Entries after what the asker has of each origin.  -> JournalEntries (at most `limit`, ask again)"""

    have: dict[str, int] = {}
    limit: int = 1000


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    origin: str
    seq: int
    clock_ms: int
    clock_counter: int
    """Hybrid logical clock: (ms, counter, origin) orders entries of different origins."""
    kind: str
    payload: bytes
    previous_hash: bytes = b""
    key: str = ""


class JournalEntries(Message, frozen=True, kw_only=True, tag="journal"):
    entries: tuple[JournalEntry, ...]


class JournalProofQuery(Message, frozen=True, kw_only=True, tag="journal-proof?"):
    """Does the chain of hashes cover every entry that this node holds?  -> JournalProof"""


class JournalProof(Message, frozen=True, kw_only=True, tag="journal-proof"):
    heads: dict[str, int]
    """Origin -> its last entry."""
    broken: dict[str, int]
    """Origin -> the first entry that its chain does not cover."""


# ---------------------------------------------------------------- subscription


class Subscribe(Message, frozen=True, kw_only=True, tag="subscribe!"):
    """From now on: one Snapshot, then what changes. -> Snapshot, then any of the messages below"""

    cib: bool = True
    events: bool = True
    journal: bool = False


class TransitionProgress(Message, frozen=True, kw_only=True, tag="transition"):
    """How far the DC is with the transition graph it carries out (known on every node)."""

    number: int
    state: str
    """running, done, aborted, waiting (for fencing or a human)"""
    done: int
    total: int
    cause: str = ""
    summary: tuple[str, ...] = ()
    """The planned changes: `Move prmPg (Started pm01 -> pm02)`."""
    started_at_ms: int


class Snapshot(Message, frozen=True, kw_only=True, tag="snapshot"):
    info: AgentInfo
    cib: CibDocument | None = None
    events: tuple[EventRecord, ...] = ()
    transition: TransitionProgress | None = None


class CibPatched(Message, frozen=True, kw_only=True, tag="cib-patched"):
    patch: Patch


class CibReplaced(Message, frozen=True, kw_only=True, tag="cib-replaced"):
    """The whole document, where a patch would not fit (joined another partition)."""

    cib: CibDocument


class InfoChanged(Message, frozen=True, kw_only=True, tag="info-changed"):
    info: AgentInfo


class EventHappened(Message, frozen=True, kw_only=True, tag="event"):
    event: EventRecord


class JournalGrew(Message, frozen=True, kw_only=True, tag="journal-grew"):
    entries: tuple[JournalEntry, ...]


class Beat(Message, frozen=True, kw_only=True, tag="beat"):
    """Every two seconds, so that a listener can tell silence from quiet."""

    at_ms: int


# ---------------------------------------------------------------- plain answers


class Done(Message, frozen=True, kw_only=True, tag="done"):
    pass


class Refused(Message, frozen=True, kw_only=True, tag="refused"):
    code: str
    """Stable: `cib.version`, `fence.node-is-heard`, `agent.no-dc`, `access`, …"""
    reason: str
    reason_ja: str = ""
    """The same in Japanese, where the agent can say it."""
    exit_code: int = 1
    """The crm exit code a command line tool ends with (crm_error)."""


class Why(NamedTuple):
    """Why not, in both languages."""

    en: str
    ja: str = ""
    """Empty where nobody but a device or the system said it."""


def refused(code: str, why: Why, exit_code: int = 1) -> Refused:
    return Refused(code=code, reason=why.en, reason_ja=why.ja, exit_code=exit_code)


Request = (
    AgentInfoQuery
    | CibQuery
    | CibVersionsQuery
    | CibVersionQuery
    | CibChange
    | AttributeUpdate
    | AttributeQuery
    | AttributeRefresh
    | ResourceCleanup
    | ResourceFail
    | NodeShutdown
    | NodeForget
    | AgentActionRun
    | AgentListQuery
    | FenceNode
    | FenceConfirm
    | FenceHistoryQuery
    | FenceHistoryClear
    | FenceDevicesQuery
    | MonitorStart
    | MonitorStop
    | MonitorQuery
    | EventsQuery
    | LogLine
    | JournalAppend
    | JournalQuery
    | JournalProofQuery
    | Subscribe
)

Reply = (
    AgentInfo
    | CibDocument
    | CibVersions
    | CibChanged
    | AttributeValues
    | Cleaned
    | AgentActionResult
    | AgentList
    | FenceHistory
    | FenceDevices
    | Events
    | JournalAppended
    | JournalEntries
    | JournalProof
    | Done
    | Refused
)

Update = (
    Snapshot
    | CibPatched
    | CibReplaced
    | InfoChanged
    | EventHappened
    | JournalGrew
    | TransitionProgress
    | Beat
    | Refused
)
