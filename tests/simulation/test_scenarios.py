"""Named days: each is a sentence about what the cluster does when something happens."""

from __future__ import annotations

from typing import ClassVar

import pytest

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib
from hacluster.protocol import messages as say
from hacluster.protocol.peers import CibUpdate, PeerMessage, VoteRequest
from hacluster.scheduler.schedule import schedule
from nodeagent.machines.events import MessageReceived, StopRequested
from tests.simulation.judges import Judges
from tests.simulation.run import configuration, make_world
from tests.simulation.scripted import SETTLED_MS, Scripted, dc_of, other_than, places, said, settled
from tests.simulation.world import LINKS, World


def test_two_nodes_form_a_cluster_within_a_second():
    world = make_world(1, nodes=2, faults=Scripted(), judges=Judges())
    world.run(1_000)
    assert all(len(nodes) == 1 for nodes in places(world).values())
    assert {host.node.here.dc for host in world.hosts.values()} == {"n1"}


def test_a_lost_node_is_fenced_before_its_services_start_elsewhere():
    world = settled()
    world.hosts["n1"].crash("power cut")
    world.run(SETTLED_MS + 4_000)
    shot = next(number for number, line in enumerate(world.trace) if "shoots n1" in line)
    begun = [n for n, line in enumerate(world.trace) if "tries to start" in line and n > shot - 200]
    assert begun[-1] > shot
    assert all(nodes == ["n2"] for nodes in places(world).values())


def test_a_failover_needs_less_than_a_tenth_of_a_second_beside_deadtime_fencing_and_agents():
    faults = Scripted()
    faults.fence_ms = 0
    faults.agent = lambda host, spec: (0, 0, "look" if spec.action == "monitor" else "full")
    world = settled(faults=faults)
    world.hosts["n1"].crash("power cut")
    world.run(SETTLED_MS + 1_100)
    assert all(nodes == ["n2"] for nodes in places(world).values())


def test_nothing_starts_while_fencing_fails_and_all_starts_when_a_human_confirms():
    faults = Scripted()
    faults.is_fencing_broken = True
    world = settled(faults=faults)
    lost = [resource for resource, nodes in places(world).items() if nodes == ["n1"]]
    world.hosts["n1"].crash("power cut")
    world.run(SETTLED_MS + 60_000)
    assert lost
    assert not any(places(world)[resource] for resource in lost)
    assert said(world, "Too many failures to STONITH n1") or said(world, "Failed to STONITH (reboot) n1")
    world.hosts["n2"].request(say.FenceConfirm(node="n1", user="root"))
    world.run(SETTLED_MS + 62_000)
    assert all(nodes == ["n2"] for nodes in places(world).values())


def test_a_request_to_fence_lends_its_own_time_to_the_device():
    class Watching(Scripted):
        seen: ClassVar[list[int]] = []

        def fence_device(self, host, spec):
            self.seen.append(spec.timeout_ms)
            return super().fence_device(host, spec)

    world = settled(faults=Watching())
    world.hosts["n1"].request(say.FenceNode(node="n2", timeout_ms=7_000))
    world.run(SETTLED_MS + 2_000)
    assert Watching.seen == [7_000]


def test_one_cut_lan_of_two_changes_nothing():
    world = settled(judges=Judges(may_fence=False))
    before = places(world)
    world.cut_link("n1", "n2", "eth1")
    world.run(SETTLED_MS + 60_000)
    assert places(world) == before
    assert said(world, "Link n2:eth1 is FAULTY")
    assert not said(world, "is lost")


def test_a_cable_broken_in_one_direction_is_noticed_at_both_ends():
    faults = Scripted()
    faults.is_fencing_broken = True
    world = settled(faults=faults)
    for link in LINKS:
        world.cut_link("n1", "n2", link, both=False)
    world.run(SETTLED_MS + 3_000)
    assert said(world, "n1 > Node n2 is lost")
    assert said(world, "n2 > Node n1 is lost")


def test_a_node_that_leaves_in_order_is_not_fenced():
    for leaving in ("n1", "n2"):
        world = settled(judges=Judges(may_fence=False))
        world.hosts[leaving].step(StopRequested())
        world.run(SETTLED_MS + 20_000)
        assert not world.hosts[leaving].is_up
        assert all(nodes == [other_than(world, leaving)] for nodes in places(world).values())


