"""`crm configure`: the configuration as text: shown, loaded, edited, and changed object by object.

Reads words and a Workspace; prints, changes the workspace, gives an exit code. With an error nothing is changed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hacluster.cli.cluster import connect
from hacluster.cli.crm_completion import COMMANDS
from hacluster.cli.crm_workspace import Workspace
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.language import line_of

if TYPE_CHECKING:
    from hacluster.cib.model import Cib, Element
    from hacluster.cib.problems import Problem
    from hacluster.crm.apply import Loaded


def configure(words: list[str], workspace: Workspace) -> int:
    from hacluster.crm.statements import READERS

    command, rest = (words[0], words[1:]) if words else ("", [])
    if command in _COMMANDS:
        return _COMMANDS[command](rest, workspace)
    if command.lower() in READERS:
        return _load_text(shlex.join(words), "update", workspace)
    raise CommandFailed(Exit.USAGE, f"configure knows no “{command}”; it knows {', '.join(COMMANDS['configure'])}")


def tell(problems: Iterable[Problem], source: str = "") -> None:
    for problem in problems:
        prefix = f"{source}: " if source else ""
        print(f"{problem.severity.value.upper()}: {prefix}{line_of(problem)}", file=sys.stderr)


def _take(before: Cib, loaded: Loaded, workspace: Workspace, source: str = "") -> int:
    """Tell every problem; with an error among them nothing is changed."""
    tell(loaded.problems, source)
    return workspace.put(before, loaded.cib) if loaded.is_loaded else Exit.ERROR


def _usage(form: str) -> CommandFailed:
    return CommandFailed(Exit.USAGE, f"usage: crm configure {form}")


# ---------------------------------------------------------------- looking


def _show(words: list[str], workspace: Workspace) -> int:
    from hacluster.cib.codec import to_xml

    cib = workspace.cib()
    if words[:1] == ["xml"]:
        print(to_xml(_only(cib.configuration, words[1:]).mapping_children(_without_secrets)), end="")
        return Exit.OK
    names = workspace.changed_ids() if words == ["changed"] else words
    for text in _statements(cib, names if words else None, hide_secrets=True):
        print(text)
    return Exit.OK


def _only(configuration: Element, names: list[str]) -> Element:
    """The sections with these objects, or all of them; a member is shown without its container."""
    from hacluster.crm.references import object_named

    if not names:
        return configuration
    shown = {name: object_named(configuration, name) or _node(configuration, name) for name in names}
    for name, found in shown.items():
        if found is None:
            raise CommandFailed(Exit.ERROR, f"object {name} does not exist")

    def section(of: Element) -> Element | None:
        inside = [one for one in shown.values() if one is not None and any(each is one for each in of.walk())]
        return of.with_children(tuple(inside)) if inside else None

    return configuration.mapping_children(section)


def _node(configuration: Element, name: str) -> Element | None:
    nodes = configuration.find("nodes")
    return next((node for node in nodes.all("node") if node.get("uname") == name), None) if nodes else None


def _without_secrets(element: Element) -> Element:
    if element.tag == "nvpair" and element.get("name").lower().startswith("passw") and element.get("value"):
        return element.with_attributes({"value": "******"})
    return element.mapping_children(_without_secrets)


def _statements(cib: Cib, names: list[str] | None, *, hide_secrets: bool = False) -> list[str]:
    """All statements, or those of these objects. A name may also be a kind: `type:primitive`, as in crmsh."""
    from hacluster.crm.printer import statements

    printed = statements(cib.configuration, hide_secrets=hide_secrets)
    if names is None:
        return [found.text for found in printed]
    known = {found.id for found in printed} | {f"type:{found.kind}" for found in printed}
    for name in names:
        if name not in known and not name.startswith("type:"):
            raise CommandFailed(Exit.ERROR, f"object {name} does not exist")
    return [found.text for found in printed if found.id in names or f"type:{found.kind}" in names]


def _save(words: list[str], workspace: Workspace) -> int:
    from hacluster.cib.codec import to_xml

    is_xml = words[:1] == ["xml"]
    file, *names = words[1:] if is_xml else words or [""]
    if not file:
        raise _usage("save [xml] FILE [ID…]")
    cib = workspace.cib()
    text = to_xml(cib.configuration) if is_xml else "".join(f"{one}\n" for one in _statements(cib, names or None))
    try:
        # The text holds passwords.
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise CommandFailed(Exit.CANTCREAT, f"{file}: {error.strerror}") from error
    return Exit.OK


def _verify(_words: list[str], workspace: Workspace) -> int:
    from hacluster.cib.problems import has_errors
    from hacluster.cli.crm_checks import findings

    problems = findings(workspace.cib(), connect())
    tell(problems)
    return Exit.ERROR if has_errors(problems) else Exit.OK


def _get_property(words: list[str], workspace: Workspace) -> int:
    pairs = [pair for pair in workspace.cib().section("crm_config").walk() if pair.tag == "nvpair"]
    values = {pair.get("name"): pair.get("value") for pair in pairs}
    for name in words:
        if name not in values:
            raise CommandFailed(Exit.ERROR, f"the property {name} is not set")
        print(values[name])
    return Exit.OK


def _ptest(_words: list[str], workspace: Workspace) -> int:
    """What the cluster would do with this configuration."""
    from hacluster.cib.codec import to_xml
    from hacluster.cli import crm_simulate

    with tempfile.NamedTemporaryFile("w", suffix=".xml", encoding="utf-8") as file:
        file.write(to_xml(workspace.cib()))
        file.flush()
        return crm_simulate.main(["-x", file.name, "-S"])


def _schema(words: list[str], workspace: Workspace) -> int:
    print(workspace.cib().root.get("validate-with"))
    return Exit.OK


# ---------------------------------------------------------------- changing


def _load(words: list[str], workspace: Workspace) -> int:
    is_xml = words[:1] == ["xml"]
    words = words[1:] if is_xml else words
    if len(words) != 2 or words[0] not in ("update", "replace", "push"):
        raise _usage("load [xml] update|replace|push FILE")
    mode, source = words
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(Exit.ERROR, f"{source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(Exit.ERROR, f"{source}: {error}") from error
    return _load_text(_as_text(text, source) if is_xml else text, mode, workspace, source)


def _as_text(xml: str, source: str) -> str:
    from hacluster.cib.codec import parse_xml
    from hacluster.cib.problems import Problem
    from hacluster.crm.printer import show

    parsed = parse_xml(xml)
    if isinstance(parsed, Problem):
        raise CommandFailed(Exit.ERROR, f"{source}: {line_of(parsed)}")
    configuration = next((found for found in parsed.walk() if found.tag == "configuration"), None)
    if configuration is None:
        raise CommandFailed(Exit.ERROR, f"{source}: there is no <configuration> in it")
    return show(configuration)


def _load_text(text: str, mode: str, workspace: Workspace, source: str = "") -> int:
    from hacluster.crm.apply import Mode, load

    before = workspace.cib()
    return _take(before, load(before, text, Mode(mode)), workspace, source)


def _delete(words: list[str], workspace: Workspace) -> int:
    from hacluster.crm.editing import delete

    names = [word for word in words if word not in ("--force", "-f", "force")]
    force = workspace.force or len(names) != len(words)
    if not names:
        raise _usage("delete [--force] ID…")
    before = workspace.cib()
    if not force:
        _refuse_running(before, names, "deleted")
    return _take(before, delete(before, names, force=force), workspace)


def _rename(words: list[str], workspace: Workspace) -> int:
    from hacluster.crm.editing import rename

    if len(words) != 2:
        raise _usage("rename OLD NEW")
    before = workspace.cib()
    if not workspace.force:
        _refuse_running(before, words[:1], "renamed")
    return _take(before, rename(before, *words), workspace)


def _refuse_running(cib: Cib, names: list[str], verb: str) -> None:
    """A running resource would be stopped by that: it takes --force to say so."""
    import time

    from hacluster.cli.status_view import ResourceView, view

    def is_active(found: ResourceView) -> bool:
        return found.is_active or any(is_active(child) for child in found.children)

    def all_of(found: ResourceView) -> Iterable[ResourceView]:
        yield found
        for child in found.children:
            yield from all_of(child)

    plain = {element.id for element in cib.section("resources").walk() if element.tag == "primitive"}
    for top in view(cib, now=time.time()).resources:
        for found in all_of(top):
            name = found.id.split(":")[0]
            if name in names and name in plain and is_active(found):
                raise CommandFailed(Exit.ERROR, f"resource {name} is running, it can't be {verb} (stop it, or use -F)")


def _modgroup(words: list[str], workspace: Workspace) -> int:
    from hacluster.crm.editing import add_member, remove_member

    before = workspace.cib()
    match words:
        case [group, "add", name]:
            changed = add_member(before, group, name)
        case [group, "add", name, "before", other]:
            changed = add_member(before, group, name, before=other)
        case [group, "add", name, "after", other]:
            changed = add_member(before, group, name, after=other)
        case [group, "remove", name]:
            changed = remove_member(before, group, name)
        case _:
            raise _usage("modgroup ID add ID [before|after ID] | modgroup ID remove ID")
    return _take(before, changed, workspace)


def _erase(_words: list[str], workspace: Workspace) -> int:
    from hacluster.cib.model import Cib, Element

    if not workspace.force:
        raise CommandFailed(Exit.ERROR, "this would delete the whole configuration; say crm -F configure erase")
    before = workspace.cib()
    nodes = before.section("nodes")
    blank = Cib(before.root).with_configuration(Cib.empty().configuration)
    return workspace.put(before, blank.with_section(nodes if nodes.tag == "nodes" else Element("nodes")))


def _upgrade(_words: list[str], _workspace: Workspace) -> int:
    from hacluster.cli import cibadmin

    return cibadmin.main(["--upgrade", "--force"])


def _commit(_words: list[str], workspace: Workspace) -> int:
    return workspace.commit()


def _refresh(_words: list[str], workspace: Workspace) -> int:
    workspace.discard()
    return Exit.OK


# ---------------------------------------------------------------- edit


def _edit(words: list[str], workspace: Workspace) -> int:
    """The operator's editor on the text of these objects, or of all."""
    before = workspace.cib()
    text = "".join(f"{one}\n" for one in _statements(before, words or None))
    edited = _edited(text)
    while edited != text:
        loaded = _loaded_edit(before, words, text, edited, force=workspace.force)
        if loaded.is_loaded:
            return _take(before, loaded, workspace)
        tell(loaded.problems)
        if not sys.stdin.isatty() or not input("Edit it again (y/n)? ").strip().lower().startswith("y"):
            print("crm: nothing is changed", file=sys.stderr)
            return Exit.ERROR
        edited = _edited(edited)
    return Exit.OK


