"""`crm_attribute`: node attributes, cluster options and promotion scores.

Reads and writes what `attributes.py` names; the options and exit codes are those of Pacemaker's command.
"""

from __future__ import annotations

import argparse
import os
import sys

from hacluster.cli.attributes import NO_SUCH, read_pair, read_transient, write_pair, write_transient
from hacluster.cli.cluster import FileCluster, LiveCluster, connect, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options

_TRANSIENT = ("reboot", "status")
_SCOPES = {
    "crm_config": "crm_config",
    "nodes": "nodes",
    "status": "status",
    "rsc_defaults": "rsc_defaults",
    "op_defaults": "op_defaults",
    "tickets": "tickets",
}


def build_parser(name: str = "crm_attribute") -> argparse.ArgumentParser:
    parser = Options(
        name,
        description="Read, set or delete node attributes and cluster options.",
        epilog="example: crm_attribute -N pm01 -n rack -v 7    crm_attribute -t crm_config -n stonith-enabled -G",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-G", "--query", action="store_true", help="print the value")
    what.add_argument("-v", "--update", metavar="VALUE", help="set the value")
    what.add_argument("-D", "--delete", action="store_true", help="delete the attribute")
    parser.add_argument("-n", "--name", metavar="NAME", help="the attribute or option")
    parser.add_argument("--attr-name", "--attr-id", dest="name", help=argparse.SUPPRESS)
    parser.add_argument("--attr-value", dest="update", help=argparse.SUPPRESS)
    parser.add_argument("-N", "--node", "-U", "--uname", metavar="NODE", default="", help="the node; default this one")
    parser.add_argument("-t", "--type", metavar="SECTION", choices=sorted(_SCOPES), help=", ".join(sorted(_SCOPES)))
    parser.add_argument("-l", "--lifetime", choices=("reboot", "forever"), help="until the node leaves, or for ever")
    parser.add_argument("-z", "--utilization", action="store_true", help="a utilization attribute of the node")
    parser.add_argument("-s", "--set-name", metavar="ID", default="", help="the set that holds it")
    parser.add_argument("-p", "--promotion", nargs="?", const="", metavar="RSC", help="the promotion score")
    parser.add_argument("-d", "--default", metavar="VALUE", help="print this when there is none")
    parser.add_argument("-q", "--quiet", "-Q", action="store_true", help="the value alone")
    parser.add_argument("-i", "--id", default="", help=argparse.SUPPRESS)
    parser.add_argument("-P", "--pattern", metavar="REGEX", help=argparse.SUPPRESS)
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(protected(sys.argv[1:] if argv is None else argv))
    return run("crm_attribute", lambda: carry_out(arguments))


def protected(argv: list[str]) -> list[str]:
    """`-v -INFINITY` -> `--update=-INFINITY`: a value may begin like an option."""
    safe: list[str] = []
    skip = False
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        if skip:
            skip = False
        elif word in ("-v", "--update") and following:
            safe.append(f"--update={following}")
            skip = True
        else:
            safe.append(word)
    return safe


def promotion_name(given: str) -> str:
    """`master-<resource>`, the resource from the agent's environment when none is given."""
    resource = given or os.environ.get("OCF_RESOURCE_INSTANCE", "")
    if not resource:
        raise CommandFailed(Exit.USAGE, "-p can be used only from an OCF resource agent, or with a resource's name")
    base, _, number = resource.partition(":")
    return f"master-{base}" if number.isdecimal() or not number else f"master-{resource}"


def local_node(cluster: LiveCluster | FileCluster) -> str:
    given = os.environ.get("OCF_RESKEY_CRM_meta_on_node")
    if given:
        return given
    return cluster.info().node if isinstance(cluster, LiveCluster) else os.uname().nodename


def carry_out(arguments: argparse.Namespace) -> int:
    cluster = connect()
    lifetime, name = arguments.lifetime, arguments.name
    if arguments.promotion is not None:
        name, lifetime = promotion_name(arguments.promotion), lifetime or "reboot"
    if not name:
        raise CommandFailed(Exit.USAGE, "the attribute's name is missing (-n NAME)")
    scope = _scope(arguments, lifetime)
    node = "" if scope == "crm_config" else (arguments.node or local_node(cluster))
    if arguments.update is None and not arguments.delete:
        return _query(cluster, arguments, scope, node, name)
    value = None if arguments.delete else arguments.update
    if scope == "status":
        write_transient(cluster, node, name, value)
    elif (change := write_pair(cluster.query(), scope, node, arguments.set_name, name, value)) is not None:
        cluster.change(change)
    return Exit.OK


def _scope(arguments: argparse.Namespace, lifetime: str | None) -> str:
    if arguments.utilization:
        return "utilization"
    if arguments.type:
        return "status" if arguments.type == "status" or lifetime in _TRANSIENT else str(arguments.type)
    if lifetime in _TRANSIENT:
        return "status"
    return "nodes" if lifetime == "forever" or arguments.node or arguments.promotion is not None else "crm_config"


def _query(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace, scope: str, node: str, name: str) -> int:
    if scope == "status":
        value = read_transient(cluster, node, name)
    else:
        value = read_pair(cluster.query(), scope, node, arguments.set_name, name)
    if value is None:
        value = arguments.default
    if value is None:
        raise CommandFailed(Exit.NOSUCH, NO_SUCH)
    print(value if arguments.quiet else f"scope={scope}  name={name} value={value}")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
