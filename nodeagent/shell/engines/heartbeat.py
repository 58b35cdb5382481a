"""The heartbeat engine as the agent sees it: starts the beating process, carries messages, hands on what it hears.

Reads the Settings and this life's incarnation; gives facts and received messages to its listener. Heartbeats run in
a process of their own (engines/beat.py), messages over TCP streams in the agent's loop (engines/streams.py). When the
beating process ends, the agent has no heart: that is an assertion and ends the agent. An agent that begins anew hands
its beating process over to its next life, so that its peers hear it all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from typing import Protocol

import msgspec

from nodeagent.machines.events import Event, LinkDead, LinkUp, PeerHeard, PeerLeft, PeerLost
from nodeagent.settings import Settings
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
from nodeagent.shell.engines.secure_tcp import Identity
from nodeagent.shell.engines.streams import Streams

PULSE_S = 10.0
LINGER_MS = 8_000
"""How long an agent that begins anew may take, less than a new DC waits for it; then its peers see it is not back."""
_LISTEN_AGAIN_S = 2.0
_PACKET_BYTES_MAX = 1 << 16
_LEAVE_S = 1.0


class Listener(Protocol):
    """Who hears what the engine hears."""

    def happened(self, event: Event) -> None:
        """A fact of the liveness machine."""

    def received(self, peer: str, message: bytes) -> None:
        """The next message of a peer."""

    def link_trouble(self, link: str, reason: str) -> None:
        """The own interface of a link cannot be used; "" as reason: it can again."""

    def dropped(self, count: int, link: str, address: str) -> None:
        """Datagrams of strangers, or with a key that is not in authkeys."""

    def warned(self, text: str) -> None:
        """What the system does not allow the beating process."""


class HeartbeatEngine:
    """One engine for the life of the agent."""

    def __init__(self, settings: Settings, incarnation: int, listener: Listener, before: int = -1) -> None:
        """`before`: what `hand_over` of this agent's last life gave."""
        self._settings = settings
        self._incarnation = incarnation
        self._listener = listener
        keys = {key.number: key.secret for key in settings.keys}
        identity = Identity(settings.cluster, settings.node, settings.sending_key, keys, incarnation)
        self._streams = Streams(identity, settings.links, settings.peers, settings.stream_port, listener.received)
        self._before = before
        self.pid = 0
        self._ended: asyncio.Future[None] | None = None
        self._channel: socket.socket | None = None
        self._pulse: asyncio.TimerHandle | None = None
        self._addresses: dict[tuple[str, str], str] = {}
        self._is_ending = False
        self._leaving: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        for link in self._settings.links:
            await self._listen(link.name)
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._start_process([theirs.detach()] + [self._before] * (self._before >= 0))
        own.setblocking(False)
        self._channel = own
        self._tell(self._begin())
        asyncio.get_running_loop().add_reader(own, self._read_notes)
        self._beat_pulse()

    def _start_process(self, descriptors: list[int]) -> None:
        """These become its own. asyncio's subprocesses end with their loop, and this one must outlive an exec."""
        command = [sys.executable, "-m", "nodeagent.shell.engines.beat", *map(str, descriptors)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        self.pid = os.posix_spawn(sys.executable, command, environment, file_actions=[nothing], setsigmask=())
        for descriptor in descriptors:
            os.close(descriptor)
        loop, watched = asyncio.get_running_loop(), os.pidfd_open(self.pid)
        self._ended = loop.create_future()
        loop.add_reader(watched, self._process_ended, watched, self._ended)

    def _begin(self) -> Begin:
        settings = self._settings
        return Begin(
            node=settings.node,
            peers=settings.peers,
            cluster=settings.cluster,
            incarnation=self._incarnation,
            links=settings.links,
            keys={key.number: key.secret for key in settings.keys},
            sending_key=settings.sending_key,
            keepalive_ms=settings.keepalive_ms,
            warntime_ms=settings.warntime_ms,
            deadtime_ms=settings.deadtime_ms,
            initdead_ms=settings.initdead_ms,
            realtime_priority=settings.realtime_priority if settings.is_realtime else 0,
            watchdog=settings.watchdog,
        )

    def _spawn(self, work: asyncio._CoroutineLike[None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            raise error

    def _process_ended(self, watched: int, ended: asyncio.Future[None]) -> None:
        asyncio.get_running_loop().remove_reader(watched)
        with contextlib.suppress(ChildProcessError):
            # Whoever reaps the agent's orphans may have been quicker.
            os.waitid(os.P_PIDFD, watched, os.WEXITED)
        os.close(watched)
        ended.set_result(None)
        assert self._is_ending, "the beating process has ended"

    async def _listen(self, link_name: str) -> None:
        try:
            await self._streams.listen(link_name)
        except OSError as error:
            self._listener.link_trouble(link_name, f"cannot listen: {error.strerror or error}")
            self._spawn(self._listen_later(link_name))

    async def _listen_anew(self, link_name: str) -> None:
        """An interface that was made anew knows nothing of the old listening socket."""
        self._streams.stop_listening(link_name)
        await self._listen(link_name)

    async def _listen_later(self, link_name: str) -> None:
        """The interface is away, or its address is not there yet."""
        await asyncio.sleep(_LISTEN_AGAIN_S)
        try:
            await self._streams.listen(link_name)
        except OSError:
            self._spawn(self._listen_later(link_name))

    # The beating process

    def _tell(self, order: Order) -> None:
        assert self._channel is not None
        self._channel.send(msgspec.msgpack.encode(order))

    def _beat_pulse(self) -> None:
        if not self._is_ending:
            self._tell(Pulse())
            self._pulse = asyncio.get_running_loop().call_later(PULSE_S, self._beat_pulse)

    def _read_notes(self) -> None:
        assert self._channel is not None
        with contextlib.suppress(BlockingIOError):
            while packet := self._channel.recv(_PACKET_BYTES_MAX):
                self._take(_DECODE_NOTE.decode(packet))
            asyncio.get_running_loop().remove_reader(self._channel)

    def _take(self, note: Note) -> None:
        match note:
            case Fact():
                self._take_fact(note.event())
            case AddressSeen(peer, link, address):
                self._addresses[peer, link] = address
                self._streams.moved(peer, link, address)
            case LinkTrouble(link, reason):
                self._listener.link_trouble(link, reason)
                if not reason:
                    self._spawn(self._listen_anew(link))
            case Dropped(count, link, address):
                self._listener.dropped(count, link, address)
            case Warned(text):
                self._listener.warned(text)

    def _take_fact(self, event: Event) -> None:
        """Streams first: when the listener answers, its messages must go to the peer's present life."""
        match event:
            case PeerHeard(peer, incarnation):
                self._streams.open(peer, incarnation)
            case PeerLost(peer) | PeerLeft(peer):
                self._streams.shut(peer)
            case LinkUp(peer, link):
                self._streams.heard(peer, link, self._addresses[peer, link])
            case LinkDead(peer, link):
                self._streams.unheard(peer, link)
            case _:
                pass
        self._listener.happened(event)

    # Messages

    def send(self, peer: str, message: bytes) -> None:
        self._streams.send(peer, message)

    def rekey(self, settings: Settings) -> None:
        """Take over the keys of a changed authkeys, and nothing else."""
        keys = {key.number: key.secret for key in settings.keys}
        self._streams.rekey(keys, settings.sending_key)
        self._tell(Rekey(keys, settings.sending_key))

    async def leave(self) -> None:
        """Deliver what is under way, say goodbye on every link, end the process. Saying it twice is saying it once."""
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_task(self._leave())
        await asyncio.shield(self._leaving)

    async def _leave(self) -> None:
        await self._streams.flush(_LEAVE_S)
        if not self._is_ending and self._ended is not None:
            self._is_ending = True
            self._tell(Leave())
            await self._ended
        self.close()

    def close(self) -> None:
        """End at once, without a word to the peers."""
        self._is_ending = True
        if self._pulse is not None:
            self._pulse.cancel()
        self._streams.close()
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
            self._channel = None

    def hand_over(self) -> int:
        """End, but for the beating process, which beats on for a while; the next life takes it over with this.

        Whoever closes this descriptor instead ends the beating process.
        """
        assert self._channel is not None
        self._tell(Linger(LINGER_MS))
        asyncio.get_running_loop().remove_reader(self._channel)
        channel, self._channel = self._channel.detach(), None
        self.close()
        return channel

    async def wait_for_end(self) -> None:
        """The beating process is gone."""
        if self._ended is not None:
            await self._ended


_DECODE_NOTE = msgspec.msgpack.Decoder(Note)
