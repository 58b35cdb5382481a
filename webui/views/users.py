"""Screen 23, Users and roles."""

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webui import commands, roles
from webui.commands import Actor, Outcome
from webui.roles import Right, needs
from webui.sentences import sentence


@needs(Right.ADMINISTER)
def page(request: HttpRequest) -> HttpResponse:
    users = [
        (user, roles.ROLE_NAMES.get(roles.role_name(user), (None, "—"))[1])
        for user in get_user_model().objects.order_by("username")
    ]
    choices = [(name, word) for name, (_role, word) in roles.ROLE_NAMES.items()]
    return render(request, "users.html", {"users": users, "choices": choices})


@needs(Right.ADMINISTER)
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    given = request.POST
    outcome = commands.save_user(
        request.user,
        Actor.of(request),
        given.get("name", "").strip(),
        given.get("role", ""),
        given.get("password", ""),
        is_active="locked" not in given,
    )
    return _told(request, outcome)


@needs(Right.ADMINISTER)
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    return _told(request, commands.remove_user(request.user, Actor.of(request), request.POST.get("name", "")))


def _told(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    level = messages.SUCCESS if outcome.ok else messages.ERROR
    messages.add_message(request, level, sentence(outcome.code, outcome.fields))
    return redirect("users")
