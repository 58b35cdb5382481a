"""Words of a configuration as values, strictly: what can't be read is None, never a default.

Reads attribute text; gives scores, durations and booleans. (The scheduler, which has to go on, reads leniently.)
"""

from __future__ import annotations

import re

from hacluster.cib.model import SCORE_INFINITY

_UNITS_MS = {
    **dict.fromkeys(("", "s", "sec"), 1000.0),
    **dict.fromkeys(("ms", "msec"), 1.0),
    **dict.fromkeys(("us", "usec"), 0.001),
    **dict.fromkeys(("m", "min"), 60_000.0),
    **dict.fromkeys(("h", "hr"), 3_600_000.0),
}
_DURATION = re.compile(r"(\d+(?:\.\d*)?)\s*([a-z]*)", re.IGNORECASE)
_ISO_DURATION = re.compile(
    r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
_ISO_SECONDS = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60, 1)
_WHOLE_NUMBER = re.compile(r"[+-]?\d+")
_BOOLEANS = {
    **dict.fromkeys(("true", "on", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "off", "no", "n", "0"), False),
}


def boolean(text: str) -> bool | None:
    return _BOOLEANS.get(text.strip().lower())


def score(text: str) -> int | None:
    """`100`, `-5`, `INFINITY`, `+INFINITY`, `-INFINITY`; a number beyond infinity is infinity."""
    word = text.strip()
    named = word.upper().lstrip("+")
    if named in ("INFINITY", "-INFINITY"):
        return SCORE_INFINITY if named == "INFINITY" else -SCORE_INFINITY
    if not _WHOLE_NUMBER.fullmatch(word):
        return None
    return max(-SCORE_INFINITY, min(SCORE_INFINITY, int(word)))


def whole_number(text: str) -> int | None:
    word = text.strip()
    return int(word) if _WHOLE_NUMBER.fullmatch(word) else None


def duration_ms(text: str) -> int | None:
    """`10`, `10s`, `500ms`, `2min`, `PT1M30S`."""
    word = text.strip()
    plain = _DURATION.fullmatch(word)
    if plain is not None:
        unit = _UNITS_MS.get(plain[2].lower())
        return None if unit is None else int(float(plain[1]) * unit)
    iso = _ISO_DURATION.fullmatch(word)
    if iso is None:
        return None
    return 1000 * sum(int(part or 0) * seconds for part, seconds in zip(iso.groups(), _ISO_SECONDS, strict=True))
