"""Long work and its progress."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from webui import jobs
from webui.models import Job
from webui.roles import Right, needs


@needs(Right.SEE)
def page(request: HttpRequest, key: str) -> HttpResponse:
    job = get_object_or_404(Job, pk=key)
    return render(
        request,
        "job.html",
        {"job": job, "lines": jobs.lines(job), "done": job.result.get("done", 0), "total": job.result.get("total", 4)},
    )
