"""What crosses the websocket /ws/live, one TypedDict for each message.

The console says hello, then gives a snapshot, then deltas; each delta names the numbers it leads from and to, so that a
browser that missed one asks for a new snapshot (`resync`). Entities are what the page shows, in the language of the
connection; nothing in them changes by itself.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

PROTO = 1


class Button(TypedDict):
    action: str
    target: str
    node: str
    label: str


class Entity(TypedDict):
    """One keyed piece of the page: `data-key` in the DOM."""

    cls: str
    parts: dict[str, str]
    """Name of a part (`data-part`) -> its text."""
    shape: NotRequired[str]
    at: NotRequired[int]
    """Unix ms; the browser shows the age."""
    order: NotRequired[int]
    """Place in its list; only list items have one."""
    buttons: NotRequired[list[Button]]


Entities = dict[str, Entity]


class Hello(TypedDict):
    type: Literal["hello"]
    proto: int
    build: str
    node: str
    cluster: str
    view_epoch: str
    seq: int
    lang: str


class Snapshot(TypedDict):
    type: Literal["snapshot"]
    seq: int
    structure: str
    entities: Entities


# `from` is a keyword of the language, hence the functional form.
Delta = TypedDict(
    "Delta",
    {
        "type": Literal["delta"],
        "from": int,
        "to": int,
        "structure": str,
        "set": Entities,
        "del": list[str],
    },
)


class Beat(TypedDict):
    """Every two seconds. `agent`: whether the agent answers this console; `heard`: the events told so far."""

    type: Literal["beat"]
    seq: int
    agent: bool
    heard: int


class Alert(TypedDict):
    """A toast."""

    type: Literal["alert"]
    level: str
    text: str
    at: int
    key: str


class JobProgress(TypedDict):
    type: Literal["job"]
    key: str
    state: str
    done: int
    total: int
    lines: list[str]
    result: dict[str, str]


class Bye(TypedDict):
    """The log-in has ended, or the rights have changed."""

    type: Literal["bye"]
    reason: str
