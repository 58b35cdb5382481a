"""The agent's configuration: `ha.cf` and `authkeys` of the --etc folder as frozen Settings.

Reads both files once, at start; gives `Settings`, or every problem at once, each with `ha.cf:LINE: sentence (cure)`.
Nothing is opened, bound or started here. Single lines are read by ha_cf.py; here is what they say about each other.
"""

from __future__ import annotations

from pathlib import Path

from hacluster.cib.problems import Problem, has_errors
from nodeagent import config_problems as wrong
from nodeagent.authkeys import Key, parse_authkeys
from nodeagent.ha_cf import HaCf, HaCfReader
from nodeagent.settings import Engine, Link, Settings

DEADTIME_MS_MIN = 300
KEEPALIVE_MS_MIN = 20


def read_settings(etc: Path, node: str) -> tuple[Settings | None, list[Problem]]:
    """The settings of this node, None when a problem is an error; warnings come beside them."""
    problems: list[Problem] = []
    text = _read(etc / "ha.cf", problems)
    parsed = HaCfReader(node, problems).read(text or "")
    if text is not None:
        _check(parsed, node, problems)
    keys, sending = _read_keys(etc / "authkeys", problems, allow_weak=parsed.allow_weak_keys)
    if has_errors(problems):
        return None, problems
    return _settings(parsed, node, keys, sending), problems


def _read(file: Path, problems: list[Problem]) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        problems.append(wrong.UNREADABLE.at(file.name, file=file, reason=reason))
        return None


# ---------------------------------------------------------------- relations between the lines

_DEFAULT_KEEPALIVE_MS = 2000
_DEFAULT_DEADTIME_MS = 30_000


def _times(found: HaCf) -> dict[str, int]:
    """All four times; what no line gives follows from the others."""
    given = found.times_ms
    deadtime = given.get("deadtime", _DEFAULT_DEADTIME_MS)
    keepalive = given.get("keepalive", min(_DEFAULT_KEEPALIVE_MS, deadtime // 5))
    return {
        "keepalive": keepalive,
        "warntime": given.get("warntime", max(deadtime // 2, min(deadtime, keepalive + 1))),
        "deadtime": deadtime,
        "initdead": given.get("initdead", max(2 * deadtime, 2000)),
    }


def _check(found: HaCf, node: str, problems: list[Problem]) -> None:
    _check_times(found, problems)
    if not found.nodes:
        problems.append(wrong.NO_NODES.at("ha.cf"))
    elif node not in found.nodes:
        problems.append(wrong.NOT_A_NODE.at(_place(found, "node"), node=node, nodes=", ".join(found.nodes)))
    if found.engine is Engine.HEARTBEAT and not found.links and len(found.nodes) > 1:
        problems.append(wrong.NO_LINK.at("ha.cf"))
    if len(found.links) == 1:
        problems.append(wrong.ONE_LINK.at("ha.cf", interface=found.links[0].name))
    if found.tie_breaker is not None and found.tie_breaker.kind == "ping" and len(found.nodes) > 2:
        problems.append(wrong.PING_FOR_MANY.at(_place(found, "tiebreaker"), count=len(found.nodes)))
    if found.tie_breaker is not None and len(found.nodes) % 2:
        problems.append(wrong.TIE_WITHOUT_SPLIT.at(_place(found, "tiebreaker"), count=len(found.nodes)))
    if found.engine is Engine.HEARTBEAT and len(found.nodes) > 2:
        problems.append(wrong.MANY_NODES.at(_place(found, "node"), count=len(found.nodes)))


def _check_times(found: HaCf, problems: list[Problem]) -> None:
    """One that can't be read, or is too short, says nothing of those that follow from it."""
    times, given = _times(found), found.times_ms
    short = [
        wrong.TOO_SHORT.at(_place(found, name), directive=name, value=given[name], least=least)
        for name, least in (("deadtime", DEADTIME_MS_MIN), ("keepalive", KEEPALIVE_MS_MIN))
        if given.get(name, least) < least
    ]
    problems.extend(short)
    if not short and not any(name in found.lines and name not in given for name in times):
        _check_order(found, times, problems)


def _check_order(found: HaCf, times: dict[str, int], problems: list[Problem]) -> None:
    for shorter, longer, may_equal in (
        ("keepalive", "warntime", False),
        ("warntime", "deadtime", False),
        ("deadtime", "initdead", True),
    ):
        if times[shorter] > times[longer] or (times[shorter] == times[longer] and not may_equal):
            place = _place(found, longer if longer in found.times_ms else shorter)
            problems.append(
                wrong.ORDER_OF_TIMES.at(
                    place, shorter=shorter, shorter_ms=times[shorter], longer=longer, longer_ms=times[longer]
                )
            )


def _place(found: HaCf, directive: str) -> str:
    return f"ha.cf:{found.lines[directive]}" if directive in found.lines else "ha.cf"


def _read_keys(file: Path, problems: list[Problem], *, allow_weak: bool) -> tuple[tuple[Key, ...], int]:
    text = _read(file, problems)
    if text is None:
        return (), 0
    mode = file.stat().st_mode & 0o777
    if mode & 0o177:
        problems.append(wrong.KEYS_MODE.at(file.name, mode=f"{mode:04o}"))
    return parse_authkeys(text, problems, allow_weak=allow_weak)


# ---------------------------------------------------------------- the result


def _settings(found: HaCf, node: str, keys: tuple[Key, ...], sending: int) -> Settings:
    times = _times(found)
    links = tuple(
        Link(
            link.name, link.medium, link.port, link.peers, link.group, link.ttl, found.own_addresses.get(link.name, "")
        )
        for link in found.links
    )
    return Settings(
        node=node,
        nodes=tuple(found.nodes),
        cluster=found.cluster,
        engine=found.engine,
        keepalive_ms=times["keepalive"],
        warntime_ms=times["warntime"],
        deadtime_ms=times["deadtime"],
        initdead_ms=times["initdead"],
        links=links,
        keys=keys,
        sending_key=sending,
        log_file=found.log_file,
        log_facility=found.log_facility,
        watchdog=found.watchdog,
        is_realtime=found.is_realtime,
        realtime_priority=found.realtime_priority,
        respawn=tuple(found.respawn),
        api_users=tuple(found.api_users),
        api_groups=tuple(found.api_groups),
        tie_breaker=found.tie_breaker,
        wait_for_all=found.wait_for_all,
    )
