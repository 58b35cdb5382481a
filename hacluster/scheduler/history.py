"""What the operation history means: where each resource is active, in which role, and what has failed.

Reads the status section node by node; writes roles, failures, bans, failcounts to clear and the nodes that must be
fenced into the working model (exit codes and on-fail: reference/ocf-agents 4, heartbeat 3).
"""

from __future__ import annotations

from enum import IntEnum

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import Operation, history_of, node_states, transient_attributes
from hacluster.scheduler.expiry import is_forgiven
from hacluster.scheduler.migrations import read_failed_migrate_from, read_failed_migrate_to, read_migrated
from hacluster.scheduler.on_fail import OnFail, can_fence, on_fail_of
from hacluster.scheduler.reading import (
    OCF_NOT_RUNNING,
    OCF_OK,
    PENDING_RC,
    STATUS_PENDING,
    Reading,
    add_running,
    mark_unclean,
    operations_of,
    started,
)
from hacluster.scheduler.remotes import is_connected, judge_remote, meet_orphan, tie_orphan
from hacluster.scheduler.unpack import Maker, unpack
from hacluster.scheduler.values import boolean, is_true
from hacluster.scheduler.words import role_of
from hacluster.scheduler.working import (
    NOTHING_LEFT_OUT,
    Cluster,
    LeftOut,
    Node,
    NodeKind,
    Resource,
    Role,
    Variant,
)

OCF_UNIMPLEMENTED = 3
OCF_NOT_INSTALLED = 5
OCF_NOT_CONFIGURED = 6
OCF_RUNNING_PROMOTED = 8
OCF_FAILED_PROMOTED = 9
HARD_ERRORS = {2: "invalid parameter", 3: "unimplemented", 4: "insufficient privileges", 5: "not installed"}
_DEGRADED = {190: OCF_OK, 191: OCF_RUNNING_PROMOTED}
_MASKED_PROBES = (2, OCF_NOT_INSTALLED)
STATUS_DONE = 0
STATUS_CANCELLED = 1
STATUS_ERROR = 4
STATUS_NOT_INSTALLED = 7

_LASTING = (OnFail.MIGRATE, OnFail.STOP, OnFail.STANDBY, OnFail.FENCE)
"""What such a failure asked for holds until it is cleaned up, even if the resource has become well since."""


class Outcome(IntEnum):
    """What the result of an operation amounts to."""

    DONE = 0
    PENDING = 1
    IGNORED = 2
    ERROR = 3
    HARD = 4
    FATAL = 5
    MASKED = 6


def read_cluster(cib: Cib, now: float, left_out: LeftOut = NOTHING_LEFT_OUT) -> Cluster:
    """The working model with everything the status section says."""
    cluster, maker = unpack(cib, now)
    cluster.left_out = left_out
    cluster.options.has_fence_devices |= left_out.has_fence_devices
    interpret(cib, cluster, maker)
    return cluster


def interpret(cib: Cib, cluster: Cluster, maker: Maker) -> None:
    """Read all histories, and what follows from all of them together."""
    for resource in cluster.primitives():
        _want_role(resource)
    states = list(node_states(cib))
    if not cluster.options.has_quorum and cluster.options.no_quorum_policy == "suicide":
        for index in cluster.states:
            if cluster.nodes[index].is_online:
                mark_unclean(cluster.nodes[index], "cluster does not have quorum")
    _read_histories(cluster, maker, states)
    for node in cluster.nodes:
        node.was_online = node.is_online
    for resource in cluster.primitives():
        if resource.role is Role.UNKNOWN:
            resource.role = Role.STOPPED
        if resource.clone is None:
            # Outside a clone a resource has one role, wherever it runs.
            resource.active = dict.fromkeys(resource.active, resource.role)


