"""Every command that is promised can be loaded."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from hacluster.cli.hactl import SUBCOMMANDS, main

PROJECT = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text())
PROMISED = {**PROJECT["project"]["scripts"], **{f"hactl {name}": target for name, (target, _) in SUBCOMMANDS.items()}}


@pytest.mark.parametrize("command", PROMISED)
def test_a_command_has_a_function_behind_it(command):
    module, _, function = PROMISED[command].partition(":")
    assert callable(getattr(import_module(module), function))


def test_an_unknown_subcommand_is_named_and_the_known_ones_are_listed(capsys):
    assert main(["nothing"]) == 2
    shown = capsys.readouterr().err
    assert "nothing" in shown
    assert "simulate" in shown
