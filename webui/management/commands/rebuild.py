"""`manage.py rebuild`: empties the console's tables and fills them from the agent's journal."""

from typing import Any

from django.core.management.base import BaseCommand

from webui import journal


class Command(BaseCommand):
    help = "Rebuild the console's database from the journal"

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{journal.rebuild()} journal entries applied")
