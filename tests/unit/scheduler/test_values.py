"""Scores, durations, rules and digests: the small words of the scheduler."""

from __future__ import annotations

import pytest

from hacluster.cib.codec import parse_xml
from hacluster.cib.model import SCORE_INFINITY, Element
from hacluster.scheduler.digests import digest
from hacluster.scheduler.values import add, boolean, duration_ms, rule_applies, score


@pytest.mark.parametrize(
    ("one", "other", "total"),
    [
        (1, 2, 3),
        (SCORE_INFINITY, 5, SCORE_INFINITY),
        (SCORE_INFINITY, -SCORE_INFINITY, -SCORE_INFINITY),
        (999_999, 999_999, SCORE_INFINITY),
    ],
)
def test_scores_saturate_and_minus_infinity_wins(one: int, other: int, total: int) -> None:
    assert add(one, other) == total


@pytest.mark.parametrize(
    ("text", "number"), [("INFINITY", SCORE_INFINITY), ("+inFinity", SCORE_INFINITY), ("-5", -5), ("1.0", 1), ("x", 0)]
)
def test_a_score_is_read_as_pacemaker_does(text: str, number: int) -> None:
    assert score(text) == number


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("10", 10_000), ("10s", 10_000), ("250ms", 250), ("2min", 120_000), ("1h", 3_600_000), ("PT10S", 10_000)],
)
def test_a_bare_duration_counts_seconds(text: str, wanted: int) -> None:
    assert duration_ms(text) == wanted


def test_an_unreadable_boolean_is_the_default() -> None:
    assert boolean("perhaps", True)
    assert not boolean("off", True)


def rule(text: str) -> Element:
    found = parse_xml(text)
    assert isinstance(found, Element)
    return found


def test_a_rule_compares_numbers_as_numbers() -> None:
    low = rule('<rule score="-INFINITY"><expression attribute="ping" operation="lt" value="100"/></rule>')
    assert rule_applies(low, {"ping": "99"})
    assert not rule_applies(low, {"ping": "1000"})


def test_an_undefined_attribute_is_neither_below_nor_above_anything() -> None:
    for operation in ("lt", "lte", "gt", "gte", "eq"):
        one = rule(f'<rule score="1"><expression attribute="ping" operation="{operation}" value="100"/></rule>')
        assert not rule_applies(one, {})


@pytest.mark.parametrize(
    ("interval_ms", "timeout_ms", "wanted"),
    [(0, 20_000, "f2317cad3d54cec5d7d7aa7d0bf35cf8"), (10_000, 20_000, "4811cef7f7f94e3a35a70be7916cb2fd")],
)
def test_the_digest_of_no_parameters_is_the_known_one(interval_ms: int, timeout_ms: int, wanted: str) -> None:
    assert digest({}, interval_ms, timeout_ms) == wanted
