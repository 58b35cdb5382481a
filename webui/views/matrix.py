"""Screen 2, Matrix: every resource on every node."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from webui import wording
from webui.feed import feed
from webui.roles import Right, needs


@needs(Right.SEE)
def page(request: HttpRequest) -> HttpResponse:
    picture = feed.current().picture
    legend = [(look.shape, _(look.word)) for look in wording.CELL_LOOKS.values()]
    return render(
        request,
        "matrix.html",
        {"rows": list(picture.resources.values()), "nodes": picture.nodes.values(), "legend": legend},
    )
