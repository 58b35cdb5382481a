"""Who reaches which page, and what every page carries."""

import pytest
from django.test import Client
from django.urls import URLPattern

from hacluster.urls import urlpatterns
from webui.roles import NEEDED, Right, Role

OPEN_TO_ALL = {"login", "logout", "set_language", "healthz", "metrics"}
PAGES = ["/", "/matrix/", "/timeline/", "/alerts/", "/sheets/", "/revisions/", "/audit/"]


def test_every_page_names_the_right_it_needs():
    nameless = [
        pattern.name
        for pattern in urlpatterns
        if isinstance(pattern, URLPattern)
        and pattern.name not in OPEN_TO_ALL
        and not isinstance(getattr(pattern.callback, "right", None), Right)
    ]
    assert nameless == []


@pytest.mark.parametrize("page", [*PAGES, "/users/", "/act/cleanup/?target=grpPg"])
def test_nobody_sees_a_page_without_logging_in(page, db):
    answer = Client().get(page)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_viewer_sees_every_page_of_operation(page, language, browser_of):
    answer = browser_of("viewer").get(page, headers={"accept-language": language})
    assert answer.status_code == 200
    assert f'lang="{language}"' in answer.text


@pytest.mark.parametrize(
    ("role", "page", "status"),
    [
        ("viewer", "/act/cleanup/?target=grpPg", 403),
        ("operator", "/act/cleanup/?target=grpPg", 200),
        ("viewer", "/users/", 403),
        ("operator", "/users/", 403),
        ("admin", "/users/", 200),
    ],
)
def test_each_role_reaches_what_it_may(role, page, status, browser_of):
    assert browser_of(role).get(page).status_code == status


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_an_administrator_uploads(role, browser_of, tmp_path):
    from io import BytesIO

    file = BytesIO(b"x")
    file.name = "demo.csv"
    assert browser_of(role).post("/sheets/", {"file": file}).status_code == 403


def test_a_viewer_sees_no_action(browser_of):
    assert "/act/" not in browser_of("viewer").get("/matrix/").text
    assert "/act/move/" in browser_of("operator").get("/matrix/").text


def test_every_answer_carries_the_security_headers(browser_of):
    answer = browser_of("viewer").get("/")
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_inline_script_or_style(page, browser_of):
    text = browser_of("admin").get(page).text
    assert " style=" not in text
    assert "<style" not in text
    assert "<script>" not in text
    assert " onclick=" not in text


def test_five_wrong_passwords_lock_the_account(users):
    client = Client()
    for _attempt in range(5):
        answer = client.post("/login/", {"username": "operator", "password": "wrong"})
    assert answer.status_code == 429
    answer = client.post("/login/", {"username": "operator", "password": "correct horse battery"})
    assert answer.status_code == 429


def test_a_change_without_csrf_token_is_refused(users):
    client = Client(enforce_csrf_checks=True)
    client.force_login(users["operator"], backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/act/standby/", {"target": "pm01"}).status_code == 403
    assert client.post("/api/v1/actions", {}, content_type="application/json").status_code in (401, 403)


def test_healthz_serves_with_and_without_an_agent(agent, db):
    assert Client().get("/healthz").json()["agent"] == "ok"
    agent.stop()
    answer = Client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["agent"] == "unreachable"


def test_metrics_count_what_runs(agent, db):
    text = Client().get("/metrics").text
    assert 'hacluster_resource_running{node="pm01",resource="prmPg"} 1.0' in text
    assert 'hacluster_resource_running{node="pm02",resource="prmPg"} 0.0' in text


def test_each_role_has_the_rights_of_the_one_before():
    assert NEEDED[Right.SEE] == Role.VIEWER < NEEDED[Right.OPERATE] == Role.OPERATOR < NEEDED[Right.CONFIGURE]


def test_the_api_does_what_buttons_do(browser_of, agent):
    client = browser_of("operator")
    body = {"action": "standby", "target": "pm01"}
    preview = client.post("/api/v1/actions/preview", body, content_type="application/json").json()
    assert preview["cli"] == "crm node standby pm01"
    order = {**body, "digest": preview["preview"]["digest"], "key": "one"}
    assert client.post("/api/v1/actions", order, content_type="application/json").json()["ok"]
    assert client.get("/api/v1/status").json()["nodes"]["pm01"]["state"] == "draining"
    assert browser_of("viewer").post("/api/v1/actions", order, content_type="application/json").status_code == 403
    assert Client().get("/api/v1/status").status_code == 401


def test_a_token_opens_the_api_with_the_rights_of_its_user(users, browser_of):
    token = browser_of("viewer").post("/api/v1/tokens", {"name": "cron"}, content_type="application/json").json()
    headers = {"authorization": f"Bearer {token['token']}"}
    assert Client().get("/api/v1/status", headers=headers).status_code == 200
    body = {"action": "standby", "target": "pm01"}
    answer = Client().post("/api/v1/actions/preview", body, content_type="application/json", headers=headers)
    assert answer.status_code == 403


def test_the_openapi_description_lists_the_actions(users, browser_of):
    paths = browser_of("viewer").get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/actions" in paths
    assert "/api/v1/sheets/{key}/apply" in paths
