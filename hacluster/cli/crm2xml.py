"""`hactl crm2xml [--nodes NAMES] FILE`: crm text as the `<configuration>` it stands for."""

from __future__ import annotations

import sys
from pathlib import Path

from hacluster.cib.codec import to_xml
from hacluster.cib.problems import has_errors
from hacluster.crm.parser import Parsed, parse

USAGE = "usage: hactl crm2xml [--nodes NAME,NAME] FILE"


def main(argv: list[str]) -> int:
    parsed = read(argv, USAGE)
    if isinstance(parsed, int):
        return parsed
    print(to_xml(parsed.configuration), end="")
    return 2 if parsed.problems else 0


def read(argv: list[str], usage: str) -> Parsed | int:
    """The parsed file of a command line, or an exit code: 2 for a wrong call, 1 for a wrong text."""
    nodes: tuple[str, ...] = ()
    rest = list(argv)
    if "--nodes" in rest:
        position = rest.index("--nodes")
        # An empty list of nodes may be given as an empty word, or as none at all.
        if len(rest) - position > 2:
            nodes = tuple(rest[position + 1].replace(",", " ").split())
            del rest[position + 1]
        del rest[position]
    rest = [word for word in rest if word]
    if len(rest) != 1:
        print(usage, file=sys.stderr)
        return 2
    try:
        text = sys.stdin.read() if rest[0] == "-" else Path(rest[0]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{rest[0]}: {error}", file=sys.stderr)
        return 1
    parsed = parse(text, nodes=nodes)
    for problem in parsed.problems:
        print(f"{problem.severity.value}: {problem.line()}", file=sys.stderr)
    return 1 if has_errors(parsed.problems) else parsed
