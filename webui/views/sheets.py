"""Screen 12, Excel upload: the sheet as it looks, its problems, the difference, the simulated transition, apply."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from hacluster.sheets.export import empty, export, to_xlsx
from hacluster.sheets.rows import column_letter
from webui import imports, results, wording
from webui.commands import Actor, Outcome
from webui.feed import feed
from webui.models import Upload
from webui.roles import Right, needs
from webui.sentences import sentence


@needs(Right.SEE)
def page(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _upload(request)
    uploads = [(wording.clock(each.at_ms), each) for each in Upload.objects.defer("content")[:20]]
    return render(request, "sheets.html", {"uploads": uploads})


def _upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES.get("file")
    kept = imports.keep(
        request.user,
        Actor.of(request),
        file.name if file else "",
        file.size if file else 0,
        file.read if file else bytes,
    )
    if isinstance(kept, Outcome):
        messages.error(request, sentence(kept.code, kept.fields))
        return redirect("sheets")
    return redirect("job", key=imports.check(request.user, Actor.of(request), kept))


@needs(Right.CONFIGURE)
def running(request: HttpRequest) -> HttpResponse:
    """The running configuration as a workbook; it may hold passwords of fence devices."""
    cib = feed.current().cib
    if cib is None:
        messages.error(request, sentence("agent.unreachable", {"reason": feed.current().trouble}))
        return redirect("sheets")
    language = wording.language()
    return _book(to_xlsx(export(cib, language), language), "cluster.xlsx")


@needs(Right.SEE)
def form(request: HttpRequest) -> HttpResponse:
    """The empty form."""
    language = wording.language()
    return _book(to_xlsx(empty(language), language), "form.xlsx")


def _book(data: bytes, name: str) -> HttpResponse:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return HttpResponse(data, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@needs(Right.CONFIGURE)
def reading(request: HttpRequest, key: str) -> HttpResponse:
    """What the check has found. Where there is no check, or of another configuration, one is started first."""
    get_object_or_404(Upload.objects.defer("content"), pk=key)
    sheet = request.GET.get("sheet", "")
    result = results.kept(key, sheet)
    if result is None or (request.method == "POST" and request.POST.get("again")):
        return _check(request, key, sheet)
    version = results.running_version()
    if isinstance(version, Outcome):
        return _show(request, result, sentence(version.code, version.fields))
    if result.proposal is not None and not results.is_fresh(result, version):
        return _check(request, key, sheet)
    return _show(request, result, "")


def _check(request: HttpRequest, key: str, sheet: str) -> HttpResponse:
    return redirect("job", key=imports.check(request.user, Actor.of(request), key, sheet))


def _show(request: HttpRequest, result: results.Result, refusal: str, status: int = 200) -> HttpResponse:
    read, proposal = result.reading, result.proposal
    language = wording.language()
    problems = [imports.problem_payload(each, language) for each in read.text.problems]
    context = {"reading": read, "problems": problems, "grid": _grid(read, problems), "refusal": refusal}
    context["errors"] = sum(each["severity"] == "error" for each in problems)
    # What is wrong with the sheet stands beside its cells.
    if result.refusal is not None and not read.has_errors:
        context["refusal"] = refusal or sentence(result.refusal.code, result.refusal.fields)
    if proposal is not None:
        context |= {
            "proposal": proposal,
            "has_moved": proposal.preview.version != feed.current().picture.version,
            "found": _found(proposal, read, language),
            "preview": proposal.preview,
            "once": uuid.uuid4().hex,
            "confirm_word": imports.confirm_word() if proposal.is_dangerous else "",
        }
    return render(request, "sheet.html", context, status=status)


def _found(proposal: imports.Proposal, read: imports.Reading, language: str) -> list[dict[str, object]]:
    """What the validation of configurations says, each finding with the cell that names its object."""
    cells = {text: f"{column_letter(place + 1)}{number}" for number, place, text in _texts_backwards(read)}
    return [
        {
            **imports.problem_payload(each, language),
            "cell": cells.get(each.place, ""),
            "refuses": each in proposal.checked.refusing,
        }
        for each in proposal.checked.problems
    ]


def _texts_backwards(read: imports.Reading) -> list[tuple[int, int, str]]:
    """(row, place, text) from the last cell to the first, so that the first of a text is the one that stays."""
    rows = enumerate(read.text.rows, 1)
    return [(number, place, text) for number, row in rows for place, text in enumerate(row) if text][::-1]


def _grid(read: imports.Reading, problems: list[dict[str, str]]) -> dict[str, object]:
    """The sheet as it looks; each bad cell carries its problems."""
    marks: dict[str, list[dict[str, str]]] = {}
    for problem in problems:
        if problem["cell"]:
            marks.setdefault(problem["cell"], []).append(problem)
    width = max((len(row) for row in read.text.rows), default=0)
    columns = [column_letter(place + 1) for place in range(width)]
    rows = []
    for number, row in enumerate(read.text.rows, 1):
        cells = []
        for place in range(width):
            name = f"{columns[place]}{number}"
            bad = marks.get(name, [])
            worst = "error" if any(each["severity"] == "error" for each in bad) else "warning" if bad else ""
            cells.append(
                {
                    "name": name,
                    "text": row[place] if place < len(row) else "",
                    "mark": worst,
                    "says": " / ".join(each["sentence"] for each in bad),
                }
            )
        if any(cell["text"] or cell["mark"] for cell in cells):
            rows.append({"number": number, "cells": cells, "off": bool(row) and row[0].strip().startswith("#")})
    return {"columns": columns, "rows": rows}


@needs(Right.CONFIGURE)
def annotated(request: HttpRequest, key: str) -> HttpResponse:
    """A copy of the sheet with its problems as cell comments and colours."""
    from webui.annotated import annotated_copy

    sheet = request.GET.get("sheet", "")
    known = results.kept(key, sheet)
    content = annotated_copy(known.reading if known else imports.reading_of(key, sheet), wording.language())
    answer = HttpResponse(content, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    answer["Content-Disposition"] = 'attachment; filename="annotated.xlsx"'
    return answer


@needs(Right.CONFIGURE)
@require_POST
def apply(request: HttpRequest, key: str) -> HttpResponse:
    given = request.POST
    sheet = given.get("sheet", "")
    order = imports.Order(
        given.get("based_on", ""),
        given.get("digest", ""),
        given.get("key", ""),
        given.get("typed", ""),
        given.get("reason", ""),
    )
    outcome = results.apply(request.user, Actor.of(request), key, sheet, order)
    if outcome.ok:
        return redirect("job", key=outcome.job)
    refusal = sentence(outcome.code, outcome.fields)
    result = results.kept(key, sheet)
    if result is None or outcome.code == "action.state-moved":
        messages.error(request, refusal)
        return _check(request, key, sheet)
    return _show(request, result, refusal, status=409)
