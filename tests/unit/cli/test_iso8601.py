"""Dates, durations and periods as the command of the same name shows them."""

import time

import pytest

from hacluster.cli import iso8601
from hacluster.cli.exits import Exit


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-d", "2019-09-24T00:30:00Z"], "Date: 2019-09-24 00:30:00Z"),
        (["-d", "2019-09-24 00:30:00 +01:00"], "Date: 2019-09-23 23:30:00Z"),
        (["-d", "2019-09-24 00:30:00 +01:00", "-L"], "Date: 2019-09-24 00:30:00 +01:00"),
        (["-d", "2019-040"], "Date: 2019-02-09 00:00:00Z"),
        (["-d", "2019-W12-3"], "Date: 2019-03-20 00:00:00Z"),
        (["-d", "2019-09-24T24:00:00Z"], "Date: 2019-09-25 00:00:00Z"),
        (["-d", "epoch", "-S"], "Date: 0"),
        (["-d", "epoch", "-s"], "Date: 62135596800"),
        (["-d", "2020-12-31", "-W"], "Date: 2020-W53-4 00:00:00Z"),
        (["-d", "2020-12-31", "-O"], "Date: 2020-366 00:00:00Z"),
        (["-D", "P1Y2M3DT4H5M6S"], "Duration:    1 year  2 months  3 days 14706 seconds (4 hours 5 minutes 6 seconds)"),
        (["-D", "P2W"], "Duration: 14 days "),
        (["-D", "PT1S"], "Duration: 1 second"),
        (["-D", "PT0S"], "Duration: 0 seconds"),
        (["-p", "2005-040/2005-043"], "Period: 2005-02-09 00:00:00Z to 2005-02-12 00:00:00Z"),
        (["-p", "2005-01-01/P1Y2M3DT4H"], "Period: 2005-01-01 00:00:00Z to 2006-03-04 04:00:00Z"),
        (["-p", "P1M/2005-03-01"], "Period: 2005-02-01 00:00:00Z to 2005-03-01 00:00:00Z"),
        (["-p", "2020-02-29/P1Y"], "Period: 2020-02-29 00:00:00Z to 2021-03-01 00:00:00Z"),
    ],
)
def test_every_zone_shows_the_same(zone, words, expected, capsys):
    assert iso8601.main(words) == Exit.OK
    assert capsys.readouterr().out == f"{expected}\n"


def test_a_time_without_an_offset_is_local(monkeypatch, capsys):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert iso8601.main(["-d", "2019-09-24 00:30:00"]) == Exit.OK
    iso8601.main(["-d", "2019-09-24 00:30:00", "-L"])
    monkeypatch.undo()
    time.tzset()
    assert capsys.readouterr().out == "Date: 2019-09-23 15:30:00Z\nDate: 2019-09-24 00:30:00 +09:00\n"


def test_the_end_of_a_duration_is_told_with_a_date(capsys):
    iso8601.main(["-d", "2019-01-31 00:00:00Z", "-D", "P1M"])
    assert capsys.readouterr().out.splitlines()[-1] == "Duration ends at: 2019-02-28 00:00:00Z"


@pytest.mark.parametrize(
    "words",
    [
        ["-d", text]
        for text in ("bad", "", "2019-13-01", "2020-02-30", "2019-W12", "2019-366", "2019", "2019-09-24T10:61")
    ]
    + [["-D", text] for text in ("bad", "30s", "P", "P1.5D", "P99999999999999999999Y")]
    + [["-p", text] for text in ("bad", "2005-040", "/P1M", "2005-040/", "9999-12-31/P1Y")],
)
def test_what_is_no_date_ends_with_two_and_a_sentence(words, capsys):
    assert iso8601.main(words) == Exit.INVALID_PARAM
    assert capsys.readouterr().err.startswith("iso8601: Invalid ")


@pytest.mark.parametrize(("text", "code"), [("2019-09-24 00:30:00Z", Exit.OK), ("another", Exit.ERROR)])
def test_an_expected_text_decides_the_exit_code(text, code, capsys):
    assert iso8601.main(["-d", "2019-09-24 00:30:00Z", "-E", text]) == code
