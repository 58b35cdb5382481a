"""hactl doctor: each check says well and ill, ill with its cure, and the exit code tells the worst."""

import os

import pytest

from hacluster.cib.problems import ProblemKind, Severity
from hacluster.cli import doctor, doctor_findings
from hacluster.cli.doctor import Place
from hacluster.protocol.messages import AgentList, AgentListQuery, JournalProof, JournalProofQuery
from tests.fake_agent import FakeAgent

HA_CF = """
cluster demo
keepalive 500ms
deadtime 2
udpport 694
bcast eth1 eth2
node pm01 pm02
watchdog /nowhere/watchdog
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("HACLUSTER_SOCKET", str(tmp_path / "agent.sock"))
    for device, state in (("eth1", "up"), ("eth2", "down")):
        (tmp_path / "net" / device).mkdir(parents=True)
        (tmp_path / "net" / device / "operstate").write_text(f"{state}\n")
    (tmp_path / "ha.cf").write_text(HA_CF)
    (tmp_path / "authkeys").write_text("auth 1\n1 sha256 " + "k7" * 20 + "\n")
    os.chmod(tmp_path / "authkeys", 0o600)
    (tmp_path / "proc").mkdir()
    return Place(tmp_path, tmp_path, tmp_path / "net", tmp_path / "proc", "pm01")


def said(found):
    return [(each.code.removeprefix("doctor."), each.severity) for each in found]


def test_the_agents_own_check_of_its_files_is_passed_on(place):
    assert ("configuration-ok", Severity.INFO) in said(doctor.check_configuration(place))
    (place.etc / "ha.cf").write_text("nonsense\n")
    found = list(doctor.check_configuration(place))
    assert found[0].severity is Severity.ERROR
    assert "ha.cf:1" in found[0].sentence()


def test_keys_that_others_can_read_fail(place):
    assert said(doctor.check_keys(place)) == [("keys-ok", Severity.INFO)]
    os.chmod(place.etc / "authkeys", 0o644)
    assert said(doctor.check_keys(place)) == [("keys", Severity.ERROR)]
    (place.etc / "authkeys").unlink()
    assert said(doctor.check_keys(place)) == [("no-keys", Severity.ERROR)]


def test_an_interface_that_is_down_or_missing_fails(place):
    assert said(doctor.check_interfaces(place)) == [("interface-ok", Severity.INFO), ("interface", Severity.ERROR)]
    (place.etc / "ha.cf").write_text("ucast eth9 192.0.2.1\n")
    assert said(doctor.check_interfaces(place)) == [("interface", Severity.ERROR), ("one-link", Severity.WARNING)]


def test_a_watchdog_that_is_not_there_is_warned_of(place):
    assert said(doctor.check_watchdog(place)) == [("watchdog", Severity.WARNING)]


def test_a_clock_that_nobody_keeps_right_is_warned_of():
    assert said(doctor.check_clock(lambda: 5)) == [("clock", Severity.WARNING)]
    assert said(doctor.check_clock(lambda: 0)) == [("clock-ok", Severity.INFO)]


def test_a_port_that_another_program_holds_fails(place):
    assert said(doctor.check_ports(place)) == [("port-ok", Severity.INFO)]
    (place.proc / "udp").write_text("sl local\n 1: 00000000:02B6 00000000:0000 07 0\n")
    assert said(doctor.check_ports(place)) == [("port", Severity.ERROR)]
    (place.proc / "udp").unlink()
    (place.proc / "tcp").write_text("sl local\n 1: 00000000:02B6 00000000:0000 01 0\n")
    assert said(doctor.check_ports(place)) == [("port-ok", Severity.INFO)]


def test_a_redis_that_does_not_answer_is_only_warned_of():
    assert said(doctor.check_redis("")) == [("redis-off", Severity.INFO)]
    assert said(doctor.check_redis("redis://127.0.0.1:1/0")) == [("redis", Severity.WARNING)]


def test_without_an_agent_it_looks_whether_one_could_start(place):
    assert said(doctor.check_agent(place)) == [("agent", Severity.ERROR), ("port-ok", Severity.INFO)]


def test_a_configured_agent_that_is_not_installed_fails(place, tmp_path):
    with FakeAgent(tmp_path / "agent.sock") as fake:
        fake.answers[AgentListQuery] = lambda _: AgentList(agents=())
        codes = [code for code, _ in said(doctor.check_agent(place))]
    assert codes[0] == "agent-ok"
    assert "agent-missing" in codes


def test_a_journal_that_its_hashes_do_not_cover_fails(place, tmp_path):
    with FakeAgent(tmp_path / "agent.sock") as fake:
        fake.answers[AgentListQuery] = lambda _: AgentList(agents=())
        assert ("journal-ok", Severity.INFO) in said(doctor.check_agent(place))
        fake.answers[JournalProofQuery] = lambda _: JournalProof(heads={"pm01": 9}, broken={"pm01": 4})
        found = [each for each in doctor.check_agent(place) if each.severity is Severity.ERROR]
    assert "before entry 4" in next(each.sentence() for each in found if each.code == "doctor.journal")


def test_the_exit_code_is_that_of_the_worst(capsys):
    fine, odd, bad = doctor_findings.REDIS_OFF.at(), doctor_findings.CLOCK.at(), doctor_findings.NO_KEYS.at()
    assert doctor.tell([fine], "en") == 0
    assert doctor.tell([fine, odd], "ja") == 2
    assert doctor.tell([odd, bad], "en") == 1
    assert "fail  there is no authkeys (copy it from the other node)" in capsys.readouterr().out


def test_every_ill_finding_has_a_cure_in_both_languages():
    kinds = [kind for kind in vars(doctor_findings).values() if isinstance(kind, ProblemKind)]
    ill = [kind for kind in kinds if kind.severity is not Severity.INFO and kind.en != "{text}"]
    assert [kind.code for kind in ill if not kind.cure_en or not kind.cure_ja] == []
