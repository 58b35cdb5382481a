"""Answers what is asked at the local door, here or through the DC.

Reads RequestReceived, Forwarded and Answered; gives Answer, each client exactly one. What only reads is answered from
this node's own memory; what changes the cluster is carried out by the DC, in its order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hacluster.cib import operations
from hacluster.cib.checks.references import repeated_ids
from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cib.status import node_state
from hacluster.protocol import events
from hacluster.protocol import messages as say
from hacluster.protocol.messages import Reply, Request
from hacluster.protocol.peers import Answered, ForgetHistory, Forwarded
from nodeagent.machines.attributes import Attributes
from nodeagent.machines.confirming import Confirming
from nodeagent.machines.effects import Answer, ReplyJournal
from nodeagent.machines.events import (
    AttributeWanted,
    ClientGone,
    DcGone,
    FailcountRaised,
    FenceNeeded,
    RecomputeNeeded,
    RequestReceived,
    StopRequested,
    ViewChanged,
)
from nodeagent.machines.fencing import Fencing
from nodeagent.machines.journal import Journal
from nodeagent.machines.replication import Replication
from nodeagent.machines.situation import Machine, Situation, on, on_message
from nodeagent.machines.status_section import attributes_of, with_lrm_resource
from nodeagent.machines.transition import failcount_names

EXIT_NO_DC = 113
EXIT_NO_SUCH = 105
DC_WAIT_MS = 30_000
"""How long a request waits for a DC to be there."""
ReplyTo = Callable[[Reply], None]
NO_DC = say.refused("agent.no-dc", say.Why("there is no DC at the moment", "現在 DC がいません"), EXIT_NO_DC)
DC_LOST = say.Refused(
    code="agent.dc-lost",
    reason="the DC was lost before it answered; look whether it was done",
    reason_ja="応答の前に DC が失われました。実行されたかどうかを確認してください",
    exit_code=EXIT_NO_DC,
)


@dataclass(frozen=True, slots=True)
class _Asker:
    client: int
    request: Request
    user: str


class Door(Machine):
    def __init__(
        self,
        here: Situation,
        replication: Replication,
        attributes: Attributes,
        fencing: Fencing,
        confirming: Confirming,
        journal: Journal,
        info: Callable[[], say.AgentInfo],
        recent_events: Callable[[int], tuple[say.EventRecord, ...]],
    ) -> None:
        super().__init__(here)
        self._replication = replication
        self._attributes = attributes
        self._fencing = fencing
        self._confirming = confirming
        self._journal = journal
        self._info = info
        self._recent_events = recent_events
        self._next_id = 0
        self._forwarded: dict[int, _Asker] = {}
        self._without_dc: list[_Asker] = []
        self._gone: set[int] = set()

    # What this node answers itself

    @on(RequestReceived)
    def _received(self, event: RequestReceived) -> None:
        client, request, user = event.client, event.request, event.user
        match request:
            case say.AgentInfoQuery():
                self._answer(client, self._info())
            case say.CibQuery():
                self._answer(client, cib_document(self.here.cib))
            case say.AttributeQuery():
                self._answer(client, self._attributes.query(request))
            case say.FenceHistoryQuery(node=node):
                self._answer(client, self._fencing.history(node))
            case say.FenceDevicesQuery(node=node):
                self._answer(client, say.FenceDevices(devices=self._fencing.devices_for(node)))
            case say.EventsQuery(limit=limit):
                self._answer(client, say.Events(events=self._recent_events(limit)))
            case say.JournalAppend(kind=kind, key=key, payload=payload):
                self._journal.append(kind, key, payload, lambda seq, reason: self._appended(client, seq, reason))
            case say.JournalQuery():
                self.give(ReplyJournal(client, request))
            case say.AttributeUpdate():
                self._update_attribute(client, request, user)
            case _:
                self._to_dc(_Asker(client, request, user))

    def _answer(self, client: int, reply: Reply) -> None:
        if client not in self._gone:
            self.give(Answer(client, reply))
        self._gone.discard(client)

    def _appended(self, client: int, seq: int, reason: str) -> None:
        if reason:
            self._answer(client, say.Refused(code="storage.failed", reason=reason))
        else:
            self._answer(client, say.JournalAppended(origin=self._journal.origin, seq=seq))

    def _update_attribute(self, client: int, update: say.AttributeUpdate, user: str) -> None:
        """Who sets a value reads it at once; the answer comes when the DC has it."""
        self._attributes.remember_own(update)
        self._to_dc(_Asker(client, update, user))

    @on(ClientGone)
    def _client_gone(self, event: ClientGone) -> None:
        waiting = [asker.client for asker in (*self._forwarded.values(), *self._without_dc)]
        if event.client in waiting:
            self._gone.add(event.client)

    # Through the DC

    def _to_dc(self, asker: _Asker) -> None:
        if not self.here.dc or not self.here.view.members:
            self._without_dc.append(asker)
            if not self.has_timer("dc"):
                self.set_timer("dc", DC_WAIT_MS)
            return
        # The DC forwards to itself, so that its own clients hear of it too when it stops being the DC.
        self._next_id += 1
        self._forwarded[self._next_id] = asker
        self.send(self.here.dc, Forwarded(request_id=self._next_id, request=asker.request, user=asker.user))

    def _replied(self, asker: _Asker, reply: Reply) -> None:
        if isinstance(asker.request, say.AttributeUpdate):
            self._attributes.forget_own(asker.request)
        self._answer(asker.client, reply)

    @on_message(Answered)
    def _answered(self, peer: str, message: Answered) -> None:
        asker = self._forwarded.pop(message.request_id, None)
        if asker is not None:
            self._replied(asker, message.reply)

    @on(ViewChanged)
    def _view_changed(self, event: ViewChanged) -> None:
        if self.here.dc and self.here.view.members and self._without_dc:
            waiting, self._without_dc = self._without_dc, []
            self.clear_timer("dc")
            for asker in waiting:
                self._to_dc(asker)

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        """A value that was set can be set again without harm; of anything else the asker must know."""
        forwarded, self._forwarded = list(self._forwarded.values()), {}
        for asker in forwarded:
            if isinstance(asker.request, say.AttributeUpdate):
                self._to_dc(asker)
            else:
                self._replied(asker, DC_LOST)

    def timer(self, name: str) -> None:
        waiting, self._without_dc = self._without_dc, []
        for asker in waiting:
            self._replied(asker, NO_DC)

    @on(StopRequested)
    def _stop_requested(self, event: StopRequested) -> None:
        self._to_dc(_Asker(0, say.NodeShutdown(node=self.here.name), "root"))

    # What the DC carries out

    @on_message(Forwarded)
    def _carry_out(self, peer: str, message: Forwarded) -> None:
        def answer(reply: Reply) -> None:
            if peer in self.here.heard or peer == self.here.name:
                self.send(peer, Answered(request_id=message.request_id, reply=reply))

        if not self.here.is_dc:
            answer(NO_DC)
            return
        self._serve(message.request, message.user, peer, answer)

    def _serve(self, request: Request, user: str, origin: str, reply: ReplyTo) -> None:
        match request:
            case say.CibChange():
                self._change_cib(request, user, origin, reply)
            case say.AttributeUpdate():
                self._attributes.update(request, origin)
                self._when_settled(reply)
            case say.AttributeRefresh():
                self._attributes.refresh()
                self._when_settled(reply)
            case say.ResourceCleanup():
                self._clean_up(request, user, reply)
            case say.ResourceFail():
                self._fail_resource(request, origin, reply)
            case say.NodeShutdown(node=node):
                self._shut_down(node or origin, reply)
            case say.NodeForget(node=node):
                self._forget_node(node, user, reply)
            case say.FenceNode():
                self._fence(request, reply)
            case say.FenceConfirm():
                self._confirm(request, user, reply)
            case say.FenceHistoryClear(node=node):
                self._fencing.clear(node)
                reply(say.Done())
            case _:
                reply(say.Refused(code="agent.request", reason=f"{type(request).__name__} is not for the DC"))

    def _when_settled(self, reply: ReplyTo, answer: Reply | None = None) -> None:
        """Answer when every member has what this step changed."""
        done = answer if answer is not None else say.Done()
        self._replication.change_status(lambda cib: cib, lambda: reply(done))

    def _change_cib(self, change: say.CibChange, user: str, origin: str, reply: ReplyTo) -> None:
        draft = self._replication.draft
        outcome = checked(draft, operations.carry_out(draft, change), change.kind)
        if not isinstance(outcome, Cib):
            first = outcome[0]
            reason, reason_ja = ("; ".join(problem.line(language) for problem in outcome) for language in ("en", "ja"))
            code = exit_code_of(first.code)
            reply(say.Refused(code=first.code, reason=reason, reason_ja=reason_ja, exit_code=code))
            return
        who = user or change.user

        def done() -> None:
            reply(say.CibChanged(version=outcome.version if outcome.version > draft.version else self.here.cib.version))

        if outcome.version.epoch != draft.version.epoch or outcome.version.admin_epoch != draft.version.admin_epoch:
            self.publish(events.CIB_CHANGED, version=outcome.version, user=who, client=change.client)
        self._replication.change_configuration(outcome, client=change.client, user=who, origin=origin, then=done)
        self.give(RecomputeNeeded("the CIB was changed"))

    # Resources

    def _clean_up(self, request: say.ResourceCleanup, user: str, reply: ReplyTo) -> None:
        cib = self._replication.draft
        resources = cleaned_with(cib, request.resource, force=request.force)
        if request.resource and not resources:
            name = request.resource
            why = say.Why(f"there is no resource {name}", f"リソース {name} はありません")
            reply(say.refused("resource.unknown", why, EXIT_NO_SUCH))
            return
        nodes = [request.node] if request.node else sorted(self.here.view.members)
        done = []
        for node in nodes:
            for resource in self._instances_on(cib, node, resources):
                if request.only_failures and not self._has_failed(cib, node, resource):
                    continue
                self._clean(node, resource, request)
                done.append((resource, node))
                self.publish(events.CLEANED, resource=resource, node=node)
        self.publish(events.OPERATOR_ACTION, user=user or request.user, action=f"cleanup {request.resource or 'all'}")
        self.give(RecomputeNeeded("a cleanup"))
        self._when_settled(reply, say.Cleaned(done=tuple(done)))

    @staticmethod
    def _instances_on(cib: Cib, node: str, resources: list[str]) -> list[str]:
        """The names under which a node remembers these resources (clone instances with their numbers)."""
        state = node_state(cib, node)
        held = [entry.id for entry in state.walk() if entry.tag == "lrm_resource"] if state is not None else []
        if not resources:
            return held
        return [name for name in held if name in resources or name.partition(":")[0] in resources]

    @staticmethod
    def _has_failed(cib: Cib, node: str, resource: str) -> bool:
        if failcount_names(attributes_of(cib, node), resource):
            return True
        state = node_state(cib, node)
        return state is not None and state.by_id(f"{resource}_last_failure_0") is not None

    def _clean(self, node: str, resource: str, request: say.ResourceCleanup) -> None:
        for name in failcount_names(attributes_of(self._replication.draft, node), resource):
            if not request.operation or f"#{request.operation}_{request.interval_ms}" in name:
                self.give(AttributeWanted(node, name, None))
        if node in self.here.view.members:
            self.send(node, ForgetHistory(term=self.here.view.term, resource=resource))
        self._replication.change_status(lambda cib: with_lrm_resource(cib, node, resource, None))

    def _fail_resource(self, request: say.ResourceFail, origin: str, reply: ReplyTo) -> None:
        node = request.node or origin
        plain = request.resource.partition(":")[0]
        self.give(AttributeWanted(node, f"fail-count-{plain}#asyncmon_0", "value++"))
        self.give(AttributeWanted(node, f"last-failure-{plain}#asyncmon_0", str(self.here.wall_ms // 1000)))
        self.give(FailcountRaised(request.resource, node))
        self._when_settled(reply)

    # Nodes

    def _shut_down(self, node: str, reply: ReplyTo) -> None:
        if node not in self.here.view.members:
            why = say.Why(f"{node} is not a member", f"{node} はクラスターに参加していません")
            reply(say.refused("node.unknown", why, EXIT_NO_SUCH))
            return
        self.publish(events.SHUTDOWN_REQUESTED, node=node)
        self.give(AttributeWanted(node, "shutdown", str(self.here.wall_ms // 1000)))
        self._when_settled(reply)

    def _forget_node(self, node: str, user: str, reply: ReplyTo) -> None:
        if node in self.here.heard or node in self.here.view.members:
            reply(say.refused("node.is-heard", say.Why(f"{node} is still there", f"{node} はまだ応答しています")))
            return
        cib = self._replication.draft
        state = node_state(cib, node)
        if state is not None:
            cib = cib.with_status(cib.status.replacing(state, None))
        cib = cib.with_section(cib.section("nodes").mapping_children(lambda child: _unless_named(child, node)))
        self._replication.change_configuration(
            cib, client="node-forget", user=user, origin=self.here.name, then=lambda: reply(say.Done())
        )

    # Fencing

    def _fence(self, request: say.FenceNode, reply: ReplyTo) -> None:
        def ended(is_ok: bool, why: say.Why) -> None:
            reply(say.Done() if is_ok else say.refused("fence.failed", why))

        self._fencing.wait(request.node, ended)
        self.give(FenceNeeded(request.node, request.action, request.client or "stonith_admin", request.timeout_ms))

    def _confirm(self, request: say.FenceConfirm, user: str, reply: ReplyTo) -> None:
        def answered(why_not: say.Why | None) -> None:
            if why_not is not None:
                reply(say.refused("fence.node-is-heard", why_not))
            else:
                self._when_settled(reply)

        self._confirming.ask(request.node, user or request.user, answered)


def cib_document(cib: Cib) -> say.CibDocument:
    return say.CibDocument(xml=to_xml(cib, indent=0).encode(), version=cib.version)


def checked(draft: Cib, outcome: operations.Outcome, kind: say.CibOperationKind) -> operations.Outcome:
    """A whole document leaves the status of the running cluster as it is; an id given twice refuses the change."""
    if not isinstance(outcome, Cib) or outcome.configuration is draft.configuration:
        return outcome
    if repeated := repeated_ids(draft.configuration, outcome.configuration):
        return tuple(repeated)
    # A saved or hand-made document knows nothing of what runs now: with its status members would count as unclean.
    is_whole = kind in (say.CibOperationKind.REPLACE, say.CibOperationKind.ERASE) and outcome.status is not draft.status
    return outcome.with_status(draft.status) if is_whole else outcome


def exit_code_of(code: str) -> int:
    """The crm exit code of a problem with the CIB."""
    return {"cib.not-found": 105, "cib.exists": 108, "cib.version": 103, "cib.conflict": 103}.get(code, 78)


def cleaned_with(cib: Cib, resource: str, *, force: bool) -> list[str]:
    """The primitives that a cleanup of this resource means: a member of a group stands for the whole group."""
    if not resource:
        return []
    resources = cib.section("resources")
    plain = resource.partition(":")[0]
    found = resources.by_id(plain)
    if found is None:
        return []
    if not force:
        for element in resources.walk():
            if element.tag == "group" and any(child is found for child in element.children):
                found = element
                break
    return [element.id for element in found.walk() if element.tag == "primitive"]


def _unless_named(element: Element, node: str) -> Element | None:
    return None if element.tag == "node" and element.get("uname") == node else element
