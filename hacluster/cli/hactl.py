"""`hactl`: the commands that have no older name. Each one is loaded only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

SUBCOMMANDS = {
    "console": ("hacluster.cli.console:main", "run this node's console"),
    "crm2xml": ("hacluster.cli.crm2xml:main", "crm text to CIB XML"),
    "crmshow": ("hacluster.cli.crmshow:main", "crm text as `crm configure show` prints it"),
    "doctor": ("hacluster.cli.doctor:main", "is this node fit to be a member?"),
    "export-sheet": ("hacluster.cli.export_sheet:main", "the configuration as a workbook, or an empty form"),
    "monitor": ("hacluster.cli.monitor:main", "start, stop or ask a monitor inside the agent"),
    "report": ("hacluster.cli.report:main", "logs, configurations and events in one archive, without secrets"),
    "rollback": ("hacluster.cli.versions:rollback", "make an earlier configuration the present one"),
    "simulate": ("hacluster.cli.simulate:main", "what the scheduler would do with a CIB, as JSON"),
    "versions": ("hacluster.cli.versions:list_versions", "the configurations this node has kept, with their authors"),
}


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] not in SUBCOMMANDS:
        return _usage(arguments)
    module, _, function = SUBCOMMANDS[arguments[0]][0].partition(":")
    result: int = getattr(import_module(module), function)(arguments[1:])
    return result


def _usage(arguments: list[str]) -> int:
    asked = not arguments or arguments[0] in ("-h", "--help", "help")
    out = sys.stdout if asked else sys.stderr
    if not asked:
        print(f"hactl: there is no command “{arguments[0]}”", file=out)
    print("usage: hactl COMMAND [arguments]\n", file=out)
    for name, (_, purpose) in sorted(SUBCOMMANDS.items()):
        print(f"  {name:<14}{purpose}", file=out)
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())
