"""Imports point one way: the rooms of the house, what each may know, and the first import that breaks it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAY_IMPORT = {
    "hacluster/cib": ["hacluster.cib"],
    "hacluster/crm": ["hacluster.cib", "hacluster.crm"],
    "hacluster/sheets": ["hacluster.cib", "hacluster.crm", "hacluster.sheets"],
    "hacluster/scheduler": ["hacluster.cib", "hacluster.scheduler"],
    "hacluster/protocol": ["hacluster.cib", "hacluster.scheduler", "hacluster.protocol"],
    "hacluster/cli": ["hacluster"],
    "nodeagent/machines": ["hacluster.cib", "hacluster.scheduler", "hacluster.protocol", "nodeagent.machines"],
    "nodeagent/shell": ["hacluster", "nodeagent"],
    "webui": ["hacluster", "webui"],
}
"""Folder -> the packages of ours it may import."""

PURE = ["hacluster/cib", "hacluster/crm", "hacluster/scheduler", "nodeagent/machines"]
IMPURE_MODULES = {"asyncio", "socket", "os", "time", "subprocess", "logging", "django"}
WITHOUT_DJANGO = ["hacluster/cli", "hacluster/protocol", "hacluster/sheets", "nodeagent"]
CONSOLE_DOOR = "hacluster/cli/console.py"
"""`hactl console` is the one command that starts Django and knows the console's own rooms."""


def modules_in(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    """(line, full module name) of each import, those inside functions and TYPE_CHECKING included."""
    package = file.relative_to(ROOT).parts[:-1] if file.is_relative_to(ROOT) else ()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module, names, level):
                base = ".".join(package[: len(package) - level + 1]) if level else ""
                source = ".".join(part for part in (base, module) if part)
                yield from ((node.lineno, f"{source}.{alias.name}") for alias in names)


def begins_with(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_room_imports_only_what_lies_below_it(folder):
    broken = [
        f"{file.relative_to(ROOT)}:{line} imports {module}"
        for file in modules_in(folder)
        if str(file.relative_to(ROOT)) != CONSOLE_DOOR
        for line, module in imports_of(file)
        if begins_with(module, "hacluster") or begins_with(module, "nodeagent") or begins_with(module, "webui")
        if not any(begins_with(module, allowed) for allowed in MAY_IMPORT[folder])
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("folder", PURE)
def test_a_pure_room_names_no_clock_socket_or_file(folder):
    broken = [
        f"{file.relative_to(ROOT)}:{line} imports {module}"
        for file in modules_in(folder)
        for line, module in imports_of(file)
        if module.split(".")[0] in IMPURE_MODULES
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("folder", WITHOUT_DJANGO)
def test_only_the_console_knows_django(folder):
    broken = [
        f"{file.relative_to(ROOT)}:{line} imports {module}"
        for file in modules_in(folder)
        if str(file.relative_to(ROOT)) != CONSOLE_DOOR
        for line, module in imports_of(file)
        if module.split(".")[0] in ("django", "celery", "channels")
    ]
    assert not broken, "\n".join(broken)


def test_importing_the_language_starts_nothing():
    assert (ROOT / "hacluster" / "__init__.py").read_text() == ""


def test_the_guard_sees_every_form_of_an_import(tmp_path):
    sample = tmp_path / "sample.py"
    sample.write_text("import os.path\nfrom hacluster import crm\ndef f():\n    from webui.models import X\n")
    assert sorted(imports_of(sample)) == [(1, "os.path"), (2, "hacluster.crm"), (4, "webui.models.X")]
