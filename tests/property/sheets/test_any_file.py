"""Files that were made to do harm, and what mutated sheets once found (`make fuzz` runs many)."""

from __future__ import annotations

import io
import zipfile

import pytest

from hacluster.sheets.convert import convert_book
from tests.property.sheets.fuzz import books
from tests.sheets_for_tests import GOOD

ROWS = '<row r="{0}"><c r="B{0}" t="inlineStr"><is><t>x</t></is></c></row>'


def workbook(sheet: bytes) -> bytes:
    """An xlsx file whose only worksheet is this XML."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(books()[0])) as good, zipfile.ZipFile(stream, "w", 8) as made:
        for name in good.namelist():
            made.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else good.read(name))
    return stream.getvalue()


def sheet_of(rows: str) -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'.encode()


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(lambda: workbook(b" " * 120_000_000), id="a zip bomb"),
        pytest.param(lambda: workbook(sheet_of("".join(map(ROWS.format, range(1, 200_001))))), id="200,000 rows"),
        pytest.param(
            lambda: workbook(b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + sheet_of("&b;")), id="entities"
        ),
        pytest.param(lambda: b",PROPERTY\n,,name,value\n" + b",,a,b\n" * 1_000_000, id="a million lines"),
        pytest.param(lambda: b"," * 3_000_000, id="three million columns"),
    ],
)
def test_a_hostile_file_is_refused_with_a_sentence(hostile) -> None:
    result = convert_book(hostile(), "a.xlsx", sheet="")
    assert not result.ok
    assert result.problems[0].sentence("en")
    assert result.problems[0].sentence("ja")


def test_a_book_that_asks_for_an_unknown_version_of_zip_is_refused() -> None:
    data = bytearray(books()[0])
    data[data.index(b"PK\x01\x02") + 6] = 255
    assert not convert_book(bytes(data), "a.xlsx", sheet="").ok


def test_an_ods_book_is_read() -> None:
    assert convert_book(books()[2], "a.ods", sheet="").ok


def test_the_file_before_its_mutation_is_good() -> None:
    assert convert_book(GOOD.encode(), "a.csv").ok