def test_a_node_that_returns_after_a_partition_joins_anew():
    faults = Scripted()
    faults.is_fencing_broken = True
    world = settled(3, faults=faults)
    world.partition(["n3"])
    world.run(SETTLED_MS + 5_000)
    world.heal()
    world.run(SETTLED_MS + 40_000)
    world.judges.final(world)
    assert said(world, "Cluster node n3 returning after partition.")


def test_an_acknowledged_change_survives_the_death_of_the_dc():
    world = settled(3)
    dc = dc_of(world)
    world.judges.change_something(world.hosts[other_than(world, dc)])
    world.run(SETTLED_MS + 100)
    assert world.judges.acknowledged
    world.hosts[dc].crash("power cut")
    world.run(SETTLED_MS + 40_000)
    world.hosts[dc].boot()
    world.run(SETTLED_MS + 60_000)
    world.judges.final(world)


def test_who_asked_a_dc_that_died_hears_that_nobody_knows_how_it_went():
    world = settled(3)
    dc = dc_of(world)
    for host in world.hosts.values():
        host.disk_free_ms = SETTLED_MS + 5_000
    option = '<cluster_property_set id="s"><nvpair id="a" name="a" value="1"/></cluster_property_set>'
    change = say.CibChange(kind=say.CibOperationKind.CREATE, section="crm_config", xml=option, client="cibadmin")
    replies: list[say.Reply] = []
    world.hosts[other_than(world, dc)].request(change, replies.append)
    world.run(SETTLED_MS + 100)
    assert not replies
    world.hosts[dc].crash("power cut")
    world.run(SETTLED_MS + 3_000)
    assert [reply.code for reply in replies] == ["agent.dc-lost"]


def test_a_member_with_a_full_disk_is_put_out_and_the_change_is_acknowledged_by_the_others():
    world = settled(3)
    member = other_than(world, dc_of(world))
    world.hosts[member].disk.is_full = True
    world.judges.change_something(world.hosts[dc_of(world)])
    world.run(SETTLED_MS + 3_000)
    assert world.judges.acknowledged
    assert said(world, f"{member} > Cannot write cib.xml")


def test_a_node_whose_configuration_is_damaged_goes_on_with_an_older_one_and_takes_the_clusters():
    for name in ("n1", "n2"):
        world = settled(2)
        for _ in range(2):
            world.judges.change_something(world.hosts["n1"])
            world.run(world.now_ms + 500)
        host = world.hosts[name]
        host.disk.is_damaged = True
        host.crash("power cut that damages a file")
        host.boot()
        assert said(world, f"{name} finds its configuration damaged")
        world.run(world.now_ms + 30_000)
        assert len(world.judges.acknowledged) == 2
        world.judges.final(world)


def test_a_failed_start_moves_the_service_and_counts_as_infinity():
    faults = Scripted()
    world = settled(faults=faults, resources=1)
    (node,) = places(world)["rsc0"]
    faults.failing["rsc0", "monitor"] = (7, "none")
    world.hosts[node].active.discard("rsc0")
    world.run(SETTLED_MS + 6_000)
    assert said(world, "Resource rsc0 does not work. (rc=7) not running")


def test_a_failed_stop_fences_the_node():
    faults = Scripted()
    world = settled(faults=faults, resources=1)
    (node,) = places(world)["rsc0"]
    faults.failing["rsc0", "stop"] = (1, "none")
    world.hosts[node].step(StopRequested())
    world.run(SETTLED_MS + 3_000)
    assert said(world, f"shoots {node}")
    world.run(SETTLED_MS + 4_000)
    assert len(places(world)["rsc0"]) == 1


def test_a_minority_stops_its_services():
    world = settled(3, faults=Scripted())
    world.faults.is_fencing_broken = True
    world.partition(["n3"])
    world.run(SETTLED_MS + 20_000)
    assert not any(resource.startswith("rsc") for resource in world.hosts["n3"].active)


