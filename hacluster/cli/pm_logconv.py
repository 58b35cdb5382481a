"""`pm_logconv`: the operator's event lines, once or followed."""

from __future__ import annotations

import argparse
import sys

from hacluster.cli.cluster import follow, live, run
from hacluster.cli.exits import Exit
from hacluster.protocol.client import AsyncClient
from hacluster.protocol.events import log_line
from hacluster.protocol.messages import EventHappened, Events, EventsQuery, Snapshot, Subscribe


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "pm_logconv", description="What happened in the cluster, in the operator's words: one line an event."
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with every new event")
    parser.add_argument("-n", "--lines", type=int, default=200, help="how many of the past ones first (200)")
    parser.add_argument("--lang", choices=("en", "ja"), default="en")
    arguments = parser.parse_args(argv)
    return run("pm_logconv", lambda: _follow(arguments) if arguments.follow else _once(arguments))


def _once(arguments: argparse.Namespace) -> int:
    for event in live().ask(EventsQuery(limit=arguments.lines), Events).events:
        print(log_line(event, arguments.lang))
    return Exit.OK


def _follow(arguments: argparse.Namespace) -> int:
    async def show() -> None:
        async for update in AsyncClient().subscribe(Subscribe(cib=False)):
            match update:
                case Snapshot(events=events):
                    for event in events[-arguments.lines :]:
                        print(log_line(event, arguments.lang), flush=True)
                case EventHappened(event=event):
                    print(log_line(event, arguments.lang), flush=True)

    return follow(show())


if __name__ == "__main__":
    sys.exit(main())
