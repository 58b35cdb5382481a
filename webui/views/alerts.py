"""Screen 15, Alert centre: what is wrong now, who has seen it, and the alerts of late."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from hacluster.protocol import events as catalogue
from webui import commands, wording
from webui.commands import Actor
from webui.feed import feed
from webui.models import AlertMark
from webui.roles import Right, needs


@needs(Right.SEE)
def page(request: HttpRequest) -> HttpResponse:
    view = feed.current()
    marks = {mark.problem: mark for mark in AlertMark.objects.all()}
    alarming = [each for each in view.events if catalogue.alert_level(each) is not catalogue.AlertLevel.NONE]
    history = [wording.event_entity(event, order) for order, event in enumerate(reversed(alarming))]
    problems = [(f"problem:{each.key}", each.key, marks.get(each.key)) for each in view.picture.problems]
    return render(request, "alerts.html", {"problems": problems, "history": history[:100]})


@needs(Right.OPERATE)
@require_POST
def acknowledge(request: HttpRequest) -> HttpResponse:
    commands.acknowledge(
        request.user, Actor.of(request), request.POST.get("problem", ""), withdraw="withdraw" in request.POST
    )
    return redirect("alerts")
