"""Screen 1, Now: what is broken, what happens, what is not normal on purpose."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webui.feed import feed
from webui.roles import Right, needs


@needs(Right.SEE)
def page(request: HttpRequest) -> HttpResponse:
    picture = feed.current().picture
    services = [each for each in picture.resources.values() if each.depth == 0]
    # The shape of the templates that the script clones for a new list item.
    empty = {"cls": "", "parts": {}, "shape": "dash"}
    context = {"rows": services, "nodes": picture.nodes.values(), "flat": True, "empty": empty}
    return render(request, "now.html", context)
