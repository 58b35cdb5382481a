"""The agent's configuration: `ha.cf` and `authkeys` of the --etc folder as frozen Settings.

Reads both files once, at start; gives `Settings`, or every problem at once, each with `ha.cf:LINE: sentence (cure)`.
Nothing is opened, bound or started here. Directives are those of Heartbeat (reference/heartbeat, 1) and a few of our
own: `cluster`, `engine`, `bind`, `allow_weak_keys`, `tiebreaker`, `wait_for_all`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hacluster.cib.problems import Problem, has_errors
from nodeagent import config_problems as wrong
from nodeagent.authkeys import Key, parse_authkeys

DEADTIME_MS_MIN = 300
KEEPALIVE_MS_MIN = 20
DEFAULT_UDP_PORT = 694


class Engine(StrEnum):
    """What carries messages between the agents."""

    HEARTBEAT = "heartbeat"
    COROSYNC = "corosync"


class Medium(StrEnum):
    """How the datagrams of a link find their receivers."""

    BCAST = "bcast"
    UCAST = "ucast"
    MCAST = "mcast"


@dataclass(frozen=True, slots=True)
class Link:
    """One heartbeat LAN as this node sees it."""

    name: str
    """The interface as ha.cf names it; `lo:1` is a second LAN over the device `lo`."""
    medium: Medium
    port: int
    peers: tuple[str, ...] = ()
    """Addresses of a ucast link, the own one included where the file is equal on all nodes."""
    group: str = ""
    ttl: int = 1
    own_address: str = ""
    """Set by `bind`: several agents share one device, each with an address of its own."""

    @property
    def device(self) -> str:
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Respawn:
    """A program that lives as long as the agent, except when it ends with exit code 100."""

    user: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TieBreaker:
    """Who says which half of an evenly split cluster goes on."""

    kind: str
    """ping or disk"""
    targets: tuple[str, ...]
    """Addresses of which one must answer; or the one device."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the operator decides about one agent."""

    node: str
    nodes: tuple[str, ...]
    cluster: str
    engine: Engine
    keepalive_ms: int
    warntime_ms: int
    deadtime_ms: int
    initdead_ms: int
    links: tuple[Link, ...]
    keys: tuple[Key, ...]
    sending_key: int
    log_file: Path | None = None
    log_facility: str = ""
    watchdog: str = ""
    is_realtime: bool = True
    realtime_priority: int = 10
    respawn: tuple[Respawn, ...] = ()
    api_users: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    tie_breaker: TieBreaker | None = None
    wait_for_all: bool = False

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(name for name in self.nodes if name != self.node)

    @property
    def owns_machine(self) -> bool:
        """Agents that share a machine (`bind`) must not reboot it."""
        return not any(link.own_address for link in self.links)

    @property
    def stream_port(self) -> int:
        """TCP streams use the number of the first link's UDP port."""
        return self.links[0].port if self.links else DEFAULT_UDP_PORT


@dataclass(slots=True)
class _HaCf:
    """What the lines of ha.cf said so far; times stay None until a line gives them."""

    nodes: list[str] = field(default_factory=list)
    cluster: str = "hacluster"
    engine: Engine = Engine.HEARTBEAT
    times_ms: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    """Directive -> the line that gave it last, the place of a problem between two of them."""
    udp_port: int = DEFAULT_UDP_PORT
    links: list[Link] = field(default_factory=list)
    own_addresses: dict[str, str] = field(default_factory=dict)
    log_file: Path | None = None
    log_facility: str = ""
    watchdog: str = ""
    is_realtime: bool = True
    realtime_priority: int = 10
    allow_weak_keys: bool = False
    respawn: list[Respawn] = field(default_factory=list)
    api_users: list[str] = field(default_factory=list)
    api_groups: list[str] = field(default_factory=list)
    tie_breaker: TieBreaker | None = None
    wait_for_all: bool = False


def read_settings(etc: Path, node: str) -> tuple[Settings | None, list[Problem]]:
    """The settings of this node, None when a problem is an error; warnings come beside them."""
    problems: list[Problem] = []
    text = _read(etc / "ha.cf", problems)
    parsed = _HaCfReader(node, problems).read(text or "")
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


