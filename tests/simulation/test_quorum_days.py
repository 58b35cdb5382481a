"""Named days of partitions: what each side may do, by no-quorum-policy, wait_for_all and the tie-breaker."""

from __future__ import annotations

import pytest

from hacluster.cib.codec import to_xml
from hacluster.scheduler.schedule import schedule
from tests.simulation import stand_in
from tests.simulation.judges import Judges
from tests.simulation.run import configuration, make_world
from tests.simulation.scripted import SETTLED_MS, Scripted, dc_of, other_than, places, said, settled
from tests.simulation.world import World

SCHEDULERS = pytest.mark.parametrize("scheduler", [stand_in.schedule, schedule], ids=["small", "real"])


def split_of_three(policy: str, scheduler, *, configured_as: str = "", fencing_works: bool = False) -> World:
    """n3 has lost the two others; the fence devices reach nobody."""
    faults = Scripted()
    faults.is_fencing_broken = not fencing_works
    world = make_world(1, nodes=3, faults=faults, judges=Judges(), policy=policy, configured_as=configured_as)
    world.schedule = scheduler
    world.run(SETTLED_MS)
    world.services_before = {name for name in world.hosts["n3"].active if name.startswith(("rsc", "clone-"))}
    assert world.services_before
    world.partition(["n3"])
    world.run(SETTLED_MS + 20_000)
    return world


def services_of(world: World, name: str) -> set[str]:
    return {resource for resource in world.hosts[name].active if resource.startswith(("rsc", "clone-"))}


# ---------------------------------------------------------------- no-quorum-policy


@SCHEDULERS
def test_with_the_policy_stop_a_minority_stops_its_services(scheduler):
    world = split_of_three("stop", scheduler)
    assert not services_of(world, "n3")
    assert said(world, "n3 > Quorum lost.")


@SCHEDULERS
def test_with_the_policy_freeze_a_minority_keeps_what_it_runs_and_starts_nothing(scheduler):
    world = split_of_three("freeze", scheduler)
    assert services_of(world, "n3") == world.services_before
    (first, *_) = sorted(world.services_before)
    world.hosts["n3"].active.discard(first)
    world.run(world.now_ms + 10_000)
    assert services_of(world, "n3") <= world.services_before
    assert not [line for line in said(world, "n3 > Try to STONITH") if "n3" not in line.partition(")")[2]]


@SCHEDULERS
def test_with_the_policy_ignore_both_sides_fence_before_they_start_anything(scheduler):
    world = split_of_three("ignore", scheduler)
    assert services_of(world, "n3") == world.services_before
    assert said(world, "n3 > Try to STONITH (reboot) n1")


@SCHEDULERS
def test_with_the_policy_suicide_a_minority_fences_itself_without_any_device(scheduler):
    world = split_of_three("suicide", scheduler)
    assert said(world, "n3 crashes: quorum was lost, and no-quorum-policy is suicide")
    assert not services_of(world, "n3")
    assert not said(world, "n1 crashes")
    assert not said(world, "n2 crashes")


@SCHEDULERS
def test_after_its_suicide_a_node_waits_for_the_others_instead_of_dying_again(scheduler):
    world = split_of_three("suicide", scheduler)
    world.run(world.now_ms + 60_000)
    assert len(said(world, "n3 crashes")) == 1
    world.heal()
    world.faults.is_fencing_broken = False
    world.run(world.now_ms + 40_000)
    world.judges.final(world)


@SCHEDULERS
def test_all_members_of_a_minority_fence_themselves(scheduler):
    world = make_world(1, nodes=5, faults=Scripted(), judges=Judges(), policy="suicide", resources=6)
    world.schedule = scheduler
    world.run(SETTLED_MS)
    world.faults.is_fencing_broken = True
    world.partition(["n4", "n5"])
    world.run(SETTLED_MS + 20_000)
    for name in ("n4", "n5"):
        assert said(world, f"{name} crashes: quorum was lost")


