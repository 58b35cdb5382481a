"""schedule(cib, now): read it as a table of contents.

Reads a frozen Cib and a time; gives a TransitionGraph. No clock, no I/O, nothing kept from one call to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hacluster.cib.model import Cib
from hacluster.scheduler.actions import draft_actions
from hacluster.scheduler.assign import Chooser, assign
from hacluster.scheduler.borrowed import resolved
from hacluster.scheduler.bundles import order_bundles, tie_replicas
from hacluster.scheduler.changes import draft_configuration_changes
from hacluster.scheduler.colocations import read_colocations
from hacluster.scheduler.fencing import draft_fencing_and_shutdowns, hold_back_unsafe_starts
from hacluster.scheduler.graph import TransitionGraph
from hacluster.scheduler.health import apply_health
from hacluster.scheduler.history import read_cluster
from hacluster.scheduler.locations import score_nodes
from hacluster.scheduler.locks import apply_shutdown_locks
from hacluster.scheduler.monitors import draft_probes, draft_running_monitors
from hacluster.scheduler.notifications import add_notifications, draft_notification_milestones
from hacluster.scheduler.ordering import make_links, order_by_constraints, order_inside, order_migrations
from hacluster.scheduler.plan import Plan
from hacluster.scheduler.probing import order_probes
from hacluster.scheduler.references import References
from hacluster.scheduler.remotes import keep_off_remotes, order_connections, order_containers
from hacluster.scheduler.settle import settle
from hacluster.scheduler.unfencing import draft_unfencing
from hacluster.scheduler.utilization import unpack_utilization
from hacluster.scheduler.vertices import build_graph
from hacluster.scheduler.working import NOTHING_LEFT_OUT, Cluster, LeftOut


def schedule(cib: Cib, now: datetime | float) -> TransitionGraph:
    """What is to be done about this CIB at this time."""
    return decide(resolved(cib), now.timestamp() if isinstance(now, datetime) else now)[0]


def decide(
    cib: Cib, now: float, left_out: LeftOut = NOTHING_LEFT_OUT, chooser: Callable[[Cluster], Chooser] = Chooser
) -> tuple[TransitionGraph, Cluster]:
    """The answer, and the model that led to it.

    `left_out`: what has to be known of resources not in this CIB; `chooser`: who gives nodes to resources.
    """
    cluster = read_cluster(cib, now, left_out)
    references = References(cib, cluster)
    read_colocations(cib, cluster, references)
    score_nodes(cib, cluster, references)
    keep_off_remotes(cluster)
    tie_replicas(cluster)
    apply_health(cluster)
    apply_shutdown_locks(cluster)
    unpack_utilization(cluster, cib.section("nodes").all("node"))
    plan = Plan(cluster)
    draft_running_monitors(plan)
    draft_configuration_changes(plan)
    assign(chooser(cluster))
    draft_probes(plan)
    draft_actions(plan)
    draft_unfencing(plan)
    draft_notification_milestones(plan)
    order_inside(plan)
    order_containers(plan)
    order_bundles(plan)
    order_by_constraints(plan, cib, references)
    order_connections(plan)
    draft_fencing_and_shutdowns(plan)
    hold_back_unsafe_starts(plan)
    order_migrations(plan)
    make_links(plan)
    order_probes(plan)
    settle(plan)
    add_notifications(plan)
    graph = build_graph(plan)
    plan.take_apart()
    return graph, cluster
