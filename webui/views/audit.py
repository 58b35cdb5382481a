"""Screen 22, Audit trail: who, what, when, from where, and how it ended."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webui.models import AuditEntry
from webui.roles import Right, needs
from webui.sentences import deed, result
from webui.wording import clock

SHOWN = 300


@needs(Right.SEE)
def page(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "").strip()
    entries = AuditEntry.objects.all()
    if wanted:
        entries = entries.filter(user__icontains=wanted) | entries.filter(target__icontains=wanted)
    rows = [(clock(entry.at_ms), deed(entry.action), result(entry.result), entry) for entry in entries[:SHOWN]]
    return render(request, "audit.html", {"rows": rows, "wanted": wanted})
