"""The four scenes of the talk, with real agents and a real PostgreSQL."""

from __future__ import annotations

import pytest

from tests.lab import scenes

pytestmark = pytest.mark.lab


def test_the_service_survives_the_four_scenes_and_no_committed_row_is_lost() -> None:
    rows = scenes.play_all()
    assert [(row.scene, row.passed, row.lost_rows) for row in rows] == [(name, True, 0) for name, _ in scenes.SCENES]
    assert rows[-1].down_s <= scenes.INTERRUPTED_S
