"""`pm_crmgen` as an operator and a script call it."""

from __future__ import annotations

import openpyxl
import pytest

from hacluster.cli.pm_crmgen import main
from tests.sheets_for_tests import BAD, GOOD

ODD = f"{GOOD},ORDER\n,,first-rsc,then-rsc,score,symmetrical\n,,prmEx,grpPg,0,maybe\n"


@pytest.fixture
def sheet(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "sheet.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_good_sheet_becomes_a_file_and_nothing_is_said(sheet, tmp_path, capsys):
    assert main(["-o", str(tmp_path / "out.crm"), sheet(GOOD)]) == 0
    assert (tmp_path / "out.crm").read_text(encoding="utf-8").startswith("### Cluster Option ###\n")
    assert capsys.readouterr() == ("", "")


def test_a_bad_sheet_is_refused_with_every_cell_and_a_sum(sheet, tmp_path, capsys):
    assert main(["--lang", "en", "-o", str(tmp_path / "out.crm"), sheet(BAD)]) == 1
    assert not (tmp_path / "out.crm").exists()
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said[:-1]] == ["sheet!C4", "sheet!E6", "sheet!C9"]
    assert said[-1] == "3 errors, 0 warnings; nothing was written"


@pytest.mark.parametrize(("language", "word"), [("en", "warning: “maybe”"), ("ja", "警告: 「maybe」")])
def test_a_warning_is_told_from_an_error(sheet, capsys, language, word):
    assert main(["--lang", language, sheet(ODD)]) == 2
    assert f"sheet!F19: {word}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--what"], ["a", "b"]])
def test_a_wrong_call_ends_with_1_because_2_says_done(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1


def test_the_marked_copy_has_the_sentence_at_the_cell(sheet, tmp_path):
    copy = tmp_path / "marked.xlsx"
    assert main(["--marked", str(copy), "--lang", "ja", sheet(BAD)]) == 1
    page = openpyxl.load_workbook(copy)["sheet"]
    assert "Primitiv" in page["C4"].comment.text
    assert page["C4"].fill.fgColor.rgb == "00FF9999"
    assert page["C3"].comment is None
