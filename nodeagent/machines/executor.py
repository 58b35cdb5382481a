"""Runs resource operations on this node, one at a time for each resource, and remembers how they ended.

Reads RunAction, CancelRecurring and ForgetHistory of the DC and OperationFinished of the shell; gives RunOperation,
KillOperation, and what the DC needs to know. A recurring operation runs again one interval after its last end.

Invariant: of one resource instance at most one operation runs, and its memory says what runs, so that a new DC
learns of operations that it did not order itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from hacluster.protocol import events
from hacluster.protocol.peers import (
    ActionDone,
    CancelRecurring,
    ForgetHistory,
    HistoryChanged,
    HistoryEntry,
    LrmResource,
    RunAction,
)
from nodeagent.machines.effects import KillOperation, OperationSpec, RunOperation, SaveRuntime
from nodeagent.machines.events import OperationFinished, Outcome, PeerHeard, PeerLeft
from nodeagent.machines.situation import Machine, Situation, on, on_message
from nodeagent.machines.status_section import (
    OP_CANCELLED,
    OP_DONE,
    OP_ERROR,
    OP_NOT_INSTALLED,
    OP_PENDING,
    OP_TIMED_OUT,
    RC_PENDING,
)

RC_NOT_RUNNING = 7
SAVE = "save"
SAVE_AFTER_MS = 500
"""How long what has ended may be missing in /run: the next agent would only look at it once more."""
_OP_STATUS = {
    Outcome.DONE: OP_DONE,
    Outcome.TIMED_OUT: OP_TIMED_OUT,
    Outcome.CANCELLED: OP_CANCELLED,
    Outcome.NOT_INSTALLED: OP_NOT_INSTALLED,
    Outcome.ERROR: OP_ERROR,
}
_CHANGES_STATE = ("start", "stop", "promote", "demote", "migrate_to", "migrate_from", "reload-agent")
_MAKES_ACTIVE = ("start", "promote", "migrate_to", "migrate_from")


@dataclass(slots=True)
class _Job:
    """One operation to run. `dc` and `term` say who waits for its end."""

    order: RunAction
    dc: str
    queued_ms: int
    is_first: bool = True
    """A recurring operation answers its action with its first end only."""
    token: int = 0
    is_cancelled: bool = False

    @property
    def key(self) -> tuple[str, int]:
        return self.order.operation, self.order.interval_ms


@dataclass(slots=True)
class _Instance:
    """All about one resource instance on this node."""

    queue: deque[_Job] = field(default_factory=deque)
    running: _Job | None = None
    recurring: dict[tuple[str, int], _Job] = field(default_factory=dict)
    entries: dict[tuple[str, int], HistoryEntry] = field(default_factory=dict)
    """Recurring ones by their key, the last other one under ("", 0)."""
    last_failure: HistoryEntry | None = None
    standard: str = ""
    provider: str = ""
    type: str = ""


class _Saved(msgspec.Struct, frozen=True):
    """One resource as an agent leaves it to the next agent on the same running machine."""

    memory: LrmResource
    recurring: tuple[RunAction, ...]


class _Runtime(msgspec.Struct, frozen=True):
    call_id: int
    resources: tuple[_Saved, ...]
    left: tuple[str, ...] = ()
    """Peers that had said goodbye: they run nothing, and need no fencing."""


class Executor(Machine):
    def __init__(self, here: Situation, runtime: bytes = b"") -> None:
        super().__init__(here)
        self._instances: dict[str, _Instance] = {}
        self._by_token: dict[int, str] = {}
        self._call_id = 0
        self._saved_left: tuple[str, ...] = ()
        if runtime:
            self._restore(msgspec.msgpack.decode(runtime, type=_Runtime))

    # Surviving the agent

    def _restore(self, runtime: _Runtime) -> None:
        """The agent ended and the machine did not: what it ran still runs, and is looked at again at once."""
        self._call_id = runtime.call_id
        self._saved_left = runtime.left
        self.here.left.update(runtime.left)
        for saved in runtime.resources:
            memory = saved.memory
            instance = _Instance(standard=memory.standard, provider=memory.provider, type=memory.type)
            instance.entries = {entry.key if entry.interval_ms else ("", 0): entry for entry in memory.entries}
            instance.last_failure = memory.last_failures[0] if memory.last_failures else None
            self._instances[memory.resource] = instance
            for order in saved.recurring:
                job = _Job(order, "", self.here.now_ms, is_first=False)
                instance.recurring[job.key] = job
                self.set_timer(_timer(memory.resource, job.key), 0)

    def _save(self) -> None:
        """What is under way is left out with all that was known of its resource, so the next agent probes it."""
        self.clear_timer(SAVE)
        resources = tuple(
            _Saved(self._memory(resource, instance), tuple(job.order for job in instance.recurring.values()))
            for resource, instance in self._instances.items()
            if instance.running is None or instance.running.order.operation not in _CHANGES_STATE
        )
        left = self._saved_left = tuple(sorted(self.here.left))
        self.give(SaveRuntime(msgspec.msgpack.encode(_Runtime(self._call_id, resources, left))))

    @on(PeerLeft, PeerHeard)
    def _peer_changed(self, event: PeerLeft | PeerHeard) -> None:
        # At once: a node that is back must not be taken for one that runs nothing.
        if isinstance(event, PeerLeft) or event.peer in self._saved_left:
            self._save()

    # What the DC orders

    @on_message(RunAction)
    def _run(self, peer: str, order: RunAction) -> None:
        if not self._is_from_dc(peer, order.term):
            return
        instance = self._instances.setdefault(order.resource, _Instance())
        instance.standard, instance.provider, instance.type = order.standard, order.provider, order.type
        job = _Job(order, peer, self.here.now_ms)
        if order.operation in ("start", "stop", "migrate_to"):
            self._drop_recurring(order.resource, instance)
        if order.interval_ms:
            self._stop_recurring(order.resource, instance, job.key)
        if not order.interval_ms and order.operation != "monitor":
            instance.queue = deque(waiting for waiting in instance.queue if waiting.order.interval_ms == 0)
        instance.queue.append(job)
        self._next(order.resource, instance)

    def _is_from_dc(self, peer: str, term: int) -> bool:
        return peer == self.here.dc and term == self.here.view.term

    @on_message(CancelRecurring)
    def _cancel(self, peer: str, order: CancelRecurring) -> None:
        if not self._is_from_dc(peer, order.term):
            return
        instance = self._instances.get(order.resource)
        if instance is not None:
            key = order.operation, order.interval_ms
            self._stop_recurring(order.resource, instance, key)
            instance.entries.pop(key, None)
        memory = self._memory(order.resource, instance) if instance is not None else None
        done = ActionDone(
            term=order.term, transition=order.transition, action=order.action, is_ok=True, entry=None, memory=memory
        )
        self.send(peer, done)

    @on_message(ForgetHistory)
    def _forget(self, peer: str, order: ForgetHistory) -> None:
        instance = self._instances.get(order.resource)
        if instance is None or not self._is_from_dc(peer, order.term):
            return
        if order.operation:
            key = (order.operation, order.interval_ms) if order.interval_ms else ("", 0)
            instance.entries.pop(key, None)
            if instance.last_failure is not None and instance.last_failure.key == (order.operation, order.interval_ms):
                instance.last_failure = None
            return
        self._drop_recurring(order.resource, instance)
        self.set_timer(SAVE, 0)
        instance.entries.clear()
        instance.last_failure = None
        if instance.running is None and not instance.queue:
            del self._instances[order.resource]

    def _drop_recurring(self, resource: str, instance: _Instance) -> None:
        """A resource that starts or stops is not looked at meanwhile, and what looking gave before says nothing."""
        for key in list(instance.recurring):
            self._stop_recurring(resource, instance, key)
        instance.queue = deque(job for job in instance.queue if not job.order.interval_ms)
        for key in [key for key in instance.entries if key[1]]:
            del instance.entries[key]
        if instance.running is not None and instance.running.order.interval_ms and not instance.running.is_cancelled:
            instance.running.is_cancelled = True
            self.give(KillOperation(instance.running.token))

    def _stop_recurring(self, resource: str, instance: _Instance, key: tuple[str, int]) -> None:
        instance.recurring.pop(key, None)
        self.clear_timer(_timer(resource, key))
        instance.queue = deque(job for job in instance.queue if job.key != key)
        running = instance.running
        if running is not None and running.key == key and key[1] and not running.is_cancelled:
            running.is_cancelled = True
            self.give(KillOperation(running.token))

    # Running

    def timer(self, name: str) -> None:
        if name == SAVE:
            self._save()
            return
        resource, operation, interval = name.rsplit(" ", 2)
        instance = self._instances.get(resource)
        job = instance.recurring.get((operation, int(interval))) if instance is not None else None
        if instance is None or job is None:
            return
        instance.queue.append(_Job(job.order, job.dc, self.here.now_ms, is_first=False))
        self._next(resource, instance)

    def _next(self, resource: str, instance: _Instance) -> None:
        if instance.running is not None or not instance.queue:
            return
        job = instance.queue.popleft()
        order = job.order
        job.token = self.here.token()
        instance.running = job
        self._by_token[job.token] = resource
        if order.operation in _CHANGES_STATE:
            self._save()
        if order.operation not in ("monitor", "notify"):
            self.publish(events.OP_STARTED, resource=resource, operation=order.operation)
        spec = OperationSpec(
            standard=order.standard,
            provider=order.provider,
            type=order.type,
            action=order.operation,
            resource=resource,
            parameters=order.parameters,
            meta=order.meta,
            interval_ms=order.interval_ms,
            timeout_ms=order.timeout_ms,
        )
        self.give(RunOperation(job.token, spec))

    @on(OperationFinished)
    def _finished(self, event: OperationFinished) -> None:
        resource = self._by_token.pop(event.token, None)
        if resource is None:
            return
        instance = self._instances[resource]
        job, instance.running = instance.running, None
        assert job is not None, "an operation ended while none was running"
        assert job.token == event.token, "an operation ended that was not the running one"
        self._call_id += 1
        if not job.is_cancelled:
            self._ended(resource, instance, job, self._entry(job, event))
        elif job.is_first:
            self._report(job, resource, instance, None, is_ok=False)
        self._next(resource, instance)

    def _entry(self, job: _Job, event: OperationFinished) -> HistoryEntry:
        order = job.order
        started_ms = self.here.wall_ms - event.exec_ms
        return HistoryEntry(
            resource=order.resource,
            standard=order.standard,
            provider=order.provider,
            type=order.type,
            operation=order.operation,
            interval_ms=order.interval_ms,
            call_id=self._call_id,
            rc=event.rc,
            op_status=_OP_STATUS[event.outcome],
            transition_key=order.transition_key,
            exit_reason=event.exit_reason,
            exec_ms=event.exec_ms,
            queue_ms=event.queue_ms,
            last_rc_change=started_ms // 1000,
            digests=order.digests,
            on_fail=order.on_fail,
            target_rc=order.expected_rc,
            meta=order.meta,
        )

    def _ended(self, resource: str, instance: _Instance, job: _Job, entry: HistoryEntry) -> None:
        is_ok = entry.op_status == OP_DONE and entry.rc == entry.target_rc
        self._tell_operator(entry, is_ok=is_ok)
        before = instance.entries.get(entry.key) if entry.interval_ms else None
        self._remember(instance, entry, is_ok=is_ok)
        if job.is_first:
            self.set_timer(SAVE, SAVE_AFTER_MS)
        if entry.interval_ms:
            instance.recurring[job.key] = job
            self.set_timer(_timer(resource, job.key), entry.interval_ms)
        has_changed = before is None or (before.rc, before.op_status) != (entry.rc, entry.op_status)
        if job.is_first or has_changed:
            self._report(job, resource, instance, entry, is_ok=is_ok)

    def _remember(self, instance: _Instance, entry: HistoryEntry, *, is_ok: bool) -> None:
        if entry.operation == "notify":
            return
        key = entry.key if entry.interval_ms else ("", 0)
        instance.entries[key] = entry
        is_probe = entry.operation == "monitor" and not entry.interval_ms
        if not is_ok and not is_probe:
            instance.last_failure = entry

    def _report(
        self, job: _Job, resource: str, instance: _Instance, entry: HistoryEntry | None, *, is_ok: bool
    ) -> None:
        """To the DC that ordered it, or to the one that is DC now; without one the memory tells it at the next join."""
        memory = self._memory(resource, instance)
        order = job.order
        if job.is_first and self._is_from_dc(job.dc, order.term):
            done = ActionDone(
                term=order.term,
                transition=order.transition,
                action=order.action,
                is_ok=is_ok,
                entry=entry,
                memory=memory,
            )
            self.send(job.dc, done)
        elif self.here.dc and entry is not None:
            self.send(self.here.dc, HistoryChanged(entry=entry, memory=memory))

    def _tell_operator(self, entry: HistoryEntry, *, is_ok: bool) -> None:
        is_probe = entry.operation == "monitor" and not entry.interval_ms
        if is_probe or entry.operation == "notify":
            return
        fields = {"resource": entry.resource, "operation": entry.operation, "rc": str(entry.rc)}
        if is_ok:
            if entry.operation != "monitor":
                done = events.OPERATION_DONE.get(entry.operation, entry.operation)
                self.publish(events.OP_OK, **fields, done=done)
        elif entry.op_status == OP_TIMED_OUT:
            self.publish(events.OP_TIMEOUT, **fields)
        elif entry.operation == "monitor" and entry.rc == RC_NOT_RUNNING:
            self.publish(events.NOT_RUNNING, **fields)
        else:
            self.publish(events.OP_FAILED, **fields, text=entry.exit_reason)

    # Memory

    def _memory(self, resource: str, instance: _Instance) -> LrmResource:
        failures = () if instance.last_failure is None else (instance.last_failure,)
        return LrmResource(
            resource=resource,
            standard=instance.standard,
            provider=instance.provider,
            type=instance.type,
            entries=tuple(instance.entries.values()),
            last_failures=failures,
        )

    def memory(self) -> tuple[LrmResource, ...]:
        """All that this node remembers; an operation under way that makes something active is told as pending.

        Until a stop or a demotion has ended, what it ends counts as active: a pending stop in the place of the start
        before it would read as if nothing ran here, and the service would be started elsewhere meanwhile. What still
        waits behind it was ordered by a DC that is gone, so it is dropped here.
        """
        told = []
        for resource, instance in list(self._instances.items()):
            instance.queue = deque(job for job in instance.queue if not job.is_first)
            memory = self._memory(resource, instance)
            if instance.running is not None and instance.running.order.operation in _MAKES_ACTIVE:
                memory = _with_pending(memory, self._pending(instance.running))
            if memory.entries:
                told.append(memory)
        return tuple(told)

    def _pending(self, job: _Job) -> HistoryEntry:
        unknown = OperationFinished(job.token, RC_PENDING)
        entry = self._entry(job, unknown)
        return msgspec.structs.replace(entry, op_status=OP_PENDING, rc=RC_PENDING, call_id=-1)

    def is_news_to(self, known: dict[str, int]) -> bool:
        """Whether an operation has ended here that somebody who knows of these calls has not heard of yet."""
        last = ((name, instance.entries.get(("", 0))) for name, instance in self._instances.items())
        return any(entry is not None and entry.call_id > known.get(name, -1) for name, entry in last)

    def is_acting(self) -> bool:
        """Whether an operation that changes something is under way or waits."""
        return any(
            job.order.operation in _CHANGES_STATE
            for instance in self._instances.values()
            for job in (*instance.queue, *([instance.running] if instance.running else ()))
        )


def _timer(resource: str, key: tuple[str, int]) -> str:
    return f"{resource} {key[0]} {key[1]}"


def _with_pending(memory: LrmResource, pending: HistoryEntry) -> LrmResource:
    others = tuple(entry for entry in memory.entries if entry.interval_ms)
    return msgspec.structs.replace(memory, entries=(*others, pending))
