"""What goes wrong, drawn from the seed: networks, machines, disks, clocks, agents and fence devices.

Reads a seed; gives the delays and results that the world asks for, and a schedule of faults that ends at `calm_ms`.
`Peace` is the same without any fault, for scenarios that make their own.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from nodeagent.machines import effects as order

if TYPE_CHECKING:
    from tests.simulation.world import Host, World

WATCHED_EFFECTS = (order.PersistTerm, order.PersistCib, order.Send, order.RunOperation, order.Schedule)


class Peace:
    """Nothing goes wrong; delays are small and drawn from the seed."""

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

    def tie_breaker_ms(self, host: Host) -> int:
        return self.luck.randrange(5, 50)

    def agent(self, host: Host, spec: order.OperationSpec) -> tuple[int, int, str]:
        """(ms it takes, its exit code, what it really does: "full", "none" or "look")"""
        ms = self.luck.randrange(10, 120)
        return (ms, 0, "look") if spec.action == "monitor" else (ms, 0, "full")

    def fence_device(self, host: Host, spec: order.FenceDeviceSpec) -> tuple[int, bool]:
        return self.luck.randrange(50, 500), True


class Storm(Peace):
    """A bad day. `calm_ms` is when it ends."""

    def __init__(self, seed: int, calm_ms: int = 60_000) -> None:
        super().__init__(seed)
        self.calm_ms = calm_ms
        luck = self.luck
        self.loss = luck.choice([0.0, 0.0, 0.02, 0.1])
        self.duplication = luck.choice([0.0, 0.05])
        self.jitter_ms = luck.choice([2, 20, 200])
        self.agent_failures = luck.choice([0.0, 0.02, 0.1])
        self.slow_agents = luck.choice([0.0, 0.3])
        self.fence_failures = luck.choice([0.0, 0.3])
        self.crash_rate = luck.choice([0.0, 0.0, 0.002])
        self.is_over = False

    def begin(self, world: World) -> None:
        super().begin(world)
        kinds = [self._crash, self._freeze, self._one_way, self._partition, self._cut_one_link, self._full_disk]
        kinds += [self._clock_jump, self._leave, self._change, self._attribute, self._change, self._journal]
        kinds += [self._break_resource, self._crash_agent]
        at = 2_000
        while at < self.calm_ms - 5_000:
            at += self.luck.randrange(200, 6_000)
            kind = self.luck.choice(kinds)
            world.at(at, kind)
        world.at(self.calm_ms, self.end)

    def end(self) -> None:
        """All faults stop; what is off is switched on."""
        self.is_over = True
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

    def _one_way(self) -> None:
        one, other = self.luck.sample(self.world.names, 2)
        for link in ("eth1", "eth2"):
            self.world.cut_link(one, other, link, both=False)
        self._heal_later()

    def _cut_one_link(self) -> None:
        one, other = self.luck.sample(self.world.names, 2)
        self.world.cut_link(one, other, self.luck.choice(["eth1", "eth2"]))
        self._heal_later()

    def _partition(self) -> None:
        count = self.luck.randrange(1, len(self.world.names))
        self.world.partition(self.luck.sample(self.world.names, count))
        self._heal_later()

    def _heal_later(self) -> None:
        self.world.at(self.world.now_ms + self.luck.randrange(100, 15_000), self.world.heal)

    # Machines

    def crash_between_effects(self, host: Host, effect: order.Effect) -> bool:
        if self.is_over or not self.crash_rate or not isinstance(effect, WATCHED_EFFECTS):
            return False
        return self.luck.random() < self.crash_rate

    def _crash(self) -> None:
        host = self._host()
        host.crash("power cut")
        self.world.boot_later(host)

    def _crash_agent(self) -> None:
        self._host().crash_agent(self.luck.choice([50, 500, 3_000]))

    def _freeze(self) -> None:
        host = self._host()
        ms = self.luck.choice([300, 900, 1_500, 4_000])
        self.world.note(f"{host.name} freezes for {ms} ms")
        host.frozen_until = self.world.now_ms + ms

    def _clock_jump(self) -> None:
        host = self._host()
        host.clock_offset_ms += self.luck.choice([-3_600_000, -5_000, 5_000, 3_600_000])

    def _leave(self) -> None:
        host = self._host()
        if host.is_up:
            from nodeagent.machines.events import StopRequested

            host.step(StopRequested())
            self.world.at(self.world.now_ms + 30_000, host.boot)

    # Disks

    def disk_delay_ms(self, host: Host) -> int:
        return self.luck.randrange(1, 6) if self.is_over else self.luck.choice([1, 2, 5, 20, 300])

    def _full_disk(self) -> None:
        host = self._host()
        host.disk.is_full = True
        self.world.note(f"the disk of {host.name} is full")
        self.world.at(self.world.now_ms + 5_000, lambda: setattr(host.disk, "is_full", False))

    # Agents and devices

    def agent(self, host: Host, spec: order.OperationSpec) -> tuple[int, int, str]:
        ms, rc, effect = super().agent(host, spec)
        if not self.is_over and self.luck.random() < self.slow_agents and spec.action != "monitor":
            ms = self.luck.randrange(1_000, 8_000)
        if self.is_over or self.luck.random() >= self.agent_failures:
            return ms, rc, effect
        if spec.standard == "stonith":
            return ms, 1, effect
        kind = self.luck.choice(["fails", "hangs", "lies"])
        if spec.action == "monitor":
            return (spec.timeout_ms + 1, 1, "none") if kind == "hangs" else (ms, 1, "none")
        if kind == "hangs":
            return spec.timeout_ms + 1, 1, "full"
        # It fails and has done nothing, or it says that it failed although it did it.
        return ms, 1, "none" if kind == "fails" else "full"

    def _break_resource(self) -> None:
        host = self._host()
        if host.active:
            resource = self.luck.choice(sorted(host.active))
            self.world.note(f"{resource} dies on {host.name}")
            host.active.discard(resource)

    def fence_device(self, host: Host, spec: order.FenceDeviceSpec) -> tuple[int, bool]:
        ms = self.luck.choice([50, 300, 3_000]) if not self.is_over else 100
        return ms, self.is_over or self.luck.random() >= self.fence_failures

    # Operators

    def _change(self) -> None:
        self.world.judges.change_something(self._host())

    def _attribute(self) -> None:
        from hacluster.protocol.messages import AttributeUpdate

        value = str(self.luck.randrange(3))
        self._host().request(AttributeUpdate(name="pingd", value=value, dampen_ms=self.luck.choice([0, 1000])))

    def _journal(self) -> None:
        from hacluster.protocol.messages import JournalAppend

        self._host().request(JournalAppend(kind="audit", payload=b'{"n": %d}' % self.world.now_ms))
