"""The commands on a CIB file: what they print, what they change, and how they end."""

import re
from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cli import cibadmin, crm, crm_attribute, crm_failcount, crm_mon, crm_resource, crm_standby
from hacluster.cli.exits import Exit
from tests.builders import Situation


@pytest.fixture
def situation() -> Situation:
    found = Situation()
    for node in ("pm01", "pm02"):
        found.attribute(node, "path", "100")
    found.settle()
    return found


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, situation: Situation) -> Path:
    path = tmp_path / "cib.xml"
    path.write_text(to_xml(situation.cib))
    monkeypatch.setenv("CIB_file", str(path))
    return path


def epoch(file: Path) -> int:
    return parse_cib(file.read_bytes()).version.epoch


class TestCrmMon:
    def test_the_text_shows_nodes_resources_and_roles(self, file, capsys):
        assert crm_mon.main(["-1r"]) == Exit.OK
        shown = capsys.readouterr().out
        assert "  * Online: [ pm01 pm02 ]" in shown
        assert "  * Resource Group: grp:\n    * ex\t(ocf:pacemaker:Dummy):\t Started pm01" in shown
        assert "  * Clone Set: clnPing [ping]:\n    * Started: [ pm01 pm02 ]" in shown

    def test_an_attribute_is_padded_as_scripts_expect_it(self, file, capsys):
        crm_mon.main(["-1A"])
        assert f"    * {'path':<32}\t: {'100':<10}\n" in capsys.readouterr().out

    def test_the_xml_has_one_element_a_line_with_the_attributes_in_the_order_that_agents_grep_for(self, file, capsys):
        crm_mon.main(["-1", "--output-as=xml"])
        shown = capsys.readouterr().out
        assert re.search(r'^ *<resource id="pg" .* role="Started" .*>$', shown, re.MULTILINE)
        assert re.search(r'^ *<node name="pm01" .* online="true" .*/>$', shown, re.MULTILINE)
        assert "%" not in shown
        assert "\\" not in shown

    def test_a_failure_is_said_with_its_reason_and_place(self, situation, file, capsys):
        monitor = next(a for a in Situation().schedule().actions if a.resource == "pg" and a.kind == "monitor")
        broken = type(monitor)(id=9, kind=monitor.kind, resource="pg", node="pm01", interval_ms=10_000)
        situation.result("pm01", broken, rc=7)
        file.write_text(to_xml(situation.cib))
        crm_mon.main(["-1"])
        assert "  * pg 10s-interval monitor on pm01 returned 'not running'" in capsys.readouterr().out


class TestCrm:
    def test_loading_changes_what_is_named_and_nothing_else(self, file, tmp_path, capsys):
        text = tmp_path / "more.crm"
        text.write_text("primitive extra Dummy\nproperty stonith-timeout=90s\n")
        assert crm.main(["configure", "load", "update", str(text)]) == Exit.OK
        crm.main(["configure", "show"])
        shown = capsys.readouterr().out
        assert "primitive extra Dummy" in shown
        assert "stonith-timeout=90s" in shown
        assert "no-quorum-policy=ignore" in shown
        assert "group grp ex fs pg" in shown

    def test_a_text_with_a_mistake_changes_nothing_and_names_the_line(self, file, tmp_path, capsys):
        text = tmp_path / "bad.crm"
        text.write_text("primitive fine Dummy\nlocation l nowhere 100: pm01\n")
        before = file.read_bytes()
        assert crm.main(["configure", "load", "update", str(text)]) == Exit.ERROR
        assert file.read_bytes() == before
        assert "line 2" in capsys.readouterr().err

    def test_what_is_shown_can_be_loaded_again_without_a_change(self, file, tmp_path, capsys):
        crm.main(["configure", "show"])
        text = tmp_path / "same.crm"
        text.write_text(capsys.readouterr().out)
        before = epoch(file)
        assert crm.main(["configure", "load", "update", str(text)]) == Exit.OK
        assert epoch(file) == before

    def test_an_object_in_use_is_not_deleted(self, file, capsys):
        assert crm.main(["configure", "delete", "grp"]) == Exit.ERROR
        assert "l-grp" in capsys.readouterr().err

    def test_stopping_a_resource_writes_its_target_role(self, file, capsys):
        assert crm.main(["resource", "stop", "grp"]) == Exit.OK
        crm.main(["configure", "show", "grp"])
        assert "target-role=Stopped" in capsys.readouterr().out

    @pytest.mark.parametrize("words", [["nolevel"], ["configure", "nocommand"], ["resource", "stop"], ["ra", "x"]])
    def test_a_wrong_call_ends_with_the_usage_code_and_a_sentence(self, file, words, capsys):
        assert crm.main(words) in (Exit.USAGE, Exit.UNIMPLEMENT_FEATURE)
        assert capsys.readouterr().err.startswith("crm: ")


