"""The third party as the shell asks it: a disk (here a file) with the real reserving processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nodeagent.machines.events import Event, TieBreakerAnswered
from nodeagent.settings import TieBreaker as Configured
from nodeagent.shell.reservation import FREE, Block
from nodeagent.shell.tie_breaker import TieBreaker


async def ask_both(device: Path) -> list[bool]:
    """Two agents ask at the same moment; gives their answers, after both have given it back."""
    answers: asyncio.Queue[bool] = asyncio.Queue()

    def report(event: Event) -> None:
        assert isinstance(event, TieBreakerAnswered)
        answers.put_nowait(event.is_won)

    asked = Configured("disk", (str(device),))
    agents = [TieBreaker(asked, name, 1, report) for name in ("pm01", "pm02")]
    for token, agent in enumerate(agents, 1):
        agent.ask(token)
    said = [await answers.get() for _ in agents]
    owner = Block(str(device)).read()[0]
    assert owner.partition(".")[0] in ("pm01", "pm02")
    for agent in agents:
        agent.release()
        await agent.released()
    assert Block(str(device)).read()[0] == FREE
    return said


def test_of_two_agents_that_ask_at_the_same_moment_one_gets_the_disk(tmp_path):
    device = tmp_path / "disk"
    device.write_bytes(b"\0" * 4096)
    assert sorted(asyncio.run(ask_both(device))) == [False, True]


def test_a_device_that_is_not_there_breaks_no_tie(tmp_path):
    async def ask() -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        agent = TieBreaker(
            Configured("disk", (str(tmp_path / "none"),)), "pm01", 1, lambda e: answer.set_result(e.is_won)
        )
        agent.ask(1)
        is_won = await answer
        await agent.released()
        return is_won

    assert not asyncio.run(ask())
