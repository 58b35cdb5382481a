"""What is wrong with something an operator wrote: a value with a code, a place, a sentence and a cure.

A `ProblemKind` is declared once, in the module that finds it; `kind.at(place, …)` is one finding.
Sentences stand in English and Japanese side by side, so that neither can be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class ProblemKind(msgspec.Struct, frozen=True):
    """One sort of mistake. The sentences are `str.format` templates over the finding's parameters."""

    code: str
    """Stable, dotted: `sheet.score`, `crm.quote`, `cib.dangling-reference`."""
    severity: Severity
    en: str
    ja: str
    cure_en: str = ""
    cure_ja: str = ""

    def at(self, place: str = "", **parameters: Any) -> Problem:
        """One finding. `place` is what the operator can go to: `sheet!C14`, `line 3`, an XML id, a file."""
        return Problem(self, place, {name: str(value) for name, value in parameters.items()})


class Problem(msgspec.Struct, frozen=True):
    kind: ProblemKind
    place: str = ""
    parameters: dict[str, str] = {}

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def severity(self) -> Severity:
        return self.kind.severity

    def sentence(self, language: str = "en") -> str:
        template = self.kind.ja if language == "ja" else self.kind.en
        return template.format(**self.parameters)

    def cure(self, language: str = "en") -> str:
        template = self.kind.cure_ja if language == "ja" else self.kind.cure_en
        return template.format(**self.parameters)

    def line(self, language: str = "en") -> str:
        """`place: sentence (cure)`, the form of every terminal and log."""
        head = f"{self.place}: " if self.place else ""
        cure = self.cure(language)
        tail = (f"（{cure}）" if language == "ja" else f" ({cure})") if cure else ""
        return f"{head}{self.sentence(language)}{tail}"


def language_of(environment: Mapping[str, str]) -> str:
    """`ja` when the locale is Japanese, else `en`."""
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "ja" if locale.startswith("ja") else "en"


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)
