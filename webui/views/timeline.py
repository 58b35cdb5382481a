"""Screen 9, Timeline: what happened, in the operator's language."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hacluster.protocol.messages import Events, EventsQuery
from webui import agent, wording
from webui.feed import feed
from webui.roles import Right, needs

SHOWN = 500


@needs(Right.SEE)
def page(request: HttpRequest) -> HttpResponse:
    reply = agent.ask(EventsQuery(limit=SHOWN), timeout_s=5)
    events = reply.events if isinstance(reply, Events) else feed.current().events
    wanted = request.GET.get("q", "").strip()
    shown = [wording.event_entity(event, order) for order, event in enumerate(sorted(events, key=_newest))]
    if wanted:
        shown = [each for each in shown if wanted.lower() in " ".join(each["parts"].values()).lower()]
    return render(request, "timeline.html", {"events": shown, "wanted": wanted})


def _newest(event: object) -> tuple[int, int]:
    return (-getattr(event, "at_ms", 0), -getattr(event, "seq", 0))
