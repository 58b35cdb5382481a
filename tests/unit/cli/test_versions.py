"""hactl versions and rollback: what was kept, by whom, and back to it in one command."""

import pytest

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib
from hacluster.cib.version import CibVersion
from hacluster.cli import hactl
from hacluster.cli.exits import Exit
from hacluster.protocol.messages import (
    CibChange,
    CibDocument,
    CibVersionQuery,
    CibVersions,
    CibVersionsQuery,
    KeptVersion,
    Refused,
)
from nodeagent.shell.storage import CibAuthor, Storage
from tests.fake_agent import FakeAgent, pair


@pytest.fixture
def agent(tmp_path, monkeypatch):
    monkeypatch.setenv("HACLUSTER_SOCKET", str(tmp_path / "agent.sock"))
    monkeypatch.delenv("CIB_file", raising=False)
    old = pair().with_section(pair().section("constraints").with_children(()))
    kept = KeptVersion(version=CibVersion(0, 3), at_ms=1_700_000_000_000, user="alice", client="crm", origin="pm01")
    with FakeAgent(tmp_path / "agent.sock") as fake:
        fake.answers[CibVersionsQuery] = lambda _: CibVersions(versions=(kept,))
        fake.answers[CibVersionQuery] = lambda query: (
            CibDocument(xml=to_xml(old).encode(), version=old.version)
            if query.version == CibVersion(0, 3)
            else Refused(code="cib.no-such-version", reason="there is no configuration 0.9", exit_code=105)
        )
        yield fake


def test_each_kept_version_names_its_author(agent, capsys):
    assert hactl.main(["versions"]) == Exit.OK
    said = capsys.readouterr().out
    assert said.startswith("0.3 ")
    assert "alice with crm at pm01" in said


def test_going_back_is_one_ordinary_change_based_on_what_was_seen(agent, capsys):
    seen = agent.cib.version
    assert hactl.main(["rollback", "0.3", "--force"]) == Exit.OK
    (change,) = [each for each in agent.asked if isinstance(each, CibChange)]
    assert change.based_on == seen
    assert change.client == "hactl rollback 0.3"
    assert not agent.cib.section("constraints").children
    assert "-location" in capsys.readouterr().out


def test_show_changes_nothing(agent, capsys):
    assert hactl.main(["rollback", "0.3", "--show"]) == Exit.OK
    assert "-location" in capsys.readouterr().out
    assert not [each for each in agent.asked if isinstance(each, CibChange)]


def test_a_version_that_is_not_kept_is_refused(agent, capsys):
    assert hactl.main(["rollback", "0.9"]) == Exit.NOSUCH
    assert "there is no configuration 0.9" in capsys.readouterr().err
    assert hactl.main(["rollback", "yesterday"]) == Exit.USAGE


def test_the_storage_tells_who_made_each_version(tmp_path):
    storage = Storage(tmp_path)
    storage.prepare()
    for epoch in (2, 11):
        cib = Cib.empty().with_version(CibVersion(0, epoch))
        storage.write_cib(cib, CibAuthor(user=f"user{epoch}", client="crm--x", origin="pm01", at_ms=epoch))
    kept = storage.kept_versions()
    assert [(each.version.epoch, each.user, each.client, each.at_ms) for each in kept] == [
        (2, "user2", "crm--x", 2),
        (11, "user11", "crm--x", 11),
    ]
    assert storage.kept_cib(CibVersion(0, 2)) is not None
    assert storage.kept_cib(CibVersion(0, 3)) is None
