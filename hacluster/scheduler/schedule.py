"""schedule(cib, now): read it as a table of contents.

Reads a frozen Cib and a time; gives a TransitionGraph. No clock, no I/O, nothing kept from one call to the next.
"""

from __future__ import annotations

from datetime import datetime

from hacluster.cib.model import Cib
from hacluster.scheduler.actions import draft_actions
from hacluster.scheduler.assign import assign
from hacluster.scheduler.graph import TransitionGraph
from hacluster.scheduler.history import interpret
from hacluster.scheduler.notifications import add_notifications
from hacluster.scheduler.ordering import order_actions
from hacluster.scheduler.references import References
from hacluster.scheduler.scores import score_nodes
from hacluster.scheduler.unpack import unpack
from hacluster.scheduler.vertices import build_graph


def schedule(cib: Cib, now: datetime | float) -> TransitionGraph:
    """What is to be done about this CIB at this time."""
    moment = now.timestamp() if isinstance(now, datetime) else now
    cluster = unpack(cib, moment)
    interpret(cluster)
    references = References(cib, cluster)
    promoted_scores = score_nodes(cib, cluster, references)
    assign(cib, cluster, references, promoted_scores)
    drafts = draft_actions(cluster)
    rules = order_actions(cib, cluster, references, drafts)
    rules += add_notifications(cluster, drafts)
    return build_graph(cluster, drafts, rules)
