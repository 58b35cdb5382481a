"""One simulated machine: its power, its disk, what really runs on it, and the agent while it is up.

Reads what the world brings (datagrams, messages, time); performs the effects of the real `Node` on the disk, the agents
and the network that the world plays.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hacluster.cib.model import Cib, Element
from hacluster.protocol import messages as say
from hacluster.protocol.checkpoint import CHECKPOINT, checkpoint_of
from hacluster.protocol.events import sentence
from hacluster.protocol.messages import JournalEntry
from hacluster.protocol.peers import Envelope, Heartbeat, JournalPush, Vote, VoteRequest, to_bytes
from nodeagent.machines import effects as order
from nodeagent.machines import events as fact
from nodeagent.machines.journal import hash_of, line_of, new_origin
from nodeagent.machines.liveness import Liveness
from nodeagent.machines.node import Node
from nodeagent.machines.retention import Rule, plan
from nodeagent.machines.situation import RESTART_MS_MIN, Restored, Settings

if TYPE_CHECKING:
    from tests.simulation.world import World

WALL_START_MS = 1_700_000_000_000
VERSIONS_KEPT = 100
COMPACT_EVERY_MS = 20_000
JOURNAL_RULES = {"audit": Rule(count_max=6)}


@dataclass(slots=True)
class Disk:
    """What survives a crash."""

    incarnation: int = 0
    term: int = 0
    voted_for: str = ""
    cib: Cib = field(default_factory=Cib.empty)
    ancestors: tuple[str, ...] = ()
    journal: dict[str, list[JournalEntry]] = field(default_factory=dict)
    journal_origin: str = ""
    divergent: list[Cib] = field(default_factory=list)
    versions: list[tuple[Cib, tuple[str, ...]]] = field(default_factory=list)
    """The last configurations before this one, each with its ancestors."""
    is_full: bool = False
    is_damaged: bool = False
    """The file of the configuration cannot be read any more."""

    def write_cib(self, cib: Cib, ancestors: tuple[str, ...]) -> None:
        self.versions = [*self.versions, (self.cib, self.ancestors)][-VERSIONS_KEPT:]
        self.cib, self.ancestors, self.is_damaged = cib, ancestors, False

    def fall_back(self) -> None:
        """As the storage does with a damaged file: the version before it, else nothing."""
        self.cib, self.ancestors = self.versions.pop() if self.versions else (Cib.empty(), ())
        self.is_damaged = False


@dataclass(slots=True)
class Operation:
    """One running agent call."""

    spec: order.OperationSpec
    token: int
    life: int
    is_done: bool = False


class Host:
    """One machine: its power, its disk, what really runs on it, and the agent while it is up."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.disk = Disk()
        self.life = 0
        """Grows with every boot and crash: what was scheduled for an earlier life does not happen."""
        self.is_up = False
        self.frozen_until = 0
        self.disk_free_ms = 0
        self._unsynced: list[Callable[[Disk], None]] = []
        """Writes under way; of what is lost with the power nobody knows how much was on the disk already."""
        self.clock_offset_ms = 0
        self.active: set[str] = set()
        self.promoted: set[str] = set()
        self.running: dict[int, Operation] = {}
        self.node: Node | None = None
        self.liveness: Liveness | None = None
        self.lingering: Liveness | None = None
        """The heart of an agent that begins anew: it beats on in the life that ends."""
        self.beat_seq = 0
        self.is_leaving = False
        self.streams: dict[str, int] = {}
        """Peer -> number of the stream with it; a reset starts the next one."""
        self.wake_ms: int | None = None
        self.runtime = b""
        """What /run holds: gone with the power, not with the agent."""
        self.clients: dict[int, Callable[[say.Reply], None]] = {}
        self.next_client = 1

    # Power

    def boot(self) -> None:
        if self.is_up:
            return
        world, disk = self.world, self.disk
        self.life += 1
        self.is_up, self.is_leaving, self.frozen_until, self.disk_free_ms = True, False, 0, 0
        self.running, self.streams, self.clients, self._unsynced = {}, {}, {}, []
        disk.incarnation += 1
        lot = random.Random(f"{world.seed} {self.name} {self.life} origin")
        disk.journal_origin = disk.journal_origin or new_origin(self.name, lot)
        if disk.is_damaged:
            disk.fall_back()
            world.note(f"{self.name} finds its configuration damaged and uses {disk.cib.version}")
            world.judges.fell_back(world)
        restored = Restored(
            incarnation=disk.incarnation,
            cib=disk.cib.with_status(Element("status")),
            term=disk.term,
            voted_for=disk.voted_for,
            ancestors=disk.ancestors,
            journal_origin=disk.journal_origin,
            journal_have={origin: entries[-1].seq for origin, entries in disk.journal.items()},
            journal_hashes={origin: hash_of(entries[-1]) for origin, entries in disk.journal.items()},
            runtime=self.runtime,
            journal_clock_ms=max((e[-1].clock_ms for e in disk.journal.values()), default=0),
        )
        settings = Settings(
            node=self.name,
            nodes=tuple(world.names),
            initdead_ms=world.times.initdead_ms,
            restart_ms=max(RESTART_MS_MIN, world.times.deadtime_ms),
            wait_for_all=world.wait_for_all,
            tie_breaker=world.tie_breaker.kind,
            journal_compact_every_ms=COMPACT_EVERY_MS,
            journal_compact_least=3,
        )
        luck = random.Random(f"{world.seed} {self.name} {disk.incarnation}")
        peers = [name for name in world.names if name != self.name]
        self.lingering = None
        self.liveness = Liveness(self.name, disk.incarnation, peers, world.times, world.now_ms)
        self.node = Node(settings, restored, luck, world.now_ms, self.wall_ms)
        self.beat_seq = 0
        world.note(f"{self.name} boots, incarnation {disk.incarnation}")
        self._perform(self.node.start(world.now_ms, self.wall_ms))
        if self.is_up:
            self._beat(self.life)

    def crash(self, why: str) -> None:
        """Everything in it at once; the disk keeps what was written."""
        if not self.is_up and not self.active and self.lingering is None:
            return
        self.world.note(f"{self.name} crashes: {why}")
        self._lose_writes()
        self.life += 1
        self.is_up = False
        self.node = self.liveness = self.lingering = None
        self.runtime = b""
        self.active.clear()
        self.promoted.clear()
        self.running.clear()
        self.wake_ms = None

    def lose_disk(self) -> None:
        """Another, empty one is in its place. The clock keeps the incarnation growing."""
        self.crash("the disk is lost")
        self.disk = Disk(incarnation=self.disk.incarnation + 1)
        self.world.judges.lost_disk(self.world, self)

    def crash_agent(self, boot_ms: int) -> None:
        """The agent alone: services run on, operations under way die with it."""
        if not self.is_up:
            return
        self.world.note(f"the agent of {self.name} dies")
        self._end_agent()
        life = self.life
        self.world.at(self.world.now_ms + boot_ms, lambda: self.boot() if self.life == life else None)

    def begin_anew(self, boot_ms: int) -> None:
        """As for an upgrade: once nothing but monitors is under way the agent ends, and its heart beats on."""
        if not self.is_up or self.is_leaving:
            return
        if any(operation.spec.action not in ("monitor", "metadata") for operation in self.running.values()):
            self.later(50, lambda: self.begin_anew(boot_ms))
            return
        self.world.note(f"the agent of {self.name} begins anew")
        heart = self.liveness
        self._end_agent()
        self.lingering = heart
        self._linger(self.life)
        life = self.life
        self.world.at(self.world.now_ms + boot_ms, lambda: self.boot() if self.life == life else None)

    def _linger(self, life: int) -> None:
        if self.life != life or self.lingering is None:
            return
        self.lingering.deadline(self.world.now_ms)
        self.beat_seq += 1
        beat = Heartbeat(self.name, self.disk.incarnation, self.beat_seq, self.lingering.hears())
        self.world.send_datagrams(self.name, beat)
        self.world.at(self.world.now_ms + self.world.times.keepalive_ms, lambda: self._linger(life))

    def fail_agent(self, why: str) -> None:
        """It ends and does not come back by itself; services run on until the peers have fenced this machine."""
        self.world.note(f"the agent of {self.name} ends: {why}")
        self.world.count("fault: an agent gives up")
        self._end_agent()

    def _end_agent(self) -> None:
        self._lose_writes()
        self.life += 1
        self.is_up, self.node, self.liveness, self.wake_ms = False, None, None, None
        self.running.clear()

    def _lose_writes(self) -> None:
        count = 0 if self.disk.is_full else self.world.faults.writes_landed(len(self._unsynced))
        for write in self._unsynced[:count]:
            write(self.disk)
        self._unsynced.clear()

    @property
    def wall_ms(self) -> int:
        return WALL_START_MS + self.world.now_ms + self.clock_offset_ms

    # Time

    def later(self, after_ms: int, action: Callable[[], None]) -> None:
        """In this life, and not while frozen."""
        life = self.life

        def run() -> None:
            if self.life != life or not self.is_up:
                return
            if self.world.now_ms < self.frozen_until:
                self.world.at(self.frozen_until, run)
            else:
                action()

        self.world.at(self.world.now_ms + after_ms, run)

    def _beat(self, life: int) -> None:
        self.send_heartbeat()
        self.later(self.world.times.keepalive_ms, lambda: self._beat(life))

    def send_heartbeat(self) -> None:
        assert self.liveness is not None
        self.beat_seq += 1
        beat = Heartbeat(self.name, self.disk.incarnation, self.beat_seq, self.liveness.hears(), self.is_leaving)
        self.world.send_datagrams(self.name, beat)

    def receive_beat(self, beat: Heartbeat, link: str) -> None:
        if self.lingering is not None:
            self.lingering.heartbeat(beat, link, self.world.now_ms)
            return
        assert self.liveness is not None
        facts = self.liveness.heartbeat(beat, link, self.world.now_ms)
        # A heartbeat that says nothing new only puts deadlines off, so that the wake that is set comes early enough.
        if facts:
            self.liveness_facts(facts)
            self._set_wake()
        elif self.wake_ms is None or self.wake_ms <= self.world.now_ms:
            self._set_wake()

    def liveness_facts(self, facts: list[fact.Event]) -> None:
        for one in facts:
            if isinstance(one, (fact.PeerLost, fact.PeerLeft)):
                self.streams[one.peer] = self.streams.get(one.peer, 0) + 1
            self.step(one)

    def _set_wake(self) -> None:
        if not self.is_up or self.node is None or self.liveness is None:
            return
        now_ms = self.world.now_ms
        deadlines = [d for d in (self.node.next_deadline_ms(), self.liveness.next_deadline_ms()) if d is not None]
        due = max(min(deadlines), now_ms) if deadlines else None
        if due is None or (self.wake_ms is not None and self.wake_ms <= due and self.wake_ms > now_ms):
            return
        self.wake_ms = due
        self.later(due - self.world.now_ms, lambda: self._wake(due))

    def _wake(self, due: int) -> None:
        assert self.node is not None
        assert self.liveness is not None
        if self.wake_ms is not None and self.wake_ms <= due:
            self.wake_ms = None
        self.liveness_facts(self.liveness.deadline(self.world.now_ms))
        if self.is_up and self.node is not None:
            deadline = self.node.next_deadline_ms()
            if deadline is not None and deadline <= self.world.now_ms:
                self.step(fact.DeadlineReached())
        self._set_wake()

    # The node

    def step(self, event: fact.Event) -> None:
        if not self.is_up or self.node is None:
            return
        self.world.count(type(event.message if isinstance(event, fact.MessageReceived) else event).__name__)
        self._perform(self.node.step(event, self.world.now_ms, self.wall_ms))
        if self.is_up and self.node is not None:
            # Only a deadline before the wake that is set needs another one.
            deadline = self.node.next_deadline_ms()
            if self.wake_ms is None or self.wake_ms <= self.world.now_ms or (deadline or self.wake_ms) < self.wake_ms:
                self._set_wake()
        self.world.after_step(self, event)

    def request(self, request: say.Request, then: Callable[[say.Reply], None] | None = None) -> None:
        if not self.is_up:
            return
        client, self.next_client = self.next_client, self.next_client + 1
        self.clients[client] = then or (lambda reply: None)
        self.step(fact.RequestReceived(client, request, "root"))

    def _perform(self, orders: list[order.Effect]) -> None:
        may_crash = self.world.faults.may_crash
        for effect in orders:
            if isinstance(effect, order.PublishUpdate):
                # Nobody subscribes here.
                continue
            if not self.is_up:
                return
            if may_crash and self.world.faults.crash_between_effects(self, effect):
                self.crash("between two effects")
                self.world.boot_later(self)
                return
            self._perform_one(effect)

    def _perform_one(self, effect: order.Effect) -> None:
        world = self.world
        match effect:
            case order.Send(peer, message):
                if isinstance(message, (Vote, VoteRequest)):
                    world.judges.voted(self, peer, message)
                world.send_stream(self, peer, to_bytes(Envelope(self.disk.incarnation, message)))
            case order.PersistTerm(token, term, voted_for):
                self._persist(token, lambda disk: _set(disk, term=term, voted_for=voted_for))
            case order.PersistCib(token, cib, ancestors):
                self._persist(token, lambda disk: disk.write_cib(cib, ancestors))
            case order.KeepDivergentCib(cib):
                self.disk.divergent.append(cib)
            case order.PersistJournal(token, entries):
                self._persist(token, lambda disk: _append(disk, entries))
            case order.SendJournal(peer, after):
                self._send_journal(peer, after)
            case order.PlanCompaction(token, origin):
                lines = [line_of(entry) for entries in self.disk.journal.values() for entry in entries]
                checkpoint, goes = plan(lines, origin, JOURNAL_RULES, self.wall_ms)
                self.later(1, lambda: self.step(fact.CompactionPlanned(token, goes, checkpoint)))
            case order.CompactJournal(origin, checkpoint):
                world.count("fault: the journal is compacted")
                held = self.disk.journal[origin]
                self.disk.journal[origin] = [entry for entry in held if checkpoint.keeps(entry.seq)]
            case order.RunOperation(token, spec):
                self._run(token, spec)
            case order.KillOperation(token):
                self._kill(token)
            case order.RunFenceDevice(token, spec):
                world.fence(self, token, spec)
            case order.AskTieBreaker(token):
                world.tie_breaker.ask(self, token)
            case order.ReleaseTieBreaker():
                world.tie_breaker.release(self)
            case order.Schedule(token, cib, now):
                graph = world.schedule(cib, now)
                self.later(world.luck.randrange(1, 30), lambda: self.step(fact.Scheduled(token, graph)))
            case order.Answer(client, reply):
                world.judges.answered(self, client, reply)
                self.clients.pop(client, lambda _: None)(reply)
            case order.Publish(record):
                world.note(f"{self.name} > {sentence(record)}")
                world.happened(self, record)
            case order.SaveRuntime(data):
                self.runtime = data
            case order.SayLeave():
                self.is_leaving = True
                self.send_heartbeat()
            case order.StopAgent():
                world.note(f"{self.name} stops")
                world.judges.stopped(self)
                self.send_heartbeat()
                self.is_up, self.node, self.life, self.runtime = False, None, self.life + 1, b""
                if world.faults.is_over:
                    # It left later than planned; who planned it starts it again.
                    world.boot_later(self)
            case order.FailAgent(reason):
                self.fail_agent(reason)
            case order.RebootSelf(reason):
                world.count("fault: a node fences itself")
                self.crash(reason)
                world.boot_later(self)
            case _:
                pass

    # The disk

    def _persist(self, token: int, write: Callable[[Disk], None]) -> None:
        # One write after the other, as the storage does it: an old version never lands on a newer one.
        due = max(self.disk_free_ms, self.world.now_ms) + self.world.faults.disk_delay_ms(self)
        self.disk_free_ms = due
        self._unsynced.append(write)

        def written() -> None:
            self._unsynced.remove(write)
            if self.disk.is_full:
                self.step(fact.PersistFailed(token, "no space left on device"))
            else:
                write(self.disk)
                self.step(fact.Persisted(token))

        self.later(due - self.world.now_ms, written)

    def _send_journal(self, peer: str, after: dict[str, int]) -> None:
        entries = [e for origin, held in self.disk.journal.items() for e in held if e.seq > after.get(origin, 0)]
        if entries:
            newest = [[e for e in held if e.kind == CHECKPOINT][-1:] for held in self.disk.journal.values()]
            licences = tuple(e for found in newest for e in found if checkpoint_of(e).upto > after.get(e.origin, 0))
            message = Envelope(self.disk.incarnation, JournalPush(entries=tuple(entries), licences=licences))
            self.world.send_stream(self, peer, to_bytes(message))

    # Agents

    def _run(self, token: int, spec: order.OperationSpec) -> None:
        operation = Operation(spec, token, self.life)
        self.running[token] = operation
        self.world.judges.operation(self, spec)
        ms, rc, effect = self.world.faults.agent(self, spec)
        if spec.action == "start" and effect != "none":
            self.later(ms // 2, lambda: self._activate(operation))
        is_hanging = ms > spec.timeout_ms
        self.later(min(ms, spec.timeout_ms), lambda: self._ended(operation, rc, effect, is_hanging, ms))

    def _activate(self, operation: Operation) -> None:
        if not operation.is_done:
            self.active.add(operation.spec.resource)
            self.world.judges.became_active(self.world)

    def _ended(self, operation: Operation, rc: int, effect: str, is_hanging: bool, ms: int) -> None:
        if operation.is_done:
            return
        operation.is_done = True
        self.running.pop(operation.token, None)
        spec = operation.spec
        if effect != "none" and not is_hanging:
            self._has_done(spec)
        if spec.action == "monitor" and effect == "look":
            rc = 8 if spec.resource in self.promoted else 0 if spec.resource in self.active else 7
        outcome = fact.Outcome.TIMED_OUT if is_hanging else fact.Outcome.DONE
        self.world.note(f"{self.name} : {spec.resource} {spec.action} {spec.interval_ms} -> {rc} {outcome}")
        self.step(fact.OperationFinished(operation.token, 1 if is_hanging else rc, outcome, "", ms))

    def _has_done(self, spec: order.OperationSpec) -> None:
        if spec.action == "promote":
            self.promoted.add(spec.resource)
        if spec.action in ("demote", "stop"):
            self.promoted.discard(spec.resource)
        if spec.action == "stop":
            self.active.discard(spec.resource)

    def _kill(self, token: int) -> None:
        operation = self.running.pop(token, None)
        if operation is None:
            return
        operation.is_done = True
        self.later(1, lambda: self.step(fact.OperationFinished(token, 1, fact.Outcome.CANCELLED)))


def _set(disk: Disk, **changes: object) -> None:
    for name, value in changes.items():
        setattr(disk, name, value)


def _append(disk: Disk, entries: tuple[JournalEntry, ...]) -> None:
    for entry in entries:
        held = disk.journal.setdefault(entry.origin, [])
        assert entry.seq > (held[-1].seq if held else 0), "the journal goes back"
        held.append(entry)
