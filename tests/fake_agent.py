"""A node agent's local door without an agent: the same messages, a scripted cluster behind them.

`FakeAgent` serves a Unix socket from a thread of its own. Its cluster is the seed's pair: a PostgreSQL group, two
clones and fencing devices. It keeps a journal, carries out configuration changes with the project's own `carry_out`,
and does what tests script: patches, events, silence. tests/contract/test_console_door.py runs one suite on it and on
the real agent.
Run alone: `python -m tests.fake_agent SOCKET [--failover]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from hacluster.cib import status as status_of
from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cib.operations import carry_out
from hacluster.cib.patch import diff
from hacluster.protocol import codec, events
from hacluster.protocol.messages import (
    AgentInfo,
    AgentInfoQuery,
    Beat,
    CibChange,
    CibChanged,
    CibDocument,
    CibPatched,
    CibQuery,
    Cleaned,
    Done,
    EventHappened,
    EventRecord,
    Events,
    EventsQuery,
    FenceConfirm,
    FenceNode,
    InfoChanged,
    JournalAppend,
    JournalAppended,
    JournalEntries,
    JournalEntry,
    JournalGrew,
    JournalProof,
    JournalProofQuery,
    JournalQuery,
    MemberInfo,
    Message,
    Refused,
    Reply,
    ResourceCleanup,
    Snapshot,
    Subscribe,
    TransitionProgress,
)
from hacluster.scheduler.digests import digest

BEAT_S = 2.0
STARTED_AT_S = int(time.time()) - 3600
DUMMY = {"class": "ocf", "provider": "heartbeat", "type": "Dummy"}
GROUP = {"prmEx": "sfex", "prmFs": "Filesystem", "prmIp": "IPaddr2", "prmPg": "pgsql"}

CONFIGURATION = Path(__file__).with_name("pair.xml")
"""The seed's pair, as pm_crmgen configures it."""

_calls = itertools.count(10)


def operation(
    cib: Cib, node: str, resource: str, name: str, *, rc: int = 0, interval_ms: int = 0, status: int = 0
) -> Cib:
    """The CIB with one more entry in the history, as an agent writes it."""
    call = next(_calls)
    expected = 7 if name == "monitor" and not interval_ms else 0
    failed = rc not in (0, 7, 8) or (name == "monitor" and interval_ms and rc == 7)
    identity = f"{resource}_last_failure_0" if failed else f"{resource}_{name}_{interval_ms}"
    if (not failed and name in ("start", "stop", "promote", "demote")) or (name == "monitor" and not interval_ms):
        identity = identity if failed else f"{resource}_last_0"
    entry = Element(
        "lrm_rsc_op",
        {
            "id": identity,
            "operation": name,
            "call-id": str(call),
            "rc-code": str(rc),
            "op-status": str(status),
            "interval": str(interval_ms),
            "last-rc-change": str(STARTED_AT_S + call),
            "transition-key": f"{call}:1:{expected}:0f0e0d0c-0b0a-0908-0706-050403020100",
            **({"op-digest": digest({}, 0, 0)} if name == "start" else {}),
        },
    )
    element = cib.section("resources").by_id(resource)
    described = {"id": resource, **{key: element.get(key) for key in ("class", "provider", "type") if element.get(key)}}
    return status_of.with_operation(cib, node, described, entry)


def starts(cib: Cib, node: str, *resources: str) -> Cib:
    for resource in resources:
        cib = operation(cib, node, resource, "start")
        element = cib.section("resources").by_id(resource)
        if element is not None and element.find("operations") is not None:
            cib = operation(cib, node, resource, "monitor", interval_ms=10_000)
    return cib


def stops(cib: Cib, node: str, *resources: str) -> Cib:
    for resource in resources:
        cib = operation(cib, node, resource, "stop")
    return cib


def joined(cib: Cib, node: str) -> Cib:
    member = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
    return status_of.with_node_state(cib, node, member)


def left(cib: Cib, node: str, *, cleanly: bool = False) -> Cib:
    gone = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "down" if cleanly else "member"}
    return status_of.with_node_state(cib, node, gone)


def pair() -> Cib:
    """Both nodes up, the service on pm01."""
    cib = parse_cib(CONFIGURATION.read_bytes())
    assert isinstance(cib, Cib)
    for node in ("pm01", "pm02"):
        cib = joined(cib, node)
        cib = status_of.with_attributes(cib, node, {"default_ping_set": "100", "diskcheck_status": "normal"})
        cib = starts(cib, node, "prmPingd", "prmDiskd1")
        for resource in (*GROUP, "prmStonith1", "prmStonith2"):
            cib = operation(cib, node, resource, "monitor", rc=7)
    cib = starts(cib, "pm01", *GROUP, "prmStonith2")
    return starts(cib, "pm02", "prmStonith1")