# ---------------------------------------------------------------- ha.cf, line by line

_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|msec|s|sec|us)?", re.IGNORECASE)
_UNIT_MS = {"": 1000.0, "s": 1000.0, "sec": 1000.0, "ms": 1.0, "msec": 1.0, "us": 0.001}
_TRUE = {"true", "on", "yes", "y", "1"}
_FALSE = {"false", "off", "no", "n", "0"}
_NODE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_OBSOLETE = ("serial", "baud")
_NOT_NEEDED = (
    "auto_failback", "nice_failback", "use_logd", "conn_logd_time", "compression", "compression_threshold",
    "traditional_compression", "msgfmt", "hbgenmethod", "uuidfrom", "hopfudge", "deadping", "debug", "debugfile",
    "coredumps", "normalpoll", "syslogmsgfmt", "memreserve", "quorum_server", "cluster_recheck_interval",
)  # fmt: skip
_REPLACED_BY_PINGD = ("ping", "ping_group", "hbaping")
_REPLACED_BY_RESOURCES = ("stonith", "stonith_host")
_FACILITIES = (
    "none", "auth", "authpriv", "cron", "daemon", "kern", "lpr", "mail", "news", "syslog", "user", "uucp",
    *(f"local{number}" for number in range(8)),
)  # fmt: skip
_API_SERVICES = ("hacluster", "default", "cib", "crmd", "cl_status")


