"""The Django app of the console."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings


class WebuiConfig(AppConfig):
    name = "webui"
    verbose_name = "hacluster console"

    def ready(self) -> None:
        # The Celery app must exist before the first @shared_task is called; importing it in hacluster/__init__.py would
        # start Celery for every command line tool.
        from hacluster import celery  # noqa: F401
        from webui.languages import compile_catalogues

        compile_catalogues(Path(settings.LOCALE_PATHS[0]))
        from webui import signals  # noqa: F401
