"""A temporary placement is the same whoever writes it, and goes without a trace."""

from datetime import UTC, datetime

from hacluster.cib import placement
from hacluster.cib.codec import parse_xml
from hacluster.cib.model import Cib, Element
from hacluster.cli import placement as orders


def test_command_line_and_console_write_the_same_constraint():
    change = orders.prefer("grp", "pm02")
    written = parse_xml(change.xml)
    assert isinstance(written, Element)
    assert written.children == (placement.prefer("grp", "pm02"),)
    moved = placement.moved(Cib.empty(), "grp", "pm02", off=["pm01", "pm02"])
    assert [each.id for each in moved.section("constraints").children] == ["cli-ban-grp-on-pm01", "cli-prefer-grp"]
    assert moved.section("constraints").children[-1] == written.children[0]


def test_moving_again_ends_the_placement_before():
    once = placement.moved(Cib.empty(), "grp", "pm02", off=["pm01"])
    again = placement.moved(once, "grp", "pm01", off=["pm02"])
    assert [(each.id, each.get("node")) for each in placement.of(again, "grp")] == [
        ("cli-ban-grp-on-pm02", "pm02"),
        ("cli-prefer-grp", "pm01"),
    ]


def test_clearing_touches_no_other_resource():
    both = placement.moved(placement.moved(Cib.empty(), "grp", "pm02"), "grp2", "pm01")
    left = placement.cleared(both, "grp")
    assert [each.id for each in left.section("constraints").children] == ["cli-prefer-grp2"]
    assert placement.cleared(left, "grp") is left


def test_a_placement_with_an_end_holds_until_that_moment_in_utc():
    constraint = placement.ban("grp", "pm01", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))
    ends = [each.get("end") for each in constraint.walk() if each.tag == "date_expression"]
    assert ends == ["2030-01-02 03:04:05 Z"]
