"""Temporary placements as orders to the cluster, for `crm_resource` and the crm shell.

Reads a resource, a node and a time; gives CibChanges around the constraints of `hacluster.cib.placement`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hacluster.cib import placement
from hacluster.cib.codec import to_xml
from hacluster.cib.model import Element
from hacluster.cib.placement import of
from hacluster.protocol.messages import CibChange, CibOperationKind

__all__ = ["ban", "clear", "lifetime", "of", "prefer"]


def prefer(
    resource: str, node: str, until: datetime | None = None, user: str = "", *, promoted_only: bool = False
) -> CibChange:
    """Put the resource, or its promoted role alone, on this node."""
    return _write(_in_role(placement.prefer(resource, node, until), promoted_only), user)


def ban(
    resource: str, node: str, until: datetime | None = None, user: str = "", *, promoted_only: bool = False
) -> CibChange:
    """Keep the resource, or its promoted role alone, off this node."""
    return _write(_in_role(placement.ban(resource, node, until), promoted_only), user)


def _in_role(constraint: Element, promoted_only: bool) -> Element:
    return constraint.with_attributes({"role": "Promoted"}) if promoted_only else constraint


def _write(constraint: Element, user: str) -> CibChange:
    return CibChange(
        kind=CibOperationKind.MODIFY,
        section="constraints",
        xml=to_xml(Element("constraints", {}, (constraint,))),
        allow_create=True,
        client="crm_resource",
        user=user,
    )


def clear(constraint: Element, user: str = "") -> CibChange:
    """Take one temporary placement away."""
    xml = to_xml(Element(constraint.tag, {"id": constraint.id}))
    return CibChange(kind=CibOperationKind.DELETE, section="constraints", xml=xml, client="crm_resource", user=user)


def lifetime(text: str, now: datetime) -> datetime | None:
    """`PT8H`, `8h` -> the moment it ends; None for a text that is no duration."""
    from hacluster.scheduler.values import duration_ms

    length_ms = duration_ms(text, 0)
    return now + timedelta(milliseconds=length_ms) if length_ms > 0 else None
