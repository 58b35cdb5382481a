"""A sheet on its way into the cluster: read, checked, compared, simulated, applied.

Reads an upload; gives a `Reading` (the sheet as it looks, with all problems at once) and a `Proposal` (the new
configuration beside the running one, and what the scheduler would do). The page, the API and the task use the same
functions, so that what was shown is what is applied.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem, has_errors
from hacluster.protocol.messages import Refused
from webui import agent, commands, jobs, roles
from webui.checks import Checked, checked
from webui.commands import Actor, Outcome
from webui.models import Upload
from webui.previews import Preview, preview_of
from webui.roles import Right
from webui.sheetport import SheetText, cell_of, configured, converted, opened, statements_of

_REASONS = (("reason", "en"), ("reason_ja", "ja"))
Tell = Callable[[str], None]
"""Hears the name of each step as it begins."""
SHEETS_OWN = ("sheet.has-problems", "sheet.not-usable")
"""Refusals that the sheet itself is the cause of; its page shows them."""
SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods", ".csv")


@dataclass(frozen=True, slots=True)
class Statement:
    """One crm statement that differs."""

    sign: str
    """+ added, - removed, ~ changed"""
    name: str
    before: str = ""
    after: str = ""

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(sign, line) in the order of reading; an unchanged line has no sign."""
        compared = difflib.ndiff(self.before.splitlines(), self.after.splitlines())
        return [(line[0].strip(), line[2:]) for line in compared if line[0] != "?"]


@dataclass(frozen=True, slots=True)
class Reading:
    key: str
    name: str
    text: SheetText

    @property
    def has_errors(self) -> bool:
        return has_errors(self.text.problems)


