"""The kinds of change a CIB knows: one list for cibadmin, the local door and what carries them out.

Stands alone because the local door's messages must load quickly, and carrying a change out needs an XML library.
"""

from __future__ import annotations

from enum import StrEnum


class CibOperationKind(StrEnum):
    """What cibadmin can do; the meaning is that of its man page."""

    CREATE = "create"
    MODIFY = "modify"
    REPLACE = "replace"
    DELETE = "delete"
    DELETE_ALL = "delete-all"
    PATCH = "patch"
    ERASE = "erase"
    BUMP = "bump"
    UPGRADE = "upgrade"
