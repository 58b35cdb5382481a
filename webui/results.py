"""What a check job has found, kept so that a page reads it instead of doing the work again inside its request.

Reads and writes `SheetResult` rows; gives the `Result` for a worksheet of an upload. A result is worth as much as the
configuration it was compared with: `is_fresh` says whether that is still the running one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from hacluster.cib.version import CibVersion
from hacluster.protocol.messages import Refused
from webui import agent, imports, journal
from webui.commands import Actor, Outcome
from webui.imports import Proposal, Reading, Tell
from webui.models import SheetResult
from webui.sentences import sentence

KEPT = 40
"""The newest results; an older one is made again when somebody looks."""


@dataclass(frozen=True, slots=True)
class Refusal:
    code: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    reading: Reading
    proposal: Proposal | None = None
    refusal: Refusal | None = None
    """Why there is no proposal, or why it cannot be applied."""

    @property
    def outcome(self) -> Proposal | Outcome:
        if self.proposal is not None:
            return self.proposal
        assert self.refusal is not None
        return Outcome(False, self.refusal.code, dict(self.refusal.fields))


def result_of(key: str, sheet: str, tell: Tell = imports.untold) -> Result:
    """Do the work, and keep what came out."""
    reading = imports.reading_of(key, sheet, tell)
    if reading.text.is_unreadable:
        found: Proposal | Outcome = imports.not_usable(reading.text.problems, "sheet.not-readable")
    else:
        found = imports.proposal_from(reading, tell)
    refusal = Refusal(found.code, found.fields) if isinstance(found, Outcome) else None
    result = Result(reading, found if isinstance(found, Proposal) else None, refusal)
    _keep(key, sheet, result)
    return result


def kept(key: str, sheet: str) -> Result | None:
    """The newest result for this worksheet, whatever has happened since; "" is the one that is filled."""
    rows = SheetResult.objects.filter(upload_key=key)
    row = (rows.filter(sheet=sheet) | rows.filter(chosen=sheet)).first()
    try:
        return msgspec.msgpack.decode(bytes(row.content), type=Result) if row is not None else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        # Another version of the console has written it.
        return None


def is_fresh(result: Result, running: CibVersion | None) -> bool:
    """Whether it was compared with the running configuration, or with none, because the sheet itself is wrong."""
    if result.proposal is not None:
        return running is not None and result.proposal.based_on == f"{running.admin_epoch}.{running.epoch}"
    assert result.refusal is not None
    return result.refusal.code in ("sheet.has-problems", "sheet.not-readable")


def running_version() -> CibVersion | Outcome:
    info = agent.current_info()
    return Outcome.of(info) if isinstance(info, Refused) else info.cib_version


def fresh(key: str, sheet: str) -> Result:
    """For whoever can wait: the kept result while it is good, else a new one."""
    known = kept(key, sheet)
    version = running_version()
    is_good = known is not None and is_fresh(known, None if isinstance(version, Outcome) else version)
    return known if known is not None and is_good else result_of(key, sheet)


def apply(user: Any, actor: Actor, key: str, sheet: str, order: imports.Order) -> Outcome:
    """Start applying a sheet whose preview was seen. The job finds out whether its consequences are still the same."""

    def seen() -> Proposal | Outcome:
        result = kept(key, sheet)
        if result is None:
            return Outcome(False, "action.state-moved")
        version = running_version()
        if isinstance(version, Outcome):
            return version
        if result.proposal is not None and not is_fresh(result, version):
            return Outcome(False, "action.state-moved", preview=result.proposal.preview)
        return result.outcome

    return imports.start(user, actor, {"upload": key, "sheet": sheet}, order, seen)


def _keep(key: str, sheet: str, result: Result) -> None:
    content = msgspec.msgpack.encode(result)
    values = {"chosen": result.reading.text.sheet, "at_ms": journal.now_ms(), "content": content}
    SheetResult.objects.update_or_create(upload_key=key, sheet=sheet, defaults=values)
    old = SheetResult.objects.values_list("pk", flat=True)[KEPT:]
    SheetResult.objects.filter(pk__in=list(old)).delete()


def payload_of(key: str, sheet: str, language: str) -> dict[str, Any]:
    """A sheet as the API tells it."""
    result = fresh(key, sheet)
    reading = result.reading
    payload: dict[str, Any] = {
        "ok": not reading.has_errors,
        "key": key,
        "name": reading.name,
        "sheets": list(reading.text.sheets),
        "sheet": reading.text.sheet,
        "problems": [imports.problem_payload(each, language) for each in reading.text.problems],
    }
    if reading.has_errors:
        return payload
    proposal = result.outcome
    if isinstance(proposal, Outcome):
        return {**payload, "ok": False, "reason": sentence(proposal.code, proposal.fields)}
    return {
        **payload,
        "ok": not proposal.checked.refusing,
        "configuration_problems": [imports.problem_payload(each, language) for each in proposal.checked.problems],
        "based_on": proposal.based_on,
        "digest": proposal.preview.digest,
        "typed": imports.confirm_word() if proposal.is_dangerous else "",
        "differences": [
            {"sign": each.sign, "name": each.name, "before": each.before, "after": each.after}
            for each in proposal.differences
        ],
        "preview": proposal.preview.as_payload(),
        "crm": proposal.crm_text,
    }