def test_with_the_policy_demote_a_minority_demotes_and_stays_unpromoted():
    services = configuration(["n1", "n2", "n3"], 1, is_fencing=True, policy="demote")
    rules = "".join(
        f'<rsc_location id="p-{name}" rsc="ms"><rule id="r-{name}" role="Promoted" score="{score}">'
        f'<expression id="e-{name}" attribute="#uname" operation="eq" value="{name}"/></rule></rsc_location>'
        for name, score in (("n3", 100), ("n1", 50), ("n2", 10))
    )
    clone = (
        '<clone id="ms"><meta_attributes id="ms-m"><nvpair id="ms-p" name="promotable" value="true"/></meta_attributes>'
        '<primitive id="clone-rsc" class="ocf" provider="pacemaker" type="Stateful"/></clone></resources>'
    )
    services = services.replace("</resources>", clone).replace("<constraints/>", f"<constraints>{rules}</constraints>")
    world = make_world(1, nodes=3, faults=Scripted(), judges=Judges(), configured_as=services)
    world.schedule = schedule
    world.run(SETTLED_MS)
    (instance,) = world.hosts["n3"].promoted
    world.faults.is_fencing_broken = True
    world.partition(["n3"])
    world.run(SETTLED_MS + 20_000)
    assert not world.hosts["n3"].promoted
    assert instance in world.hosts["n3"].active
    assert not services_of(world, "n3") - {instance}


# ---------------------------------------------------------------- starting


@SCHEDULERS
def test_a_cluster_that_waits_for_all_starts_nothing_before_all_nodes_were_seen(scheduler):
    world = make_world(1, nodes=3, faults=Scripted(), judges=Judges(), wait_for_all=True)
    world.schedule = scheduler
    world.hosts["n3"].crash("not switched on yet")
    world.run(30_000)
    assert not any(places(world).values())
    world.hosts["n3"].boot()
    world.run(50_000)
    assert all(len(nodes) == 1 for nodes in places(world).values())
    world.hosts["n3"].crash("power cut")
    world.run(80_000)
    assert all(len(nodes) == 1 for nodes in places(world).values())


def test_one_of_two_that_boots_alone_has_no_quorum_before_it_has_seen_the_other():
    world = make_world(1, nodes=2, faults=Scripted(), judges=Judges(), policy="stop")
    world.hosts["n2"].crash("not switched on yet")
    world.run(30_000)
    assert not any(places(world).values())
    assert not said(world, "STONITH")


# ---------------------------------------------------------------- the tie-breaker


def pair_split(kind: str, *, fencing_works: bool, policy: str = "stop", unreachable: tuple[str, ...] = ()) -> World:
    """Both heartbeat LANs of a pair are cut."""
    world = settled(tie_breaker=kind, policy=policy)
    world.faults.is_fencing_broken = not fencing_works
    world.tie_breaker.unreachable = set(unreachable)
    world.partition(["n1"])
    world.run(SETTLED_MS + 20_000)
    return world


@pytest.mark.parametrize("kind", ["ping", "disk"])
@pytest.mark.parametrize("winner", ["n1", "n2"])
@pytest.mark.parametrize("policy", ["stop", "freeze", "ignore"])
def test_in_a_split_pair_only_the_side_that_wins_the_tie_fences(kind, winner, policy):
    loser = "n2" if winner == "n1" else "n1"
    world = pair_split(kind, fencing_works=True, policy=policy, unreachable=(loser,))
    assert said(world, f"{winner} > This half of the cluster has won the tie")
    assert said(world, f"{winner} shoots {loser}")
    assert not said(world, f"{loser} > Try to STONITH")
    assert all(nodes == [winner] for nodes in places(world).values())


def test_the_loser_stops_its_services_when_nobody_can_fence_it():
    world = pair_split("disk", fencing_works=False, unreachable=("n2",))
    assert not services_of(world, "n2")
    assert said(world, "n2 > This half of the cluster has lost the tie")


def test_the_loser_fences_itself_when_the_policy_is_suicide():
    world = pair_split("disk", fencing_works=False, policy="suicide", unreachable=("n2",))
    assert said(world, "n2 crashes: quorum was lost")
    assert not said(world, "n1 crashes")


