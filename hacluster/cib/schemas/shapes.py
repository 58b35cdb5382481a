"""The shape of each element in one schema: which attributes and children it has.

Reads a schema's version; gives the tables beside it without what that schema does not have yet, or no longer has. The
facts are those of Pacemaker's schemas 1.0 to 3.9.
"""

from __future__ import annotations

import functools
from typing import TypeVar

from hacluster.cib.schemas.constraints import CONSTRAINTS, RULES
from hacluster.cib.schemas.document import DOCUMENT, OTHERS
from hacluster.cib.schemas.parts import Alternative, Attribute, Child, Choice, Shape, Version
from hacluster.cib.schemas.resources import RESOURCES

_ALL: dict[str, Shape] = {**DOCUMENT, **RESOURCES, **CONSTRAINTS, **RULES, **OTHERS}
_Part = TypeVar("_Part", Attribute, Child, Choice, Alternative)


@functools.cache
def shapes(version: Version) -> dict[str, Shape]:
    return {tag: _in_version(shape, version) for tag, shape in _ALL.items()}


def _in_version(shape: Shape, version: Version) -> Shape:
    choices = (
        Choice(
            _there(each.alternatives, version),
            each.is_needed,
            each.when,
            each.unless,
            each.also,
            each.since,
            each.until,
        )
        for each in _there(shape.choices, version)
    )
    return Shape(_there(shape.attributes, version), _there(shape.children, version), tuple(choices))


def _there(parts: tuple[_Part, ...], version: Version) -> tuple[_Part, ...]:
    return tuple(part for part in parts if part.since <= version < part.until)
