"""What goes wrong, drawn from the seed: networks, machines, disks, clocks, agents and fence devices.

Reads a seed; gives the delays and results that the world asks for, and a schedule of faults that ends at `calm_ms`.
`Peace` is the same without any fault, for scenarios that make their own; `Storm` is a bad day, and `Breeze` one on
which nobody has a reason to fence anybody.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from hacluster.protocol.messages import AttributeUpdate, JournalAppend
from nodeagent.machines import effects as order
from nodeagent.machines.events import StopRequested

if TYPE_CHECKING:
    from tests.simulation.host import Host
    from tests.simulation.world import World

WATCHED_EFFECTS = (order.PersistTerm, order.PersistCib, order.Send, order.RunOperation, order.Schedule)
LINKS = ("eth1", "eth2")
LEAVE_MS = 30_000
"""After so long whoever left in order is started again."""
Fault = Callable[[], None]


class Peace:
    """Nothing goes wrong; delays are small and drawn from the seed."""

    may_crash = False
    """Whether a host may crash between two effects."""
    is_over = False
    """Whether every datagram arrives after a millisecond."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(f"{seed} faults")

    def begin(self, world: World) -> None:
        self.world = world

    def crash_between_effects(self, host: Host, effect: order.Effect) -> bool:
        return False

    def datagram_delays_ms(self, sender: str, receiver: str, link: str) -> tuple[int, ...]:
        return (1,)

    def stream_delay_ms(self, sender: str, receiver: str) -> int:
        return self.luck.randrange(1, 4)

    def disk_delay_ms(self, host: Host) -> int:
        return self.luck.randrange(1, 6)

    def writes_landed(self, count: int) -> int:
        """How many of the writes under way had reached the disk when the power went."""
        return 0

    def tie_breaker_ms(self, host: Host) -> int:
        return self.luck.randrange(5, 50)

    def agent(self, host: Host, spec: order.OperationSpec) -> tuple[int, int, str]:
        """(ms it takes, its exit code, what it really does: "full", "none" or "look")"""
        ms = self.luck.randrange(10, 120)
        return (ms, 0, "look") if spec.action == "monitor" else (ms, 0, "full")

    def fence_device(self, host: Host, spec: order.FenceDeviceSpec) -> tuple[int, bool]:
        return self.luck.randrange(50, 500), True


class Weather(Peace):
    """Faults drawn one after the other until `calm_ms`; then all stops, and what is off is switched on."""

    def __init__(self, seed: int, calm_ms: int = 60_000) -> None:
        super().__init__(seed)
        self.calm_ms = calm_ms
        self.loss = self.duplication = self.slow_agents = 0.0
        self.jitter_ms = 2

    def begin(self, world: World) -> None:
        super().begin(world)
        kinds = self.kinds()
        at = 2_000
        while at < self.calm_ms - 5_000:
            at += self.luck.randrange(200, 6_000)
            fault = self._counted(self.luck.choice(kinds))
            if at < self.calm_ms:
                world.at(at, fault)
        world.at(self.calm_ms, self.end)

    def kinds(self) -> list[Fault]:
        raise NotImplementedError

    def _counted(self, fault: Fault) -> Fault:
        def strike() -> None:
            self.world.count(f"fault: {fault.__name__.strip('_').replace('_', ' ')}")
            fault()

        return strike

    def end(self) -> None:
        self.is_over, self.may_crash = True, False
        self.world.tie_breaker.unreachable.clear()
        for host in self.world.hosts.values():
            host.disk.is_full = False
            host.boot()
        self.world.heal()

    def _host(self) -> Host:
        return self.world.hosts[self.luck.choice(self.world.names)]

    # The network

    def datagram_delays_ms(self, sender: str, receiver: str, link: str) -> tuple[int, ...]:
        if self.is_over:
            return (1,)
        if self.luck.random() < self.loss:
            return ()
        first = 1 + self.luck.randrange(self.jitter_ms)
        if self.luck.random() < self.duplication:
            return first, first + self.luck.randrange(1, 2_000)
        return (first,)

    def stream_delay_ms(self, sender: str, receiver: str) -> int:
        return self.luck.randrange(1, 4) if self.is_over else 1 + self.luck.randrange(self.jitter_ms)

    def _heal_later(self, most_ms: int = 15_000) -> None:
        self.world.at(self.world.now_ms + self.luck.randrange(100, most_ms), self.world.heal)

    # Machines

    def _clock_jump(self) -> None:
        self._host().clock_offset_ms += self.luck.choice([-3_600_000, -5_000, 5_000, 3_600_000])

    def _leave(self) -> None:
        host = self._host()
        if host.is_up:
            host.step(StopRequested())
            self.world.at(self.world.now_ms + LEAVE_MS, host.boot)

    # Operators

    def _change(self) -> None:
        self.world.judges.change_something(self._host())

    def _attribute(self) -> None:
        value = str(self.luck.randrange(3))
        self._host().request(AttributeUpdate(name="pingd", value=value, dampen_ms=self.luck.choice([0, 1000])))

    def _journal(self) -> None:
        if self.luck.random() < 0.5:
            entry = JournalAppend(kind="audit", payload=b'{"n": %d}' % self.world.now_ms)
        else:
            key = self.luck.choice(["ann", "bo"])
            entry = JournalAppend(kind="user", key=key, payload=b'{"n": %d}' % self.world.now_ms)
        self.world.judges.write_journal(self._host(), entry)


