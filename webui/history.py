"""What a resource does on a node, read from its operation history in the CIB's status section.

Reads the operations of an `<lrm_resource>`; gives its `Condition`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from hacluster.cib.model import Element

RC_OK, RC_NOT_RUNNING, RC_PROMOTED, RC_FAILED_PROMOTED = 0, 7, 8, 9
STATUS_PENDING, STATUS_DONE, STATUS_TIMEOUT, STATUS_NOT_SUPPORTED = -1, 0, 2, 3
UNKNOWN_RC = 193


class Activity(StrEnum):
    STOPPED = "stopped"
    STARTED = "started"
    PROMOTED = "promoted"
    UNPROMOTED = "unpromoted"


@dataclass(frozen=True, slots=True)
class Failure:
    """An operation that did not end as expected."""

    operation: str
    interval_ms: int
    rc: int
    timed_out: bool
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Condition:
    activity: Activity = Activity.STOPPED
    pending: str = ""
    """The operation under way: start, stop, promote, demote, migrate_to, migrate_from."""
    failure: Failure | None = None
    """Set while the newest operation is a failed one."""
    past_failure: Failure | None = None
    """A failure that was recovered from; it stays until it is cleaned up."""
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Operation:
    call: int
    name: str
    interval_ms: int
    rc: int
    expected_rc: int
    status: int
    at_ms: int
    reason: str

    @property
    def failed(self) -> bool:
        if self.status in (STATUS_PENDING, STATUS_NOT_SUPPORTED):
            return False
        if self.status not in (STATUS_DONE, 4):
            return True
        if self.name == "monitor" and self.interval_ms == 0:
            return self.rc not in (RC_OK, RC_NOT_RUNNING, RC_PROMOTED)
        if self.name == "monitor":
            return self.rc != self.expected_rc and self.rc not in (RC_OK, RC_PROMOTED)
        return self.rc != RC_OK

    def as_failure(self) -> Failure:
        return Failure(self.name, self.interval_ms, self.rc, self.status == STATUS_TIMEOUT, self.reason, self.at_ms)


def is_worse(one: Condition, other: Condition) -> bool:
    """Of two instances of a clone on a node, the one to show."""
    return _rank(one) > _rank(other)


def _rank(condition: Condition) -> tuple[bool, bool]:
    return condition.failure is not None, condition.activity is not Activity.STOPPED


def condition_of(history: Iterable[Element]) -> Condition:
    """Walk the operations in the order of their calls."""
    condition = Condition()
    for operation in sorted(map(_operation, history), key=lambda each: each.call):
        condition = _after(condition, operation)
    return condition


def _after(before: Condition, operation: _Operation) -> Condition:
    if operation.status == STATUS_PENDING:
        return replace(before, pending="" if operation.name == "monitor" else operation.name)
    if operation.failed:
        activity = _activity_after_failure(before.activity, operation)
        return replace(before, activity=activity, pending="", failure=operation.as_failure(), since_ms=operation.at_ms)
    activity = _activity(before.activity, operation)
    past = before.failure or before.past_failure
    changed = activity is not before.activity or before.failure is not None
    since_ms = operation.at_ms if changed else before.since_ms
    return Condition(activity, past_failure=past, since_ms=since_ms)


def _activity(before: Activity, operation: _Operation) -> Activity:
    match operation.name:
        case "start" | "migrate_from":
            return Activity.STARTED
        case "stop" | "migrate_to":
            return Activity.STOPPED
        case "promote":
            return Activity.PROMOTED
        case "demote":
            return Activity.UNPROMOTED
        case "monitor" if operation.rc == RC_PROMOTED:
            return Activity.PROMOTED
        case "monitor" if operation.rc == RC_NOT_RUNNING:
            return Activity.STOPPED
        case "monitor":
            return Activity.STARTED if before is Activity.STOPPED else before
        case _:
            return before


def _activity_after_failure(before: Activity, operation: _Operation) -> Activity:
    match operation.name:
        case "monitor" if operation.rc == RC_NOT_RUNNING:
            return Activity.STOPPED
        case "start":
            return Activity.STARTED if operation.rc != RC_NOT_RUNNING else Activity.STOPPED
        case "monitor" if operation.interval_ms == 0 and operation.rc == 5:
            return Activity.STOPPED
        case _:
            return before if before is not Activity.STOPPED else Activity.STARTED


def _operation(element: Element) -> _Operation:
    at_s = element.get("last-rc-change") or element.get("last-run") or "0"
    status = _whole(element.get("op-status"), STATUS_DONE)
    call = _whole(element.get("call-id"), -1)
    return _Operation(
        call=1 << 60 if call < 0 else call,
        name=element.get("operation"),
        interval_ms=_whole(element.get("interval"), 0),
        rc=_whole(element.get("rc-code"), UNKNOWN_RC),
        expected_rc=_expected_rc(element.get("transition-key")),
        status=status,
        at_ms=_whole(at_s, 0) * 1000,
        reason=element.get("exit-reason"),
    )


def _expected_rc(transition_key: str) -> int:
    parts = transition_key.split(":")
    return _whole(parts[2], RC_OK) if len(parts) > 3 else RC_OK


def _whole(text: str, default: int) -> int:
    try:
        return int(text)
    except ValueError:
        return default