def test_the_journal_of_a_node_that_was_away_is_filled_up():
    world = settled()
    world.hosts["n2"].crash("power cut")
    for number in range(5):
        world.hosts["n1"].request(say.JournalAppend(kind="audit", payload=b"%d" % number))
    world.run(SETTLED_MS + 20_000)
    assert [entry.seq for entry in world.hosts["n2"].disk.journal[world.hosts["n1"].disk.journal_origin]] == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_a_changed_attribute_reaches_all_nodes_and_the_same_value_again_writes_nothing():
    world = settled()
    for _ in range(2):
        world.hosts["n2"].request(say.AttributeUpdate(name="pingd", value="100"))
        world.run(world.now_ms + 1_000)
    assert len(said(world, 'Attribute "pingd" is updated to "100" at "n2"')) == 1
    for host in world.hosts.values():
        values = host.node.attributes.query(say.AttributeQuery(name="pingd"))
        assert [(row.node, row.value) for row in values.values] == [("n2", "100")]


def test_dampened_values_are_written_at_once_when_the_time_is_over():
    world = settled()
    for name in world.names:
        world.hosts[name].request(say.AttributeUpdate(name="pingd", value="0", dampen_ms=3_000))
    world.run(SETTLED_MS + 2_900)
    assert not said(world, 'Attribute "pingd" is updated')
    world.run(SETTLED_MS + 3_200)
    written = said(world, 'Attribute "pingd" is updated to "0"')
    assert len(written) == 2
    assert written[0].partition("]")[0] == written[1].partition("]")[0]


def test_whoever_sets_an_attribute_reads_it_at_once():
    world = settled()
    replies = []
    world.hosts["n2"].request(say.AttributeUpdate(name="pingd", value="7", dampen_ms=5_000))
    world.hosts["n2"].request(say.AttributeQuery(name="pingd", node="n2"), replies.append)
    assert replies[0].values[0].value == "7"


def test_a_cleanup_of_a_failed_resource_forgets_its_failures_and_probes_again():
    faults = Scripted()
    world = settled(faults=faults, resources=1)
    (node,) = places(world)["rsc0"]
    world.hosts[node].active.discard("rsc0")
    world.run(SETTLED_MS + 8_000)
    replies = []
    world.hosts["n2"].request(say.ResourceCleanup(resource="rsc0"), replies.append)
    world.run(SETTLED_MS + 10_000)
    assert replies[0].done == (("rsc0", node),)
    assert not any("fail-count-rsc0" in str(host.node.here.cib.status) for host in world.hosts.values())


def test_a_replaced_configuration_that_knows_no_nodes_or_other_ids_keeps_the_services_where_they_are():
    world = settled()
    before = places(world)
    for nodes in ("<nodes/>", '<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>'):
        xml = configuration(world.names, 3, is_fencing=True, policy="ignore").replace("<nodes/>", nodes)
        change = say.CibChange(kind=say.CibOperationKind.REPLACE, section="configuration", xml=xml, client="cibadmin")
        replies = []
        world.hosts["n2"].request(change, replies.append)
        world.run(world.now_ms + 5_000)
        assert isinstance(replies[0], say.CibChanged)
        assert places(world) == before
    states = {state.get("uname"): state.id for state in world.hosts["n1"].node.here.cib.status.all("node_state")}
    assert states == {"n1": "1", "n2": "2"}
    world.judges.final(world)


@pytest.mark.parametrize("kind", [say.CibOperationKind.REPLACE, say.CibOperationKind.ERASE])
def test_a_whole_document_does_not_make_the_members_unclean(kind):
    """A saved document is put back, or all is erased: members stay members, nobody is fenced."""
    world = settled()
    blank = "" if kind is say.CibOperationKind.ERASE else "<nodes/>"
    xml = f'<cib epoch="900" num_updates="0" admin_epoch="0"><configuration>{blank}</configuration><status/></cib>'
    replies = []
    world.hosts["n2"].request(say.CibChange(kind=kind, xml=xml, client="cibadmin"), replies.append)
    world.run(world.now_ms + 5_000)
    assert isinstance(replies[0], say.CibChanged)
    states = world.hosts["n1"].node.here.cib.status.all("node_state")
    assert {(each.get("uname"), each.get("crmd"), each.get("join")) for each in states} == {
        ("n1", "online", "member"),
        ("n2", "online", "member"),
    }
    assert not [line for line in world.trace if "STONITH" in line]


