"""Rules about time: `date_expression`, `date_spec`, durations, and dates in ISO 8601.

Reads the elements and a unix time; says whether they hold. All in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hacluster.cib.model import Element

_ORDINAL = re.compile(r"(\d{4})-(\d{3})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?Z?")


def parse_date(text: str) -> float | None:
    """ISO 8601 in UTC, ordinal dates (`2005-020T12:30`) among them -> unix time."""
    ordinal = _ORDINAL.fullmatch(text.strip())
    if ordinal:
        year, day, hour, minute, second = (int(part or 0) for part in ordinal.groups())
        start = datetime(year, 1, 1, tzinfo=UTC)
        return (start + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)).timestamp()
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def date_holds(expression: Element, now: float) -> bool:
    start, end = parse_date(expression.get("start")), parse_date(expression.get("end"))
    match expression.get("operation", "in_range"):
        case "gt":
            return start is not None and now > start
        case "lt":
            return end is not None and now < end
        case "date_spec":
            return all(_matches(spec, now) for spec in expression.all("date_spec"))
        case "in_range":
            duration = expression.find("duration")
            if end is None and start is not None and duration is not None:
                end = _after(start, duration)
            is_begun = start is None or now >= start
            return is_begun and (end is None or now <= end) and not (start is None and end is None)
    return False


def _after(start: float, duration: Element) -> float:
    """The start plus a duration; months and years by the calendar."""
    moment = datetime.fromtimestamp(start, UTC)
    months = _number(duration, "months") + 12 * _number(duration, "years")
    month = moment.month - 1 + months
    moment = moment.replace(year=moment.year + month // 12, month=month % 12 + 1, day=min(moment.day, 28))
    words = ("weeks", "days", "hours", "minutes", "seconds")
    return (moment + timedelta(**{word: _number(duration, word) for word in words})).timestamp()


def _number(element: Element, name: str) -> int:
    text = element.get(name, "0")
    return int(text) if text.isdecimal() else 0


def _matches(spec: Element, now: float) -> bool:
    moment = datetime.fromtimestamp(now, UTC)
    week_year, week, week_day = moment.isocalendar()
    fields = {
        "seconds": moment.second,
        "minutes": moment.minute,
        "hours": moment.hour,
        "monthdays": moment.day,
        "weekdays": week_day,
        "yeardays": moment.timetuple().tm_yday,
        "months": moment.month,
        "weeks": week,
        "years": moment.year,
        "weekyears": week_year,
    }
    return all(_in_range(spec.get(name), value) for name, value in fields.items() if spec.get(name))


def _in_range(text: str, value: int) -> bool:
    """`5`, `1-5`, `5-`, `-5`"""
    low, dash, high = text.partition("-")
    if not dash:
        return low.isdecimal() and value == int(low)
    return (not low or value >= int(low)) and (not high or value <= int(high))
