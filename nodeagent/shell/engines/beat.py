"""The beating process: sends and receives heartbeats, and nothing else can delay it.

Started by engines/heartbeat.py as `python -m nodeagent.shell.engines.beat FD` with one end of a socket pair. Reads
`Begin` and then orders there, heartbeats on every link; gives notes. It runs with real-time priority and locked memory
where the system allows it, ends when the agent ends, and stops beating when the agent's loop has not turned
for a minute. Received datagrams are looked at before deadlines, so a delay of this process is not taken for silence.

When an agent begins anew, its beating process beats on for the life that ends (`Linger`) until the one of the next life
is ready and takes its turn: that one gets the agent's end of the other's socket pair as a second FD.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from typing import NoReturn

import msgspec

from hacluster.protocol.peers import Heartbeat, PeerMessageError, heartbeat_of, to_bytes
from nodeagent.machines.liveness import Liveness, LivenessTimes
from nodeagent.shell.engines.links import LinkSocket
from nodeagent.shell.engines.notes import (
    AddressSeen,
    Begin,
    Dropped,
    Fact,
    Leave,
    Linger,
    LinkTrouble,
    Note,
    Order,
    Pulse,
    Rekey,
    Warned,
)
from nodeagent.shell.engines.seal import Opener, Sealer

LAST_WORDS = 3
"""How often a leaving node says so: datagrams can be lost."""
TURN_MS = 1_000
"""How long the process of the life before may take to end."""
_DROP_NOTE_MS = 10_000
_ANSWER_MS = 5
_MCL_CURRENT_AND_FUTURE = 3
_PACKET_BYTES_MAX = 1 << 18


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Beating:
    """The loop of the process."""

    def __init__(self, agent: socket.socket, begin: Begin, warnings: list[str]) -> None:
        """`warnings`: what of its protection the system did not allow."""
        now = now_ms()
        self._agent = agent
        self._begin = begin
        self._sealer = self._new_sealer(begin.keys, begin.sending_key)
        self._opener = Opener(begin.cluster, frozenset(begin.peers), begin.keys)
        times = LivenessTimes(begin.keepalive_ms, begin.warntime_ms, begin.deadtime_ms, begin.initdead_ms)
        self._liveness = Liveness(begin.node, begin.incarnation, begin.peers, times, now)
        self._seq = 0
        self._told_hears = self._liveness.hears()
        self._addresses: dict[tuple[str, str], str] = {}
        self._links = [LinkSocket(link) for link in begin.links]
        self._troubles = dict.fromkeys((link.name for link in begin.links), "")
        self._poll = select.poll()
        self._by_descriptor: dict[int, LinkSocket] = {}
        self._poll.register(agent, select.POLLIN)
        self._beat_ms = now
        self._answered_ms = 0
        self._pulse_ms = now
        self._is_leaving = False
        self._dropped = 0
        self._dropped_from = "", ""
        self._drop_note_ms = 0
        self._untold: deque[bytes] = deque()
        self._watchdog = self._open_watchdog(begin.watchdog)
        self._tell([Warned(text) for text in warnings])

    def run(self) -> None:
        while not self._is_leaving:
            now = now_ms()
            if now >= self._beat_ms:
                self._look_at_links(now)
                self._beat_when_agent_lives(now)
                self._beat_ms = max(self._beat_ms + self._begin.keepalive_ms, now)
                self._tell_untold()
                if now - self._drop_note_ms >= _DROP_NOTE_MS:
                    self._tell_dropped(now)
            ready = self._poll.poll(max(0, self._next_ms() - now_ms()))
            for descriptor, _ in ready:
                if descriptor == self._agent.fileno():
                    self._take_orders()
                elif descriptor in self._by_descriptor:
                    self._receive(self._by_descriptor[descriptor])
            if self._is_overdue():
                self._drain_then_reach()
        self._tell_dropped(now_ms())
        for _ in range(LAST_WORDS):
            self._send_beat()
            time.sleep(0.005)
        _close_watchdog(self._watchdog)

    def _next_ms(self) -> int:
        deadline = self._liveness.next_deadline_ms()
        return self._beat_ms if deadline is None else min(self._beat_ms, deadline)

    def _is_overdue(self) -> bool:
        deadline = self._liveness.next_deadline_ms()
        return deadline is not None and now_ms() >= deadline

    def _drain_then_reach(self) -> None:
        """What waits in the sockets was in time, however late it is read."""
        for link in self._links:
            self._receive(link)
        self._tell([Fact.of(event) for event in self._liveness.deadline(now_ms())])

    # Sending

    def _beat_when_agent_lives(self, now: int) -> None:
        if now - self._pulse_ms < self._begin.hung_after_ms:
            self._send_beat()
            if self._watchdog >= 0:
                os.write(self._watchdog, b"\0")

    def _send_beat(self) -> None:
        self._seq += 1
        self._told_hears = self._liveness.hears()
        beat = Heartbeat(self._begin.node, self._begin.incarnation, self._seq, self._told_hears, self._is_leaving)
        plain = to_bytes(beat)
        for link in self._links:
            link.send(self._sealer.seal(plain))

    def _open_watchdog(self, device: str) -> int:
        if not device:
            return -1
        try:
            return os.open(device, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            self._tell([Warned(f"watchdog {device}: {error.strerror}; a machine that hangs is not rebooted by it")])
            return -1

    def _look_at_links(self, now: int) -> None:
        for link in self._links:
            before = link.fileno()
            if link.look(now) or link.fileno() != before:
                self._listen_to(link, before)
            if self._troubles[link.link.name] != link.error:
                self._troubles[link.link.name] = link.error
                self._tell([LinkTrouble(link.link.name, link.error)])

    def _listen_to(self, link: LinkSocket, before: int) -> None:
        """A closed socket that is still polled is always ready: this process would never rest again."""
        if before >= 0:
            self._by_descriptor.pop(before, None)
            with contextlib.suppress(KeyError):
                self._poll.unregister(before)
        if link.fileno() >= 0:
            self._by_descriptor[link.fileno()] = link
            self._poll.register(link.fileno(), select.POLLIN)

    # Receiving

    def _receive(self, link: LinkSocket) -> None:
        for datagram, address in link.receive():
            self._take_datagram(link.link.name, datagram, address)

    def _take_datagram(self, link_name: str, datagram: bytes, address: str) -> None:
        opened = self._opener.open(datagram)
        if opened is None:
            self._count_dropped(link_name, datagram, address)
            return
        peer, plain = opened
        try:
            beat = heartbeat_of(plain)
        except PeerMessageError:
            self._count_dropped(link_name, datagram, address)
            return
        if beat.node != peer:
            self._count_dropped(link_name, datagram, address)
            return
        now = now_ms()
        if self._addresses.get((peer, link_name)) != address:
            self._addresses[peer, link_name] = address
            self._tell([AddressSeen(peer, link_name, address)])
        events = self._liveness.heartbeat(beat, link_name, now)
        if self._liveness.hears() != self._told_hears and now - self._answered_ms >= _ANSWER_MS:
            # A peer that appeared learns at once that it is heard, and before the agent can open a stream to it.
            self._answered_ms = now
            self._send_beat()
        self._tell([Fact.of(event) for event in events])

    def _count_dropped(self, link_name: str, datagram: bytes, address: str) -> None:
        if self._sealer.salt in datagram[:64]:
            return  # The own broadcast came back.
        self._dropped += 1
        self._dropped_from = link_name, address
        now = now_ms()
        if now - self._drop_note_ms >= _DROP_NOTE_MS or not self._drop_note_ms:
            self._tell_dropped(now)

    def _tell_dropped(self, now: int) -> None:
        if self._dropped:
            self._drop_note_ms = now
            self._tell([Dropped(self._dropped, *self._dropped_from)])
            self._dropped = 0

    def _new_sealer(self, keys: dict[int, bytes], sending_key: int) -> Sealer:
        return Sealer(self._begin.cluster, self._begin.node, sending_key, keys[sending_key])

    # The agent

    def _take_orders(self) -> None:
        packet = self._agent.recv(_PACKET_BYTES_MAX)
        if not packet:
            # Without an agent there is no node: the peers must see that.
            raise SystemExit(0)
        match _DECODE_ORDER.decode(packet):
            case Pulse():
                self._pulse_ms = now_ms()
            case Linger(ms):
                self._pulse_ms = now_ms() - self._begin.hung_after_ms + ms
            case Leave():
                self._is_leaving = True
            case Rekey(keys, sending_key):
                self._opener.rekey(keys)
                self._sealer = self._new_sealer(keys, sending_key)
            case Begin():
                raise AssertionError("the agent began twice")

    def _tell(self, notes: list[Note]) -> None:
        self._untold.extend(msgspec.msgpack.encode(note) for note in notes)
        self._tell_untold()

    def _tell_untold(self) -> None:
        """Notes wait, in their order, for an agent that is busy; none is left out, or it would know a wrong state."""
        while self._untold:
            try:
                self._agent.send(self._untold[0])
            except BlockingIOError:
                return
            except OSError:
                raise SystemExit(0) from None
            self._untold.popleft()


_DECODE_ORDER = msgspec.msgpack.Decoder(Order)


def _close_watchdog(descriptor: int) -> None:
    """`V` disarms it: a node that leaves must not be rebooted."""
    if descriptor >= 0:
        os.write(descriptor, b"V")
        os.close(descriptor)


def become_undelayable(priority: int) -> list[str]:
    """Real-time priority, locked memory, last to be killed for want of it; what of it the system does not allow."""
    refused = []
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
    except OSError as error:
        refused.append(f"no real-time priority for heartbeats: {error.strerror}; a busy machine may look dead")
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT_AND_FUTURE):
        reason = os.strerror(ctypes.get_errno())
        refused.append(f"no locked memory for heartbeats: {reason}; a machine that swaps may look dead")
    return refused


def take_turn(before: socket.socket) -> None:
    """End the beating process of the life before, and return when it is gone: two would take each other's datagrams."""
    before.shutdown(socket.SHUT_WR)
    before.settimeout(TURN_MS / 1000)
    with contextlib.suppress(OSError):
        while before.recv(_PACKET_BYTES_MAX):
            pass
    before.close()


def main() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    agent = socket.socket(fileno=int(sys.argv[1]))
    begin = _DECODE_ORDER.decode(agent.recv(_PACKET_BYTES_MAX))
    assert isinstance(begin, Begin)
    warnings = become_undelayable(begin.realtime_priority) if begin.realtime_priority else []
    agent.setblocking(False)
    for descriptor in sys.argv[2:]:
        take_turn(socket.socket(fileno=int(descriptor)))
    Beating(agent, begin, warnings).run()
    sys.exit(0)


if __name__ == "__main__":
    main()
