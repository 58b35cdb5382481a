"""Screen 6 and 7, consequence preview: what an action would do, and the button that does it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from webui import commands, roles
from webui.actions import ACTIONS, Tier, Wish
from webui.commands import Actor, Outcome, Prepared
from webui.roles import Right, needs
from webui.sentences import sentence
from webui.wording import ACTION_EFFECTS, ACTION_WORDS


@needs(Right.OPERATE)
def page(request: HttpRequest, action: str) -> HttpResponse:
    if action not in ACTIONS:
        raise Http404
    given = request.POST if request.method == "POST" else request.GET
    wish = Wish(action, given.get("target", ""), given.get("node", ""))
    roles.require(request.user, commands.right_for(wish))
    back = given.get("next", "")
    back = back if url_has_allowed_host_and_scheme(back, {request.get_host()}) else "/"
    if request.method == "POST":
        return _do(request, wish, back)
    return _show(request, wish, back, "")


def _do(request: HttpRequest, wish: Wish, back: str) -> HttpResponse:
    outcome = commands.act(
        request.user,
        Actor.of(request),
        wish,
        digest=request.POST.get("digest", ""),
        key=request.POST.get("key", ""),
        typed=request.POST.get("typed", ""),
        reason=request.POST.get("reason", ""),
    )
    if not outcome.ok and outcome.preview is not None:
        return _show(request, wish, back, sentence(outcome.code, outcome.fields), status=409)
    level = messages.SUCCESS if outcome.ok else messages.ERROR
    messages.add_message(
        request, level, f"{_(ACTION_WORDS[wish.action]).rstrip('…')}: {sentence(outcome.code, outcome.fields)}"
    )
    return redirect("job", key=outcome.job) if outcome.job else redirect(back)


def _show(request: HttpRequest, wish: Wish, back: str, refusal: str, status: int = 200) -> HttpResponse:
    prepared = commands.prepare(wish)
    context = {"wish": wish, "word": _(ACTION_WORDS[wish.action]).rstrip("…"), "next": back, "key": uuid.uuid4().hex}
    context |= {"effect": _(ACTION_EFFECTS[wish.action]), "refusal": refusal}
    if wish.action in ("move", "cleanup", "refresh"):
        context["choices"] = _choices(wish, prepared)
    if isinstance(prepared, Outcome):
        context["refusal"] = sentence(prepared.code, prepared.fields)
        return render(request, "preview.html", context)
    context |= {"prepared": prepared, "preview": prepared.preview, "typed": prepared.tier is Tier.TYPED}
    return render(request, "preview.html", context, status=status)


def _choices(wish: Wish, prepared: Prepared | Outcome) -> list[str]:
    from webui.feed import feed

    picture = prepared.picture if isinstance(prepared, Prepared) else feed.current().picture
    if wish.action == "move":
        return [node.name for node in picture.nodes.values() if node.can_host]
    return list(picture.nodes)
