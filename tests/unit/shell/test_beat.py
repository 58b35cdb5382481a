"""The beating process on its own: it beats for an agent that lives, and for no other."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hacluster.protocol.peers import Heartbeat, heartbeat_of
from nodeagent.settings import Link, Medium
from nodeagent.shell.engines.notes import Begin, Fact, Leave, Linger, Note, Order, Pulse, Rekey, Warned
from nodeagent.shell.engines.seal import Opener, Sealer

KEY = b"0123456789abcdef0123456789abcdef"
PATIENCE_S = 10.0


class Beating:
    """The process, the agent's end of its socket pair, and a peer's UDP socket."""

    def __init__(self, hung_after_ms: int = 60_000, watchdog: str = "", before: Beating | None = None) -> None:
        """`before`: the one whose turn this one takes; it has the same peer."""
        self.peer = before.peer if before else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if before is None:
            self.peer.bind(("127.0.0.2", 0))
            self.peer.settimeout(PATIENCE_S)
        port = self.peer.getsockname()[1]
        self.agent, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.agent.settimeout(PATIENCE_S)
        descriptors = [theirs.fileno(), *([before.agent.fileno()] if before else [])]
        command = [sys.executable, "-m", "nodeagent.shell.engines.beat", *map(str, descriptors)]
        self.process = subprocess.Popen(command, pass_fds=descriptors)
        theirs.close()
        link = Link("lo", Medium.UCAST, port, ("127.0.0.1", "127.0.0.2"), own_address="127.0.0.1")
        self.address = ("127.0.0.1", port)
        self.opener = Opener("c", frozenset({"pm01"}), {1: KEY})
        self.sealer = Sealer("c", "pm02", 1, KEY)
        self.tell(
            Begin(
                node="pm01", peers=("pm02",), cluster="c", incarnation=8 if before else 7, links=(link,),
                keys={1: KEY}, sending_key=1,
                keepalive_ms=20, warntime_ms=100, deadtime_ms=200, initdead_ms=500, realtime_priority=0,
                watchdog=watchdog, hung_after_ms=hung_after_ms,
            )
        )  # fmt: skip

    def tell(self, order: Order) -> None:
        self.agent.send(msgspec.msgpack.encode(order))

    def note(self) -> Note:
        return msgspec.msgpack.decode(self.agent.recv(1 << 16), type=Note)  # type: ignore[arg-type]

    def beat(self) -> Heartbeat:
        opened = self.opener.open(self.peer.recv(8192))
        assert opened
        return heartbeat_of(opened[1])

    def say(self, seq: int, **words: object) -> None:
        beat = Heartbeat("pm02", 3, seq, {"pm01": (7, 0)}, **words)  # type: ignore[arg-type]
        self.peer.sendto(self.sealer.seal(msgspec.msgpack.encode(beat)), self.address)

    def close(self) -> None:
        self.agent.close()
        self.process.wait(PATIENCE_S)
        self.peer.close()


@pytest.fixture
def beating() -> Iterator[Beating]:
    beating = Beating()
    yield beating
    beating.close()


def test_heartbeats_come_with_growing_numbers(beating: Beating) -> None:
    beats = [beating.beat() for _ in range(5)]
    assert [beat.seq for beat in beats] == [1, 2, 3, 4, 5]
    assert {(beat.node, beat.incarnation, beat.is_leaving) for beat in beats} == {("pm01", 7, False)}


def test_a_peer_that_speaks_is_told_to_the_agent_and_heard_back(beating: Beating) -> None:
    beating.beat()
    beating.say(1)
    names = []
    while "PeerHeard" not in names:
        note = beating.note()
        names += [note.name] if isinstance(note, Fact) else []
    assert names == ["LinkUp", "PeerHeard"]
    while "pm02" not in beating.beat().hears:
        pass


def test_a_peer_that_falls_silent_is_lost(beating: Beating) -> None:
    beating.beat()
    beating.say(1)
    names: list[str] = []
    while "PeerLost" not in names:
        note = beating.note()
        names += [note.name] if isinstance(note, Fact) else []
    assert names == ["LinkUp", "PeerHeard", "LinkDead", "PeerLost"]


def test_heartbeats_come_under_the_new_key_after_a_roll(beating: Beating) -> None:
    new = b"another secret of good length 123"
    beating.beat()
    beating.tell(Rekey({1: KEY, 2: new}, 2))
    opener = Opener("c", frozenset({"pm01"}), {2: new})
    while (opened := opener.open(beating.peer.recv(8192))) is None:
        pass
    assert heartbeat_of(opened[1]).node == "pm01"
    beating.say(1)
    names = []
    while "PeerHeard" not in names:
        note = beating.note()
        names += [note.name] if isinstance(note, Fact) else []


def test_garbage_is_counted_and_changes_nothing(beating: Beating) -> None:
    beating.beat()
    for size in range(300):
        beating.peer.sendto(os.urandom(size), beating.address)
    assert type(beating.note()).__name__ == "Dropped"
    assert beating.beat().hears == {}


def test_a_process_whose_agent_is_gone_ends(beating: Beating) -> None:
    beating.beat()
    beating.agent.close()
    assert beating.process.wait(PATIENCE_S) == 0


def test_the_process_of_the_next_life_takes_the_turn_of_the_one_before(beating: Beating) -> None:
    beating.tell(Linger(60_000))
    beating.beat()
    after = Beating(before=beating)
    try:
        lives = []
        while 8 not in lives:
            lives.append(beating.beat().incarnation)
        assert beating.process.wait(PATIENCE_S) == 0
        assert set(lives) == {7, 8}
        assert [after.beat().incarnation for _ in range(5)] == [8] * 5
    finally:
        after.agent.close()
        after.process.wait(PATIENCE_S)


def test_a_process_whose_next_life_does_not_come_falls_silent(beating: Beating) -> None:
    beating.beat()
    beating.tell(Linger(100))
    beating.peer.settimeout(0.2)
    began = time.monotonic()
    with contextlib.suppress(TimeoutError):
        while time.monotonic() - began < 5:
            beating.beat()
    assert time.monotonic() - began < 5


def test_a_leaving_node_says_so_before_it_ends(beating: Beating) -> None:
    beating.beat()
    beating.tell(Leave())
    assert beating.process.wait(PATIENCE_S) == 0
    beating.peer.setblocking(False)
    last = None
    try:
        while True:
            last = beating.beat()
    except BlockingIOError:
        pass
    assert last is not None
    assert last.is_leaving


def test_the_watchdog_is_fed_with_every_heartbeat_and_disarmed_by_a_goodbye(tmp_path: Path) -> None:
    device = tmp_path / "watchdog"
    device.touch()
    beating = Beating(watchdog=str(device))
    try:
        for _ in range(4):
            beating.beat()
        assert device.read_bytes().startswith(b"\0\0\0")
        assert b"V" not in device.read_bytes()
        beating.tell(Leave())
        assert beating.process.wait(PATIENCE_S) == 0
        assert device.read_bytes().endswith(b"\0V")
    finally:
        beating.close()


def test_a_watchdog_that_is_not_there_is_told_and_heartbeats_go_on(tmp_path: Path) -> None:
    beating = Beating(watchdog=str(tmp_path / "none"))
    try:
        note = beating.note()
        assert isinstance(note, Warned)
        assert note.text.startswith(f"watchdog {tmp_path}/none: No such file")
        assert beating.beat().node == "pm01"
    finally:
        beating.close()


def test_an_agent_that_hangs_for_too_long_is_not_beaten_for() -> None:
    beating = Beating(hung_after_ms=300)
    try:
        beating.beat()
        began = time.monotonic()
        beating.peer.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while time.monotonic() - began < 5:
                beating.beat()
        assert time.monotonic() - began < 5
        beating.tell(Pulse())
        beating.peer.settimeout(PATIENCE_S)
        assert beating.beat().incarnation == 7
    finally:
        beating.close()
