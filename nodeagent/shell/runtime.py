"""The shell around the node's machines: performs their effects and reports what happens, in one thread.

Reads facts from engine, disk, agents, door and clock; gives each as an event to `Node.step`, one after the other, and
performs the effects in their order. There is no tick: one timer stands at the moment the node named. What blocks runs
in a worker thread. An exception anywhere here is an error of our own: it ends the process, and the heartbeats with it.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
import traceback
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

from hacluster.protocol.events import MANAGER_STARTING, MESSAGING_STARTING, MESSAGING_STOPPED, EventKind
from hacluster.protocol.messages import (
    AttributeUpdate,
    EventHappened,
    EventRecord,
    JournalEntries,
    JournalQuery,
    Request,
    Subscribe,
    Update,
)
from hacluster.protocol.peers import Envelope, JournalPush, PeerMessage, PeerMessageError, envelope_of, to_bytes
from hacluster.scheduler.memory import Memory
from nodeagent import settings as configured
from nodeagent.machines import effects as order
from nodeagent.machines import events as fact
from nodeagent.machines.node import Node
from nodeagent.machines.situation import RESTART_MS_MIN, Settings
from nodeagent.shell.api import Access, Door
from nodeagent.shell.disk import Disk
from nodeagent.shell.engines.heartbeat import HeartbeatEngine
from nodeagent.shell.link_attributes import LinkAttributes
from nodeagent.shell.local_requests import LocalRequests
from nodeagent.shell.log import Log
from nodeagent.shell.monitors import Monitors
from nodeagent.shell.operations import Operations
from nodeagent.shell.processes import Processes
from nodeagent.shell.resource_agents import ResourceAgents
from nodeagent.shell.respawn import Respawner
from nodeagent.shell.self_fencing import kill_descendants, reboot_machine
from nodeagent.shell.tie_breaker import TieBreaker

EXIT_OK = 0
EXIT_SOFTWARE = 70
EXIT_FAILED = 100
"""FailAgent: systemd must not start it again by itself (RestartPreventExitStatus)."""
_OWN_CLIENT = 0
"""Requests that the shell itself makes; their answers interest nobody."""
_JOURNAL_BATCH = 500
_VERSION = {"version": "0.1.0"}


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Runtime:
    """One agent from its first heartbeat to its last."""

    def __init__(
        self, settings: configured.Settings, state_folder: Path, run_folder: Path, log: Log, heart: int = -1
    ) -> None:
        """`heart`: the beating process of this agent's last life (`HeartbeatEngine.hand_over`), or -1."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._die_of)
        # The scheduler computes in a thread: the loop gets its turn back within half a millisecond, not five.
        sys.setswitchinterval(0.0005)
        self._settings = settings
        self._log = log
        self._queue: deque[fact.Event] = deque()
        self._is_stepping = False
        self._has_left = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._disk = Disk(state_folder, run_folder, settings.node)
        loaded = self._disk.load(self.report)
        self._alerts = loaded.alerts
        self._restored = loaded.restored
        self._incarnation = loaded.restored.incarnation
        self._node = Node(
            _machine_settings(settings), loaded.restored, random.Random(os.urandom(16)), now_ms(), wall_ms()
        )
        self._processes = Processes(run_folder / "operations")
        self._agents = ResourceAgents(
            self._processes, run_folder, cluster_type=settings.engine.value, node=settings.node
        )
        self._operations = Operations(self._agents, self.report)
        self._memory = Memory()
        self._scheduling = asyncio.Lock()
        """One at a time: each answer builds on the last."""
        self._monitors = Monitors(self)
        self._link_attributes = LinkAttributes()
        self._local = LocalRequests(self._agents, self._monitors, self._disk, log)
        self._respawner = Respawner(settings.respawn, self)
        self._tie_breaker = TieBreaker(settings.tie_breaker, settings.node, self._incarnation, self.report)
        self._engine = HeartbeatEngine(settings, self._incarnation, self, heart)
        self._door = Door(run_folder / "agent.sock", self, Access(settings.api_users, settings.api_groups))

    async def start(self) -> None:
        """Everything is up when the door opens."""
        self._tell_log(MESSAGING_STARTING)
        self._tell_log(MANAGER_STARTING)
        self._processes.adopt_orphans()
        for pid in self._processes.end_leftovers():
            self._log.remark("ended what an earlier life left under way", pid=pid)
        self._agents.prepare()
        await self._engine.start()
        self._perform(self._node.start(now_ms(), wall_ms()))
        for alert in self._alerts:
            self.report(fact.Happened(alert.kind.code, alert.fields))
        await self._door.open(next(iter(self._settings.api_groups), ""))
        for program in self._respawner.start():
            program.add_done_callback(self._task_ended)
        self._log.remark("started", incarnation=self._incarnation, beating_pid=self._engine.pid)

    # Events and effects

    def report(self, event: fact.Event) -> None:
        """A fact for the node. What it causes is done when this returns, unless a step is under way already."""
        self._queue.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        while self._queue and not self.ended.done():
            self._perform(self._node.step(self._queue.popleft(), now_ms(), wall_ms()))
        self._is_stepping = False
        self._set_timer()

    def _perform(self, orders: list[order.Effect]) -> None:
        for effect in orders:
            self._perform_one(effect)

    def _set_timer(self) -> None:
        deadline = self._node.next_deadline_ms()
        if deadline == self._timer_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = deadline
        if deadline is None or self.ended.done():
            self._timer = None
        else:
            self._timer = self._loop.call_later(max(0, deadline - now_ms()) / 1000, self._reach_deadline)

    def _reach_deadline(self) -> None:
        self._timer = self._timer_ms = None
        self.report(fact.DeadlineReached())

    def _perform_one(self, effect: order.Effect) -> None:
        match effect:
            case order.Send(peer, message):
                self._engine.send(peer, to_bytes(Envelope(self._incarnation, message)))  # type: ignore[arg-type]
            case order.PersistCib():
                self._disk.persist_cib(effect)
            case order.PersistTerm():
                self._disk.persist_term(effect)
            case order.KeepDivergentCib():
                self._disk.keep_divergent(effect)
            case order.PersistJournal():
                self._disk.persist_journal(effect)
            case order.PlanCompaction():
                self._disk.plan_compaction(effect, wall_ms())
            case order.CompactJournal():
                self._disk.compact_journal(effect)
            case order.SendJournal(peer, after):
                self._spawn(self._send_journal(peer, after))
            case order.ReplyJournal(client, query):
                self._spawn(self._reply_journal(client, query))
            case order.SaveRuntime():
                self._disk.save_runtime(effect)
            case order.RunOperation():
                self._operations.run(effect)
            case order.RunFenceDevice():
                self._operations.run_fence_device(effect)
            case order.QueryFenceTargets():
                self._operations.query_targets(effect)
            case order.KillOperation(token) | order.KillFenceDevice(token):
                self._operations.kill(token)
            case order.AskTieBreaker(token):
                self._tie_breaker.ask(token)
            case order.ReleaseTieBreaker():
                self._tie_breaker.release()
            case order.Schedule():
                self._spawn(self._schedule(effect))
            case order.Answer(client, reply):
                self._door.answer(client, reply)
            case order.Publish(record):
                self._log.event(record)
                self._disk.keep_event(record)
            case order.PublishUpdate(update):
                self._publish(update)
            case order.SayLeave():
                self._has_left = True
                self._spawn(self._engine.leave())
            case order.StopAgent():
                self._end(EXIT_OK)
            case order.FailAgent(reason):
                self._fail(reason)
            case order.RebootSelf(reason):
                self._reboot(reason)
            case _:
                raise AssertionError(f"nobody performs {type(effect).__name__}")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            raise error

    def _publish(self, update: Update) -> None:
        self._door.publish(update)
        if isinstance(update, EventHappened) and update.event.node != self._settings.node:
            self._disk.keep_event(update.event)

    async def _schedule(self, effect: order.Schedule) -> None:
        async with self._scheduling:
            graph = await asyncio.to_thread(self._memory.schedule, effect.cib, effect.now)
        self.report(fact.Scheduled(effect.token, graph))

    async def _send_journal(self, peer: str, after: dict[str, int]) -> None:
        have = dict(after)
        licences = await self._disk.journal_licences(have)
        while entries := await self._disk.journal_after(have, _JOURNAL_BATCH):
            for entry in entries:
                have[entry.origin] = entry.seq
            message: PeerMessage = JournalPush(entries=entries, licences=licences)
            licences = ()
            self._engine.send(peer, to_bytes(Envelope(self._incarnation, message)))  # type: ignore[arg-type]

    async def _reply_journal(self, client: int, query: JournalQuery) -> None:
        entries = await self._disk.journal_after(query.have, max(1, min(query.limit, 10_000)))
        self._door.answer(client, JournalEntries(entries=entries))

    # The engine's listener

    def happened(self, event: fact.Event) -> None:
        self.report(event)
        for name, value in self._link_attributes.changes(event):
            self.report(fact.RequestReceived(_OWN_CLIENT, AttributeUpdate(name=name, value=value), "root"))

    def received(self, peer: str, message: bytes) -> None:
        try:
            envelope = envelope_of(message)
        except PeerMessageError as error:
            # Authentic, but of a version that speaks otherwise.
            self._log.remark("unreadable message", peer=peer, error=str(error))
            return
        self.report(fact.MessageReceived(peer, envelope.incarnation, envelope.message))

    def link_trouble(self, link: str, reason: str) -> None:
        self._warn(
            f"heartbeats cannot leave over {link}: {reason}" if reason else f"heartbeats leave over {link} again"
        )

    def dropped(self, count: int, link: str, address: str) -> None:
        self._warn(
            f"{count} packets on {link}, the last of them from {address}, were dropped: no key of authkeys opens them, "
            "they are old, or ha.cf does not name their sender"
        )

    def warned(self, text: str) -> None:
        self._warn(text)

    def _warn(self, text: str) -> None:
        self._log.line("nodeagent", "warning", text)

    # The door's handler

    def request(self, client: int, request: Request, user: str) -> None:
        if self._local.is_own(request):
            self._spawn(self._answer_locally(client, request))
        else:
            self.report(fact.RequestReceived(client, request, user))

    async def _answer_locally(self, client: int, request: Request) -> None:
        self._door.answer(client, await self._local.reply(request, self._disk.in_database))

    def gone(self, client: int) -> None:
        self.report(fact.ClientGone(client))

    def snapshot(self, what: Subscribe) -> Update:
        return self._node.snapshot(what)

    # The monitors' report

    def attribute(self, name: str, value: str | None, *, dampen_ms: int | None, first: bool) -> None:
        request = AttributeUpdate(name=name, value=value, dampen_ms=dampen_ms, set_dampening=first)
        self.report(fact.RequestReceived(_OWN_CLIENT, request, "root"))

    def event(self, kind: EventKind, **fields: str) -> None:
        self.report(fact.Happened(kind.code, fields))

    # The end

    def stop(self) -> None:
        """SIGTERM: move the resources away, then leave. Asked twice, it ends at once."""
        self.report(fact.StopRequested())

    def rekey(self, settings: configured.Settings) -> None:
        """SIGHUP: the keys of authkeys, so that they can be rolled while everything runs."""
        self._engine.rekey(settings)
        self._log.remark("keys read again", sending=settings.sending_key, count=len(settings.keys))

    def stop_now(self) -> None:
        """Without stopping anything and without a goodbye: peers treat this node as lost."""
        self._end(EXIT_OK)

    def begin_again(self, exit_code: int) -> None:
        """SIGUSR1: once no start or stop is under way, end without stopping anything; the next life takes over."""
        self._log.remark("begins anew")
        self._spawn(self._end_between_changes(exit_code))

    async def _end_between_changes(self, exit_code: int) -> None:
        await self._operations.wait_for_changes()
        self._end(exit_code)

    def _tell_log(self, kind: EventKind) -> None:
        """An event of this process alone, which no peer and no ring needs."""
        self._log.event(EventRecord(node=self._settings.node, seq=0, at_ms=wall_ms(), code=kind.code, fields=_VERSION))

    def _end(self, exit_code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(exit_code)

    def _fail(self, reason: str) -> None:
        self._log.remark("agent failed", reason=reason)
        self._engine.close()
        self._end(EXIT_FAILED)

    def _reboot(self, reason: str) -> None:
        """Self-fencing: whatever happens next, nothing that this agent started runs on."""
        self._log.remark("self-fencing", reason=reason)
        self._engine.close()
        self._log.close(0.5)
        if self._settings.owns_machine:
            reboot_machine()
        kill_descendants(os.getpid())
        os._exit(EXIT_FAILED)

    async def close(self, *, keeps_heart: bool = False) -> int:
        """End everything; with `keeps_heart` all but the beating process, which is what this gives (else -1)."""
        heart = self._engine.hand_over() if keeps_heart and not self._has_left else -1
        await self._respawner.stop()
        self._door.close()
        self._monitors.close()
        self._tie_breaker.release()
        if self._has_left:
            await self._engine.leave()
            self._disk.forget_runtime()
        elif heart < 0:
            # Resources may still run here: a goodbye would tell the peers that nothing does.
            self._engine.close()
        for task in tuple(self._tasks):
            task.cancel()
        self._disk.close()
        self._tell_log(MESSAGING_STOPPED)
        return heart

    def _die_of(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Our own mistake: the peers must see this node die, not go on with a broken state.

        Only asyncio's remarks that name no exception, and an accept() that finds no free descriptor, are no mistakes.
        """
        error, message = context.get("exception"), str(context.get("message", ""))
        if error is None or (isinstance(error, OSError) and message.startswith("socket.accept()")):
            self._log.remark("event loop", message=message, error=str(error))
        else:
            die(self._log, error, message)


def die(log: Log, error: BaseException | None, message: str) -> NoReturn:
    text = "".join(traceback.format_exception(error)) if error else message
    log.remark("the agent ends because of an error of its own", trace=text)
    os.write(2, f"{message}\n{text}".encode())
    log.close(1.0)
    os._exit(EXIT_SOFTWARE)


def _machine_settings(settings: configured.Settings) -> Settings:
    return Settings(
        node=settings.node,
        nodes=settings.nodes,
        cluster=settings.cluster,
        engine=settings.engine.value,
        initdead_ms=settings.initdead_ms,
        restart_ms=max(RESTART_MS_MIN, settings.deadtime_ms),
        wait_for_all=settings.wait_for_all,
        tie_breaker=settings.tie_breaker.kind if settings.tie_breaker is not None else "",
    )
