"""`iso8601`: what a date, a duration or a period in a rule means.

Reads the ISO 8601 texts of its options; prints them as Pacemaker's command does. A time without an offset is local.
"""

from __future__ import annotations

import argparse
import calendar
import re
import sys
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar

import msgspec

from hacluster.cli.cluster import run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options

_ORDINAL = re.compile(r"(\d{4})-?(\d{3})")
_DURATION = re.compile(
    r"P(?=[\dT+-])(?:(?P<years>[+-]?\d+)Y)?(?:(?P<months>[+-]?\d+)M)?(?:(?P<weeks>[+-]?\d+)W)?(?:(?P<days>[+-]?\d+)D)?"
    r"(?:T(?:(?P<hours>[+-]?\d+)H)?(?:(?P<minutes>[+-]?\d+)M)?(?:(?P<seconds>[+-]?\d+)S)?)?"
)
_SECONDS_BEFORE_1970 = 62_135_596_800
"""since the first day of the first year"""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_MOST = 10_000
"""The largest number of a unit that a calendar of four-digit years can hold."""


Found = TypeVar("Found")


class Duration(msgspec.Struct, frozen=True):
    months: int = 0
    days: int = 0
    seconds: int = 0
    years: int = 0

    def __str__(self) -> str:
        parts = [
            f"{amount:{width}} {word}{'' if amount == 1 else 's'} "
            for amount, width, word in ((self.years, 4, "year"), (self.months, 2, "month"), (self.days, 2, "day"))
            if amount
        ]
        if self.seconds or not parts:
            parts.append(_seconds(self.seconds))
        return "".join(parts)


def _seconds(total: int) -> str:
    """`14706 seconds (4 hours 5 minutes 6 seconds)`"""
    text = f"{total} second{'' if total == 1 else 's'}"
    if abs(total) < 60:
        return text
    hours, rest = divmod(abs(total), 3600)
    amounts = ((hours, "hour"), (rest // 60, "minute"), (rest % 60, "second"))
    return f"{text} ({' '.join(f'{n} {word}' if n == 1 else f'{n} {word}s' for n, word in amounts if n)})"


# ---------------------------------------------------------------- reading


def parse_date(text: str, now: datetime) -> datetime | None:
    """Calendar, week and ordinal dates, with or without a time; `now` gives the day of a time alone, and the zone."""
    text = text.strip()
    if text in ("now", "epoch"):
        return now if text == "now" else datetime(1970, 1, 1, tzinfo=UTC)
    text = re.sub(r"\s+(?=[Z+-])", "", text)
    day_text, time_text = _divided(text)
    day = now.date() if not day_text else _day(day_text)
    clock = _clock(time_text)
    if day is None or clock is None or (not day_text and not time_text):
        return None
    moment = datetime.combine(day, time(0, tzinfo=clock.tzinfo))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC) if not time_text else moment.replace(tzinfo=now.tzinfo)
    try:
        return moment + timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, days=clock.day - 1)
    except OverflowError:
        return None


def _divided(text: str) -> tuple[str, str]:
    """(day, time of day), either may be empty"""
    if ":" in text.split("T")[0].split(" ")[0]:
        return "", text
    day, _, clock = text.replace("T", " ", 1).partition(" ")
    return day, clock.strip()


def _day(text: str) -> datetime | None:
    ordinal = _ORDINAL.fullmatch(text)
    try:
        if ordinal:
            year, number = int(ordinal[1]), int(ordinal[2])
            first = datetime(year, 1, 1, tzinfo=UTC)
            return first + timedelta(days=number - 1) if 0 < number <= _days_of(year) else None
        # A week alone names no day, though Python would take its Monday.
        is_whole = len(text) >= 8 and not re.fullmatch(r"\d{4}-W\d{2}", text)
        return datetime.fromisoformat(text) if is_whole else None
    except (ValueError, OverflowError):
        return None


def _days_of(year: int) -> int:
    return 365 + calendar.isleap(year)


def _clock(text: str) -> datetime | None:
    """A time of day as a moment of the first of January; 24:00 is the second's beginning."""
    is_midnight = text.startswith(("24:00", "2400"))
    if is_midnight:
        text = "00" + text[2:]
    try:
        found = time.fromisoformat(text) if text else time(0)
    except ValueError:
        return None
    return datetime.combine(_FIRST + timedelta(days=int(is_midnight)), found, tzinfo=found.tzinfo)


def parse_duration(text: str) -> Duration | None:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    n = {name: int(value or 0) for name, value in match.groupdict().items()}
    if any(abs(value) > _MOST * 366 * 86_400 for value in n.values()):
        return None
    seconds = n["hours"] * 3600 + n["minutes"] * 60 + n["seconds"]
    return Duration(years=n["years"], months=n["months"], days=n["days"] + 7 * n["weeks"], seconds=seconds)