class Breeze(Weather):
    """One of the two LANs fails, agents restart within the deadtime, nodes leave in order: nobody is to be fenced."""

    def __init__(self, seed: int, calm_ms: int = 60_000) -> None:
        super().__init__(seed, calm_ms)
        self.lan = self.luck.choice(LINKS)
        self.jitter_ms = self.luck.choice([2, 20])
        self.duplication = self.luck.choice([0.0, 0.05])
        self._next_leave_ms = 0
        self.slow_agents = self.luck.choice([0.0, 0.3])

    def kinds(self) -> list[Fault]:
        kinds = [self._cut_one_lan, self._cut_in_one_direction, self._flap_on_one_lan, self._short_freeze]
        kinds += [self._clock_jump, self._leave, self._change, self._attribute, self._journal, self._restart_agent]
        kinds += [self._begin_anew]
        return kinds

    def _cut_one_lan(self) -> None:
        for one in self.world.names:
            for other in self.world.names:
                if one < other:
                    self.world.cut_link(one, other, self.lan)
        self._heal_later()

    def _cut_in_one_direction(self) -> None:
        one, other = self.luck.sample(self.world.names, 2)
        self.world.cut_link(one, other, self.lan, both=False)
        self._heal_later()

    def _flap_on_one_lan(self) -> None:
        one, other = self.luck.sample(self.world.names, 2)
        for number in range(self.luck.randrange(2, 8)):
            at = self.world.now_ms + number * self.luck.randrange(1_500, 3_000)
            self.world.at(at, lambda: self.world.cut_link(one, other, self.lan))
            self.world.at(at + self.luck.randrange(200, 1_400), self.world.heal)

    def _short_freeze(self) -> None:
        host = self._host()
        host.frozen_until = self.world.now_ms + self.world.times.deadtime_ms // self.luck.choice([3, 10])

    def _leave(self) -> None:
        """One at a time: when half of the nodes are away, quorum is lost, and that may be a cause."""
        if all(host.is_up for host in self.world.hosts.values()) and self.world.now_ms >= self._next_leave_ms:
            self._next_leave_ms = self.world.now_ms + LEAVE_MS
            super()._leave()

    def _restart_agent(self) -> None:
        """Not twice before the others have it back: who is gone for longer than deadtime in all may be fenced."""
        host = self._host()
        if self._is_everywhere(host):
            host.crash_agent(self.world.times.deadtime_ms // self.luck.choice([3, 10, 50]))

    def _begin_anew(self) -> None:
        """However long it takes, as long as its heart may beat on."""
        host = self._host()
        if self._is_everywhere(host):
            host.begin_anew(self.luck.choice([300, 1_000, 4_000, 7_000]))

    def _is_everywhere(self, host: Host) -> bool:
        return all(host.name in other.node.here.view.members for other in self.world.hosts.values() if other.node)

    def agent(self, host: Host, spec: order.OperationSpec) -> tuple[int, int, str]:
        ms, rc, effect = super().agent(host, spec)
        if not self.is_over and self.luck.random() < self.slow_agents and spec.action != "monitor":
            ms = self.luck.randrange(500, 3_000)
        return ms, rc, effect


class Storm(Weather):
    """A bad day."""

    def __init__(self, seed: int, calm_ms: int = 60_000) -> None:
        super().__init__(seed, calm_ms)
        luck = self.luck
        self.loss = luck.choice([0.0, 0.0, 0.02, 0.1])
        self.duplication = luck.choice([0.0, 0.05])
        self.jitter_ms = luck.choice([2, 20, 200])
        self.agent_failures = luck.choice([0.0, 0.02, 0.1])
        self.slow_agents = luck.choice([0.0, 0.3])
        self.fence_failures = luck.choice([0.0, 0.3])
        self.crash_rate = luck.choice([0.0, 0.0, 0.002])
        self.may_crash = self.crash_rate > 0

    def kinds(self) -> list[Fault]:
        kinds = [self._crash, self._freeze, self._one_way, self._partition, self._partition, self._cut_one_link]
        kinds += [self._flap, self._full_disk, self._hanging_disk, self._corrupt_file, self._lose_disk]
        kinds += [self._lose_third_party]
        kinds += [self._clock_jump, self._leave, self._change, self._attribute, self._change, self._journal]
        kinds += [self._break_resource, self._crash_agent, self._begin_anew]
        return kinds

    # The network

    def _one_way(self) -> None:
        one, other = self.luck.sample(self.world.names, 2)
        for link in LINKS:
            self.world.cut_link(one, other, link, both=False)
        self._heal_later()

    def _cut_one_link(self) -> None:
        one, other = self.luck.sample(self.world.names, 2)
        self.world.cut_link(one, other, self.luck.choice(LINKS))
        self._heal_later()

    def _flap(self) -> None:
        """Both LANs of one pair of hosts, again and again."""
        one, other = self.luck.sample(self.world.names, 2)
        at, deadtime_ms = self.world.now_ms, self.world.times.deadtime_ms
        for _ in range(self.luck.randrange(2, 10)):
            self.world.at(at, lambda: [self.world.cut_link(one, other, link) for link in LINKS])
            self.world.at(at + self.luck.randrange(deadtime_ms // 3, 2 * deadtime_ms), self.world.heal)
            at += self.luck.randrange(2 * deadtime_ms, 4 * deadtime_ms)
            if at > self.calm_ms - 2_500:
                return

    def _partition(self) -> None:
        names, tie_breaker = self.world.names, self.world.tie_breaker
        count = len(names) // 2 if tie_breaker.kind and self.luck.random() < 0.7 else self.luck.randrange(1, len(names))
        side = self.luck.sample(names, count)
        self.world.partition(side)
        if tie_breaker.kind and self.luck.random() < 0.6:
            # What cuts the heartbeats often cuts this side off from the rest of the world too.
            tie_breaker.unreachable.update(side)
            self.world.at(self.world.now_ms + self.luck.randrange(3_000, 20_000), tie_breaker.unreachable.clear)
        self._heal_later(self.luck.choice([3_000, 15_000, 30_000]))

    def _lose_third_party(self) -> None:
        name, unreachable = self.luck.choice(self.world.names), self.world.tie_breaker.unreachable
        unreachable.add(name)
        self.world.at(self.world.now_ms + self.luck.randrange(1_000, 20_000), lambda: unreachable.discard(name))

    # Machines

    def crash_between_effects(self, host: Host, effect: order.Effect) -> bool:
        if not isinstance(effect, WATCHED_EFFECTS):
            return False
        return self.luck.random() < self.crash_rate

    def _crash(self) -> None:
        host = self._host()
        host.crash("power cut")
        self.world.boot_later(host)

    def _crash_agent(self) -> None:
        self._host().crash_agent(int(self.world.times.deadtime_ms * self.luck.choice([0.05, 0.5, 3])))

    def _begin_anew(self) -> None:
        self._host().begin_anew(int(self.world.times.deadtime_ms * self.luck.choice([0.3, 1, 4])))

    def _freeze(self) -> None:
        host = self._host()
        ms = int(self.world.times.deadtime_ms * self.luck.choice([0.3, 0.9, 1.5, 4, 12]))
        self.world.note(f"{host.name} freezes for {ms} ms")
        host.frozen_until = self.world.now_ms + ms

    # Disks

    def disk_delay_ms(self, host: Host) -> int:
        return self.luck.randrange(1, 6) if self.is_over else self.luck.choice([1, 2, 5, 20, 300])

    def writes_landed(self, count: int) -> int:
        return self.luck.randint(0, count)

    def _full_disk(self) -> None:
        host = self._host()
        host.disk.is_full = True
        self.world.note(f"the disk of {host.name} is full")
        self.world.at(self.world.now_ms + 5_000, lambda: setattr(host.disk, "is_full", False))

    def _hanging_disk(self) -> None:
        host = self._host()
        host.disk_free_ms = self.world.now_ms + self.luck.choice([1_000, 5_000])

    def _corrupt_file(self) -> None:
        """A bad sector, found at the next start."""
        host = self._host()
        is_of_the_cib = self.luck.random() < 0.5
        # What was on its way to the file is lost with it.
        host.crash("power cut that damages a file")
        if is_of_the_cib:
            host.disk.is_damaged = True
        else:
            host.disk.journal, host.disk.journal_origin = {}, ""
            self.world.judges.lost_journal(self.world)
        self.world.boot_later(host)

    def _lose_disk(self) -> None:
        host = self._host()
        host.lose_disk()
        self.world.boot_later(host)

    # Agents and devices

    def agent(self, host: Host, spec: order.OperationSpec) -> tuple[int, int, str]:
        ms, rc, effect = super().agent(host, spec)
        if not self.is_over and self.luck.random() < self.slow_agents and spec.action != "monitor":
            ms = self.luck.randrange(1_000, 8_000)
        if self.is_over or self.luck.random() >= self.agent_failures:
            return ms, rc, effect
        if spec.standard == "stonith":
            return ms, 1, effect
        if spec.action == "monitor" and not spec.interval_ms and self.world.policy == "freeze":
            # What a probe takes for a failed service is recovered in place without quorum, as in Pacemaker: with a
            # probe that lies it would run twice.
            return ms, rc, effect
        kind = self.luck.choice(["fails", "hangs", "lies"])
        self.world.count(f"fault: an agent {kind}")
        if spec.action == "monitor":
            # It says that all is well, or that nothing is.
            return (spec.timeout_ms + 1, 1, "none") if kind == "hangs" else (ms, 0 if kind == "lies" else 1, "none")
        if kind == "hangs":
            return spec.timeout_ms + 1, 1, "full"
        if kind == "lies" and spec.action == "start" and self.luck.random() < 0.5:
            return ms, 0, "none"
        # It fails and has done nothing, or it says that it failed although it did it.
        return ms, 1, "none" if kind == "fails" else "full"

    def _break_resource(self) -> None:
        host = self._host()
        if host.active:
            resource = self.luck.choice(sorted(host.active))
            self.world.note(f"{resource} dies on {host.name}")
            host.active.discard(resource)

    def fence_device(self, host: Host, spec: order.FenceDeviceSpec) -> tuple[int, bool]:
        if self.is_over:
            return 100, True
        ms = self.luck.choice([50, 300, 3_000, 8_000])
        is_ok = self.luck.random() >= self.fence_failures
        if ms > 300 or not is_ok:
            self.world.count(f"fault: a fence device {'is slow' if is_ok else 'fails'}")
        return ms, is_ok
