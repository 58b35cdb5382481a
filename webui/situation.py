"""What the status section says about one node, taken over from the version before where nothing has changed.

Reads a `<node_state>`; gives its attributes, its fail counts and what each resource does there. Two versions of a CIB
share the branches in which nothing was changed, so that comparing costs little more than the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hacluster.cib.model import NOTHING, SCORE_INFINITY, Element
from webui.history import Condition, condition_of, is_worse
from webui.picture import nvpairs, whole

FAIL_COUNT = "fail-count-"


@dataclass(frozen=True, slots=True)
class Situation:
    state: Element = NOTHING
    attributes: dict[str, str] = field(default_factory=dict)
    """The transient ones."""
    failcounts: dict[str, int] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    """Resource of the configuration -> what it does here. Instances of a clone are folded onto their primitive."""
    read: dict[str, tuple[Element, Condition]] = field(default_factory=dict)
    """Instance -> what its condition was read from."""

    def differing(self, before: Situation) -> tuple[set[str], set[str]]:
        """Resources whose condition or fail count is another one, and attributes that have another value."""
        resources: set[str] = set()
        if self.conditions is not before.conditions:
            resources |= _differing(self.conditions, before.conditions)
        if self.attributes is before.attributes:
            return resources, set()
        resources |= _differing(self.failcounts, before.failcounts)
        return resources, _differing(self.attributes, before.attributes)


def _differing(now: Mapping[str, object], before: Mapping[str, object]) -> set[str]:
    changed = {name for name, value in now.items() if before.get(name) is not value and before.get(name) != value}
    return changed | {name for name in before if name not in now}


def situation_of(state: Element, before: Situation | None) -> Situation:
    before = before or Situation()
    if state is before.state:
        return before
    attributes, failcounts = before.attributes, before.failcounts
    block = state.find("transient_attributes") or NOTHING
    if block is not (before.state.find("transient_attributes") or NOTHING):
        attributes = nvpairs(block, "instance_attributes")
        failcounts = _failcounts(attributes)
    conditions, read = before.conditions, before.read
    if [*map(id, state.all("lrm"))] != [*map(id, before.state.all("lrm"))]:
        read = _read(state, before.read)
        conditions = _folded(read)
    return Situation(state, attributes, failcounts, conditions, read)


def _failcounts(attributes: dict[str, str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, value in attributes.items():
        if name.startswith(FAIL_COUNT):
            resource = name.removeprefix(FAIL_COUNT).split("#")[0].split(":")[0]
            counts[resource] = min(counts.get(resource, 0) + whole(value, 0), SCORE_INFINITY)
    return counts


def _read(state: Element, before: dict[str, tuple[Element, Condition]]) -> dict[str, tuple[Element, Condition]]:
    read: dict[str, tuple[Element, Condition]] = {}
    for element in _history(state):
        name = element.attributes.get("id", "")
        known = before.get(name)
        same = known is not None and known[0] is element
        read[name] = known if known and same else (element, condition_of(element.all("lrm_rsc_op")))
    return read


def _history(state: Element) -> Iterator[Element]:
    for lrm in state.all("lrm"):
        for resources in lrm.all("lrm_resources"):
            yield from resources.all("lrm_resource")


def _folded(read: dict[str, tuple[Element, Condition]]) -> dict[str, Condition]:
    conditions: dict[str, Condition] = {}
    for name, (_element, condition) in read.items():
        resource = name.partition(":")[0]
        known = conditions.get(resource)
        if known is None or is_worse(condition, known):
            conditions[resource] = condition
    return conditions
