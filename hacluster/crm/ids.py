"""Ids for what crm text leaves unnamed: predictable, and unique in the whole document."""

from __future__ import annotations

from collections.abc import Iterable


class Ids:
    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def reserve(self, name: str) -> None:
        self._taken.add(name)

    def new(self, base: str) -> str:
        """`base`, or `base-0`, `base-1` … when it's taken."""
        if base not in self._taken:
            self._taken.add(base)
            return base
        number = self._next.get(base, 0)
        while f"{base}-{number}" in self._taken:
            number += 1
        self._next[base] = number + 1
        self._taken.add(f"{base}-{number}")
        return f"{base}-{number}"

    def numbered(self, owner: str) -> str:
        """`owner-0`, `owner-1` …: for parts that have no name of their own."""
        self._taken.add(owner)
        return self.new(owner)
