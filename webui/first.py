"""The first administrator, so that somebody can log in and make the others."""

from django.contrib.auth import get_user_model

from webui import commands, journal


def make_first_admin(password: str) -> bool:
    """True if it was made: no user is known here, nor to the journal of any node."""
    users = get_user_model().objects
    if not users.exists():
        journal.catch_up()
    if users.exists():
        return False
    commands.write_user("admin", "admin", password)
    commands.audit(commands.Actor("system"), "user.first-admin", target="admin", result="done")
    return True
