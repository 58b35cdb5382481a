"""Has nodes fenced: device after device, on whichever member can, until one has done it or a human says so.

Reads FenceNeeded, the devices in the CIB, the answers of devices and FenceConfirm; gives FencingFinished, the fencing
history (equal on all members), and RunFenceDevice on the node that is asked to.

Invariant: a target counts as fenced only after a device said so, or a human did. Equal requests are one request. A
target that could not be fenced is tried again, ever more slowly, and the operator is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from hacluster.protocol import events
from hacluster.protocol import messages as say
from hacluster.protocol.messages import FenceDevice, FenceHistory, FenceRecord
from hacluster.protocol.peers import ExpelledFrom, FenceAnswered, FenceAsked, FenceCancelled, FenceRecorded
from nodeagent.machines.effects import FenceDeviceSpec, KillFenceDevice, RebootSelf, RunFenceDevice
from nodeagent.machines.events import (
    DcElected,
    DcGone,
    FenceDeviceFinished,
    FenceNeeded,
    FencingFinished,
    MemberGone,
    MemberJoined,
    PeerHeard,
    ViewChanged,
)
from nodeagent.machines.fence_delay import priority_delay_ms
from nodeagent.machines.fence_devices import Device, Step, devices, steps_for, time_ms
from nodeagent.machines.join import NO_QUORUM
from nodeagent.machines.situation import Machine, Situation, Tie, on, on_message

ATTEMPTS_ALERT = 10
RETRY_MS_MIN = 500
RETRY_MS_MAX = 30_000
SLACK_MS = 10_000
HISTORY_MAX = 500
Waiter = Callable[[bool, say.Why], None]
DC_CHANGED = say.Why("the DC changed", "DC が交代しました")


@dataclass(slots=True)
class _Request:
    """One target being fenced, at the DC."""

    id: int
    target: str
    action: str
    client: str
    incarnation: int
    plan: list[tuple[str, Step]]
    """(action, devices) still to be tried; the first is the current one."""
    pending: list[Device] = field(default_factory=list)
    """Devices of the current step that have not answered yet; the first runs."""
    executor: str = ""
    tried: set[tuple[str, str]] = field(default_factory=set)
    """(device, executor)"""
    started_at_ms: int = 0
    reason: str = "no fence device can reach it"
    timeout_ms: int = 0
    """What the requester gives a device that has no time of its own; 0 is the cluster's stonith-timeout."""
    delay_ms: int = 0
    """What the weaker side waits before its first device."""
    is_tail: bool = False
    """The off phase has succeeded; switching on again decides nothing."""