def test_a_disk_lets_only_one_of_two_win_when_both_reach_it():
    world = pair_split("disk", fencing_works=False)
    assert len(said(world, "has won the tie")) == 1
    assert len(said(world, "has lost the tie")) == 1


def test_nobody_acts_while_neither_reaches_the_third_party():
    world = pair_split("ping", fencing_works=True, unreachable=("n1", "n2"))
    assert not said(world, "shoots")
    assert not any(places(world).values())


def test_services_run_on_while_the_third_party_is_being_asked():
    world = settled(tie_breaker="ping", policy="stop")
    before = places(world)
    world.faults.tie_breaker_ms = lambda host: 8_000
    world.partition(["n1"])
    world.run(SETTLED_MS + 8_000)
    assert places(world) == before
    assert not said(world, "Quorum lost.")
    assert not said(world, "Try to STONITH")


def test_a_third_party_that_never_answers_says_no():
    world = settled(tie_breaker="ping", policy="stop")
    world.faults.tie_breaker_ms = lambda host: 600_000
    world.partition(["n1"])
    world.run(SETTLED_MS + 30_000)
    assert len(said(world, "has lost the tie")) == 2
    assert not said(world, "Try to STONITH")
    assert not any(places(world).values())


@pytest.mark.parametrize("kind", ["ping", "disk"])
def test_the_survivor_of_a_pair_wins_the_tie_and_takes_over(kind):
    world = settled(tie_breaker=kind, policy="stop")
    world.hosts["n1"].crash("power cut")
    world.run(SETTLED_MS + 8_000)
    assert all(nodes == ["n2"] for nodes in places(world).values())


def test_the_loser_takes_over_when_the_winner_dies_later():
    world = pair_split("disk", fencing_works=False)
    winner = said(world, "has won the tie")[0].partition("] ")[2].partition(" >")[0]
    loser = other_than(world, winner)
    assert not services_of(world, loser)
    world.faults.is_fencing_broken = False
    world.hosts[winner].crash("power cut")
    world.hosts[winner].life += 1
    world.run(world.now_ms + 20_000)
    assert said(world, f"{loser} shoots {winner}")
    assert all(nodes == [loser] for nodes in places(world).values())


def test_the_winner_that_loses_the_disk_stops_its_services():
    world = pair_split("disk", fencing_works=False)
    winner = said(world, "has won the tie")[0].partition("] ")[2].partition(" >")[0]
    world.tie_breaker.unreachable = {winner}
    world.run(world.now_ms + 20_000)
    assert not services_of(world, winner)


def test_nobody_is_asked_when_a_node_of_a_pair_leaves_in_order():
    from nodeagent.machines.events import StopRequested

    world = settled(tie_breaker="ping", policy="stop")
    world.tie_breaker.unreachable = {"n1", "n2"}
    world.hosts["n2"].step(StopRequested())
    world.run(SETTLED_MS + 20_000)
    assert not said(world, "the tie")
    assert all(nodes == ["n1"] for nodes in places(world).values())


def test_without_fencing_the_loser_by_ping_stays_lost_until_it_hears_the_other():
    """Both may reach the ping node then; only the heartbeats would tell that the other still runs everything."""
    world = settled(tie_breaker="ping", policy="stop", judges=Judges(is_fencing=False))
    world.tie_breaker.unreachable = {"n2"}
    world.partition(["n1"])
    world.run(SETTLED_MS + 10_000)
    world.tie_breaker.unreachable = set()
    world.run(SETTLED_MS + 40_000)
    assert all(nodes == ["n1"] for nodes in places(world).values())
    world.heal()
    world.run(SETTLED_MS + 60_000)
    world.judges.final(world)


