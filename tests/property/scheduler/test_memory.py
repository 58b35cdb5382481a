"""A scheduler that remembers answers as one that doesn't, whatever happens to the status in between."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec
import pytest

from hacluster.cib.model import Cib
from hacluster.cib.status import history_of, node_states, with_attributes, with_resource_history
from hacluster.scheduler.graph import TransitionGraph
from hacluster.scheduler.memory import Memory
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply, came_up, operation_failed, was_lost
from tests.builders import Situation
from tests.property.scheduler.clusters import NOW, cluster

APART = """property stonith-enabled=false no-quorum-policy=ignore
primitive a ocf:pacemaker:Dummy op monitor interval=10s
primitive b ocf:pacemaker:Dummy op monitor interval=10s
primitive c ocf:pacemaker:Dummy op monitor interval=10s
primitive d ocf:pacemaker:Dummy op monitor interval=10s
rsc_defaults resource-stickiness=100
"""
SEEDS = range(1, 41)
STEPS = 8


def text(graph: TransitionGraph) -> bytes:
    return msgspec.json.encode(graph)


def names_in(cib: Cib) -> list[str]:
    return [one.id for one in cib.section("resources").walk() if one.tag == "primitive"]


def something_fails(cib: Cib, luck: Random, now: float) -> Cib:
    node = luck.choice(list(node_states(cib))).get("uname")
    task = luck.choice(("monitor_10000", "monitor_0", "start_0", "stop_0"))
    return operation_failed(cib, f"{luck.choice(names_in(cib))}_{task}", node, luck.choice((1, 5, 7)), now)


def an_attribute_changes(cib: Cib, luck: Random, now: float) -> Cib:
    node = luck.choice(list(node_states(cib))).get("uname")
    name = luck.choice(("ping", "colour", f"master-{luck.choice(names_in(cib))}", "standby"))
    return with_attributes(cib, node, {name: luck.choice(("0", "5", "100", "true", None))})


def a_history_is_forgotten(cib: Cib, luck: Random, now: float) -> Cib:
    state = luck.choice(list(node_states(cib)))
    entries = [entry.id for entry in history_of(state)]
    return with_resource_history(cib, state.get("uname"), luck.choice(entries), None) if entries else cib


def a_node_goes_or_comes(cib: Cib, luck: Random, now: float) -> Cib:
    node = luck.choice(list(node_states(cib))).get("uname")
    return luck.choice((was_lost, came_up))(cib, node)


def it_is_done(cib: Cib, luck: Random, now: float) -> Cib:
    return apply(cib, schedule(cib, now), now)


def nothing_happens(cib: Cib, luck: Random, now: float) -> Cib:
    return cib


EVENTS: tuple[Callable[[Cib, Random, float], Cib], ...] = (
    *(something_fails, something_fails, an_attribute_changes, an_attribute_changes),
    *(a_history_is_forgotten, it_is_done, it_is_done, it_is_done, a_node_goes_or_comes, nothing_happens),
)


def first_difference(seed: int) -> str:
    """The event after which the two disagree; "" if they never do."""
    luck, memory, cib, now = Random(seed), Memory(largest_share=1.0), cluster(seed), float(NOW)
    event = nothing_happens
    for _ in range(STEPS):
        if text(memory.schedule(cib, now)) != text(schedule(cib, now)):
            return f"seed {seed}: {event.__name__}"
        event = luck.choice(EVENTS)
        cib, now = event(cib, luck, now), now + luck.choice((0, 1, 60, 4000))
    return ""


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_remembered_is_what_would_be_worked_out(seed: int) -> None:
    assert first_difference(seed) == ""


def at_rest() -> Cib:
    """Four resources, each for itself, that run."""
    given = Situation(APART, ("n1", "n2"))
    given.settle()
    return given.cib


def test_a_failure_of_one_resource_looks_at_that_resource_only() -> None:
    memory, cib = Memory(), at_rest()
    assert memory.schedule(cib, NOW).is_empty
    (home,) = schedule(cib, NOW).placement_now["b"]
    failed = operation_failed(cib, "b_monitor_10000", home, 7, NOW)
    assert [action.resource for action in memory.schedule(failed, NOW).actions if action.kind == "stop"] == ["b"]
    assert memory.decided == 1


def test_a_node_that_is_put_on_standby_is_everybodys_concern() -> None:
    memory, cib = Memory(), at_rest()
    memory.schedule(cib, NOW)
    memory.schedule(with_attributes(cib, "n1", {"standby": "on"}), NOW)
    assert memory.decided == 4
