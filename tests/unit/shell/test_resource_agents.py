"""One operation of an agent: its environment, its end, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.shell import resource_agents
from nodeagent.shell.processes import OUTPUT_BYTES_MAX, Processes
from nodeagent.shell.resource_agents import AgentCall, AgentResult, ExitCode, ResourceAgents
from tests.processes import is_running

SHARED = Path(__file__).resolve().parents[3].parent / "shared"


class Site:
    """A folder of agents written for one test, and the runner under test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "resource.d" / "test").mkdir(parents=True)
        (folder / "init.d").mkdir()
        self.processes = Processes(folder / "under-way")
        self.agents = ResourceAgents(self.processes, folder / "run", cluster_type="heartbeat", node="pm01", node_id="1")
        self.agents.prepare()

    def agent(self, name: str, script: str, folder: str = "resource.d/test") -> None:
        file = self.folder / folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    async def run(self, script: str, action: str = "monitor", timeout_ms: int = 5000, **parameters: str) -> AgentResult:
        self.agent("agent", script)
        return await self.agents.run(self.call(action, timeout_ms, **parameters))

    def call(self, action: str = "monitor", timeout_ms: int = 5000, **parameters: str) -> AgentCall:
        return AgentCall("ocf", "test", "agent", action, "prmTest", parameters, {}, timeout_ms)


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    # Where a machine keeps its agents is configuration of the machine, not code of ours.
    monkeypatch.setattr(resource_agents, "OCF_ROOT", tmp_path)
    monkeypatch.setattr(resource_agents, "INIT_SCRIPTS", tmp_path / "init.d")
    return Site(tmp_path)


