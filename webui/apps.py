"""The Django app of the console."""

from django.apps import AppConfig


class WebuiConfig(AppConfig):
    name = "webui"
    verbose_name = "hacluster console"

    def ready(self) -> None:
        # The Celery app must exist before the first @shared_task is called; importing it in hacluster/__init__.py would
        # start Celery for every command line tool.
        from hacluster import celery  # noqa: F401
        from webui import signals  # noqa: F401
