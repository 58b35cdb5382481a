"""A console against a fake agent: a socket of its own, users of each role, a view that follows the fake's CIB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.fake_agent import FakeAgent
from webui import commands
from webui.feed import Feed, feed

PASSWORD = "correct horse battery"


@pytest.fixture
def agent(tmp_path, monkeypatch) -> Iterator[FakeAgent]:
    monkeypatch.setenv("HACLUSTER_SOCKET", str(tmp_path / "agent.sock"))
    # Whatever an earlier test left in the process-wide feed is no part of this one.
    vars(feed).update(vars(Feed()))
    with FakeAgent(tmp_path / "agent.sock") as fake:
        yield fake


@pytest.fixture
def users(agent, db) -> dict[str, object]:
    for role in ("viewer", "operator", "admin"):
        commands.write_user(role, role, PASSWORD)
    return {user.username: user for user in get_user_model().objects.all()}


@pytest.fixture
def browser_of(users):
    def log_in(role: str) -> Client:
        client = Client()
        client.force_login(users[role], backend="django.contrib.auth.backends.ModelBackend")
        return client

    return log_in