def _loaded_edit(before: Cib, chosen: list[str], text: str, edited: str, *, force: bool) -> Loaded:
    """The whole text takes the configuration's place; of some objects, those that were taken out of it are deleted."""
    from hacluster.crm.apply import Loaded, Mode, load
    from hacluster.crm.editing import delete, emptied
    from hacluster.crm.parser import parse

    base = emptied(before, chosen)
    if not chosen:
        return load(base, edited, Mode.REPLACE)
    changed = load(base, edited, Mode.UPDATE)
    gone = [name for name in parse(text).lines if name not in parse(edited).lines]
    if not changed.is_loaded or not gone:
        return changed
    deleted = delete(changed.cib, gone, force=force)
    return Loaded(deleted.cib, (*changed.problems, *deleted.problems), deleted.is_loaded)


def _edited(text: str) -> str:
    command = os.environ.get("EDITOR") or os.environ.get("VISUAL") or "vi"
    # Only its owner can read the file: the text holds passwords.
    with tempfile.NamedTemporaryFile("w+", suffix=".crm", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        try:
            ended = subprocess.run([*shlex.split(command), file.name], check=False)
            if ended.returncode:
                raise CommandFailed(Exit.ERROR, f"{command} ended with {ended.returncode}; nothing is changed")
            return Path(file.name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise CommandFailed(Exit.ERROR, f"{command}: {error}; nothing is changed") from error


_COMMANDS: dict[str, Callable[[list[str], Workspace], int]] = {
    "show": _show,
    "save": _save,
    "verify": _verify,
    "get-property": _get_property,
    "get_property": _get_property,
    "ptest": _ptest,
    "simulate": _ptest,
    "schema": _schema,
    "load": _load,
    "edit": _edit,
    "delete": _delete,
    "remove": _delete,
    "rename": _rename,
    "modgroup": _modgroup,
    "erase": _erase,
    "upgrade": _upgrade,
    "commit": _commit,
    "refresh": _refresh,
}
