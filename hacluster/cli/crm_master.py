"""`crm_master`: the promotion score of the resource agent that calls it; the older form of `crm_attribute -p`."""

from __future__ import annotations

import sys

from hacluster.cli.cluster import run
from hacluster.cli.crm_attribute import build_parser, carry_out, protected


def main(argv: list[str] | None = None) -> int:
    parser = build_parser("crm_master")
    parser.add_argument("-r", "--resource", default="", help="the resource; default the calling agent's")
    arguments = parser.parse_args(protected(sys.argv[1:] if argv is None else argv))
    arguments.promotion = arguments.resource
    return run("crm_master", lambda: carry_out(arguments))


if __name__ == "__main__":
    sys.exit(main())
