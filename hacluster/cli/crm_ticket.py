"""`crm_ticket`: which tickets this site holds, and giving, taking and suspending them.

Reads `<tickets>` of the status section and the ticket constraints; prints and changes them as Pacemaker's command does.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime

from hacluster.cib.codec import to_xml
from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.cli.cluster import connect, run
from hacluster.cli.exits import CommandFailed, Exit
from hacluster.cli.options import Options
from hacluster.protocol.messages import CibChange, CibOperationKind

TRUE = ("true", "yes", "on", "y", "1")
DATES = ("last-granted", "expires")
GRANT_NEEDS_FORCE = """Ticket modification not allowed
Whether another site holds '{ticket}' can't be seen from here.
Grant it with --force when you have made sure that none does."""
REVOKE_NEEDS_FORCE = """Ticket modification not allowed
Without '{ticket}' the loss-policy of what depends on it takes effect; see it with
crm_ticket --ticket {ticket} --constraints
To stop these resources in order first:
crm_ticket --ticket {ticket} --standby
Take the ticket away with --force when you mean it."""


def build_parser() -> argparse.ArgumentParser:
    parser = Options(
        "crm_ticket",
        description="Look at tickets, and give them to this site or take them away.",
        epilog="example: crm_ticket --info    crm_ticket -t ticketA --grant --force    crm_ticket -t ticketA --standby",
    )
    what = parser.add_mutually_exclusive_group()
    for short, long, text in (
        ("-l", "--info", "the tickets and whether they are granted"),
        ("-L", "--details", "with all that is known of them"),
        ("-w", "--raw", "the ids alone"),
        ("-q", "--query-xml", "their state as XML"),
        ("-c", "--constraints", "the constraints that depend on them"),
        ("-C", "--cleanup", "forget a ticket"),
    ):
        what.add_argument(short, long, action="store_true", help=text)
    what.add_argument("-G", "--get-attr", metavar="NAME", help="print an attribute")
    parser.add_argument("-g", "--grant", action="store_true", help="give it to this site")
    parser.add_argument("-r", "--revoke", action="store_true", help="take it from this site")
    parser.add_argument("-s", "--standby", action="store_true", help="treat it as not there, without its loss policy")
    parser.add_argument("-a", "--activate", action="store_true", help="end its standby")
    parser.add_argument("-S", "--set-attr", metavar="NAME", help="set an attribute (-v)")
    parser.add_argument("-D", "--delete-attr", metavar="NAME", action="append", default=[], help="delete an attribute")
    parser.add_argument("-v", "--attr-value", metavar="VALUE", help="for -S")
    parser.add_argument("-d", "--default", metavar="VALUE", help="-G: print this when there is none")
    parser.add_argument("-t", "--ticket", metavar="ID", default="")
    parser.add_argument("-f", "--force", action="store_true", help="grant or revoke all the same")
    parser.add_argument("-Q", "--quiet", action="store_true", help="accepted")
    parser.add_argument("-V", "--verbose", action="count", help="accepted")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    return run("crm_ticket", lambda: _carry_out(arguments))


def _carry_out(arguments: argparse.Namespace) -> int:
    cib = connect().query()
    if arguments.info or arguments.details or arguments.raw:
        return _list(cib, arguments)
    if arguments.query_xml:
        return _query_xml(cib, arguments.ticket)
    if arguments.constraints:
        return _constraints(cib, arguments.ticket)
    changes = _changes(arguments)
    if not (arguments.get_attr or arguments.cleanup or arguments.delete_attr or changes):
        raise CommandFailed(Exit.USAGE, "Must supply a command")
    if not arguments.ticket:
        raise CommandFailed(Exit.USAGE, "Must supply ticket ID with -t")
    if arguments.get_attr:
        return _get(cib, arguments)
    if arguments.cleanup:
        return _cleanup(cib, arguments.ticket, force=arguments.force)
    return _modify(cib, arguments, changes)


# ---------------------------------------------------------------- looking


def states(cib: Cib) -> dict[str, Element]:
    """Every ticket that has a state or that a constraint names, by its id."""
    held = cib.status.find("tickets") or NOTHING
    found = {state.id: state for state in held.all("ticket_state")}
    for constraint in cib.section("constraints").all("rsc_ticket"):
        found.setdefault(constraint.get("ticket"), Element("ticket_state", {"id": constraint.get("ticket")}))
    return dict(sorted(found.items()))


def _is_true(state: Element, name: str) -> bool:
    return state.get(name).lower() in TRUE


def _list(cib: Cib, arguments: argparse.Namespace) -> int:
    found = states(cib)
    if arguments.ticket:
        if arguments.ticket not in found:
            raise CommandFailed(Exit.NOSUCH, f"No such ticket '{arguments.ticket}'")
        found = {arguments.ticket: found[arguments.ticket]}
    for name, state in found.items():
        print(name if arguments.raw else line(state, is_detailed=arguments.details))
    return Exit.OK


def line(state: Element, *, is_detailed: bool) -> str:
    """`ticketA<tab>granted [standby] last-granted='…'`, or all attributes in brackets."""
    word = "granted" if _is_true(state, "granted") else "revoked"
    head = f"{state.id}\t{word} {'[standby]' if _is_true(state, 'standby') else ' ' * 9}"
    shown = {name: _readable(name, value) for name, value in state.attributes.items() if name != "id"}
    if is_detailed:
        return f"{head} ({', '.join(f'{name}={value}' for name, value in shown.items())})" if shown else head
    return f"{head} last-granted={shown['last-granted']}" if "last-granted" in shown else head


def _readable(name: str, value: str) -> str:
    if name not in DATES or not value.isdecimal():
        return value
    return f"'{datetime.fromtimestamp(int(value)).strftime('%a %b %e %H:%M:%S %Y')}'"


def _query_xml(cib: Cib, ticket: str) -> int:
    held = cib.status.find("tickets")
    found = next((state for state in (held or NOTHING).all("ticket_state") if state.id == ticket), None)
    element = found if ticket else held
    if element is None:
        raise CommandFailed(Exit.NOSUCH, "Could not query ticket XML: No such device or address")
    print(f"State XML:\n\n{to_xml(element)}", end="")
    return Exit.OK


def _constraints(cib: Cib, ticket: str) -> int:
    found = [one for one in cib.section("constraints").all("rsc_ticket") if ticket in ("", one.get("ticket"))]
    if not found:
        raise CommandFailed(Exit.NOSUCH, "Could not show ticket constraints: No such device or address")
    print(f"Constraints XML:\n\n{''.join(to_xml(one) for one in found)}", end="")
    return Exit.OK


def _get(cib: Cib, arguments: argparse.Namespace) -> int:
    state = states(cib).get(arguments.ticket, NOTHING)
    value = state.attributes.get(arguments.get_attr, arguments.default)
    if value is None:
        return Exit.NOSUCH
    print(value)
    return Exit.OK


# ---------------------------------------------------------------- changing


def _changes(arguments: argparse.Namespace) -> dict[str, str]:
    changes: dict[str, str] = {}
    if arguments.set_attr:
        if arguments.attr_value is None:
            raise CommandFailed(Exit.USAGE, f"Must supply value with -v for -S {arguments.set_attr}")
        changes[arguments.set_attr] = arguments.attr_value
    for is_asked, name, value in (
        (arguments.grant, "granted", "true"),
        (arguments.revoke, "granted", "false"),
        (arguments.standby, "standby", "true"),
        (arguments.activate, "standby", "false"),
    ):
        if is_asked:
            changes[name] = value
    return changes


def _modify(cib: Cib, arguments: argparse.Namespace, changes: dict[str, str]) -> int:
    ticket = arguments.ticket
    state = states(cib).get(ticket, Element("ticket_state", {"id": ticket}))
    _check_allowed(ticket, changes, arguments.delete_attr, force=arguments.force)
    if changes.get("granted", "").lower() in TRUE:
        changes["last-granted"] = str(int(time.time()))
    deletions: dict[str, str | None] = dict.fromkeys(arguments.delete_attr)
    new = state.with_attributes({**deletions, **changes})
    if new != state:
        _write(cib, new)
    return Exit.OK


def _check_allowed(ticket: str, changes: dict[str, str], deleted: list[str], *, force: bool) -> None:
    """Only a person can know whether another site holds the ticket, or whether losing it here may cost something."""
    if force or not ("granted" in changes or "granted" in deleted):
        return
    grants = changes.get("granted", "").lower() in TRUE
    text = GRANT_NEEDS_FORCE if grants else REVOKE_NEEDS_FORCE
    raise CommandFailed(Exit.INSUFFICIENT_PRIV, text.format(ticket=ticket))


def _cleanup(cib: Cib, ticket: str, *, force: bool) -> int:
    found = states(cib).get(ticket)
    if found is None:
        raise CommandFailed(Exit.NOSUCH, f"No such ticket '{ticket}'")
    if _is_true(found, "granted") and not force:
        raise CommandFailed(Exit.INSUFFICIENT_PRIV, REVOKE_NEEDS_FORCE.format(ticket=ticket))
    _write(cib, found, is_gone=True)
    return Exit.OK


def _write(cib: Cib, state: Element, *, is_gone: bool = False) -> None:
    """All tickets with this one new: they are few, and so an attribute can also go."""
    held = cib.status.find("tickets") or Element("tickets")
    kept = tuple(other for other in held.children if other.id != state.id)
    tickets = held.with_children(kept if is_gone else (*kept, state))
    has_tickets = cib.status.find("tickets") is not None
    change = CibChange(
        kind=CibOperationKind.REPLACE if has_tickets else CibOperationKind.MODIFY,
        section="status",
        xpath="/cib/status/tickets" if has_tickets else "",
        xml=to_xml(tickets),
        allow_create=True,
        client="crm_ticket",
    )
    connect().change(change)


if __name__ == "__main__":
    sys.exit(main())
