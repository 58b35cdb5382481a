"""The parts of which the shapes of a configuration's elements are put together.

Reads nothing; gives the types and the short words in which the tables beside it are written. `since` is the first
schema that has a part, `until` the first that no longer has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

Version = tuple[int, int]
OLDEST: Version = (1, 0)
NEWEST: Version = (99, 0)


class Value(msgspec.Struct, frozen=True):
    """What an attribute may say."""

    kind: str
    """`text`, `id`, `reference`, `words`, or the name of a pattern."""
    pattern: str = ""
    words: tuple[tuple[str, Version, Version], ...] = ()

    def known(self, version: Version) -> tuple[str, ...]:
        return tuple(word for word, since, until in self.words if since <= version < until)

    def fits(self, said: str, version: Version) -> bool:
        if self.words:
            return said.strip() in self.known(version)
        return not self.pattern or re.fullmatch(self.pattern, said.strip()) is not None


TEXT = Value("text")
ID = Value("id", r"[^\W\d][\w.\-·]*")
REFERENCE = Value("reference", ID.pattern)
WHOLE = Value("whole", r"[+-]?[0-9]+")
UNSIGNED = Value("unsigned", r"\+?[0-9]+|-0+")
POSITIVE = Value("positive", r"\+?0*[1-9][0-9]*")
SCORE = Value("score", r"[+-]?(?:[0-9]+|INFINITY)")
TRUTH = Value("truth", "true|false|0|1")


def words(
    always: str, *, later: Mapping[Version, str] | None = None, gone: Mapping[Version, str] | None = None
) -> Value:
    """One of some words: those there have always been, those of later schemas, those that are gone since one."""
    known = [(word, OLDEST, NEWEST) for word in always.split()]
    known += [(word, since, NEWEST) for since, group in (later or {}).items() for word in group.split()]
    known += [(word, OLDEST, until) for until, group in (gone or {}).items() for word in group.split()]
    return Value("words", words=tuple(known))


class Attribute(msgspec.Struct, frozen=True):
    name: str
    value: Value
    is_needed: bool
    since: Version
    until: Version


class Child(msgspec.Struct, frozen=True):
    tag: str
    at_least: int
    at_most: int
    rank: int
    """Children of a lower rank stand in front of those of a higher one."""
    since: Version
    until: Version


class Alternative(msgspec.Struct, frozen=True):
    """Attributes and children that belong together: all of `needs`, any of `beside`."""

    needs: tuple[str, ...]
    beside: tuple[str, ...] = ()
    since: Version = OLDEST
    until: Version = NEWEST


class Choice(msgspec.Struct, frozen=True):
    """One alternative of several, with nothing of the others."""

    alternatives: tuple[Alternative, ...]
    is_needed: bool
    when: tuple[str, str]
    """(attribute, value): only where it says that, or is there at all when the value is empty."""
    unless: tuple[str, str]
    """The same the other way round."""
    also: tuple[str, ...]
    """Names that no alternative may need and that stand beside none either."""
    since: Version
    until: Version


class Shape(msgspec.Struct, frozen=True):
    attributes: tuple[Attribute, ...] = ()
    children: tuple[Child, ...] = ()
    choices: tuple[Choice, ...] = ()


def must(name: str, value: Value = TEXT, *, since: Version = OLDEST, until: Version = NEWEST) -> Attribute:
    return Attribute(name, value, is_needed=True, since=since, until=until)


def may(name: str, value: Value = TEXT, *, since: Version = OLDEST, until: Version = NEWEST) -> Attribute:
    return Attribute(name, value, is_needed=False, since=since, until=until)


_ANY_NUMBER = 1 << 30


def many(tag: str, *, rank: int = 0, since: Version = OLDEST, until: Version = NEWEST) -> Child:
    return Child(tag, 0, _ANY_NUMBER, rank, since, until)


def some(tag: str) -> Child:
    return Child(tag, 1, _ANY_NUMBER, 0, OLDEST, NEWEST)


def one(tag: str, *, rank: int = 0) -> Child:
    return Child(tag, 1, 1, rank, OLDEST, NEWEST)


def optional(tag: str, *, rank: int = 0, since: Version = OLDEST, until: Version = NEWEST) -> Child:
    return Child(tag, 0, 1, rank, since, until)


def either(
    *alternatives: Alternative,
    is_needed: bool = True,
    when: tuple[str, str] = ("", ""),
    unless: tuple[str, str] = ("", ""),
    also: tuple[str, ...] = (),
    since: Version = OLDEST,
    until: Version = NEWEST,
) -> Choice:
    return Choice(alternatives, is_needed, when, unless, also, since, until)


ROLES = words("Stopped Started Master Slave", later={(3, 7): "Promoted Unpromoted"})
DESCRIPTION = may("description")
ATTRIBUTE_SETS = (many("meta_attributes"), many("instance_attributes"))
