"""Long work and its progress; a sheet that has been checked is shown on its own page."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from webui import jobs, roles
from webui.models import Job
from webui.roles import Right, needs


def _sheet_of(job: Job) -> str:
    sheet = job.request.get("sheet", "")
    return reverse("sheet", args=[job.request["upload"]]) + (f"?{urlencode({'sheet': sheet})}" if sheet else "")


@needs(Right.SEE)
def page(request: HttpRequest, key: str) -> HttpResponse:
    job = get_object_or_404(Job, pk=key)
    is_import = job.kind == "import"
    # Every later look, a reload and another browser come to the sheet too; it is not for whoever may only see.
    if is_import and job.state == Job.State.DONE and roles.may(request.user, Right.CONFIGURE):
        return redirect(_sheet_of(job))
    return render(
        request,
        "job.html",
        {
            "job": job,
            "is_import": is_import,
            "sheet_url": _sheet_of(job) if "upload" in job.request else "",
            "is_over": job.state in (Job.State.DONE, Job.State.FAILED),
            "lines": jobs.lines(job),
            "done": job.result.get("done", 0),
            "total": job.result.get("total", 4),
        },
    )