@pytest.fixture
def reaping() -> Iterator[None]:
    """Leave the process as it was: the child watcher and the signal belong to the whole interpreter."""
    yield
    asyncio.set_child_watcher(None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@pytest.mark.parametrize("rc", [0, 1, 5, 7, 8, 9, 190])
async def test_the_exit_code_of_an_ocf_agent_is_the_result(site: Site, rc: int) -> None:
    assert (await site.run(f"exit {rc}")).rc == rc


async def test_output_errors_and_the_last_exit_reason_are_kept(site: Site) -> None:
    result = await site.run(
        "echo out; echo ocf-exit-reason:first >&2; echo noise >&2; echo 'ocf-exit-reason:disk is away' >&2; exit 1"
    )
    assert (result.output, result.reason) == ("out\n", "disk is away")
    assert "noise" in result.errors


async def test_only_the_last_part_of_a_long_output_is_kept(site: Site) -> None:
    result = await site.run("i=0; while [ $i -lt 30000 ]; do echo 0123456789; i=$((i+1)); done; echo end")
    assert result.output.endswith("0123456789\nend\n")
    assert len(result.output) == OUTPUT_BYTES_MAX


async def test_an_agent_that_takes_too_long_is_killed_with_its_children(site: Site) -> None:
    result = await site.run(f"sleep 60 & echo $! > {site.folder}/child; echo begun; sleep 60", timeout_ms=300)
    assert (result.rc, result.reason, result.is_timed_out) == (ExitCode.ERR_GENERIC, "Timed Out", True)
    assert result.output == "begun\n"
    await _ended(int((site.folder / "child").read_text()))


async def test_a_daemon_that_keeps_the_pipes_does_not_delay_the_result(site: Site) -> None:
    began_s = time.monotonic()
    result = await site.run(f"sleep 20 & echo $! > {site.folder}/daemon; echo started; exit 0", timeout_ms=10_000)
    assert (result.rc, result.output) == (0, "started\n")
    assert time.monotonic() - began_s < 5
    os.kill(int((site.folder / "daemon").read_text()), signal.SIGKILL)


async def test_an_orphan_of_an_agent_is_reaped(site: Site, reaping: None) -> None:
    site.processes.adopt_orphans()
    script = f"(sh -c 'sleep 0.1' & echo $! > {site.folder}/orphan); exit 0"
    await site.run(script)
    orphan = int((site.folder / "orphan").read_text())
    descriptor = os.pidfd_open(orphan)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    async with asyncio.timeout(5):
        await ended.wait()
        while Path(f"/proc/{orphan}").exists():
            await asyncio.sleep(0)
    asyncio.get_running_loop().remove_reader(descriptor)
    os.close(descriptor)


async def test_asyncio_programs_keep_their_exit_codes_while_orphans_are_reaped(site: Site, reaping: None) -> None:
    site.processes.adopt_orphans()
    site.agent("agent", "exit 3")

    async def other() -> int:
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", "(sleep 0.01 &) ; exit 42")
        return await process.wait()

    results = await asyncio.gather(*(other() for _ in range(8)), *(site.agents.run(site.call()) for _ in range(8)))
    assert results[:8] == [42] * 8
    assert [result.rc for result in results[8:] if isinstance(result, AgentResult)] == [3] * 8


async def test_a_cancelled_operation_is_killed(site: Site) -> None:
    site.agent("agent", f"echo $$ > {site.folder}/pid; exec sleep 60")
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    operation = asyncio.ensure_future(site.agents.run(site.call(), started.set_result))
    pid = await started
    operation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await operation
    await _ended(pid)


async def test_what_a_killed_agent_left_under_way_is_ended_and_its_daemons_are_not(site: Site) -> None:
    await site.run(f"setsid sleep 60 & echo $! > {site.folder}/daemon", "start")
    site.agent("agent", f"sleep 60 & echo $! > {site.folder}/below; wait")
    under_way: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    site.processes.end_leftovers()
    operation = asyncio.ensure_future(site.agents.run(site.call("start"), under_way.set_result))
    pid = await under_way
    while not (site.folder / "below").exists() or not (site.folder / "below").read_text().endswith("\n"):
        await asyncio.sleep(0)
    assert Processes(site.folder / "under-way").end_leftovers() == [pid]
    assert (await operation).rc == 1
    await _ended(int((site.folder / "below").read_text()))
    daemon = int((site.folder / "daemon").read_text())
    assert is_running(daemon)
    os.kill(daemon, signal.SIGKILL)
    assert Processes(site.folder / "under-way").end_leftovers() == []


async def test_fence_commands_and_respawned_programs_of_a_killed_agent_are_ended_too(site: Site, reaping: None) -> None:
    site.processes.end_leftovers()
    site.processes.adopt_orphans()
    ended = await asyncio.create_subprocess_exec("/bin/true")
    await ended.wait()
    left = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    assert Processes(site.folder / "under-way").end_leftovers() == [left.pid]
    assert await left.wait() == -signal.SIGKILL


async def test_a_note_of_a_pid_that_is_another_program_by_now_ends_nobody(site: Site) -> None:
    (site.folder / "under-way").mkdir()
    (site.folder / "under-way" / str(os.getpid())).write_text("1")
    assert site.processes.end_leftovers() == []


async def test_an_agent_killed_by_a_signal_says_so(site: Site) -> None:
    result = await site.run("kill -SEGV $$")
    assert (result.rc, result.reason) == (ExitCode.ERR_GENERIC, "the agent was killed by signal 11")


async def test_an_agent_gets_a_clean_start(site: Site) -> None:
    result = await site.run(
        "readlink /proc/self/fd/0; ls /proc/self/fd | tr '\\n' ' '; ps -o pgid= -p $$ | tr -d ' '; echo $$; echo $1"
    )
    null, descriptors_and_group, pid, action = result.output.splitlines()
    assert null == "/dev/null"
    assert descriptors_and_group.split()[-1] == pid
    # 3 is the folder that ls reads; the agent closes what it inherited at its own start.
    inherited = {name for name in os.listdir("/proc/self/fd") if _is_inheritable(int(name))}
    assert set(descriptors_and_group.split()[:-1]) <= {"0", "1", "2", "3"} | inherited
    assert action == "monitor"


async def test_a_missing_agent_is_not_installed(site: Site) -> None:
    result = await site.agents.run(AgentCall("ocf", "test", "nobody", "start", "prm"))
    assert (result.rc, result.reason) == (ExitCode.ERR_INSTALLED, "agent ocf:test:nobody is not installed")


@pytest.mark.parametrize(("provider", "name"), [("..", "agent"), ("test", "../../x"), ("", "agent"), ("test", "")])
async def test_a_name_cannot_leave_the_agents_folder(site: Site, provider: str, name: str) -> None:
    site.agent("x", "exit 0", folder=".")
    result = await site.agents.run(AgentCall("ocf", provider, name, "start", "prm"))
    assert result.rc == ExitCode.ERR_INSTALLED


async def test_an_agent_that_is_no_program_gives_a_sentence(site: Site) -> None:
    (site.folder / "resource.d/test/agent").write_text("#!/no/such/interpreter\n")
    (site.folder / "resource.d/test/agent").chmod(0o755)
    result = await site.agents.run(site.call())
    assert result.rc == ExitCode.ERR_INSTALLED
    assert "cannot be run" in result.reason


async def test_systemd_units_are_refused_with_a_sentence(site: Site) -> None:
    result = await site.agents.run(AgentCall("systemd", "", "postgresql", "start", "prm"))
    assert result.rc == ExitCode.ERR_INSTALLED
    assert result.reason.endswith("use the service's OCF agent or its init script")


# ---------------------------------------------------------------- environment


def _golden(section: str) -> dict[str, str]:
    file = SHARED / "reference/golden/agent-env-2.1.5.txt"
    if not file.exists():
        pytest.skip(f"{file} is not here: the dump of a real Pacemaker's environment is kept beside the project")
    text = file.read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and ":" not in line.partition("=")[0])


