"""Runs one operation of a resource agent: OCF, LSB or service, with the environment that agents rely on.

Reads an `AgentCall`; gives an `AgentResult` in OCF exit codes (reference/ocf-agents, 1 to 4). Site agents under
/usr/lib/ocf come first, those the project ships second. Environment variables and folders point an agent's callbacks
at the commands of this installation and at this agent's socket.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from nodeagent.shell.processes import Outcome, Processes

OCF_ROOT = Path("/usr/lib/ocf")
SHIPPED_AGENTS = Path(__file__).resolve().parents[1] / "ocf"
INIT_SCRIPTS = Path("/etc/init.d")
SITE_HELPERS = (Path("/usr/libexec/heartbeat"), Path("/usr/lib/heartbeat"))
FEATURE_SET = "3.16.1"
REASON_PREFIX = "ocf-exit-reason:"
DEFAULT_RUN_FOLDER = Path("/run/hacluster")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

COMMANDS = (
    "attrd_updater", "cibadmin", "crm", "crm_attribute", "crm_diff", "crm_error", "crm_failcount", "crm_master",
    "crm_mon", "crm_node", "crm_resource", "crm_simulate", "crm_standby", "crm_ticket", "crm_verify", "crmadmin",
    "ha_logger", "hactl", "iso8601", "meatclient", "pacemakerd", "stonith_admin",
)  # fmt: skip
"""What agents may call; each is a link in `<run>/sbin`, the first folder of their PATH."""


class ExitCode(IntEnum):
    """OCF exit codes."""

    OK = 0
    ERR_GENERIC = 1
    ERR_ARGS = 2
    ERR_UNIMPLEMENTED = 3
    ERR_PERM = 4
    ERR_INSTALLED = 5
    ERR_CONFIGURED = 6
    NOT_RUNNING = 7
    RUNNING_PROMOTED = 8
    FAILED_PROMOTED = 9


@dataclass(frozen=True, slots=True)
class AgentCall:
    """One operation of one resource, ready to run."""

    standard: str
    provider: str
    type: str
    action: str
    resource: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Instance attributes; they become OCF_RESKEY_name."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """They become OCF_RESKEY_CRM_meta_name, with underscores."""
    timeout_ms: int = 20_000


@dataclass(frozen=True, slots=True)
class AgentResult:
    rc: int
    output: str = ""
    errors: str = ""
    reason: str = ""
    """The agent's own words (`ocf-exit-reason:`), or why it could not be run."""
    is_timed_out: bool = False
    is_missing: bool = False
    """There is no such agent here: it was not run."""