class _HaCfReader:
    """Reads the lines in order; each directive is one method, named in `_DIRECTIVES` with its number of words."""

    def __init__(self, node: str, problems: list[Problem]) -> None:
        self._node = node
        self._problems = problems
        self._line = 0
        self._found = _HaCf()

    def read(self, text: str) -> _HaCf:
        for self._line, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].split()
            if words:
                self._directive(words[0], words[1:])
        return self._found

    def _say(self, kind: wrong.ProblemKind, **parameters: object) -> None:
        self._problems.append(kind.at(f"ha.cf:{self._line}", **parameters))

    def _directive(self, name: str, words: list[str]) -> None:
        self._found.lines[name] = self._line
        if name in _OBSOLETE:
            self._say(wrong.OBSOLETE, directive=name)
        elif name in _NOT_NEEDED:
            self._say(wrong.NOT_NEEDED, directive=name)
        elif name in _REPLACED_BY_PINGD:
            self._say(wrong.USE_PINGD, directive=name)
        elif name in _REPLACED_BY_RESOURCES:
            self._say(wrong.USE_STONITH, directive=name)
        elif name not in _DIRECTIVES:
            self._say(wrong.UNKNOWN, directive=name)
        else:
            least, most, usage, method = _DIRECTIVES[name]
            if least <= len(words) <= most:
                method(self, name, words)
            else:
                self._say(wrong.ARGUMENTS, directive=name, usage=f"{name} {usage}")

    # Values

    def _time_ms(self, name: str, text: str) -> int | None:
        match = _TIME.fullmatch(text)
        if match is None:
            self._say(wrong.TIME, directive=name, value=text)
            return None
        return round(float(match[1]) * _UNIT_MS[(match[2] or "").lower()])

    def _number(self, name: str, text: str, least: int, most: int) -> int | None:
        if text.isdecimal() and least <= int(text) <= most:
            return int(text)
        self._say(wrong.NUMBER, directive=name, value=text, least=least, most=most)
        return None

    def _truth(self, name: str, text: str) -> bool | None:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        self._say(wrong.BOOLEAN, directive=name, value=text)
        return None

    def _address(self, name: str, text: str) -> ipaddress.IPv4Address | None:
        try:
            return ipaddress.IPv4Address(text)
        except ValueError:
            self._say(wrong.ADDRESS, directive=name, value=text)
            return None

    # Directives

    def _set_time(self, name: str, words: list[str]) -> None:
        value_ms = self._time_ms(name, words[0])
        if value_ms is not None:
            self._found.times_ms[name] = value_ms

    def _set_port(self, name: str, words: list[str]) -> None:
        port = self._number(name, words[0], 1, 65535)
        if port is not None:
            self._found.udp_port = port
        if self._found.links:
            self._say(wrong.PORT_AFTER_MEDIA, directive=name)

    def _add_nodes(self, name: str, words: list[str]) -> None:
        for node in words:
            if not _NODE_NAME.fullmatch(node):
                self._say(wrong.NODE_NAME, value=node)
            elif node in self._found.nodes:
                self._say(wrong.NODE_TWICE, node=node)
            else:
                self._found.nodes.append(node)

    def _set_cluster(self, name: str, words: list[str]) -> None:
        self._found.cluster = words[0]

    def _set_engine(self, name: str, words: list[str]) -> None:
        if words[0] in set(Engine):
            self._found.engine = Engine(words[0])
        else:
            self._say(wrong.CHOICE, directive=name, value=words[0], choices=", ".join(Engine))

    def _add_bcast(self, name: str, words: list[str]) -> None:
        for interface in words:
            self._add_link(Link(interface, Medium.BCAST, self._found.udp_port))

    def _add_ucast(self, name: str, words: list[str]) -> None:
        interface, text = words
        if self._address(name, text) is None:
            return
        for position, link in enumerate(self._found.links):
            if link.name == interface and link.medium is Medium.UCAST:
                self._found.links[position] = Link(interface, Medium.UCAST, link.port, (*link.peers, text))
                return
        self._add_link(Link(interface, Medium.UCAST, self._found.udp_port, (text,)))

    def _add_mcast(self, name: str, words: list[str]) -> None:
        interface, group_text, port_text, ttl_text = words[:4]
        group = self._address(name, group_text)
        port, ttl = self._number(name, port_text, 1, 65535), self._number(name, ttl_text, 0, 255)
        if group is not None and not group.is_multicast:
            self._say(wrong.MULTICAST, value=group_text)
        elif group is not None and port is not None and ttl is not None:
            self._add_link(Link(interface, Medium.MCAST, port, group=group_text, ttl=ttl))

    def _add_link(self, link: Link) -> None:
        if any(known.name == link.name for known in self._found.links):
            self._say(wrong.LINK_TWICE, interface=link.name)
        else:
            self._found.links.append(link)

    def _bind(self, name: str, words: list[str]) -> None:
        node, interface, address = words
        if self._address(name, address) is not None and node == self._node:
            self._found.own_addresses[interface] = address

    def _set_log_file(self, name: str, words: list[str]) -> None:
        self._found.log_file = Path(words[0])

    def _set_log_facility(self, name: str, words: list[str]) -> None:
        facility = words[0].lower()
        if facility in _FACILITIES:
            self._found.log_facility = "" if facility == "none" else facility
        else:
            self._say(wrong.CHOICE, directive=name, value=words[0], choices=", ".join(_FACILITIES))

    def _set_watchdog(self, name: str, words: list[str]) -> None:
        self._found.watchdog = words[0]

    def _set_realtime(self, name: str, words: list[str]) -> None:
        value = self._truth(name, words[0])
        self._found.is_realtime = self._found.is_realtime if value is None else value

    def _set_priority(self, name: str, words: list[str]) -> None:
        priority = self._number(name, words[0], 1, 99)
        self._found.realtime_priority = priority or self._found.realtime_priority

    def _set_weak_keys(self, name: str, words: list[str]) -> None:
        self._found.allow_weak_keys = bool(self._truth(name, words[0]))

    def _set_tie_breaker(self, name: str, words: list[str]) -> None:
        kind, targets = words[0], tuple(words[1:])
        if kind not in ("ping", "disk"):
            self._say(wrong.CHOICE, directive=name, value=kind, choices="ping, disk")
        elif kind == "disk" and (len(targets) != 1 or not targets[0].startswith("/")):
            self._say(wrong.ARGUMENTS, directive=name, usage=f"{name} disk /DEVICE")
        elif kind == "disk" or all(self._address(name, target) is not None for target in targets):
            self._found.tie_breaker = TieBreaker(kind, targets)

    def _set_wait_for_all(self, name: str, words: list[str]) -> None:
        self._found.wait_for_all = bool(self._truth(name, words[0]))

    def _set_autojoin(self, name: str, words: list[str]) -> None:
        if words[0] not in ("none", "other", "any"):
            self._say(wrong.CHOICE, directive=name, value=words[0], choices="none, other, any")
        elif words[0] != "none":
            self._say(wrong.AUTOJOIN)

    def _set_manager(self, name: str, words: list[str]) -> None:
        if words[0] != "respawn" and self._truth(name, words[0]) is False:
            self._say(wrong.MANAGER_OFF, directive=name)

    def _add_respawn(self, name: str, words: list[str]) -> None:
        if words[1].startswith("/"):
            self._found.respawn.append(Respawn(words[0], tuple(words[1:])))
        else:
            self._say(wrong.ARGUMENTS, directive=name, usage=f"{name} USER /PATH [ARGUMENT …]")

    def _add_api(self, name: str, words: list[str]) -> None:
        if words[0] not in _API_SERVICES:
            self._say(wrong.NOT_NEEDED, directive=f"{name} {words[0]}")
            return
        for word in words[1:]:
            match word.partition("="):
                case ("uid", "=", names) if names:
                    self._found.api_users.extend(names.split(","))
                case ("gid", "=", names) if names:
                    self._found.api_groups.extend(names.split(","))
                case _:
                    self._say(wrong.ARGUMENTS, directive=name, usage=f"{name} SERVICE uid=USER,… gid=GROUP,…")


