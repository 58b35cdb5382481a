"""Log-ins, log-outs and lock-outs become audit entries."""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver

from webui import commands


@receiver(user_logged_in)
def _logged_in(request: Any, user: Any, **_: Any) -> None:
    commands.audit(commands.Actor.of(request, user), "session.login", result="done")


@receiver(user_logged_out)
def _logged_out(request: Any, user: Any, **_: Any) -> None:
    if user is not None:
        commands.audit(commands.Actor.of(request, user), "session.logout", result="done")


@receiver(user_locked_out)
def _locked_out(request: Any, username: str, ip_address: str, **_: Any) -> None:
    commands.audit(commands.Actor(user=username or "", address=ip_address or ""), "session.locked", result="refused")
