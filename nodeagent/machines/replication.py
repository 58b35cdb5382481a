"""Keeps the CIB equal on all members, in the order that the DC gives.

Reads changes from the controller and CibUpdate/CibAck/Persisted; gives CibApplied, UpdateCommitted, and the effects
that write and send. A change of the configuration is acknowledged when every member has it on disk; a change of the
status alone travels in the same order without a write.

Invariant: only the DC numbers updates, every member applies them without a gap, and an acknowledgement covers all
updates before it. A member that cannot write is put out, so nothing acknowledged is missing on any member.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from hacluster.cib import patch
from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem
from hacluster.cib.version import CibVersion
from hacluster.protocol import events
from hacluster.protocol.peers import CannotPersist, CibAck, CibResend, CibSent, CibUpdate, JoinWelcome
from nodeagent.machines.effects import FailAgent, KeepDivergentCib, PersistCib
from nodeagent.machines.events import (
    CibApplied,
    CibReplacedWhole,
    DcGone,
    Persisted,
    PersistFailed,
    UpdateCommitted,
)
from nodeagent.machines.situation import Machine, Situation, on, on_message

ANCESTORS_MAX = 100


def digest_of(cib: Cib) -> str:
    """Of the configuration and its counters, "" when nobody ever changed it."""
    version = cib.version
    if version.admin_epoch == 0 and version.epoch == 0:
        return ""
    text = f"{version.admin_epoch}.{version.epoch}\n{to_xml(cib.configuration, indent=0)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(slots=True)
class _Update:
    """An update that waits for acknowledgements."""

    waiting: set[str]
    then: list[Callable[[], None]]


@dataclass(slots=True)
class _Author:
    client: str = ""
    user: str = ""
    origin: str = ""


@dataclass(slots=True)
class _Followed:
    """Member side: which stream of updates this node applies."""

    dc: str = ""
    term: int = 0
    seq: int = 0
    applied: int = 0
    unwritten: dict[int, int] = field(default_factory=dict)
    """Token -> number of the update that is not on the disk yet."""


class Replication(Machine):
    def __init__(self, here: Situation) -> None:
        super().__init__(here)
        self.digest = digest_of(here.cib)
        self._disk_digest = self.digest
        self._written: dict[int, str] = {}
        """Token -> digest of the configuration on its way to the disk."""
        self._term = 0
        self._seq = 0
        self._learners: set[str] = set()
        """Nodes that hold the CIB of their welcome and are no members yet; they get every update."""
        self._open: dict[int, _Update] = {}
        self._own_writes: dict[int, int] = {}
        """DC: token -> update that this node's own disk does not have yet."""
        self._followed = _Followed()
        self._last_patch: patch.Patch | None = None
        self._draft: Cib | None = None
        self._draft_then: list[Callable[[], None]] = []

    # The DC orders

    def lead(self, term: int) -> None:
        self._term, self._seq = term, 0
        self._open.clear()
        self._own_writes.clear()
        self._learners.clear()
        self._followed = _Followed()
        self._draft, self._draft_then = None, []

    @property
    def is_settled(self) -> bool:
        """DC: whether every member has all there is."""
        return not self._open and self._draft is None

    @property
    def draft(self) -> Cib:
        """DC: the CIB with the status changes of this step, which the next update will carry."""
        return self.here.cib if self._draft is None else self._draft

    def change_status(self, change: Callable[[Cib], Cib], then: Callable[[], None] | None = None) -> None:
        """Change the status; all such changes of one step travel as one update."""
        assert self.here.is_dc, "only the DC changes the CIB"
        before = self.draft
        after = change(before)
        if after.root is not before.root:
            self._draft = after
        if then is not None:
            self._draft_then.append(then)

    def flush(self) -> None:
        """Send the status changes of this step."""
        if self._draft is None and not self._draft_then:
            return
        then, new = self._draft_then, self._draft
        self._draft, self._draft_then = None, []
        if new is not None:
            version = self.here.cib.version.after_status_change()
            self._order(new.with_version(version), then, _Author(), is_durable=False)
        elif self._open:
            self._open[max(self._open)].then.extend(then)
        else:
            for call in then:
                call()

    def change_configuration(
        self, new: Cib, *, client: str = "", user: str = "", origin: str = "", then: Callable[[], None] | None = None
    ) -> None:
        """Change the configuration; `then` is called when every member has it on disk. `new` is made from `draft`."""
        assert self.here.is_dc, "only the DC changes the CIB"
        if (
            new.configuration == self.draft.configuration
            and new.version.admin_epoch == self.here.cib.version.admin_epoch
        ):
            self.change_status(lambda _: new, then)
            return
        if self._draft_then:
            self.flush()
        self._draft = None
        version = self.here.cib.version.after_configuration_change()
        if new.version > version:
            version = new.version
        calls = [] if then is None else [then]
        author = _Author(client, user, origin or self.here.name)
        signed = Cib(new.root.with_attributes(self._signature(author)))
        self._order(signed.with_version(version), calls, author, is_durable=True)

    def _signature(self, author: _Author) -> dict[str, str | None]:
        """Who changed the configuration, and when, as crm_mon shows it."""
        return {
            "cib-last-written": f"{datetime.fromtimestamp(self.here.wall_ms / 1000):%a %b %e %H:%M:%S %Y}",
            "update-origin": author.origin,
            "update-client": author.client or "cib",
            "update-user": author.user or "hacluster",
        }

    def _order(self, new: Cib, then: list[Callable[[], None]], author: _Author, *, is_durable: bool) -> None:
        old = self.here.cib
        if is_durable:
            self._remember(new)
        self._seq += 1
        self._last_patch = patch.diff(old, new)
        update = CibUpdate(
            term=self._term,
            seq=self._seq,
            is_durable=is_durable,
            patch=self._last_patch,
            client=author.client,
            user=author.user,
            origin=author.origin,
        )
        targets = {*self.here.members_but_self(), *self._learners}
        for target in sorted(targets):
            self.send(target, update)
        self.here.cib = new
        if is_durable:
            self._own_writes[self._write(new, author)] = self._seq
            targets.add(self.here.name)
        self.give(CibApplied(old, new, is_durable))
        self._open[self._seq] = _Update(targets, then)
        self._commit()

    def _remember(self, new: Cib) -> None:
        if self.digest:
            self.here.ancestors = (self.digest, *self.here.ancestors)[:ANCESTORS_MAX]
        self.digest = digest_of(new)

    def _write(self, cib: Cib, author: _Author) -> int:
        token = self.here.token()
        self._written[token] = self.digest
        self.give(PersistCib(token, cib, self.here.ancestors, author.client, author.user, author.origin))
        return token

    @on_message(CibAck)
    def _acknowledged(self, peer: str, ack: CibAck) -> None:
        if self.here.is_dc and ack.term == self._term:
            for seq, update in self._open.items():
                if seq <= ack.seq:
                    update.waiting.discard(peer)
            self._commit()

    def _commit(self) -> None:
        """Acknowledge in order: a later update contains the earlier ones."""
        while self._open:
            seq = min(self._open)
            if self._open[seq].waiting:
                return
            update = self._open.pop(seq)
            for call in update.then:
                call()
            self.give(UpdateCommitted(seq))

    def patch_between(self, old: Cib, new: Cib) -> patch.Patch:
        """The patch that was just sent or received, else made anew."""
        last = self._last_patch
        if last is not None and last.source == old.version and last.target == new.version:
            return last
        return patch.diff(old, new)

    # The DC's members come and go

    def teach(self, peer: str) -> int:
        """From now on the peer gets every update; what it is welcomed with contains all so far."""
        self.flush()
        self._learners.add(peer)
        return self._seq

    def forget(self, peer: str) -> None:
        """Nobody waits for this peer any more."""
        self._learners.discard(peer)
        for update in self._open.values():
            update.waiting.discard(peer)
        self._commit()

    def is_ancestor(self, digest: str) -> bool:
        """Whether this node's configuration came from that one."""
        return digest in ("", self.digest) or digest in self.here.ancestors

    def is_newer(self, digest: str, ancestors: tuple[str, ...], version: CibVersion) -> bool:
        """Whether the joiner's configuration should become the cluster's."""
        if self.is_ancestor(digest):
            return False
        if self.digest == "" or self.digest in ancestors:
            return True
        mine = self.here.cib.version
        return (version.admin_epoch, version.epoch) > (mine.admin_epoch, mine.epoch)

    def adopt(self, peer: str, sent: CibSent, then: Callable[[], None]) -> None:
        """The joiner's configuration becomes the cluster's; the status stays the DC's."""
        self.flush()
        if self.digest and self.digest not in sent.ancestors:
            self._keep(self.here.cib, self.here.name)
        new = self.here.cib.with_configuration(sent.cib.configuration)
        root = new.root.with_attributes(_kept_attributes(sent.cib.root))
        self.here.ancestors = sent.ancestors
        self.digest = ""
        version = sent.cib.version
        self._order(Cib(root).with_version(version), [then], _Author("join", "", peer), is_durable=True)

    def _keep(self, cib: Cib, node: str) -> None:
        file = f"cib-divergent-{node}-{cib.version}.xml"
        self.give(KeepDivergentCib(cib, node, file))
        self.publish(events.CIB_DIVERGED, node=node, version=cib.version, file=file)

    # The member follows

    def take_over(self, dc: str, welcome: JoinWelcome) -> int:
        """Take the cluster's CIB. Gives the token of the write that must end before the confirmation, 0 for none."""
        if welcome.is_divergent and self.digest:
            self._keep(self.here.cib, self.here.name)
        old = self.here.cib
        self._draft, self._draft_then = None, []
        self._open.clear()
        self.here.cib = welcome.cib
        self.here.ancestors = welcome.ancestors
        self.digest = digest_of(welcome.cib)
        needs_write = self.digest != self._disk_digest or bool(self._written)
        self._followed = _Followed(dc, welcome.term, welcome.seq, welcome.seq)
        self.give(CibReplacedWhole(old))
        return self._write(welcome.cib, _Author("join", "", dc)) if needs_write else 0

    @on_message(CibUpdate)
    def _updated(self, peer: str, update: CibUpdate) -> None:
        followed = self._followed
        if peer != followed.dc or update.term != followed.term or self.here.is_dc or update.seq <= followed.seq:
            return
        if update.seq != followed.seq + 1:
            # Something was lost between the two, so the stream was cut without both ends noticing: join again.
            self.give(DcGone(peer))
            return
        new = update.cib if update.cib is not None else self._patched(update)
        if new is None:
            self.send(peer, CibResend(term=update.term))
            return
        followed.seq = update.seq
        old, self.here.cib = self.here.cib, new
        if update.is_durable:
            self._remember(new)
            author = _Author(update.client, update.user, update.origin)
            followed.unwritten[self._write(new, author)] = update.seq
        self.give(CibApplied(old, new, update.is_durable))
        self._acknowledge()

    def _patched(self, update: CibUpdate) -> Cib | None:
        assert update.patch is not None, "an update carries a patch or a document"
        self._last_patch = update.patch
        new = patch.apply(self.here.cib, update.patch)
        return None if isinstance(new, Problem) else new

    def _acknowledge(self) -> None:
        followed = self._followed
        upto = min(followed.unwritten.values(), default=followed.seq + 1) - 1
        if upto > followed.applied:
            followed.applied = upto
            self.send(followed.dc, CibAck(term=followed.term, seq=upto))

    @on_message(CibResend)
    def _resend(self, peer: str, message: CibResend) -> None:
        # A patch that does not fit means that two nodes disagree on what the CIB is: begin again with a join.
        if self.here.is_dc and message.term == self._term:
            self.give(DcGone(self.here.name))

    @on(Persisted)
    def _persisted(self, event: Persisted) -> None:
        self._disk_digest = self._written.pop(event.token, self._disk_digest)
        if self._followed.unwritten.pop(event.token, None) is not None:
            self._acknowledge()
        seq = self._own_writes.pop(event.token, None)
        if seq is not None and seq in self._open:
            self._open[seq].waiting.discard(self.here.name)
            self._commit()

    @on(PersistFailed)
    def _persist_failed(self, event: PersistFailed) -> None:
        if event.token in self._followed.unwritten:
            self.send(self._followed.dc, CannotPersist(term=self._followed.term, reason=event.reason))
        elif event.token not in self._own_writes:
            return
        self.publish(events.DISK_FULL, file="cib.xml", reason=event.reason)
        self.give(FailAgent(f"cannot write the configuration: {event.reason}"))

    @on(DcGone)
    def _dc_gone(self, event: DcGone) -> None:
        if event.dc == self.here.name:
            self._open.clear()
            self._learners.clear()
            self._draft, self._draft_then = None, []
        elif event.dc == self._followed.dc:
            self._followed = _Followed()


def _kept_attributes(root: Element) -> dict[str, str | None]:
    """The root attributes that belong to a configuration."""
    names = ("validate-with", "crm_feature_set", "cib-last-written", "update-origin", "update-client", "update-user")
    return {name: root.attributes[name] for name in names if name in root.attributes}
