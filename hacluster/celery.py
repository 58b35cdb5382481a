"""The Celery app of the console; webui.apps imports it when Django is ready."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hacluster.settings")

app = Celery("hacluster")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["webui"])
