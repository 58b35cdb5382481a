"""`hactl versions` and `hactl rollback VERSION`: the configurations this node has kept, and the way back to one.

Asks the agent; a rollback is an ordinary change of the configuration, ordered by the DC and refused when somebody else
changed it meanwhile. The version that it leaves is kept as every other.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from datetime import datetime

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.cib.rollback import rolled_back
from hacluster.cib.version import CibVersion
from hacluster.cli.cluster import LiveCluster, live, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.language import line_of
from hacluster.protocol.messages import (
    CibChange,
    CibDocument,
    CibOperationKind,
    CibVersionQuery,
    CibVersions,
    CibVersionsQuery,
    KeptVersion,
)

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?")


def list_versions(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("hactl versions", description="The configurations this node has kept.")
    parser.parse_args(argv)
    return run("hactl versions", _list)


def rollback(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("hactl rollback", description="Make an earlier configuration the present one.")
    parser.add_argument("version", metavar="VERSION", help="admin_epoch.epoch, as hactl versions prints it")
    parser.add_argument("--show", action="store_true", help="only show the difference")
    parser.add_argument("-f", "--force", action="store_true", help="also where it would bring an error")
    arguments = parser.parse_args(argv)
    return run("hactl rollback", lambda: _rollback(arguments.version, show=arguments.show, force=arguments.force))


def _list() -> int:
    for kept in reversed(live().ask(CibVersionsQuery(), CibVersions).versions):
        print(row_of(kept))
    return Exit.OK


def row_of(kept: KeptVersion) -> str:
    moment = datetime.fromtimestamp(kept.at_ms / 1000).strftime("%Y-%m-%d %H:%M:%S")
    author = f"{kept.user or '-'} with {kept.client or '-'} at {kept.origin or '-'}"
    return f"{kept.version.admin_epoch}.{kept.version.epoch:<8} {moment}  {author}"


def _rollback(text: str, *, show: bool, force: bool) -> int:
    from hacluster.cli.crm_checks import may_commit

    cluster = live()
    running, old = cluster.query(), _kept(cluster, text)
    wanted = rolled_back(running, old)
    lines = difference(running, wanted)
    print("\n".join(lines))
    if show:
        return Exit.OK
    if not lines:
        print(f"the configuration is that of {text} already", file=sys.stderr)
        return Exit.OK
    if not may_commit(running, wanted, cluster, force=force):
        return Exit.ERROR
    change = CibChange(
        kind=CibOperationKind.REPLACE,
        section="configuration",
        xml=to_xml(wanted.configuration),
        based_on=running.version,
        client=f"hactl rollback {text}",
    )
    cluster.change(change)
    print(f"the configuration is again that of {text}")
    return Exit.OK


def _kept(cluster: LiveCluster, text: str) -> Cib:
    named = _VERSION.fullmatch(text)
    if named is None:
        raise CommandFailed(Exit.USAGE, f"“{text}” is no version; hactl versions lists them")
    query = CibVersionQuery(version=CibVersion(int(named[1]), int(named[2])))
    parsed = parse_cib(cluster.ask(query, CibDocument).xml)
    if isinstance(parsed, Problem):
        raise CommandFailed(Exit.DATAERR, line_of(parsed))
    return parsed


def difference(before: Cib, after: Cib) -> list[str]:
    """In crm text, without its secrets; - goes, + comes."""
    from hacluster.crm.printer import statements

    old, new = (
        [line for found in statements(cib.configuration, hide_secrets=True) for line in found.text.splitlines()]
        for cib in (before, after)
    )
    compared = difflib.unified_diff(old, new, "now", "then", n=2, lineterm="")
    return [line for line in compared if not line.startswith(("---", "+++"))]
