"""ha.cf line by line: what each directive says, without what the lines say about each other.

Reads the file's text; gives a `HaCf` and a Problem for each line that says nothing. Directives are those of Heartbeat
(reference/heartbeat, 1) and a few of our own: `cluster`, `engine`, `bind`, `allow_weak_keys`, `tiebreaker`,
`wait_for_all`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hacluster.cib.problems import Problem
from nodeagent import config_problems as wrong
from nodeagent.settings import DEFAULT_UDP_PORT, Engine, Link, Medium, Respawn, TieBreaker


@dataclass(slots=True)
class HaCf:
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


class HaCfReader:
    """Reads the lines in order; each directive is one method, named in `_DIRECTIVES` with its number of words."""

    def __init__(self, node: str, problems: list[Problem]) -> None:
        self._node = node
        self._problems = problems
        self._line = 0
        self._found = HaCf()

    def read(self, text: str) -> HaCf:
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


_Method = Callable[[HaCfReader, str, list[str]], None]
_ANY = 1000
_DIRECTIVES: dict[str, tuple[int, int, str, _Method]] = {
    **dict.fromkeys(("keepalive", "warntime", "deadtime", "initdead"), (1, 1, "TIME", HaCfReader._set_time)),
    "udpport": (1, 1, "PORT", HaCfReader._set_port),
    "port": (1, 1, "PORT", HaCfReader._set_port),
    "node": (1, _ANY, "NAME …", HaCfReader._add_nodes),
    "cluster": (1, 1, "NAME", HaCfReader._set_cluster),
    "engine": (1, 1, "heartbeat|corosync", HaCfReader._set_engine),
    "bcast": (1, _ANY, "INTERFACE …", HaCfReader._add_bcast),
    "ucast": (2, 2, "INTERFACE PEER-ADDRESS", HaCfReader._add_ucast),
    "mcast": (4, 5, "INTERFACE GROUP PORT TTL 0", HaCfReader._add_mcast),
    "bind": (3, 3, "NODE INTERFACE OWN-ADDRESS", HaCfReader._bind),
    "logfile": (1, 1, "FILE", HaCfReader._set_log_file),
    "logfacility": (1, 1, "FACILITY", HaCfReader._set_log_facility),
    "watchdog": (1, 1, "DEVICE", HaCfReader._set_watchdog),
    "realtime": (1, 1, "on|off", HaCfReader._set_realtime),
    "rtprio": (1, 1, "PRIORITY", HaCfReader._set_priority),
    "allow_weak_keys": (1, 1, "yes|no", HaCfReader._set_weak_keys),
    "tiebreaker": (2, _ANY, "ping ADDRESS … | disk /DEVICE", HaCfReader._set_tie_breaker),
    "wait_for_all": (1, 1, "yes|no", HaCfReader._set_wait_for_all),
    "autojoin": (1, 1, "none", HaCfReader._set_autojoin),
    "pacemaker": (1, 1, "respawn", HaCfReader._set_manager),
    "crm": (1, 1, "respawn", HaCfReader._set_manager),
    "respawn": (2, _ANY, "USER /PATH [ARGUMENT …]", HaCfReader._add_respawn),
    "apiauth": (2, _ANY, "SERVICE uid=USER,… gid=GROUP,…", HaCfReader._add_api),
}
