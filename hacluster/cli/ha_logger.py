"""`ha_logger -t TAG MESSAGE`: a resource agent's line for the cluster's log."""

from __future__ import annotations

import argparse
import sys

from hacluster.cli.cluster import live, run
from hacluster.cli.exits import Exit


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("ha_logger", description="Write a line into the agent's log.")
    parser.add_argument("-t", "--tag", default="ha_logger")
    parser.add_argument("-D", "--log-type", default="ha-log", help="ha-log, or ha-debug")
    parser.add_argument("message", nargs="+")
    arguments = parser.parse_args(argv)
    return run("ha_logger", lambda: _log(arguments))


def _log(arguments: argparse.Namespace) -> int:
    from hacluster.protocol.messages import Done, LogLine

    priority = "debug" if arguments.log_type == "ha-debug" else "info"
    live().ask(LogLine(tag=arguments.tag, priority=priority, text=" ".join(arguments.message)), Done)
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
