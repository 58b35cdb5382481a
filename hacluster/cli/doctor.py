"""`hactl doctor`: is this node fit to be a member? One line for each check: ok, warn or fail, with its cure.

Reads ha.cf, authkeys, /sys and /proc, and asks the agent and Redis; changes nothing. Exit codes: 0 all is well, 1
something fails, 2 there are warnings only.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hacluster.cib.problems import Problem, Severity, language_of
from hacluster.cli import doctor_findings as say

DISK_MB_MIN = 200
DEFAULT_PORT = 694
CLOCK_ERROR = 5
"""What adjtimex gives for a clock that nobody keeps right (TIME_ERROR)."""
MARKS = {Severity.INFO: "ok  ", Severity.WARNING: "warn", Severity.ERROR: "fail"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look. Tests look elsewhere."""

    etc: Path = Path("/etc/hacluster")
    state: Path = Path("/var/lib/hacluster")
    net: Path = Path("/sys/class/net")
    proc: Path = Path("/proc/net")
    node: str = ""
    redis_url: str = ""

    def directives(self) -> list[list[str]]:
        """The lines of ha.cf as words, without remarks."""
        try:
            lines = (self.etc / "ha.cf").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        words = [line.partition("#")[0].split() for line in lines]
        return [found for found in words if found]

    def first(self, name: str, default: str = "") -> str:
        return next((words[1] for words in self.directives() if words[0] == name and len(words) > 1), default)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("hactl doctor", description="Check this node; exit code 1: fails, 2: warnings.")
    parser.add_argument("--etc", type=Path, default=Path("/etc/hacluster"))
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("HACLUSTER_STATE") or "/var/lib/hacluster"))
    parser.add_argument("--node", default="", help="this node's name (default: uname -n)")
    parser.add_argument("--lang", choices=("en", "ja"), default=language_of(os.environ))
    arguments = parser.parse_args(argv)
    redis_url = os.environ.get("HACLUSTER_REDIS_URL", "")
    place = Place(arguments.etc, arguments.state, node=arguments.node, redis_url=redis_url)
    return tell(list(findings(place)), arguments.lang)


def tell(found: list[Problem], language: str) -> int:
    for each in found:
        print(f"{MARKS[each.severity]}  {each.line(language)}")
    severities = {each.severity for each in found}
    return 1 if Severity.ERROR in severities else 2 if Severity.WARNING in severities else 0


def findings(place: Place) -> Iterator[Problem]:
    """All checks, in the order in which one mends a node."""
    yield from check_configuration(place)
    yield from check_keys(place)
    yield from check_interfaces(place)
    yield from check_watchdog(place)
    yield from check_disk(place)
    yield from check_clock(clock_state)
    yield from check_redis(place.redis_url)
    yield from check_agent(place)


# ---------------------------------------------------------------- files


def check_configuration(place: Place) -> Iterator[Problem]:
    """The agent reads ha.cf and authkeys as it would at its start."""
    command = [sys.executable, "-m", "nodeagent", "--check", "--etc", str(place.etc)]
    command += ["--node", place.node] if place.node else []
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    for line in ended.stderr.splitlines():
        is_odd = line.startswith("warning: ") or not ended.returncode
        kind = say.CONFIGURATION_ODD if is_odd else say.CONFIGURATION
        yield kind.at(text=line.removeprefix("warning: "))
    for line in ended.stdout.splitlines():
        yield say.CONFIGURATION_OK.at(text=line)


def check_keys(place: Place) -> Iterator[Problem]:
    file = place.etc / "authkeys"
    try:
        status = file.stat()
    except OSError:
        yield say.NO_KEYS.at(str(file))
        return
    if status.st_mode & 0o077 or status.st_uid not in (0, os.getuid()):
        yield say.KEYS.at(str(file), mode=f"{status.st_mode & 0o777:04o}", uid=status.st_uid)
    else:
        yield say.KEYS_OK.at(str(file))


def interfaces(place: Place) -> list[str]:
    """The links that ha.cf names; `lo:1` is a second one over lo."""
    named: list[str] = []
    for name, *words in place.directives():
        if name == "bcast":
            named += words
        elif name in ("ucast", "mcast"):
            named += words[:1]
    return list(dict.fromkeys(named))


def check_interfaces(place: Place) -> Iterator[Problem]:
    links = interfaces(place)
    for device in dict.fromkeys(link.partition(":")[0] for link in links):
        try:
            state = (place.net / device / "operstate").read_text().strip()
        except OSError:
            state = "not there"
        # Interfaces without a carrier of their own, lo for one, say unknown.
        is_up = state in ("up", "unknown")
        kind = say.INTERFACE_OK if is_up else say.INTERFACE
        yield kind.at(device, name=device, state=state)
    if len(links) == 1:
        yield say.ONE_LINK.at("ha.cf")


