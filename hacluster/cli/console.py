"""`hactl console`: brings up this node's console, in one process.

Reads HACLUSTER_STATE, HACLUSTER_RUN, HACLUSTER_REDIS_URL and HACLUSTER_ADMIN_PASSWORD; makes the database and the first
administrator, then serves until it is told to end. With Redis it starts a Celery worker beside itself.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

STATE = "/var/lib/hacluster"
PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hacluster.settings")
    os.environ["HACLUSTER_CONSOLE_PORT"] = str(options.port)
    if options.state:
        os.environ["HACLUSTER_STATE"] = options.state
    if options.run:
        os.environ["HACLUSTER_RUN"] = options.run
    if options.ssl_certfile:
        os.environ["HACLUSTER_HTTPS"] = "1"
    folder = os.environ.get("HACLUSTER_CONSOLE_STATE") or Path(os.environ.get("HACLUSTER_STATE") or STATE) / "console"
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_database()
    worker = _start_worker()
    # The server raises the signal that ended it once more when it has closed; the worker still has to be ended then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return _serve(options)
    finally:
        if worker is not None:
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(10)
            except subprocess.TimeoutExpired:
                worker.kill()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hactl console", description="Serve this node's console.")
    parser.add_argument("--bind", default="0.0.0.0", metavar="ADDR", help="address to listen at (all of them)")
    parser.add_argument("--port", type=int, default=8000, help="TCP port (8000)")
    parser.add_argument("--state", metavar="DIR", help="folder the console may write to (/var/lib/hacluster)")
    parser.add_argument("--run", metavar="DIR", help="folder of the agent's socket (/run/hacluster)")
    parser.add_argument("--ssl-certfile", metavar="FILE", help="serve HTTPS with this certificate")
    parser.add_argument("--ssl-keyfile", metavar="FILE", help="and this key")
    return parser


def _make_database() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    call_command("first_admin")
    sys.stdout.flush()


def _start_worker() -> subprocess.Popen[bytes] | None:
    if not os.environ.get("HACLUSTER_REDIS_URL"):
        return None
    command = [sys.executable, "-m", "celery", "-A", "hacluster.celery", "worker", "--pool", "threads"]
    options = ["--concurrency", "2", "--loglevel", "WARNING", "--without-gossip"]
    return subprocess.Popen([*command, *options], preexec_fn=_end_with_the_console)


def _end_with_the_console() -> None:
    """A console that is killed leaves no worker behind: the kernel ends it (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _serve(options: argparse.Namespace) -> int:
    import uvicorn

    uvicorn.run(
        "hacluster.asgi:application",
        host=options.bind,
        port=options.port,
        log_level="warning",
        lifespan="on",
        ws_max_size=1 << 20,
        ws_ping_interval=20,
        timeout_graceful_shutdown=3,
        ssl_certfile=options.ssl_certfile,
        ssl_keyfile=options.ssl_keyfile,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
