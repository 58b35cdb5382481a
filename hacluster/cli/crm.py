"""`crm`: the shell that operators know: configure, resource, node, ra, cluster, status; one command or interactive.

Reads its arguments, or lines from the terminal; each level is a function that takes words and gives an exit code.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from hacluster.cli.cluster import connect, live, run
from hacluster.cli.exits import CommandFailed, Exit

USAGE = """usage: crm [-F] LEVEL COMMAND …

  configure   load update|replace|push FILE, show [xml] [ID…], delete [--force] ID…, or any statement
  resource    status, cleanup, refresh, move, unmove, start, stop, restart, promote, demote,
              manage, unmanage, maintenance, locate
  node        status, show, standby, online, maintenance, ready, fence, attribute
  ra          list [CLASS [PROVIDER]], info AGENT
  cluster     stop, status
  status      the cluster as crm_mon shows it

Without arguments it is interactive; help and quit do what they say."""

Level = Callable[[list[str]], int]


def main(argv: list[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    words = [word for word in given if word not in ("-F", "--force", "-w")]
    force = len(words) != len(given)
    if words and words[0] in ("-h", "--help", "help"):
        print(USAGE)
        return Exit.OK
    if not words:
        return _interactive()
    return run("crm", lambda: execute([*words, "--force"] if force and words[0] == "configure" else words))


def execute(words: list[str]) -> int:
    """One command of the shell."""
    levels: dict[str, Level] = {
        "configure": configure,
        "resource": resource,
        "node": node,
        "ra": ra,
        "cluster": cluster,
        "status": status,
    }
    level = levels.get(words[0])
    if level is None:
        raise CommandFailed(Exit.USAGE, f"there is no level “{words[0]}”; crm help lists them")
    return level(words[1:])


def _interactive() -> int:
    """Lines from the terminal until quit; a level's name alone enters it, `up` leaves it."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
    level = ""
    worst = 0
    while True:
        try:
            line = input(f"crm({level})# " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return worst
        words = shlex.split(line, comments=True) if line else []
        if not words:
            continue
        if words[0] in ("quit", "exit", "bye"):
            return worst
        if words[0] in ("up", "end", "cd"):
            level = ""
        elif words[0] == "help":
            print(USAGE)
        elif not level and words[0] in ("configure", "resource", "node", "ra", "cluster") and len(words) == 1:
            level = words[0]
        else:
            full = [level, *words] if level else words
            code = run("crm", lambda full=full: execute(full))  # type: ignore[misc]
            worst = worst or (0 if sys.stdin.isatty() else code)


# ---------------------------------------------------------------- configure


def configure(words: list[str]) -> int:
    from hacluster.crm.statements import READERS

    force = any(word in ("-F", "--force") for word in words)
    given = [word for word in words if word not in ("-F", "--force")]
    command, rest = (given[0], given[1:]) if given else ("", [])
    match command:
        case "show":
            return _show(rest)
        case "load":
            return _load(rest, force=force)
        case "delete":
            return _delete([*rest, "--force"] if force else rest)
        case "verify":
            return _verify()
        case "commit" | "up":
            # Each statement is committed as it is given, after the same checks.
            return Exit.OK
    if command in READERS:
        return _change(shlex.join(given).replace("'", '"'), "update", force=force)
    raise CommandFailed(Exit.USAGE, f"configure knows no “{command}”; crm help lists its commands")


def _show(words: list[str]) -> int:
    from hacluster.cib.codec import to_xml
    from hacluster.crm.printer import statements

    cib = connect().query()
    if words[:1] == ["xml"]:
        print(to_xml(cib.configuration), end="")
        return Exit.OK
    printed = statements(cib.configuration, hide_secrets=True)
    for name in words:
        if name not in {found.id for found in printed} and name != "changed":
            raise CommandFailed(Exit.ERROR, f"object {name} does not exist")
    for found in printed:
        if not words or found.id in words:
            print(found.text)
    return Exit.OK


def _load(words: list[str], *, force: bool) -> int:
    if len(words) == 3 and words[0] == "xml":
        words = words[1:]
    if len(words) != 2 or words[0] not in ("update", "replace", "push"):
        raise CommandFailed(Exit.USAGE, "usage: crm configure load update|replace|push FILE")
    try:
        text = sys.stdin.read() if words[1] == "-" else Path(words[1]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(Exit.ERROR, f"{words[1]}: {error}") from error
    return _change(text, words[0], words[1], force=force)


def _change(text: str, mode: str, source: str = "", *, force: bool = False) -> int:
    from hacluster.cli.crm_checks import may_commit
    from hacluster.crm.apply import Mode, load

    reached = connect()
    before = reached.query()
    loaded = load(before, text, Mode(mode))
    for problem in loaded.problems:
        prefix = f"{source}: " if source else ""
        print(f"{problem.severity.value.upper()}: {prefix}{problem.line()}", file=sys.stderr)
    if not loaded.is_loaded or not may_commit(before, loaded.cib, reached, force=force):
        return Exit.ERROR
    return _commit(loaded.cib)


def _commit(cib: object) -> int:
    """Send the whole configuration, on the condition that nobody changed it meanwhile."""
    from hacluster.cib.codec import to_xml
    from hacluster.cib.model import Cib
    from hacluster.protocol.messages import CibChange, CibOperationKind

    assert isinstance(cib, Cib)
    change = CibChange(
        kind=CibOperationKind.REPLACE,
        section="configuration",
        xml=to_xml(cib.configuration),
        based_on=cib.version,
        client="crm",
    )
    connect().change(change)
    return Exit.OK


def _delete(words: list[str]) -> int:
    from hacluster.crm.editing import delete

    names = [word for word in words if word not in ("--force", "-f")]
    if not names:
        raise CommandFailed(Exit.USAGE, "usage: crm configure delete [--force] ID…")
    loaded = delete(connect().query(), names, force=len(names) != len(words))
    for problem in loaded.problems:
        print(f"ERROR: {problem.line()}", file=sys.stderr)
    return _commit(loaded.cib) if loaded.is_loaded else Exit.ERROR


def _verify() -> int:
    from hacluster.cib.problems import has_errors
    from hacluster.cli.crm_checks import findings, tell

    reached = connect()
    problems = findings(reached.query(), reached)
    tell(problems)
    return Exit.ERROR if has_errors(problems) else Exit.OK


# ---------------------------------------------------------------- resource


def resource(words: list[str]) -> int:
    from hacluster.cli import crm_resource

    command, rest = (words[0], words[1:]) if words else ("status", [])
    name = rest[0] if rest else ""
    node_option = ["-N", rest[1]] if len(rest) > 1 else []
    match command:
        case "status" | "list" | "show":
            return crm_resource.main(["-r", name, "-W"] if name else ["-L"])
        case "locate":
            return crm_resource.main(["-r", _named(name, command), "-W"])
        case "cleanup" | "refresh":
            option = "-C" if command == "cleanup" else "-P"
            return crm_resource.main([option, *(["-r", name] if name else []), *node_option])
        case "move" | "migrate":
            return crm_resource.main(["-M", "-r", _named(name, command), *node_option])
        case "ban":
            return crm_resource.main(["-B", "-r", _named(name, command), *node_option])
        case "unmove" | "unmigrate" | "clear":
            return crm_resource.main(["-U", "-r", _named(name, command)])
        case "restart":
            return _restart(_named(name, command))
    settings = {
        "start": ("target-role", "Started"),
        "stop": ("target-role", "Stopped"),
        "promote": ("target-role", "Promoted"),
        "demote": ("target-role", "Unpromoted"),
        "manage": ("is-managed", "true"),
        "unmanage": ("is-managed", "false"),
        "maintenance": ("maintenance", "false" if rest[1:2] == ["off"] else "true"),
    }
    if command not in settings:
        raise CommandFailed(Exit.USAGE, f"resource knows no “{command}”; crm help lists its commands")
    attribute, value = settings[command]
    return _set_meta(_named(name, command), attribute, value)


def _named(name: str, command: str) -> str:
    if not name:
        raise CommandFailed(Exit.USAGE, f"which resource? usage: crm resource {command} ID")
    return name


def _set_meta(name: str, attribute: str, value: str) -> int:
    from hacluster.cli import resource_settings

    reached = connect()
    change = resource_settings.write(reached.query(), name, "meta", attribute, value, client="crm")
    if change is not None:
        reached.change(change)
    return Exit.OK


def _restart(name: str) -> int:
    """Stop it, wait until it has stopped, start it again."""
    from hacluster.cli.crm_resource import wait

    _set_meta(name, "target-role", "Stopped")
    wait(live(), 3600)
    return _set_meta(name, "target-role", "Started")


# ---------------------------------------------------------------- node, ra, cluster, status


def node(words: list[str]) -> int:
    from hacluster.cli import crm_attribute, crm_standby, stonith_admin
    from hacluster.cli.crm_attribute import local_node

    command, rest = (words[0], words[1:]) if words else ("status", [])
    name = rest[0] if rest else ""
    match command:
        case "status" | "show" | "list":
            return _show_nodes()
        case "standby" | "online":
            value = "on" if command == "standby" else "off"
            return crm_standby.main(["-v", value, *(["-N", name] if name else [])])
        case "maintenance" | "ready":
            value = "true" if command == "maintenance" else "false"
            target = name or local_node(connect())
            return crm_attribute.main(["-N", target, "-n", "maintenance", "-v", value, "-l", "forever"])
        case "fence":
            return stonith_admin.main(["-B", _named(name, "fence")])
        case "attribute" | "utilization":
            return _node_attribute(rest, is_utilization=command == "utilization")
    raise CommandFailed(Exit.USAGE, f"node knows no “{command}”; crm help lists its commands")


def _show_nodes() -> int:
    import time

    from hacluster.cli.mon_text import node_status
    from hacluster.cli.status_view import view

    for found in view(connect().query(), now=time.time()).nodes:
        words = node_status(found) or ("online" if found.is_online else "offline")
        print(f"{found.name}: {words}")
    return Exit.OK


def _node_attribute(words: list[str], *, is_utilization: bool) -> int:
    """`NODE set|delete|show NAME [VALUE]`"""
    from hacluster.cli import crm_attribute

    if len(words) < 3:
        raise CommandFailed(Exit.USAGE, "usage: crm node attribute NODE set|delete|show NAME [VALUE]")
    options = {"set": ["-v", *words[3:4]], "delete": ["-D"], "show": ["-G"]}
    if words[1] not in options:
        raise CommandFailed(Exit.USAGE, f"“{words[1]}” is none of set, delete, show")
    kind = ["-z"] if is_utilization else ["-l", "forever"]
    return crm_attribute.main(["-N", words[0], "-n", words[2], *kind, *options[words[1]]])


def ra(words: list[str]) -> int:
    from hacluster.protocol.messages import AgentActionResult, AgentActionRun, AgentList, AgentListQuery

    if words[:1] == ["list"]:
        standard, provider = [*words[1:], "", ""][:2]
        for found in live().ask(AgentListQuery(standard=standard, provider=provider), AgentList).agents:
            print(":".join(part for part in found if part))
        return Exit.OK
    if words[:1] in (["info"], ["meta"]) and len(words) == 2:
        from hacluster.crm.statements import agent_attributes

        agent = agent_attributes(words[1])
        request = AgentActionRun(
            standard=agent["class"], provider=agent.get("provider", ""), type=agent["type"], action="meta-data"
        )
        result = live().ask(request, AgentActionResult)
        if result.rc:
            raise CommandFailed(Exit.NOSUCH, result.errors or f"{words[1]} gave no meta-data")
        print(result.output, end="")
        return Exit.OK
    raise CommandFailed(Exit.USAGE, "usage: crm ra list [CLASS [PROVIDER]] | crm ra info AGENT")


def cluster(words: list[str]) -> int:
    from hacluster.protocol.messages import Done, NodeShutdown

    if words[:1] == ["stop"]:
        live().ask(NodeShutdown(node=words[1] if len(words) > 1 else ""), Done)
        return Exit.OK
    if words[:1] == ["status"] or not words:
        info = live().info()
        members = " ".join(member.name for member in info.members if member.is_member)
        print(f"{info.engine} on {info.node}: {info.state}, DC {info.dc or 'none'}, members: {members}")
        return Exit.OK
    raise CommandFailed(Exit.USAGE, "usage: crm cluster stop [NODE] | crm cluster status")


def status(words: list[str]) -> int:
    from hacluster.cli import crm_mon

    return crm_mon.main(["-1", "-r", *(["-A", "-f"] if words[:1] == ["full"] else [])])


if __name__ == "__main__":
    sys.exit(main())
