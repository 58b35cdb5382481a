"""A configuration becomes a sheet that says the same, with the template's columns and an operator's own remarks."""

from __future__ import annotations

import io
import time
from pathlib import Path

import openpyxl
import pytest

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib
from hacluster.cli.export_sheet import main
from hacluster.crm.apply import Mode, load
from hacluster.crm.printer import show
from hacluster.sheets.convert import convert_book
from hacluster.sheets.export import empty, export, notes_of, to_xlsx
from hacluster.sheets.rows import Sheet
from hacluster.sheets.writer import rows_to_xlsx

PAIR = """
primitive prmEx ocf:heartbeat:sfex params device="/dev/sdb1" index=1 op start interval=0s timeout=60s
primitive prmPg ocf:heartbeat:pgsql params 1: rule #uname eq pm01 pgport=5432 params pgdata="/var/lib/pg data" \\
    op monitor interval=10s timeout=60s on-fail=restart OCF_CHECK_LEVEL=10
group grpPg prmEx prmPg meta ordered=true
primitive prmPing ocf:pacemaker:ping params name=default_ping_set
clone clnPing prmPing
location rsc_location-grpPg-1 grpPg rule 200: #uname eq pm01 \\
    rule -inf: not_defined default_ping_set or default_ping_set lt 100
location by-hand grpPg 50: pm02
colocation rsc_colocation-grpPg-clnPing-1 inf: grpPg clnPing
order rsc_order-clnPing-grpPg-1 Optional: clnPing grpPg symmetrical=false
tag all grpPg clnPing
property no-quorum-policy=ignore
rsc_defaults resource-stickiness=INFINITY
"""


def configured(text: str = PAIR) -> Cib:
    loaded = load(Cib.empty(), text, Mode.REPLACE)
    assert loaded.is_loaded, [problem.line() for problem in loaded.problems]
    return loaded.cib


def came_back(data: bytes) -> Cib:
    converted = convert_book(data, "cluster.xlsx")
    assert converted.ok, [problem.line() for problem in converted.problems]
    return configured(converted.crm_text)


def said(cib: Cib) -> list[str]:
    return sorted(line.strip() for line in show(cib.configuration).splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_workbook_converts_back_to_the_same_configuration(language):
    cib = configured()
    exported = export(cib, language)
    assert exported.different == ()
    assert said(came_back(to_xlsx(exported, language))) == said(cib)


def test_what_no_table_can_hold_is_named_and_stands_as_crm_text():
    exported = export(configured())
    assert exported.additional == ("all", "by-hand")
    assert ("", "", "location by-hand grpPg 50: pm02") in exported.rows


def test_headings_stand_in_the_columns_of_the_template():
    page = openpyxl.load_workbook(io.BytesIO(to_xlsx(export(configured()))))["環境定義書"]
    header = next(row for row in page.iter_rows() if row[2].value == "type" and row[3].value == "timeout")
    number = header[0].row
    assert (page[f"F{number}"].value, page[f"H{number}"].value) == ("interval", "on-fail")
    assert f"D{number}:E{number}" in {str(found) for found in page.merged_cells.ranges}


def test_five_thousand_merged_cells_are_written_in_less_than_five_seconds():
    """openpyxl's own merge_cells looks through all ranges each time: the book of 250 resources took minutes."""
    began = time.process_time()
    data = rows_to_xlsx([("", "", "x")] * 5000, merged=[(row, "C", "D") for row in range(1, 5001)])
    assert time.process_time() - began < 5
    page = openpyxl.load_workbook(io.BytesIO(data)).active
    assert (len(page.merged_cells.ranges), "C5000:D5000" in page.merged_cells) == (5000, True)


def test_a_value_that_looks_like_a_formula_stays_text():
    data = to_xlsx(export(configured('primitive a ocf:pacemaker:Dummy params state="=1+1"')))
    page = openpyxl.load_workbook(io.BytesIO(data))["環境定義書"]
    (cell,) = [cell for row in page.iter_rows() for cell in row if cell.value == "=1+1"]
    assert cell.data_type == "s"


def test_remarks_of_an_earlier_sheet_are_kept():
    rows = (
        ("", "RESOURCES"),
        ("", "", "resourceItem", "", "", "id"),
        ("", "", "Primitive", "", "", "a", "", "", "本番用"),
    )
    notes = notes_of(Sheet("", rows))
    exported = export(configured("primitive a ocf:pacemaker:Dummy"), "ja", notes)
    assert any("本番用" in row for row in exported.rows)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_empty_form_has_every_table_and_nothing_wrong(language):
    form = empty(language)
    converted = convert_book(to_xlsx(form, language), "form.xlsx")
    assert not [problem for problem in converted.problems if problem.severity == "error"]
    tables = {row[1] for row in form.rows if len(row) > 1}
    assert {"NODE", "RESOURCES", "PRIMITIVE", "LOCATION_EXPERT", "ALERT", "ADDITIONAL_CONFIG"} <= tables


def test_the_command_writes_a_book_that_only_its_owner_can_read(tmp_path, capsys):
    given, written = tmp_path / "cib.xml", tmp_path / "out.xlsx"
    given.write_text(to_xml(configured()), encoding="utf-8")
    assert main(["--xml", str(given), "-o", str(written), "--lang", "en"]) == 0
    assert "by-hand: no table can hold it" in capsys.readouterr().err
    assert written.stat().st_mode & 0o077 == 0
    assert said(came_back(written.read_bytes())) == said(configured())


def test_a_file_that_is_not_there_is_said(tmp_path, capsys):
    assert main(["--xml", str(tmp_path / "none.xml"), "-o", str(tmp_path / "out.xlsx")]) == 66
    assert "there is no such file" in capsys.readouterr().err


SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "conformance"
CASES = sorted(SHARED.glob("sheets/*/sheet.xlsx")) + sorted(SHARED.glob("crm/*/input.crm"))


@pytest.mark.skipif(not CASES, reason="the conformance cases are not beside this checkout (../shared)")
def test_every_configuration_of_the_conformance_cases_comes_back_as_it_was():
    lost = {}
    tried = 0
    for case in CASES:
        if case.suffix == ".crm":
            text = case.read_text(encoding="utf-8")
        else:
            text = convert_book(case.read_bytes(), case.name, sheet="").crm_text
        loaded = load(Cib.empty(), text, Mode.REPLACE)
        if text and loaded.is_loaded:
            tried += 1
            if export(loaded.cib).different:
                lost[case.parent.name] = export(loaded.cib).different
    assert lost == {}
    assert tried > 100


def test_the_notes_of_a_sheet_of_2010_are_read_past_its_location_table():
    rows = (
        ("", "LOCATION"),
        ("", "", "rsc", "score:200"),
        ("", "", "grpPg", "pm01"),
        ("", "PRIMITIVE"),
        ("", "P", "id", "", "class", "", "provider", "", "type"),
        ("", "", "prmPg", "", "ocf", "", "heartbeat", "", "pgsql", "", "the database"),
    )
    assert list(notes_of(Sheet("old", rows))) == [("PRIMITIVE", "prmPg")]
