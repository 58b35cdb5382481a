"""`crm`: the shell that operators know: configure, resource, node, ra, cluster, status; one command or interactive.

Reads its arguments, a file of commands, or lines from the terminal; each level is a function that takes words and gives
an exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from hacluster.cli.cluster import run
from hacluster.cli.crm_completion import COMMANDS
from hacluster.cli.crm_configure import configure
from hacluster.cli.crm_levels import cluster, node, ra, resource, status
from hacluster.cli.crm_workspace import Workspace
from hacluster.cli.exits import CommandFailed, Exit

USAGE = """usage: crm [-F] [-f FILE] LEVEL COMMAND …

  configure   load update|replace|push FILE, show [xml|changed] [ID…], save FILE, edit [ID…], delete [--force] ID…,
              rename OLD NEW, modgroup ID add ID [before|after ID], modgroup ID remove ID, verify, commit, refresh,
              erase, upgrade, schema, get-property NAME, ptest, or any statement
  resource    status, locate, start, stop, restart, promote, demote, manage, unmanage, maintenance, move, unmove, ban,
              cleanup, refresh, param, meta, utilization, failcount, trace, untrace, constraints, operations, scores
  node        status, standby, online, maintenance, ready, fence, clearstate, delete, attribute, utilization,
              status-attr
  ra          classes, list [CLASS [PROVIDER]], info AGENT, meta AGENT, providers TYPE
  cluster     start, stop [NODE], restart, status
  status      the cluster as crm_mon shows it

  -F          do what would be refused: delete what is in use, rename what runs
  -f FILE     take the commands from a file (- is standard input)

Without arguments it is interactive: a level's name enters it, up leaves it, help and quit do what they say. Changes of
the configuration wait for commit there."""

Level = Callable[[list[str], Workspace], int]
LEVELS: dict[str, Level] = {
    "configure": configure,
    "resource": resource,
    "node": node,
    "ra": ra,
    "cluster": cluster,
    "status": status,
}
_FORCE = ("-F", "--force")
_IGNORED = ("-w", "--wait", "-D", "-n", "--no", "-R", "-d")
"""crmsh's options for waiting, colours and debugging: each command here waits until the change is in force."""


def main(argv: list[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    options, words = _options(given)
    if "-h" in options or words[:1] == ["help"]:
        print(USAGE)
        return Exit.OK
    force = "-F" in options
    if options.get("-f"):
        return _from_file(options["-f"], force=force)
    if words and (len(words) > 1 or words[0] not in COMMANDS or words[0] == "status"):
        return run("crm", lambda: execute(words, Workspace(force=force)))
    return _interactive(words, force=force)


def _options(given: list[str]) -> tuple[dict[str, str], list[str]]:
    """crm's own options stand before the level; what follows belongs to the command."""
    options: dict[str, str] = {}
    rest = list(given)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        option = rest.pop(0)
        if option in _FORCE:
            options["-F"] = "yes"
        elif option in ("-h", "--help"):
            options["-h"] = "yes"
        elif option in ("-f", "--file"):
            options["-f"] = rest.pop(0) if rest else "-"
        elif option not in _IGNORED:
            print(f"crm: there is no option {option}", file=sys.stderr)
            return {"-h": "yes"}, []
    return options, rest


def execute(words: list[str], workspace: Workspace | None = None) -> int:
    """One command of the shell."""
    level = LEVELS.get(words[0])
    if level is None:
        raise CommandFailed(Exit.USAGE, f"there is no level “{words[0]}”; crm help lists them")
    return level(words[1:], workspace or Workspace())


def _interactive(words: list[str], *, force: bool) -> int:
    from hacluster.cli.crm_interactive import Shell

    shell = Shell(execute, Workspace(force=force, collects=True), USAGE)
    for word in words:
        shell.take(word)
    return shell.run()


def _from_file(name: str, *, force: bool) -> int:
    """The lines of a file, as if typed; it ends at the first that fails, and then nothing is committed."""
    from hacluster.cli.crm_interactive import Shell

    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"crm: {name}: {error}", file=sys.stderr)
        return Exit.NOINPUT
    return Shell(execute, Workspace(force=force, collects=True), USAGE).run_script(text)


if __name__ == "__main__":
    sys.exit(main())
