"""The daemon before it starts anything: what it says about its configuration, and how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nodeagent.__main__ import main

_HA_CF = "keepalive 1\ndeadtime 4\nbcast eth1 eth2\nnode pm01 pm02\n"
_KEYS = "auth 1\n1 sha256 0123456789abcdef0123456789abcdef\n"


def _start(etc: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["--etc", str(etc), "--state", str(etc / "state"), "--run", str(etc / "run"), "--node", "pm01", *options])
    return int(end.value.code or 0)


def _write(etc: Path, ha_cf: str = _HA_CF, keys: str = _KEYS) -> None:
    (etc / "ha.cf").write_text(ha_cf)
    (etc / "authkeys").write_text(keys)
    (etc / "authkeys").chmod(0o600)


def test_a_correct_configuration_is_called_correct(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path)
    assert _start(tmp_path, "--check") == 0
    assert capsys.readouterr().out == f"{tmp_path}: the configuration of node pm01 is correct\n"


def test_a_wrong_configuration_is_told_whole_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, "deadtime never\nnode pm01\nfoo\n", "auth 1\n1 md5 x\n")
    assert _start(tmp_path) == 1
    assert [line.partition(": ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "ha.cf:1", "ha.cf:3", "authkeys:2",
    ]  # fmt: skip
    assert sorted(os.listdir(tmp_path)) == ["authkeys", "ha.cf"]


def test_problems_are_told_in_japanese_where_the_terminal_speaks_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    _write(tmp_path, "foo\n" + _HA_CF)
    assert _start(tmp_path) == 1
    assert "ディレクティブ「foo」はありません" in capsys.readouterr().err


def test_corosync_is_refused_with_a_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, _HA_CF + "engine corosync\n")
    assert _start(tmp_path) == 1
    assert "use engine heartbeat" in capsys.readouterr().err


def test_an_agent_does_not_begin_anew_with_a_wrong_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, "foo\n" + _HA_CF)
    assert _start(tmp_path, "--restart") == 1
    _write(tmp_path)
    assert _start(tmp_path, "--restart") == 7
    assert "no agent runs" in capsys.readouterr().err
