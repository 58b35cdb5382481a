"""A sheet is refused for what is wrong with the configuration it makes, when one asks for that."""

import json

import pytest

from hacluster.cli import pm_crmgen
from tests.sheets_for_tests import GOOD

CIRCLE = GOOD + ",ADDITIONAL_CONFIG\n,,config\n,,order o1 prmEx prmPg\n,,order o2 prmPg prmEx\n"


@pytest.fixture
def convert(tmp_path, capsys):
    def run(text: str, *options: str) -> tuple[int, list[dict[str, object]], bool]:
        (tmp_path / "in.csv").write_text(text)
        out = tmp_path / "out.crm"
        code = pm_crmgen.main([*options, "--messages", "json", "-o", str(out), str(tmp_path / "in.csv")])
        return code, [json.loads(line) for line in capsys.readouterr().err.splitlines()], out.exists()

    return run


def test_a_circle_refuses_the_sheet(convert):
    code, told, is_written = convert(CIRCLE, "--verify")
    assert code == 1
    assert not is_written
    assert "cib.order-circle" in [each["code"] for each in told]


def test_a_finding_stands_at_the_cell_that_names_its_object(convert):
    code, told, is_written = convert(GOOD, "--verify")
    assert (code, is_written) == (2, True)
    missing = next(each for each in told if each["code"] == "cib.no-monitor")
    assert (missing["row"], missing["column"]) == (9, "E")


def test_without_being_asked_the_converter_judges_the_sheet_alone(convert):
    _code, told, is_written = convert(CIRCLE)
    assert is_written
    assert not [each for each in told if str(each["code"]).startswith("cib.")]