def test_a_loser_that_reaches_the_ping_node_again_just_before_it_hears_the_other_fences_nobody():
    """Found in the lab: the cables were mended one after the other, and the loser had the winner fenced."""
    world = pair_split("ping", fencing_works=False, unreachable=("n2",))
    world.faults.is_fencing_broken = False
    kept = {name for name in world.hosts["n1"].active if name.startswith("rsc")}
    world.tie_breaker.unreachable = set()
    world.run(world.now_ms + 2_500)
    world.heal()
    world.run(world.now_ms + 40_000)
    assert kept
    assert not said(world, "n2 > Try to STONITH")
    assert not said(world, "shoots n1")
    assert kept <= world.hosts["n1"].active
    world.judges.final(world)


def test_a_loser_by_ping_takes_over_when_it_alone_reaches_the_ping_node():
    world = pair_split("ping", fencing_works=True, unreachable=("n1", "n2"))
    world.tie_breaker.unreachable = {"n1"}
    world.run(world.now_ms + 20_000)
    assert said(world, "n2 shoots n1")
    assert all(nodes == ["n2"] for nodes in places(world).values())


def test_half_of_four_nodes_goes_on_when_it_wins_the_tie():
    world = settled(4, tie_breaker="disk", policy="stop", resources=6)
    world.tie_breaker.unreachable = {"n3", "n4"}
    world.partition(["n3", "n4"])
    world.run(SETTLED_MS + 20_000)
    assert said(world, "shoots n3")
    assert said(world, "shoots n4")
    assert all(nodes in (["n1"], ["n2"]) for nodes in places(world).values())


def test_a_cib_on_disk_does_not_remember_that_there_was_quorum():
    """A node that boots alone would fence itself again and again."""
    world = split_of_three("suicide", stand_in.schedule)
    assert 'have-quorum="0"' in to_xml(world.hosts["n3"].node.here.cib)
    assert "no-quorum-panic" not in to_xml(world.hosts["n3"].node.here.cib)


# ---------------------------------------------------------------- who was seen where


def until(world: World, text: str, most_ms: int = 30_000) -> None:
    end_ms = world.now_ms + most_ms
    while not said(world, text):
        assert world.now_ms < end_ms, f"nobody said: {text}"
        world.run(world.now_ms + 50)


class _OnlyOn(Scripted):
    """A service starts on one node only until all may have it, and one node is shot slowly."""

    def __init__(self) -> None:
        super().__init__()
        self.service = self.only_on = self.shot_slowly = ""

    def agent(self, host, spec):
        ms, rc, effect = super().agent(host, spec)
        is_barred = spec.resource == self.service and spec.action == "start" and self.only_on not in ("", host.name)
        return (ms, 1, "none") if is_barred else (ms, rc, effect)

    def fence_device(self, host, spec):
        return (4_000 if spec.target == self.shot_slowly else 200), True


def test_a_node_that_became_a_member_in_another_partition_is_fenced_before_its_services_start():
    """Found by seed 911: the side that wins had last seen it down; only who came over knows that it is up again."""
    faults = _OnlyOn()
    world = settled(5, faults=faults, policy="freeze", resources=6)
    dc = dc_of(world)
    slow, away, _, back = (name for name in world.names if name != dc)
    faults.service = next(name for name in sorted(world.hosts[back].active) if name.startswith("rsc"))
    faults.only_on, faults.shot_slowly = back, slow
    world.hosts[away].crash("power cut")
    until(world, f"Succeeded to STONITH (reboot) {away}")
    world.run(world.now_ms + 1_500)
    world.hosts[back].crash("power cut")
    until(world, f"Succeeded to STONITH (reboot) {back}")
    world.run(world.now_ms + 200)
    world.partition([slow, away])
    until(world, f"{away} boots, incarnation 2")
    until(world, f"{away} > Set DC node to {slow}")
    until(world, f"{back} > Resource {faults.service} started.")
    until(world, f"{away} > Node {slow} is lost")
    world.run(world.now_ms + 5_000)
    faults.only_on = ""
    world.heal()
    world.partition([dc, back])
    world.run(world.now_ms + 10_000)
    assert said(world, f"{away} shoots {back}")
    assert said(world, f"{faults.service} start 0 -> 0")
