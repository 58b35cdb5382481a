"""`crm_verify`: what is wrong with a configuration, the running one or a file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem, Severity, has_errors, language_of
from hacluster.cli.cluster import FileCluster, connect, run
from hacluster.cli.crm_checks import findings
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options


def main(argv: list[str] | None = None) -> int:
    parser = Options("crm_verify", description="Check a configuration.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-L", "--live-check", action="store_true", help="the running cluster's")
    what.add_argument("-x", "--xml-file", metavar="FILE", help="a file's")
    what.add_argument("-X", "--xml-text", metavar="XML", help="the one given here")
    what.add_argument("-p", "--xml-pipe", action="store_true", help="the one on standard input")
    parser.add_argument("-V", "--verbose", action="count", default=0, help="warnings too")
    parser.add_argument("-S", "--save-xml", metavar="FILE", help="write what was checked there")
    parser.add_argument("-q", "--quiet", action="store_true", help="the exit code alone")
    parser.add_argument("--lang", choices=("en", "ja"), default=language_of(os.environ))
    arguments = parser.parse_args(argv)
    return run("crm_verify", lambda: _verify(arguments))


def _verify(arguments: argparse.Namespace) -> int:
    # Only the running cluster can be asked what its agents advise.
    reached = connect() if arguments.live_check else None
    checked = _configuration(arguments)
    if arguments.save_xml:
        _save(arguments.save_xml, checked)
    problems = findings(checked, reached)
    for problem in problems:
        if not arguments.quiet and (arguments.verbose or problem.severity is Severity.ERROR):
            print(f"{problem.severity.value}: {problem.line(arguments.lang)}", file=sys.stderr)
    if not has_errors(problems):
        return Exit.OK
    if not arguments.quiet:
        print("Errors found during check: config not valid", file=sys.stderr)
    return Exit.CONFIG


def _save(file: str, cib: Cib) -> None:
    try:
        Path(file).write_text(to_xml(cib), encoding="utf-8")
    except OSError as error:
        raise CommandFailed(Exit.CANTCREAT, f"{file}: {error.strerror}") from error


def _configuration(arguments: argparse.Namespace) -> Cib:
    if arguments.live_check:
        return connect().query()
    if arguments.xml_file:
        try:
            return FileCluster(Path(arguments.xml_file)).query()
        except CommandFailed as failure:
            raise CommandFailed(Exit.ERROR, f"Couldn't parse input file: {failure.sentence}") from failure
    if not arguments.xml_pipe and arguments.xml_text is None:
        told = "No configuration source specified: -L for the running cluster, -x for a file (--help tells more)"
        raise CommandFailed(Exit.ERROR, told)
    parsed = parse_cib(sys.stdin.buffer.read() if arguments.xml_pipe else arguments.xml_text.encode(), "cib")
    if isinstance(parsed, Problem):
        raise CommandFailed(Exit.PROTOCOL, parsed.line(arguments.lang))
    return parsed


if __name__ == "__main__":
    sys.exit(main())
