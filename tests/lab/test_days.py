"""Bad days in the lab: a few seeds of `python -m tests.lab.schedules`, and what its judges see."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import faults, schedules
from tests.lab.activity import Activity
from tests.lab.judges import Alone

SHORT_S = 10.0


@pytest.mark.lab
@pytest.mark.parametrize("seed", [30, 37, 50])
def test_services_changes_and_journal_survive_a_bad_day(seed: int) -> None:
    outcome = schedules.play(faults.draw(seed, SHORT_S))
    assert outcome.verdicts == []
    assert outcome.happened
    assert outcome.acknowledged


def test_a_seed_always_gives_the_same_day() -> None:
    assert faults.draw(7) == faults.draw(7)
    assert faults.draw(7) != faults.draw(8)


def test_on_a_day_without_a_cause_for_fencing_the_lans_are_touched_one_after_the_other() -> None:
    quiet = [day for day in map(faults.draw, range(100)) if not day.may_fence]
    assert len(quiet) > 10
    for day in quiet:
        for one in day.faults:
            others = [each for each in day.faults if each.lan != one.lan and each.at_s >= one.at_s]
            assert all(each.at_s > one.at_s + one.lasts_s for each in others)


@pytest.mark.parametrize(
    ("marks", "events", "found"),
    [
        ("1.0 begin r pm01\n2.0 end r pm01\n3.0 begin r pm02\n", "", 0),
        ("1.0 begin r pm01\n3.0 begin r pm02\n4.0 end r pm01\n", "", 1),
        ("1.0 begin r pm01\n3.0 begin r pm02\n", "2.0 off pm01\n", 0),
        ("1.0 begin r pm01\n3.0 begin r pm02\n", "4.0 off pm01\n", 1),
        ("1.0 begin r pm01\n3.0 begin r pm02\n", "2.0 rebooted pm01\n2.1 on pm01\n", 0),
    ],
)
def test_the_marks_show_what_was_active_twice(tmp_path: Path, marks: str, events: str, found: int) -> None:
    (tmp_path / "marks").write_text(marks)
    (tmp_path / "events").write_text(events)
    assert len(Activity.read(tmp_path / "marks", tmp_path / "events").violations) == found


def test_a_host_is_alone_from_when_it_must_have_noticed_until_its_cables_are_whole() -> None:
    alone = Alone("pm01", 10.0).until(20.0).until(30.0)
    seen = [alone.is_so("pm01", at_s, 1.5, ()) for at_s in (9.0, 11.0, 12.0, 19.9, 20.1)]
    assert seen == [False, False, True, True, False]
    assert not alone.is_so("pm02", 12.0, 1.5, ())
    assert not alone.is_so("pm01", 15.0, 1.5, (14.0,))
    assert alone.is_so("pm01", 15.0, 1.5, (5.0, 16.0))
