"""A share of the attack of tests/contract/packets.py: nothing is accepted, nothing crashes, no memory is lost."""

from tests.contract.packets import attack, free_port

GROWTH_KB_MAX = 1024


async def test_an_attacker_without_the_key_changes_nothing_and_costs_no_memory() -> None:
    result = await attack(20_000, seed=18442, port=free_port())
    assert result.accepted == []
    growth = [after - before for before, after in zip(result.rss_before_kb, result.rss_after_kb, strict=True)]
    assert max(growth) < GROWTH_KB_MAX
    assert min(result.kinds.values()) > 1000
    assert result.connections > 500
