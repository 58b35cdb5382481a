"""`nodeagent`: the daemon of one node.

Reads its options, `ha.cf` and `authkeys`; gives exit code 0 after an orderly stop, 1 for a wrong configuration, 70
after an error of its own and 100 when it must not be started again by itself. SIGTERM moves the resources away and
leaves; a second one ends at once. SIGHUP reads the keys of `authkeys` again. SIGUSR1 begins anew in the same process,
with the code that is installed by then, and leaves the resources running.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hacluster.cib.problems import Problem, language_of
from nodeagent import config
from nodeagent.settings import Engine, Settings
from nodeagent.shell.engines.corosync import NOT_BUILT

if TYPE_CHECKING:
    from nodeagent.shell.log import Log
    from nodeagent.shell.runtime import Runtime

DEFAULT_ETC = Path("/etc/hacluster")
DEFAULT_STATE = Path("/var/lib/hacluster")
DEFAULT_RUN = Path("/run/hacluster")
DEFAULT_LOG = Path("/var/log/hacluster.log")
EXIT_CONFIGURATION = 1
EXIT_ALREADY_RUNNING = 2
EXIT_NOT_RUNNING = 7
EXIT_NOT_BACK = 70
EXIT_AGAIN = 75
"""Never seen outside: the process begins anew instead."""
RESTART_S = 120.0
HEART = "HACLUSTER_HEART"
"""In the environment of an agent that begins anew: the descriptor by which it takes over its beating process."""
UMASK = 0o026
"""What resource agents expect to run with."""


def main(arguments: Sequence[str] | None = None) -> None:
    heart = _inherited_heart()
    options = _options(arguments)
    if options.stop:
        sys.exit(_stop(options.run / "agent.pid", is_now=options.now))
    settings, problems = config.read_settings(options.etc, options.node)
    if settings is not None and settings.engine is Engine.COROSYNC:
        settings, problems = None, [*problems, NOT_BUILT.at("ha.cf")]
    _print(problems)
    if settings is None:
        sys.exit(EXIT_CONFIGURATION)
    if options.check:
        print(f"{options.etc}: the configuration of node {settings.node} is correct")
        sys.exit(0)
    if options.restart:
        sys.exit(_restart(options.run))
    _prepare_process(options.run, heart)
    lock = _lock(options.run / "agent.pid")
    if lock is None:
        print(f"an agent is already running with {options.run}", file=sys.stderr)
        sys.exit(EXIT_ALREADY_RUNNING)
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    exit_code, heart = asyncio.run(_run(settings, options, heart))
    if exit_code == EXIT_AGAIN:
        _begin_again(options, heart)
    sys.exit(exit_code)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nodeagent", description="The hacluster daemon of one node.")
    parser.add_argument("--etc", type=_absolute, default=DEFAULT_ETC, help="folder of ha.cf and authkeys")
    parser.add_argument("--state", type=_absolute, default=DEFAULT_STATE, help="folder of the CIB and the journal")
    parser.add_argument("--run", type=_absolute, default=DEFAULT_RUN, help="folder of the socket and the pid file")
    parser.add_argument("--log", type=Path, help="the operator's log (default: logfile of ha.cf)")
    parser.add_argument("--node", default=os.uname().nodename, help="this node's name (default: uname -n)")
    parser.add_argument("--foreground", action="store_true", help="write the log to standard error too")
    parser.add_argument("--check", action="store_true", help="check the configuration and end")
    parser.add_argument("--stop", action="store_true", help="stop the agent that runs with this --run folder, and wait")
    parser.add_argument("--now", action="store_true", help="with --stop: leave the resources, do not wait for them")
    parser.add_argument("--restart", action="store_true", help="begin anew with the installed code; resources run on")
    return parser.parse_args(arguments)


def _print(problems: Sequence[Problem]) -> None:
    language = language_of(os.environ)
    for problem in problems:
        mark = "" if problem.severity == "error" else "warning: "
        print(f"{mark}{problem.line(language)}", file=sys.stderr)


def _absolute(text: str) -> Path:
    """The folder names a lock that all processes of the machine see, so it must not depend on where one stands."""
    return Path(text).absolute()


def _inherited_heart() -> int:
    """-1 when there is none. Nobody else shall see it in the environment."""
    word = os.environ.pop(HEART, "")
    try:
        is_socket = stat.S_ISSOCK(os.fstat(int(word)).st_mode)
    except (OSError, ValueError):
        return -1
    return int(word) if is_socket and int(word) > 2 else -1


def _prepare_process(run: Path, heart: int) -> None:
    """Nothing that the caller left open or ignored reaches the resource agents."""
    os.umask(UMASK)
    end = min(os.sysconf("SC_OPEN_MAX"), 65536)
    os.closerange(3, heart if heart > 0 else end)
    os.closerange(max(3, heart + 1), end)
    if heart > 0:
        os.set_inheritable(heart, False)
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    os.chdir("/")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _lock(file: Path) -> int | None:
    """The pid file, locked as long as the process lives; None when another agent holds it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _stop(file: Path, *, is_now: bool) -> int:
    """Ask the running agent to stop and wait for its end; EXIT_NOT_RUNNING when there is none."""
    agent = _running_agent(file)
    if agent is None:
        print(f"no agent runs with {file.parent}", file=sys.stderr)
        return EXIT_NOT_RUNNING
    signal.pidfd_send_signal(agent, signal.SIGTERM)
    if is_now:
        select.select([agent], [], [], 0.2)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(agent, signal.SIGTERM)
    select.select([agent], [], [])
    return 0


