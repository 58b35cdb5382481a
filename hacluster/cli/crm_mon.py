"""`crm_mon`: the cluster at a glance, once or followed."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from hacluster.cli import mon_text, mon_xml
from hacluster.cli.cluster import LiveCluster, connect, follow, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.mon_text import Sections
from hacluster.cli.status_view import View, view


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "crm_mon",
        description="The state of the cluster. Without -1 it is shown anew whenever something changes.",
        epilog="example: crm_mon -1Arf",
        allow_abbrev=False,
    )
    parser.add_argument("-1", "--one-shot", action="store_true", help="show it once")
    parser.add_argument("-A", "--show-node-attributes", action="store_true", help="with node attributes")
    parser.add_argument("-f", "--failcounts", action="store_true", help="with failcounts")
    parser.add_argument("-o", "--operations", action="store_true", help="with the operation history")
    parser.add_argument("-t", "--timing-details", action="store_true", help="with times")
    parser.add_argument("-r", "--inactive", action="store_true", help="with what does not run")
    parser.add_argument("-n", "--group-by-node", action="store_true", help="sorted by node")
    parser.add_argument("-s", "--simple-status", action="store_true", help="one line; exit code 1 for trouble")
    parser.add_argument("-X", "--as-xml", action="store_true", help="XML in its older form")
    parser.add_argument("--output-as", choices=("text", "console", "xml", "html"), default="text")
    parser.add_argument("--output-to", metavar="FILE", help="write it there")
    parser.add_argument("-i", "--interval", metavar="TIME", help="accepted: changes are shown when they happen")
    parser.add_argument("-c", "--tickets", action="store_true", help="with tickets")
    parser.add_argument("-D", "--hide-headers", "--no-headers", action="store_true", help="without the summary")
    parser.add_argument("-R", "--show-detail", action="store_true", help="accepted: nothing is left out here")
    parser.add_argument("-b", "--brief", action="store_true", help="accepted")
    parser.add_argument("-j", "--pending", action="store_true", help="accepted: what is under way is always shown")
    parser.add_argument("-Q", "--quiet", action="store_true", help="accepted")
    parser.add_argument("--exclude", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("-U", "--include", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("-V", "--verbose", action="count", help="accepted")
    return parser


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    arguments = build_parser().parse_args(words)
    return run("crm_mon", lambda: _carry_out(arguments, " ".join(["crm_mon", *words])))


def _carry_out(arguments: argparse.Namespace, request: str) -> int:
    is_once = (
        arguments.one_shot or arguments.as_xml or arguments.output_as in ("xml", "html") or arguments.simple_status
    )
    if not is_once and not os.environ.get("CIB_file"):
        return _follow(arguments, request)
    found = current()
    if arguments.simple_status:
        return _simple(found)
    _write(arguments, _rendered(found, arguments, request))
    return Exit.OK


def current() -> View:
    """What the agent (or the file) says now."""
    cluster = connect()
    now = time.time()
    if isinstance(cluster, LiveCluster):
        info = cluster.info()
        return view(cluster.query(), dc=info.dc, stack=info.engine, now=now)
    return view(cluster.query(), now=now)


def _rendered(found: View, arguments: argparse.Namespace, request: str) -> str:
    sections = Sections(
        attributes=arguments.show_node_attributes,
        failcounts=arguments.failcounts,
        operations=arguments.operations,
        timing=arguments.timing_details,
        inactive=arguments.inactive,
        by_node=arguments.group_by_node,
    )
    now = time.time()
    if arguments.as_xml or arguments.output_as == "xml":
        return mon_xml.render(found, sections, now, request, is_old=arguments.as_xml)
    text = mon_text.render(found, sections, now)
    if arguments.hide_headers:
        text = text.partition("\n\n")[2]
    if arguments.tickets:
        text += _tickets()
    if arguments.output_as == "html":
        from html import escape

        return f'<!DOCTYPE html><meta charset="utf-8"><title>Cluster status</title><pre>{escape(text)}</pre>\n'
    return text


def _tickets() -> str:
    from hacluster.cli.crm_ticket import short_line, states

    found = states(connect().query())
    return "\n".join(["", "Tickets:", *(f"  * {short_line(state)}" for state in found.values()), ""]) if found else ""


def _write(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.output_to:
        sys.stdout.write(text)
        return
    try:
        Path(arguments.output_to).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(Exit.CANTCREAT, f"{arguments.output_to}: {error.strerror}") from error


def _simple(found: View) -> int:
    online = [node for node in found.nodes if node.is_online and not node.is_unclean]
    bad = [node.name for node in found.nodes if node not in online]
    if not found.dc:
        print("CLUSTER WARN: No DC")
        return Exit.ERROR
    if bad:
        print("CLUSTER WARN: " + ", ".join(f"offline node: {name}" for name in bad))
        return Exit.ERROR
    nodes = f"{len(online)} node{'s' if len(online) != 1 else ''} online"
    instances = f"{found.instances} resource instance{'s' if found.instances != 1 else ''} configured"
    print(f"CLUSTER OK: {nodes}, {instances}")
    return Exit.OK


def _follow(arguments: argparse.Namespace, request: str) -> int:
    """Show it anew after every change; changes of a quarter of a second are shown together."""
    import asyncio

    from hacluster.protocol.client import AsyncClient
    from hacluster.protocol.messages import Beat, Subscribe

    async def show() -> None:
        changed = asyncio.Event()

        async def listen() -> None:
            async for update in AsyncClient().subscribe(Subscribe(events=False)):
                if not isinstance(update, Beat):
                    changed.set()

        listener = asyncio.create_task(listen())
        while not listener.done():
            done, _ = await asyncio.wait({listener, asyncio.create_task(changed.wait())}, return_when="FIRST_COMPLETED")
            if listener in done:
                break
            changed.clear()
            text = _rendered(await asyncio.to_thread(current), arguments, request)
            sys.stdout.write(f"\x1b[2J\x1b[H{text}")
            sys.stdout.flush()
            await asyncio.sleep(0.25)
        await listener

    return follow(show())


if __name__ == "__main__":
    sys.exit(main())
