"""`meatclient -c NODE`: the operator's word that a node is off, when meatware asks for it."""

from __future__ import annotations

import argparse
import sys

from hacluster.cli.cluster import live, run
from hacluster.cli.exits import Exit

WARNING = """
WARNING!

If node "{node}" has not been manually power-cycled or disconnected from all shared resources and networks, data on
shared disks may become corrupted and migrated services might not work as expected.
Please verify that the name or address above corresponds to the node you just rebooted.
"""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("meatclient", description="Confirm by hand that a node is off.")
    parser.add_argument("-c", "--confirm", required=True, metavar="NODE")
    parser.add_argument("-w", "--wait", action="store_true", help="accepted: the agent knows who waits")
    arguments = parser.parse_args(argv)
    return run("meatclient", lambda: _confirm(arguments.confirm))


def _confirm(node: str) -> int:
    from hacluster.protocol.messages import Done, FenceConfirm

    print(WARNING.format(node=node))
    try:
        answer = input("PROCEED? [yN] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() != "y":
        print("Not confirmed.")
        return Exit.ERROR
    live().ask(FenceConfirm(node=node, user="", reason="meatclient"), Done)
    print(f"Confirmed: {node} is off.")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
