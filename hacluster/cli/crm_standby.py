"""`crm_standby`: whether a node may run resources."""

from __future__ import annotations

import argparse
import sys

from hacluster.cli.cluster import connect, run
from hacluster.cli.crm_attribute import carry_out as carry_out_attribute
from hacluster.cli.crm_attribute import local_node
from hacluster.cli.options import Options


def main(argv: list[str] | None = None) -> int:
    parser = Options("crm_standby", description="Let a node run resources, or not.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-G", "--query", action="store_true")
    what.add_argument("-v", "--update", metavar="on|off")
    what.add_argument("-D", "--delete", action="store_true")
    parser.add_argument("-N", "--node", default="", help="default: this node")
    parser.add_argument("-l", "--lifetime", choices=("reboot", "forever"), default="forever")
    parser.add_argument("-q", "--quiet", action="store_true")
    given = parser.parse_args(argv)
    return run("crm_standby", lambda: _carry_out(given))


def _carry_out(given: argparse.Namespace) -> int:
    arguments = argparse.Namespace(
        **vars(given),
        name="standby",
        type=None,
        utilization=False,
        promotion=None,
        set_name="",
        default="off",
        id="",
        pattern=None,
        output_as="text",
    )
    arguments.node = given.node or local_node(connect())
    return carry_out_attribute(arguments)


if __name__ == "__main__":
    sys.exit(main())