@dataclass(frozen=True, slots=True)
class Proposal:
    name: str
    base: Cib
    """The running CIB it was compared with."""
    changed: Cib
    crm_text: str
    xml: str
    differences: tuple[Statement, ...]
    preview: Preview
    checked: Checked = field(default_factory=Checked)
    """What the one validation of configurations says; its places are ids, not cells."""

    @property
    def based_on(self) -> str:
        """admin_epoch.epoch: the version of the configuration."""
        return f"{self.base.version.admin_epoch}.{self.base.version.epoch}"

    @property
    def is_dangerous(self) -> bool:
        """Something that runs now stops for good, or somebody is fenced: typed confirmation."""
        return bool(self.preview.lost or self.preview.fenced or not self.preview.available)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody confirms: these consequences, on that configuration."""

    based_on: str
    digest: str
    once: str
    typed: str = ""
    reason: str = ""


def keep(user: Any, actor: Actor, name: str, size: int, read: Callable[[], bytes]) -> str | Outcome:
    """Check size and kind before anything is read; gives the key of the kept sheet."""
    roles.require(user, Right.CONFIGURE)
    if not name or not size:
        return Outcome(False, "sheet.empty")
    if size > settings.SHEET_BYTES_MAX:
        return Outcome(False, "sheet.too-large", {"limit": str(settings.SHEET_BYTES_MAX // 1024 // 1024)})
    if not name.lower().endswith(SUFFIXES):
        return Outcome(False, "sheet.bad-name")
    return commands.keep_sheet(user, actor, name, read())


def check(user: Any, actor: Actor, key: str, sheet: str = "") -> str:
    """The job that checks a worksheet of a kept sheet: the one that is under way, or a new one. Gives its key."""
    roles.require(user, Right.CONFIGURE)
    under_way = jobs.under_way("import", upload=key, sheet=sheet)
    if under_way:
        return under_way
    name = Upload.objects.values_list("name", flat=True).get(pk=key)
    return jobs.start("import", actor, {"upload": key, "sheet": sheet, "name": name})


def untold(step: str) -> None:
    """For whoever waits for the end alone."""


def reading_of(key: str, sheet: str = "", tell: Tell = untold) -> Reading:
    upload = Upload.objects.get(pk=key)
    tell("opening")
    text = opened(upload.name, bytes(upload.content))
    if not isinstance(text, SheetText):
        tell("converting")
        text = converted(text, sheet)
    return Reading(key, upload.name, text)


def proposal_from(reading: Reading, tell: Tell = untold) -> Proposal | Outcome:
    if reading.has_errors:
        return Outcome(False, "sheet.has-problems")
    tell("validating")
    base = agent.current_cib()
    if isinstance(base, Refused):
        return Outcome.of(base)
    changed = configured(reading.text, base)
    if not isinstance(changed, Cib):
        return not_usable(changed)
    return proposal_for(reading.name, base, changed, reading.text.crm_text, tell)


def not_usable(problems: Iterable[Problem], code: str = "sheet.not-usable") -> Outcome:
    """Refused because of these problems, told in both languages."""
    found = list(problems)
    reasons = {name: "; ".join(problem.line(language) for problem in found) for name, language in _REASONS}
    return Outcome(False, code, reasons)


def proposal_for(name: str, base: Cib, changed: Cib, crm_text: str, tell: Tell = untold) -> Proposal:
    """What a configuration would change, do and break, whoever wants it."""
    found = checked(base, changed)
    tell("comparing")
    different = tuple(differences(base.configuration, changed.configuration))
    tell("simulating")
    return Proposal(
        name=name,
        base=base,
        changed=changed,
        crm_text=crm_text,
        xml=to_xml(changed.configuration),
        differences=different,
        preview=preview_of(base, changed),
        checked=found,
    )


def differences(before: Element, after: Element) -> list[Statement]:
    """Statement by statement, as an operator reads a configuration."""
    was, now = statements_of(before), statements_of(after)
    # A changed password is a difference, although both are shown masked.
    bare_was, bare_now = statements_of(before, hide_secrets=False), statements_of(after, hide_secrets=False)
    found = [Statement("-", name, was[name]) for name in was if name not in now]
    found += [Statement("+", name, "", now[name]) for name in now if name not in was]
    found += [
        Statement("~", name, was[name], now[name]) for name in now if name in was and bare_was[name] != bare_now[name]
    ]
    return found


def start(
    user: Any, actor: Actor, source: dict[str, str], order: Order, propose: Callable[[], Proposal | Outcome]
) -> Outcome:
    """Start the job that applies a proposal. `source` tells the job what to propose again."""
    roles.require(user, Right.CONFIGURE)
    from webui.models import Job

    once = order.once[:64]
    if once and Job.objects.filter(pk=once).exists():
        return Outcome(True, "action.started", {"target": next(iter(source.values()))}, job=once)
    proposal = propose()
    if isinstance(proposal, Outcome):
        return proposal
    if proposal.based_on != order.based_on or proposal.preview.digest != order.digest:
        return Outcome(False, "action.state-moved", preview=proposal.preview)
    if proposal.checked.refusing:
        return replace(not_usable(proposal.checked.refusing), preview=proposal.preview)
    cluster = confirm_word()
    if proposal.is_dangerous and (order.typed != cluster or not order.reason.strip()):
        return Outcome(False, "sheet.not-confirmed", {"target": cluster}, proposal.preview)
    from webui.feed import feed

    request = {
        **source,
        "based_on": order.based_on,
        "digest": order.digest,
        "reason": order.reason,
        "node": feed.current().picture.node,
    }
    job = jobs.start("apply", actor, request, once)
    return Outcome(True, "action.started", {"target": proposal.name}, job=job)


def confirm_word() -> str:
    """What has to be typed before a dangerous configuration is applied: the cluster's name."""
    from webui.feed import feed

    return feed.current().picture.cluster or "hacluster"


def problem_payload(problem: Problem, language: str) -> dict[str, str]:
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "place": problem.place,
        "cell": cell_of(problem),
        "sentence": problem.sentence(language),
        "cure": problem.cure(language),
    }