def _read_histories(cluster: Cluster, maker: Maker, states: list[Element]) -> None:
    """In the order in which they stand; what a remote node says, once its connection is known to be up."""
    is_reading, judged = True, set()
    while is_reading:
        is_reading = False
        for state in states:
            node = _node_of(cluster, state)
            if node is not None and node.index not in judged and _can_be_read(cluster, node):
                is_reading = True
                judged.add(node.index)
                _read_state(cluster, maker, node, state)
    for state in states if cluster.options.fencing_enabled else ():
        node = _node_of(cluster, state)
        if node is not None and node.index not in judged:
            judged.add(node.index)
            _read_state(cluster, maker, node, state)
    for node in cluster.nodes:
        if node.kind is NodeKind.CLUSTER:
            continue
        if node.is_shutting_down and node.connection is not None:
            node.connection.next_role = Role.STOPPED
        if node.index not in judged:
            judge_remote(cluster, node)


def _node_of(cluster: Cluster, state: Element) -> Node | None:
    """Also a remote node that only a connection in the histories tells of."""
    node = cluster.by_uname.get(state.get("uname")) or next((one for one in cluster.nodes if one.id == state.id), None)
    if node is None:
        return None
    if node.kind is not NodeKind.CLUSTER and node.index not in cluster.states:
        cluster.states[node.index] = state
        node.attributes |= transient_attributes(state)
        node.has_failures = any(name.startswith("fail-count-") for name in node.attributes)
        node.was_seen = True
    return node


def _can_be_read(cluster: Cluster, node: Node) -> bool:
    """The dead have less to say: without fencing, and where nothing waits for them, nobody asks what they had."""
    has_locks = is_true(cluster.options.values.get("shutdown-lock", ""))
    match node.kind:
        case NodeKind.CLUSTER:
            return node.is_online or cluster.options.fencing_enabled or has_locks
        case NodeKind.REMOTE:
            return node.connection is not None and (has_locks or is_connected(node))
        case NodeKind.GUEST:
            return is_connected(node)


def _read_state(cluster: Cluster, maker: Maker, node: Node, state: Element) -> None:
    if node.kind is NodeKind.CLUSTER:
        _read_node(cluster, maker, node, state)
    else:
        _meet_remote(cluster, maker, node, state)


def _meet_remote(cluster: Cluster, maker: Maker, node: Node, state: Element) -> None:
    judge_remote(cluster, node)
    if not node.requires_reset:
        node.is_unclean = node.is_unseen = False
    node.attributes |= transient_attributes(state)
    node.has_failures = any(name.startswith("fail-count-") for name in node.attributes)
    asked = node.attributes.get
    node.is_standby = is_true(asked("standby", ""))
    node.is_shutting_down = node.is_shutting_down or asked("shutdown", "0") not in ("", "0")
    if node.kind is NodeKind.GUEST or cluster.options.fencing_enabled:
        node.is_searched = boolean(asked("resource-discovery-enabled", ""), True)
    is_held = node.connection is not None and not node.connection.is_managed
    node.is_in_maintenance = is_held or is_true(asked("maintenance", ""))
    _read_node(cluster, maker, node, state)


def _read_node(cluster: Cluster, maker: Maker, node: Node, state: Element) -> None:
    for entry in history_of(state):
        is_absent = _says_only_no(entry)
        operations = [] if is_absent else operations_of(entry, node)
        if not is_absent and not operations:
            continue
        resource = _resource_of(cluster, maker, node, entry)
        resource.entries[node.index] = entry
        if is_absent and not resource.failure_timeout_ms:
            _note_absence(resource, node)
            continue
        resource.history[node.index] = operations or operations_of(entry, node)
        _read_resource(cluster, resource, node, resource.history[node.index])
        if node.index in resource.active:
            _note_name(resource, entry.id)
    for entry in history_of(state) if cluster.orphans else ():
        if entry.get("container") and entry.id in cluster.orphans:
            tie_orphan(cluster, cluster.orphans[entry.id], entry.get("container"))


def _note_name(resource: Resource, name: str) -> None:
    """What an instance that runs is called there; one that doesn't run takes no old name over."""
    if name != resource.id:
        resource.old_name = name


