"""hactl report: everything that helps, and no secret, wherever it stands."""

import tarfile

import pytest

from hacluster.cli import hactl
from hacluster.cli.exits import Exit
from tests.fake_agent import FakeAgent

CIB = """<cib epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/><nodes/><resources>
<primitive id="st" class="stonith" type="external/ipmi"><instance_attributes id="p">
<nvpair id="a" name="ipaddr" value="192.0.2.9"/><nvpair id="b" name="passwd" value="geheim&amp;lang"/>
<nvpair id="c" value="abc" name="ipmi_password"/></instance_attributes></primitive>
</resources><constraints/></configuration><status/></cib>"""


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.setenv("HACLUSTER_SOCKET", str(tmp_path / "agent.sock"))
    versions = tmp_path / "cib" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "cib" / "cib.xml").write_text(CIB)
    (versions / "cib-0.1.xml").write_text(CIB)
    (tmp_path / "ha.cf").write_text(f"node pm01\nlogfile {tmp_path}/ha.log\nrespawn root /bin/x --password=offen\n")
    (tmp_path / "ha.log").write_text("Nov 24 fence with geheim&lang failed\n")
    (tmp_path / "authkeys").write_text("auth 1\n1 sha1 streng-geheim\n")
    return tmp_path


def archive(node) -> dict[str, str]:
    out = node / "out.tar.gz"
    assert hactl.main(["report", "-o", str(out), "--etc", str(node), "--state", str(node)]) == Exit.OK
    assert out.stat().st_mode & 0o777 == 0o600
    with tarfile.open(out) as tar:
        return {each.name.partition("/")[2]: tar.extractfile(each).read().decode() for each in tar.getmembers()}


def test_logs_configurations_events_and_state_are_in_it(node):
    with FakeAgent(node / "agent.sock"):
        files = archive(node)
    assert {"ha.cf", "hacluster.log", "cib/cib.xml", "cib/versions/cib-0.1.xml", "events.log", "doctor.txt"} <= set(
        files
    )
    assert "pm01" in files["crm_mon.txt"]
    assert "192.0.2.9" in files["cib/cib.xml"]


def test_no_secret_is_in_any_file(node):
    whole = "\n".join(archive(node).values())
    for secret in ("geheim", 'value="abc"', "offen", "streng"):
        assert secret not in whole
    assert "fence with ****** failed" in whole


def test_without_an_agent_the_files_are_there_all_the_same(node):
    files = archive(node)
    assert "no agent answers" in files["events.log"]
    assert "cib/cib.xml" in files


def test_a_place_that_can_not_be_written_is_told(node, capsys):
    code = hactl.main(["report", "-o", "/nowhere/out.tar.gz", "--etc", str(node), "--state", str(node)])
    assert code == Exit.CANTCREAT
    assert "/nowhere/out.tar.gz" in capsys.readouterr().err
