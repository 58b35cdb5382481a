"""Documents point at what is there."""

import re
from pathlib import Path

import pytest

from hacluster.cli import hactl
from hacluster.cli.crm_completion import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    targets = [found for found in LINK.findall(document.read_text()) if not found.startswith(("http:", "https:"))]
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing, f"{document.relative_to(ROOT)} points at {missing}"


def test_the_path_walks_through_every_room():
    walked = (ROOT / "docs" / "path.md").read_text()
    for room in ("sheets/", "crm/", "cib/", "scheduler/", "protocol/", "machines/", "shell/", "webui/", "static/"):
        assert room in walked


TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MODULE = re.compile(r"python -m ([a-z_.]+)")
MAKE = re.compile(r"(?:^ {4}|`)make ([a-z]+)", re.MULTILINE)
HACTL = re.compile(r"(?:^ {4}|`)hactl ([a-z0-9-]+)", re.MULTILINE)
CRM = re.compile(r"(?:^ {4}|`)crm ([a-z]+) ([a-z]+)", re.MULTILINE)
MANAGE = re.compile(r"manage\.py ([a-z_]+)")


def exists(module: str) -> bool:
    path = ROOT / module.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_there(document):
    text = document.read_text()
    unknown = [f"make {target}" for target in MAKE.findall(text) if target not in TARGETS]
    unknown += [f"hactl {each}" for each in HACTL.findall(text) if each not in hactl.SUBCOMMANDS]
    unknown += [f"python -m {each}" for each in MODULE.findall(text) if not exists(each)]
    known = {"migrate", "runserver", "createsuperuser"}
    known |= {file.stem for file in (ROOT / "webui" / "management" / "commands").glob("*.py")}
    unknown += [f"manage.py {each}" for each in MANAGE.findall(text) if each not in known]
    unknown += [f"crm {level} {word}" for level, word in CRM.findall(text) if word not in COMMANDS.get(level, [])]
    assert not unknown, f"{document.relative_to(ROOT)} names {unknown}"
