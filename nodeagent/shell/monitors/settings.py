"""Reads the parameters of a monitor as operators write them: `10`, `10s`, `1500ms`, `1m`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hacluster.cib.problems import Problem, ProblemKind, Severity

BAD_PARAMETER = ProblemKind(
    "monitor.parameter",
    Severity.ERROR,
    en="{name}=“{value}” is not {wanted}",
    ja="{name}=「{value}」は{wanted_ja}ではありません",
    cure_en="correct the parameter of the resource",
    cure_ja="リソースのパラメーターを修正してください",
)
MISSING_PARAMETER = ProblemKind(
    "monitor.parameter-missing",
    Severity.ERROR,
    en="the parameter {name} is missing",
    ja="パラメーター {name} がありません",
    cure_en="add it to the resource",
    cure_ja="リソースに追加してください",
)

_UNITS_MS = {"": 1000, "s": 1000, "sec": 1000, "ms": 1, "msec": 1, "m": 60_000, "min": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"(\d+)\s*([a-z]*)", re.IGNORECASE)


def duration_ms(parameters: Mapping[str, str], name: str, default_ms: int) -> int | Problem:
    """A time in ms; a bare number counts seconds."""
    text = parameters.get(name, "").strip()
    if not text:
        return default_ms
    match = _DURATION.fullmatch(text)
    unit = _UNITS_MS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        return BAD_PARAMETER.at(name=name, value=text, wanted="a time such as 10s", wanted_ja="時間（例: 10s）")
    return int(match[1]) * unit


def whole_number(parameters: Mapping[str, str], name: str, default: int) -> int | Problem:
    text = parameters.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal():
        return BAD_PARAMETER.at(name=name, value=text, wanted="a whole number", wanted_ja="整数")
    return int(text)
