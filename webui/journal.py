"""The journal as the console uses it: append here, apply everywhere, rebuild from nothing.

`append` hands an entry to the agent, which spreads it to every node, and applies it to the local tables. Without an
agent (or with one that keeps no journal yet) the entry waits in the local database and is handed over later: the same
path.
Each kind has one function that writes its tables; applying an entry twice changes nothing, and an older entry about the
same thing than one that is here already changes nothing either. What the journal no longer keeps, a checkpoint says.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Max, QuerySet

from hacluster.protocol.checkpoint import CHECKPOINT, checkpoint_of
from hacluster.protocol.messages import JournalAppend, JournalAppended, JournalEntries, JournalEntry, JournalQuery
from webui import agent
from webui.models import AlertMark, AuditEntry, JournalItem, Placement, Revision, Token, Upload

LOCAL_ORIGIN = ""
"""Origin of the entries that no agent has taken yet."""

Payload = dict[str, Any]
_APPLY: dict[str, Callable[[Payload], None]] = {}
_KEYS = {
    "user": "name",
    "audit": "key",
    "sheet": "key",
    "revision": "key",
    "alert": "problem",
    "placement": "constraint",
    "token": "digest",
}
"""Kind -> what in its payload says what it is about: the newest entry of the same says all there is to know."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def append(kind: str, payload: Payload) -> None:
    """Write an entry; it is applied here when this returns."""
    reply = agent.ask(_request(kind, payload), timeout_s=5)
    if isinstance(reply, JournalAppended):
        # An agent that lost its disk counts from the start again: what it says now is what holds.
        JournalItem.objects.filter(origin=reply.origin, seq=reply.seq).exclude(kind=kind, payload=payload).delete()
        item = JournalItem(origin=reply.origin, seq=reply.seq, clock_ms=now_ms(), kind=kind, payload=payload)
    else:
        item = JournalItem(
            origin=LOCAL_ORIGIN, seq=_next_local_seq(), clock_ms=now_ms(), kind=kind, payload=payload, is_pending=True
        )
    _store([item])


def _request(kind: str, payload: Payload) -> JournalAppend:
    return JournalAppend(kind=kind, key=str(payload[_KEYS[kind]]), payload=json.dumps(payload).encode())


def take_over(entries: Iterable[JournalEntry]) -> None:
    """Entries that the agent's journal gave: those of other nodes, and this node's own again."""
    entries = tuple(entries)
    _store(
        JournalItem(
            origin=entry.origin,
            seq=entry.seq,
            clock_ms=entry.clock_ms,
            clock_counter=entry.clock_counter,
            kind=entry.kind,
            payload=json.loads(entry.payload),
        )
        for entry in entries
        if entry.kind in _APPLY
    )
    for entry in entries:
        if entry.kind == CHECKPOINT:
            _forget(entry)


def catch_up() -> int:
    """Hand over what waited, then fetch what the agent's journal has beyond this database. Gives the number fetched."""
    hand_over()
    fetched = 0
    have = dict(JournalItem.objects.exclude(origin=LOCAL_ORIGIN).values_list("origin").annotate(Max("seq")))
    while True:
        reply = agent.ask(JournalQuery(have=have))
        if not isinstance(reply, JournalEntries) or not reply.entries:
            return fetched
        take_over(reply.entries)
        for entry in reply.entries:
            have[entry.origin] = max(have.get(entry.origin, 0), entry.seq)
        fetched += len(reply.entries)


def hand_over() -> None:
    for item in JournalItem.objects.filter(is_pending=True):
        reply = agent.ask(_request(item.kind, item.payload), timeout_s=5)
        if not isinstance(reply, JournalAppended):
            return
        with transaction.atomic():
            JournalItem.objects.get_or_create(
                origin=reply.origin,
                seq=reply.seq,
                defaults={"clock_ms": item.clock_ms, "kind": item.kind, "payload": item.payload},
            )
            item.delete()


@transaction.atomic
def rebuild() -> int:
    """Empty every table that is a view, and apply the journal again in its order. Entries that wait are kept."""
    for model in (AuditEntry, Upload, Revision, AlertMark, Placement, Token):
        model.objects.all().delete()
    get_user_model().objects.all().delete()
    JournalItem.objects.filter(is_pending=False).delete()
    take_over(_all_entries())
    for item in JournalItem.objects.filter(is_pending=True):
        _APPLY[item.kind](item.payload)
    return JournalItem.objects.count()


