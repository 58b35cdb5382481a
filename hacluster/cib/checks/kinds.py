"""Short forms for the kinds of finding: `cib.` before each code."""

from __future__ import annotations

from hacluster.cib.problems import ProblemKind, Severity


def error(code: str, en: str, ja: str, cure_en: str, cure_ja: str) -> ProblemKind:
    return ProblemKind(f"cib.{code}", Severity.ERROR, en, ja, cure_en, cure_ja)


def warning(code: str, en: str, ja: str, cure_en: str, cure_ja: str) -> ProblemKind:
    return ProblemKind(f"cib.{code}", Severity.WARNING, en, ja, cure_en, cure_ja)
