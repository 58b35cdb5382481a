"""Screen 13, Configuration revisions."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from webui.models import Revision
from webui.roles import Right, needs
from webui.wording import clock


@needs(Right.SEE)
def page(request: HttpRequest) -> HttpResponse:
    revisions = list(Revision.objects.all())
    rows = [(len(revisions) - place, clock(each.at_ms), each) for place, each in enumerate(revisions)]
    return render(request, "revisions.html", {"rows": rows})


@needs(Right.SEE)
def one(request: HttpRequest, key: str) -> HttpResponse:
    """The crm text of a revision, as a file."""
    revision = get_object_or_404(Revision, key=key)
    answer = HttpResponse(revision.crm_text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="revision-{revision.number}.crm"'
    return answer
