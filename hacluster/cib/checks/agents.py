"""What the configuration says against what the agents say about themselves.

Reads an Index and the meta-data of the agents that are known; an agent without meta-data is not judged.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from hacluster.cib.agent_metadata import AgentMetadata
from hacluster.cib.checks.index import Index
from hacluster.cib.checks.kinds import error, warning
from hacluster.cib.model import Element
from hacluster.cib.problems import Problem
from hacluster.cib.values import duration_ms

TIMEOUT_BELOW_ADVICE = warning(
    "timeout-below-advice",
    "{id}: the timeout {timeout} of {name} is below the {advised} s that {agent} advises",
    "{id}: {name} のタイムアウト {timeout} が {agent} の推奨値 {advised} 秒より短くなっています",
    "write timeout={advised}s or more",
    "timeout={advised}s 以上を指定してください",
)
UNKNOWN_PARAMETER = warning(
    "unknown-parameter",
    "{id}: {agent} knows no parameter {name}{hint}",
    "{id}: {agent} にパラメータ {name} はありません{hint}",
    "correct the name, or take it out",
    "パラメータ名を修正するか、削除してください",
)
MISSING_PARAMETER = error(
    "missing-parameter",
    "{id}: {agent} needs the parameter {name}",
    "{id}: {agent} に必須のパラメータ {name} がありません",
    "add: params {name}=…",
    "params {name}=… を追加してください",
)
DEFAULT_TIMEOUT_MS = 20_000
_FENCER_PREFIXES = ("pcmk_", "CRM_meta_")
_FENCER_NAMES = ("stonith-timeout", "priority", "action", "provides", "hostlist")
_TIMED = ("start", "stop", "promote", "demote", "monitor")
AgentName = tuple[str, str, str]
"""(class, provider, type)"""


def check_agents(index: Index, agents: Mapping[AgentName, AgentMetadata]) -> Iterator[Problem]:
    if not agents:
        return
    default_ms = _default_timeout_ms(index)
    for primitive in index.primitives:
        metadata = agents.get(index.agent(primitive))
        if metadata is not None:
            yield from _parameters(index, primitive, metadata)
            yield from _timeouts(index, primitive, metadata, default_ms)


def agents_named(index: Index) -> set[AgentName]:
    """The agents whose meta-data would be of use."""
    return {index.agent(primitive) for primitive in index.primitives if index.agent(primitive)[2]}


def _default_timeout_ms(index: Index) -> int:
    pairs = (pair for block in index.cib.section("op_defaults").children for pair in block.all("nvpair"))
    written = next((pair.get("value") for pair in pairs if pair.get("name") == "timeout"), "")
    return duration_ms(written) or DEFAULT_TIMEOUT_MS


def _parameters(index: Index, primitive: Element, metadata: AgentMetadata) -> Iterator[Problem]:
    agent = ":".join(part for part in index.agent(primitive) if part)
    blocks = list(index.blocks(primitive, "instance_attributes"))
    said = dict.fromkeys(pair.get("name") for block in blocks for pair in block.all("nvpair") if pair.get("name"))
    has_references = any(pair.get("id-ref") for block in blocks for pair in block.all("nvpair"))
    for name in said if metadata.parameters else ():
        if name not in metadata.parameters and not _is_the_clusters(name):
            near = difflib.get_close_matches(name, metadata.parameters, n=1)
            hint = f" ({near[0]}?)" if near else ""
            yield UNKNOWN_PARAMETER.at(primitive.id, id=primitive.id, agent=agent, name=name, hint=hint)
    for parameter in metadata.parameters.values():
        is_given = parameter.name in said or parameter.default or has_references
        # The cluster tells a fence agent its target and action itself.
        is_told = primitive.get("class") == "stonith" and parameter.name in ("plug", "port", "nodename", "action")
        if parameter.is_required and not is_given and not is_told:
            yield MISSING_PARAMETER.at(primitive.id, id=primitive.id, agent=agent, name=parameter.name)


def _is_the_clusters(name: str) -> bool:
    return name.startswith(_FENCER_PREFIXES) or name in _FENCER_NAMES


def _timeouts(index: Index, primitive: Element, metadata: AgentMetadata, default_ms: int) -> Iterator[Problem]:
    agent = ":".join(part for part in index.agent(primitive) if part)
    if primitive.get("class") == "stonith":
        return
    operations = index.operations(primitive)
    named = {operation.get("name") for operation in operations}
    # An operation that is not written has the default timeout, which may be too short as well.
    written = [(each.get("name"), each.get("role"), each.get("timeout")) for each in operations]
    written += [(name, "", "") for name in ("start", "stop") if name not in named]
    for name, role, text in written:
        own_ms = duration_ms(text) if text else default_ms
        advised_ms = metadata.advised_timeout_ms(name, role) if name in _TIMED else 0
        if own_ms is not None and own_ms < advised_ms:
            shown = text or f"{default_ms // 1000}s"
            yield TIMEOUT_BELOW_ADVICE.at(
                primitive.id, id=primitive.id, name=name, timeout=shown, agent=agent, advised=-(-advised_ms // 1000)
            )
