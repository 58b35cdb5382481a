"""The difference between two versions of the CIB, and how to apply it.

Reads two frozen documents; gives a `Patch` from the version of the one to the version of the other,
in the terms of Pacemaker's v2 patchset (create, modify, delete, move at an XPath).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hacluster.cib.model import Element
from hacluster.cib.version import CibVersion


class ChangeKind(StrEnum):
    CREATE = "create"
    MODIFY = "modify"
    DELETE = "delete"
    MOVE = "move"


class Change(msgspec.Struct, frozen=True):
    """One step of a patch, carried out in the order of the list.

    `path` is that of the element itself, or of the parent for a create
    (`/cib/status/node_state[@id='1']/lrm`). `position` counts among the parent's children.
    """

    kind: ChangeKind
    path: str
    position: int = -1
    element: Element | None = None
    set_attributes: dict[str, str] = {}
    unset_attributes: tuple[str, ...] = ()


class Patch(msgspec.Struct, frozen=True):
    source: CibVersion
    target: CibVersion
    changes: tuple[Change, ...] = ()
