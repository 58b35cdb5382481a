"""Who reaches which page, and what every page carries."""

import json

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern

from hacluster.protocol.messages import CibChange, FenceNode
from hacluster.urls import urlpatterns
from webui import commands, results
from webui.commands import Actor
from webui.models import Job, Revision
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
    assert not Job.objects.exists()


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


def test_a_missing_right_is_told_in_the_language_of_the_reader(browser_of, agent):
    client, body = browser_of("viewer"), {"action": "standby", "target": "pm01"}
    told = {
        language: client.post(
            "/api/v1/actions/preview", body, content_type="application/json", headers={"accept-language": language}
        ).json()["detail"]
        for language in ("ja", "en")
    }
    assert told == {
        "ja": "あなたの役割（参照者）では実行できません: クラスターの運用操作",
        "en": "Your role (Viewer) may not do this: operate the cluster.",
    }
    page = client.get("/users/", headers={"accept-language": "ja"})
    assert (page.status_code, "あなたの役割（参照者）では実行できません: 利用者の管理" in page.content.decode()) == (
        403,
        True,
    )
    answer = client.get("/api/v1/jobs/none", headers={"accept-language": "ja"})
    assert (answer.status_code, answer.json()["detail"]) == (404, "そのようなジョブはありません。")


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


API = {
    ("get", "/status"): Role.VIEWER,
    ("get", "/live"): Role.VIEWER,
    ("get", "/events"): Role.VIEWER,
    ("get", "/configuration/problems"): Role.VIEWER,
    ("get", "/jobs/{key}"): Role.VIEWER,
    ("get", "/revisions"): Role.VIEWER,
    ("get", "/audit"): Role.VIEWER,
    ("post", "/tokens"): Role.VIEWER,
    ("post", "/actions/preview"): Role.OPERATOR,
    ("post", "/actions"): Role.OPERATOR,
    ("post", "/problems/acknowledge"): Role.OPERATOR,
    # Sheets hold passwords of fence devices.
    ("post", "/sheets"): Role.ADMIN,
    ("get", "/sheets/{key}"): Role.ADMIN,
    ("post", "/sheets/{key}/apply"): Role.ADMIN,
    ("post", "/users"): Role.ADMIN,
    ("delete", "/users/{name}"): Role.ADMIN,
}
BODIES = {
    "/actions/preview": {"action": "fence", "target": "pm01"},
    "/actions": {"action": "fence", "target": "pm01", "digest": "", "key": "k"},
    "/problems/acknowledge": {"problem": "p"},
    "/sheets/{key}/apply": {"based_on": "0.1", "digest": "", "key": "k"},
    "/users": {"name": "eve", "role": "admin", "password": "correct horse battery"},
    "/tokens": {"name": "t"},
}


def test_the_table_of_rights_names_every_operation_of_the_api(browser_of):
    paths = browser_of("viewer").get("/api/v1/openapi.json").json()["paths"]
    assert {(method, path.removeprefix("/api/v1")) for path in paths for method in paths[path]} == set(API)


def test_the_api_refuses_whoever_has_a_lesser_role(browser_of, agent):
    clients = {Role[role.upper()]: browser_of(role) for role in ("viewer", "operator", "admin")}

    def status(client, method, path):
        url = "/api/v1" + path.replace("{key}", "none").replace("{name}", "admin")
        if (method, path) == ("post", "/sheets"):
            return client.post(url, {"file": ContentFile(b"x", "a.csv")}).status_code
        return client.generic(method.upper(), url, json.dumps(BODIES.get(path, {})), "application/json").status_code

    for (method, path), needed in API.items():
        assert status(Client(), method, path) == 401
        let_in = [role for role in clients if role < needed and status(clients[role], method, path) != 403]
        assert let_in == [], f"{method} {path}"
    assert [each for each in agent.asked if isinstance(each, CibChange | FenceNode)] == []


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_passwords_in_sheets_and_revisions_are_the_administrators_alone(role, users, browser_of):
    secret = "#ファイル形式バージョン: 2.2\n,PROPERTY\n,,name,value\n,,password,geheim\n"
    key = commands.keep_sheet(users["admin"], Actor("admin"), "a.csv", secret.encode())
    Revision.objects.create(key="r1", at_ms=1, user="admin", source="a.csv", crm_text="password=geheim")
    client = browser_of(role)
    for page in (f"/sheets/{key}/", f"/sheets/{key}/annotated/", "/revisions/r1/", f"/api/v1/sheets/{key}"):
        assert client.get(page).status_code == 403
    for page in ("/sheets/", "/revisions/"):
        assert f'href="/sheets/{key}' not in client.get(page).text
        assert 'href="/revisions/r1' not in client.get(page).text
    results.result_of(key, "")
    assert "geheim" in browser_of("admin").get(f"/sheets/{key}/").text


def test_what_happened_is_told_in_the_readers_language(users, browser_of):
    client = browser_of("admin")
    client.post("/users/save/", {"name": "eve", "role": "viewer", "password": "correct horse battery"})
    assert "User saved" in client.get("/audit/", headers={"accept-language": "en"}).text
    assert "ユーザーの保存" in client.get("/audit/", headers={"accept-language": "ja"}).text