@pytest.mark.parametrize("section", ["ed.monitor.-", "ed.start.-", "ed.notify.pre-promote", "es.monitor.-"])
async def test_an_agent_sees_what_pacemaker_shows_it(site: Site, section: str) -> None:
    golden = _golden(section)
    meta_prefix = "OCF_RESKEY_CRM_meta_"
    call = AgentCall(
        "ocf",
        golden["OCF_RESOURCE_PROVIDER"],
        golden["OCF_RESOURCE_TYPE"],
        section.split(".")[1],
        golden["OCF_RESOURCE_INSTANCE"],
        {"foo": "bar"} if "OCF_RESKEY_foo" in golden else {},
        {name.removeprefix(meta_prefix): value for name, value in golden.items() if name.startswith(meta_prefix)},
        int(golden[f"{meta_prefix}timeout"]),
    )
    ours = site.agents.environment(call)
    ours["OCF_ROOT"] = golden["OCF_ROOT"]
    differing = {name for name in golden.keys() | ours.keys() if golden.get(name) != ours.get(name)}
    # Logs come over the pipes here, and these point at our commands and our folders.
    assert differing <= {
        "HA_LOGFILE", "HA_cluster_type", "HA_quorum_type", "PATH", "HA_SBIN_DIR", "HA_BIN", "HA_RSCTMP", "HA_VARRUN",
        "HACLUSTER_RUN",
    }  # fmt: skip
    assert ours["PATH"].endswith(golden["PATH"])


async def test_names_and_check_level_reach_the_agent_as_written(site: Site) -> None:
    environment = site.agents.environment(
        AgentCall("ocf", "test", "agent", "monitor", "prm", {"a-b": "1"}, {"clone-max": "2", "OCF_CHECK_LEVEL": "10"})
    )
    assert environment["OCF_RESKEY_a-b"] == "1"
    assert environment["OCF_RESKEY_CRM_meta_clone_max"] == "2"
    assert environment["OCF_CHECK_LEVEL"] == "10"
    assert environment["OCF_RESKEY_CRM_meta_on_node"] == "pm01"


async def test_our_commands_come_first_in_the_path_of_an_agent(site: Site) -> None:
    result = await site.run("command -v crm_mon; echo $HA_SBIN_DIR; test -d $HA_RSCTMP && test -d $HA_BIN")
    assert result.rc == 0
    assert result.output.splitlines() == [f"{site.folder}/run/sbin/crm_mon", f"{site.folder}/run/sbin"]


# ---------------------------------------------------------------- init scripts


@pytest.mark.parametrize(("lsb", "ocf"), [(0, 0), (1, 7), (2, 7), (3, 7), (4, 1), (150, 5), (151, 4), (99, 1)])
async def test_the_status_of_an_init_script_is_translated(site: Site, lsb: int, ocf: int) -> None:
    site.agent("svc", f'[ "$1" = status ] && exit {lsb}', folder="init.d")
    assert (await site.agents.run(AgentCall("lsb", "", "svc", "monitor", "prm"))).rc == ocf


async def test_an_init_script_has_no_promote(site: Site) -> None:
    site.agent("svc", "exit 0", folder="init.d")
    assert (await site.agents.run(AgentCall("lsb", "", "svc", "promote", "prm"))).rc == ExitCode.ERR_UNIMPLEMENTED


async def test_the_header_of_an_init_script_becomes_metadata(site: Site) -> None:
    site.agent("svc", "### BEGIN INIT INFO\n# Short-Description: serves & waits\n### END INIT INFO", folder="init.d")
    result = await site.agents.run(AgentCall("lsb", "", "svc", "meta-data", "prm"))
    assert "serves &amp; waits" in result.output


async def _ended(pid: int) -> None:
    """A killed process is gone a moment later, when the kernel has come to it."""
    async with asyncio.timeout(5):
        while is_running(pid):
            await asyncio.sleep(0)


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False
