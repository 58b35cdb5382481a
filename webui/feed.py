"""One subscription to the agent of this node for each console process, and what it knows.

Reads updates of the local door; gives the `View` (picture, events, whether the agent answers) and its entities in each
language. Consumers and views only read. The live path needs neither Redis nor Celery nor the database: the
console must work when what it watches, or what it uses, does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from asgiref.sync import sync_to_async

from hacluster.cib import patch as patches
from hacluster.cib.model import Cib
from hacluster.cib.patch import Patch
from hacluster.protocol import messages
from hacluster.protocol.client import AgentUnreachable, AsyncClient
from hacluster.protocol.messages import AgentInfo, EventRecord, TransitionProgress
from webui import agent, wording
from webui.painter import Painter, picture_of
from webui.payloads import Entities
from webui.picture import Picture
from webui.rendering import EVENTS_SHOWN, Rendering

log = logging.getLogger("hacluster.console.feed")

EVENTS_KEPT = 1000
COALESCE_S = 0.1
AGENT_SILENCE_S = 4.5
"""Two beats and some slack: then the agent counts as gone."""
RETRY_S = (0.2, 5.0)


NOTHING_KNOWN = Picture()


@dataclass(frozen=True, slots=True)
class View:
    """What the console knows at one moment. `seq` grows by one with each change."""

    seq: int = 0
    live: bool = False
    heard_at_ms: int = 0
    """Unix time of the last word of the agent."""
    cib: Cib | None = None
    info: AgentInfo | None = None
    picture: Picture = NOTHING_KNOWN
    events: tuple[EventRecord, ...] = ()
    heard: int = 0
    """How many events this console has heard since it started; `events` ends with the last of them."""
    structure: str = ""
    trouble: str = ""
    """Why there is nothing to show: the sentence of the agent's absence."""


