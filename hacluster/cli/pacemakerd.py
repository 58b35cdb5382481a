"""`pacemakerd -$`: the version that resource agents ask for. The daemon itself is `nodeagent`."""

from __future__ import annotations

import sys

from hacluster.cli.exits import Exit
from hacluster.cli.options import VERSION


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and arguments[0] in ("-$", "--version"):
        print(f"Pacemaker {VERSION}")
        return Exit.OK
    if arguments and arguments[0] in ("-F", "--features"):
        print(f"Pacemaker {VERSION} (Build: hacluster)\n Supporting v3.16.1: agent-manpages ncurses corosync-ge-2 lsb")
        return Exit.OK
    print("usage: pacemakerd -$ | -F   (the daemon is nodeagent)", file=sys.stderr)
    return Exit.USAGE


if __name__ == "__main__":
    sys.exit(main())
