"""crm_simulate on a file: what it supposes, what it writes, and what it tells without being asked to plan."""

from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib, parse_xml, to_xml
from hacluster.cli import crm_simulate
from hacluster.cli.exits import Exit
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply
from tests.builders import NOW, Situation


@pytest.fixture
def file(tmp_path: Path) -> Path:
    situation = Situation()
    for node in ("pm01", "pm02"):
        situation.attribute(node, "path", "100")
    for _ in range(3):
        situation.cib = apply(situation.cib, schedule(situation.cib, NOW), NOW)
    path = tmp_path / "cib.xml"
    path.write_text(to_xml(situation.cib))
    return path


def told(capsys: pytest.CaptureFixture[str], file: Path, *words: str) -> str:
    assert crm_simulate.main(["-x", str(file), *words]) == Exit.OK
    return capsys.readouterr().out


def test_without_a_wish_only_the_status_is_told(file, capsys):
    said = told(capsys, file)
    assert said.startswith("Current cluster status:\n  * Node List:\n")
    assert "Transition Summary" not in said


def test_what_is_supposed_is_told_before_what_follows_from_it(file, capsys):
    said = told(capsys, file, "-R", "-d", "pm01", "-q", "1", "-g", "tA")
    _, modifications = said.split("Performing Requested Modifications:\n")
    assert modifications.startswith("  * Setting quorum: 1\n  * Taking node pm01 offline\n  * Granting ticket tA\n")
    assert "* Start      pg " in modifications.partition("Transition Summary:")[2]


def test_a_failure_that_is_supposed_is_counted(file, capsys):
    said = told(capsys, file, "-R", "-i", "pg_monitor_10000@pm01=7")
    assert "  * Injecting attribute fail-count-pg#monitor_10000=value++ into /node_state '1'\n" in said
    assert "* Recover    pg " in said


def test_a_node_that_is_not_there_is_refused_with_those_that_are(file, capsys):
    assert crm_simulate.main(["-x", str(file), "-d", "pm09"]) == Exit.NOHOST
    assert "pm01, pm02" in capsys.readouterr().err


def test_in_place_the_file_is_what_comes_out(file, capsys):
    told(capsys, file, "-X", "-d", "pm01")
    after = parse_cib(file.read_bytes())
    assert schedule(after, NOW).placement_now["pg"] == {"pm02": "Started"}


def test_a_ticket_that_is_put_in_standby_is_so_afterwards(file, capsys):
    told(capsys, file, "-X", "-g", "tA", "-b", "tA")
    state = parse_cib(file.read_bytes()).status.by_id("tA")
    assert state.attributes == {"id": "tA", "granted": "true", "standby": "true"}


def test_each_action_of_the_graph_names_those_it_waits_for(file, tmp_path, capsys):
    told(capsys, file, "-d", "pm01", "-G", str(tmp_path / "graph.xml"))
    graph = parse_xml((tmp_path / "graph.xml").read_bytes())
    waits = {
        synapse.find("action_set").children[0].get("operation_key"): {
            trigger.children[0].get("operation_key") for trigger in synapse.find("inputs").children
        }
        for synapse in graph.children
    }
    assert "ex_start_0" in waits["fs_start_0"]
    assert "pg_start_0" in waits["grp_running_0"]


def test_a_profile_tells_each_file_of_a_folder(file, capsys):
    assert crm_simulate.main(["-P", str(file.parent)]) == Exit.OK
    assert capsys.readouterr().out.startswith(f"* Testing {file} ... 0.")