class Feed:
    """Owns the subscription; `view` may be read from any thread."""

    def __init__(self) -> None:
        self.view = View()
        self.view_epoch = f"{time.time_ns():x}"
        self.seen_problems: frozenset[str] = frozenset()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._listeners: set[Callable[[str, object], None]] = set()
        self._renderings = {language: Rendering(language) for language in ("ja", "en")}
        self._painter = Painter()
        self._lock = threading.Lock()
        self._cib: Cib | None = None
        self._info: AgentInfo | None = None
        self._transition: TransitionProgress | None = None
        self._events: deque[EventRecord] = deque(maxlen=EVENTS_KEPT)
        self.heard = 0
        self._answers = False
        self._dirty = asyncio.Event()

    # ------------------------------------------------------------ life

    def start(self) -> None:
        from webui import housekeeping, relay

        self.loop = asyncio.get_running_loop()
        self._dirty = asyncio.Event()
        work = (self._follow(), self._paint(), relay.listen(self), housekeeping.keep(self))
        self._tasks = [asyncio.create_task(each) for each in work]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        self.loop = None

    def listen(self, listener: Callable[[str, object], None]) -> None:
        """`listener(kind, what)` is called in the console's loop: ("view", View), ("event", …), ("job", key)."""
        self._listeners.add(listener)

    def unlisten(self, listener: Callable[[str, object], None]) -> None:
        self._listeners.discard(listener)

    def tell(self, kind: str, what: object) -> None:
        for listener in list(self._listeners):
            listener(kind, what)

    def tell_from_thread(self, kind: str, what: object) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.tell, kind, what)

    # ------------------------------------------------------------ reading

    def entities(self, language: str, view: View | None = None) -> Entities:
        """The page's entities in a language; rendered once for each change, whoever asks."""
        with self._lock:
            return self._renderings[language].entities(view or self.view, self.seen_problems)

    def changes(self, language: str, known: Entities, seq: int) -> tuple[View, Entities, Entities, list[str]]:
        """The newest view, its entities, those that differ from the `known` ones of number `seq`, and what is gone."""
        with self._lock:
            view = self.view
            now = self._renderings[language].entities(view, self.seen_problems)
            touched = self._renderings[language].touched(seq)
        if touched is None:
            touched = {*now, *known}
        changed = {key: now[key] for key in touched if key in now and known.get(key) != now[key]}
        return view, now, changed, [key for key in touched if key not in now and key in known]

    def current(self) -> View:
        """The view; where no feed runs (a management command, Django's own server) the agent is asked once."""
        if self.loop is None and not self.view.seq:
            return self._asked_once()
        return self.view

    def _asked_once(self) -> View:
        info, cib = agent.current_info(), agent.current_cib()
        if isinstance(info, messages.Refused) or isinstance(cib, messages.Refused):
            refusal = info if isinstance(info, messages.Refused) else cib
            return View(trouble=refusal.reason if isinstance(refusal, messages.Refused) else "")
        reply = agent.ask(messages.EventsQuery(limit=EVENTS_SHOWN))
        events = reply.events if isinstance(reply, messages.Events) else ()
        picture = picture_of(cib, info)
        return View(
            live=True,
            heard_at_ms=_now_ms(),
            cib=cib,
            info=info,
            picture=picture,
            events=events,
            structure=wording.structure_of(picture),
        )

    def mark_seen(self, problems: frozenset[str]) -> None:
        """Somebody acknowledged a problem: pages show it."""
        self.seen_problems = problems
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self._dirty.set)

    # ------------------------------------------------------------ following the agent

    async def _follow(self) -> None:
        wait_s = RETRY_S[0]
        while True:
            started = time.monotonic()
            try:
                await self._subscription()
            except AgentUnreachable as error:
                self._lose(str(error))
            except Exception:
                # A word of the agent that cannot be shown must not end the console: it is told, and asked for anew.
                log.exception("the agent's updates could not be read")
                self._lose("the agent's updates could not be read")
            wait_s = RETRY_S[0] if time.monotonic() - started > 10 else min(wait_s * 2, RETRY_S[1])
            await asyncio.sleep(wait_s * random.uniform(0.7, 1.3))

    async def _subscription(self) -> None:
        what = messages.Subscribe(cib=True, events=True, journal=True)
        async for update in AsyncClient().subscribe(what, silence_timeout_s=AGENT_SILENCE_S):
            await self._take(update)

    async def _take(self, update: messages.Update) -> None:
        match update:
            case messages.Snapshot(info=info, cib=document, events=events, transition=transition):
                self._info, self._transition = info, transition
                self._catch_up_events(events)
                if document:
                    self._replace(document)
                asyncio.get_running_loop().create_task(self._catch_up_journal())
            case messages.CibReplaced(cib=document):
                self._replace(document)
            case messages.CibPatched(patch=patch):
                await self._patch(patch)
            case messages.InfoChanged(info=info):
                self._info = info
            case messages.EventHappened(event=event):
                self._take_event(event)
            case messages.TransitionProgress():
                self._transition = update
            case messages.JournalGrew(entries=entries):
                from webui import journal

                await sync_to_async(journal.take_over)(entries)
                await self._read_marks()
            case messages.Refused(reason=reason):
                raise AgentUnreachable(reason)
            case messages.Beat():
                self._hear()
                return
        self._hear()
        self._dirty.set()

    def _take_event(self, event: EventRecord) -> None:
        self._events.append(event)
        self.heard += 1
        self.tell("event", event)

    def _catch_up_events(self, events: tuple[EventRecord, ...]) -> None:
        """What happened while the agent was out of reach is told too; the first snapshot's events are old news."""
        known = {(event.node, event.seq) for event in self._events}
        if not known:
            self._events.extend(events)
            return
        for event in events:
            if (event.node, event.seq) not in known:
                self._take_event(event)

    def events_since(self, heard: int) -> list[tuple[int, EventRecord]]:
        """The events after the first `heard` ones, as far as they are kept, each with its number."""
        missed = min(max(self.heard - heard, 0), len(self._events))
        newest = list(self._events)[len(self._events) - missed :]
        return list(enumerate(newest, self.heard - missed + 1))

    def _hear(self) -> None:
        if not self._answers:
            self._dirty.set()
        self._answers = True
        self.view = replace(self.view, heard_at_ms=_now_ms())

    def _replace(self, document: messages.CibDocument) -> None:
        cib = agent.cib_of(document.xml)
        if isinstance(cib, Cib):
            self._cib = cib

    async def _patch(self, patch: Patch) -> None:
        """Apply a patch; one that does not fit is answered with the whole document."""
        patched = _apply(self._cib, patch)
        if patched is None:
            reply = await AsyncClient().request(messages.CibQuery(), timeout_s=10)
            if isinstance(reply, messages.CibDocument):
                self._replace(reply)
        else:
            self._cib = patched

    async def _catch_up_journal(self) -> None:
        from webui import journal

        try:
            await sync_to_async(journal.catch_up)()
            await self._read_marks()
        except Exception:
            log.exception("the journal could not be read")

    async def _read_marks(self) -> None:
        from webui.models import AlertMark

        marks = await sync_to_async(lambda: frozenset(AlertMark.objects.values_list("problem", flat=True)))()
        if marks != self.seen_problems:
            self.mark_seen(marks)

    def _lose(self, sentence: str) -> None:
        self._answers = False
        self.view = replace(self.view, seq=self.view.seq + 1, live=False, trouble=sentence)
        self.tell("view", self.view)

    # ------------------------------------------------------------ painting

    async def _paint(self) -> None:
        """At most ten pictures a second, however fast the agent speaks."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._repaint()
            await asyncio.sleep(COALESCE_S)

    def _repaint(self) -> None:
        if self._cib is None:
            return
        before = self.view
        picture = self._painter.paint(self._cib, self._info, self._transition)
        is_same = picture.resources is before.picture.resources and picture.nodes.keys() == before.picture.nodes.keys()
        self.view = View(
            seq=self.view.seq + 1,
            live=self._answers,
            heard_at_ms=self.view.heard_at_ms,
            cib=self._cib,
            info=self._info,
            picture=picture,
            events=tuple(self._events),
            heard=self.heard,
            structure=before.structure if is_same and before.structure else wording.structure_of(picture),
            trouble="" if self._answers else self.view.trouble,
        )
        self.tell("view", self.view)


def _apply(cib: Cib | None, patch: Patch) -> Cib | None:
    """The patched CIB, or None where the patch does not lead from this version."""
    patched = patches.apply(cib, patch) if cib is not None else None
    return patched if isinstance(patched, Cib) else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


feed = Feed()
