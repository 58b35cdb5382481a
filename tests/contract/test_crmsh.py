"""Debian's own crmsh, unmodified, on a running pair of agents: it finds our commands first in its PATH.

What an operator types every day is typed here; the cluster's CIB says whether it happened.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hacluster.cib.model import Cib
from tests.contract.test_agent_pair import NODES, Pair, is_found_on, is_together

CRMSH = Path("/usr/sbin/crm")
OUR_COMMANDS = Path(sys.executable).parent
NEEDED = ("cibadmin", "crm_attribute", "crm_diff", "crm_mon", "crm_node", "crm_resource", "crm_verify", "crmadmin")
CONFIGURATION = """property stonith-enabled=false no-quorum-policy=ignore
primitive prmDummy ocf:pacemaker:Dummy op monitor interval=10s timeout=20s
primitive prmA ocf:pacemaker:Dummy op monitor interval=10s timeout=20s
primitive prmB ocf:heartbeat:Dummy params fake="two words" op monitor interval=10s timeout=20s
group grp prmA prmB
location loc1 grp 200: pm01
colocation col1 inf: prmDummy grp
order ord1 Mandatory: grp prmDummy
"""


def _why_not() -> str:
    if not CRMSH.exists():
        return "crmsh is not installed (make setup as root installs it)"
    missing = [name for name in NEEDED if not (OUR_COMMANDS / name).exists()]
    return f"{', '.join(missing)} missing in {OUR_COMMANDS} (make setup)" if missing else ""


# crmsh pings a node before it puts it in standby, so its name must mean something: a hosts file of the test's own.
WITH_HOSTS = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')
needs_names = pytest.mark.skipif(os.geteuid() != 0, reason="crmsh pings pm01: only root can give it a hosts file")
pytestmark = [pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "-"), pytest.mark.asyncio(loop_scope="module")]


class Crmsh:
    """The shell of one node."""

    def __init__(self, pair: Pair, node: str) -> None:
        self.pair = pair
        self.node = node
        home = pair.folder / "home"
        home.mkdir(exist_ok=True)
        self._environment = {
            **os.environ,
            "PATH": f"{OUR_COMMANDS}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HACLUSTER_RUN": str(pair.folder / node / "run"),
            "HOME": str(home),
            "TERM": "dumb",
        }
        self._environment.pop("CIB_file", None)
        hosts = pair.folder / "hosts"
        hosts.write_text("127.0.0.1 localhost pm01 pm02\n")
        self._command = (*WITH_HOSTS, str(hosts), str(CRMSH)) if os.geteuid() == 0 else (str(CRMSH),)

    async def run(self, *words: str) -> tuple[int, str]:
        """(exit code, everything it said)"""
        process = await asyncio.create_subprocess_exec(
            *(*self._command, *words),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, re.sub(r"\x1b\[[0-9;]*m", "", said.decode())

    async def does(self, *words: str) -> str:
        """What it said; it must have succeeded."""
        code, said = await self.run(*words)
        assert code == 0, f"crm {' '.join(words)} ended with {code}:\n{said}"
        assert "Traceback" not in said, said
        assert "usage:" not in said, said
        return said

    async def cib(self) -> Cib:
        return await self.pair.cib(self.node)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crmsh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crmsh]:
    """crmsh on pm01 of a pair that runs CONFIGURATION, which crmsh itself has loaded."""
    pair = Pair(tmp_path_factory.mktemp("pair"))
    for node in NODES:
        await pair.start(node)
    for node in NODES:
        await pair.until(node, is_together)
    shell = Crmsh(pair, "pm01")
    (pair.folder / "all.crm").write_text(CONFIGURATION)
    await shell.does("configure", "load", "update", str(pair.folder / "all.crm"))
    await pair.until("pm01", lambda _, cib: is_found_on("pm01", cib) or is_found_on("pm02", cib))
    yield shell
    for process in pair.processes.values():
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_what_it_loaded_is_what_it_shows(crmsh: Crmsh) -> None:
    shown = await crmsh.does("configure", "show")
    for line in CONFIGURATION.splitlines()[4:]:
        assert line in shown
    assert 'fake="two words"' in shown
    assert re.search(r"^node .*: pm02$", shown, re.MULTILINE)


async def test_it_replaces_an_object_and_leaves_the_others(crmsh: Crmsh) -> None:
    change = crmsh.pair.folder / "change.crm"
    change.write_text("location loc1 grp 300: pm01\n")
    await crmsh.does("configure", "load", "update", str(change))
    constraints = (await crmsh.cib()).section("constraints")
    assert [one.id for one in constraints.children] == ["loc1", "col1", "ord1"]
    assert constraints.children[0].get("score") == "300"


async def test_verify_ends_well_on_a_good_configuration(crmsh: Crmsh) -> None:
    assert "ERROR" not in await crmsh.does("configure", "verify")


async def test_a_load_of_nonsense_changes_nothing(crmsh: Crmsh) -> None:
    before = (await crmsh.cib()).configuration
    wrong = crmsh.pair.folder / "wrong.crm"
    wrong.write_text("primitive fine Dummy\nlocation l nowhere 100: pm01\n")
    code, said = await crmsh.run("configure", "load", "update", str(wrong))
    assert code != 0, said
    assert (await crmsh.cib()).configuration == before


async def test_status_shows_nodes_and_resources(crmsh: Crmsh) -> None:
    shown = await crmsh.does("status")
    assert "Online: [ pm01 pm02 ]" in shown
    assert "Resource Group: grp" in shown


@pytest.mark.parametrize("words", ["status full", "status detail", "status simple", "resource scores"])
async def test_what_it_asks_with_options_of_its_own_is_answered(crmsh: Crmsh, words: str) -> None:
    await crmsh.does(*words.split())


async def test_a_ticket_is_granted_and_shown(crmsh: Crmsh) -> None:
    await crmsh.does("-F", "site", "ticket", "grant", "tSpare")
    assert "ticket tSpare is granted" in await crmsh.does("site", "ticket", "show", "tSpare")


@needs_names
async def test_standby_moves_everything_away_and_online_ends_it(crmsh: Crmsh) -> None:
    await crmsh.does("node", "standby", "pm01")
    await crmsh.pair.until("pm01", lambda _, cib: is_found_on("pm02", cib))
    await crmsh.does("node", "online", "pm01")
    nodes = (await crmsh.cib()).section("nodes")
    assert [pair.get("value") for pair in nodes.walk() if pair.get("name") == "standby"] == ["off"]
    await crmsh.pair.until("pm01", lambda _, cib: is_found_on("pm01", cib))


async def test_cleanup_forgets_failures_and_says_so(crmsh: Crmsh) -> None:
    await crmsh.does("resource", "cleanup", "prmDummy")
    assert "Cleaned up prmDummy on pm01" in await crmsh.does("resource", "refresh", "prmDummy")


async def test_failures_are_counted_shown_and_forgotten(crmsh: Crmsh) -> None:
    place = "pm01"
    assert "value=0" in await crmsh.does("resource", "failcount", "prmA", "show", place)
    await crmsh.does("resource", "failcount", "prmA", "delete", place)


@pytest.mark.parametrize("kind", ["meta", "param", "utilization"])
async def test_settings_of_a_resource_can_be_set_shown_and_deleted(crmsh: Crmsh, kind: str) -> None:
    name = {"meta": "priority", "param": "fake", "utilization": "cpu"}[kind]
    await crmsh.does("resource", kind, "prmDummy", "set", name, "7")
    assert (await crmsh.does("resource", kind, "prmDummy", "show", name)).strip() == "7"
    await crmsh.does("resource", kind, "prmDummy", "delete", name)
    dummy = (await crmsh.cib()).section("resources").by_id("prmDummy")
    assert dummy is not None
    assert not [pair for pair in dummy.walk() if pair.get("name") == name]


async def test_a_ban_is_written_and_cleared(crmsh: Crmsh) -> None:
    await crmsh.does("resource", "ban", "prmDummy", "pm02")
    assert (await crmsh.cib()).section("constraints").by_id("cli-ban-prmDummy-on-pm02") is not None
    await crmsh.does("resource", "clear", "prmDummy")
    assert (await crmsh.cib()).section("constraints").by_id("cli-ban-prmDummy-on-pm02") is None


async def test_node_attributes_can_be_set_shown_and_deleted(crmsh: Crmsh) -> None:
    await crmsh.does("node", "attribute", "pm02", "set", "rack", "7")
    assert "value=7" in await crmsh.does("node", "attribute", "pm02", "show", "rack")
    await crmsh.does("node", "attribute", "pm02", "delete", "rack")
    assert not [pair for pair in (await crmsh.cib()).section("nodes").walk() if pair.get("name") == "rack"]


async def test_it_learns_the_agents_and_their_parameters(crmsh: Crmsh) -> None:
    assert "Dummy" in await crmsh.does("ra", "list", "ocf")
    assert "state" in await crmsh.does("ra", "info", "ocf:pacemaker:Dummy")
    assert (await crmsh.does("ra", "providers", "Dummy")).split() == ["heartbeat", "pacemaker"]


async def test_it_lists_operations_and_constraints(crmsh: Crmsh) -> None:
    assert re.search(r"prmDummy_\w+_\d+ \(node=pm0[12], call=\d+, rc=0", await crmsh.does("resource", "operations"))
    shown = await crmsh.does("resource", "constraints", "prmDummy")
    assert "Resources prmDummy is colocated with:\n  * grp (score=INFINITY, id=col1)" in shown


async def test_a_resource_gets_another_name_and_a_group_another_member(crmsh: Crmsh) -> None:
    await crmsh.does("configure", "primitive", "prmSpare", "ocf:pacemaker:Dummy", "meta", "target-role=Stopped")
    await crmsh.does("configure", "rename", "prmSpare", "prmOther")
    await crmsh.does("configure", "modgroup", "grp", "add", "prmOther")
    group = (await crmsh.cib()).section("resources").by_id("grp")
    assert group is not None
    assert [member.id for member in group.all("primitive")] == ["prmA", "prmB", "prmOther"]
    await crmsh.does("configure", "modgroup", "grp", "remove", "prmOther")
    await crmsh.does("-F", "configure", "delete", "prmOther")
    assert (await crmsh.cib()).section("resources").by_id("prmOther") is None
