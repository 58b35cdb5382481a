"""`hactl export-sheet`: the running configuration, or an empty form, as a workbook in the template's look.

Reads the cluster's CIB (or a file); writes an xlsx that converts back to the same configuration.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hacluster.cib.problems import Problem
from hacluster.cli.cluster import FileCluster, connect, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.language import line_of
from hacluster.sheets.export import Notes, empty, export, notes_of, to_xlsx
from hacluster.sheets.reader import choose_sheet, read_book


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    return run("hactl export-sheet", lambda: _export(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hactl export-sheet", description=__doc__, add_help=True)
    parser.add_argument("-o", "--output", default="cluster.xlsx", metavar="FILE", help="the workbook (cluster.xlsx)")
    parser.add_argument("--lang", choices=("ja", "en"), default="ja", help="language of labels and captions")
    parser.add_argument("--empty", action="store_true", help="the form without any entry")
    parser.add_argument("--xml", metavar="FILE", help="this CIB instead of the running one")
    parser.add_argument("--notes-from", metavar="FILE", help="take the remarks over from an earlier sheet")
    parser.add_argument("--sheet", metavar="NAME", help="its worksheet, when several hold tables")
    return parser


def _export(arguments: argparse.Namespace) -> int:
    if arguments.empty:
        _write(arguments.output, to_xlsx(empty(arguments.lang), arguments.lang))
        return Exit.OK
    cluster = FileCluster(Path(arguments.xml)) if arguments.xml else connect()
    notes = _notes(arguments.notes_from, arguments.sheet) if arguments.notes_from else {}
    exported = export(cluster.query(), arguments.lang, notes)
    for name in exported.additional:
        print(f"{name}: no table can hold it; it stands in ADDITIONAL_CONFIG", file=sys.stderr)
    for name in exported.different:
        print(f"{name}: the sheet can't say all of it; compare it before you import the sheet", file=sys.stderr)
    _write(arguments.output, to_xlsx(exported, arguments.lang))
    return Exit.ERROR if exported.different else Exit.OK


def _notes(file: str, name: str | None) -> Notes:
    try:
        book = read_book(Path(file).read_bytes(), file)
    except OSError as error:
        raise CommandFailed(Exit.NOINPUT, f"{file}: {error.strerror}") from error
    sheet = book if isinstance(book, Problem) else choose_sheet(book, name)
    if isinstance(sheet, Problem):
        raise CommandFailed(Exit.DATAERR, f"{file}: {line_of(sheet)}")
    return notes_of(sheet)


def _write(name: str, data: bytes) -> None:
    try:
        # It may hold the passwords of fence devices.
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
    except OSError as error:
        raise CommandFailed(Exit.CANTCREAT, f"{name}: {error.strerror}") from error
    print(name)


if __name__ == "__main__":
    sys.exit(main())