def _restart(run: Path) -> int:
    """Ask the running agent to begin anew, and wait until it answers in its next life."""
    agent, before = _running_agent(run / "agent.pid"), _life(run)
    if agent is None or before is None:
        print(f"no agent runs with {run}", file=sys.stderr)
        return EXIT_NOT_RUNNING
    signal.pidfd_send_signal(agent, signal.SIGUSR1)
    deadline_s = time.monotonic() + RESTART_S
    while _life(run) in (None, before):
        if select.select([agent], [], [], 0.05)[0] or time.monotonic() > deadline_s:
            print("the agent did not come back: see its log", file=sys.stderr)
            return EXIT_NOT_BACK
    return 0


def _life(run: Path) -> int | None:
    """When the agent that answers there was started."""
    from hacluster.protocol.client import AgentUnreachable, Client
    from hacluster.protocol.messages import AgentInfo, AgentInfoQuery

    try:
        with Client(run / "agent.sock") as client:
            answer = client.request(AgentInfoQuery(), 20)
    except AgentUnreachable:
        return None
    return answer.started_at_ms if isinstance(answer, AgentInfo) else None


def _begin_again(options: argparse.Namespace, heart: int) -> NoReturn:
    """With the same process id, so whoever supervises the agent sees nothing of it; the heart beats on meanwhile."""
    words = ["--etc", options.etc, "--state", options.state, "--run", options.run, "--node", options.node]
    words += ["--log", options.log] if options.log else []
    words += ["--foreground"] if options.foreground else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    if heart >= 0:
        os.set_inheritable(heart, True)
        environment[HEART] = str(heart)
    command = [sys.executable, "-m", "nodeagent", *map(str, words)]
    os.execve(sys.executable, command, environment)


def _running_agent(file: Path) -> int | None:
    """A descriptor of its process: the pid in the file counts only while somebody holds the lock."""
    try:
        agent = os.pidfd_open(int(file.read_text()))
    except (OSError, ValueError):
        return None
    return agent if _lock(file) is None else None


async def _run(settings: Settings, options: argparse.Namespace, heart: int) -> tuple[int, int]:
    """The exit code, and the beating process when this agent begins anew."""
    # These imports cost more than a check of the configuration should.
    from nodeagent.shell.log import Log
    from nodeagent.shell.runtime import Runtime, die

    log_file = options.log or settings.log_file or (DEFAULT_LOG if options.state == DEFAULT_STATE else None)
    log = Log(
        settings.node,
        log_file or options.state / "hacluster.log",
        options.state / "agent.jsonl",
        to_stderr=options.foreground,
        syslog_facility=settings.log_facility,
    )
    try:
        runtime = Runtime(settings, options.state, options.run, log, heart)
        _listen_to_signals(runtime.stop, runtime.stop_now)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, runtime.begin_again, EXIT_AGAIN)
        await runtime.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, options, runtime, log)
        _notify("READY=1")
        exit_code = await runtime.ended
        _notify("STOPPING=1" if exit_code != EXIT_AGAIN else "RELOADING=1")
        heart = await runtime.close(keeps_heart=exit_code == EXIT_AGAIN)
    except Exception as error:
        die(log, error, "the agent cannot go on")
    log.close()
    return exit_code, heart


def _reload(options: argparse.Namespace, runtime: Runtime, log: Log) -> None:
    """Only the keys can change while the agent runs; a file with a mistake changes nothing."""
    settings, problems = config.read_settings(options.etc, options.node)
    for problem in problems:
        log.line("nodeagent", problem.severity.value, problem.line())
    if settings is not None:
        runtime.rekey(settings)


def _listen_to_signals(stop: Callable[[], None], stop_now: Callable[[], None]) -> None:
    """The first TERM or INT asks for an orderly stop, the second does not wait for it."""
    loop = asyncio.get_running_loop()

    def asked() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop_now)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)


def _notify(state: str) -> None:
    """Tell systemd, where it started the agent."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
            notifier.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            notifier.sendall(state.encode())


if __name__ == "__main__":
    main()
