"""A simulated cluster: machines, disks, links, agents and fence devices around the real `Node` and `Liveness`.

Reads a seed; gives a run that is the same whenever the seed is the same. Everything that happens is an entry of one
queue ordered by virtual time. Hosts (host.py) have two heartbeat LANs; streams need one that works in both directions.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from functools import partial

from hacluster.protocol import messages as say
from hacluster.protocol.peers import Heartbeat, envelope_of
from nodeagent.machines import effects as order
from nodeagent.machines import events as fact
from nodeagent.machines.liveness import LivenessTimes
from tests.simulation import stand_in
from tests.simulation.host import Host
from tests.simulation.third_party import ThirdParty

LINKS = ("eth1", "eth2")
TIMES = LivenessTimes(keepalive_ms=250, warntime_ms=500, deadtime_ms=1_000, initdead_ms=5_000)
"""What named days use; a seed draws its own."""
BOOT_MS = 5_000


class World:
    """All hosts and what lies between them."""

    def __init__(self, names: list[str], seed: int, faults, judges, schedule=stand_in.schedule) -> None:
        self.names = names
        self.seed = seed
        self.luck = random.Random(f"{seed} world")
        self.now_ms = 0
        self.trace: list[str] = []
        self.counts: dict[str, int] = {}
        self.faults = faults
        self.judges = judges
        self.schedule = schedule
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self.hosts = {name: Host(self, name) for name in names}
        self._everyone: dict[str, list[tuple[Host, str]]] = {}
        self.cut: set[tuple[str, str, str]] = set()
        """(from, to, link) that lets nothing through."""
        self._held: dict[tuple[str, str], list[tuple[int, int, int, bytes]]] = {}
        self._last_stream_ms: dict[tuple[str, str], int] = {}
        self.fenced: list[tuple[int, str]] = []
        self.times = TIMES
        self.policy = ""
        self.wait_for_all = False
        self.tie_breaker = ThirdParty("")
        faults.begin(self)

    # Time

    def at(self, when_ms: int, action: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (when_ms, self._number, action))

    def run(self, until_ms: int) -> None:
        while self._queue and self._queue[0][0] <= until_ms:
            self.now_ms, _, action = heapq.heappop(self._queue)
            action()
        self.now_ms = max(self.now_ms, until_ms)

    def note(self, text: str) -> None:
        self.trace.append(f"[{self.now_ms:6d}] {text}")

    def count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def after_step(self, host: Host, event: fact.Event) -> None:
        self.judges.look(self, host)

    def happened(self, host: Host, record: say.EventRecord) -> None:
        self.count(record.code)
        self.judges.happened(self, host, record)

    def boot_later(self, host: Host) -> None:
        life = host.life
        self.at(self.now_ms + BOOT_MS, lambda: host.boot() if host.life == life else None)

    # Network

    def send_datagrams(self, sender: str, beat: Heartbeat) -> None:
        """To every peer over every link. What arrives at the same moment is one entry of the queue, order kept."""
        if self.faults.is_over and not self.cut:
            # Nothing is lost or late any more: one moment for all.
            self.at(self.now_ms + 1, partial(self._datagrams_arrive, beat, self._all_but(sender)))
            return
        arrivals: dict[int, list[tuple[Host, str]]] = {}
        for link in LINKS:
            for receiver, target in self.hosts.items():
                if receiver == sender or (sender, receiver, link) in self.cut:
                    continue
                for delay in self.faults.datagram_delays_ms(sender, receiver, link):
                    arrivals.setdefault(delay, []).append((target, link))
        for delay, targets in arrivals.items():
            self.at(self.now_ms + delay, partial(self._datagrams_arrive, beat, targets))

    def _all_but(self, sender: str) -> list[tuple[Host, str]]:
        if sender not in self._everyone:
            others = [host for name, host in self.hosts.items() if name != sender]
            self._everyone[sender] = [(host, link) for link in LINKS for host in others]
        return self._everyone[sender]

    def _datagrams_arrive(self, beat: Heartbeat, targets: list[tuple[Host, str]]) -> None:
        now_ms = self.now_ms
        for target, link in targets:
            if not target.is_up and target.lingering is None:
                continue
            if now_ms >= target.frozen_until:
                target.receive_beat(beat, link)
            else:
                self._datagram_waits(target, beat, link)

    def _datagram_waits(self, target: Host, beat: Heartbeat, link: str) -> None:
        life = target.life
        self.at(
            target.frozen_until,
            lambda: target.receive_beat(beat, link) if target.life == life and target.is_up else None,
        )

    def send_stream(self, sender: Host, peer: str, data: bytes) -> None:
        """Reliable and in order; gone when either end starts a new stream."""
        receiver = self.hosts[peer]
        held = self._held.setdefault((sender.name, peer), [])
        held.append((sender.life, sender.streams.get(peer, 0), receiver.disk.incarnation, data))
        self._pump(sender.name, peer)

    def _pump(self, sender: str, receiver: str) -> None:
        held = self._held.get((sender, receiver), [])
        if not held or not self._has_path(sender, receiver):
            return
        self._held[sender, receiver] = []
        for life, stream, incarnation, data in held:
            delay = self.faults.stream_delay_ms(sender, receiver)
            due = max(self.now_ms + delay, self._last_stream_ms.get((sender, receiver), 0))
            self._last_stream_ms[sender, receiver] = due
            target = self.hosts[receiver]
            theirs = target.streams.get(sender, 0)
            self.at(
                due,
                lambda life=life, s=stream, i=incarnation, d=data, t=theirs: self._arrive(
                    sender, receiver, life, s, i, t, d
                ),
            )

    def _arrive(
        self, sender: str, receiver: str, life: int, stream: int, incarnation: int, theirs: int, data: bytes
    ) -> None:
        source, target = self.hosts[sender], self.hosts[receiver]
        if source.life != life and source.is_up and source.disk.incarnation != envelope_of(data).incarnation:
            return
        if not target.is_up or target.disk.incarnation != incarnation or target.streams.get(sender, 0) != theirs:
            return
        if source.is_up and source.streams.get(receiver, 0) != stream:
            return
        if self.now_ms < target.frozen_until:
            self.at(
                target.frozen_until, lambda: self._arrive(sender, receiver, life, stream, incarnation, theirs, data)
            )
            return
        envelope = envelope_of(data)
        target.step(fact.MessageReceived(sender, envelope.incarnation, envelope.message))

    def _has_path(self, one: str, other: str) -> bool:
        if not self.cut:
            return True
        return any((one, other, link) not in self.cut and (other, one, link) not in self.cut for link in LINKS)

    def cut_link(self, one: str, other: str, link: str, *, both: bool = True) -> None:
        self.note(f"cut {one} -> {other} {link}{' both ways' if both else ''}")
        self.cut.add((one, other, link))
        if both:
            self.cut.add((other, one, link))

    def heal(self) -> None:
        self.note("all cables are well")
        self.cut.clear()
        for sender, receiver in list(self._held):
            self._pump(sender, receiver)

    def partition(self, side: list[str]) -> None:
        for one in side:
            for other in self.names:
                if other not in side:
                    for link in LINKS:
                        self.cut_link(one, other, link)

    # Fencing

    def fence(self, host: Host, token: int, spec: order.FenceDeviceSpec) -> None:
        ms, is_ok = self.faults.fence_device(host, spec)

        def shoot() -> None:
            target = self.hosts[spec.target]
            if is_ok:
                self.note(f"{host.name} shoots {spec.target}")
                self.fenced.append((self.now_ms, spec.target))
                self.judges.shot(self, host, target)
                target.crash(f"fenced by {host.name}")
                self.boot_later(target)
            host.later(1, lambda: host.step(fact.FenceDeviceFinished(token, is_ok, "" if is_ok else "it failed")))

        host.later(ms + spec.delay_ms, shoot)