def test_a_document_that_gives_one_id_twice_is_refused_and_changes_nothing():
    world = settled()
    before = world.hosts["n1"].node.here.cib.version
    primitive = '<primitive id="x" class="ocf" provider="pacemaker" type="Dummy"/>'
    twice = f"<resources>{primitive}{primitive}</resources>"
    replies = []
    change = say.CibChange(kind=say.CibOperationKind.REPLACE, section="resources", xml=twice, client="cibadmin")
    world.hosts["n2"].request(change, replies.append)
    world.run(world.now_ms + 2_000)
    assert isinstance(replies[0], say.Refused)
    assert (replies[0].code, replies[0].exit_code) == ("cib.schema.id", 78)
    assert "give it an id of its own" in replies[0].reason
    assert world.hosts["n1"].node.here.cib.version.epoch == before.epoch


def test_a_change_is_signed_with_who_made_it_and_when():
    world = settled()
    world.judges.change_something(world.hosts["n2"])
    world.run(SETTLED_MS + 1_000)
    root = world.hosts["n1"].node.here.cib.root
    assert (root.get("update-client"), root.get("update-user"), root.get("update-origin")) == ("cibadmin", "root", "n2")
    assert root.get("cib-last-written")


def test_two_nodes_that_start_at_different_times_have_one_configuration():
    """The one that was alone changed its configuration; the other is behind and takes it."""
    world = make_world(1, nodes=2, faults=Scripted(), judges=Judges())
    world.hosts["n1"].crash("not switched on yet")
    world.run(20_000)
    world.judges.change_something(world.hosts["n2"])
    world.run(21_000)
    world.hosts["n1"].boot()
    world.run(40_000)
    world.judges.final(world)
    assert not any(host.disk.divergent for host in world.hosts.values())


def test_two_partitions_that_both_changed_the_configuration_keep_the_lesser_one_as_a_file():
    faults = Scripted()
    faults.is_fencing_broken = True
    world = settled(faults=faults)
    world.partition(["n1"])
    world.run(SETTLED_MS + 5_000)
    world.judges.change_something(world.hosts["n1"])
    world.judges.change_something(world.hosts["n2"])
    world.judges.change_something(world.hosts["n2"])
    world.run(SETTLED_MS + 6_000)
    assert len(world.judges.acknowledged) == 3
    world.heal()
    world.run(SETTLED_MS + 60_000)
    world.judges.final(world)
    assert [len(host.disk.divergent) for host in world.hosts.values()] == [1, 0]
    assert said(world, "had another configuration")


def test_in_a_split_of_two_the_side_without_the_important_service_waits():
    world = make_world(1, nodes=2, faults=Scripted(), judges=Judges(), resources=1)
    for host in world.hosts.values():
        text = to_xml(host.disk.cib).replace(
            'name="stonith-timeout" value="5s"/>',
            'name="stonith-timeout" value="5s"/><nvpair id="pfd" name="priority-fencing-delay" value="3s"/>',
        )
        meta = '<meta_attributes id="m"><nvpair id="p" name="priority" value="10"/></meta_attributes><operations>'
        host.disk.cib = parse_cib(text.replace("<operations>", meta, 1))
        host.crash("to read its disk again")
        host.boot()
    world.run(20_000)
    (active,) = places(world)["rsc0"]
    world.partition(["n1"])
    world.run(30_000)
    assert said(world, f"shoots {other_than(world, active)}")
    assert not said(world, f"shoots {active}")
    assert places(world)["rsc0"] == [active]


def test_a_node_that_wakes_up_alone_starts_nothing_before_it_has_fenced_the_node_it_never_saw():
    """Found by seed 10427: its own configuration did not know the other node yet."""
    faults = Scripted()
    faults.is_fencing_broken = True
    world = settled(faults=faults)
    empty = world.hosts["n1"].disk.cib.section("nodes").with_children(())
    world.hosts["n1"].crash("power cut")
    world.hosts["n1"].disk.cib = world.hosts["n1"].disk.cib.with_section(empty)
    world.partition(["n1"])
    world.hosts["n1"].boot()
    world.run(SETTLED_MS + 20_000)
    assert said(world, "n1 > Try to STONITH (reboot) n2")
    assert not any(resource.startswith("rsc") for resource in world.hosts["n1"].active)


