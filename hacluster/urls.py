"""Where each page of the console lies."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path
from django.views.i18n import set_language

from webui.api import api
from webui.views import (
    actions,
    alerts,
    audit,
    health,
    jobs,
    login,
    matrix,
    now,
    revisions,
    sheets,
    timeline,
    users,
)

urlpatterns = [
    path("", now.page, name="now"),
    path("matrix/", matrix.page, name="matrix"),
    path("timeline/", timeline.page, name="timeline"),
    path("alerts/", alerts.page, name="alerts"),
    path("alerts/acknowledge/", alerts.acknowledge, name="acknowledge"),
    path("sheets/", sheets.page, name="sheets"),
    path("sheets/running.xlsx", sheets.running, name="sheet-running"),
    path("sheets/empty.xlsx", sheets.form, name="sheet-empty"),
    path("sheets/<str:key>/", sheets.reading, name="sheet"),
    path("sheets/<str:key>/annotated/", sheets.annotated, name="sheet-annotated"),
    path("sheets/<str:key>/apply/", sheets.apply, name="sheet-apply"),
    path("revisions/", revisions.page, name="revisions"),
    path("revisions/<str:key>/", revisions.one, name="revision"),
    path("revisions/<str:key>/restore/", revisions.restore, name="restore"),
    path("act/<str:action>/", actions.page, name="act"),
    path("jobs/<str:key>/", jobs.page, name="job"),
    path("audit/", audit.page, name="audit"),
    path("users/", users.page, name="users"),
    path("users/save/", users.save, name="user-save"),
    path("users/remove/", users.remove, name="user-remove"),
    path("login/", login.Login.as_view(), name="login"),
    path("logout/", login.Logout.as_view(), name="logout"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/v1/", api.urls),
]
