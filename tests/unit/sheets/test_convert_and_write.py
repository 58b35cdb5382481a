"""A small sheet through the one pipeline, and back into a book."""

import io

import openpyxl

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
