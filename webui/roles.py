"""Who may do what: the one place that every page, command and websocket asks.

Three roles, each with the rights of the one before: viewer, operator, admin. They are Django groups of these names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Role(IntEnum):
    NOBODY = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Right(StrEnum):
    SEE = "see"
    OPERATE = "operate"
    CONFIGURE = "configure"
    FENCE = "fence"
    ADMINISTER = "administer"


NEEDED = {
    Right.SEE: Role.VIEWER,
    Right.OPERATE: Role.OPERATOR,
    Right.FENCE: Role.OPERATOR,
    Right.CONFIGURE: Role.ADMIN,
    Right.ADMINISTER: Role.ADMIN,
}

ROLE_NAMES = {
    "viewer": (Role.VIEWER, _("Viewer")),
    "operator": (Role.OPERATOR, _("Operator")),
    "admin": (Role.ADMIN, _("Administrator")),
}

RIGHT_NAMES = {
    Right.SEE: _("look at the cluster"),
    Right.OPERATE: _("operate the cluster"),
    Right.FENCE: _("fence nodes"),
    Right.CONFIGURE: _("change the configuration"),
    Right.ADMINISTER: _("manage users"),
}

type_user = AbstractBaseUser | AnonymousUser


def role_of(user: Any) -> Role:
    """The highest role among the user's groups; a superuser made by Django's own command is an admin."""
    if not user or not user.is_authenticated or not user.is_active:
        return Role.NOBODY
    if user.is_superuser:
        return Role.ADMIN
    roles = [ROLE_NAMES[name][0] for name in user.groups.values_list("name", flat=True) if name in ROLE_NAMES]
    return max(roles, default=Role.NOBODY)


def role_name(user: Any) -> str:
    return role_of(user).name.lower()


def may(user: Any, right: Right) -> bool:
    return role_of(user) >= NEEDED[right]


def refusal(user: Any, right: Right) -> str:
    """Why this user may not do that, in the language of the reader."""
    role = role_name(user)
    name = ROLE_NAMES[role][1] if role in ROLE_NAMES else gettext("none")
    return gettext("Your role (%(role)s) may not do this: %(right)s.") % {"role": name, "right": RIGHT_NAMES[right]}


def require(user: Any, right: Right) -> None:
    if not may(user, right):
        raise PermissionDenied(refusal(user, right))


View = Callable[..., HttpResponseBase]


def needs(right: Right) -> Callable[[View], View]:
    """A view that only users with this right reach. A test finds every view that lacks it."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            require(request.user, right)
            return view(request, *args, **kwargs)

        checked.right = right  # type: ignore[attr-defined]
        return checked

    return wrap
