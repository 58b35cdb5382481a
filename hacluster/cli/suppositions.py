"""What `crm_simulate` is told to suppose: quorum, nodes that come and go, tickets, results of operations.

Reads the options and a Cib; gives the Cib with all of it, and a line for each supposition, in Pacemaker's order.
"""

from __future__ import annotations

import argparse
import re

from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.cib.status import FAIL_COUNT, LAST_FAILURE, node_ids, node_state, transient_attributes
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.scheduler import simulate

_SPEC = re.compile(r"(?P<task>.+_\d+)@(?P<node>[^=@]+)=(?P<rc>-?\d+)")
_NODES = {
    "node_up": ("Bringing node {} online", simulate.came_up),
    "node_down": ("Taking node {} offline", simulate.left_cleanly),
    "node_fail": ("Failing node {}", simulate.was_lost),
}
_TICKETS = {
    "ticket_grant": ("Granting ticket {}", {"granted": "true"}),
    "ticket_revoke": ("Revoking ticket {}", {"granted": "false"}),
    "ticket_standby": ("Making ticket {} standby", {"standby": "true"}),
    "ticket_activate": ("Activating ticket {}", {"standby": "false"}),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    def add(short: str, long: str, value: str, text: str) -> None:
        parser.add_argument(short, long, action="append", default=[], metavar=value, help=f"suppose {text}")

    add("-u", "--node-up", "NODE", "the node is online")
    add("-d", "--node-down", "NODE", "the node left cleanly")
    add("-f", "--node-fail", "NODE", "the node fell silent")
    add("-i", "--op-inject", "SPEC", "RSC_OP_INTERVAL@NODE=RC happened")
    add("-F", "--op-fail", "SPEC", "RSC_OP_INTERVAL@NODE=RC will happen when it is carried out")
    add("-g", "--ticket-grant", "TICKET", "the ticket is granted")
    add("-r", "--ticket-revoke", "TICKET", "the ticket is revoked")
    add("-b", "--ticket-standby", "TICKET", "the ticket is in standby")
    add("-e", "--ticket-activate", "TICKET", "the ticket is out of standby")
    parser.add_argument("-q", "--quorum", metavar="0|1", help="suppose quorum, or none")
    parser.add_argument("-w", "--watchdog", metavar="0|1", help="suppose that there is a watchdog, or none")


def supposed(cib: Cib, arguments: argparse.Namespace, moment: float) -> tuple[Cib, list[str]]:
    """(the CIB with the supposed events in it, what was supposed)"""
    told: list[str] = []
    if arguments.quorum:
        told.append(f"Setting quorum: {arguments.quorum}")
        cib = Cib(cib.root.with_attributes({"have-quorum": "1" if _is_yes(arguments.quorum) else "0"}))
    if arguments.watchdog:
        told.append(f"Setting watchdog: {arguments.watchdog}")
        cib = _with_watchdog(cib, is_there=_is_yes(arguments.watchdog))
    for option, (text, suppose) in _NODES.items():
        for node in getattr(arguments, option):
            _must_be_known(cib, node)
            told.append(text.format(node))
            cib = suppose(cib, node)
    for option, (text, state) in _TICKETS.items():
        for ticket in getattr(arguments, option):
            told.append(text.format(ticket))
            cib = _with_ticket(cib, ticket, state)
    for spec in arguments.op_inject:
        task, node, rc = operation_of(spec)
        _must_be_known(cib, node)
        told.append(f"Injecting {spec} into the configuration")
        before, cib = cib, simulate.operation_failed(cib, task, node, rc, moment)
        told += _told_count(before, cib, task, node)
    return cib, told


def _told_count(before: Cib, after: Cib, task: str, node: str) -> list[str]:
    """What a failure adds to the status beside its result."""
    resource, operation, interval = task.rsplit("_", 2)
    key = f"{resource}#{operation}_{interval}"
    was = transient_attributes(node_state(before, node) or NOTHING).get(f"{FAIL_COUNT}{key}")
    now = transient_attributes(node_state(after, node) or NOTHING)
    if now.get(f"{FAIL_COUNT}{key}") == was:
        return []
    where = f"into /node_state '{node_ids(after)[node]}'"
    return [
        f"Injecting attribute {FAIL_COUNT}{key}=value++ {where}",
        f"Injecting attribute {LAST_FAILURE}{key}={now.get(f'{LAST_FAILURE}{key}', '')} {where}",
    ]


def _is_yes(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on", "y")


def _must_be_known(cib: Cib, node: str) -> None:
    known = node_ids(cib)
    if node not in known:
        raise CommandFailed(Exit.NOHOST, f"there is no node {node}; known are {', '.join(sorted(known))}")


def operation_of(spec: str) -> tuple[str, str, int]:
    """`pg_monitor_10000@pm01=7` -> its task, node and exit code."""
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise CommandFailed(Exit.USAGE, f"“{spec}” is not of the form RSC_OP_INTERVAL@NODE=RC")
    return match["task"], match["node"], int(match["rc"])


def _with_watchdog(cib: Cib, *, is_there: bool) -> Cib:
    name = "have-watchdog"
    pair = Element("nvpair", {"id": f"cib-bootstrap-options-{name}", "name": name, "value": str(is_there).lower()})
    section = cib.section("crm_config")
    options = section.find("cluster_property_set") or Element("cluster_property_set", {"id": "cib-bootstrap-options"})
    others = tuple(one for one in options.children if one.get("name") != name)
    changed = options.with_children((*others, pair))
    if section.find("cluster_property_set") is None:
        return cib.with_section(Element("crm_config", {}, (*section.children, changed)))
    return cib.with_section(section.replacing(options, changed))


def _with_ticket(cib: Cib, ticket: str, state: dict[str, str]) -> Cib:
    held = cib.status.find("tickets") or Element("tickets")
    known = held.by_id(ticket)
    changed = (known or Element("ticket_state", {"id": ticket})).with_attributes(state)
    tickets = held.replacing(known, changed) if known is not None else held.with_child(changed)
    before = cib.status.find("tickets")
    status = cib.status if cib.root.find("status") is not None else Element("status")
    return cib.with_status(status.replacing(before, tickets) if before is not None else status.with_child(tickets))