def after(start: datetime, length: Duration, sign: int = 1) -> datetime | None:
    """Months end with the month they reach; a year keeps the day, which may be the next month's first."""
    try:
        year = start.year + sign * length.years
        days_over = start.day - calendar.monthrange(year, start.month)[1]
        moment = start.replace(year=year, day=start.day - max(0, days_over)) + timedelta(days=max(0, days_over))
        months = moment.year * 12 + moment.month - 1 + sign * length.months
        year, month = months // 12, months % 12 + 1
        moment = moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
        return moment + sign * timedelta(days=length.days, seconds=length.seconds)
    except (ValueError, OverflowError, calendar.IllegalMonthError):
        return None


def parse_period(text: str, now: datetime) -> tuple[datetime, datetime] | None:
    """`START/END`, `START/DURATION`, `DURATION/END`; a duration alone begins now."""
    first, has_two, second = text.partition("/")
    length = parse_duration(first)
    if not has_two:
        end = after(now, length) if length else None
        return (now, end) if end else None
    if length is not None:
        end = parse_date(second, now)
        start = after(end, length, -1) if end else None
    else:
        start = parse_date(first, now)
        length = parse_duration(second)
        end = after(start, length) if start and length else parse_date(second, now)
    return (start, end) if start and end else None


# ---------------------------------------------------------------- printing


def shown(moment: datetime, arguments: argparse.Namespace) -> str:
    if arguments.epoch or arguments.seconds:
        return str(int(moment.timestamp()) + (_SECONDS_BEFORE_1970 if arguments.seconds else 0))
    moment = moment if arguments.local else moment.astimezone(UTC)
    form = "%Y-%j" if arguments.ordinal else "%G-W%V-%u" if arguments.week else "%Y-%m-%d"
    offset = moment.strftime("%z")
    zone = "Z" if not moment.utcoffset() else f" {offset[:3]}:{offset[3:5]}"
    return f"{moment.strftime(form)} {moment.strftime('%H:%M:%S')}{zone}"


def build_parser() -> argparse.ArgumentParser:
    parser = Options("iso8601", description="Show dates, periods and durations.")
    parser.add_argument("-n", "--now", action="store_true", help="this moment")
    parser.add_argument("-d", "--date", metavar="DATE", help="a date such as '2019-09-24 00:30:00 +01:00' or 2019-040")
    parser.add_argument("-p", "--period", metavar="PERIOD", help="such as 2005-040/2005-043 or 2005-040/P1M")
    parser.add_argument("-D", "--duration", metavar="DURATION", help="such as P1M or PT8H; with -d its end too")
    parser.add_argument("-E", "--expected", metavar="TEXT", help="with -n or -d: end with 1 when it is another one")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-s", "--seconds", action="store_true", help="as seconds since the first year")
    how.add_argument("-S", "--epoch", action="store_true", help="as seconds since 1970")
    how.add_argument("-O", "--ordinal", action="store_true", help="with the day of the year")
    how.add_argument("-W", "--week", action="store_true", help="with the week of the year")
    parser.add_argument("-L", "--local", action="store_true", help="in its own time zone")
    parser.add_argument("-V", "--verbose", action="count", help="accepted")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    return run("iso8601", lambda: _carry_out(arguments, datetime.now().astimezone().replace(microsecond=0)))


def _carry_out(arguments: argparse.Namespace, now: datetime) -> int:
    moment = None
    if arguments.now or arguments.date == "now":
        moment = now
        print(f"Current date/time: {shown(moment, arguments)}")
    elif arguments.date is not None:
        moment = _valid(parse_date(arguments.date, now), "date/time", arguments.date)
        print(f"Date: {shown(moment, arguments)}")
    if arguments.duration is not None:
        length = _valid(parse_duration(arguments.duration), "duration", arguments.duration)
        print(f"Duration: {length}")
    if arguments.period is not None:
        start, end = _valid(parse_period(arguments.period, now), "interval", arguments.period)
        print(f"Period: {shown(start, arguments)} to {shown(end, arguments)}")
    if moment is not None and arguments.duration is not None:
        end = _valid(after(moment, length), "duration", arguments.duration)
        print(f"Duration ends at: {shown(end, arguments)}")
    if moment is not None and arguments.expected is not None and shown(moment, arguments) != arguments.expected:
        return Exit.ERROR
    return Exit.OK


def _valid(found: Found | None, kind: str, text: str) -> Found:
    if found is None:
        raise CommandFailed(Exit.INVALID_PARAM, f"Invalid {kind} specified: {text}")
    return found


if __name__ == "__main__":
    sys.exit(main())
