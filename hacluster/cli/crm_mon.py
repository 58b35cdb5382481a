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
from hacluster.cli.options import Options
from hacluster.cli.resource_text import Shown
from hacluster.cli.status_view import View, view

_KNOWN = ", ".join(sorted(mon_text.SECTIONS))


def build_parser() -> argparse.ArgumentParser:
    parser = Options(
        "crm_mon",
        description="The state of the cluster. Without -1 it is shown anew whenever something changes.",
        epilog="example: crm_mon -1Arf",
    )
    add = parser.add_argument
    add("-1", "--one-shot", action="store_true", help="show it once")
    add("-A", "--show-node-attributes", dest="parts", action="append_const", const="attributes", help="with attributes")
    add("-f", "--failcounts", dest="parts", action="append_const", const="failcounts", help="with failcounts")
    add("-o", "--operations", dest="parts", action="append_const", const="operations", help="with the history")
    add("-t", "--timing-details", action="store_true", help="with the history and its times")
    add("-c", "--tickets", dest="parts", action="append_const", const="tickets", help="with tickets")
    add("-L", "--neg-locations", nargs="?", const="", metavar="PREFIX", help="with what keeps resources off nodes")
    add("-r", "--inactive", action="store_true", help="with what does not run")
    add("-n", "--group-by-node", action="store_true", help="sorted by node")
    add("-R", "--show-detail", action="store_true", help="every instance of a clone by itself")
    add("-b", "--brief", action="store_true", help="primitives of one kind counted")
    add("--node", metavar="NODE", default="", help="this node alone")
    add("--resource", metavar="ID", default="", help="this resource alone")
    add("-s", "--simple-status", action="store_true", help="one line")
    add("-X", "--as-xml", action="store_true", help="XML in its older form")
    add("--output-as", choices=("text", "console", "xml", "html", "none"), default="text")
    add("--output-to", metavar="FILE", help="write it there")
    add("-D", "--hide-headers", "--no-headers", action="store_true", help="without the summary")
    add(
        "-U",
        "--include",
        dest="changes",
        action="append",
        type=_with,
        metavar="SECTIONS",
        help=", ".join(sorted(mon_text.SECTIONS)),
    )
    add("--exclude", dest="changes", action="append", type=_without, metavar="SECTIONS", help="without these sections")
    add("-i", "--interval", metavar="TIME", help="accepted: changes are shown when they happen")
    add("-m", "--fence-history", nargs="?", metavar="LEVEL", help="accepted: stonith_admin -H tells it")
    add("-j", "--pending", action="store_true", help="accepted: what is under way is always shown")
    add("-Q", "--quiet", action="store_true", help="without the times")
    add("-V", "--verbose", action="count", help="accepted")
    parser.set_defaults(parts=[], changes=[])
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
    sections = _sections(arguments)
    now = time.time()
    if arguments.as_xml or arguments.output_as == "xml":
        is_live = not os.environ.get("CIB_file")
        return mon_xml.render(found, sections, now, request, is_old=arguments.as_xml, is_live=is_live)
    if arguments.output_as == "none":
        return ""
    text = mon_text.render(found, sections, now)
    if arguments.output_as == "html":
        from html import escape

        return f'<!DOCTYPE html><meta charset="utf-8"><title>Cluster status</title><pre>{escape(text)}</pre>\n'
    return text


def _with(text: str) -> tuple[bool, str]:
    return False, text


def _without(text: str) -> tuple[bool, str]:
    return True, text


def _sections(arguments: argparse.Namespace) -> Sections:
    shown = Shown(
        inactive=arguments.inactive,
        details=arguments.show_detail,
        brief=arguments.brief,
        only=arguments.resource,
        only_node=arguments.node,
    )
    parts = {*mon_text.USUAL, *arguments.parts}
    parts |= {"operations"} if arguments.timing_details else set()
    parts |= {"bans"} if arguments.neg_locations is not None else set()
    parts -= set(mon_text.SUMMARY) if arguments.hide_headers else set()
    parts -= {"times"} if arguments.quiet else set()
    if arguments.as_xml or arguments.output_as == "xml":
        parts = set(mon_text.SECTIONS)
    for is_exclusion, text in arguments.changes:
        if is_exclusion:
            parts -= _named(text, "--exclude")
        else:
            parts = (set() if "none" in text.split(",") else parts) | _named(text, "--include")
    return Sections(
        parts=frozenset(parts),
        timing=arguments.timing_details,
        by_node=arguments.group_by_node,
        bans=arguments.neg_locations or "",
        resources=shown,
    )


def _named(text: str, option: str) -> set[str]:
    """`summary,nodes` -> the sections meant."""
    found: set[str] = set()
    several = {"all": mon_text.SECTIONS, "summary": mon_text.SUMMARY, "default": mon_text.USUAL, "none": ()}
    for word in text.split(","):
        name = word.partition(":")[0]
        if name not in several and name not in mon_text.SECTIONS and not name.startswith("fencing-"):
            known = ", ".join(sorted({*mon_text.SECTIONS, *several}))
            raise CommandFailed(Exit.USAGE, f"{option} options: {known}")
        found |= set(several.get(name, {name}))
    return found


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
