"""What the crm shell offers at the tab key."""

import contextlib

import pytest

from hacluster.cli.crm import LEVELS
from hacluster.cli.crm_completion import COMMANDS, STATEMENTS, Names, candidates
from hacluster.cli.crm_configure import configure
from hacluster.cli.crm_workspace import Workspace
from hacluster.cli.exits import CommandFailed
from hacluster.crm.statements import READERS

NAMES = Names(
    resources=("grp", "pg", "ping"),
    nodes=("pm01", "pm02"),
    groups=("grp",),
    objects=("grp", "pg", "ping", "loc1", "pm01"),
    agents=("ocf:heartbeat:pgsql", "ocf:heartbeat:Dummy", "stonith:fence_ipmilan"),
    options=("stonith-enabled",),
)


@pytest.mark.parametrize(
    ("level", "typed", "expected"),
    [
        ("", "res", ["resource"]),
        ("", "resource st", ["start", "status", "stop"]),
        ("", "resource move p", ["pg", "ping"]),
        ("", "resource move pg pm", ["pm01", "pm02"]),
        ("resource", "move pg pm02", ["pm02"]),
        ("resource", "stop pg pi", ["ping"]),
        ("", "node standby ", ["pm01", "pm02"]),
        ("", "node standby pm01 ", ["forever", "reboot"]),
        ("configure", "modgroup ", ["grp"]),
        ("configure", "modgroup grp add pg ", ["after", "before"]),
        ("configure", "show loc", ["loc1"]),
        ("configure", "delete grp lo", ["loc1"]),
        ("configure", "pri", ["primitive"]),
        ("configure", "primitive new ocf:heartbeat:p", ["ocf:heartbeat:pgsql"]),
        ("configure", "primitive new ocf:heartbeat:pgsql op mon", ["monitor"]),
        ("configure", "primitive new ocf:heartbeat:pgsql pa", ["params"]),
        ("configure", "location l1 ", ["grp", "pg", "ping", "pm01", "pm02"]),
        ("configure", "property sto", ["stonith-enabled="]),
        ("ra", "list ", ["ocf", "stonith"]),
        ("cluster", "sta", ["start", "status"]),
        ("", "nolevel x", []),
        ("", "resource status pg x", []),
    ],
)
def test_the_words_so_far_give_the_candidates(level, typed, expected):
    assert candidates(typed.split(" "), NAMES, level) == expected


def test_nothing_typed_offers_every_command_of_the_level():
    assert set(candidates([""], Names(), "")) >= {*LEVELS, "help", "quit"}
    assert set(candidates([], Names(), "cluster")) >= {"start", "stop", "up"}


def test_every_offered_statement_can_be_read():
    assert set(STATEMENTS) <= READERS.keys()


STARTS_AN_AGENT = {("cluster", "start"), ("cluster", "restart")}
OFFERED = {(level, command) for level in LEVELS for command in COMMANDS.get(level, {})}


@pytest.mark.parametrize(("level", "command"), sorted(OFFERED - STARTS_AN_AGENT))
def test_every_offered_command_is_known_to_its_level(level, command, monkeypatch, tmp_path):
    monkeypatch.setenv("CIB_file", str(tmp_path / "none.xml"))
    monkeypatch.setenv("HACLUSTER_RUN", str(tmp_path))
    # A sentence of the level itself, or argparse's refusal of a call without its words; never “knows no …”.
    said = ""
    with contextlib.suppress(SystemExit):
        try:
            LEVELS[level]([command], Workspace())
        except CommandFailed as failure:
            said = failure.sentence
    assert "knows no" not in said


def test_an_unknown_command_is_told_with_those_there_are():
    with pytest.raises(CommandFailed, match="modgroup"):
        configure(["nothing"], Workspace())