class ResourceAgents:
    """Finds and runs agents. `started` hears of every process, for the log."""

    def __init__(
        self, processes: Processes, run_folder: Path, *, cluster_type: str, node: str, node_id: str = ""
    ) -> None:
        self._processes = processes
        self._run_folder = run_folder
        self._cluster_type = cluster_type
        self._node, self._node_id = node, node_id
        self._folders = AgentFolders.below(run_folder)
        self._base = self._base_environment()

    def prepare(self) -> None:
        """Make the folders that agents expect; boot empties /run."""
        self._folders.make()

    async def run(self, call: AgentCall, started: Callable[[int], None] | None = None) -> AgentResult:
        match call.standard:
            case "ocf":
                return await self._run_ocf(call, started)
            case "lsb" | "service":
                return await self._run_lsb(call, started)
            case "systemd":
                return AgentResult(ExitCode.ERR_INSTALLED, reason=_why_no_systemd(), is_missing=True)
            case _:
                reason = f"there is no agent class “{call.standard}”"
                return AgentResult(ExitCode.ERR_INSTALLED, reason=reason, is_missing=True)

    async def _run_ocf(self, call: AgentCall, started: Callable[[int], None] | None) -> AgentResult:
        agent = find_ocf(call.provider, call.type)
        if agent is None:
            reason = f"agent ocf:{call.provider}:{call.type} is not installed"
            return AgentResult(ExitCode.ERR_INSTALLED, reason=reason, is_missing=True)
        environment = self.environment(call)
        return await self._run([str(agent), call.action], environment, call, started, _same_code)

    async def _run_lsb(self, call: AgentCall, started: Callable[[int], None] | None) -> AgentResult:
        script = INIT_SCRIPTS / call.type
        if not script.is_file():
            return AgentResult(ExitCode.ERR_INSTALLED, reason=f"there is no init script {script}", is_missing=True)
        if call.action == "meta-data":
            return AgentResult(ExitCode.OK, output=lsb_metadata(call.type, script.read_text(errors="replace")))
        if call.action not in ("start", "stop", "monitor", "status"):
            return AgentResult(ExitCode.ERR_UNIMPLEMENTED, reason=f"init scripts have no action {call.action}")
        is_status = call.action in ("monitor", "status")
        command = [str(script), "status" if is_status else call.action]
        environment = {"LC_ALL": "C", "PATH": self._base["PATH"]}
        meaning = ocf_code_of_lsb_status if is_status else ocf_code_of_lsb_action
        return await self._run(command, environment, call, started, meaning)

    async def _run(
        self,
        command: list[str],
        environment: Mapping[str, str],
        call: AgentCall,
        started: Callable[[int], None] | None,
        meaning: Callable[[int], int],
    ) -> AgentResult:
        try:
            outcome = await self._processes.run(command, environment, timeout_ms=call.timeout_ms, started=started)
        except OSError as error:
            return AgentResult(ExitCode.ERR_INSTALLED, reason=f"{command[0]} cannot be run: {error.strerror}")
        return _result(outcome, meaning)

    # The environment

    def environment(self, call: AgentCall) -> dict[str, str]:
        """Exactly what reference/ocf-agents 3 lists, and where our own socket is."""
        environment = dict(self._base)
        environment["OCF_RESOURCE_INSTANCE"] = call.resource
        environment["OCF_RESOURCE_TYPE"] = call.type
        environment["OCF_RESOURCE_PROVIDER"] = call.provider
        for name, value in call.parameters.items():
            key = name if name == "OCF_CHECK_LEVEL" else f"OCF_RESKEY_{name}"
            environment[key] = value
        for name, value in call.meta.items():
            plain = name.removeprefix("CRM_meta_").replace("-", "_")
            if plain == "OCF_CHECK_LEVEL":
                environment[plain] = value
            else:
                environment[f"OCF_RESKEY_CRM_meta_{plain}"] = value
        environment.setdefault("OCF_RESKEY_CRM_meta_timeout", str(call.timeout_ms))
        environment.setdefault("OCF_RESKEY_CRM_meta_on_node", self._node)
        environment.setdefault("OCF_RESKEY_CRM_meta_on_node_uuid", self._node_id)
        return {name: value.replace("\0", "") for name, value in environment.items() if "=" not in name}

    def _base_environment(self) -> dict[str, str]:
        folders = self._folders
        base = {
            "HA_cluster_type": self._cluster_type,
            "HA_debug": "0",
            "HA_mcp": "true",
            "HA_quorum_type": self._cluster_type,
            "HA_SBIN_DIR": str(folders.commands),
            "HA_BIN": str(folders.helpers),
            "HA_RSCTMP": str(folders.temporary),
            "HACLUSTER_RUN": str(self._run_folder),
            "LC_ALL": "C",
            "OCF_EXIT_REASON_PREFIX": REASON_PREFIX,
            "OCF_OUTPUT_FORMAT": "text",
            "OCF_RA_VERSION_MAJOR": "1",
            "OCF_RA_VERSION_MINOR": "1",
            "OCF_RESKEY_crm_feature_set": FEATURE_SET,
            "OCF_ROOT": str(OCF_ROOT),
            "PATH": f"{folders.commands}:{SYSTEM_PATH}",
        }
        if folders.state is not None:
            base["HA_VARRUN"] = str(folders.state)
        return base


@dataclass(frozen=True, slots=True)
class AgentFolders:
    """Where agents find commands and helpers, and keep their notes."""

    commands: Path
    helpers: Path
    temporary: Path
    state: Path | None
    """Set when several agents share a machine: /var/run would be one for all."""

    @classmethod
    def below(cls, run_folder: Path) -> AgentFolders:
        is_default = run_folder == DEFAULT_RUN_FOLDER
        return cls(
            commands=run_folder / "sbin",
            helpers=run_folder / "libexec",
            temporary=Path("/run/resource-agents") if is_default else run_folder / "resource-agents",
            state=None if is_default else run_folder / "state",
        )

    def make(self) -> None:
        for folder in (self.commands, self.helpers, self.temporary, self.state):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):
            self.temporary.chmod(0o1755)
        own = Path(sys.executable).parent
        _link_all(self.commands, (own / name for name in COMMANDS))
        helpers = {file.name: file for folder in SITE_HELPERS if folder.is_dir() for file in sorted(folder.iterdir())}
        shipped = SHIPPED_AGENTS / "libexec"
        if shipped.is_dir():
            helpers |= {file.name: file for file in sorted(shipped.iterdir())}
        _link_all(self.helpers, helpers.values())