class SlowStart(Scripted):
    """Every start takes its time; it really begins to run half-way."""

    def __init__(self, ms: int) -> None:
        super().__init__()
        self.start_ms = ms

    def agent(self, host, spec):
        ms, rc, effect = super().agent(host, spec)
        return (self.start_ms if spec.action == "start" else ms), rc, effect


class SlowAtTheDc(Scripted):
    """Starts take long at the DC, and for one resource of the other node a little longer; stops take their time."""

    def agent(self, host, spec):
        ms, rc, effect = super().agent(host, spec)
        if spec.action == "start":
            ms = 8_000 if host.node.here.is_dc else 8_150 if spec.resource in ("rsc4", "rsc5") else ms
        return (300 if spec.action == "stop" else ms), rc, effect


def test_a_start_that_outlives_a_partition_is_known_before_its_node_leaves():
    """Found by seed 1025: its answer belonged to an older transition and was ignored."""
    faults = SlowAtTheDc()
    faults.is_fencing_broken = True
    world = make_world(1, nodes=2, faults=faults, judges=Judges(), resources=6)
    world.run(2_500)
    dc = world.hosts["n1"].node.here.dc
    member = other_than(world, dc)
    for link in LINKS:
        world.cut_link(member, dc, link, both=False)
    world.run(3_680)
    world.heal()
    world.run(5_700)
    world.hosts[member].step(StopRequested())
    world.run(40_000)
    assert not world.hosts[member].is_up


def test_a_probe_is_answered_before_its_node_leaves():
    """Found by seed 1658: the agent had died while something started, and nobody knew that it runs."""
    world = make_world(1, nodes=2, faults=SlowStart(6_000), judges=Judges(may_fence=True), resources=3)
    world.run(1_500)
    member = next(name for name in ("n1", "n2") if name != world.hosts["n1"].node.here.dc)
    world.at(5_000, lambda: world.hosts[member].crash_agent(300))
    world.at(5_350, lambda: world.hosts[member].step(StopRequested()))
    world.run(60_000)
    assert not world.hosts[member].active


def test_what_is_being_stopped_counts_as_active_for_a_dc_that_hears_of_it():
    """Found by seeds 104, 118 and 140 of the real scheduler: a pending stop read as if nothing ran there."""

    class SlowStop(Scripted):
        def agent(self, host, spec):
            ms, rc, effect = super().agent(host, spec)
            return (4_000 if spec.action == "stop" else ms), rc, effect

    faults = SlowStop()
    faults.is_fencing_broken = True
    world = make_world(1, nodes=3, faults=faults, judges=Judges(), resources=6)
    world.schedule = schedule
    world.run(SETTLED_MS)
    dc = world.hosts["n1"].node.here.dc
    member = next(name for name in world.names if name != dc)
    world.hosts[member].step(StopRequested())
    world.run(SETTLED_MS + 200)
    assert said(world, f"{member} > Resource")
    world.partition([member])
    world.run(SETTLED_MS + 1_400)
    world.heal()
    world.run(SETTLED_MS + 40_000)
    assert not world.hosts[member].active


def told(world: World, host: str, sender: str, message: PeerMessage) -> None:
    """As if this message of the sender's present life had just arrived."""
    world.hosts[host].step(MessageReceived(sender, world.hosts[sender].disk.incarnation, message))


def test_a_member_that_asks_for_votes_follows_no_dc_and_is_taken_in_anew():
    world = settled(3, judges=Judges(may_fence=False))
    dc = dc_of(world)
    member = other_than(world, dc)
    told(world, dc, member, VoteRequest(term=1, rank=(1, 0, 0, member)))
    assert member not in world.hosts[dc].node.here.view.members
    world.run(SETTLED_MS + 5_000)
    world.judges.final(world)


def test_an_update_that_is_known_already_changes_nothing():
    world = settled(3)
    dc = dc_of(world)
    member = other_than(world, dc)
    here = world.hosts[member].node.here
    before = here.cib
    told(world, member, dc, CibUpdate(term=here.view.term, seq=1, is_durable=False, cib=Cib.empty()))
    assert here.dc == dc
    assert here.cib is before
