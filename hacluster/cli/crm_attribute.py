"""`crm_attribute`: node attributes, cluster options and promotion scores.

Reads and writes what `attributes.py` names; the options and exit codes are those of Pacemaker's command.
"""

from __future__ import annotations

import argparse
import os
import re
import sys

from hacluster.cib.codec import to_xml
from hacluster.cib.model import NOTHING, Element
from hacluster.cib.status import node_state, transient_attributes
from hacluster.cli.attributes import (
    NO_SUCH,
    pair_of,
    pairs_of,
    read_pair,
    read_transient,
    write_pair,
    write_transient,
)
from hacluster.cli.cluster import FileCluster, LiveCluster, connect, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import API_VERSION, Options

_TRANSIENT = ("reboot", "status")
_WITHOUT_NODE = ("crm_config", "rsc_defaults", "op_defaults", "tickets")
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
    parser.add_argument("-i", "--id", default="", metavar="ID", help="the XML id of the attribute")
    parser.add_argument("-P", "--pattern", metavar="REGEX", help="all attributes whose names match")
    parser.add_argument("--output-as", choices=("text", "xml"), default="text")
    parser.add_argument("-V", "--verbose", action="count", help="accepted")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(protected(sys.argv[1:] if argv is None else argv))
    return run("crm_attribute", lambda: carry_out(arguments))


def protected(argv: list[str]) -> list[str]:
    """`-v -INFINITY` -> `--update=-INFINITY`: a value may begin like an option."""
    safe: list[str] = []
    skip = False
    for word, following in zip(argv, [*argv[1:], ""], strict=False):
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
    scope = _scope(arguments, lifetime)
    node = "" if scope in _WITHOUT_NODE else (arguments.node or local_node(cluster))
    is_query = arguments.update is None and not arguments.delete
    if is_query and (not name or arguments.pattern):
        return _query_all(cluster, arguments, scope, node)
    if not name and not arguments.pattern:
        raise CommandFailed(Exit.USAGE, "the attribute's name is missing (-n NAME)")
    if is_query:
        return _query(cluster, arguments, scope, node, name)
    value = None if arguments.delete else arguments.update
    for each in [name] if not arguments.pattern else list(_matching(cluster, arguments, scope, node)):
        _write(cluster, arguments, scope, node, each, value)
    return Exit.OK


def _write(
    cluster: LiveCluster | FileCluster,
    arguments: argparse.Namespace,
    scope: str,
    node: str,
    name: str,
    value: str | None,
) -> None:
    if scope == "status":
        write_transient(cluster, node, name, value)
        return
    cib = cluster.query()
    change = write_pair(cib, scope, node, arguments.set_name, name, value, arguments.id)
    if change is None:
        return
    gone = pair_of(cib, scope, node, arguments.set_name, name) if value is None else None
    cluster.change(change)
    if gone is not None and not arguments.quiet:
        kind = "attribute" if scope in ("nodes", "utilization", "status") else "option"
        told = {"utilization": "nodes"}.get(scope, scope)
        print(f"Deleted {told} {kind}: id={gone.id} name={name}")


def _all(cluster: LiveCluster | FileCluster, scope: str, node: str, set_id: str) -> dict[str, str]:
    cib = cluster.query()
    if scope == "status":
        return transient_attributes(node_state(cib, node) or NOTHING)
    return {pair.get("name"): pair.get("value") for pair in pairs_of(cib, scope, node, set_id)}


def _matching(
    cluster: LiveCluster | FileCluster, arguments: argparse.Namespace, scope: str, node: str
) -> dict[str, str]:
    """All attributes of the scope; with a pattern those whose names it matches."""
    found = _all(cluster, scope, node, arguments.set_name)
    try:
        pattern = re.compile(arguments.pattern or "")
    except re.error as error:
        raise CommandFailed(Exit.USAGE, f"“{arguments.pattern}” is no pattern: {error}") from error
    return {name: value for name, value in found.items() if pattern.search(name)}


def _query_all(cluster: LiveCluster | FileCluster, arguments: argparse.Namespace, scope: str, node: str) -> int:
    found = _matching(cluster, arguments, scope, node)
    if not found:
        raise CommandFailed(Exit.NOSUCH, NO_SUCH)
    _print(arguments, scope, found)
    return Exit.OK


def _print(arguments: argparse.Namespace, scope: str, found: dict[str, str]) -> None:
    if arguments.output_as == "xml":
        items = tuple(Element("attribute", {"name": n, "value": v, "scope": scope}) for n, v in found.items())
        request = " ".join(["crm_attribute", *sys.argv[1:]])
        status = Element("status", {"code": "0", "message": "OK"})
        head = {"api-version": API_VERSION, "request": request}
        print(to_xml(Element("pacemaker-result", head, (*items, status))), end="")
        return
    for name, value in found.items():
        print(value if arguments.quiet else f"scope={scope}  name={name} value={value}")


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
    _print(arguments, scope, {name: value})
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
