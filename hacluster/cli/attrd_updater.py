"""`attrd_updater`: transient node attributes, with dampening."""

from __future__ import annotations

import argparse
import sys

from hacluster.cli.attributes import duration_ms
from hacluster.cli.cluster import LiveCluster, live, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options


def build_parser() -> argparse.ArgumentParser:
    parser = Options(
        "attrd_updater",
        description="Set, read or delete transient node attributes.",
        epilog="example: attrd_updater -n default_ping_set -U 100 -d 5s",
    )
    parser.add_argument("-n", "--name", metavar="NAME", help="the attribute")
    parser.add_argument("-U", "-v", "--update", metavar="VALUE", help="set the value")
    parser.add_argument("-B", "--update-both", metavar="VALUE", help="set the value and the dampening")
    parser.add_argument("-Y", "--update-delay", action="store_true", help="set the dampening alone")
    parser.add_argument("-Q", "--query", action="store_true", help="print the value")
    parser.add_argument("-D", "--delete", action="store_true", help="delete the attribute")
    parser.add_argument("-R", "--refresh", action="store_true", help="write all attributes into the CIB again")
    parser.add_argument("-d", "--delay", metavar="TIME", help="how long further changes are waited for")
    parser.add_argument("-N", "--node", "-S-node", metavar="NODE", default="", help="the node; default this one")
    parser.add_argument("-A", "--all", action="store_true", help="with -Q: of all nodes")
    parser.add_argument("-p", "--private", action="store_true", help="kept out of the CIB")
    parser.add_argument("-q", "--quiet", action="store_true", help="accepted")
    parser.add_argument("-S", "--section", choices=("status",), help="accepted: transient attributes stand in status")
    parser.add_argument("-s", "--set", help="accepted")
    parser.add_argument("-W", "--wait", choices=("no", "local", "cluster"), help="accepted")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(_protected(sys.argv[1:] if argv is None else argv))
    return run("attrd_updater", lambda: _carry_out(arguments))


def _protected(argv: list[str]) -> list[str]:
    """A value may begin with a minus sign."""
    safe: list[str] = []
    for word in argv:
        previous = safe[-1] if safe else ""
        if previous in ("-U", "-v", "--update", "-B", "--update-both"):
            long = "--update-both" if previous in ("-B", "--update-both") else "--update"
            safe[-1] = f"{long}={word}"
        else:
            safe.append(word)
    return safe


def _carry_out(arguments: argparse.Namespace) -> int:
    from hacluster.protocol.messages import AttributeRefresh, AttributeUpdate, Done

    cluster = live()
    if arguments.refresh:
        cluster.ask(AttributeRefresh(), Done)
        return Exit.OK
    if not arguments.name:
        raise CommandFailed(Exit.USAGE, "the attribute's name is missing (-n NAME)")
    if arguments.query:
        return _query(cluster, arguments)
    value = arguments.update_both if arguments.update_both is not None else arguments.update
    if value is None and not arguments.delete and not arguments.update_delay:
        raise CommandFailed(Exit.USAGE, "nothing to do: give -U VALUE, -Q or -D")
    update = AttributeUpdate(
        name=arguments.name,
        node=arguments.node,
        value=value,
        dampen_ms=duration_ms(arguments.delay) if arguments.delay else None,
        set_dampening=arguments.update_both is not None or arguments.update_delay,
        keep_value=arguments.update_delay,
        private=arguments.private,
    )
    cluster.ask(update, Done)
    return Exit.OK


def _query(cluster: LiveCluster, arguments: argparse.Namespace) -> int:
    from hacluster.protocol.messages import AttributeQuery, AttributeValues

    node = "" if arguments.all else (arguments.node or cluster.info().node)
    values = cluster.ask(AttributeQuery(name=arguments.name, node=node), AttributeValues).values
    for found in values:
        print(f'name="{_plain(found.name)}" host="{_plain(found.node)}" value="{_plain(found.value)}"')
    if not values:
        raise CommandFailed(Exit.CONFIG, f"Could not query value of {arguments.name}: attribute does not exist")
    return Exit.OK


def _plain(text: str) -> str:
    """Agents let a shell evaluate these lines: nothing in them may mean anything to it."""
    return "".join(f"\\{char}" if char in '"\\$`' else char for char in text)


if __name__ == "__main__":
    sys.exit(main())
