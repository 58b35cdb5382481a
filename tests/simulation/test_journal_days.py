"""Named days of the journal: what is counted out, and nodes that were away meanwhile."""

from __future__ import annotations

from hacluster.protocol import messages as say
from tests.simulation.host import COMPACT_EVERY_MS
from tests.simulation.scripted import SETTLED_MS, said, settled
from tests.simulation.world import World


def write(world: World, name: str, kind: str, key: str, count: int) -> None:
    for number in range(count):
        request = say.JournalAppend(kind=kind, key=key, payload=b"%d" % number)
        world.judges.write_journal(world.hosts[name], request)
        world.run(world.now_ms + 50)


def held(world: World, name: str, of: str, kind: str) -> list[bytes]:
    return [entry.payload for entry in world.hosts[name].disk.journal.get(of, ()) if entry.kind == kind]


def origin(world: World, name: str) -> str:
    return world.hosts[name].disk.journal_origin


def test_old_states_are_counted_out_on_every_node_and_the_chain_still_holds():
    world = settled(3)
    write(world, "n2", "user", "ann", 8)
    write(world, "n2", "audit", "", 10)
    world.run(world.now_ms + COMPACT_EVERY_MS + 1_000)
    for name in world.names:
        assert held(world, name, origin(world, "n2"), "user") == [b"7"]
        assert held(world, name, origin(world, "n2"), "audit") == [b"%d" % number for number in range(4, 10)]
    world.judges.final(world)


def test_a_node_that_was_away_takes_over_a_journal_with_holes():
    world = settled(2)
    write(world, "n1", "user", "ann", 3)
    world.faults.is_fencing_broken = True  # so that nobody switches it on again
    world.hosts["n2"].crash("power cut")
    write(world, "n1", "user", "ann", 3)
    write(world, "n1", "user", "bo", 1)
    write(world, "n1", "user", "ann", 1)
    world.run(SETTLED_MS + 2 * COMPACT_EVERY_MS)
    assert [entry.seq for entry in world.hosts["n1"].disk.journal[origin(world, "n1")]] == [7, 8, 9]
    assert [entry.seq for entry in world.hosts["n2"].disk.journal[origin(world, "n1")]] == [1, 2, 3]
    world.hosts["n2"].boot()
    world.run(world.now_ms + 30_000)
    assert held(world, "n2", origin(world, "n1"), "user") == held(world, "n1", origin(world, "n1"), "user")
    world.judges.final(world)


def test_a_user_changed_at_two_nodes_is_kept_once():
    world = settled(2)
    write(world, "n1", "user", "ann", 4)
    write(world, "n2", "user", "ann", 4)
    world.run(world.now_ms + 2 * COMPACT_EVERY_MS)
    for name in world.names:
        assert held(world, name, origin(world, "n1"), "user") == []
        assert held(world, name, origin(world, "n2"), "user") == [b"3"]
    world.judges.final(world)


def test_a_journal_that_was_lost_is_filled_up_and_goes_on_under_another_name():
    """Counting again from the start would forge the numbers that the peers know already."""
    world = settled(2)
    write(world, "n1", "audit", "", 3)
    disk, before = world.hosts["n1"].disk, origin(world, "n1")
    world.hosts["n1"].crash("power cut")
    disk.journal, disk.journal_origin = {}, ""
    world.partition(["n1"])
    world.hosts["n1"].boot()
    write(world, "n1", "audit", "", 2)
    world.heal()
    world.run(world.now_ms + 40_000)
    assert held(world, "n1", before, "audit") == [b"0", b"1", b"2"]
    assert held(world, "n2", disk.journal_origin, "audit") == [b"0", b"1"]
    world.judges.final(world)


def test_a_node_that_lost_its_whole_disk_adds_to_the_journal_before_it_hears_anybody():
    """It does not know that it has lived before, so its name must be a new one without that."""
    world = settled(2)
    write(world, "n1", "audit", "", 3)
    before = origin(world, "n1")
    world.faults.is_fencing_broken = True  # so that nobody switches it on again
    world.hosts["n1"].lose_disk()
    world.partition(["n1"])
    world.hosts["n1"].boot()
    write(world, "n1", "audit", "", 5)
    world.heal()
    world.run(world.now_ms + 40_000)
    for name in world.names:
        assert held(world, name, before, "audit") == [b"0", b"1", b"2"]
        assert held(world, name, origin(world, "n1"), "audit") == [b"%d" % number for number in range(5)]
    world.judges.final(world)


def test_a_journal_put_back_from_an_old_copy_is_told_once_and_not_asked_for_again_and_again():
    world = settled(2)
    write(world, "n1", "audit", "", 2)
    copy = {name: list(entries) for name, entries in world.hosts["n1"].disk.journal.items()}
    write(world, "n1", "audit", "", 3)
    world.hosts["n1"].crash("power cut")
    world.hosts["n1"].disk.journal = copy
    world.partition(["n1"])
    world.hosts["n1"].boot()
    world.hosts["n1"].request(say.JournalAppend(kind="audit", payload=b"again"))
    world.run(world.now_ms + 50)
    world.heal()
    world.run(world.now_ms + 40_000)
    assert sum("is another one at" in line for line in world.trace) == 1
    assert world.counts["JournalPush"] < 50


def test_a_journal_on_a_full_disk_is_told_and_filled_up_later():
    world = settled(2)
    world.hosts["n2"].disk.is_full = True
    write(world, "n1", "audit", "", 2)
    assert said(world, "n2 > Cannot write journal.sqlite3")
    world.hosts["n2"].disk.is_full = False
    world.run(world.now_ms + 12_000)
    assert held(world, "n2", origin(world, "n1"), "audit") == [b"0", b"1"]