def _says_only_no(entry: Element) -> bool:
    """One probe that found nothing, as expected: nearly all of a large cluster's history is that."""
    if len(entry.children) != 1 or entry.children[0].tag != "lrm_rsc_op":
        return False
    get = entry.children[0].attributes.get
    if get("rc-code") != "7" or get("operation") != "monitor" or get("op-status") != "0" or get("interval") != "0":
        return False
    return get("transition-key", "").split(":")[2:3] == ["7"]


def _note_absence(resource: Resource, node: Node) -> None:
    resource.next_role = Role.UNKNOWN
    _remember_known(resource, node)
    _want_role(resource)
    resource.role = max(resource.role, Role.STOPPED)


# ---------------------------------------------------------------- whose history it is


def _resource_of(cluster: Cluster, maker: Maker, node: Node, entry: Element) -> Resource:
    """The resource a history belongs to; of an anonymous clone, the instance that is active there, or a free one."""
    base = entry.id.rsplit(":", 1)[0]
    sample = cluster.by_id.get(entry.id) or cluster.by_id.get(base)
    if sample is None or sample.variant is not Variant.PRIMITIVE or sample.is_orphan:
        return _orphan(cluster, maker, entry)
    clone = sample.clone
    if clone is None:
        return sample if sample.id == entry.id else _orphan(cluster, maker, entry)
    if clone.is_unique:
        exact = cluster.by_id.get(entry.id)
        return exact if exact is not None and exact.id == entry.id else _orphan(cluster, maker, entry)
    found = _instance_on(clone, sample.base_id, node)
    if found is not None and found.requires in ("quorum", "nothing") and _is_forgone(cluster, clone, node):
        # Nobody waits for such a node: what it had must not use up an instance that could start elsewhere.
        found = None
    return found or _spare_instance(cluster, maker, clone, sample.base_id)


def _is_forgone(cluster: Cluster, clone: Resource, node: Node) -> bool:
    """A node that is off or unclean, where there are fewer instances than nodes; a guest can always be restarted."""
    is_off = (not node.is_online or node.is_unclean) and node.kind is not NodeKind.GUEST
    return is_off and clone.clone_max != len(cluster.nodes)


def _orphan(cluster: Cluster, maker: Maker, entry: Element) -> Resource:
    known = cluster.orphans.get(entry.id)
    if known is not None:
        return known
    orphan = maker.make_orphan(entry)
    meet_orphan(cluster, orphan)
    return orphan


def _instance_on(clone: Resource, base: str, node: Node) -> Resource | None:
    """The instance of that primitive for this node: where a sibling is active already, else the first idle one."""
    for replica in clone.bundle.replicas if clone.bundle is not None else ():
        if replica.node == node.index:
            return replica.child
    idle: Resource | None = None
    for instance in clone.children:
        is_group = instance.variant is Variant.GROUP
        part = next((part for part in instance.primitives() if part.base_id == base), None) if is_group else instance
        if part is None or part.base_id != base:
            continue
        homes = instance.homes_now
        if homes[:1] == [node.index]:
            # Where the primitive itself is active already, this is another one of it, from before a change.
            return part if node.index not in part.active else None
        waits_elsewhere = part.pending_node is not None and part.pending_node != node.index
        if not homes and idle is None and not instance.is_blocked and not waits_elsewhere:
            idle = part
    return idle


def _spare_instance(cluster: Cluster, maker: Maker, clone: Resource, base: str) -> Resource:
    child = next(clone.element.all("primitive", "group"))
    instance = maker.add_instance(clone, child, len(clone.children))
    for reason in clone.reasons:
        # So far, these are the bans of failed siblings: they hold for this one too.
        instance.ban([cluster.by_uname[reason.node]], reason.cause)
    for part in instance.walk():
        part.is_orphan = True
    return next(part for part in instance.primitives() if part.base_id == base)


# ---------------------------------------------------------------- one resource on one node


def _read_resource(cluster: Cluster, resource: Resource, node: Node, operations: list[Operation]) -> None:
    before = resource.role
    reading = Reading(cluster, resource, node)
    for operation in operations:
        _read(reading, operation)
    _conclude(reading)
    _want_role(resource)
    resource.role = max(before, reading.role)


