"""The version of a CIB, and which of two is newer.

Reads the three counters of `<cib>`; gives an ordered value. `admin_epoch` belongs to the administrator,
`epoch` grows with the configuration, `num_updates` with the status (reference: heartbeat, 3 "CIB version").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import msgspec


class CibVersion(msgspec.Struct, frozen=True, order=True):
    """(admin_epoch, epoch, num_updates), compared from left to right."""

    admin_epoch: int = 0
    epoch: int = 0
    num_updates: int = 0

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Self:
        """Read the counters; a missing or unreadable one counts as 0, as in Pacemaker."""
        return cls(*(_counter(attributes.get(name, "")) for name in cls.__struct_fields__))

    def attributes(self) -> dict[str, str]:
        return {
            "epoch": str(self.epoch),
            "num_updates": str(self.num_updates),
            "admin_epoch": str(self.admin_epoch),
        }

    def after_configuration_change(self) -> CibVersion:
        return CibVersion(self.admin_epoch, self.epoch + 1, 0)

    def after_status_change(self) -> CibVersion:
        return CibVersion(self.admin_epoch, self.epoch, self.num_updates + 1)

    def __str__(self) -> str:
        return f"{self.admin_epoch}.{self.epoch}.{self.num_updates}"


_MOST_DIGITS = 18
"""A longer number was never counted up to: it is nonsense, and would cost a long calculation."""


def _counter(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0
