"""`ocf:lab:Marked`, a cheap resource, and what its marks say about who was active when.

The agent writes a line into the lab's `activity.log` before it is active and after it no longer is; the power switch
writes when a host is off. Together they are the truth that the cluster's own opinion is judged by.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.lab.place import FOLDER
from tests.lab.power import write_script

LOG, EVENTS = FOLDER / "activity.log", FOLDER / "events.log"
PAUSE = FOLDER / "pause"
"""While it is there, the seconds that each start and stop takes; less than one, by luck, without it."""

_AGENT = (
    """#!/bin/bash
# Marked: a resource without a service. Its state is a file that a power loss takes away.
state=/run/resource-agents/Marked-$OCF_RESOURCE_INSTANCE
mark() { echo "$EPOCHREALTIME $1 $OCF_RESOURCE_INSTANCE $HOSTNAME" >>@LOG@; }
pause() { if [ -e @PAUSE@ ]; then sleep "$(<@PAUSE@)"; else sleep 0.$((RANDOM % 10)); fi; }
case $1 in
start) pause; [ -e "$state" ] || { mark begin; : >"$state"; };;
stop) pause; [ ! -e @NODES@/$HOSTNAME/fail-stop ] || exit 1; [ ! -e "$state" ] || { rm "$state"; mark end; };;
break) [ ! -e "$state" ] || { rm "$state"; mark end; };;
monitor) [ -e "$state" ] || exit 7;;
validate-all) ;;
meta-data) cat <<'XML'
<?xml version="1.0"?>
<resource-agent name="Marked" version="1.0"><version>1.1</version>
<longdesc lang="en">For the lab.</longdesc><shortdesc lang="en">For the lab</shortdesc><parameters/>
<actions><action name="start" timeout="20s"/><action name="stop" timeout="20s"/>
<action name="monitor" timeout="20s" interval="1s"/><action name="validate-all" timeout="5s"/>
<action name="meta-data" timeout="5s"/></actions></resource-agent>
XML
;;
*) exit 3;;
esac
""".replace("@LOG@", str(LOG))
    .replace("@PAUSE@", str(PAUSE))
    .replace("@NODES@", str(FOLDER / "nodes"))
)


def install(usr: Path) -> None:
    write_script(usr / "lib/ocf/resource.d/lab/Marked", _AGENT)


class Activity:
    """What is active where, line by line; `violations` grows when something is active twice."""

    def __init__(self) -> None:
        self.active: dict[str, dict[str, float]] = {}
        """Resource -> host -> since when."""
        self.starts: dict[str, int] = {}
        """Resource -> how often it was started."""
        self.violations: list[str] = []

    @classmethod
    def read(cls, marks: Path = LOG, events: Path = EVENTS) -> Activity:
        found = cls()
        for line in sorted((*_lines(marks), *_lines(events))):
            found._take(*line)
        return found

    def _take(self, at_s: float, words: list[str]) -> None:
        match words:
            case ["begin", resource, host]:
                for other, since_s in self.active.setdefault(resource, {}).items():
                    if other != host:
                        self.violations.append(
                            f"{resource} starts on {host} at {at_s:.3f} and is active on {other} since {since_s:.3f}"
                        )
                self.active[resource][host] = at_s
                self.starts[resource] = self.starts.get(resource, 0) + 1
            case ["end", resource, host]:
                self.active.get(resource, {}).pop(host, None)
            case ["off" | "rebooted", host]:
                for hosts in self.active.values():
                    hosts.pop(host, None)

    def started_s(self, resource: str, host: str) -> float:
        """When it began to be active there; 0 when it isn't."""
        return self.active.get(resource, {}).get(host, 0.0)

    def places(self) -> dict[str, list[str]]:
        return {resource: sorted(hosts) for resource, hosts in sorted(self.active.items()) if hosts}


def _lines(log: Path) -> Iterator[tuple[float, list[str]]]:
    if log.exists():
        for line in log.read_text().splitlines():
            moment, *words = line.split()
            yield float(moment), words


def fences(since_s: float = 0.0) -> list[str]:
    """`WHO TARGET` for each wish of a host to fence, whatever came of it."""
    return [
        f"{words[3]} {words[2]}"
        for at_s, words in _lines(EVENTS)
        if words[0] == "fence-begin" and words[1] in ("off", "reboot") and at_s >= since_s
    ]


def booted(host: str) -> list[float]:
    """When it was switched on."""
    return [at_s for at_s, words in _lines(EVENTS) if words == ["on", host]]
