"""Which agents this node has, and what they say of themselves: for crm_resource, stonith_admin and the crm shell.

Asks the agent of the node through its local door, because only the daemon knows the agents that it brings along. Fence
agents that it does not list are found where Debian and cluster-glue put them.
"""

from __future__ import annotations

from pathlib import Path

from hacluster.cli.cluster import live
from hacluster.cli.exits import CommandFailed, Exit

STANDARDS = ("ocf", "lsb", "service", "stonith")
"""In the order of `crm_resource --list-standards`."""
_GLUE = (Path("/usr/lib/stonith/plugins"), Path("/usr/lib64/stonith/plugins"))
_HELPERS = frozenset({"fence_ack_manual", "fence_legacy", "fence_pcmk"})
"""Programs named like fence agents that cannot be configured as one."""

Agent = tuple[str, str, str]
"""(class, provider or "", type)"""


def agents(standard: str = "", provider: str = "") -> list[Agent]:
    """All installed agents, or those of one class and provider."""
    from hacluster.protocol.messages import AgentList, AgentListQuery

    found = set(live().ask(AgentListQuery(standard=standard, provider=provider), AgentList).agents)
    if standard in ("", "stonith") and not provider:
        found |= {("stonith", "", name) for name in _fence_agents()}
    if standard == "service":
        found |= {("service", "", kind) for _, _, kind in agents("lsb")}
    return sorted(found)


def _fence_agents() -> set[str]:
    names = {file.name for file in Path("/usr/sbin").glob("fence_*")} - _HELPERS
    for folder in _GLUE:
        names |= {f"external/{file.name}" for file in (folder / "external").glob("*")}
        names |= {file.stem for file in (folder / "stonith2").glob("*.so")}
    return names


def providers(agent_type: str = "") -> list[str]:
    """The OCF providers, all or those of one agent."""
    return sorted({provider for _, provider, kind in agents("ocf") if not agent_type or kind == agent_type})


def metadata(standard: str, provider: str, agent_type: str) -> str:
    """An agent's own description as XML."""
    from hacluster.protocol.messages import AgentActionResult, AgentActionRun

    request = AgentActionRun(standard=standard, provider=provider, type=agent_type, action="meta-data")
    result = live().ask(request, AgentActionResult)
    if result.rc or not result.output.strip():
        name = ":".join(part for part in (standard, provider, agent_type) if part)
        reason = result.errors.strip() or "No such device or address"
        raise CommandFailed(Exit.NOSUCH, f"Metadata query for {name} failed: {reason}")
    return result.output


def split(name: str) -> Agent:
    """`ocf:pacemaker:Dummy`, `stonith:fence_xvm` -> its parts."""
    standard, _, rest = name.partition(":")
    if standard != "ocf":
        return standard, "", rest
    provider, has_provider, kind = rest.partition(":")
    return (standard, provider, kind) if has_provider else (standard, "heartbeat", provider)
