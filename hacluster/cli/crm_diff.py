"""`crm_diff`: the difference between two CIBs as a patch, and applying one to a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hacluster.cib.codec import parse_xml, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.patch import apply, diff, from_xml, with_version_change
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
    parser.add_argument("-o", "--original", metavar="FILE", help="the old document ('-' is standard input)")
    parser.add_argument("-O", "--original-string", metavar="XML", help="the old document itself")
    parser.add_argument("-n", "--new", metavar="FILE", help="the new document")
    parser.add_argument("-N", "--new-string", metavar="XML", help="the new document itself")
    parser.add_argument("-p", "--patch", metavar="FILE", help="a patch to apply to the old document")
    parser.add_argument("-c", "--cib", action="store_true", help="accepted: what has a version is told with it")
    parser.add_argument("-u", "--no-version", action="store_true", help="ignore the versions")
    parser.add_argument("-V", "--verbose", action="count", help="accepted")
    arguments = parser.parse_args(argv)
    return run("crm_diff", lambda: _carry_out(arguments))


def _text(file: str | None, given: str | None, what: str) -> tuple[bytes, str]:
    """(the document, its name)"""
    if given is not None:
        return given.encode(), what
    if file is None:
        raise CommandFailed(Exit.DATAERR, f"the {what} document is missing (a file or a string)")
    try:
        return (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()), file
    except OSError as error:
        raise CommandFailed(Exit.DATAERR, f"{file}: {error.strerror}") from error


def _document(file: str | None, given: str | None, what: str) -> Cib:
    """Any XML document; only a CIB has a version."""
    text, name = _text(file, given, what)
    parsed = parse_xml(text, name)
    if isinstance(parsed, Problem):
        raise CommandFailed(Exit.DATAERR, line_of(parsed))
    return Cib(parsed)


def _carry_out(arguments: argparse.Namespace) -> int:
    old = _document(arguments.original, arguments.original_string, "original")
    if arguments.patch:
        return _apply(old, arguments.patch)
    new = _document(arguments.new, arguments.new_string, "new")
    if old.root.tag != new.root.tag:
        raise CommandFailed(Exit.DATAERR, f"a <{old.root.tag}> can't become a <{new.root.tag}>")
    if arguments.no_version:
        new = new.with_version(old.version)
    patch = diff(old, new)
    if not patch.changes and patch.source == patch.target:
        return Exit.OK
    told = patch_to_xml(with_version_change(patch, new), new, with_version=not arguments.no_version)
    print(to_xml(told), end="")
    return Exit.ERROR


def _apply(old: Cib, file: str) -> int:
    document = parse_xml(*_text(file, None, "patch"))
    patch = document if isinstance(document, Problem) else from_xml(document, old.version)
    changed = patch if isinstance(patch, Problem) else apply(old, patch)
    if isinstance(changed, Problem):
        raise CommandFailed(Exit.ERROR, f"Could not apply patch: {line_of(changed)}")
    print(to_xml(changed), end="")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
