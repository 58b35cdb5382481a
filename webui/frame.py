"""What every page has around it: freshness, worst state, language, user, navigation."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webui import roles, wording
from webui.feed import feed
from webui.payloads import PROTO
from webui.roles import Right

PAGES = (
    ("operate", _("Operate"), (("now", _("Now"), Right.SEE), ("matrix", _("Matrix"), Right.SEE))),
    ("investigate", _("Investigate"), (("timeline", _("Timeline"), Right.SEE), ("alerts", _("Alerts"), Right.SEE))),
    (
        "configure",
        _("Configure"),
        (("sheets", _("Upload a sheet"), Right.SEE), ("revisions", _("Revisions"), Right.SEE)),
    ),
    ("administer", _("Administer"), (("audit", _("Audit trail"), Right.SEE), ("users", _("Users"), Right.ADMINISTER))),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"lang": wording.language()}
    view = feed.current()
    return {
        "lang": wording.language(),
        "view": view,
        "live": view.live,
        "entities": feed.entities(wording.language(), view),
        "role": roles.role_name(user),
        "role_word": roles.ROLE_NAMES.get(roles.role_name(user), (None, ""))[1],
        "may_operate": roles.may(user, Right.OPERATE),
        "may_configure": roles.may(user, Right.CONFIGURE),
        "navigation": [
            (title, [(name, label) for name, label, right in pages if roles.may(user, right)])
            for _key, title, pages in PAGES
        ],
        "page_name": request.resolver_match.url_name if request.resolver_match else "",
        "rendered_at_ms": time.time_ns() // 1_000_000,
        "view_epoch": feed.view_epoch,
        "proto": PROTO,
    }