def _want_role(resource: Resource) -> None:
    wanted = target_role(resource) if "target-role" in resource.meta else None
    if wanted is not None and (resource.next_role is Role.UNKNOWN or wanted < resource.next_role):
        resource.next_role = wanted


def target_role(resource: Resource) -> Role | None:
    """`target-role`, where it takes something away: Stopped, or Unpromoted for a promotable one."""
    role = role_of(resource.meta.get("target-role", ""))
    if role is Role.STOPPED:
        return role
    clone = resource if resource.variant is Variant.CLONE else resource.clone
    is_promotable = clone is not None and clone.is_promotable
    return role if role is Role.UNPROMOTED and is_promotable else None


def _read(reading: Reading, operation: Operation) -> None:
    if operation.name in ("notify", "meta-data", "delete"):
        return
    match _outcome(reading, operation):
        case Outcome.IGNORED:
            return
        case Outcome.PENDING:
            _read_pending(reading, operation)
        case Outcome.DONE:
            _read_success(reading, operation, _DEGRADED.get(operation.rc, operation.rc))
        case Outcome.MASKED:
            reading.role = Role.STOPPED
            _widest(reading.resource).ban([reading.node], f"the probe said: {HARD_ERRORS.get(operation.rc, 'no')}")
        case outcome:
            _read_failure(reading, operation, outcome)


def _outcome(reading: Reading, operation: Operation) -> Outcome:
    has_expired = operation.status != STATUS_NOT_INSTALLED and is_forgiven(reading, operation)
    if operation.status == STATUS_PENDING or operation.rc == PENDING_RC:
        return Outcome.PENDING
    if operation.status == STATUS_CANCELLED:
        return Outcome.IGNORED
    if operation.is_probe and (operation.rc in _MASKED_PROBES or operation.status == STATUS_NOT_INSTALLED):
        return Outcome.IGNORED if has_expired else Outcome.MASKED
    outcome = _judge(reading, operation, _DEGRADED.get(operation.rc, operation.rc))
    if has_expired and outcome is not Outcome.DONE:
        if operation.interval_ms and operation.element.get("op-digest"):
            reading.resource.reschedule.add((reading.node.index, operation.id))
        return Outcome.IGNORED
    return outcome


def _judge(reading: Reading, operation: Operation, rc: int) -> Outcome:
    if operation.status not in (STATUS_DONE, STATUS_ERROR):
        return Outcome.HARD if operation.status == STATUS_NOT_INSTALLED else Outcome.ERROR
    if rc == operation.expected_rc:
        return Outcome.DONE
    if rc == OCF_OK:
        return Outcome.DONE if operation.is_probe else Outcome.ERROR
    if rc == OCF_NOT_RUNNING:
        if operation.is_probe or not reading.resource.is_managed:
            reading.role, reading.on_fail = Role.STOPPED, OnFail.IGNORE
            reading.resource.next_role = Role.UNKNOWN
            return Outcome.DONE
        return Outcome.ERROR
    if rc == OCF_RUNNING_PROMOTED:
        reading.role = Role.PROMOTED
        return Outcome.DONE if operation.is_probe else Outcome.ERROR
    if rc == OCF_FAILED_PROMOTED:
        reading.role = Role.PROMOTED
        return Outcome.ERROR
    if rc == OCF_NOT_CONFIGURED:
        return Outcome.FATAL
    if rc in HARD_ERRORS and not (rc == OCF_UNIMPLEMENTED and operation.interval_ms):
        cannot_fence = operation.name == "stop" and not can_fence(reading.cluster, reading.node)
        return Outcome.FATAL if cannot_fence else Outcome.HARD
    return Outcome.ERROR


# ---------------------------------------------------------------- results


