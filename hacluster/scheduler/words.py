"""Words for roles in the CIB's spellings, old and new."""

from __future__ import annotations

import re

from hacluster.scheduler.working import Role

_ROLES = {
    "stopped": Role.STOPPED,
    "started": Role.STARTED,
    "promoted": Role.PROMOTED,
    "master": Role.PROMOTED,
    "unpromoted": Role.UNPROMOTED,
    "slave": Role.UNPROMOTED,
}


def in_natural_order(name: str) -> list[tuple[bool, int, str]]:
    """A key to sort names by: `node2` before `node10`."""
    parts = [part for part in re.split(r"(\d+)", name.lower()) if part]
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts]


def role_of(word: str) -> Role:
    """`Started`, `Stopped`, `Promoted`/`Master`, `Unpromoted`/`Slave`, in any case."""
    return _ROLES.get(word.lower(), Role.UNKNOWN)


def constraint_role(word: str) -> Role:
    """As in constraints: Started says nothing that no role would not say."""
    role = role_of(word)
    return Role.UNKNOWN if role is Role.STARTED else role
