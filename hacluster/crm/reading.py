"""What a reader of a statement gets and gives."""

from __future__ import annotations

import msgspec

from hacluster.cib.model import Element
from hacluster.crm.ids import Ids


class Read(msgspec.Struct, frozen=True):
    """What a statement says: elements for a section, and for containers the names of their members."""

    section: str
    elements: tuple[Element, ...]
    members: tuple[str, ...] = ()
    monitor_of: str = ""


class Context(msgspec.Struct):
    """What readers share."""

    ids: Ids
    nodes: tuple[str, ...] = ()
