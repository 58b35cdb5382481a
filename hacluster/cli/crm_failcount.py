"""`crm_failcount`: how often a resource has failed on a node."""

from __future__ import annotations

import argparse
import sys

from hacluster.cib.model import NOTHING
from hacluster.cib.status import fail_counts, node_state, without_failures
from hacluster.cli.cluster import FileCluster, LiveCluster, connect, run
from hacluster.cli.crm_attribute import local_node
from hacluster.cli.exits import Exit
from hacluster.cli.options import Options

INFINITY = 1_000_000


def main(argv: list[str] | None = None) -> int:
    parser = Options("crm_failcount", description="Read or forget the failures of a resource.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-G", "--query", action="store_true")
    what.add_argument("-D", "--delete", action="store_true")
    parser.add_argument("-r", "--resource", required=True)
    parser.add_argument("-N", "--node", default="", help="default: this node")
    parser.add_argument("-n", "--operation", default="", help="of this operation only")
    parser.add_argument("-I", "--interval", default="", help="and this interval")
    parser.add_argument("-q", "--quiet", action="store_true", help="the number alone")
    arguments = parser.parse_args(argv)
    return run("crm_failcount", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    cluster = connect()
    node = arguments.node or local_node(cluster)
    if arguments.delete:
        return _forget(cluster, arguments.resource, node)
    state = node_state(cluster.query(), node) or NOTHING
    counts = fail_counts(state).get(arguments.resource, {})
    chosen = (count for key, count in counts.items() if key.startswith(arguments.operation))
    total = min(INFINITY, sum(chosen))
    shown = "INFINITY" if total >= INFINITY else str(total)
    print(shown if arguments.quiet else f"scope=status  name=fail-count-{arguments.resource} value={shown}")
    return Exit.OK


def _forget(cluster: LiveCluster | FileCluster, resource: str, node: str) -> int:
    if isinstance(cluster, FileCluster):
        cib = cluster.query()
        forgotten = without_failures(cib, node, resource)
        if forgotten is not cib:
            cluster.write(forgotten.with_version(cib.version.after_status_change()))
        return Exit.OK
    from hacluster.protocol.messages import Cleaned, ResourceCleanup

    cluster.ask(ResourceCleanup(resource=resource, node=node, only_failures=True, force=True), Cleaned)
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
