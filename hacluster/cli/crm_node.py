"""`crm_node`: names, ids and the members of the partition."""

from __future__ import annotations

import argparse
import os
import sys

from hacluster.cli.cluster import connect, live, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options


def main(argv: list[str] | None = None) -> int:
    parser = Options("crm_node", description="Names, ids and members of the cluster's nodes.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-n", "--name", action="store_true", help="this node's name")
    what.add_argument("-N", "--name-for-id", metavar="ID", help="the name of the node with this id")
    what.add_argument("-i", "--cluster-id", action="store_true", help="this node's id")
    what.add_argument("-l", "--list", action="store_true", help="all nodes: id, name, member or lost")
    what.add_argument("-p", "--partition", action="store_true", help="the members of this partition")
    what.add_argument("-q", "--quorum", action="store_true", help="1 with quorum, 0 without")
    what.add_argument("-R", "--remove", metavar="NAME", help="forget a node that is gone for good")
    parser.add_argument("-f", "--force", action="store_true", help="accepted, not needed")
    arguments = parser.parse_args(argv)
    return run("crm_node", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    if arguments.name and os.environ.get("OCF_RESKEY_CRM_meta_on_node"):
        print(os.environ["OCF_RESKEY_CRM_meta_on_node"])
        return Exit.OK
    if arguments.name_for_id:
        return _name_of(arguments.name_for_id)
    cluster = live()
    if arguments.remove:
        from hacluster.protocol.messages import Done, NodeForget

        cluster.ask(NodeForget(node=arguments.remove), Done)
        return Exit.OK
    info = cluster.info()
    if arguments.name:
        print(info.node)
    elif arguments.cluster_id:
        print(info.node_id)
    elif arguments.quorum:
        print(int(info.has_quorum))
    elif arguments.partition:
        print(" ".join(member.name for member in info.members if member.is_member), end=" \n")
    else:
        for member in info.members:
            print(member.node_id, member.name, "member" if member.is_member else "lost")
    return Exit.OK


def _name_of(identity: str) -> int:
    for node in connect().query().section("nodes").all("node"):
        if node.id == identity:
            print(node.get("uname"))
            return Exit.OK
    raise CommandFailed(Exit.NOSUCH, f"there is no node with the id {identity}")


if __name__ == "__main__":
    sys.exit(main())