def _read_pending(reading: Reading, operation: Operation) -> None:
    resource, node = reading.resource, reading.node
    match operation.name:
        case "start":
            resource.start_pending = True
            reading.role = started(resource)
        case "promote":
            reading.role = Role.PROMOTED
        case "migrate_to" if not node.is_unclean:
            target = reading.cluster.by_uname.get(operation.element.get("migrate_target"))
            if target is not None:
                resource.migrating = (node.index, target.index)
    if resource.pending_node is None and not operation.is_probe:
        resource.pending_node = node.index


def _read_success(reading: Reading, operation: Operation, rc: int) -> None:
    clears = False
    if rc == OCF_NOT_INSTALLED:
        reading.role = Role.STOPPED
    elif rc == OCF_NOT_RUNNING:
        reading.role, clears = Role.STOPPED, True
    else:
        clears = _read_by_name(reading, operation, rc)
    if clears and reading.on_fail not in _LASTING:
        reading.on_fail = OnFail.IGNORE
        reading.resource.next_role = Role.UNKNOWN


def _read_by_name(reading: Reading, operation: Operation, rc: int) -> bool:
    """The role after a success; gives whether earlier failures are over."""
    match operation.name:
        case "monitor" | "status":
            failed = reading.last_failure
            if rc == OCF_RUNNING_PROMOTED:
                reading.role = Role.PROMOTED
            elif reading.role < Role.STARTED:
                reading.role = started(reading.resource)
            return failed is not None and _is_same(operation, failed)
        case "start" | "migrate_from":
            reading.role = started(reading.resource)
        case "stop":
            reading.role = Role.STOPPED
        case "promote":
            reading.role = Role.PROMOTED
        case "demote":
            reading.role = Role.UNPROMOTED
            return reading.on_fail is OnFail.DEMOTE
        case "migrate_to":
            read_migrated(reading, operation)
            return False
        case _:
            if reading.role < Role.STARTED:
                reading.role = started(reading.resource)
            return False
    return True


def _is_same(one: Operation, other: Operation) -> bool:
    return (one.name, one.interval_ms) == (other.name, other.interval_ms)


def _read_failure(reading: Reading, operation: Operation, outcome: Outcome) -> None:
    cluster, resource, node = reading.cluster, reading.resource, reading.node
    on_fail = on_fail_of(cluster, resource, operation.name, operation.interval_ms)
    is_undone = on_fail is OnFail.RESTART_CONTAINER and operation.name == "stop"
    if on_fail is OnFail.IGNORE or is_undone:
        # What could not be stopped ends with its container.
        _read_success(reading, operation, operation.expected_rc)
        resource.ignores_failures = True
        if is_undone and reading.on_fail <= OnFail.RECOVER:
            reading.on_fail = on_fail
        return
    _note_failure(reading, operation, on_fail)
    if outcome is Outcome.HARD:
        _widest(resource).ban([node], f"{operation.name} said: {HARD_ERRORS.get(operation.rc, 'not installed')}")
    elif outcome is Outcome.FATAL:
        _widest(resource).ban(cluster.nodes, f"{operation.name} on {node.uname} said: not configured")


def _note_failure(reading: Reading, operation: Operation, on_fail: OnFail) -> None:
    resource, node = reading.resource, reading.node
    reading.last_failure = operation
    reading.on_fail = max(reading.on_fail, on_fail)
    match operation.name:
        case "stop":
            resource.ban([node], "stop failed")
        case "migrate_to":
            read_failed_migrate_to(reading, operation)
        case "migrate_from":
            read_failed_migrate_from(reading, operation)
        case "promote":
            reading.role = Role.PROMOTED
        case "demote" if on_fail is OnFail.BLOCK:
            reading.role, resource.next_role = Role.PROMOTED, Role.STOPPED
        case "demote":
            reading.role = Role.STOPPED if operation.rc == OCF_NOT_RUNNING else Role.UNPROMOTED
    if operation.is_probe and operation.rc == OCF_NOT_INSTALLED:
        reading.role = Role.STOPPED
    elif reading.role < Role.STARTED:
        reading.role = started(resource)
    role = _role_after(resource, operation, on_fail)
    if role is not Role.STARTED and resource.next_role < role:
        resource.next_role = role
    if role is Role.STOPPED:
        _widest(resource).ban(reading.cluster.nodes, f"{operation.name} failed, and on-fail is stop")


