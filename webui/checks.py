"""What is wrong with a configuration before it is applied: the one validation, with what this node's agents advise.

Reads the running CIB and the wanted one; asks the agent for meta-data, each resource agent once in a while; gives
`Checked`: what refuses the change, and all findings of the wanted configuration.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from hacluster.cib.agent_metadata import AgentMetadata, parse_metadata
from hacluster.cib.checks.agents import AgentName
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.cib.validate import agents_of, new_findings, validate
from hacluster.protocol.messages import AgentActionResult, AgentActionRun
from webui import agent

KEPT_S = 600.0
META_DATA_TIMEOUT_S = 10.0
_kept: dict[AgentName, tuple[float, AgentMetadata | None]] = {}
_keeping = threading.Lock()


@dataclass(frozen=True, slots=True)
class Checked:
    refusing: tuple[Problem, ...] = ()
    """Errors that this change would bring."""
    problems: tuple[Problem, ...] = ()
    """All findings, those that are there already too."""


def checked(base: Cib, wanted: Cib) -> Checked:
    agents = metadata_of(agents_of(wanted))
    refusing, _ = new_findings(base, wanted, agents)
    return Checked(tuple(refusing), tuple(validate(wanted, agents)))


def running_problems(cib: Cib) -> list[Problem]:
    return validate(cib, metadata_of(agents_of(cib)))


def metadata_of(names: Iterable[AgentName]) -> dict[AgentName, AgentMetadata]:
    """Those agents that are installed here and say something that can be read."""
    found = ((name, _metadata(name)) for name in sorted(names))
    return {name: metadata for name, metadata in found if metadata is not None}


def _metadata(name: AgentName) -> AgentMetadata | None:
    with _keeping:
        at_s, metadata = _kept.get(name, (0.0, None))
    if at_s and time.monotonic() - at_s < KEPT_S:
        return metadata
    standard, provider, kind = name
    request = AgentActionRun(standard=standard, provider=provider, type=kind, action="meta-data")
    reply = agent.ask(request, META_DATA_TIMEOUT_S)
    parsed = parse_metadata(reply.output) if isinstance(reply, AgentActionResult) and not reply.rc else None
    metadata = parsed if isinstance(parsed, AgentMetadata) else None
    with _keeping:
        _kept[name] = time.monotonic(), metadata
    return metadata


def forget() -> None:
    """Ask the agents again: they may have been installed or updated."""
    with _keeping:
        _kept.clear()
