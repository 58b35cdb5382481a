"""`crm_simulate`: what the cluster would do, and how it would stand afterwards.

Reads the live CIB or a file, and events to suppose; prints status, transition summary, scores, and writes the
transition graph as XML or for Graphviz.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.cli import graph_files, mon_text
from hacluster.cli.cluster import connect, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options
from hacluster.cli.resource_text import Shown
from hacluster.cli.simulate import now_of
from hacluster.cli.status_view import view
from hacluster.scheduler import simulate as suppose
from hacluster.scheduler.dates import parse_date
from hacluster.scheduler.graph import Action, ActionKind, Change, TransitionGraph
from hacluster.scheduler.schedule import schedule

_ALL = mon_text.Sections(resources=Shown(inactive=True))
_SPEC = re.compile(r"(?P<task>.+_\d+)@(?P<node>[^=@]+)=(?P<rc>-?\d+)")


def build_parser() -> argparse.ArgumentParser:
    parser = Options(
        "crm_simulate",
        description="What the cluster would do, and how it would stand afterwards.",
        epilog="example: crm_simulate -L -S -d pm01",
    )
    add = parser.add_argument
    add("-x", "--xml-file", metavar="FILE", help="read the configuration there")
    add("-L", "--live-check", action="store_true", help="read the running cluster")
    add("-R", "--run", action="store_true", help="plan a transition (implied by all that follows)")
    add("-S", "--simulate", action="store_true", help="carry the transition out on paper and show the result")
    add("-s", "--show-scores", action="store_true", help="with the scores and where they come from")
    add("-G", "--save-graph", metavar="FILE", help="write the transition graph as XML")
    add("-D", "--save-dotfile", metavar="FILE", help="write the transition graph for Graphviz")
    add("-O", "--save-output", metavar="FILE", help="write the resulting CIB")
    add("-I", "--save-input", metavar="FILE", help="write the CIB that was read")
    add("-t", "--set-datetime", metavar="TIME", help="pretend it is this time (ISO 8601)")
    add("-Q", "--quiet", action="store_true", help="no status blocks")
    add("-u", "--node-up", action="append", default=[], metavar="NODE", help="suppose the node is online")
    add("-d", "--node-down", action="append", default=[], metavar="NODE", help="suppose the node left cleanly")
    add("-f", "--node-fail", action="append", default=[], metavar="NODE", help="suppose the node fell silent")
    add("-i", "--op-inject", action="append", default=[], metavar="SPEC", help="RSC_OP_INTERVAL@NODE=RC happened")
    add("-F", "--op-fail", action="append", default=[], metavar="SPEC", help="RSC_OP_INTERVAL@NODE=RC would happen")
    add("-q", "--quorum", metavar="0|1", help="suppose quorum, or none")
    add("-U", "--show-utilization", action="store_true", help="accepted")
    add("-j", "--pending", action="store_true", help="accepted: what is under way is always shown")
    add("-V", "--verbose", action="count", help="accepted")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run("crm_simulate", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    cib = _read(arguments)
    moment = parse_date(arguments.set_datetime) if arguments.set_datetime else now_of(cib)
    if moment is None:
        raise CommandFailed(Exit.USAGE, f"“{arguments.set_datetime}” is not a time such as 2014-05-07 00:28:00")
    _save(arguments.save_input, to_xml(cib))
    if not arguments.quiet:
        print("Current cluster status:", *status_lines(cib, moment), sep="\n")
    supposed = _injected(cib, arguments, moment)
    graph = schedule(supposed, moment)
    if arguments.show_scores:
        print("\nAssignment Scores:", *_scores(graph), sep="\n")
    if not arguments.quiet:
        print("\nTransition Summary:", *summary_lines(graph.changes), sep="\n")
    _save(arguments.save_graph, graph_files.as_xml(graph))
    _save(arguments.save_dotfile, graph_files.as_dot(graph))
    if arguments.simulate:
        _simulate(supposed, graph, arguments, moment)
    return Exit.OK


def _read(arguments: argparse.Namespace) -> Cib:
    if not arguments.xml_file:
        return connect().query()
    text = sys.stdin.buffer.read() if arguments.xml_file == "-" else _bytes(arguments.xml_file)
    found = parse_cib(text, arguments.xml_file)
    if isinstance(found, Problem):
        raise CommandFailed(Exit.DATAERR, found.line())
    return found


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandFailed(Exit.NOINPUT, f"{name}: {error.strerror}") from error


def _save(name: str | None, text: str) -> None:
    if name:
        Path(name).write_text(text, encoding="utf-8")


def _injected(cib: Cib, arguments: argparse.Namespace, moment: float) -> Cib:
    """The CIB with the supposed events in it."""
    for node in arguments.node_up:
        cib = suppose.came_up(cib, node)
    for node in arguments.node_down:
        cib = suppose.left_cleanly(cib, node)
    for node in arguments.node_fail:
        cib = suppose.was_lost(cib, node)
    for spec in arguments.op_inject:
        task, node, rc = _spec(spec)
        cib = suppose.operation_failed(cib, task, node, rc, moment)
    if arguments.quorum:
        has_quorum = "1" if arguments.quorum in ("1", "true", "yes") else "0"
        cib = Cib(cib.root.with_attributes({"have-quorum": has_quorum}))
    return cib


def _spec(text: str) -> tuple[str, str, int]:
    match = _SPEC.fullmatch(text)
    if match is None:
        raise CommandFailed(Exit.USAGE, f"“{text}” is not of the form RSC_OP_INTERVAL@NODE=RC")
    return match["task"], match["node"], int(match["rc"])


def _simulate(cib: Cib, graph: TransitionGraph, arguments: argparse.Namespace, moment: float) -> None:
    failures = {(task, node): rc for task, node, rc in map(_spec, arguments.op_fail)}
    print("\nExecuting Cluster Transition:", *(execution_line(a) for a in suppose.in_order(graph)), sep="\n")
    after = suppose.apply(cib, graph, moment, failures)
    _save(arguments.save_output, to_xml(after))
    if not arguments.quiet:
        print("\nRevised Cluster Status:", *status_lines(after, moment), sep="\n")


# ---------------------------------------------------------------- text


def status_lines(cib: Cib, moment: float) -> list[str]:
    """Node list and resources, as crm_mon words them, one step further in."""
    found = view(cib, now=moment)
    resources = mon_text.resource_block(found, _ALL)
    lines = ["Node List:", *mon_text.node_lines(found, _ALL)]
    return [*_indented(lines), "", *_indented(resources)]


def _indented(lines: list[str]) -> list[str]:
    heading, *rest = lines
    return [f"  * {heading}", *(f"  {line}" for line in rest)]


def summary_lines(changes: tuple[Change, ...]) -> list[str]:
    """`  * Move       rsc1     ( node1 -> node2 )`, in columns."""
    fences = [change for change in changes if change.word == "Fence"]
    others = [change for change in changes if change.word != "Fence"]
    lines = [f"  * Fence ({change.role}) {change.resource} '{change.reason}'" for change in fences]
    width = max((len(change.resource) for change in others), default=0)
    inner = [_inner(change) for change in others]
    inner_width = max((len(text) for text in inner), default=0)
    for change, text in zip(others, inner, strict=True):
        because = f"  due to {change.reason}" if change.reason else ""
        lines.append(f"  * {change.word:10} {change.resource:{width}}     ( {text:>{inner_width}} ){because}")
    return lines


def _inner(change: Change) -> str:
    """The roles that matter, and the nodes."""
    words = []
    if change.word in ("Promote", "Demote"):
        words.append(f"{change.role or 'Stopped'} -> {change.next_role}")
    elif change.role in ("Promoted", "Unpromoted"):
        words.append(change.role)
    is_moving = change.source and change.target and change.source != change.target
    words.append(f"{change.source} -> {change.target}" if is_moving else change.target or change.source)
    return " ".join(words)


def execution_line(action: Action) -> str:
    """One action as it is carried out."""
    if action.kind is ActionKind.FENCE:
        return f"  * Fencing {action.node} ({action.detail or 'reboot'})"
    if action.pseudo:
        return f"  * Pseudo action:   {action.task_key}"
    if action.kind is ActionKind.SHUTDOWN:
        return f"  * Cluster action:  do_shutdown on {action.node}"
    if action.kind is ActionKind.CLEAR_FAILCOUNT:
        return f"  * Cluster action:  clear_failcount for {action.resource} on {action.node}"
    task = f"{action.kind.value}={action.interval_ms}" if action.interval_ms else action.kind.value
    return f"  * Resource action: {action.resource:15} {task} on {action.node}"


def _scores(graph: TransitionGraph) -> list[str]:
    return [
        f"{resource} on {reason.node}: {reason.score} ({reason.cause})"
        for resource, reasons in graph.explanations.items()
        for reason in reasons
    ]
