"""The tables of the sheet, their columns and block marks.

Reads nothing; gives `TABLES` (name -> what may stand in it) and `BLOCKS` for tables that are cut by marks in column B.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec


class Table(StrEnum):
    NODE = "NODE"
    PROPERTY = "PROPERTY"
    RSC_DEFAULTS = "RSC_DEFAULTS"
    OP_DEFAULTS = "OP_DEFAULTS"
    RESOURCES = "RESOURCES"
    RSC_ATTRIBUTES = "RSC_ATTRIBUTES"
    FENCING_TOPOLOGY = "FENCING_TOPOLOGY"
    PRIMITIVE = "PRIMITIVE"
    LOCATION = "LOCATION"
    LOCATION_EXPERT = "LOCATION_EXPERT"
    COLOCATION = "COLOCATION"
    ORDER = "ORDER"
    RSC_TICKET = "RSC_TICKET"
    ADDITIONAL_CONFIG = "ADDITIONAL_CONFIG"
    ALERT = "ALERT"


class Columns(msgspec.Struct, frozen=True):
    """The columns of a table or block; names are compared in lower case."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    free: bool = False
    """Whether every other header is meaningful too, as the attributes of an operation are."""
    repeatable: tuple[str, ...] = ()

    def knows(self, name: str) -> bool:
        return self.free or name in self.required or name in self.optional


_SETTINGS = Columns(("name", "value"))
_ALERT_ATTRIBUTES = Columns(("type", "name", "value"))

TABLES: dict[Table, Columns] = {
    Table.NODE: Columns(("uname", "ptype", "name", "value"), ("ntype",)),
    Table.PROPERTY: _SETTINGS,
    Table.RSC_DEFAULTS: _SETTINGS,
    Table.OP_DEFAULTS: _SETTINGS,
    Table.RESOURCES: Columns(("resourceitem", "id"), repeatable=("resourceitem",)),
    Table.RSC_ATTRIBUTES: Columns(("id", "type", "name", "value")),
    Table.FENCING_TOPOLOGY: Columns(("node", "rsc", "index")),
    Table.LOCATION: Columns(("rsc",)),
    Table.LOCATION_EXPERT: Columns(("rsc", "score", "bool_op", "attribute", "op", "value"), ("role", "id_spec")),
    Table.COLOCATION: Columns(("rsc", "with-rsc", "score"), ("rsc-role", "with-rsc-role")),
    Table.ORDER: Columns(("first-rsc", "then-rsc", "score"), ("first-action", "then-action", "symmetrical")),
    Table.RSC_TICKET: Columns(("ticket", "rsc"), ("role", "loss-policy")),
    Table.ADDITIONAL_CONFIG: Columns(("config",)),
}

BLOCKS: dict[Table, dict[str, Columns]] = {
    Table.PRIMITIVE: {
        "P": Columns(("id", "class", "provider", "type")),
        "A": Columns(("type", "name", "value"), ("rule",)),
        "O": Columns(("type",), free=True),
    },
    Table.ALERT: {"P": Columns(("path",)), "A": _ALERT_ATTRIBUTES, "R": Columns(("recipient",))},
}

LOCATION_HEADER = re.compile(r"(score:[^:]+|pingd?:[^:\s]+:[^:\s]+|diskd:[^:\s]+)\Z", re.IGNORECASE)
"""The headers of LOCATION that carry a score, or an attribute and the value it must reach."""
