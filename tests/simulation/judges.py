"""What must hold after every event, and what must hold in the end.

Reads the world; raises Violation with a sentence. Judges know nothing of the faults.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hacluster.cib.model import Cib
from hacluster.protocol import messages as say
from hacluster.protocol.checkpoint import CHECKPOINT, checkpoint_of
from hacluster.protocol.peers import Vote
from nodeagent.machines.journal import line_of
from nodeagent.machines.retention import broken_at

if TYPE_CHECKING:
    from hacluster.protocol.peers import VoteRequest
    from nodeagent.machines.effects import OperationSpec
    from tests.simulation.host import Host
    from tests.simulation.world import World

TWO_DCS_MS = 20_000


class Violation(AssertionError):
    """A judge's sentence."""


class Judges:
    def __init__(self, *, is_fencing: bool = True, may_fence: bool = True) -> None:
        self.is_fencing = is_fencing
        self.may_fence = may_fence
        self.acknowledged: dict[str, str] = {}
        """Id of a property -> the node that acknowledged it."""
        self.journalled: dict[tuple[str, int], say.JournalAppend] = {}
        """(origin, number) of an entry that was acknowledged."""
        self._changes = 0
        self._votes: dict[tuple[str, int], str] = {}
        self._dcs: dict[str, Host] = {}
        self._views: dict[str, tuple[int, int]] = {}
        self._two_dcs_since: dict[tuple[str, str], int] = {}
        self._open: dict[tuple[str, int, int], bool] = {}

    # After every event

    def look(self, world: World, host: Host) -> None:
        """This host has made a step; the others are as they were, or off."""
        if host.node is not None and host.node.here.is_dc:
            self._dcs.setdefault(host.name, host)
        dcs = []
        for name, known in list(self._dcs.items()):
            if known.node is not None and known.node.here.is_dc:
                dcs.append(known)
            else:
                del self._dcs[name]
        self._one_dc_in_a_partition(world, dcs)
        self._members_hold_what_was_acknowledged(world, dcs)

    def became_active(self, world: World) -> None:
        """Only here more can run than before: what stops or crashes is no second one."""
        self._nothing_is_active_twice(world)

    def _nothing_is_active_twice(self, world: World) -> None:
        if not self.is_fencing:
            return
        seen: dict[str, str] = {}
        for host in world.hosts.values():
            for resource in sorted(host.active):
                # A fence device is no service: it may move before its old node is fenced (requires=quorum).
                if resource.startswith(("fence-", "clone-")):
                    continue
                if resource in seen:
                    raise Violation(f"{resource} is active on {seen[resource]} and on {host.name}")
                seen[resource] = host.name

    def _one_dc_in_a_partition(self, world: World, dcs: list[Host]) -> None:
        if len(dcs) < 2:
            self._two_dcs_since.clear()
            return
        pairs = set()
        for one in dcs:
            for other in dcs:
                assert one.node is not None
                assert other.node is not None
                if one.name < other.name and other.name in one.node.here.heard and one.name in other.node.here.heard:
                    pairs.add((one.name, other.name))
                    since = self._two_dcs_since.setdefault((one.name, other.name), world.now_ms)
                    if world.now_ms - since > TWO_DCS_MS:
                        raise Violation(f"{one.name} and {other.name} hear each other and are both DC")
        self._two_dcs_since = {pair: at for pair, at in self._two_dcs_since.items() if pair in pairs}

    def _members_hold_what_was_acknowledged(self, world: World, dcs: list[Host]) -> None:
        """Looked at whenever a DC has another membership: who is a member has it all on its disk."""
        for host in dcs:
            assert host.node is not None
            seen = host.disk.incarnation, host.node.here.view.instance
            # What another partition acknowledged is still on its way while an update is open.
            if self._views.get(host.name) == seen or not host.node.replication.is_settled:
                continue
            self._views[host.name] = seen
            for name in self.acknowledged:
                if _has(host.node.here.cib, name):
                    self._disks_have(world, host, name)

    def operation(self, host: Host, spec: OperationSpec) -> None:
        if spec.action != "start" or spec.standard == "stonith" or not self.is_fencing:
            return
        for other in host.world.hosts.values():
            if other is not host and spec.resource in other.active:
                raise Violation(f"{spec.resource} is started on {host.name} while it is active on {other.name}")

    def voted(self, host: Host, peer: str, message: Vote | VoteRequest) -> None:
        """One vote a term, for itself or for another, and on the disk before anybody hears of it."""
        if isinstance(message, Vote) and not message.is_granted:
            return
        whom = peer if isinstance(message, Vote) else host.name
        if host.disk.term < message.term:
            raise Violation(f"{host.name} votes for {whom} in term {message.term}, which is not on its disk")
        if self._votes.setdefault((host.name, message.term), whom) != whom:
            raise Violation(f"{host.name} votes twice in term {message.term}")

    def shot(self, world: World, host: Host, target: Host) -> None:
        if not self.may_fence:
            raise Violation(f"{host.name} fences {target.name} without a cause")

    def stopped(self, host: Host) -> None:
        if host.active:
            raise Violation(f"{host.name} leaves while {', '.join(sorted(host.active))} runs there")

    def happened(self, world: World, host: Host, record: say.EventRecord) -> None:
        """Only a partition with quorum may fence others than its own.

        That is more than half of the nodes, the half that won the tie, or one of two where nobody breaks a tie.
        """
        if record.code != "fence.requested" or host.node is None:
            return
        members, target = sorted(host.node.here.view.members), record.fields["node"]
        if target in (*members, *host.node.here.heard) or len(members) * 2 > len(world.names):
            # Who is heard and was put out, because its disk failed perhaps, is on no other side.
            return
        absent = set(world.names) - set(members)
        is_silent = not absent & set(host.node.here.heard) and not absent <= host.node.here.left
        if len(absent) == len(members) and is_silent and world.tie_breaker.kind:
            is_allowed = False
        else:
            is_allowed = len(world.names) == 2 or host.node.here.option("no-quorum-policy") == "ignore"
        if not is_allowed and not world.tie_breaker.told.get(host.name, False):
            raise Violation(f"{host.name} wants {target} fenced with only {members} as members")

    # Changes

    def change_something(self, host: Host) -> None:
        if not host.is_up:
            return
        self._changes += 1
        name = f"change-{self._changes}"
        xml = (
            f'<cluster_property_set id="set-{name}"><nvpair id="{name}" name="{name}" value="{self._changes}"/>'
            "</cluster_property_set>"
        )
        change = say.CibChange(kind=say.CibOperationKind.CREATE, section="crm_config", xml=xml, client="cibadmin")

        def answered(reply: say.Reply) -> None:
            if isinstance(reply, say.CibChanged):
                self.acknowledged[name] = host.name
                self._every_member_has(host.world, name)

        host.request(change, answered)

    def write_journal(self, host: Host, request: say.JournalAppend) -> None:
        def answered(reply: say.Reply) -> None:
            if isinstance(reply, say.JournalAppended):
                if (reply.origin, reply.seq) in self.journalled:
                    raise Violation(f"two entries of {host.name} are both {reply.seq} of {reply.origin}")
                self.journalled[reply.origin, reply.seq] = request
                if not any(entry.seq == reply.seq for entry in host.disk.journal.get(reply.origin, ())):
                    raise Violation(f"entry {reply.seq} of {host.name} was acknowledged and is not on its disk")

        host.request(request, answered)

    def _every_member_has(self, world: World, name: str) -> None:
        """An acknowledged change is on the disk of all members of the DC that ordered it."""
        for host in world.hosts.values():
            if host.node is None or not host.node.here.is_dc or not _has(host.node.here.cib, name):
                continue
            self._disks_have(world, host, name)

    @staticmethod
    def _disks_have(world: World, dc: Host, name: str) -> None:
        assert dc.node is not None
        for member, incarnation in dc.node.here.view.members.items():
            disk = world.hosts[member].disk
            if disk.incarnation == incarnation and not _has(disk.cib, name):
                raise Violation(f"{name} was acknowledged, and {member} does not have it on its disk")

    def answered(self, host: Host, client: int, reply: say.Reply) -> None:
        if client == 0:
            return
        key = host.name, host.life, client
        if key in self._open:
            raise Violation(f"client {client} of {host.name} was answered twice")
        self._open[key] = True

    def lost_journal(self, world: World) -> None:
        """A damaged disk may have been the only one that had an entry."""
        journals = [host.disk.journal for host in world.hosts.values()]
        for origin, seq in list(self.journalled):
            is_there = any(entry.seq == seq for journal in journals for entry in journal.get(origin, ()))
            if not is_there and not any(_counts_out(journal.get(origin, []), seq) for journal in journals):
                del self.journalled[origin, seq]

    def lost_disk(self, world: World, host: Host) -> None:
        """With it went its promises: it may vote again in a term."""
        self._votes = {vote: whom for vote, whom in self._votes.items() if vote[0] != host.name}
        self.lost_journal(world)
        self.fell_back(world)

    def fell_back(self, world: World) -> None:
        """A damaged disk may have been the last one that had a change."""
        kept = [cib for host in world.hosts.values() for cib in (host.disk.cib, *host.disk.divergent)]
        kept += [host.node.here.cib for host in world.hosts.values() if host.node is not None]
        for name in list(self.acknowledged):
            if not any(_has(cib, name) for cib in kept):
                del self.acknowledged[name]

    # In the end

    def final(self, world: World) -> None:
        self._all_agree(world)
        self._nothing_acknowledged_is_lost(world)
        self._journals_are_equal(world)
        self._all_is_placed(world)
        self._all_were_answered(world)

    def _all_agree(self, world: World) -> None:
        for host in world.hosts.values():
            assert host.node is not None, f"{host.name} is not up"
            here = host.node.here
            if sorted(here.view.members) != sorted(world.names):
                phase = host.node.election.phase
                heard = sorted(here.heard)
                raise Violation(
                    f"{host.name} has the members {sorted(here.view.members)} (dc {here.dc!r}, {phase}, hears {heard})"
                )
        dcs = {host.node.here.dc for host in world.hosts.values() if host.node}
        if len(dcs) != 1:
            raise Violation(f"the DC is {sorted(dcs)}")
        cibs = {str(host.node.here.cib.version) for host in world.hosts.values() if host.node}
        if len(cibs) != 1:
            raise Violation(f"the CIB is at {sorted(cibs)}")
        first = world.hosts[world.names[0]].node
        assert first is not None
        for host in world.hosts.values():
            if host.node is not None and host.node.here.cib != first.here.cib:
                raise Violation(f"the CIB of {host.name} differs")

    def _nothing_acknowledged_is_lost(self, world: World) -> None:
        node = world.hosts[world.names[0]].node
        assert node is not None
        kept = [cib for host in world.hosts.values() for cib in host.disk.divergent]
        for name in self.acknowledged:
            if not _has(node.here.cib, name) and not any(_has(cib, name) for cib in kept):
                raise Violation(f"{name} was acknowledged at {self.acknowledged[name]} and is lost")

    def _journals_are_equal(self, world: World) -> None:
        held = {
            name: {origin: [entry.seq for entry in entries] for origin, entries in host.disk.journal.items()}
            for name, host in world.hosts.items()
        }
        if any(journal != held[world.names[0]] for journal in held.values()):
            raise Violation(f"the journals differ: {held}")
        journal = world.hosts[world.names[0]].disk.journal
        for origin, entries in journal.items():
            newest = next((checkpoint_of(entry) for entry in reversed(entries) if entry.kind == CHECKPOINT), None)
            if at := broken_at([line_of(entry) for entry in entries], newest):
                raise Violation(f"the chain of {origin} is broken at {at}")
        self._no_entry_is_missing(journal)

    def _no_entry_is_missing(self, journal: dict[str, list[say.JournalEntry]]) -> None:
        """What was acknowledged is there, was counted out by its origin, or has a newer one with its key."""
        there = {(entry.origin, entry.seq): entry for entries in journal.values() for entry in entries}
        newest: dict[str, tuple[int, int, str]] = {}
        for entry in there.values():
            if entry.key:
                newest[entry.key] = max(
                    newest.get(entry.key, (0, 0, "")), (entry.clock_ms, entry.clock_counter, entry.origin)
                )
        for (origin, seq), request in self.journalled.items():
            kept = next((checkpoint_of(e) for e in reversed(journal.get(origin, [])) if e.kind == CHECKPOINT), None)
            is_counted_out = kept is not None and not kept.keeps(seq)
            held = there.get((origin, seq))
            if held is not None and held.payload != request.payload:
                raise Violation(f"entry {seq} of {origin} is not the one that was acknowledged")
            if held is not None or (is_counted_out and (not request.key or request.key in newest)):
                continue
            raise Violation(f"entry {seq} of {origin} was acknowledged and is lost")

    def _all_is_placed(self, world: World) -> None:
        node = world.hosts[world.names[0]].node
        assert node is not None
        graph = world.schedule(node.here.cib, datetime.fromtimestamp(world.hosts[world.names[0]].wall_ms / 1000, UTC))
        left = [f"{action.kind} {action.resource} {action.node}" for action in graph.actions if not action.pseudo]
        if left:
            raise Violation(f"there is still something to do: {left}")
        for resource, nodes in graph.placement_after.items():
            really = sorted(name for name, host in world.hosts.items() if resource in host.active)
            if really != sorted(nodes):
                raise Violation(f"{resource} is on {really}, the CIB says {sorted(nodes)}")

    def _all_were_answered(self, world: World) -> None:
        for host in world.hosts.values():
            if host.clients:
                raise Violation(f"clients {sorted(host.clients)} of {host.name} were never answered")


def _counts_out(entries: list[say.JournalEntry], seq: int) -> bool:
    return any(entry.kind == CHECKPOINT and not checkpoint_of(entry).keeps(seq) for entry in entries)


def _has(cib: Cib, name: str) -> bool:
    return any(element.id == name for element in cib.section("crm_config").walk())
