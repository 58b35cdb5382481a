"""Tickets: what is shown of them, and what only force may do."""

import time
from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cli import crm_ticket
from hacluster.cli.exits import Exit
from hacluster.crm.apply import Mode, load

TEXT = "primitive a ocf:pacemaker:Dummy\nrsc_ticket t1 tA: a loss-policy=stop\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cib.xml"
    path.write_text(to_xml(load(Cib.empty(), TEXT, Mode.UPDATE).cib))
    monkeypatch.setenv("CIB_file", str(path))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return path


def state(file: Path, name: str) -> dict[str, str]:
    tickets = parse_cib(file.read_bytes()).status.find("tickets") or Element("tickets")
    return next((dict(found.attributes) for found in tickets.children if found.id == name), {})


def run(*words: str) -> int:
    return crm_ticket.main(list(words))


def test_a_ticket_that_only_a_constraint_names_is_revoked(file, capsys):
    assert run("--info") == Exit.OK
    assert capsys.readouterr().out == "tA\trevoked          \n"


def test_granting_needs_force_and_remembers_when(file, capsys):
    assert run("-t", "tA", "--grant") == Exit.INSUFFICIENT_PRIV
    assert "--force" in capsys.readouterr().err
    assert state(file, "tA") == {}
    assert run("-t", "tA", "--grant", "--force") == Exit.OK
    assert state(file, "tA")["granted"] == "true"
    assert int(state(file, "tA")["last-granted"]) > 1_700_000_000


def test_standby_is_shown_and_ended(file, capsys):
    run("-t", "tA", "-g", "-f")
    assert run("-t", "tA", "-s") == Exit.OK
    run("-l")
    assert capsys.readouterr().out.startswith("tA\tgranted [standby] last-granted='")
    assert run("-t", "tA", "-a") == Exit.OK
    run("-t", "tA", "-G", "standby")
    assert capsys.readouterr().out == "false\n"


def test_details_show_every_attribute_and_dates_as_dates(file, capsys):
    run("-t", "tA", "-S", "owner", "-v", "2")
    run("-t", "tA", "-S", "expires", "-v", "1700000500")
    run("-L")
    assert capsys.readouterr().out == "tA\trevoked           (owner=2, expires='Tue Nov 14 22:21:40 2023')\n"


def test_revoking_and_forgetting_a_granted_ticket_need_force(file):
    run("-t", "tA", "-g", "-f")
    for words in (["-r"], ["-C"], ["-D", "granted"], ["-S", "granted", "-v", "false"]):
        assert run("-t", "tA", *words) == Exit.INSUFFICIENT_PRIV
    assert state(file, "tA")["granted"] == "true"
    assert run("-t", "tA", "-r", "-f") == Exit.OK
    assert state(file, "tA")["granted"] == "false"
    assert run("-t", "tA", "-C") == Exit.OK
    assert state(file, "tA") == {}


def test_an_attribute_can_be_deleted_and_a_default_printed(file, capsys):
    run("-t", "tA", "-S", "owner", "-v", "2")
    assert run("-t", "tA", "-D", "owner") == Exit.OK
    assert run("-t", "tA", "-G", "owner") == Exit.NOSUCH
    assert run("-t", "tA", "-G", "owner", "-d", "none") == Exit.OK
    assert capsys.readouterr().out == "none\n"


def test_the_constraints_and_the_state_are_shown_as_xml(file, capsys):
    assert run("-t", "tA", "-c") == Exit.OK
    assert 'loss-policy="stop"' in capsys.readouterr().out
    assert run("-q") == Exit.NOSUCH
    run("-t", "tA", "-s")
    assert run("-t", "tA", "-q") == Exit.OK
    assert capsys.readouterr().out == 'State XML:\n\n<ticket_state id="tA" standby="true"/>\n'


@pytest.mark.parametrize(
    ("words", "code"),
    [([], Exit.USAGE), (["-g"], Exit.USAGE), (["-t", "tA", "-S", "x"], Exit.USAGE), (["-t", "no", "-C"], Exit.NOSUCH),
     (["-t", "no", "-l"], Exit.NOSUCH), (["-t", "no", "-c"], Exit.NOSUCH)],
)  # fmt: skip
def test_a_wrong_call_has_its_code(file, words, code):
    assert run(*words) == code