_Method = Callable[[_HaCfReader, str, list[str]], None]
_ANY = 1000
_DIRECTIVES: dict[str, tuple[int, int, str, _Method]] = {
    **dict.fromkeys(("keepalive", "warntime", "deadtime", "initdead"), (1, 1, "TIME", _HaCfReader._set_time)),
    "udpport": (1, 1, "PORT", _HaCfReader._set_port),
    "port": (1, 1, "PORT", _HaCfReader._set_port),
    "node": (1, _ANY, "NAME …", _HaCfReader._add_nodes),
    "cluster": (1, 1, "NAME", _HaCfReader._set_cluster),
    "engine": (1, 1, "heartbeat|corosync", _HaCfReader._set_engine),
    "bcast": (1, _ANY, "INTERFACE …", _HaCfReader._add_bcast),
    "ucast": (2, 2, "INTERFACE PEER-ADDRESS", _HaCfReader._add_ucast),
    "mcast": (4, 5, "INTERFACE GROUP PORT TTL 0", _HaCfReader._add_mcast),
    "bind": (3, 3, "NODE INTERFACE OWN-ADDRESS", _HaCfReader._bind),
    "logfile": (1, 1, "FILE", _HaCfReader._set_log_file),
    "logfacility": (1, 1, "FACILITY", _HaCfReader._set_log_facility),
    "watchdog": (1, 1, "DEVICE", _HaCfReader._set_watchdog),
    "realtime": (1, 1, "on|off", _HaCfReader._set_realtime),
    "rtprio": (1, 1, "PRIORITY", _HaCfReader._set_priority),
    "allow_weak_keys": (1, 1, "yes|no", _HaCfReader._set_weak_keys),
    "tiebreaker": (2, _ANY, "ping ADDRESS … | disk /DEVICE", _HaCfReader._set_tie_breaker),
    "wait_for_all": (1, 1, "yes|no", _HaCfReader._set_wait_for_all),
    "autojoin": (1, 1, "none", _HaCfReader._set_autojoin),
    "pacemaker": (1, 1, "respawn", _HaCfReader._set_manager),
    "crm": (1, 1, "respawn", _HaCfReader._set_manager),
    "respawn": (2, _ANY, "USER /PATH [ARGUMENT …]", _HaCfReader._add_respawn),
    "apiauth": (2, _ANY, "SERVICE uid=USER,… gid=GROUP,…", _HaCfReader._add_api),
}


# ---------------------------------------------------------------- relations between the lines

_DEFAULT_KEEPALIVE_MS = 2000
_DEFAULT_DEADTIME_MS = 30_000


def _times(found: _HaCf) -> dict[str, int]:
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


def _check(found: _HaCf, node: str, problems: list[Problem]) -> None:
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


def _check_times(found: _HaCf, problems: list[Problem]) -> None:
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


def _check_order(found: _HaCf, times: dict[str, int], problems: list[Problem]) -> None:
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


def _place(found: _HaCf, directive: str) -> str:
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


def _settings(found: _HaCf, node: str, keys: tuple[Key, ...], sending: int) -> Settings:
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
