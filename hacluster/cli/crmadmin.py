"""`crmadmin`: the DC, the state of a controller, the nodes."""

from __future__ import annotations

import argparse
import sys

from hacluster.cli.cluster import connect, live, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options


def main(argv: list[str] | None = None) -> int:
    parser = Options("crmadmin", description="Ask the controllers.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-D", "--dc_lookup", action="store_true", help="the DC's name")
    what.add_argument("-S", "--status", metavar="NODE", help="the state of a node's controller")
    what.add_argument("-N", "--nodes", nargs="?", const="all", help="the configured nodes")
    parser.add_argument("-q", "--quiet", action="store_true")
    arguments = parser.parse_args(argv)
    return run("crmadmin", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    if arguments.nodes:
        for node in connect().query().section("nodes").all("node"):
            kind = node.get("type", "member").replace("member", "cluster")
            print(f"{kind} node: {node.get('uname')} ({node.id})")
        return Exit.OK
    info = live().info()
    if arguments.status:
        if arguments.status != info.node:
            raise CommandFailed(Exit.UNIMPLEMENT_FEATURE, f"ask on {arguments.status} itself: this is {info.node}")
        print(info.state if arguments.quiet else f"Controller on {info.node} in state {info.state}: ok")
        return Exit.OK
    if not info.dc:
        raise CommandFailed(Exit.NOSUCH, "there is no DC at the moment")
    print(info.dc if arguments.quiet else f"Designated Controller is: {info.dc}")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