def _role_after(resource: Resource, operation: Operation, on_fail: OnFail) -> Role:
    if on_fail is OnFail.STOP or (on_fail is OnFail.RESET_REMOTE and resource.reconnect_ms):
        return Role.STOPPED
    return Role.UNPROMOTED if operation.name == "promote" else Role.STARTED


def _widest(resource: Resource) -> Resource:
    """A failure of one anonymous instance speaks for the whole clone."""
    return resource.top if resource.is_anonymous else resource


# ---------------------------------------------------------------- consequences


def _conclude(reading: Reading) -> None:
    cluster, resource, node = reading.cluster, reading.resource, reading.node
    if reading.role is not Role.UNKNOWN:
        _remember_known(resource, node)
    is_running = reading.role > Role.STOPPED
    if is_running and resource.is_managed and not (node.is_online or node.is_in_maintenance):
        _assume_the_worst(cluster, resource, node)
    found = OnFail.IGNORE if node.is_unclean else reading.on_fail
    match found:
        case OnFail.DEMOTE:
            resource.is_failed = True
            resource.must_be_demoted.add(node.index)
        case OnFail.FENCE:
            mark_unclean(node, f"{resource.id} failed there")
        case OnFail.RESET_REMOTE:
            _reset_remote(reading)
        case OnFail.RESTART_CONTAINER:
            resource.is_failed = resource.must_stop = True
            assert resource.container is not None
            resource.container.must_restart = True
        case OnFail.STANDBY:
            node.is_standby = True
        case OnFail.BLOCK:
            resource.is_managed, resource.is_blocked = False, True
        case OnFail.MIGRATE:
            resource.ban([node], "failed, and on-fail is migrate")
        case OnFail.STOP:
            resource.next_role = Role.STOPPED
        case OnFail.RECOVER if is_running:
            resource.is_failed = resource.must_stop = True
            resource.failed_on.add(node.index)
    if resource.is_failed and resource.connects_to is not None:
        # A connection that broke is no proof of anything: an unclean node behind it is fenced in any case.
        cluster.nodes[resource.connects_to].is_unseen = False
    if not is_running:
        return
    add_running(cluster, resource, node, reading.role)
    if found is not OnFail.IGNORE:
        resource.is_failed = True
        resource.failed_on.add(node.index)
        if found not in (OnFail.DEMOTE, OnFail.BLOCK):
            resource.must_stop = True


def _assume_the_worst(cluster: Cluster, resource: Resource, node: Node) -> None:
    """It may still run where nobody can ask. A guest is fenced by a restart of what it is, with or without devices."""
    if node.kind is NodeKind.GUEST:
        resource.is_failed = resource.must_stop = True
    elif not cluster.options.fencing_enabled:
        return
    if node.kind is NodeKind.REMOTE and node.connection is not None:
        # It is fenced only if its connection can't start anywhere.
        node.is_unseen = node.is_unseen or not node.connection.is_failed
    mark_unclean(node, f"{resource.shown_id} is thought to be active there")


def _reset_remote(reading: Reading) -> None:
    """A connection broke: the remote node is fenced, unless that has been done."""
    cluster, resource = reading.cluster, reading.resource
    resource.is_failed = resource.must_stop = True
    if resource.connects_to is not None:
        remote = cluster.nodes[resource.connects_to]
        if cluster.options.fencing_enabled and not remote.was_fenced:
            mark_unclean(remote, "remote connection is unrecoverable")
    if resource.reconnect_ms:
        resource.next_role = Role.STOPPED


def _remember_known(resource: Resource, node: Node) -> None:
    """Siblings of an anonymous clone share what is known."""
    above: Resource | None = resource
    while above is not None:
        above.known_on.add(node.index)
        if above.variant is not Variant.CLONE and above.clone is not None and above.clone.is_unique:
            break
        above = above.parent
