"""The crm shell on a CIB file: the editor, scripts, uncommitted changes, force."""

import io
import os
import stat
from pathlib import Path

import pytest

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib
from hacluster.cli import crm
from hacluster.cli.exits import Exit
from hacluster.crm.apply import Mode, load
from hacluster.crm.printer import show

TEXT = """primitive a ocf:pacemaker:Dummy params passwd=secret op monitor interval=10s
primitive b ocf:pacemaker:Dummy op monitor interval=10s
primitive c ocf:pacemaker:Dummy op monitor interval=10s
group grp a b
location l1 grp 100: n1
property stonith-enabled=false no-quorum-policy=ignore
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cib.xml"
    path.write_text(to_xml(load(Cib.empty(), TEXT, Mode.UPDATE).cib))
    monkeypatch.setenv("CIB_file", str(path))
    return path


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Sets $EDITOR to a script of sed."""

    def use(expression: str) -> None:
        script = tmp_path / "editor"
        script.write_text(
            f'#!/bin/sh\nls -l "$1" > {tmp_path}/seen\ncat "$1" >> {tmp_path}/seen\nsed -i "{expression}" "$1"\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("EDITOR", str(script))

    return use


def configuration(file: Path) -> str:
    cib = parse_cib(file.read_bytes())
    assert isinstance(cib, Cib)
    return show(cib.configuration)


class TestEdit:
    def test_what_the_editor_changed_is_changed(self, file, editor):
        editor("s/l1 grp 100:/l1 grp 250:/; s/no-quorum-policy=ignore/no-quorum-policy=stop/")
        assert crm.main(["configure", "edit"]) == Exit.OK
        assert "location l1 grp 250: n1" in configuration(file)
        assert "no-quorum-policy=stop" in configuration(file)

    def test_what_the_editor_took_out_is_gone(self, file, editor):
        editor("/^location/d; /no-quorum-policy/d; s/stonith-enabled=false .*/stonith-enabled=false/")
        assert crm.main(["configure", "edit"]) == Exit.OK
        assert "l1" not in configuration(file)
        assert "no-quorum-policy" not in configuration(file)

    def test_a_mistake_changes_nothing(self, file, editor, capsys):
        before = file.read_bytes()
        editor("s/l1 grp 100:/l1 nowhere 100:/; s/no-quorum-policy=ignore/no-quorum-policy=stop/")
        assert crm.main(["configure", "edit"]) == Exit.ERROR
        assert "nowhere" in capsys.readouterr().err
        assert file.read_bytes() == before

    def test_an_editor_that_fails_changes_nothing(self, file, monkeypatch, capsys):
        before = file.read_bytes()
        monkeypatch.setenv("EDITOR", "/bin/false")
        assert crm.main(["configure", "edit"]) == Exit.ERROR
        assert file.read_bytes() == before

    def test_only_the_chosen_objects_are_shown_with_their_secrets_to_the_owner_alone(self, file, editor, tmp_path):
        editor("s/passwd=secret/passwd=other/")
        assert crm.main(["configure", "edit", "a"]) == Exit.OK
        seen = (tmp_path / "seen").read_text()
        assert seen.startswith("-rw-------")
        assert "passwd=secret" in seen
        assert "primitive b" not in seen
        assert "passwd=other" in configuration(file)

    def test_a_chosen_object_that_is_taken_out_is_deleted_with_the_same_care(self, file, editor, capsys):
        editor("d")
        assert crm.main(["configure", "edit", "grp"]) == Exit.ERROR
        assert "l1 refers to it" in capsys.readouterr().err
        assert crm.main(["configure", "edit", "l1"]) == Exit.OK
        assert "l1" not in configuration(file)


class TestObjects:
    def test_rename_and_modgroup_change_the_file(self, file):
        assert crm.main(["configure", "rename", "a", "alpha"]) == Exit.OK
        assert crm.main(["configure", "modgroup", "grp", "add", "c", "before", "b"]) == Exit.OK
        assert "group grp alpha c b" in configuration(file)
        assert crm.main(["configure", "modgroup", "grp", "remove", "b"]) == Exit.OK
        assert "group grp alpha c\n" in configuration(file)

    def test_force_stands_before_the_level(self, file):
        assert crm.main(["configure", "delete", "grp"]) == Exit.ERROR
        assert crm.main(["-F", "configure", "delete", "grp"]) == Exit.OK
        assert "l1" not in configuration(file)

    def test_a_saved_text_is_the_owners_alone_and_loads_again(self, file, tmp_path):
        saved = tmp_path / "saved.crm"
        assert crm.main(["configure", "save", str(saved)]) == Exit.OK
        assert os.stat(saved).st_mode & 0o777 == 0o600
        assert "passwd=secret" in saved.read_text()
        before = configuration(file)
        assert crm.main(["configure", "load", "replace", str(saved)]) == Exit.OK
        assert configuration(file) == before

    def test_an_xml_file_is_loaded_too(self, file, tmp_path):
        (tmp_path / "more.xml").write_text(
            '<cib><configuration><resources><primitive id="x" class="ocf" provider="pacemaker" type="Dummy"/>'
            "</resources></configuration></cib>"
        )
        assert crm.main(["configure", "load", "xml", "update", str(tmp_path / "more.xml")]) == Exit.OK
        assert "primitive x ocf:pacemaker:Dummy" in configuration(file)

    def test_tracing_is_set_and_taken_away(self, file):
        before = configuration(file)
        assert crm.main(["resource", "trace", "a", "monitor"]) == Exit.OK
        assert "trace_ra=1" in configuration(file)
        assert crm.main(["resource", "trace", "b"]) == Exit.OK
        assert configuration(file).count("trace_ra=1") == 2
        crm.main(["resource", "untrace", "a"])
        crm.main(["resource", "untrace", "b"])
        assert configuration(file) == before


class TestScripts:
    def run(self, monkeypatch, text: str) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return crm.main([])

    def test_changes_that_belong_together_reach_the_cluster_together(self, file, monkeypatch):
        code = self.run(monkeypatch, "configure\nlocation l2 c 5: n1\ngroup g2 c\nup\n")
        assert code == Exit.OK
        assert "group g2 c" in configuration(file)
        assert parse_cib(file.read_bytes()).version.epoch == 1

    def test_after_a_failure_nothing_is_committed(self, file, monkeypatch, capsys):
        before = file.read_bytes()
        assert self.run(monkeypatch, "configure\ngroup g2 c\ngroup g3 nobody\n") == Exit.ERROR
        assert "nothing is committed" in capsys.readouterr().err
        assert file.read_bytes() == before

    def test_refresh_forgets_what_was_not_committed(self, file, monkeypatch):
        before = file.read_bytes()
        assert self.run(monkeypatch, "configure\ngroup g2 c\nrefresh\nquit\n") == Exit.OK
        assert file.read_bytes() == before

    def test_show_changed_shows_what_waits(self, file, monkeypatch, capsys):
        self.run(monkeypatch, "configure\ngroup g2 c\nshow changed\nrefresh\n")
        assert capsys.readouterr().out == "group g2 c\n"

    def test_a_file_of_commands_ends_at_its_first_failure(self, file, tmp_path, capsys):
        commands = tmp_path / "commands"
        commands.write_text("configure group g2 \\\n  c\nconfigure\ndelete nobody\nshow\n")
        before = file.read_bytes()
        assert crm.main(["-f", str(commands)]) == Exit.ERROR
        assert capsys.readouterr().out == ""
        assert file.read_bytes() == before

    def test_an_open_quote_is_told_and_the_shell_goes_on(self, file, monkeypatch, capsys):
        assert self.run(monkeypatch, 'configure show "l1\nconfigure show l1\n') == Exit.ERROR
        said = capsys.readouterr()
        assert "No closing quotation" in said.err
        assert "location l1" in said.out


class TestShowingXml:
    def test_only_the_named_objects_are_shown_and_no_password(self, file, capsys):
        assert crm.main(["configure", "show", "xml", "a", "l1"]) == Exit.OK
        shown = capsys.readouterr().out
        assert '<primitive id="a"' in shown
        assert '<rsc_location id="l1"' in shown
        assert '<primitive id="b"' not in shown
        assert "<crm_config" not in shown
        assert "secret" not in shown
        assert "******" in shown

    def test_an_object_that_is_not_there_is_named(self, file, capsys):
        assert crm.main(["configure", "show", "xml", "gone"]) == Exit.ERROR
        assert "gone" in capsys.readouterr().err
