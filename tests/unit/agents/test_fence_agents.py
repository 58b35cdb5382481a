"""What fence devices are told, and what their end means."""

import asyncio
import os
from pathlib import Path

import pytest

from nodeagent.shell import fence_agents
from nodeagent.shell.fence_agents import external, fence_api, meatware
from nodeagent.shell.fence_agents.device import RC_TIMED_OUT, run_command
from tests.processes import is_running

HELPER = external.SHIPPED / "stonith-helper"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a plugin script and makes it the only one there is."""
    monkeypatch.setattr(external, "SITE_PATHS", (tmp_path,))

    def write(name: str, body: str, mode: int = 0o755) -> str:
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(mode)
        return f"external/{name}"

    return write


async def test_a_plugin_gets_bare_parameters_and_a_lower_case_target(plugin, tmp_path):
    agent = plugin("probe", f'echo "$1 $2 $hostlist $ipaddr" > {tmp_path}/said')
    result = await fence_agents.fence(
        agent, "reboot", "PM02", {"hostlist": "pm02", "ipaddr": "10.0.0.9"}, timeout_ms=5000
    )
    assert result.ok
    assert (tmp_path / "said").read_text() == "reset pm02 pm02 10.0.0.9\n"


async def test_a_plugin_that_others_may_write_to_is_not_run(plugin):
    agent = plugin("loose", "exit 0", mode=0o777)
    result = await fence_agents.fence(agent, "reboot", "pm02", {}, timeout_ms=5000)
    assert not result.ok
    assert "not installed" in result.reason


async def test_a_plugin_that_hangs_ends_with_its_children_at_its_timeout(plugin, tmp_path):
    agent = plugin("hang", f"sleep 600 & echo $! > {tmp_path}/child; wait")
    result = await fence_agents.fence(agent, "reboot", "pm02", {}, timeout_ms=300)
    assert result.timed_out
    child = int((tmp_path / "child").read_text())
    async with asyncio.timeout(5):
        while is_running(child):
            await asyncio.sleep(0)


@pytest.mark.parametrize("name", ["../../../bin/true", "", ".hidden"])
def test_a_plugin_name_never_leaves_the_plugin_folders(name):
    assert external.find(f"external/{name}") is None


def test_a_fence_agent_is_told_the_port_of_the_map_and_no_manager_parameters():
    words = fence_api.standard_input(
        "reboot",
        "pm02",
        {"pcmk_host_map": "pm01:7;pm02:8", "pcmk_reboot_action": "off", "ip": "10.0.0.1", "priority": "2"},
    )
    assert words == "ip=10.0.0.1\naction=off\nnodename=pm02\nport=8\n"


def test_a_fence_agent_without_a_target_is_told_no_port():
    assert fence_api.standard_input("monitor", "", {"ip": "10.0.0.1"}) == "ip=10.0.0.1\naction=monitor\n"


async def test_a_missing_command_is_a_result_and_not_an_exception():
    result = await run_command(("/nonexistent/fence",), {}, timeout_ms=1000)
    assert (result.ok, result.rc) == (False, 5)


class TestMeatware:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr(meatware, "FIFO_FOLDER", tmp_path)

    @staticmethod
    async def _reply(words: str) -> None:
        fifo = meatware.fifo_of("pm02")
        while not fifo.exists():
            await asyncio.sleep(0)
        with fifo.open("r+b", buffering=0) as door:
            door.write(words.encode())

    async def test_the_operators_word_confirms(self):
        result, _ = await asyncio.gather(meatware.fence("pm02", timeout_ms=5000), self._reply("meatware reply PM02"))
        assert result.ok

    async def test_a_word_about_another_node_confirms_nothing(self):
        result, _ = await asyncio.gather(meatware.fence("pm02", timeout_ms=5000), self._reply("meatware reply pm01"))
        assert not result.ok

    async def test_silence_fails_at_the_timeout_and_leaves_no_fifo(self):
        result = await meatware.fence("pm02", timeout_ms=100)
        assert result.rc == RC_TIMED_OUT
        assert not meatware.fifo_of("pm02").exists()


class TestStonithHelper:
    """With a ping of our choosing in front of the PATH: exit 0 answers, 1 is silent, 2 could not ask."""

    @pytest.fixture
    def run(self, tmp_path):
        async def run(*, ping: int, **parameters: str) -> fence_agents.DeviceResult:
            script = tmp_path / "ping"
            script.write_text(f"#!/bin/sh\nexit {ping}\n")
            script.chmod(0o755)
            environment = {
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "hostlist": "pm01 pm02",
                "dead_check_target": "192.0.2.1 192.0.2.2",
                "dead_check_trialcount": "1",
                "standby_check_command": "true",
                **parameters,
            }
            return await run_command((str(HELPER), "reset", "pm02"), environment, timeout_ms=10_000)

        return run

    async def test_a_silent_target_counts_as_fenced(self, run):
        assert (await run(ping=1)).ok

    async def test_a_target_that_answers_is_left_to_the_next_device(self, run):
        assert not (await run(ping=0)).ok

    async def test_a_ping_that_could_not_ask_never_counts_as_dead(self, run):
        assert not (await run(ping=2)).ok
        assert not (await run(ping=127)).ok

    async def test_a_target_outside_the_host_list_is_never_confirmed_dead(self, run):
        assert not (await run(ping=1, hostlist="pm01")).ok

    async def test_a_missing_parameter_is_named(self, run):
        result = await run(ping=1, dead_check_target="")
        assert "dead_check_target" in result.reason


@pytest.mark.skipif(not Path("/usr/sbin/fence_dummy").exists(), reason="Debian's fence-agents are not installed")
class TestARealFenceAgent:
    """Debian's own fence_dummy, which keeps its power state in a file."""

    @pytest.fixture
    def parameters(self, tmp_path):
        return {"status_file": str(tmp_path / "power"), "pcmk_host_list": "pm02"}

    async def test_it_is_monitored_and_switches_off(self, parameters):
        assert (await fence_agents.device_operation("monitor", "fence_dummy", parameters, timeout_ms=30_000)).ok
        for action in ("on", "off"):
            assert (await fence_agents.fence("fence_dummy", action, "pm02", parameters, timeout_ms=30_000)).ok
            assert action in Path(parameters["status_file"]).read_text()

    async def test_its_meta_data_is_read(self):
        described = await fence_agents.metadata("fence_dummy")
        assert described.ok
        assert "<parameters>" in described.output

    async def test_its_targets_are_those_of_its_host_list(self, parameters):
        assert await fence_agents.targets("fence_dummy", parameters, timeout_ms=30_000) == ("pm02",)
