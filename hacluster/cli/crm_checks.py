"""What crm and crm_verify say about a configuration: the one validation, with what the agents here advise.

Reads a Cib, and asks the running cluster's agents for their meta-data; gives findings. On a file no agent is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.cib.validate import agents_of, new_findings, validate
from hacluster.cli.cluster import FileCluster, LiveCluster
from hacluster.cli.exits import CommandFailed
from hacluster.cli.language import line_of

if TYPE_CHECKING:
    from hacluster.cib.agent_metadata import AgentMetadata
    from hacluster.cib.checks.agents import AgentName


def findings(cib: Cib, reached: LiveCluster | FileCluster | None) -> list[Problem]:
    return validate(cib, _metadata(agents_of(cib), reached))


def may_commit(before: Cib, after: Cib, reached: LiveCluster | FileCluster, *, force: bool) -> bool:
    """Tell what the change brings; False when one of these errors refuses it and nobody forced it."""
    asked = agents_of(after) - agents_of(before)
    refusing, told = new_findings(before, after, _metadata(asked, reached))
    tell([*refusing, *told])
    if refusing and not force:
        print("ERROR: nothing was changed; correct this, or use crm --force", file=sys.stderr)
    return force or not refusing


def tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        print(f"{problem.severity.value.upper()}: {line_of(problem)}", file=sys.stderr)


def _metadata(asked: Iterable[AgentName], reached: LiveCluster | FileCluster | None) -> dict[AgentName, AgentMetadata]:
    """An agent that is not installed on this node, or says nothing that can be read, is left out."""
    from hacluster.cib.agent_metadata import AgentMetadata, parse_metadata
    from hacluster.cli.crm_agents import metadata

    found: dict[AgentName, AgentMetadata] = {}
    for standard, provider, kind in sorted(asked) if isinstance(reached, LiveCluster) else ():
        try:
            parsed = parse_metadata(metadata(standard, provider, kind))
        except CommandFailed:
            continue
        if isinstance(parsed, AgentMetadata):
            found[standard, provider, kind] = parsed
    return found
