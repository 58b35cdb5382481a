"""What is broken, what needs a human, and what is not normal on purpose.

Reads what the configuration wants, the cells of a part, and the nodes; gives `Problem`s, each with the actions that may
cure it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hacluster.cib.placement import is_temporary_id
from hacluster.protocol.messages import AgentInfo
from webui.picture import UP_STATES, Cell, Node, Picture, Problem, Resource, is_yes
from webui.wanted import Wanted

SEVERITIES = ("critical", "major", "warning", "info")


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The worst first, of equals the oldest."""
    return tuple(sorted(problems, key=lambda each: (SEVERITIES.index(each.severity), each.since_ms, each.key)))


def problems_of_frame(picture: Picture, info: AgentInfo | None) -> Iterator[Problem]:
    """Those of the cluster as a whole, its nodes and their links."""
    yield from _quorum(picture, info)
    yield from _nodes(picture)
    yield from _links(info)


def problems_of_configuration(wanted: Wanted) -> Iterator[Problem]:
    yield from _fencing(wanted)
    yield from _placements(wanted)


def problems_of_part(service: Resource, wanted: Wanted, cells: Mapping[tuple[str, str], Cell]) -> Iterator[Problem]:
    """Those of a top-level resource and all that is below it."""
    if not service.fencing:
        yield from _service(service, wanted, cells)
    yield from _cells(cells)


def purposes_of(nodes: Mapping[str, Node], wanted: Wanted) -> tuple[Problem, ...]:
    """Standby, maintenance, resources stopped by hand, temporary placements."""
    found: list[Problem] = []
    for node in nodes.values():
        if node.state in ("standby", "draining"):
            found.append(Problem("purpose.standby", "info", node.name, node.name))
        if node.state == "maintenance":
            found.append(Problem("purpose.maintenance", "info", node.name, node.name))
    for resource in wanted.resources.values():
        if not resource.should_run and not (resource.parent and not wanted.resources[resource.parent].should_run):
            found.append(Problem("purpose.stopped", "info", resource.id))
        if not resource.managed and not (resource.parent and not wanted.resources[resource.parent].managed):
            found.append(Problem("purpose.unmanaged", "info", resource.id))
    found += [Problem("purpose.placement", "info", each.subject, "", each.fields) for each in _placements(wanted)]
    return tuple(found)


def _quorum(picture: Picture, info: AgentInfo | None) -> Iterator[Problem]:
    if info is not None and not picture.has_quorum:
        yield Problem("quorum.none", "critical", picture.cluster)
    if info is not None and not picture.dc:
        yield Problem("dc.none", "major", picture.cluster)


def _nodes(picture: Picture) -> Iterator[Problem]:
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


def _service(service: Resource, wanted: Wanted, cells: Mapping[tuple[str, str], Cell]) -> Iterator[Problem]:
    states: dict[str, set[str]] = {}
    for cell in cells.values():
        states.setdefault(cell.resource, set()).add(cell.state)
    leaves = {leaf: its for leaf, its in states.items() if wanted.resources[leaf].should_run}
    down = [leaf for leaf, its in leaves.items() if its.isdisjoint((*UP_STATES, "double"))]
    members = (("members", ", ".join(down)),)
    cure = (("cleanup", service.id, ""),)
    # Only what a transition under way is going to start is awaited.
    if down and all("awaited" in leaves[leaf] for leaf in down):
        yield Problem("service.recovering", "major", service.id, fields=members)
    elif down and service.kind in ("primitive", "group"):
        yield Problem("service.down", "critical", service.id, fields=members, actions=cure)
    elif any("alone" in its for its in leaves.values()):
        counted = any(cell.failcount for cell in cells.values())
        yield Problem("service.alone", "major", service.id, fields=(("reasons", ""),), actions=cure if counted else ())


def _cells(cells: Mapping[tuple[str, str], Cell]) -> Iterator[Problem]:
    doubles = set()
    for cell in cells.values():
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


def _evidence(cell: Cell) -> tuple[tuple[str, str], ...]:
    failure = cell.failure
    counted = (("count", str(cell.failcount)), ("threshold", str(cell.threshold or "INFINITY")))
    if failure is None:
        return (("operation", ""), ("rc", ""), ("reason", ""), *counted)
    return (
        ("operation", failure.operation),
        ("rc", "timeout" if failure.timed_out else str(failure.rc)),
        ("reason", failure.reason),
        *counted,
    )


def _links(info: AgentInfo | None) -> Iterator[Problem]:
    if info is None:
        return
    for member in info.members:
        for nic, is_heard in sorted(member.links.items()):
            if not is_heard and member.is_member:
                yield Problem("link.dead", "major", member.name, member.name, (("nic", nic),))


def _fencing(wanted: Wanted) -> Iterator[Problem]:
    if not wanted.resources:
        return
    if not is_yes(wanted.properties.get("stonith-enabled", "true")):
        yield Problem("fencing.off", "warning", "stonith-enabled")
    elif not any(resource.fencing for resource in wanted.resources.values()):
        yield Problem("fencing.no-device", "critical", "stonith")


def _placements(wanted: Wanted) -> Iterator[Problem]:
    """One for each resource, whose move may have left more than one constraint."""
    for resource, locations in wanted.locations.items():
        constraints = [each.id for each in locations if is_temporary_id(each.id)]
        if constraints:
            fields = (("constraint", ", ".join(constraints)),)
            yield Problem("placement.left", "warning", resource, "", fields, actions=(("unmove", resource, ""),))
