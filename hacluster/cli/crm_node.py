"""`crm_node`: names, ids and the members of the partition."""

from __future__ import annotations

import argparse
import os
import sys

from hacluster.cib.model import Cib
from hacluster.cib.status import node_states
from hacluster.cli.cluster import FileCluster, LiveCluster, connect, run
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
    reached = connect()
    if isinstance(reached, FileCluster):
        return _of_file(reached.query(), arguments)
    return _of_cluster(reached, arguments)


def _of_cluster(cluster: LiveCluster, arguments: argparse.Namespace) -> int:
    if arguments.remove:
        from hacluster.protocol.messages import Done, NodeForget

        cluster.ask(NodeForget(node=arguments.remove), Done)
        return Exit.OK
    info = cluster.info()
    members = [(member.node_id, member.name, member.is_member) for member in info.members]
    if arguments.name:
        print(info.node)
    elif arguments.cluster_id:
        print(info.node_id)
    elif arguments.quorum:
        print(int(info.has_quorum))
    else:
        _list(members, arguments)
    return Exit.OK


def _of_file(cib: Cib, arguments: argparse.Namespace) -> int:
    """What a file can tell: all but who this node is."""
    if arguments.remove or arguments.name or arguments.cluster_id:
        raise CommandFailed(Exit.DISCONNECT, "this needs a running cluster, not a file (CIB_file is set)")
    if arguments.quorum:
        print(int(cib.root.get("have-quorum") in ("1", "true")))
        return Exit.OK
    there = {state.get("uname") for state in node_states(cib) if state.get("crmd") == "online"}
    nodes = cib.section("nodes").all("node")
    _list([(node.id, node.get("uname"), node.get("uname") in there) for node in nodes], arguments)
    return Exit.OK


def _list(members: list[tuple[str, str, bool]], arguments: argparse.Namespace) -> None:
    if arguments.partition:
        print(" ".join(name for _, name, is_member in members if is_member), end=" \n")
        return
    for identity, name, is_member in members:
        print(identity, name, "member" if is_member else "lost")


def _name_of(identity: str) -> int:
    for node in connect().query().section("nodes").all("node"):
        if node.id == identity:
            print(node.get("uname"))
            return Exit.OK
    raise CommandFailed(Exit.NOSUCH, f"there is no node with the id {identity}")


if __name__ == "__main__":
    sys.exit(main())
