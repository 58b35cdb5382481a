"""A small sheet through the one pipeline, and back into a book."""

import io
import random

import openpyxl
import pytest

from hacluster.sheets.convert import convert_book
from hacluster.sheets.writer import annotate_xlsx, rows_to_xlsx

ROWS = [("", "PROPERTY", "", ""), ("", "", "name", "value"), ("", "", "stonith-enabled", "=1+1")]
BAD = [*ROWS, ("", "", "", "orphan")]


def test_a_written_book_converts_to_the_same_text_and_holds_no_formula():
    result = convert_book(rows_to_xlsx(ROWS), "a.xlsx")
    assert result.crm_text == '### Cluster Option ###\nproperty stonith-enabled="=1+1"\n'


def test_a_value_without_name_is_refused_with_its_cell():
    result = convert_book(rows_to_xlsx(BAD, "s"), "a.xlsx")
    assert [problem.place for problem in result.problems] == ["s!C4"]
    assert (result.crm_text, result.exit_code) == ("", 1)


def test_the_operators_book_comes_back_with_a_comment_on_the_bad_cell():
    data = rows_to_xlsx(BAD, "s")
    marked = annotate_xlsx(data, "s", convert_book(data, "a.xlsx").problems, "en")
    assert "name" in openpyxl.load_workbook(io.BytesIO(marked))["s"]["C4"].comment.text


def test_a_problem_under_a_merged_range_is_told_at_its_first_cell():
    data = rows_to_xlsx(BAD, "s", [(4, "C", "D")])
    marked = annotate_xlsx(data, "s", convert_book(rows_to_xlsx([*ROWS, ("", "", "x", "é")], "s"), "a").problems, "en")
    assert "é" in openpyxl.load_workbook(io.BytesIO(marked))["s"]["C4"].comment.text


@pytest.mark.parametrize("suffix", ["xlsx", "xlsm", "xls", "ods", "XLSX"])
@pytest.mark.parametrize("size", [64, 256, 4096])
def test_random_bytes_under_the_name_of_a_workbook_are_no_workbook(suffix, size):
    for seed in range(50):
        result = convert_book(random.Random(seed).randbytes(size), f"demo.{suffix}")
        assert [(problem.code, problem.place) for problem in result.problems] == [
            ("sheet.not-a-workbook", f"demo.{suffix}")
        ]
        assert all(problem.cure("ja") for problem in result.problems)


def test_random_bytes_under_the_name_of_a_text_are_told_by_their_encoding():
    result = convert_book(random.Random(7).randbytes(4096), "demo.csv")
    assert [problem.code for problem in result.problems] == ["sheet.unsupported-encoding"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp932", "euc_jp", "iso2022_jp"])
def test_text_that_was_saved_under_the_name_of_a_workbook_is_read_as_text(encoding):
    text = "#\tクラスタ設定\n\tPROPERTY\n\t\tname\tvalue\n\t\tno-quorum-policy\tignore\n"
    result = convert_book(text.encode(encoding), "demo.xls")
    assert 'property no-quorum-policy="ignore"' in result.crm_text
