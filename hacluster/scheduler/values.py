"""Words of the CIB as values: scores, booleans, times, and rules over node attributes.

Reads attribute text as Pacemaker does (`true on yes y 1`, `INFINITY`, `10min`, `PT10S`); gives ints and bools.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from hacluster.cib.model import SCORE_INFINITY, Element
from hacluster.scheduler.dates import date_holds

_UNITS_MS = {
    "": 1000,
    "s": 1000,
    "sec": 1000,
    "ms": 1,
    "msec": 1,
    "us": 0,
    "usec": 0,
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "hr": 3_600_000,
}
_DURATION = re.compile(r"\s*(-?\d+)(?:\.\d*)?\s*([a-z]*)\s*", re.IGNORECASE)
_ISO_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", re.IGNORECASE
)
_ISO_SECONDS = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60, 1)


# A configuration says the same few words thousands of times.
_remembered = lru_cache(maxsize=4096)


@_remembered
def is_true(text: str) -> bool:
    return text.lower() in ("true", "on", "yes", "y", "1")


@_remembered
def is_false(text: str) -> bool:
    return text.lower() in ("false", "off", "no", "n", "0")


@_remembered
def boolean(text: str, default: bool) -> bool:
    return True if is_true(text) else False if is_false(text) else default


@_remembered
def score(text: str, default: int = 0) -> int:
    """`100`, `-INFINITY`, `+INFINITY`, and the health colours; what can't be read is the default."""
    word = text.strip()
    named = word.upper().lstrip("+")
    if named in ("INFINITY", "-INFINITY"):
        return SCORE_INFINITY if named == "INFINITY" else -SCORE_INFINITY
    try:
        return clamp(int(float(word)))
    except ValueError:
        return {"red": -SCORE_INFINITY}.get(word.lower(), default)


def clamp(number: int) -> int:
    return max(-SCORE_INFINITY, min(SCORE_INFINITY, number))


def add(one: int, other: int) -> int:
    """The sum of two scores: -INFINITY wins over everything, INFINITY over all else."""
    if one <= -SCORE_INFINITY or other <= -SCORE_INFINITY:
        return -SCORE_INFINITY
    if one >= SCORE_INFINITY or other >= SCORE_INFINITY:
        return SCORE_INFINITY
    return clamp(one + other)


@_remembered
def duration_ms(text: str, default_ms: int = 0) -> int:
    """A time of the configuration; a bare number counts seconds."""
    match = _DURATION.fullmatch(text)
    if match and match[2].lower() in _UNITS_MS:
        return int(match[1]) * _UNITS_MS[match[2].lower()]
    iso = _ISO_DURATION.fullmatch(text.strip())
    if iso and text.strip().upper() != "P":
        return 1000 * sum(int(part or 0) * unit for part, unit in zip(iso.groups(), _ISO_SECONDS, strict=True))
    return default_ms


# ---------------------------------------------------------------- rules


NOTHING_ASKED: Mapping[str, str] = {}


_CONDITIONS = ("rule", "expression", "date_expression", "rsc_expression", "op_expression")


def rule_applies(
    rule: Element, attributes: Mapping[str, str], now: float = 0.0, about: Mapping[str, str] = NOTHING_ASKED
) -> bool:
    """Whether a rule holds at this time on a node with these attributes (`#uname`, `#kind` … among them).

    `about`: of the resource (class, provider, type) and operation (name, interval) that defaults are asked for.
    """
    is_any = rule.get("boolean-op", "and").lower() == "or"
    results = [_condition(child, attributes, now, about) for child in rule.all(*_CONDITIONS)]
    return any(results) if is_any else all(results)


def _condition(condition: Element, attributes: Mapping[str, str], now: float, about: Mapping[str, str]) -> bool:
    match condition.tag:
        case "rule":
            return rule_applies(condition, attributes, now, about)
        case "date_expression":
            return date_holds(condition, now)
        case "rsc_expression":
            return _is_about(condition, about, ("class", "provider", "type"))
        case "op_expression":
            return _is_about(condition, about, ("name", "interval"))
    return _expression(condition, attributes, about)


def _is_about(condition: Element, about: Mapping[str, str], names: tuple[str, ...]) -> bool:
    for name in names:
        wanted = condition.get(name)
        if not wanted:
            continue
        if name not in about:
            return False
        if name == "interval":
            if duration_ms(wanted) != duration_ms(about[name]):
                return False
        elif wanted != about[name]:
            return False
    return any(name in about for name in names)


def _expression(expression: Element, attributes: Mapping[str, str], about: Mapping[str, str]) -> bool:
    found = attributes.get(expression.get("attribute"))
    operation = expression.get("operation")
    if operation in ("defined", "not_defined"):
        return (found is not None) == (operation == "defined")
    wanted = expression.get("value")
    source = expression.get("value-source")
    if source in ("param", "meta"):
        wanted = about.get(f"{source}:{wanted}", wanted)
    if found is None:
        # An attribute that isn't there equals nothing, and is neither less nor more than anything.
        return operation == "ne"
    kind = expression.get("type").lower() or ("string" if operation in ("eq", "ne") else "number")
    order = _compare(found, wanted, kind)
    return {
        "eq": order == 0,
        "ne": order != 0,
        "lt": order < 0,
        "lte": order <= 0,
        "gt": order > 0,
        "gte": order >= 0,
    }.get(operation, False)


def _compare(found: str, wanted: str, kind: str) -> int:
    if kind in ("integer", "number") and _is_number(found) and _is_number(wanted):
        a, b = float(found), float(wanted)
        if kind == "integer":
            a, b = int(a), int(b)
        return (a > b) - (a < b)
    if kind == "version":
        one, other = _version(found), _version(wanted)
        return (one > other) - (one < other)
    a_text, b_text = found.lower(), wanted.lower()
    return (a_text > b_text) - (a_text < b_text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))