def _all_entries() -> list[JournalEntry]:
    """The whole journal; the agent gives so much at a time."""
    have: dict[str, int] = {}
    found: list[JournalEntry] = []
    while True:
        reply = agent.ask(JournalQuery(have=have, limit=10_000))
        if not isinstance(reply, JournalEntries) or not reply.entries:
            return found
        found += reply.entries
        for entry in reply.entries:
            have[entry.origin] = max(have.get(entry.origin, 0), entry.seq)


def _next_local_seq() -> int:
    last = JournalItem.objects.filter(origin=LOCAL_ORIGIN).aggregate(last=Max("seq"))["last"] or 0
    return int(last) + 1


def _store(items: Iterable[JournalItem]) -> None:
    for item in sorted(items, key=lambda each: (each.clock_ms, each.clock_counter, each.origin, each.seq)):
        with transaction.atomic():
            if JournalItem.objects.filter(origin=item.origin, seq=item.seq).exists():
                continue
            item.save(force_insert=True)
            if not _is_overtaken(item):
                _APPLY[item.kind](item.payload)


def _about(item: JournalItem) -> QuerySet[JournalItem]:
    """The other items about the same thing."""
    name = _KEYS[item.kind]
    return JournalItem.objects.filter(kind=item.kind, **{f"payload__{name}": item.payload[name]}).exclude(pk=item.pk)


def _is_overtaken(item: JournalItem) -> bool:
    """Whether a newer item about the same thing is here already: entries of other origins may come late."""
    order = item.clock_ms, item.clock_counter, item.origin, item.seq
    others = _about(item).filter(is_pending=False, clock_ms__gte=item.clock_ms)
    return any((each.clock_ms, each.clock_counter, each.origin, each.seq) > order for each in others)


@transaction.atomic
def _forget(entry: JournalEntry) -> None:
    """What its origin has counted out goes from here too, and its row where nothing newer is about the same thing."""
    kept = checkpoint_of(entry)
    for item in JournalItem.objects.filter(origin=entry.origin, seq__lte=kept.upto, is_pending=False):
        if kept.keeps(item.seq):
            continue
        if item.kind in _FORGET and not _about(item).exists():
            _FORGET[item.kind](item.payload)
        item.delete()


def _applies(kind: str) -> Callable[[Callable[[Payload], None]], Callable[[Payload], None]]:
    def register(function: Callable[[Payload], None]) -> Callable[[Payload], None]:
        _APPLY[kind] = function
        return function

    return register


@_applies("user")
def _user(payload: Payload) -> None:
    users = get_user_model().objects
    if payload.get("removed"):
        users.filter(username=payload["name"]).delete()
        return
    user, _ = users.get_or_create(username=payload["name"])
    user.is_active = payload.get("is_active", True)
    if payload.get("password"):
        user.password = payload["password"]
    user.save()
    user.groups.set([Group.objects.get_or_create(name=payload["role"])[0]])


@_applies("audit")
def _audit(payload: Payload) -> None:
    AuditEntry.objects.update_or_create(key=payload["key"], defaults=payload)


@_applies("sheet")
def _sheet(payload: Payload) -> None:
    content = base64.b64decode(payload["content"])
    Upload.objects.update_or_create(key=payload["key"], defaults={**payload, "content": content})


@_applies("revision")
def _revision(payload: Payload) -> None:
    Revision.objects.update_or_create(key=payload["key"], defaults=payload)


@_applies("alert")
def _alert(payload: Payload) -> None:
    if payload.get("withdrawn"):
        AlertMark.objects.filter(problem=payload["problem"]).delete()
        return
    AlertMark.objects.update_or_create(problem=payload["problem"], defaults=payload)


@_applies("placement")
def _placement(payload: Payload) -> None:
    if payload.get("ended"):
        Placement.objects.filter(constraint=payload["constraint"]).delete()
        return
    Placement.objects.update_or_create(constraint=payload["constraint"], defaults=payload)


@_applies("token")
def _token(payload: Payload) -> None:
    if payload.get("revoked"):
        Token.objects.filter(digest=payload["digest"]).delete()
        return
    Token.objects.update_or_create(digest=payload["digest"], defaults=payload)


_FORGET: dict[str, Callable[[Payload], object]] = {
    "audit": lambda payload: AuditEntry.objects.filter(key=payload["key"]).delete(),
    "sheet": lambda payload: Upload.objects.filter(key=payload["key"]).delete(),
    "revision": lambda payload: Revision.objects.filter(key=payload["key"]).delete(),
}
"""Kinds of which only so many are kept, and how the row of one goes."""