def check_watchdog(place: Place) -> Iterator[Problem]:
    device = place.first("watchdog")
    if device:
        kind = say.WATCHDOG_OK if Path(device).exists() else say.WATCHDOG
        yield kind.at(device, device=device)


def check_disk(place: Place) -> Iterator[Problem]:
    try:
        free = os.statvfs(place.state)
    except OSError:
        yield say.NO_FOLDER.at(str(place.state), folder=place.state)
        return
    free_mb = free.f_bavail * free.f_frsize // 1024 // 1024
    kind = say.DISK_OK if free_mb >= DISK_MB_MIN else say.DISK
    yield kind.at(str(place.state), folder=place.state, free=free_mb, needed=DISK_MB_MIN)


# ---------------------------------------------------------------- what runs


def clock_state() -> int:
    """The kernel's opinion of its clock; reading it needs no right."""
    # struct timex with modes = 0, as large as it is anywhere.
    buffer = ctypes.create_string_buffer(512)
    return ctypes.CDLL(None).adjtimex(buffer)  # type: ignore[no-any-return]


def check_clock(state: Callable[[], int]) -> Iterator[Problem]:
    kind = say.CLOCK if state() in (CLOCK_ERROR, -1) else say.CLOCK_OK
    yield kind.at("clock")


def check_redis(url: str) -> Iterator[Problem]:
    if not url:
        yield say.REDIS_OFF.at("redis")
        return
    import redis

    try:
        redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2).ping()
    except (redis.RedisError, ValueError, OSError) as error:
        yield say.REDIS.at("redis", reason=error)
    else:
        yield say.REDIS_OK.at("redis")


def check_agent(place: Place) -> Iterator[Problem]:
    """The running agent, its agents and its configuration; without one, whether it could have its ports."""
    from hacluster.cli.cluster import LiveCluster
    from hacluster.cli.exits import CommandFailed
    from hacluster.protocol.client import AgentUnreachable

    cluster = LiveCluster()
    try:
        info = cluster.info()
        members = " ".join(member.name for member in info.members if member.is_member)
        yield say.AGENT_OK.at("agent", state=info.state, dc=info.dc or "-", members=members or "-")
        if not info.has_quorum:
            yield say.NO_QUORUM.at("agent")
        yield from _proven(cluster)
        yield from _configured(cluster)
    except (AgentUnreachable, CommandFailed) as error:
        yield say.AGENT.at("agent", reason=error)
        yield from check_ports(place)


def check_ports(place: Place) -> Iterator[Problem]:
    port = int(place.first("udpport", str(DEFAULT_PORT))) if place.first("udpport", "0").isdigit() else DEFAULT_PORT
    taken = [protocol for protocol in ("udp", "tcp") if port in _bound(place.proc, protocol)]
    for protocol in taken:
        yield say.PORT.at("ha.cf", port=port, protocol=protocol)
    if not taken:
        yield say.PORT_OK.at("ha.cf", port=port, state="free", state_ja="空き")


def _bound(proc: Path, protocol: str) -> set[int]:
    """Ports that some program of this host has bound, by /proc/net; for tcp those that listen."""
    found: set[int] = set()
    for name in (protocol, f"{protocol}6"):
        try:
            lines = (proc / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in (line.split() for line in lines):
            if protocol == "udp" or words[3] == "0A":
                found.add(int(words[1].rpartition(":")[2], 16))
    return found


def _configured(cluster: object) -> Iterator[Problem]:
    from hacluster.cib.validate import agents_of, validate
    from hacluster.cli.cluster import LiveCluster
    from hacluster.cli.crm_agents import agents

    assert isinstance(cluster, LiveCluster)
    cib = cluster.query()
    installed = set(agents())
    named = agents_of(cib)
    missing = sorted(name for name in named if name[0] in ("ocf", "lsb", "stonith") and name not in installed)
    for name in missing:
        yield say.AGENT_MISSING.at("agents", name=":".join(part for part in name if part))
    if not missing:
        yield say.AGENTS_OK.at("agents", count=len(named))
    errors = [problem for problem in validate(cib) if problem.severity is Severity.ERROR]
    kind = say.CIB if errors else say.CIB_OK
    yield kind.at("cib", count=len(errors))


def _proven(cluster: object) -> Iterator[Problem]:
    """Whether the journal that this node holds is the one that was written."""
    from hacluster.cli.cluster import LiveCluster
    from hacluster.protocol.messages import JournalProof, JournalProofQuery

    assert isinstance(cluster, LiveCluster)
    proof = cluster.ask(JournalProofQuery(), JournalProof)
    for origin, seq in sorted(proof.broken.items()):
        yield say.JOURNAL.at("journal", origin=origin, seq=seq)
    if not proof.broken:
        yield say.JOURNAL_OK.at("journal", count=len(proof.heads))


if __name__ == "__main__":
    sys.exit(main())
