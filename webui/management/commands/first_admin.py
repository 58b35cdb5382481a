"""`manage.py first_admin`: makes the administrator `admin`, if no user is known to any node.

The password is that of HACLUSTER_ADMIN_PASSWORD; without it one is made and printed once.
"""

import os
import secrets
from typing import Any

from django.core.management.base import BaseCommand

from webui.first import make_first_admin


class Command(BaseCommand):
    help = "Make the first administrator"

    def handle(self, *args: Any, **options: Any) -> None:
        given = os.environ.get("HACLUSTER_ADMIN_PASSWORD", "")
        password = given or secrets.token_urlsafe(12)
        if make_first_admin(password) and not given:
            self.stdout.write(f"first administrator: admin, password: {password} (shown once)")
