"""What is wrong with a configuration, or will be a surprise: one function for sheet, crm text, console and API.

Reads a Cib, and what its agents say about themselves where that is known; gives Problems, errors before warnings, each
with the id of the object it is about and what cures it. The cost grows with the size of the configuration, not faster.
"""

from __future__ import annotations

from collections.abc import Mapping

from hacluster.cib.agent_metadata import AgentMetadata
from hacluster.cib.checks.agents import AgentName, agents_named, check_agents
from hacluster.cib.checks.constraints import check_constraints
from hacluster.cib.checks.fencing import NO_FENCING, check_fencing
from hacluster.cib.checks.index import Index
from hacluster.cib.checks.locations import check_locations
from hacluster.cib.checks.operations import check_operations
from hacluster.cib.checks.references import (
    DANGLING,
    DUPLICATE_ID,
    EMPTY,
    IN_TWO,
    INCOMPLETE,
    NESTING,
    NO_AGENT,
    NO_PATH,
    UNKNOWN_ELEMENT,
    check_references,
    check_words,
)
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem, Severity
from hacluster.cib.schema import CONFLICT, ID_TWICE, MISPLACED, MISSING, NO_SUCH_ID, TOO_MANY, check_schema

NO_AGENTS: Mapping[AgentName, AgentMetadata] = {}


def validate(cib: Cib, agents: Mapping[AgentName, AgentMetadata] = NO_AGENTS) -> list[Problem]:
    """All findings at once; none when the configuration is sound."""
    index = Index(cib)
    found = [
        *check_references(index),
        *check_words(index),
        *check_constraints(index),
        *check_locations(index),
        *check_operations(index),
        *check_fencing(index),
        *check_agents(index, agents),
    ]
    by_schema = check_schema(cib)
    refused = {each.place for each in by_schema if each.kind is MISPLACED}
    found = [each for each in found if each.kind is not UNKNOWN_ELEMENT or each.place not in refused]
    found += _not_said_yet(by_schema, found)
    return sorted(found, key=lambda problem: problem.severity is not Severity.ERROR)


_SAID_BY = {
    NO_SUCH_ID: (DANGLING,),
    MISPLACED: (NESTING,),
    MISSING: (EMPTY, NO_AGENT, INCOMPLETE, NO_PATH),
    ID_TWICE: (DUPLICATE_ID, IN_TWO),
    CONFLICT: (NESTING,),
    TOO_MANY: (NESTING,),
}
"""The schema knows only that something is wrong; where a check has said what, at the same place, that is enough."""


def _not_said_yet(found: list[Problem], others: list[Problem]) -> list[Problem]:
    said = {(each.kind, each.place) for each in others}
    return [each for each in found if not any((kind, each.place) in said for kind in _SAID_BY.get(each.kind, ()))]


def new_findings(
    before: Cib, after: Cib, agents: Mapping[AgentName, AgentMetadata] = NO_AGENTS
) -> tuple[list[Problem], list[Problem]]:
    """What a change brings: (what refuses it, what is only told).

    What was there before is not held against the change. That no fencing device is there yet refuses nothing either:
    a configuration is often loaded in several parts, and the cluster starts nothing until the device is there.
    """
    known = {_key(problem) for problem in validate(before, agents)}
    new = [problem for problem in validate(after, agents) if _key(problem) not in known]
    refusing = [each for each in new if each.severity is Severity.ERROR and each.kind is not NO_FENCING]
    return refusing, [each for each in new if each not in refusing]


def agents_of(cib: Cib) -> set[AgentName]:
    """(class, provider, type) of every agent that the configuration names."""
    return agents_named(Index(cib))


def _key(problem: Problem) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return problem.code, problem.place, tuple(sorted(problem.parameters.items()))
