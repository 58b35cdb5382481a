"""`hactl crm2xml [--nodes NAMES] FILE`: crm text as the `<configuration>` it stands for."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Element
from hacluster.cib.problems import has_errors
from hacluster.cli.language import line_of
from hacluster.crm.parser import Parsed, parse

USAGE = "usage: hactl crm2xml [--nodes NAME,NAME] FILE"


def main(argv: list[str]) -> int:
    parsed = read(argv, USAGE)
    if isinstance(parsed, int):
        return parsed
    if has_errors(parsed.problems):
        return 1
    print(to_xml(parsed.configuration), end="")
    return 2 if parsed.problems else 0


def read(argv: list[str], usage: str) -> Parsed | int:
    """The parsed file of a command line, its problems told, or an exit code: 2 for a wrong call, 1 for no text."""
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
    parsed = with_base_nodes(parse(text, nodes=nodes), nodes)
    for problem in parsed.problems:
        print(f"{problem.severity.value}: {line_of(problem)}", file=sys.stderr)
    return parsed


def with_base_nodes(parsed: Parsed, nodes: tuple[str, ...]) -> Parsed:
    """The nodes that the cluster has already, numbered as a cluster numbers them, in front of those of the text."""
    section = parsed.configuration.find("nodes") or Element("nodes")
    numbers = {name: str(number) for number, name in enumerate(nodes, start=1)}
    named = {node.get("uname") for node in section.children}
    base = tuple(
        Element("node", {"id": number, "uname": name}) for name, number in numbers.items() if name not in named
    )
    own = tuple(
        node.with_attributes({"id": numbers[node.id]}) if node.id in numbers else node for node in section.children
    )
    configuration = parsed.configuration.replacing(section, section.with_children((*base, *own)))
    return msgspec.structs.replace(parsed, configuration=configuration)
