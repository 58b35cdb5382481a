"""Temporary placements: the location constraints that moving, banning and un-moving write and take away.

Reads a Cib; gives CibChanges. Their ids are Pacemaker's (`cli-prefer-RSC`, `cli-ban-RSC-on-NODE`), so that any console
sees them for what they are.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib, Element
from hacluster.protocol.messages import CibChange, CibOperationKind


def prefer(resource: str, node: str, until: datetime | None = None, user: str = "") -> CibChange:
    """Put the resource on this node."""
    return _write(f"cli-prefer-{resource}", resource, node, "INFINITY", until, user)


def ban(resource: str, node: str, until: datetime | None = None, user: str = "") -> CibChange:
    """Keep the resource off this node."""
    return _write(f"cli-ban-{resource}-on-{node}", resource, node, "-INFINITY", until, user)


def _write(name: str, resource: str, node: str, score: str, until: datetime | None, user: str) -> CibChange:
    if until is None:
        attributes = {"id": name, "rsc": resource, "role": "Started", "node": node, "score": score}
        constraint = Element("rsc_location", attributes)
    else:
        moment = until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S Z")
        where = {"id": f"{name}-expr", "attribute": "#uname", "operation": "eq", "value": node, "type": "string"}
        expressions = (
            Element("expression", where),
            Element("date_expression", {"id": f"{name}-lifetime", "operation": "lt", "end": moment}),
        )
        rule = Element("rule", {"id": f"{name}-rule", "score": score, "boolean-op": "and"}, expressions)
        constraint = Element("rsc_location", {"id": name, "rsc": resource, "role": "Started"}, (rule,))
    xml = to_xml(Element("constraints", {}, (constraint,)))
    return CibChange(
        kind=CibOperationKind.MODIFY,
        section="constraints",
        xml=xml,
        allow_create=True,
        client="crm_resource",
        user=user,
    )


def of(cib: Cib, resource: str) -> list[Element]:
    """The temporary placements of a resource."""
    return [
        constraint
        for constraint in cib.section("constraints").all("rsc_location")
        if constraint.get("rsc") == resource and constraint.id.startswith(("cli-prefer-", "cli-ban-", "cli-standby-"))
    ]


def clear(constraint: Element, user: str = "") -> CibChange:
    """Take one temporary placement away."""
    xml = to_xml(Element(constraint.tag, {"id": constraint.id}))
    return CibChange(kind=CibOperationKind.DELETE, section="constraints", xml=xml, client="crm_resource", user=user)


def lifetime(text: str, now: datetime) -> datetime | None:
    """`PT8H`, `8h` -> the moment it ends; None for a text that is no duration."""
    from hacluster.scheduler.values import duration_ms

    length_ms = duration_ms(text, 0)
    return now + timedelta(milliseconds=length_ms) if length_ms > 0 else None
