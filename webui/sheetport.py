"""The console's view of the sheet and crm libraries: a book, its text, the configuration it makes.

Reads file bytes; gives `Book`, `SheetText` and the changed `Cib`, or problems. Nothing else in webui knows the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem


@dataclass(frozen=True, slots=True)
class SheetText:
    """One worksheet: how it looks, what it says in crm text, what is wrong with it."""

    sheet: str
    rows: tuple[tuple[str, ...], ...]
    crm_text: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Book:
    name: str
    content: bytes
    sheets: tuple[str, ...]

    def text_of(self, sheet: str) -> SheetText:
        raise NotImplementedError


def book_of(name: str, content: bytes) -> Book:
    return Book(name, content, ())


def configured(text: SheetText, base: Cib) -> Cib | tuple[Problem, ...]:
    raise NotImplementedError


def statements_of(configuration: Element) -> dict[str, str]:
    raise NotImplementedError
