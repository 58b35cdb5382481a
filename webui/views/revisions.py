"""Screen 13, Configuration revisions."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from webui import imports, restoring, wording
from webui.commands import Actor, Outcome
from webui.imports import Order
from webui.models import Revision
from webui.roles import Right, may, needs
from webui.sentences import sentence
from webui.wording import clock


@needs(Right.SEE)
def page(request: HttpRequest) -> HttpResponse:
    revisions = list(Revision.objects.all())
    rows = [(len(revisions) - place, clock(each.at_ms), each) for place, each in enumerate(revisions)]
    kept = [(clock(each.at_ms), f"{each.version.admin_epoch}.{each.version.epoch}", each) for each in _kept(request)]
    return render(request, "revisions.html", {"rows": rows, "kept": kept})


def _kept(request: HttpRequest) -> list[restoring.KeptVersion]:
    """The agent's own versions hold passwords of the configuration; the list of them does not."""
    return restoring.kept_versions() if may(request.user, Right.CONFIGURE) else []


@needs(Right.CONFIGURE)
def one(request: HttpRequest, key: str) -> HttpResponse:
    """The crm text of a revision, as a file; like the sheet that it came from, it may hold passwords."""
    revision = get_object_or_404(Revision, key=key)
    answer = HttpResponse(revision.crm_text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="revision-{revision.number}.crm"'
    return answer


@needs(Right.CONFIGURE)
def restore(request: HttpRequest, key: str) -> HttpResponse:
    """An earlier configuration beside the running one, and the button that brings it back."""
    refusal = ""
    if request.method == "POST":
        given = request.POST
        order = Order(*(given.get(name, "") for name in ("based_on", "digest", "key", "typed", "reason")))
        outcome = restoring.restore(request.user, Actor.of(request), key, order)
        if outcome.ok:
            return redirect("job", key=outcome.job)
        refusal = sentence(outcome.code, outcome.fields)
    proposal = restoring.proposal_of(key)
    if isinstance(proposal, Outcome):
        messages.error(request, sentence(proposal.code, proposal.fields))
        return redirect("revisions")
    language = wording.language()
    refusing = [imports.problem_payload(each, language) for each in proposal.checked.refusing]
    context = {
        "key": key,
        "proposal": proposal,
        "preview": proposal.preview,
        "refusing": refusing,
        "refusal": refusal,
        "once": uuid.uuid4().hex,
        "confirm_word": imports.confirm_word() if proposal.is_dangerous else "",
    }
    return render(request, "restore.html", context, status=409 if refusal else 200)
