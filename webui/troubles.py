"""What is broken, what needs a human, and what is not normal on purpose.

Reads a `Picture` and its CIB; gives `Problem`s, the worst first, each with the actions that may cure it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hacluster.cib.model import Cib
from hacluster.cib.placement import is_temporary_id
from hacluster.protocol.messages import AgentInfo
from webui.picture import Picture, Problem, is_yes

SEVERITIES = ("critical", "major", "warning", "info")


def problems_of(picture: Picture, cib: Cib, info: AgentInfo | None) -> tuple[Problem, ...]:
    found = [
        *_quorum(picture, info),
        *_nodes(picture, cib),
        *_services(picture),
        *_cells(picture),
        *_links(picture, info),
        *_fencing(picture, cib),
        *_placements(cib),
    ]
    return tuple(sorted(found, key=lambda each: (SEVERITIES.index(each.severity), each.since_ms, each.key)))


def purposes_of(picture: Picture, cib: Cib) -> tuple[Problem, ...]:
    """Standby, maintenance, resources stopped by hand, temporary placements."""
    found: list[Problem] = []
    for node in picture.nodes.values():
        if node.state in ("standby", "draining"):
            found.append(Problem("purpose.standby", "info", node.name, node.name))
        if node.state == "maintenance":
            found.append(Problem("purpose.maintenance", "info", node.name, node.name))
    for resource in picture.resources.values():
        if not resource.should_run and not (resource.parent and not picture.resources[resource.parent].should_run):
            found.append(Problem("purpose.stopped", "info", resource.id))
        if not resource.managed and not (resource.parent and not picture.resources[resource.parent].managed):
            found.append(Problem("purpose.unmanaged", "info", resource.id))
    found += [Problem("purpose.placement", "info", each.subject, "", each.fields) for each in _placements(cib)]
    return tuple(found)


def _quorum(picture: Picture, info: AgentInfo | None) -> Iterator[Problem]:
    if info is not None and not picture.has_quorum:
        yield Problem("quorum.none", "critical", picture.cluster)
    if info is not None and not picture.dc:
        yield Problem("dc.none", "major", picture.cluster)


def _nodes(picture: Picture, cib: Cib) -> Iterator[Problem]:
    for node in picture.nodes.values():
        if node.state == "unclean":
            yield Problem(
                "node.unclean",
                "critical",
                node.name,
                node.name,
                actions=(("fence", node.name, node.name), ("fence-confirm", node.name, node.name)),
            )
        elif node.state == "offline":
            yield Problem("node.offline", "major", node.name, node.name)


def _services(picture: Picture) -> Iterator[Problem]:
    for service in picture.services:
        leaves = [leaf for leaf in picture.leaves(service.id) if picture.resources[leaf].should_run]
        down = [leaf for leaf in leaves if not _runs_somewhere(picture, leaf)]
        moving = picture.transition is not None and picture.transition.state in ("running", "waiting")
        if moving and down and all(_state_anywhere(picture, leaf, "awaited") for leaf in down):
            yield Problem("service.recovering", "major", service.id, fields=(("members", ", ".join(down)),))
        elif down and service.kind in ("primitive", "group"):
            yield Problem(
                "service.down",
                "critical",
                service.id,
                fields=(("members", ", ".join(down)),),
                actions=(("cleanup", service.id, ""),),
            )
        elif any(_state_anywhere(picture, leaf, "alone") for leaf in leaves):
            yield Problem(
                "service.alone",
                "major",
                service.id,
                fields=(("reasons", ""),),
                actions=_cures_of_loneliness(picture, service.id),
            )


def _cures_of_loneliness(picture: Picture, service: str) -> tuple[tuple[str, str, str], ...]:
    counted = any(picture.cells[leaf, node].failcount for leaf in picture.leaves(service) for node in picture.nodes)
    return (("cleanup", service, ""),) if counted else ()


def _runs_somewhere(picture: Picture, leaf: str) -> bool:
    up = ("running", "promoted", "unpromoted", "alone", "unmanaged", "maintenance", "double")
    return any(picture.cells[leaf, node].state in up for node in picture.nodes)


def _state_anywhere(picture: Picture, leaf: str, state: str) -> bool:
    return any(picture.cells[leaf, node].state == state for node in picture.nodes)


def _cells(picture: Picture) -> Iterator[Problem]:
    doubles = set()
    for cell in picture.cells.values():
        actions = (("cleanup", cell.resource, cell.node),)
        if cell.state == "double" and cell.resource not in doubles:
            doubles.add(cell.resource)
            yield Problem("resource.double", "critical", cell.resource)
        elif cell.state == "blocked":
            yield Problem(
                "resource.blocked", "critical", cell.resource, cell.node, _evidence(cell), cell.since_ms, actions
            )
        elif cell.state == "failed":
            yield Problem(
                "resource.failed", "critical", cell.resource, cell.node, _evidence(cell), cell.since_ms, actions
            )
        elif cell.failcount or (cell.failure and cell.state not in ("none", "unknown")):
            at_limit = bool(cell.threshold) and cell.failcount >= cell.threshold
            code = "resource.excluded" if at_limit else "resource.has-failed"
            since_ms = cell.failure.at_ms if cell.failure else 0
            severity = "major" if at_limit else "warning"
            yield Problem(code, severity, cell.resource, cell.node, _evidence(cell), since_ms, actions)


def _evidence(cell: object) -> tuple[tuple[str, str], ...]:
    failure = getattr(cell, "failure", None)
    count = getattr(cell, "failcount", 0)
    threshold = getattr(cell, "threshold", 0)
    counted = (("count", str(count)), ("threshold", str(threshold or "INFINITY")))
    if failure is None:
        return (("operation", ""), ("rc", ""), ("reason", ""), *counted)
    return (
        ("operation", failure.operation),
        ("rc", "timeout" if failure.timed_out else str(failure.rc)),
        ("reason", failure.reason),
        *counted,
    )


def _links(picture: Picture, info: AgentInfo | None) -> Iterator[Problem]:
    if info is None:
        return
    for member in info.members:
        for nic, is_heard in sorted(member.links.items()):
            if not is_heard and member.is_member:
                yield Problem("link.dead", "major", member.name, member.name, (("nic", nic),))


def _fencing(picture: Picture, cib: Cib) -> Iterator[Problem]:
    properties = {
        pair.get("name"): pair.get("value")
        for block in cib.section("crm_config").all("cluster_property_set")
        for pair in block.all("nvpair")
    }
    if not picture.resources:
        return
    if not is_yes(properties.get("stonith-enabled", "true")):
        yield Problem("fencing.off", "warning", "stonith-enabled")
    elif not any(resource.fencing for resource in picture.resources.values()):
        yield Problem("fencing.no-device", "critical", "stonith")


def _placements(cib: Cib) -> Iterator[Problem]:
    """One for each resource, whose move may have left more than one constraint."""
    found: dict[str, list[str]] = {}
    for each in cib.section("constraints").all("rsc_location"):
        if is_temporary_id(each.id):
            found.setdefault(each.get("rsc"), []).append(each.id)
    for resource, constraints in found.items():
        fields = (("constraint", ", ".join(constraints)),)
        yield Problem("placement.left", "warning", resource, "", fields, actions=(("unmove", resource, ""),))