class Fencing(Machine):
    def __init__(self, here: Situation) -> None:
        super().__init__(here)
        self._requests: dict[str, _Request] = {}
        self._waiters: dict[str, list[Waiter]] = {}
        self._attempts: dict[str, int] = {}
        self._delayed: dict[str, FenceNeeded] = {}
        self._known: dict[str, int] = {}
        """Peer -> the last incarnation that was heard."""
        self._held: set[str] = set()
        """Whom this side did not fence because it had not won the tie."""
        self._next_id = 0
        self._records: list[FenceRecord] = []
        self._waiting_for_human: set[str] = set()
        self._running: dict[int, tuple[str, FenceAsked]] = {}
        """Token -> (asking DC, what it asked), on the executing node."""

    @on(PeerHeard)
    def _heard(self, event: PeerHeard) -> None:
        self._known[event.peer] = event.incarnation
        self._attempts.pop(event.peer, None)

    # Requests

    @on(FenceNeeded)
    def _needed(self, event: FenceNeeded) -> None:
        if not self.here.is_dc or event.target in self._requests or event.target in self._delayed:
            return
        attempts = self._attempts.get(event.target, 0)
        if attempts == 0:
            self._begin(event)
        else:
            self._delayed[event.target] = event
            self.set_timer(f"retry {event.target}", min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** min(attempts - 1, 10)))

    def wait(self, target: str, waiter: Waiter) -> None:
        """Hear of the end of the request for this target."""
        self._waiters.setdefault(target, []).append(waiter)

    def timer(self, name: str) -> None:
        verb, _, target = name.partition(" ")
        if verb == "retry":
            event = self._delayed.pop(target, None)
            if event is not None:
                self._begin(event)
        else:
            request = self._requests.get(target)
            if request is not None:
                self._device_ended(request, is_ok=False, reason="it gave no answer in time")

    @on(ViewChanged)
    def _view_changed(self, event: ViewChanged) -> None:
        """A partition that has lost its quorum does not try again by itself: the scheduler says what it may."""
        if self.here.tie not in (Tie.ASKED, Tie.LOST):
            self._held.clear()
        if not self.here.is_dc or self.here.view.has_quorum:
            return
        for target in [target for target in self._delayed if target not in self.here.view.members]:
            del self._delayed[target]
            self.clear_timer(f"retry {target}")
            self._tell_waiters(target, is_ok=False, why=say.Why("quorum was lost", "クォーラムを失いました"))
            self.give(FencingFinished(target, False, self.here.name))

    def _begin(self, event: FenceNeeded) -> None:
        if self._must_fence_itself(event.target):
            self._order_self_fencing(event.target)
            return
        if event.target == self.here.name and not self.here.members_but_self():
            self.give(RebootSelf("this node must be fenced and nobody else can do it"))
            return
        if self.here.tie in (Tie.ASKED, Tie.LOST) and event.target not in self.here.view.members:
            self._hold(event)
            return
        self._next_id += 1
        action = event.action or "reboot"
        request = _Request(
            id=self.here.incarnation * 1_000_000 + self._next_id,
            target=event.target,
            action=action,
            client=event.client,
            incarnation=self._known.get(event.target, 0),
            plan=_plan(action, steps_for(self.here.cib, event.target)),
            started_at_ms=self.here.wall_ms,
            timeout_ms=event.timeout_ms,
            delay_ms=priority_delay_ms(self.here.cib, event.target, self.here.view.members, self.here.node_names()),
        )
        self._requests[event.target] = request
        self.publish(events.FENCE_REQUESTED, action=action, node=event.target)
        self._record(self._record_of(request, "pending"))
        self._next_step(request)

    def _must_fence_itself(self, target: str) -> bool:
        """Without quorum and with the policy suicide each member sees to its own end; no device may be in reach."""
        is_minority = not self.here.view.has_quorum and target in self.here.view.members
        return is_minority and self.here.option("no-quorum-policy") in ("suicide", "fence")

    def _order_self_fencing(self, target: str) -> None:
        if target == self.here.name:
            self.give(RebootSelf("quorum was lost, and no-quorum-policy is suicide"))
        else:
            self.send(target, ExpelledFrom(term=self.here.view.term, reason=NO_QUORUM))

    def _hold(self, event: FenceNeeded) -> None:
        """The half that has not won the tie waits: the other one runs, or will say so by fencing this one."""
        if event.target not in self._held:
            self._held.add(event.target)
            self.publish(events.FENCE_HELD, node=event.target)
        why = say.Why("this side has not won the tie", "こちら側はタイブレークに勝てませんでした")
        self._tell_waiters(event.target, is_ok=False, why=why)
        self.give(FencingFinished(event.target, False, self.here.name))

    def _next_step(self, request: _Request) -> None:
        if not request.plan:
            self._end(request, is_ok=request.is_tail)
            return
        request.pending = list(request.plan[0][1])
        self._next_device(request)

    def _next_device(self, request: _Request) -> None:
        if not request.pending:
            self._step_succeeded(request)
            return
        device = request.pending[0]
        executor = self._executor(device, request)
        if executor is None:
            self._device_ended(request, is_ok=False, reason=request.reason)
            return
        request.executor = executor
        request.tried.add((device.id, executor))
        self._ask(request, device, executor)

    def _executor(self, device: Device, request: _Request) -> str | None:
        """Where the device is started; else this node; else any other member. Never the target while others can."""
        members = sorted(self.here.view.members, key=lambda name: (name != self.here.name, name))
        running = [name for name in members if self._runs_on(device.id, name)]
        candidates = [*running, *(name for name in members if name not in running)]
        for name in candidates:
            if name != request.target and (device.id, name) not in request.tried:
                return name
        return None

    def _runs_on(self, resource: str, node: str) -> bool:
        for state in self.here.cib.status.all("node_state"):
            if state.get("uname") != node:
                continue
            for entry in state.walk():
                if entry.tag == "lrm_resource" and entry.id == resource:
                    return any(op.get("operation") == "start" and op.get("rc-code") == "0" for op in entry.children)
        return False

    def _ask(self, request: _Request, device: Device, executor: str) -> None:
        action = request.plan[0][0]
        base, most = device.delays_ms(request.target)
        spread = most - base
        base += request.delay_ms
        request.delay_ms = 0
        delay_ms = base + (self.here.luck.randrange(spread) if spread > 0 else 0)
        timeout_ms = self._timeout_ms(device, request.action, request.timeout_ms)
        self.set_timer(f"device {request.target}", delay_ms + timeout_ms + SLACK_MS)
        asked = FenceAsked(
            request_id=request.id,
            device=device.id,
            target=request.target,
            action=action,
            attempt=self._attempts.get(request.target, 0),
            delay_ms=delay_ms,
            timeout_ms=request.timeout_ms,
        )
        self.send(executor, asked)
        if device.agent == "meatware":
            self._waiting_for_human.add(request.target)
            self.publish(events.FENCE_WAITING, node=request.target)
            self._spread()

    def _timeout_ms(self, device: Device, action: str, given_ms: int) -> int:
        if given_ms:
            return device.timeout_ms(action, given_ms)
        default = 60_000
        for pair in self.here.cib.section("crm_config").walk():
            if pair.tag == "nvpair" and pair.get("name") in ("stonith-timeout", "fencing-timeout"):
                default = time_ms(pair.get("value"), default)
                break
        return device.timeout_ms(action, default)

    @on_message(FenceAnswered)
    def _answered(self, peer: str, message: FenceAnswered) -> None:
        for request in self._requests.values():
            if request.id == message.request_id and request.pending and request.pending[0].id == message.device:
                self._device_ended(request, is_ok=message.is_ok, reason=message.reason)
                return

    def _device_ended(self, request: _Request, *, is_ok: bool, reason: str) -> None:
        self.clear_timer(f"device {request.target}")
        if is_ok:
            request.pending.pop(0)
            self._next_device(request)
            return
        request.reason = reason or request.reason
        if request.is_tail:
            request.pending.pop(0)
            self._next_device(request)
            return
        request.plan.pop(0)
        if request.plan and request.plan[0][0] == "on":
            request.plan.pop(0)
        self._next_step(request)

    def _step_succeeded(self, request: _Request) -> None:
        tail = request.plan[1:2]
        if tail and tail[0][0] == "on" and request.action == "reboot" and not request.is_tail:
            request.is_tail, request.plan = True, tail
            self._next_step(request)
        else:
            self._end(request, is_ok=True)

    @on(MemberGone)
    def _member_gone(self, event: MemberGone) -> None:
        self._known.setdefault(event.member, 0)
        for request in list(self._requests.values()):
            if request.executor == event.member and request.pending:
                self._next_device(request)

    # Ends

    def _end(self, request: _Request, *, is_ok: bool, by_human: str = "") -> None:
        target = request.target
        self._requests.pop(target, None)
        self._waiting_for_human.discard(target)
        self.clear_timer(f"device {target}")
        executor = "a human" if by_human else request.executor or self.here.name
        self._record(self._record_of(request, "success" if is_ok else "failed"))
        if is_ok:
            self._attempts.pop(target, None)
            if request.action != "on":
                self.here.fenced[target] = max(request.incarnation, self.here.fenced.get(target, 0))
            if not by_human:
                self.publish(events.FENCE_OK, action=request.action, node=target, executor=executor)
        else:
            self._failed(request, executor)
        self._tell_waiters(target, is_ok=is_ok, why=say.Why(request.reason))
        # Nobody is put out by being let at the storage.
        incarnation = 0 if request.action == "on" else request.incarnation
        finished = FencingFinished(target, is_ok, executor, by_human=bool(by_human), incarnation=incarnation)
        self.give(finished)

    def _failed(self, request: _Request, executor: str) -> None:
        attempts = self._attempts.get(request.target, 0) + 1
        self._attempts[request.target] = attempts
        self.publish(events.FENCE_FAILED, action=request.action, node=request.target, executor=executor)
        if attempts == ATTEMPTS_ALERT:
            self.publish(events.FENCE_GAVE_UP, node=request.target)

    def _tell_waiters(self, target: str, *, is_ok: bool, why: say.Why) -> None:
        for waiter in self._waiters.pop(target, []):
            waiter(is_ok, why)

    def confirm(self, target: str, user: str) -> say.Why | None:
        """DC: a human has seen that the node is off. Gives why not, or None."""
        if target in self.here.heard or target == self.here.name:
            return say.Why("the node is heard", "ノードの応答が届いています")
        self.publish(events.FENCE_CONFIRMED, node=target, user=user)
        self._delayed.pop(target, None)
        self.clear_timer(f"retry {target}")
        request = self._requests.get(target)
        if request is None:
            incarnation = self._known.get(target, 0)
            request = _Request(0, target, "off", user, incarnation, [], started_at_ms=self.here.wall_ms)
        elif request.executor:
            self.send(request.executor, FenceCancelled(request_id=request.id))
        self._end(request, is_ok=True, by_human=user or "a human")
        return None

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        """Only a DC has requests; the next one asks anew for what is still needed."""
        if event.dc == self.here.name:
            for target in list(self._requests):
                self._tell_waiters(target, is_ok=False, why=DC_CHANGED)
            self._requests.clear()
            self._delayed.clear()
            self._deadlines.clear()

    # On the node that runs the device

    @on_message(FenceAsked)
    def _asked(self, peer: str, asked: FenceAsked) -> None:
        device = next((known for known in devices(self.here.cib) if known.id == asked.device), None)
        if device is None or peer != self.here.dc:
            reason = "the device is not configured here"
            self.send(peer, FenceAnswered(request_id=asked.request_id, device=asked.device, is_ok=False, reason=reason))
            return
        token = self.here.token()
        self._running[token] = peer, asked
        self.publish(
            events.FENCE_DEVICE_STARTED,
            device=asked.device,
            executor=self.here.name,
            action=asked.action,
            node=asked.target,
        )
        spec = FenceDeviceSpec(
            device=device.id,
            agent=device.agent,
            target=asked.target,
            port=device.port(asked.target),
            action=device.renamed(asked.action),
            parameters=device.own_parameters(),
            host_argument=device.parameters.get("pcmk_host_argument", ""),
            timeout_ms=self._timeout_ms(device, asked.action, asked.timeout_ms),
            delay_ms=asked.delay_ms,
            retries=device.retries(asked.action),
        )
        self.give(RunFenceDevice(token, spec))

    @on(FenceDeviceFinished)
    def _device_finished(self, event: FenceDeviceFinished) -> None:
        dc, asked = self._running.pop(event.token, ("", None))
        if asked is None:
            return
        kind = events.FENCE_DEVICE_OK if event.is_ok else events.FENCE_DEVICE_FAILED
        self.publish(kind, device=asked.device, node=asked.target)
        answer = FenceAnswered(request_id=asked.request_id, device=asked.device, is_ok=event.is_ok, reason=event.reason)
        if dc in self.here.heard or dc == self.here.name:
            self.send(dc, answer)

    @on_message(FenceCancelled)
    def _cancelled(self, peer: str, message: FenceCancelled) -> None:
        for token, (dc, asked) in list(self._running.items()):
            if dc == peer and asked.request_id == message.request_id:
                self.give(KillFenceDevice(token))

    # History

    def _record_of(self, request: _Request, status: str) -> FenceRecord:
        device = request.plan[0][1][0].id if request.plan and request.plan[0][1] else ""
        return FenceRecord(
            target=request.target,
            action=request.action,
            origin=self.here.name,
            client=request.client,
            delegate=request.executor,
            status=status,
            exit_reason=request.reason if status == "failed" else "",
            device=device,
            started_at_ms=request.started_at_ms,
            completed_at_ms=0 if status == "pending" else self.here.wall_ms,
        )

    def _record(self, record: FenceRecord) -> None:
        self._take((record,))
        self._spread((record,))

    def _spread(self, records: tuple[FenceRecord, ...] = (), cleared: tuple[str, ...] = ()) -> None:
        waiting = tuple(sorted(self._waiting_for_human))
        self.send_members(FenceRecorded(records=records, cleared=cleared, waiting_for_confirm=waiting))

    def _take(self, records: tuple[FenceRecord, ...]) -> None:
        """A record replaces the pending one of the same request."""
        for record in records:
            key = record.target, record.origin, record.started_at_ms
            others = [old for old in self._records if (old.target, old.origin, old.started_at_ms) != key]
            self._records = [*others, record][-HISTORY_MAX:]
            if record.status == "success" and record.target not in self.here.heard:
                self.here.fenced[record.target] = self._known.get(record.target, 0)

    @on_message(FenceRecorded)
    def _recorded(self, peer: str, message: FenceRecorded) -> None:
        if peer == self.here.dc:
            self._take(message.records)
            self._clear_targets(message.cleared)
            self._waiting_for_human = set(message.waiting_for_confirm)

    @on(MemberJoined)
    def _member_joined(self, event: MemberJoined) -> None:
        if event.member != self.here.name:
            waiting = tuple(sorted(self._waiting_for_human))
            self.send(event.member, FenceRecorded(records=tuple(self._records), waiting_for_confirm=waiting))

    @on(DcElected)
    def _elected(self, event: DcElected) -> None:
        """What another DC began and did not finish, nobody will finish."""
        self._waiting_for_human.clear()
        self._records = [
            msgspec.structs.replace(record, status="failed", exit_reason="the DC changed")
            if record.status == "pending" and record.origin != self.here.name
            else record
            for record in self._records
        ]

    def clear(self, target: str) -> None:
        cleared = (target,) if target else tuple(sorted({record.target for record in self._records}))
        self._clear_targets(cleared)
        self._spread(cleared=cleared)

    def _clear_targets(self, targets: tuple[str, ...]) -> None:
        self._records = [record for record in self._records if record.target not in targets]

    def history(self, target: str) -> FenceHistory:
        records = tuple(record for record in self._records if target in ("", record.target))
        return FenceHistory(records=records, waiting_for_confirm=tuple(sorted(self._waiting_for_human)))

    def devices_for(self, target: str) -> tuple[FenceDevice, ...]:
        if not target:
            return tuple(self._shown(device, 0) for device in devices(self.here.cib))
        steps = enumerate(steps_for(self.here.cib, target), 1)
        return tuple(self._shown(device, level) for level, step in steps for device in step)

    def _shown(self, device: Device, level: int) -> FenceDevice:
        running = next((name for name in self.here.view.members if self._runs_on(device.id, name)), "")
        return FenceDevice(id=device.id, agent=device.agent, targets=device.targets or (), runs_on=running, level=level)


def _plan(action: str, steps: list[Step]) -> list[tuple[str, Step]]:
    """A level of several devices reboots as: all off, then all on; the off phase decides."""
    plan: list[tuple[str, Step]] = []
    for step in steps:
        if action == "reboot" and len(step) > 1:
            plan += [("off", step), ("on", step)]
        else:
            plan.append((action, step))
    return plan