class TestCrmResource:
    def test_it_says_where_a_resource_runs(self, file, capsys):
        assert crm_resource.main(["-r", "pg", "-W"]) == Exit.OK
        assert capsys.readouterr().out == "resource pg is running on: pm01\n"

    def test_quiet_is_the_node_alone(self, file, capsys):
        crm_resource.main(["-r", "grp", "-W", "-Q"])
        assert capsys.readouterr().out == "pm01\n"

    def test_an_unknown_resource_is_no_such_object(self, file, capsys):
        assert crm_resource.main(["-r", "nobody", "-W"]) == Exit.NOSUCH
        assert "nobody" in capsys.readouterr().err

    def test_a_move_is_a_temporary_placement_that_clear_ends(self, file, capsys):
        assert crm_resource.main(["-M", "-r", "grp", "-N", "pm02"]) == Exit.OK
        assert "cli-prefer-grp" in file.read_text()
        assert crm_resource.main(["-U", "-r", "grp"]) == Exit.OK
        assert "cli-prefer-grp" not in file.read_text()

    def test_a_move_to_an_unknown_node_is_refused(self, file, capsys):
        assert crm_resource.main(["-M", "-r", "grp", "-N", "pm09"]) == Exit.NOHOST
        assert "pm01, pm02" in capsys.readouterr().err

    def test_a_parameter_is_set_read_and_deleted(self, file, capsys):
        assert crm_resource.main(["-r", "pg", "-p", "fake", "-v", "7"]) == Exit.OK
        assert capsys.readouterr().out.startswith("Set 'pg' option: id=pg-instance_attributes-fake ")
        assert crm_resource.main(["-r", "pg", "-g", "fake"]) == Exit.OK
        assert capsys.readouterr().out == "7\n"
        assert crm_resource.main(["-r", "pg", "-d", "fake"]) == Exit.OK
        assert crm_resource.main(["-r", "pg", "-g", "fake"]) == Exit.NOSUCH


class TestAttributes:
    def test_a_node_attribute_is_set_and_read(self, file, capsys):
        assert crm_attribute.main(["-N", "pm01", "-n", "rack", "-v", "7", "-l", "forever"]) == Exit.OK
        assert crm_attribute.main(["-N", "pm01", "-n", "rack", "-G", "-q"]) == Exit.OK
        assert capsys.readouterr().out == "7\n"

    def test_an_option_has_a_default_when_it_is_not_set(self, file, capsys):
        words = ["--type=crm_config", "--name=cluster-name", "--query", "--quiet", "--default=none"]
        assert crm_attribute.main(words) == Exit.OK
        assert capsys.readouterr().out == "none\n"

    def test_an_absent_attribute_ends_with_105_and_the_words_agents_know(self, file, capsys):
        assert crm_attribute.main(["-N", "pm01", "-n", "none", "-G", "-q"]) == Exit.NOSUCH == 105
        assert capsys.readouterr().err == ("crm_attribute: Error performing operation: No such device or address\n")

    def test_a_transient_attribute_is_read_from_the_status(self, file, capsys):
        assert crm_attribute.main(["-N", "pm01", "-n", "path", "-l", "reboot", "-G"]) == Exit.OK
        assert capsys.readouterr().out == "scope=status  name=path value=100\n"

    def test_a_promotion_score_outside_an_agent_is_a_wrong_call(self, file, monkeypatch, capsys):
        monkeypatch.delenv("OCF_RESOURCE_INSTANCE", raising=False)
        assert crm_attribute.main(["-p", "-v", "-INFINITY"]) == Exit.USAGE == 64

    def test_standby_is_on_until_it_is_off(self, file, capsys):
        crm_standby.main(["-N", "pm02", "-v", "on"])
        crm_mon.main(["-1"])
        assert "Node pm02: standby" in capsys.readouterr().out
        crm_standby.main(["-N", "pm02", "-v", "off"])
        crm_mon.main(["-1"])
        assert "standby" not in capsys.readouterr().out

    def test_a_failcount_is_read(self, situation, file, capsys):
        situation.attribute("pm01", "fail-count-pg#monitor_10000", "2")
        file.write_text(to_xml(situation.cib))
        assert crm_failcount.main(["-G", "-r", "pg", "-N", "pm01", "-q"]) == Exit.OK
        assert capsys.readouterr().out == "2\n"


class TestCibadmin:
    def test_a_section_is_printed_alone(self, file, capsys):
        assert cibadmin.main(["-Q", "-o", "nodes"]) == Exit.OK
        assert capsys.readouterr().out.startswith("<nodes>")

    def test_an_xpath_names_elements_or_their_paths(self, file, capsys):
        assert cibadmin.main(["-Q", "--xpath", "//group", "-n"]) == Exit.OK
        assert capsys.readouterr().out == '<group id="grp"/>\n'
        assert cibadmin.main(["-Q", "--xpath", "//group", "--node-path"]) == Exit.OK
        assert capsys.readouterr().out == "/cib/configuration/resources/group[@id='grp']\n"

    def test_what_is_not_there_ends_with_105(self, file, capsys):
        assert cibadmin.main(["-Q", "--xpath", "//nothing"]) == Exit.NOSUCH

    def test_erasing_needs_force(self, file, capsys):
        before = file.read_bytes()
        assert cibadmin.main(["-E"]) == Exit.UNSAFE
        assert file.read_bytes() == before

    def test_xml_that_cannot_be_read_names_line_and_column(self, file, capsys):
        assert cibadmin.main(["-M", "-X", "<primitive"]) == Exit.DATAERR
        assert "line 1:" in capsys.readouterr().err


def test_a_missing_cib_file_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CIB_file", str(tmp_path / "nowhere.xml"))
    assert crm_mon.main(["-1"]) == Exit.NOINPUT
    assert "nowhere.xml" in capsys.readouterr().err


def test_without_an_agent_the_way_to_it_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("CIB_file", raising=False)
    monkeypatch.setenv("HACLUSTER_SOCKET", str(tmp_path / "agent.sock"))
    assert crm_mon.main(["-1"]) == Exit.DISCONNECT
    assert "agent.sock" in capsys.readouterr().err
