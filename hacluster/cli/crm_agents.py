"""Which agents this node has, and what they say of themselves: for crm_resource, stonith_admin and the crm shell.

Asks the agent of the node through its local door, because only the daemon knows the agents that it brings along. Fence
agents that it does not list are found where Debian and cluster-glue put them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hacluster.cli.cluster import live
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.language import line_of

if TYPE_CHECKING:
    from hacluster.cib.model import Element

STANDARDS = ("ocf", "lsb", "service", "stonith")
"""In the order of `crm_resource --list-standards`."""
OCF_AGENTS = Path("/usr/lib/ocf/resource.d")
_GLUE = (Path("/usr/lib/stonith/plugins"), Path("/usr/lib64/stonith/plugins"))
_HELPERS = frozenset({"fence_ack_manual", "fence_legacy", "fence_pcmk"})
"""Programs named like fence agents that cannot be configured as one."""

Agent = tuple[str, str, str]
"""(class, provider or "", type)"""


def agents(standard: str = "", provider: str = "") -> list[Agent]:
    """All installed agents, or those of one class and provider."""
    from hacluster.protocol.messages import AgentList, AgentListQuery

    if os.environ.get("CIB_file"):
        found = set(_ocf_agents(provider)) if standard in ("", "ocf") else set()
    else:
        found = set(live().ask(AgentListQuery(standard=standard, provider=provider), AgentList).agents)
    if standard in ("", "stonith") and not provider:
        found |= {("stonith", "", name) for name in _fence_agents()}
    if standard == "service":
        found |= {("service", "", kind) for _, _, kind in agents("lsb")}
    return sorted(found)


def _ocf_agents(provider: str) -> Iterator[Agent]:
    """Without a daemon to ask: those that stand where OCF puts them."""
    for folder in sorted(OCF_AGENTS.iterdir()) if OCF_AGENTS.is_dir() else []:
        if folder.is_dir() and provider in ("", folder.name):
            for file in folder.iterdir():
                if os.access(file, os.X_OK) and file.is_file() and not file.name.startswith("."):
                    yield "ocf", folder.name, file.name


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


def split_loosely(name: str) -> Agent:
    """As in crm text, where a bare type is ocf:heartbeat."""
    return split(name) if ":" in name else ("ocf", "heartbeat", name)


def description(name: str, xml: str) -> list[str]:
    """An agent's metadata for reading: what it does, its parameters, how long its operations may take."""
    from hacluster.cib.codec import parse_xml
    from hacluster.cib.model import Element
    from hacluster.cib.problems import Problem

    parsed = parse_xml(xml)
    if isinstance(parsed, Problem):
        raise CommandFailed(Exit.DATAERR, f"{name}: its metadata can't be read: {line_of(parsed)}")
    short = _said(parsed, "shortdesc")
    lines = [f"{short} ({name})" if short else name, "", *_said(parsed, "longdesc").splitlines(), ""]
    parameters = list((parsed.find("parameters") or Element("parameters")).all("parameter"))
    if parameters:
        lines += ["Parameters (*: required, []: default):", ""]
    for parameter in parameters:
        lines += [*_parameter_lines(parameter), ""]
    actions = list((parsed.find("actions") or Element("actions")).all("action"))
    if actions:
        lines += ["Operations' defaults (advisory minimum):", ""]
    for action in actions:
        given = (f"{key}={value}" for key, value in action.attributes.items() if key != "name")
        lines.append(f"    {action.get('name'):<13} {' '.join(given)}".rstrip())
    return lines


def _said(element: Element, tag: str) -> str:
    """The English text of a description."""
    texts = {found.get("lang", "en"): found.text.strip() for found in element.all(tag)}
    return texts.get("en") or next(iter(texts.values()), "")


def _parameter_lines(parameter: Element) -> list[str]:
    content = parameter.find("content")
    kind = content.get("type", "string") if content else "string"
    default = f", [{content.get('default')}]" if content and content.get("default") else ""
    mark = "*" if parameter.get("required") in ("1", "true", "yes") else ""
    head = f"{parameter.get('name')}{mark} ({kind}{default}): {_said(parameter, 'shortdesc')}".rstrip()
    return [head, *(f"    {line.strip()}" for line in _said(parameter, "longdesc").splitlines())]
