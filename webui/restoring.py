"""An earlier configuration on its way back into the cluster: found, compared, simulated, applied like a sheet.

Reads a key: that of a revision of the console, or `0.12`, a version that this agent has kept; gives a `Proposal`.
"""

from __future__ import annotations

import re
from typing import Any

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.cib.rollback import rolled_back
from hacluster.cib.version import CibVersion
from hacluster.protocol.messages import (
    CibDocument,
    CibVersionQuery,
    CibVersions,
    CibVersionsQuery,
    KeptVersion,
    Refused,
)
from webui import agent, imports
from webui.commands import Actor, Outcome
from webui.imports import Order, Proposal
from webui.models import Revision
from webui.sheetport import statements_of

_VERSION = re.compile(r"(\d+)\.(\d+)")


def kept_versions() -> list[KeptVersion]:
    """Newest first; none where the agent does not answer."""
    reply = agent.ask(CibVersionsQuery(), timeout_s=5)
    return list(reversed(reply.versions)) if isinstance(reply, CibVersions) else []


def proposal_of(key: str) -> Proposal | Outcome:
    """The earlier configuration beside the running one, or why there is none."""
    found = _earlier(key)
    if isinstance(found, Outcome):
        return found
    name, old = found
    base = agent.current_cib()
    if isinstance(base, Refused):
        return Outcome.of(base)
    changed = rolled_back(base, old)
    crm_text = "\n".join(statements_of(changed.configuration).values())
    return imports.proposal_for(name, base, changed, crm_text)


def _earlier(key: str) -> tuple[str, Cib] | Outcome:
    """(its name, the configuration)"""
    version = _VERSION.fullmatch(key)
    if version is not None:
        reply = agent.ask(CibVersionQuery(version=CibVersion(int(version[1]), int(version[2]))))
        if not isinstance(reply, CibDocument):
            return Outcome.of(reply) if isinstance(reply, Refused) else Outcome(False, "agent.answer")
        parsed = parse_cib(reply.xml)
        return imports.not_usable([parsed]) if isinstance(parsed, Problem) else (f"CIB {key}", parsed)
    revision = Revision.objects.filter(key=key).first()
    if revision is None:
        return Outcome(False, "revision.unknown")
    parsed = parse_cib(f"<cib>{revision.xml}<status/></cib>")
    return imports.not_usable([parsed]) if isinstance(parsed, Problem) else (f"revision {revision.number}", parsed)


def restore(user: Any, actor: Actor, key: str, order: Order) -> Outcome:
    """Start the way back, when its preview was seen and its consequences are still those."""
    return imports.start(user, actor, {"restore": key}, order, lambda: proposal_of(key))
