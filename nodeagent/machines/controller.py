"""The DC's head: keeps the node states, decides when to compute a transition, and counts failures.

Reads memberships, results of operations, CIB changes and the scheduler's answers; gives Schedule, RecomputeNeeded,
AttributeWanted, FailcountRaised and the controller's state in Pacemaker's words.

Invariant: a graph is carried out only when every member holds the CIB that it was computed from, so that whoever
becomes DC next knows of every node that may run something.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from hacluster.cib.model import Cib, Element
from hacluster.cib.status import node_state
from hacluster.protocol import events
from hacluster.protocol.messages import TransitionProgress
from hacluster.protocol.peers import ActionDone, HistoryChanged, HistoryEntry, LeaveGranted, ProgressSpread
from nodeagent.machines.attributes import Attributes
from nodeagent.machines.effects import PublishUpdate, SayLeave, Schedule, StopAgent
from nodeagent.machines.events import (
    AttributeWanted,
    CibApplied,
    DcElected,
    DcGone,
    FailcountRaised,
    FencingFinished,
    MemberGone,
    MemberJoined,
    RecomputeNeeded,
    Scheduled,
    StopRequested,
    TransitionEnded,
    ViewChanged,
)
from nodeagent.machines.executor import Executor
from nodeagent.machines.failover import Failover
from nodeagent.machines.replication import Replication
from nodeagent.machines.situation import FEATURE_SET, YES, Machine, Situation, on, on_message
from nodeagent.machines.status_section import (
    DOWN,
    INCARNATION,
    LOST,
    MEMBER,
    incarnation_in,
    with_lrm,
    with_lrm_resource,
    with_node_state,
    without_history_of,
)
from nodeagent.machines.transition import Transition

LOOK_AGAIN_MS = 2_000
PROGRESS, PROGRESS_MS = "progress", 200
RECHECK_DEFAULT_MS = 15 * 60_000


class Controller(Machine):
    def __init__(
        self,
        here: Situation,
        replication: Replication,
        transition: Transition,
        attributes: Attributes,
        failover: Failover,
        is_joining: Callable[[], bool],
        executor: Executor,
    ) -> None:
        super().__init__(here)
        self._replication = replication
        self._transition = transition
        self._attributes = attributes
        self._failover = failover
        self._is_joining = is_joining
        self._executor = executor
        self._reason = ""
        """Why a new graph is needed; "" when it is not."""
        self._schedule_token = 0
        self._progress: TransitionProgress | None = None
        self._started_at_ms = 0
        self._spread: tuple[str, TransitionProgress | None] = ("", None)

    @property
    def progress(self) -> TransitionProgress | None:
        return self._progress

    # Node states

    @on(DcElected)
    def _elected(self, event: DcElected) -> None:
        """Whoever is not a member yet counts as lost until it joins, and as unclean if it was expected to be up.

        A node that said goodbye, the old DC perhaps, is down and clean.
        """
        self._schedule_token = 0
        self._replication.change_status(self._all_lost)
        self._need("a new DC")

    def _all_lost(self, cib: Cib) -> Cib:
        for state in cib.status.all("node_state"):
            if state.get("in_ccm") == "true" or state.get("crmd") == "online":
                cib = with_node_state(cib, state.id, state.get("uname"), dict(LOST))
        for name in sorted(self.here.left):
            cib = with_node_state(without_history_of(cib, name), self.here.node_id(name), name, dict(DOWN))
        return cib

    @on(MemberJoined)
    def _joined(self, event: MemberJoined) -> None:
        name, node_id = event.member, self.here.node_id(event.member)
        life = str(self.here.view.members[name])
        self._know_nodes()

        def joined(cib: Cib) -> Cib:
            cib = with_node_state(cib, node_id, name, {**MEMBER, INCARNATION: life})
            return with_lrm(without_history_of(cib, name), name, event.lrm)

        self._replication.change_status(joined)
        self._attributes.joined(event)
        self._need(f"{name} joined")

    def _know_nodes(self) -> None:
        """Every node of ha.cf is in the configuration, seen or not: a node that was never seen may run something."""
        cib = self._replication.draft
        section = cib.section("nodes")
        known = {node.get("uname") for node in section.all("node")}
        missing = [name for name in sorted({*self.here.settings.nodes, *self.here.view.members}) if name not in known]
        if not missing:
            return
        new = [Element("node", {"id": self.here.node_id(name), "uname": name}) for name in missing]
        nodes = Element("nodes", section.attributes, (*section.children, *new))
        self._replication.change_configuration(cib.with_section(nodes), client="crmd", origin=self.here.name)

    @on(MemberGone)
    def _gone(self, event: MemberGone) -> None:
        name = event.member

        def gone(cib: Cib) -> Cib:
            fields = DOWN if event.is_clean else LOST
            cib = with_node_state(cib, self.here.node_id(name), name, dict(fields))
            return without_history_of(cib, name) if event.is_clean else cib

        self._replication.change_status(gone)
        self._need(f"{name} is gone")

    @on(FencingFinished)
    def _fenced(self, event: FencingFinished) -> None:
        if not self.here.is_dc:
            return
        if event.is_ok and event.target not in self.here.view.members:

            def down(cib: Cib) -> Cib:
                life = max(event.incarnation, incarnation_in(node_state(cib, event.target)))
                fields: dict[str, str | None] = {**DOWN, INCARNATION: str(life)} if life > 0 else dict(DOWN)
                cib = with_node_state(cib, self.here.node_id(event.target), event.target, fields)
                return without_history_of(cib, event.target)

            self._replication.change_status(down)
        if event.by_human or not event.is_ok:
            self._need(f"fencing of {event.target} ended")

    @on(ViewChanged)
    def _view_changed(self, event: ViewChanged) -> None:
        if self.here.is_dc:
            self._replication.change_status(self._with_view)
            self._need("the membership changed")

    def _with_view(self, cib: Cib) -> Cib:
        wanted: dict[str, str | None] = {
            "have-quorum": "1" if self.here.view.has_quorum else "0",
            "no-quorum-panic": "1" if self.here.view.had_quorum else None,
            "dc-uuid": self.here.node_id(self.here.name),
            "crm_feature_set": cib.root.get("crm_feature_set") or FEATURE_SET,
        }
        if all(cib.root.attributes.get(name) == value for name, value in wanted.items()):
            return cib
        return Cib(cib.root.with_attributes(wanted))

    # Results

    @on_message(ActionDone)
    def _action_done(self, peer: str, done: ActionDone) -> None:
        if not self._is_member(peer) or done.term != self.here.view.term:
            return
        self._remember(peer, done.memory.resource if done.memory else "", done)
        if done.entry is not None and not done.is_ok:
            self._failed(peer, done.entry)
        if not self._transition.done_at(peer, done) and done.entry is not None:
            # The graph of now was made without knowing how this would end: the node may have been away meanwhile.
            self._need(f"{done.entry.resource} {done.entry.operation} on {peer} of an earlier transition has ended")

    @on_message(HistoryChanged)
    def _history_changed(self, peer: str, message: HistoryChanged) -> None:
        if not self._is_member(peer):
            return
        self._remember(peer, message.memory.resource, message)
        entry = message.entry
        if entry.rc != entry.target_rc or entry.op_status != 0:
            self._failed(peer, entry)
        self._need(f"{entry.resource} {entry.operation} on {peer} ended otherwise than expected")

    def _is_member(self, peer: str) -> bool:
        return self.here.is_dc and peer in self.here.view.members

    def _remember(self, node: str, resource: str, message: ActionDone | HistoryChanged) -> None:
        memory = message.memory
        if memory is not None:
            self._replication.change_status(lambda cib: with_lrm_resource(cib, node, resource, memory))

    def _failed(self, node: str, entry: HistoryEntry) -> None:
        """Count it as Pacemaker does: INFINITY for a start or stop that must not fail, one more for the rest."""
        is_probe = entry.operation == "monitor" and not entry.interval_ms
        if entry.operation == "notify":
            return
        if not is_probe and entry.on_fail != "ignore":
            key = f"{_plain(entry)}#{entry.operation}_{entry.interval_ms}"
            value = "INFINITY" if self._is_fatal(entry) else "value++"
            self.give(AttributeWanted(node, f"fail-count-{key}", value))
            self.give(AttributeWanted(node, f"last-failure-{key}", str(self.here.wall_ms // 1000)))
            self.give(FailcountRaised(entry.resource, node))
        self._need(f"{entry.resource} {entry.operation} failed on {node}")

    def _is_fatal(self, entry: HistoryEntry) -> bool:
        if entry.operation == "stop":
            return True
        return entry.operation == "start" and self.here.option("start-failure-is-fatal", "true") in YES

    # Computing

    @on(CibApplied)
    def _cib_applied(self, event: CibApplied) -> None:
        if self.here.is_dc and event.is_configuration:
            # A configuration that was replaced whole may not know the nodes that carry it.
            self._know_nodes()
            self._replication.change_status(self._with_ids)
            self._need("the configuration changed")

    def _with_ids(self, cib: Cib) -> Cib:
        """The node states go by the ids that the configuration gives the nodes now."""
        for state in cib.status.all("node_state"):
            name = state.get("uname")
            cib = with_node_state(cib, self.here.node_id(name), name, {})
        return cib

    @on(RecomputeNeeded)
    def _recompute(self, event: RecomputeNeeded) -> None:
        if self._is_in_a_rule(event.reason):
            self._failover.attribute_worsened()
        self._need(event.reason)

    def _is_in_a_rule(self, reason: str) -> bool:
        """Whether the attribute that changed is one that location rules read; a promotion score is no path or disk."""
        subject, _, rest = reason.partition(" ")
        name = rest.removesuffix(" changed")
        rules = (element for element in self.here.cib.section("constraints").walk() if element.tag == "expression")
        return subject == "attribute" and any(element.get("attribute") == name for element in rules)

    def _need(self, reason: str) -> None:
        if self.here.is_dc:
            self._reason = self._reason or reason
            self._transition.abort(reason)

    def consider(self) -> None:
        """At the end of each step: compute, if there is need, and nothing that would make it stale is under way."""
        if self.here.is_dc and self._reason and not self._schedule_token and self._is_calm():
            self._reason = ""
            self._schedule_token = self.here.token()
            now = datetime.fromtimestamp(self.here.wall_ms / 1000, UTC)
            self.give(Schedule(self._schedule_token, self.here.cib, now))
        self._show()

    def _is_calm(self) -> bool:
        return not self._transition.is_running and not self._is_joining() and self._replication.is_settled

    @on(Scheduled)
    def _scheduled(self, event: Scheduled) -> None:
        if event.token != self._schedule_token or not self.here.is_dc:
            return
        self._schedule_token = 0
        if self._reason:
            return
        self._set_recheck(event.graph.recheck_at)
        self._started_at_ms = self.here.wall_ms
        self._failover.planned(event.graph)
        self._transition.start(event.graph)

    def _set_recheck(self, recheck_at: float | None) -> None:
        after_ms = _interval_ms(self.here.option("cluster-recheck-interval", "15min"), RECHECK_DEFAULT_MS)
        if recheck_at is not None:
            after_ms = min(after_ms or RECHECK_DEFAULT_MS, max(0, int(recheck_at * 1000) - self.here.wall_ms) + 1)
        if after_ms:
            self.set_timer("recheck", after_ms)

    def timer(self, name: str) -> None:
        if name != PROGRESS:
            self._need("time has passed")

    @on(TransitionEnded)
    def _ended(self, event: TransitionEnded) -> None:
        if self._transition.failed and not self._reason:
            # Something could not be done and nothing else asks for a look: look again, but not in a tight loop.
            self.set_timer("again", LOOK_AGAIN_MS)
        elif not self._reason and event.is_complete:
            self._failover.became_idle()

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        self._reason, self._schedule_token = "", 0
        self._progress = None
        self.clear_timer("recheck")

    # Leaving

    @on(StopRequested)
    def _stop_requested(self, event: StopRequested) -> None:
        """Ask the DC to take everything off this node; without any DC there is nobody to take it off."""
        self.here.is_stopping = True
        self.publish(events.MANAGER_STOPPING)

    @on_message(LeaveGranted)
    def _granted(self, peer: str, message: LeaveGranted) -> None:
        # What still runs here, or has just ended, was ordered by an earlier DC; its end makes this one look again.
        is_stale = self._executor.is_acting() or (
            message.known is not None and self._executor.is_news_to(message.known)
        )
        if peer == self.here.dc and message.term == self.here.view.term and not is_stale:
            self.publish(events.MANAGER_STOPPED)
            self.give(SayLeave())
            self.give(StopAgent())

    # Showing

    def _show(self) -> None:
        if self.here.is_dc:
            self._progress = self._current_progress()
            state = self._dc_state()
        else:
            state = "S_NOT_DC" if self.here.dc else "S_ELECTION"
        if self.here.is_stopping and state in ("S_NOT_DC", "S_IDLE"):
            state = "S_STOPPING"
        self.here.state = state
        if self.here.is_dc and (state, self._progress) != self._spread:
            self._tell_progress(state)

    def _tell_progress(self, state: str) -> None:
        """A new state is told at once; how many actions are done, a few times a second at most."""
        told_state, told = self._spread
        now = self._progress
        is_same = told is not None and now is not None and (told.number, told.state) == (now.number, now.state)
        if is_same and told_state == state and self.has_timer(PROGRESS):
            return
        self._spread = state, now
        self.set_timer(PROGRESS, PROGRESS_MS)
        if self.here.is_dc:
            self.send_members(ProgressSpread(term=self.here.view.term, state=state, progress=self._progress))
            if self._progress is not None:
                self.give(PublishUpdate(self._progress))

    def _dc_state(self) -> str:
        if self._transition.is_running:
            return "S_TRANSITION_ENGINE"
        if self._is_joining():
            return "S_INTEGRATION"
        return "S_POLICY_ENGINE" if self._reason or self._schedule_token else "S_IDLE"

    def _current_progress(self) -> TransitionProgress | None:
        graph = self._transition.graph
        if graph is None:
            return None
        state = "done"
        if self._transition.is_running:
            fencing = [action for action in self._transition.in_flight.values() if action.kind == "fence"]
            state = "waiting" if fencing else "running"
        elif self._transition.aborted_by:
            state = "aborted"
        return TransitionProgress(
            number=self._transition.number,
            state=state,
            done=self._transition.done_count,
            total=self._transition.total_count,
            cause=self._transition.aborted_by,
            summary=self._transition.summary,
            started_at_ms=self._started_at_ms,
        )

    @on_message(ProgressSpread)
    def _progress_spread(self, peer: str, message: ProgressSpread) -> None:
        if peer == self.here.dc and message.term == self.here.view.term and message.progress is not None:
            self._progress = message.progress
            self.give(PublishUpdate(message.progress))


_UNITS_MS = {"ms": 1, "msec": 1, "": 1000, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}


def _interval_ms(text: str, default: int) -> int:
    digits = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text.strip()[len(digits) :].strip()
    if not digits.isdigit() or unit not in _UNITS_MS:
        return default
    return int(digits) * _UNITS_MS[unit]


def _plain(entry: HistoryEntry) -> str:
    """Fail counts of anonymous clones are counted under the plain name, those of unique ones with the number."""
    if entry.meta.get("CRM_meta_globally_unique", entry.meta.get("globally_unique")) == "true":
        return entry.resource
    return entry.resource.partition(":")[0]


def is_known_down(cib: Cib, name: str) -> bool:
    state = node_state(cib, name)
    return state is not None and state.get("expected") == "down"
