"""Packets of an attacker against a real engine: `python -m tests.contract.packets 1000000`.

pm01's engine runs in a process of its own, pm02's in this one, and both go on hearing each other while the attacker
sends datagrams and opens connections: random bytes, and real sealed packets that were changed, cut, lengthened, sent
again, sealed by an earlier life, sealed with another key or cluster, or sent back to who sealed them. Nothing of it may
be accepted, nothing may crash, and the memory may not grow. pm01 counts what it drops: every packet must be among it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hacluster.protocol.peers import Heartbeat, to_bytes
from nodeagent.machines.events import Event, PeerHeard
from nodeagent.settings import Engine, Key, Link, Medium, Settings
from nodeagent.shell.engines.heartbeat import HeartbeatEngine
from nodeagent.shell.engines.seal import Sealer
from nodeagent.shell.engines.secure_tcp import Role

SECRET = b"0123456789abcdef0123456789abcdef"
ATTACKER, PROXY = "127.0.0.9", "127.0.0.8"
BURST = 128
STREAM_SHARE = 0.04
"""How many of the packets are the bytes of a connection."""
RECORDED_MAX = 2000


def settings(name: str, port: int) -> Settings:
    """Two LANs on loopback; the attacker hears the first one like everybody does on a broadcast LAN."""
    number = int(name[-1])
    links = tuple(
        Link(
            f"lo:{third}", Medium.UCAST, port, (f"127.0.{third}.1", f"127.0.{third}.2", f"127.0.{third}.9"),
            own_address=f"127.0.{third}.{number}",
        )
        for third in (0, 1)
    )  # fmt: skip
    return Settings(
        node=name, nodes=("pm01", "pm02"), cluster="c", engine=Engine.HEARTBEAT, keepalive_ms=50, warntime_ms=2000,
        deadtime_ms=10_000, initdead_ms=20_000, links=links, keys=(Key(1, "sha256", SECRET),), sending_key=1,
        is_realtime=False,
    )  # fmt: skip


class Ear:
    """What an engine tells, in lines of JSON for whoever started it."""

    def __init__(self, say: Callable[[dict[str, object]], None]) -> None:
        self._say = say

    def happened(self, event: Event) -> None:
        self._say({"event": repr(event)})

    def received(self, peer: str, message: bytes) -> None:
        self._say({"message": message.decode(errors="replace")})

    def link_trouble(self, link: str, reason: str) -> None:
        self._say({"trouble": f"{link}: {reason}"})

    def dropped(self, count: int, link: str, address: str) -> None:
        self._say({"dropped": count})

    def warned(self, text: str) -> None:
        self._say({"warning": text})


async def be_target(port: int) -> None:
    """pm01: says everything on standard output, leaves when standard input ends."""
    engine = HeartbeatEngine(settings("pm01", port), 5, Ear(lambda words: print(json.dumps(words), flush=True)))
    await engine.start()
    ended = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(0, lambda: ended.done() or ended.set_result(None))
    await ended
    await engine.leave()


# ---------------------------------------------------------------- the attacker's packets


@dataclass
class Recorded:
    """What the attacker has heard: datagrams of both, and the bytes of a real connection from pm02 to pm01."""

    datagrams: deque[bytes] = field(default_factory=lambda: deque(maxlen=RECORDED_MAX))
    of_target: deque[bytes] = field(default_factory=lambda: deque(maxlen=RECORDED_MAX))
    connection: bytearray = field(default_factory=bytearray)


class Datagrams:
    """Makes one after the other; `kinds` counts them."""

    def __init__(self, recorded: Recorded, luck: random.Random) -> None:
        self._recorded, self._luck = recorded, luck
        self.kinds: Counter[str] = Counter()
        self._old = to_bytes(Heartbeat("pm02", 2, 1 << 40, {"pm01": (5, 0)}))
        self._earlier_life = Sealer("c", "pm02", 1, SECRET)
        self.authentic = 0
        """Packets that the key opens, but that an earlier life of pm02 has sent."""
        self._foreign = {
            "other key": Sealer("c", "pm02", 1, b"not the secret of this cluster"),
            "other cluster": Sealer("d", "pm02", 1, SECRET),
            "unknown key number": Sealer("c", "pm02", 9, SECRET),
            "unknown sender": Sealer("c", "pm03", 1, SECRET),
            "in the target's name": Sealer("c", "pm01", 1, SECRET),
        }
        self._makers = (
            ("random", self._random), ("bit flipped", self._flipped), ("bytes changed", self._changed),
            ("cut", self._cut), ("lengthened", self._lengthened), ("sent again", self._again),
            ("spliced", self._spliced), ("sent back", self._sent_back), ("sealed elsewhere", self._elsewhere),
            ("of an earlier life", self._earlier),
        )  # fmt: skip

    def next(self) -> bytes:
        name, make = self._luck.choice(self._makers)
        self.kinds[name] += 1
        return make()

    def _one(self) -> bytes:
        return self._luck.choice(self._recorded.datagrams)

    def _random(self) -> bytes:
        return self._luck.randbytes(self._luck.choice((0, 1, 29, 30, 45, 46, 60, 150, 1400, 8192)))

    def _flipped(self) -> bytes:
        mutated = bytearray(self._one())
        mutated[self._luck.randrange(len(mutated))] ^= 1 << self._luck.randrange(8)
        return bytes(mutated)

    def _changed(self) -> bytes:
        mutated = bytearray(self._one())
        for _ in range(self._luck.randrange(1, 9)):
            mutated[self._luck.randrange(len(mutated))] = self._luck.randrange(256)
        # Not even by luck the same as before.
        mutated[-1] ^= 1 if bytes(mutated) in self._recorded.datagrams else 0
        return bytes(mutated)

    def _cut(self) -> bytes:
        one = self._one()
        return one[: self._luck.randrange(len(one))]

    def _lengthened(self) -> bytes:
        return self._one() + self._luck.randbytes(self._luck.randrange(1, 200))

    def _again(self) -> bytes:
        return self._one()

    def _spliced(self) -> bytes:
        """The head of one, the body of another."""
        one, other = self._luck.sample(self._recorded.datagrams, 2)
        cut = self._luck.randrange(12, len(one))
        return one[:cut] + other[min(cut, len(other) - 1) :] + b"\0"

    def _sent_back(self) -> bytes:
        return self._luck.choice(self._recorded.of_target)

    def _elsewhere(self) -> bytes:
        return self._luck.choice(tuple(self._foreign.values())).seal(self._old)

    def _earlier(self) -> bytes:
        self.authentic += 1
        return self._earlier_life.seal(self._old)


class Connections:
    """What the attacker says on a connection, as a list of pieces; `None` is: whatever the target said, back to it."""

    def __init__(self, recorded: Recorded, luck: random.Random) -> None:
        self._recorded, self._luck = recorded, luck

    def next(self) -> list[bytes | None]:
        luck, real = self._luck, bytes(self._recorded.connection)
        match luck.randrange(6):
            case 0:
                return [luck.randbytes(luck.randrange(1, 400))]
            case 1:
                return [real]
            case 2:
                mutated = bytearray(real)
                mutated[luck.randrange(min(len(mutated), 120))] ^= 1 << luck.randrange(8)
                return [bytes(mutated)]
            case 3:
                return [real[: luck.randrange(1, len(real))]]
            case 4:
                # A hello that is right, and then records of any length.
                length = struct.pack("!I", luck.choice((0, 15, 16, 45, 1 << 18, 1 << 31)))
                return [real[:41], length + luck.randbytes(luck.randrange(200))]
            case _:
                return [real[:41], None]


# ---------------------------------------------------------------- the attack


class Target:
    """pm01's process as this one sees it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process, self._port = process, port
        self.told: list[dict[str, object]] = []
        self.more = asyncio.Event()

    @classmethod
    async def start(cls, port: int) -> Target:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "tests.contract.packets", "--target", str(port))
        target = cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe), port)
        target.reading = asyncio.get_running_loop().create_task(target._read())
        return target

    reading: asyncio.Task[None]

    async def _read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            self.told.append(json.loads(line))
            self.more.set()

    async def until(self, ready: Callable[[], bool], patience_s: float = 30.0) -> None:
        async with asyncio.timeout(patience_s):
            while not ready():
                self.more.clear()
                await self.more.wait()

    def of(self, what: str) -> list[object]:
        return [words[what] for words in self.told if what in words]

    @property
    def rss_kb(self) -> tuple[int, int]:
        """Of the engine and of its beating process."""
        pid = self._process.pid
        (beating,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return _rss_kb(pid), _rss_kb(int(beating))

    async def end(self) -> int:
        assert self._process.stdin
        self._process.stdin.close()
        await self.reading
        return await self._process.wait()

    def queued_and_lost(self) -> tuple[int, int]:
        """Bytes that wait in its UDP sockets, and datagrams that the kernel dropped because too many waited."""
        queued = lost = 0
        for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
            words = line.split()
            address, _, port = words[1].partition(":")
            if int(port, 16) == self._port and address in _TARGET_ADDRESSES:
                queued += int(words[4].partition(":")[2], 16)
                lost += int(words[12])
        return queued, lost


_TARGET_ADDRESSES = {f"{int.from_bytes(socket.inet_aton(f'127.0.{third}.1'), 'little'):08X}" for third in (0, 1)}


def _rss_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


@dataclass(frozen=True)
class Result:
    sent: int
    connections: int
    seconds: float
    accepted: list[str]
    """What the target told that the attacker caused, or did not count as dropped."""
    rss_before_kb: tuple[int, int]
    rss_after_kb: tuple[int, int]
    kinds: Counter[str]


async def attack(count: int, seed: int, port: int) -> Result:
    target = await Target.start(port)
    told: list[dict[str, object]] = []
    peer = HeartbeatEngine(settings("pm02", port), 3, Ear(told.append))
    await peer.start()
    try:
        await target.until(lambda: any(str(event).startswith(PeerHeard.__name__) for event in target.of("event")))
        attacker = Attacker(target, peer, random.Random(seed), port)
        await attacker.record()
        # What the first thousands allocate once is no growth.
        await attacker.send(min(count // 10, 20_000))
        before = target.rss_kb
        quiet = len(target.of("event"))
        began = time.perf_counter()
        await attacker.send(count)
        seconds = time.perf_counter() - began
        peer.send("pm01", b"the last word")
        await target.until(lambda: "the last word" in target.of("message"))
        after = target.rss_kb
        # Without the peer's goodbye: what pm01 tells from here on is its own leaving.
        events = [str(event) for event in target.of("event")[quiet:]]
        peer.close()
        await peer.wait_for_end()
        rc = await target.end()
        accepted = attacker.differences(rc) + events
        return Result(count, attacker.connections, seconds, accepted, before, after, attacker.datagrams.kinds)
    finally:
        peer.close()
        await peer.wait_for_end()
        await target.end()


class Attacker:
    def __init__(self, target: Target, peer: HeartbeatEngine, luck: random.Random, port: int) -> None:
        self._target, self._peer, self._luck, self._port = target, peer, luck, port
        self._recorded = Recorded()
        self.datagrams = Datagrams(self._recorded, luck)
        self._connections = Connections(self._recorded, luck)
        self.connections = 0
        self._expected_drops = 0
        self._said: list[str] = []
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ear.bind((ATTACKER, port))
        self._ear.setblocking(False)
        self._mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    async def record(self) -> None:
        """Listen until there is enough of both, and in the middle of a connection that pm02 opens to pm01."""
        loop = asyncio.get_running_loop()
        while len(self._recorded.datagrams) < 20 or len(self._recorded.of_target) < 20:
            self._take(await loop.sock_recv(self._ear, 9000))
        proxy = await asyncio.start_server(self._pass_on, PROXY, self._port)
        streams = self._peer._streams
        connection = streams._connection(Role.DIALLER, "lo:0", "pm01")
        await loop.create_connection(lambda: connection, PROXY, self._port)
        await connection.ready
        self._say("over the recorded connection")
        await self._target.until(lambda: self._said == self._target.of("message"))
        connection.close()
        proxy.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", self._port)

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, copy: bytearray) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(1 << 16):
                    copy += data
                    sink.write(data)
            sink.close()

        await asyncio.gather(carry(reader, to_there, self._recorded.connection), carry(there, writer, bytearray()))

    def _take(self, datagram: bytes) -> None:
        """Whose it is stands in the clear."""
        (self._recorded.of_target if b"pm01" in datagram[:40] else self._recorded.datagrams).append(datagram)

    def _say(self, word: str) -> None:
        self._said.append(word)
        self._peer.send("pm01", word.encode())

    async def send(self, count: int) -> None:
        sent = 0
        while sent < count:
            burst = min(BURST, count - sent)
            streams = sum(self._luck.random() < STREAM_SHARE for _ in range(burst))
            for _ in range(burst - streams):
                datagram = self.datagrams.next()
                self._expected_drops += not _is_its_own(datagram, self._recorded)
                self._mouth.sendto(datagram, ("127.0.0.1", self._port))
            await asyncio.gather(*(self._connect(self._connections.next()) for _ in range(streams)))
            self.connections += streams
            sent += burst
            self._say(str(sent))
            while self._target.queued_and_lost()[0]:
                await asyncio.sleep(0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._take(self._ear.recv(9000))
            await asyncio.sleep(0)

    async def _connect(self, pieces: list[bytes | None]) -> None:
        """Say the pieces, then go without a goodbye."""
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for piece in pieces:
                writer.write(piece if piece is not None else await reader.read(200))
                await writer.drain()
            writer.transport.abort()

    def differences(self, rc: int) -> list[str]:
        """Between what pm01 told and what pm02 alone would have made it tell."""
        found = [] if rc == 0 else [f"pm01 ended with {rc}"]
        heard = [message for message in self._target.of("message") if message != "the last word"]
        if heard != self._said:
            found.append(f"{len(self._said)} messages were sent, {len(heard)} arrived")
        dropped = sum(int(str(count)) for count in self._target.of("dropped"))
        expected = self._expected_drops - self.datagrams.authentic
        if dropped != expected:
            found.append(f"of {expected} datagrams {dropped} were dropped")
        return found


def _is_its_own(datagram: bytes, recorded: Recorded) -> bool:
    """The target takes it for its own broadcast that came back, and says nothing about it."""
    return recorded.of_target[0][12:28] in datagram[:64]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.packets", description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.target:
        asyncio.run(be_target(options.target))
        return 0
    result = asyncio.run(attack(options.count, options.seed, free_port()))
    print(
        f"{result.sent} packets, {result.connections} of them connections, {result.sent / result.seconds:.0f} a second"
    )
    print(", ".join(f"{kind} {count}" for kind, count in sorted(result.kinds.items())))
    for name, before, after in zip(("engine", "beating"), result.rss_before_kb, result.rss_after_kb, strict=True):
        print(f"memory of the {name} process: {before} KB before, {after} KB after")
    print("\n".join(result.accepted) or "nothing was accepted, nothing crashed")
    return 1 if result.accepted else 0


if __name__ == "__main__":
    sys.exit(main())
