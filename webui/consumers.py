"""The websocket /ws/live: passes on what the feed knows, to whom may see it.

Reads the feed's views and events; gives hello, snapshot, deltas, beats and toasts (payloads.py). A slow browser gets
fewer, larger deltas: each one leads from what it has to what is known now.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user_model
from django.utils import translation

from hacluster.protocol import events as catalogue
from hacluster.protocol.messages import EventRecord
from webui import wording
from webui.feed import COALESCE_S, feed
from webui.payloads import PROTO, Alert, Beat, Bye, Delta, Entities, Hello, Snapshot
from webui.roles import Right, may

BEAT_S = 2.0
CHECK_S = 10.0
"""How often the log-in behind a connection is looked at again."""
CLOSE_LOGIN = 4401
CLOSE_ORIGIN = 4403


class LiveConsumer(AsyncWebsocketConsumer):
    # No channel layer for live state: a Redis that dies would close every browser's connection with it.
    channel_layer_alias = "none"

    async def connect(self) -> None:
        self._sent: Entities = {}
        self._sent_seq = 0
        self._heard = self._heard_by_browser()
        self._wake = asyncio.Event()
        self._outbox: list[tuple[str, object]] = []
        self._task: asyncio.Task[None] | None = None
        await self.accept()
        if not self._same_origin():
            await self.close(CLOSE_ORIGIN)
            return
        if not await self._may_see():
            await self._say(Bye(type="bye", reason="login"))
            await self.close(CLOSE_LOGIN)
            return
        self._language = self._wanted_language()
        feed.listen(self._hear)
        self._task = asyncio.create_task(self._work())

    async def disconnect(self, code: int) -> None:
        feed.unlisten(self._hear)
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A browser only ever asks for a new snapshot."""
        try:
            asked = json.loads(text_data or "{}")
        except ValueError:
            return
        if isinstance(asked, dict) and asked.get("type") == "resync":
            self._outbox.append(("resync", None))
            self._wake.set()

    # ------------------------------------------------------------ work

    def _hear(self, kind: str, what: object) -> None:
        if kind == "job" and len(self._outbox) < 200:
            self._outbox.append((kind, what))
        self._wake.set()

    def _heard_by_browser(self) -> int:
        """Where its alerts go on. What it heard from another console, or before a restart, counts for nothing here."""
        asked = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        number = asked.get("heard", [""])[0]
        known = asked.get("epoch", [""])[0] == feed.view_epoch and number.isdecimal() and len(number) < 16
        return min(int(number), feed.heard) if known else feed.heard

    async def _work(self) -> None:
        view = feed.view
        info = view.info
        await self._say(
            Hello(
                type="hello",
                proto=PROTO,
                build=info.build if info else "",
                node=info.node if info else "",
                cluster=info.cluster_name if info else "",
                view_epoch=feed.view_epoch,
                seq=view.seq,
                lang=self._language,
            )
        )
        await self._snapshot()
        await self._alerts()
        loop = asyncio.get_running_loop()
        next_beat, next_check = loop.time() + BEAT_S, loop.time() + CHECK_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_beat - loop.time())):
                    await self._wake.wait()
            if loop.time() >= next_check:
                next_check = loop.time() + CHECK_S
                if not await self._may_see():
                    await self._say(Bye(type="bye", reason="login"))
                    await self.close(CLOSE_LOGIN)
                    return
            if self._wake.is_set():
                self._wake.clear()
                await self._empty_outbox()
                await self._alerts()
                await self._delta()
            if loop.time() >= next_beat:
                next_beat = loop.time() + BEAT_S
                await self._say(Beat(type="beat", seq=self._sent_seq, agent=feed.view.live, heard=self._heard))
            await asyncio.sleep(COALESCE_S / 2)

    async def _snapshot(self) -> None:
        view = feed.view
        self._sent = feed.entities(self._language, view)
        self._sent_seq = view.seq
        await self._say(Snapshot(type="snapshot", seq=view.seq, structure=view.structure, entities=self._sent))
        await self._say(Beat(type="beat", seq=view.seq, agent=view.live, heard=self._heard))

    async def _delta(self) -> None:
        view, now, changed, gone = feed.changes(self._language, self._sent, self._sent_seq)
        if view.seq == self._sent_seq and now is self._sent:
            return
        delta: Delta = {
            "type": "delta",
            "from": self._sent_seq,
            "to": view.seq,
            "structure": view.structure,
            "set": changed,
            "del": gone,
        }
        self._sent, self._sent_seq = now, view.seq
        await self._say(delta)
        if not view.live:
            await self._say(Beat(type="beat", seq=view.seq, agent=False, heard=self._heard))

    async def _empty_outbox(self) -> None:
        waiting, self._outbox = self._outbox, []
        for kind, what in waiting:
            match kind, what:
                case "job", str() as key:
                    await self._job(key)
                case "resync", _:
                    await self._snapshot()

    async def _alerts(self) -> None:
        for number, event in feed.events_since(self._heard):
            self._heard = number
            await self._alert(event)

    async def _alert(self, event: EventRecord) -> None:
        level = catalogue.alert_level(event)
        if level is catalogue.AlertLevel.NONE:
            return
        with translation.override(self._language):
            text = catalogue.sentence(event, wording.language())
        await self._say(
            Alert(type="alert", level=level.value, text=text, at=event.at_ms, key=f"{event.node}:{event.seq}")
        )

    async def _job(self, key: str) -> None:
        from webui import jobs

        payload = await sync_to_async(jobs.payload_of)(key, self._language)
        if payload is not None:
            await self._say(payload)

    async def _say(self, payload: object) -> None:
        await self.send(json.dumps(payload, ensure_ascii=False, separators=(",", ":")))

    # ------------------------------------------------------------ who is there

    async def _may_see(self) -> bool:
        return await sync_to_async(self._check)()

    def _check(self) -> bool:
        """The session and the user as they are now, not as they were when the connection opened."""
        session = self.scope.get("session")
        user = self.scope.get("user")
        if session is None or user is None or not user.is_authenticated:
            return False
        if not session.exists(session.session_key):
            return False
        fresh = get_user_model().objects.filter(pk=user.pk).first()
        return (
            fresh is not None
            and fresh.get_session_auth_hash() == user.get_session_auth_hash()
            and may(fresh, Right.SEE)
        )

    def _same_origin(self) -> bool:
        headers: dict[bytes, bytes] = dict(self.scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        return bool(origin) and urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")

    def _wanted_language(self) -> str:
        query: Any = self.scope.get("query_string", b"").decode("latin-1")
        return "ja" if "lang=ja" in query else "en"