def failed_over(cib: Cib) -> Cib:
    """PostgreSQL failed on pm01 and the group moved to pm02."""
    cib = operation(cib, "pm01", "prmPg", "monitor", rc=7, interval_ms=10_000)
    cib = status_of.with_attributes(cib, "pm01", {"fail-count-prmPg#monitor_10000": "1"})
    cib = stops(cib, "pm01", *reversed(GROUP))
    return starts(cib, "pm02", *GROUP)


class FakeAgent:
    """Use as a context manager; `change`, `happen` and `progress` may be called from any thread."""

    def __init__(self, socket: Path | str, *, cib: Cib | None = None, node: str = "pm01") -> None:
        self.socket = str(socket)
        self.cib = cib or pair()
        self.node = node
        self.members = [
            MemberInfo(
                name="pm01", node_id="1", is_member=True, links={} if node == "pm01" else {"eth1": True, "eth2": True}
            ),
            MemberInfo(
                name="pm02", node_id="2", is_member=True, links={} if node == "pm02" else {"eth1": True, "eth2": True}
            ),
        ]
        self.journal: list[JournalEntry] = []
        self.keeps_journal = True
        self.events: list[EventRecord] = []
        self.transition: TransitionProgress | None = None
        self.asked: list[Message] = []
        self.answers: dict[type, Callable[[Message], Reply]] = {}
        self._listeners: list[tuple[Subscribe, asyncio.Queue[Message | None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._end: asyncio.Event | None = None
        self.is_silent = False

    # ------------------------------------------------------------ life

    def __enter__(self) -> FakeAgent:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._ready.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        if self._loop is not None and self._end is not None:
            self._loop.call_soon_threadsafe(self._end.set)
        if self._thread is not None:
            self._thread.join(10)
        self._loop = self._thread = None

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._listeners = []
        conversations: set[asyncio.Task[None]] = set()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            conversations.add(task)
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await self._converse(reader, writer)
            conversations.discard(task)
            writer.close()

        Path(self.socket).unlink(missing_ok=True)
        server = await asyncio.start_unix_server(meet, self.socket)
        beats = asyncio.create_task(self._beat())
        self._ready.set()
        await self._end.wait()
        server.close()
        beats.cancel()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        Path(self.socket).unlink(missing_ok=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await reader.readexactly(codec.length_of(await reader.readexactly(codec.LENGTH_BYTES)))
            request = codec.to_request(body)
            if isinstance(request, Subscribe):
                await self._listen(request, writer)
                return
            self.asked.append(request)
            reply = await asyncio.to_thread(self._answer, request)
            writer.write(codec.to_frame(reply))
            await writer.drain()

    async def _listen(self, what: Subscribe, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[Message | None] = asyncio.Queue()
        self._listeners.append((what, queue))
        snapshot = Snapshot(
            info=self.info(),
            cib=self._document() if what.cib else None,
            events=tuple(self.events) if what.events else (),
            transition=self.transition,
        )
        writer.write(codec.to_frame(snapshot))
        try:
            while (update := await queue.get()) is not None:
                writer.write(codec.to_frame(update))
                await writer.drain()
        finally:
            self._listeners.remove((what, queue))

    async def _beat(self) -> None:
        while True:
            self._tell_here(Beat(at_ms=_now_ms()))
            await asyncio.sleep(BEAT_S)

    # ------------------------------------------------------------ what tests script

    def change(self, cib: Cib) -> Cib:
        """A new status or configuration, told as a patch."""
        before = self.cib
        if cib.version <= before.version:
            differs = cib.configuration != before.configuration
            version = before.version
            cib = cib.with_version(version.after_configuration_change() if differs else version.after_status_change())
        self.cib = cib
        self.tell(CibPatched(patch=diff(before, cib)))
        return cib

    def happen(self, kind: events.EventKind, **fields: str) -> None:
        record = EventRecord(node=self.node, seq=len(self.events) + 1, at_ms=_now_ms(), code=kind.code, fields=fields)
        self.events.append(record)
        self.tell(EventHappened(event=record))

    def progress(self, state: str, done: int, total: int, summary: Iterable[str] = ()) -> None:
        self.transition = TransitionProgress(
            number=1, state=state, done=done, total=total, summary=tuple(summary), started_at_ms=_now_ms()
        )
        self.tell(self.transition)

    def back_to_health(self, members: list[MemberInfo]) -> None:
        """The healthy pair again, at rest, whatever happened before."""
        self.set_members(members)
        self.progress("done", 1, 1)
        self.change(pair().with_version(self.cib.version))

    def set_members(self, members: list[MemberInfo]) -> None:
        self.members = members
        self.tell(InfoChanged(info=self.info()))

    def tell(self, update: Message) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell_here, update)

    def _tell_here(self, update: Message) -> None:
        if self.is_silent:
            return
        for what, queue in self._listeners:
            is_wanted = {
                CibPatched: what.cib,
                EventHappened: what.events,
                JournalGrew: what.journal,
            }.get(type(update), True)
            if is_wanted:
                queue.put_nowait(update)

    # ------------------------------------------------------------ answers

    def info(self) -> AgentInfo:
        return AgentInfo(
            build="fake",
            cluster_name="pgcluster",
            node=self.node,
            node_id="1" if self.node == "pm01" else "2",
            engine="heartbeat",
            state="S_IDLE",
            dc="pm01",
            has_quorum=True,
            feature_set="3.16.1",
            cib_version=self.cib.version,
            members=tuple(self.members),
            started_at_ms=STARTED_AT_S * 1000,
        )

    def _document(self) -> CibDocument:
        return CibDocument(xml=to_xml(self.cib).encode(), version=self.cib.version)

    def _answer(self, request: Message) -> Reply:
        if type(request) in self.answers:
            return self.answers[type(request)](request)
        match request:
            case AgentInfoQuery():
                return self.info()
            case CibQuery():
                return self._document()
            case CibChange():
                return self._carry_out(request)
            case ResourceCleanup(resource=resource, node=node):
                return self._cleanup(resource, node)
            case FenceConfirm(node=node):
                return self._confirm(node)
            case FenceNode(node=node):
                self.change(left(self.cib, node, cleanly=True))
                return Done()
            case EventsQuery(limit=limit):
                return Events(events=tuple(self.events[-limit:]))
            case JournalAppend() if self.keeps_journal:
                return self._append(request)
            case JournalProofQuery():
                heads = {each.origin: each.seq for each in self.journal}
                return JournalProof(heads=heads, broken={})
            case JournalQuery(have=have, limit=limit) if self.keeps_journal:
                wanted = [each for each in self.journal if each.seq > have.get(each.origin, 0)]
                return JournalEntries(entries=tuple(wanted[:limit]))
            case _:
                return Refused(
                    code="agent.not-implemented", reason=f"this agent does not know {type(request).__name__}"
                )

    def _carry_out(self, request: CibChange) -> Reply:
        outcome = carry_out(self.cib, request)
        if not isinstance(outcome, Cib):
            code = (
                "cib.version"
                if request.based_on and request.based_on.epoch != self.cib.version.epoch
                else outcome[0].code
            )
            return Refused(code=code, reason=outcome[0].sentence())
        before, self.cib = self.cib, outcome
        self.tell(CibPatched(patch=diff(before, outcome)))
        return CibChanged(version=outcome.version)

    def _cleanup(self, resource: str, node: str) -> Reply:
        cib = self.cib
        done = []
        for state in self.cib.status.all("node_state"):
            uname = state.get("uname")
            if node in ("", uname):
                members = [each.id for each in _primitives(self.cib, resource)]
                counts = {
                    name: None
                    for name in status_of.transient_attributes(state)
                    if name.startswith("fail-count-") and name[11:].split("#")[0] in members
                }
                cib = status_of.with_attributes(cib, uname, counts)
                for member in members:
                    cib = _without_failure(cib, uname, member)
                    done.append((member, uname))
        self.change(cib)
        return Cleaned(done=tuple(done))

    def _confirm(self, node: str) -> Reply:
        member = next((each for each in self.members if each.name == node), None)
        if member and member.is_member:
            return Refused(code="fence.node-is-heard", reason=f"{self.node} hears {node}")
        self.change(left(self.cib, node, cleanly=True))
        return Done()

    def _append(self, request: JournalAppend) -> Reply:
        entry = JournalEntry(
            origin=self.node,
            seq=len(self.journal) + 1,
            clock_ms=_now_ms(),
            clock_counter=0,
            kind=request.kind,
            key=request.key,
            payload=request.payload,
        )
        self.journal.append(entry)
        self.tell(JournalGrew(entries=(entry,)))
        return JournalAppended(origin=self.node, seq=entry.seq)


def _primitives(cib: Cib, resource: str) -> list[Element]:
    for top in cib.section("resources").children:
        if top.by_id(resource) is not None:
            return [each for each in top.walk() if each.tag == "primitive"]
    return []


def _without_failure(cib: Cib, node: str, resource: str) -> Cib:
    described = {"id": resource}
    return status_of.with_operation(cib, node, described, None, drops=(f"{resource}_last_failure_0",))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket")
    parser.add_argument("--failover", action="store_true", help="after the failover")
    options = parser.parse_args()
    agent = FakeAgent(options.socket, cib=failed_over(pair()) if options.failover else None)
    agent.happen(events.MANAGER_STARTING, version="2.1.5")
    agent.happen(events.DC_ELECTED, node="pm01")
    if options.failover:
        agent.happen(events.NOT_RUNNING, resource="prmPg", rc="7")
        agent.happen(events.FAILOVER_STARTED)
        agent.happen(events.FAILOVER_RESOURCE, resource="prmPg", change="Move pm01 -> pm02")
        agent.happen(events.FAILOVER_OK)
    agent.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
