"""The transition graph: the scheduler's whole answer, as frozen values.

An action is one thing that the controller has somebody do; an ordering says which one comes first. Pseudo actions are
milestones that nobody carries out. `nodeagent/machines/transition` runs the graph.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ActionKind(StrEnum):
    START = "start"
    STOP = "stop"
    PROMOTE = "promote"
    DEMOTE = "demote"
    MONITOR = "monitor"
    """A probe when its interval is 0."""
    CANCEL = "cancel"
    NOTIFY = "notify"
    MIGRATE_TO = "migrate_to"
    MIGRATE_FROM = "migrate_from"
    RELOAD_AGENT = "reload-agent"
    DELETE = "delete"
    """Forget the resource's history on the node."""
    CLEAR_FAILCOUNT = "clear_failcount"
    FENCE = "fence"
    SHUTDOWN = "shutdown"
    """Tell the node's agent to end."""
    PSEUDO = "pseudo"


class Action(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One vertex of the graph. Times in ms."""

    id: int
    kind: ActionKind
    node: str = ""
    """Name of the node (uname); "" for a milestone."""
    node_id: str = ""
    resource: str = ""
    """The instance's name as the history and OCF_RESOURCE_INSTANCE know it."""
    instance: str = ""
    """Its name with its number, which an anonymous instance has in the plan and in old histories alone."""
    task_key: str = ""
    """`prmPg_monitor_10000`"""
    standard: str = ""
    provider: str = ""
    type: str = ""
    interval_ms: int = 0
    timeout_ms: int = 20_000
    start_delay_ms: int = 0
    on_fail: str = ""
    expected_rc: int = 0
    can_fail: bool = False
    """A failure doesn't stop what comes after it."""
    pseudo: bool = False
    detail: str = ""
    """fence: reboot, off, on. notify: pre_start, post_running … pseudo: the milestone's name."""
    priority: int = 0
    parameters: dict[str, str] = {}
    """Instance attributes, after all rules."""
    meta: dict[str, str] = {}
    """CRM_meta_* as the agent sees them, full names."""
    digests: dict[str, str] = {}
    """What the history entry must carry: op-digest, op-force-restart, op-restart-digest, op-secure-…"""


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One contribution to the score of a resource on a node."""

    node: str
    score: int
    cause: str
    """`location rsc_location-grpPg-1`, `stickiness`, `failcount 1 of 1`, `colocation with fs1`, `node is standby` …"""


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One planned change in the operator's terms, as `crm_simulate` lists it."""

    word: str
    """Start, Stop, Move, Recover, Restart, Promote, Demote, Re-promote, Migrate, Fence, Shutdown, Reload"""
    resource: str
    instance: str = ""
    """Its name with the instance's number; of a guest node that is fenced, the resource that it is"""
    role: str = ""
    next_role: str = ""
    source: str = ""
    target: str = ""
    reason: str = ""
    is_blocked: bool = False
    """It should be so, but something stands in its way."""

    def text(self) -> str:
        """`Move prmPg (Started pm01 -> pm02)`"""
        if self.source and self.target and self.source != self.target:
            where = f"{self.source} -> {self.target}"
        else:
            where = self.target or self.source
        changes_role = self.role and self.next_role not in ("", "Stopped", self.role)
        roles = f"{self.role} -> {self.next_role}" if changes_role else self.role or self.next_role
        inner = " ".join(word for word in (roles, where) if word)
        because = f" due to {self.reason}" if self.reason else ""
        because += " (blocked)" if self.is_blocked else ""
        return f"{self.word} {self.resource}" + (f" ({inner})" if inner else "") + because


Placement = dict[str, dict[str, str]]
"""resource -> node -> role (Started, Unpromoted, Promoted); `Started,Started` for two instances on one node"""


class TransitionGraph(msgspec.Struct, frozen=True, kw_only=True):
    actions: tuple[Action, ...] = ()
    orderings: tuple[tuple[int, int], ...] = ()
    """(first, then) over ids of `actions`"""
    placement_now: Placement = {}
    placement_after: Placement = {}
    changes: tuple[Change, ...] = ()
    explanations: dict[str, tuple[Reason, ...]] = {}
    """resource -> every score it got, and why"""
    blocked: tuple[str, ...] = ()
    """Resources that can't be recovered without a human."""
    recheck_at: float | None = None
    """Unix time at which the answer would change by itself (failure-timeout, date rules)."""
    batch_limit: int = 0
    """Actions in flight at once; 0 is no limit."""
    migration_limit: int = -1
    cluster_delay_ms: int = 60_000
    stonith_timeout_ms: int = 60_000
    start_failure_is_fatal: bool = True
    stop_failure_is_fatal: bool = True

    @property
    def is_empty(self) -> bool:
        """Nothing to do but milestones."""
        return all(action.pseudo for action in self.actions)
