"""`cibadmin`: look at the CIB and change it, element by element."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hacluster.cib.codec import disk_digest, parse_xml, to_xml, versioned_digest
from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem
from hacluster.cib.upgrade import Upgraded, upgrade
from hacluster.cib.version import CibVersion
from hacluster.cib.xpath import BadPath, matches, path_of
from hacluster.cli.cluster import connect, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.language import line_of
from hacluster.cli.options import Options
from hacluster.protocol.messages import CibChange, CibOperationKind

_COMMANDS = {
    "create": ("-C", CibOperationKind.CREATE, "add an element"),
    "modify": ("-M", CibOperationKind.MODIFY, "change an element, leaving what isn't named"),
    "replace": ("-R", CibOperationKind.REPLACE, "put an element in the place of the old one"),
    "delete": ("-D", CibOperationKind.DELETE, "take out the first element that fits"),
    "delete-all": ("-d", CibOperationKind.DELETE_ALL, "with --xpath: take out all that fit (needs --force)"),
    "patch": ("-P", CibOperationKind.PATCH, "apply a patch of crm_diff"),
    "erase": ("-E", CibOperationKind.ERASE, "erase the whole CIB (needs --force)"),
    "bump": ("-B", CibOperationKind.BUMP, "raise the epoch"),
    "upgrade": ("-u", CibOperationKind.UPGRADE, "upgrade to the newest schema (needs --force)"),
}


_DANGEROUS = (CibOperationKind.ERASE, CibOperationKind.UPGRADE, CibOperationKind.DELETE_ALL)


def build_parser() -> argparse.ArgumentParser:
    parser = Options(
        "cibadmin",
        description="Query and change the cluster information base.",
        epilog='example: cibadmin -Q -o resources    cibadmin -M -X \'<nvpair id="n" value="2"/>\'',
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-Q", "--query", action="store_true", help="print the CIB or a part of it")
    for name, (short, _, text) in _COMMANDS.items():
        what.add_argument(short, f"--{name}", dest="command", action="store_const", const=name, help=text)
    what.add_argument("-5", "--md5-sum", action="store_true", help="the digest of a CIB as it stands on a disk")
    what.add_argument("-6", "--md5-sum-versioned", action="store_true", help="and as members compare it")
    what.add_argument("-a", "--empty", action="store_true", help="print an empty CIB")
    parser.add_argument("-o", "--scope", "--obj_type", metavar="SECTION", default="", help="this section only")
    parser.add_argument("-A", "--xpath", metavar="PATH", default="", help="the elements that an XPath names")
    parser.add_argument("-e", "--node-path", action="store_true", help="with --xpath: print the paths")
    parser.add_argument("-n", "--no-children", action="store_true", help="without what stands below")
    parser.add_argument("-X", "--xml-text", metavar="XML", help="the XML to use")
    parser.add_argument("-x", "--xml-file", metavar="FILE", help="a file with the XML")
    parser.add_argument("-p", "--xml-pipe", action="store_true", help="the XML from standard input")
    parser.add_argument("-c", "--allow-create", action="store_true", help="modify: create what isn't there")
    parser.add_argument("-f", "--force", action="store_true", help="really erase or upgrade")
    parser.add_argument("-l", "--local", action="store_true", help="accepted: each node has the whole CIB")
    parser.add_argument("-s", "--sync-call", action="store_true", help="accepted")
    parser.add_argument("-V", "--verbose", action="count", help="-u: what is changed and why")
    parser.add_argument("-t", "--timeout", metavar="SECONDS", help="accepted")
    parser.add_argument("-N", "--node", metavar="NODE", help="accepted: each node has the whole CIB")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    return run("cibadmin", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    if arguments.empty:
        print(to_xml(Cib.empty().with_version(CibVersion(0, 1, 0))), end="")
        return Exit.OK
    if arguments.md5_sum or arguments.md5_sum_versioned:
        return _digest(arguments)
    if arguments.query:
        return _query(connect().query(), arguments)
    _, kind, _ = _COMMANDS[arguments.command]
    if kind in _DANGEROUS and not arguments.force:
        raise CommandFailed(
            Exit.UNSAFE,
            f"--{arguments.command} is considered dangerous: to prevent accidental destruction of the cluster, "
            "--force is required in order to proceed",
        )
    change = CibChange(
        kind=kind,
        section=arguments.scope,
        xpath=arguments.xpath,
        xml=_xml(arguments),
        allow_create=arguments.allow_create,
        client="cibadmin",
    )
    if kind is CibOperationKind.UPGRADE and arguments.verbose:
        _tell_upgrade(connect().query())
    try:
        connect().change(change)
    except CommandFailed as failure:
        if failure.code != Exit.CONFIG:
            raise
        # Scripts know the peer's sentence; what is wrong, and where, follows it.
        told = f"Call failed: Update does not conform to the configured schema\n{failure.sentence}"
        raise CommandFailed(failure.code, told) from failure
    return Exit.OK


def _tell_upgrade(cib: Cib) -> None:
    """What an upgrade changes and why; the upgrade itself is the cluster's."""
    upgraded = upgrade(cib)
    if isinstance(upgraded, Upgraded):
        for change in upgraded.changes:
            print(f"{change.severity.value}: {line_of(change)}", file=sys.stderr)


def _xml(arguments: argparse.Namespace) -> str:
    if arguments.xml_text is not None:
        return str(arguments.xml_text)
    if arguments.xml_pipe:
        return sys.stdin.read()
    if arguments.xml_file is None:
        return ""
    try:
        return Path(arguments.xml_file).read_text(encoding="utf-8")
    except OSError as error:
        told = f"Couldn't parse input from {arguments.xml_file}: {error.strerror}"
        raise CommandFailed(Exit.CONFIG, told) from error


def _digest(arguments: argparse.Namespace) -> int:
    if not _has_input(arguments):
        raise CommandFailed(Exit.USAGE, "Please supply XML to process with -X, -x or -p")
    document = parse_xml(_xml(arguments))
    if isinstance(document, Problem):
        raise CommandFailed(Exit.CONFIG, document.line())
    print(versioned_digest(document) if arguments.md5_sum_versioned else disk_digest(document))
    return Exit.OK


def _has_input(arguments: argparse.Namespace) -> bool:
    return arguments.xml_text is not None or arguments.xml_pipe or arguments.xml_file is not None


def _query(cib: Cib, arguments: argparse.Namespace) -> int:
    if not arguments.xpath:
        found = [_section(cib, arguments.scope)]
    else:
        try:
            found = matches(cib.root, arguments.xpath)
        except BadPath as error:
            raise CommandFailed(Exit.NOSUCH, f"the XPath {arguments.xpath} can't be read: {error}") from error
    if not found:
        raise CommandFailed(Exit.NOSUCH, "Call cib_query failed (-6): No such device or address")
    if arguments.node_path:
        for element in found:
            print(path_of(cib.root, element))
        return Exit.OK
    shown = [element.with_children(()) if arguments.no_children else element for element in found]
    print(to_xml(shown[0] if len(shown) == 1 else Element("xpath-query", {}, tuple(shown))), end="")
    return Exit.OK


def _section(cib: Cib, scope: str) -> Element:
    if not scope or scope in ("all", "cib"):
        return cib.root
    found = cib.root.find(scope) if scope in ("configuration", "status") else cib.configuration.find(scope)
    if found is None:
        raise CommandFailed(Exit.NOSUCH, f"Call cib_query failed (-6): there is no section {scope}")
    return found


if __name__ == "__main__":
    sys.exit(main())
