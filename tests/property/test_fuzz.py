"""A few of the mutated sheets, texts and documents at every run; `make fuzz N=200000` for many."""

from __future__ import annotations

from tests.property import fuzz


def test_a_thousand_mutated_inputs_are_answered_without_an_exception_or_a_long_wait() -> None:
    assert fuzz.run(range(1000)).findings == []


def test_a_wrong_answer_is_a_finding_with_its_seed(monkeypatch) -> None:
    def fails(made: int, seed: int) -> str:
        raise ValueError(f"no answer to {made}")

    monkeypatch.setitem(fuzz._TRY, "sheet", (int, fails))
    assert fuzz.run(range(2)).findings == ["sheet 0: ValueError: no answer to 0"]
