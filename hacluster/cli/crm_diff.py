"""`crm_diff`: the difference between two CIBs as a patch, and applying one to a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hacluster.cib.codec import parse_cib, parse_xml, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.patch import apply, diff, from_xml
from hacluster.cib.patch import to_xml as patch_to_xml
from hacluster.cib.problems import Problem
from hacluster.cli.cluster import run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.language import line_of
from hacluster.cli.options import Options


def main(argv: list[str] | None = None) -> int:
    parser = Options(
        "crm_diff",
        description="Print what turns one CIB into another, or apply such a patch. Ends with 1 when they differ.",
    )
    parser.add_argument("-o", "--original", metavar="FILE", required=True, help="the old CIB ('-' is standard input)")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-n", "--new", metavar="FILE", help="the new CIB")
    what.add_argument("-p", "--patch", metavar="FILE", help="a patch to apply to the old one")
    parser.add_argument("-c", "--cib", action="store_true", help="accepted: both are CIBs")
    parser.add_argument("-u", "--no-version", action="store_true", help="ignore the versions")
    arguments = parser.parse_args(argv)
    return run("crm_diff", lambda: _carry_out(arguments))


def _text(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandFailed(Exit.NOINPUT, f"{file}: {error.strerror}") from error


def _cib(file: str) -> Cib:
    parsed = parse_cib(_text(file), file)
    if isinstance(parsed, Problem):
        raise CommandFailed(Exit.DATAERR, line_of(parsed))
    return parsed


def _carry_out(arguments: argparse.Namespace) -> int:
    old = _cib(arguments.original)
    if arguments.patch:
        return _apply(old, arguments.patch)
    new = _cib(arguments.new)
    if arguments.no_version:
        new = new.with_version(old.version)
    patch = diff(old, new)
    if not patch.changes and patch.source == patch.target:
        return Exit.OK
    print(to_xml(patch_to_xml(patch)), end="")
    return Exit.ERROR


def _apply(old: Cib, file: str) -> int:
    document = parse_xml(_text(file), file)
    patch = document if isinstance(document, Problem) else from_xml(document)
    changed = patch if isinstance(patch, Problem) else apply(old, patch)
    if isinstance(changed, Problem):
        raise CommandFailed(Exit.DATAERR, line_of(changed))
    print(to_xml(changed), end="")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
