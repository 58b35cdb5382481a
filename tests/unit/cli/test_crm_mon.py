"""crm_mon's views of one status: by node, with the history, counted, and what is asked for by name."""

from pathlib import Path

import pytest

from hacluster.cib.codec import to_xml
from hacluster.cli import crm_mon
from hacluster.cli.exits import Exit
from hacluster.cli.mon_text import readable
from hacluster.scheduler.words import in_natural_order
from tests.builders import Situation


@pytest.fixture
def situation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Situation:
    found = Situation()
    for node in ("pm01", "pm02"):
        found.attribute(node, "path", "100")
    found.settle()
    path = tmp_path / "cib.xml"
    path.write_text(to_xml(found.cib))
    monkeypatch.setenv("CIB_file", str(path))
    return found


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert crm_mon.main(["-1", *words]) == Exit.OK
    return capsys.readouterr().out


def test_sorted_by_node_each_resource_stands_under_the_node_it_is_on(situation, capsys):
    said = shown(capsys, "-n")
    here = said.partition("  * Node pm01: online:\n    * Resources:\n")[2].partition("  * Node pm02")[0]
    assert "      * ex\t(ocf:pacemaker:Dummy):\t Started\n" in here
    assert "Active Resources" not in said


def test_the_history_tells_times_and_codes_when_they_are_asked_for(situation, capsys):
    assert ": rc=" not in shown(capsys, "-o")
    assert " rc=0 (ok)\n" in shown(capsys, "-t")


def test_a_probe_that_found_nothing_is_not_told_in_the_history(situation, capsys):
    assert "rc=7" not in shown(capsys, "-t")


def test_sections_are_added_and_left_out_in_the_order_of_the_command_line(situation, capsys):
    assert shown(capsys, "--exclude=all", "--include=nodes").startswith("Node List:\n  * Online: [ pm01 pm02 ]\n")
    assert shown(capsys, "--include=nodes", "--exclude=all") == ""


def test_a_section_that_is_not_known_is_refused_with_those_that_are(situation, capsys):
    assert crm_mon.main(["-1", "--include=everything"]) == Exit.USAGE
    assert "operations" in capsys.readouterr().err


def test_in_detail_every_instance_of_a_clone_has_a_line(situation, capsys):
    said = shown(capsys, "-R")
    assert [line.split()[-1] for line in said.splitlines() if "* ping\t" in line] == ["pm01", "pm02"]


def test_one_node_alone_can_be_asked_for(situation, capsys):
    assert "pm01" not in shown(capsys, "--exclude=summary", "--node=pm02")


def test_primitives_of_one_kind_are_counted_in_brief(situation, capsys):
    assert "    * 3/3\t(ocf:pacemaker:Dummy):\tActive pm01\n" in shown(capsys, "-b")


@pytest.mark.parametrize(("ms", "text"), [(0, "0s"), (10_000, "10s"), (90_500, "1m30s500ms"), (86_400_000, "1d")])
def test_a_duration_reads_as_its_units(ms, text):
    assert readable(ms) == text


def test_names_with_numbers_stand_in_the_order_of_their_numbers():
    assert sorted(["n10", "N2", "n1", "db"], key=in_natural_order) == ["db", "n1", "N2", "n10"]
