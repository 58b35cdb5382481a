"""Temporary placements: the location constraints that moving, banning and un-moving write and take away.

Reads a Cib; gives constraint elements and changed Cibs, the same for command line and console. Their ids are
Pacemaker's (`cli-prefer-RSC`, `cli-ban-RSC-on-NODE`), so that any tool sees them for what they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from hacluster.cib.model import NOTHING, Cib, Element

PREFIXES = ("cli-prefer-", "cli-ban-", "cli-standby-")


def prefer(resource: str, node: str, until: datetime | None = None) -> Element:
    """Put the resource on this node."""
    return _placement(prefer_id(resource), resource, node, "INFINITY", until)


def ban(resource: str, node: str, until: datetime | None = None) -> Element:
    """Keep the resource off this node."""
    return _placement(f"cli-ban-{resource}-on-{node}", resource, node, "-INFINITY", until)


def prefer_id(resource: str) -> str:
    return f"cli-prefer-{resource}"


def _placement(name: str, resource: str, node: str, score: str, until: datetime | None) -> Element:
    owner = {"id": name, "rsc": resource, "role": "Started"}
    if until is None:
        return Element("rsc_location", {**owner, "node": node, "score": score})
    moment = until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S Z")
    where = {"id": f"{name}-expr", "attribute": "#uname", "operation": "eq", "value": node, "type": "string"}
    expressions = (
        Element("expression", where),
        Element("date_expression", {"id": f"{name}-lifetime", "operation": "lt", "end": moment}),
    )
    rule = Element("rule", {"id": f"{name}-rule", "score": score, "boolean-op": "and"}, expressions)
    return Element("rsc_location", owner, (rule,))


def is_temporary_id(identity: str) -> bool:
    return identity.startswith(PREFIXES)


def of(cib: Cib, resource: str) -> list[Element]:
    """The temporary placements of a resource."""
    return [
        constraint
        for constraint in cib.section("constraints").all("rsc_location")
        if constraint.get("rsc") == resource and is_temporary_id(constraint.id)
    ]


def moved(cib: Cib, resource: str, node: str, off: Iterable[str] = ()) -> Cib:
    """The resource is to be on this node and, meanwhile, on none of `off`; earlier placements of it end.

    A stickiness of INFINITY (usual in two-node sheets) outweighs any preference. So the nodes where a resource runs now
    are closed to it, as `crm resource move … force` does.
    """
    bans = [ban(resource, each) for each in off if each != node]
    return _with_placements(cleared(cib, resource), [*bans, prefer(resource, node)])


def cleared(cib: Cib, resource: str) -> Cib:
    """Without the temporary placements of a resource; the same Cib where there are none."""
    ended = {constraint.id for constraint in of(cib, resource)}
    if not ended:
        return cib
    section = cib.section("constraints")
    return cib.with_section(section.with_children(tuple(each for each in section.children if each.id not in ended)))


def _with_placements(cib: Cib, placements: list[Element]) -> Cib:
    section = cib.section("constraints")
    section = section if section is not NOTHING else Element("constraints")
    return cib.with_section(section.with_children((*section.children, *placements)))
