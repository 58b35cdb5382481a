"""Tickets of a cluster of clusters: who may run where the permit has not been granted.

Reads `rsc_ticket` constraints and the ticket states of the status section; writes bans, fencing and freezes into the
working model and gives the clones that may not have a promoted instance.
"""

from __future__ import annotations

from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.scheduler.reading import mark_unclean
from hacluster.scheduler.references import References
from hacluster.scheduler.values import is_true
from hacluster.scheduler.working import Cluster, Resource, Role

_PROMOTED = ("promoted", "master")


def apply_tickets(cib: Cib, cluster: Cluster, references: References) -> set[str]:
    """Ban what depends on a missing ticket; gives the ids of clones that must not be promoted."""
    states = {state.id: state for state in (cib.status.find("tickets") or NOTHING).all("ticket_state")}
    unpromotable: set[str] = set()
    for constraint in cib.section("constraints").all("rsc_ticket"):
        state = states.get(constraint.get("ticket"), NOTHING)
        granted, standby = is_true(state.get("granted")), is_true(state.get("standby"))
        if granted and not standby:
            continue
        for resource, role in references.all_in(constraint):
            is_promoted = role.lower() in _PROMOTED
            if is_promoted:
                unpromotable.add(resource.id)
            policy = _policy(cluster, constraint, is_promoted)
            for primitive in resource.primitives():
                _withhold(cluster, primitive, policy, is_promoted, granted, constraint.get("ticket"))
    return unpromotable


def _policy(cluster: Cluster, constraint: Element, is_promoted: bool) -> str:
    policy = constraint.get("loss-policy").lower() or ("demote" if is_promoted else "stop")
    return "stop" if policy == "fence" and not cluster.options.fencing_enabled else policy


def _withhold(cluster: Cluster, resource: Resource, policy: str, is_promoted: bool, granted: bool, ticket: str) -> None:
    if granted or not resource.active:
        # A ticket in standby lets go gently: what runs may go on only in the unpromoted role.
        if not is_promoted or policy == "stop":
            resource.ban(cluster.nodes, f"ticket {ticket} is in standby" if granted else f"no ticket {ticket}")
        return
    lost = f"ticket {ticket} was lost"
    match policy:
        case "freeze":
            resource.is_managed = False
            resource.is_blocked = True
        case "fence":
            if not is_promoted:
                resource.ban(cluster.nodes, lost)
            for index in _places(resource, is_promoted):
                mark_unclean(cluster.nodes[index], "deadman ticket was lost")
        case "demote" if is_promoted:
            pass
        case _:
            resource.ban(cluster.nodes, lost)


def _places(resource: Resource, is_promoted: bool) -> list[int]:
    """Where it is in the role the ticket is about."""
    return sorted(index for index, role in resource.active.items() if not is_promoted or role is Role.PROMOTED)