def _link_all(folder: Path, targets: Iterable[Path]) -> None:
    for target in targets:
        link = folder / target.name
        if not target.exists() or (link.is_symlink() and link.readlink() == target):
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def find_ocf(provider: str, agent_type: str) -> Path | None:
    """The agent's file; a name with a slash or a leading dot is nobody's."""
    if any(not part or "/" in part or part.startswith(".") for part in (provider, agent_type)):
        return None
    for agent in (OCF_ROOT / "resource.d" / provider / agent_type, SHIPPED_AGENTS / provider / agent_type):
        if agent.is_file() and os.access(agent, os.X_OK):
            return agent
    return None


def installed_agents() -> list[tuple[str, str, str]]:
    """(class, provider or "", type) of every agent here."""
    found = {
        ("ocf", folder.name, agent.name)
        for root in (OCF_ROOT / "resource.d", SHIPPED_AGENTS)
        if root.is_dir()
        for folder in root.iterdir()
        if folder.is_dir() and folder.name != "libexec" and not folder.name.startswith(".")
        for agent in folder.iterdir()
        if not agent.name.startswith(".") and agent.is_file() and os.access(agent, os.X_OK)
    }
    if INIT_SCRIPTS.is_dir():
        found |= {("lsb", "", script.name) for script in INIT_SCRIPTS.iterdir() if os.access(script, os.X_OK)}
    return sorted(found)


def _result(outcome: Outcome, meaning: Callable[[int], int]) -> AgentResult:
    if outcome.is_timed_out:
        return AgentResult(ExitCode.ERR_GENERIC, outcome.output, outcome.errors, "Timed Out", is_timed_out=True)
    if outcome.rc < 0:
        reason = f"the agent was killed by signal {-outcome.rc}"
        return AgentResult(ExitCode.ERR_GENERIC, outcome.output, outcome.errors, reason)
    return AgentResult(meaning(outcome.rc), outcome.output, outcome.errors, exit_reason(outcome.errors))


def exit_reason(errors: str) -> str:
    """The last line that starts with the prefix is what the operator reads."""
    reasons = [line for line in errors.splitlines() if line.startswith(REASON_PREFIX)]
    return reasons[-1].removeprefix(REASON_PREFIX).strip() if reasons else ""


def _same_code(rc: int) -> int:
    return rc


def ocf_code_of_lsb_status(rc: int) -> int:
    match rc:
        case 0:
            return ExitCode.OK
        case 1 | 2 | 3:
            return ExitCode.NOT_RUNNING
        case 150:
            return ExitCode.ERR_INSTALLED
        case 151 | 152:
            return ExitCode.ERR_PERM
        case _:
            return ExitCode.ERR_GENERIC


def ocf_code_of_lsb_action(rc: int) -> int:
    return rc if 0 <= rc <= ExitCode.NOT_RUNNING else ExitCode.ERR_GENERIC


def _why_no_systemd() -> str:
    if Path("/run/systemd/system").is_dir():
        return "systemd units are not managed yet: use the service's OCF agent or its init script"
    return "systemd is not the first process of this machine: use the service's OCF agent or its init script"


def lsb_metadata(name: str, script: str) -> str:
    """Meta-data from the LSB header of an init script."""
    words = {
        key.strip().lower(): value.strip()
        for key, _, value in (line[1:].partition(":") for line in script.splitlines() if line.startswith("# "))
    }
    short = _xml_text(words.get("short-description", name))
    actions = "".join(f'<action name="{action}" timeout="20s"/>' for action in ("start", "stop", "status", "monitor"))
    return (
        f'<?xml version="1.0"?>\n<resource-agent name="{_xml_text(name)}" version="0.1">\n<version>1.0</version>\n'
        f'<longdesc lang="en">{short}</longdesc>\n<shortdesc lang="en">{short}</shortdesc>\n'
        f"<parameters/>\n<actions>{actions}</actions>\n</resource-agent>\n"
    )


def _xml_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
