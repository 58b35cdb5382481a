"""crm holds a change for the errors it brings, tells the rest, and can be forced."""

import pytest

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib
from hacluster.cli import crm
from hacluster.cli.exits import Exit

CIRCLE = "primitive a Dummy\nprimitive b Dummy\norder o1 a b\norder o2 b a\n"


@pytest.fixture
def cib_file(tmp_path, monkeypatch):
    file = tmp_path / "cib.xml"
    file.write_text(to_xml(Cib.empty()))
    monkeypatch.setenv("CIB_file", str(file))
    return file


def load(tmp_path, text: str, *options: str) -> int:
    (tmp_path / "new.crm").write_text(text)
    return crm.main([*options, "configure", "load", "update", str(tmp_path / "new.crm")])


def constraints(file) -> list[str]:
    cib = parse_cib(file.read_bytes())
    assert isinstance(cib, Cib)
    return [constraint.id for constraint in cib.section("constraints").children]


def test_a_load_that_brings_a_circle_changes_nothing(cib_file, tmp_path, capsys):
    assert load(tmp_path, CIRCLE) == Exit.ERROR
    assert "o1: each of these waits for the next" in capsys.readouterr().err
    assert constraints(cib_file) == []


def test_the_operator_can_force_it(cib_file, tmp_path):
    assert load(tmp_path, CIRCLE, "-F") == Exit.OK
    assert constraints(cib_file) == ["o1", "o2"]


def test_what_was_wrong_before_does_not_hold_the_next_change(cib_file, tmp_path, capsys):
    load(tmp_path, CIRCLE, "-F")
    capsys.readouterr()
    assert crm.main(["configure", "primitive", "c", "Dummy"]) == Exit.OK
    assert capsys.readouterr().err.splitlines() == [
        "WARNING: c: c has no monitor: a failure would not be noticed (add: op monitor interval=10s timeout=60s)"
    ]


def test_a_configuration_can_be_loaded_before_its_fencing_device(cib_file, tmp_path):
    assert load(tmp_path, "primitive a Dummy op monitor interval=10s\n") == Exit.OK


def test_verify_ends_with_an_error_for_what_a_forced_change_left(cib_file, tmp_path):
    load(tmp_path, CIRCLE, "-F")
    assert crm.main(["configure", "verify"]) == Exit.ERROR
