"""`crm_simulate`: what the cluster would do, and how it would stand afterwards.

Reads the live CIB or a file, and events to suppose; prints status, transition summary, scores, and writes the
transition graph as XML or for Graphviz.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import msgspec

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import SCORE_INFINITY, Cib, Element
from hacluster.cib.problems import Problem
from hacluster.cib.status import history_of, node_ids, node_states
from hacluster.cli import graph_files, mon_text, suppositions
from hacluster.cli.cluster import connect, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.language import line_of
from hacluster.cli.options import Options
from hacluster.cli.resource_text import Shown
from hacluster.cli.simulate import now_of
from hacluster.cli.status_view import View, view
from hacluster.scheduler import simulate as suppose
from hacluster.scheduler.dates import parse_date
from hacluster.scheduler.graph import Action, ActionKind, Change, TransitionGraph
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.values import add
from hacluster.scheduler.words import in_natural_order

_ALL = mon_text.Sections(resources=Shown(inactive=True))


def build_parser() -> argparse.ArgumentParser:
    parser = Options(
        "crm_simulate",
        description="What the cluster would do, and how it would stand afterwards.",
        epilog="example: crm_simulate -L -S -d pm01",
    )
    add = parser.add_argument
    add("-x", "--xml-file", metavar="FILE", help="read the configuration there")
    add("-p", "--xml-pipe", action="store_true", help="read it from standard input")
    add("-L", "--live-check", action="store_true", help="read the running cluster")
    add("-R", "--run", action="store_true", help="plan a transition")
    add("-S", "--simulate", action="store_true", help="carry it out on paper too, and show the result")
    add("-X", "--in-place", action="store_true", help="and write the result back to the file")
    add("-s", "--show-scores", action="store_true", help="with the scores and where they come from")
    add("-A", "--show-attrs", action="store_true", help="with node attributes")
    add("-c", "--show-failcounts", action="store_true", help="with failcounts")
    add("-U", "--show-utilization", action="store_true", help="with what nodes can bear and resources need")
    add("-G", "--save-graph", metavar="FILE", help="write the transition graph as XML")
    add("-D", "--save-dotfile", metavar="FILE", help="write the transition graph for Graphviz")
    add("-a", "--all-actions", action="store_true", help="accepted: a graph holds what is to be done")
    add("-O", "--save-output", metavar="FILE", help="write the resulting CIB")
    add("-I", "--save-input", metavar="FILE", help="write the CIB that was read")
    add("-P", "--profile", metavar="DIR", help="plan for every file there and tell the time it took")
    add("-N", "--repeat", type=int, default=1, metavar="N", help="with --profile: so many times each")
    add("-t", "--set-datetime", metavar="TIME", help="pretend it is this time (ISO 8601)")
    add("-Q", "--quiet", action="store_true", help="no status blocks")
    add("-j", "--pending", action="store_true", help="accepted: what is under way is always shown")
    add("-V", "--verbose", action="count", help="accepted")
    suppositions.add_options(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run("crm_simulate", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    if arguments.profile:
        return _profile(Path(arguments.profile), arguments.repeat)
    cib = _read(arguments)
    moment = parse_date(arguments.set_datetime) if arguments.set_datetime else now_of(cib)
    if moment is None:
        raise CommandFailed(Exit.USAGE, f"“{arguments.set_datetime}” is not a time such as 2014-05-07 00:28:00")
    _save(arguments.save_input, to_xml(cib))
    dated = _told_date(cib, arguments)
    if not arguments.quiet:
        _print_head(dated, cib, moment, arguments)
    changed, told = suppositions.supposed(cib, arguments, moment)
    if told and not arguments.quiet:
        print("\nPerforming Requested Modifications:", *(f"  * {line}" for line in told), sep="\n")
    if _is_planned(arguments):
        _plan(changed, arguments, moment, dated)
    return Exit.OK


def _is_planned(arguments: argparse.Namespace) -> bool:
    """Status and suppositions alone are told unless a transition is asked for, or something that needs one."""
    asks = (arguments.run, arguments.simulate, arguments.in_place, arguments.show_scores, arguments.show_utilization)
    return any(asks) or bool(arguments.save_graph or arguments.save_dotfile or arguments.save_output)


def _plan(cib: Cib, arguments: argparse.Namespace, moment: float, dated: str) -> None:
    graph = schedule(cib, moment)
    if arguments.show_scores:
        print("\nAssignment Scores:", *_scores(cib, graph), sep="\n")
    if arguments.show_utilization:
        print("\nUtilization Information:", *_utilization(cib), sep="\n")
    if not arguments.quiet:
        print("\nTransition Summary:", *summary_lines(graph.changes), sep="\n")
    _save(arguments.save_graph, graph_files.as_xml(graph, _known(cib)))
    _save(arguments.save_dotfile, graph_files.as_dot(graph))
    if arguments.simulate or arguments.in_place or arguments.save_output:
        _simulate(cib, graph, arguments, moment, dated)


def _profile(folder: Path, repeat: int) -> int:
    """How long planning takes for each CIB of a folder."""
    if not folder.is_dir():
        raise CommandFailed(Exit.NOINPUT, f"{folder}: there is no such folder")
    for file in sorted(folder.glob("*.xml")):
        cib = parse_cib(_bytes(str(file)), str(file))
        if isinstance(cib, Problem):
            print(f"* Testing {file} ... {line_of(cib)}")
            continue
        started = time.process_time()
        for _ in range(max(1, repeat)):
            schedule(cib, now_of(cib))
        print(f"* Testing {file} ... {time.process_time() - started:.2f} secs")
    return Exit.OK


def _told_date(cib: Cib, arguments: argparse.Namespace) -> str:
    """Which time is taken for now, where that is not the real one."""
    if arguments.set_datetime:
        return f"Setting effective cluster time: {arguments.set_datetime}"
    stamp = cib.root.get("execution-date")
    if not stamp.isdecimal():
        return ""
    original = datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"Using the original execution date of: {original}"


def _print_head(dated: str, cib: Cib, moment: float, arguments: argparse.Namespace) -> None:
    found = view(cib, now=moment)
    lines = [dated] if dated else []
    if found.disabled or found.blocked:
        told = f"{found.disabled} of {found.instances} resource instances DISABLED"
        lines.append(f"{told} and {found.blocked} BLOCKED from further action due to failure")
    lines += [""] if lines else []
    print(*lines, "Current cluster status:", *status_lines(found, arguments), sep="\n")


def _read(arguments: argparse.Namespace) -> Cib:
    if arguments.xml_pipe:
        arguments.xml_file = "-"
    if not arguments.xml_file:
        return connect().query()
    text = sys.stdin.buffer.read() if arguments.xml_file == "-" else _bytes(arguments.xml_file)
    found = parse_cib(text, arguments.xml_file)
    if isinstance(found, Problem):
        raise CommandFailed(Exit.DATAERR, line_of(found))
    return found


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandFailed(Exit.NOINPUT, f"{name}: {error.strerror}") from error


def _save(name: str | None, text: str) -> None:
    if name:
        Path(name).write_text(text, encoding="utf-8")


def _simulate(cib: Cib, graph: TransitionGraph, arguments: argparse.Namespace, moment: float, dated: str) -> None:
    failures = {(task, node): rc for task, node, rc in map(suppositions.operation_of, arguments.op_fail)}
    if not arguments.quiet:
        print("\nExecuting Cluster Transition:", *execution_lines(cib, graph), sep="\n")
    after = suppose.apply(cib, _without_shutdowns(graph), moment, failures)
    _save(arguments.save_output, to_xml(after))
    if arguments.in_place and arguments.xml_file != "-":
        _save(arguments.xml_file or os.environ.get("CIB_file"), to_xml(after))
    if not arguments.quiet:
        print(
            *([dated] if dated else []),
            "\nRevised Cluster Status:",
            *status_lines(view(after, now=moment), arguments),
            sep="\n",
        )


def _without_shutdowns(graph: TransitionGraph) -> TransitionGraph:
    """A node that is told to leave is shown as it stands when that is carried out: ready to go, and still there."""
    gone = {action.id for action in graph.actions if action.kind is ActionKind.SHUTDOWN}
    return msgspec.structs.replace(
        graph,
        actions=tuple(action for action in graph.actions if action.id not in gone),
        orderings=tuple(pair for pair in graph.orderings if not gone & set(pair)),
    )


# ---------------------------------------------------------------- text


def status_lines(found: View, arguments: argparse.Namespace | None = None) -> list[str]:
    """Node list and resources, as crm_mon words them, one step further in; attributes and failcounts on request."""
    blocks = [["Node List:", *mon_text.node_lines(found, _ALL)], mon_text.resource_block(found, _ALL)]
    if arguments is not None and arguments.show_attrs:
        blocks.append(mon_text.attribute_block(found, _ALL))
    if arguments is not None and arguments.show_failcounts:
        blocks.append(mon_text.history_block(found, _ALL))
    return [line for block in blocks if block for line in ["", *_indented(block)]][1:]


def _indented(lines: list[str]) -> list[str]:
    heading, *rest = lines
    return [f"  * {heading}", *(f"  {line}" for line in rest)]


def summary_lines(changes: tuple[Change, ...]) -> list[str]:
    """`  * Move       rsc1     ( node1 -> node2 )`, in columns; that a node leaves is told by the transition alone."""
    told = [change for change in changes if change.word not in ("Fence", "Shutdown")]
    name_width = _name_width(told)
    inner_width = max([5, *(len(_inner(change)) for change in told)])
    lines = [_fence_line(change) for change in changes if change.word == "Fence"]
    for change in told:
        because = f"due to {change.reason}" if change.reason else ""
        because += (" (blocked)" if because else "blocked") if change.is_blocked else ""
        line = f"  * {change.word:8}   {change.instance:{name_width}}   ( {_inner(change):>{inner_width}} )"
        lines.append(f"{line}  {because}" if because else line)
    return lines


def _name_width(changes: list[Change]) -> int:
    """The column leaves two blanks behind the name that widens it, and none behind one that just fits."""
    width = 5
    for change in changes:
        if len(change.instance) > width:
            width = len(change.instance) + 2
    return width


def _fence_line(change: Change) -> str:
    guest = f" (resource: {change.instance})" if change.instance else ""
    because = f" '{change.reason}'" if change.reason else ""
    return f"  * Fence ({change.role}) {change.resource}{guest}{because}"


def _inner(change: Change) -> str:
    """The nodes, and the roles where they matter."""
    role, next_role = change.role or "Stopped", change.next_role or "Stopped"
    here, there = change.source, change.target
    needs_role = role in ("Promoted", "Unpromoted") or next_role == "Promoted"
    if not here:
        return f"{role} -> {next_role} {there}" if needs_role else there
    if not there:
        return f"{role} {here}" if needs_role else here
    if role == next_role:
        place = here if here == there else f"{here} -> {there}"
        # A resource that moves is told with its role at the end, one that stays with its role first.
        return (f"{role} {place}" if here == there else f"{place} {role}") if needs_role else place
    return f"{role} -> {next_role} {here}" if here == there else f"{role} {here} -> {next_role} {there}"


def execution_lines(cib: Cib, graph: TransitionGraph) -> list[str]:
    """The actions as they are carried out. An anonymous instance has its number where its history is not without."""
    known = _known(cib)
    return [_execution_line(action, known) for action in suppose.in_order(graph)]


def _known(cib: Cib) -> set[str]:
    """The names in the histories."""
    return {held.id for state in node_states(cib) for held in history_of(state)}


def _execution_line(action: Action, known: set[str]) -> str:
    if action.kind is ActionKind.FENCE and not action.pseudo:
        return f"  * Fencing {action.node} ({action.detail or 'reboot'})"
    name = action.resource if action.resource in known else action.instance or action.resource
    if action.pseudo:
        on = f" on {action.node}" if action.node and action.kind is ActionKind.FENCE else ""
        return f"  * Pseudo action:   {graph_files.key_of(action, name)}{on}"
    if action.kind is ActionKind.SHUTDOWN:
        return f"  * Cluster action:  do_shutdown on {action.node}"
    if action.kind is ActionKind.CLEAR_FAILCOUNT:
        return f"  * Cluster action:  clear_failcount for {action.resource} on {action.node}"
    task = f"{action.kind.value}={action.interval_ms}" if action.interval_ms else action.kind.value
    return f"  * Resource action: {name:15} {task} on {action.node}"


def _scores(cib: Cib, graph: TransitionGraph) -> list[str]:
    """The score of each resource on each node, with what it is made of."""
    nodes = sorted(node_ids(cib), key=in_natural_order)
    lines = []
    for resource, reasons in graph.explanations.items():
        for node in nodes:
            parts = [reason for reason in reasons if reason.node == node]
            total = reduce(add, (reason.score for reason in parts), 0)
            made_of = "; ".join(f"{_shown(reason.score)} {reason.cause}" for reason in parts)
            lines.append(
                f"{resource} allocation score on {node}: {_shown(total)}" + (f" ({made_of})" if made_of else "")
            )
    return lines


def _shown(score: int) -> str:
    return "INFINITY" if score >= SCORE_INFINITY else "-INFINITY" if score <= -SCORE_INFINITY else str(score)


def _utilization(cib: Cib) -> list[str]:
    nodes = [(f"Original: {node.get('uname')} capacity:", node) for node in cib.section("nodes").all("node")]
    primitives = [one for one in cib.section("resources").walk() if one.tag == "primitive"]
    needs = [(f"{one.id} utilization:", one) for one in primitives if one.find("utilization") is not None]
    return [" ".join([head, *_utilization_of(element)]) for head, element in [*nodes, *needs]]


def _utilization_of(element: Element) -> list[str]:
    pairs = [pair for block in element.all("utilization") for pair in block.all("nvpair")]
    return [f"{pair.get('name')}={pair.get('value')}" for pair in pairs]


if __name__ == "__main__":
    sys.exit(main())
