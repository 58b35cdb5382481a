"""`python -m tests.lab.demo`: the seed's cluster, its sheet imported through the console, until Ctrl-C.

As root: two hosts in namespaces with a real PostgreSQL. Without root: the same pair as two processes on loopback
addresses, with agents that need no privilege. Either way Ctrl-C leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Iterator

from tests.lab import cluster, loopback_pair
from tests.lab.browserless import Operator
from tests.lab.laboratory import LabBusy
from tests.lab.pair import bare_pair, load, wait_for_first_service
from tests.lab.place import CLIENT_ADDRESS, SERVICE, SERVICE_ADDRESS

FIRST_FORWARDED_PORT = 8001


def main() -> int:
    # A shell starts what it puts into the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if os.geteuid() == 0:
            _as_root()
        else:
            _without_root()
    except KeyboardInterrupt:
        pass
    except LabBusy as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print("\nThe demo is over; nothing is left behind.", flush=True)
    return 0


def _as_root() -> None:
    print("Making pm01 and pm02 …", flush=True)
    with bare_pair(consoles=True) as lab:
        urls = {host.name: cluster.wait_for_console(host) for host in lab.hosts}
        print("Importing the sheet through pm01's console …", flush=True)
        load(lab)
        serving = wait_for_first_service(lab["pm01"])
        with contextlib.ExitStack() as stack:
            for number, host in enumerate(lab.hosts):
                port = FIRST_FORWARDED_PORT + number
                here = stack.enter_context(forwarded(port, (host.address(SERVICE), cluster.CONSOLE_PORT)))
                print(f"  console of {host.name}: {urls[host.name]}" + (f"  or  {here}" if here else ""))
            print(f"  login: admin, password: {cluster.PASSWORD}")
            print(
                f"  service: on {serving}; psql -h {SERVICE_ADDRESS} -U postgres template1   (here: {CLIENT_ADDRESS})"
            )
            print("  break it: .venv/bin/python -m tests.lab crash pm01 | cut svc pm01 | cut hb1")
            print("  look: .venv/bin/python -m tests.lab exec pm01 -- crm_mon -1A")
            print("Ctrl-C ends it.", flush=True)
            signal.pause()


def _without_root() -> None:
    print("Without root: pm01 and pm02 as two processes on loopback addresses …", flush=True)
    with loopback_pair.running() as pair:
        for url in pair.urls:
            print(f"  console: {url}")
        print(f"  login: admin, password: {cluster.PASSWORD}")
        Operator(pair.urls[0], "admin", cluster.PASSWORD).apply_sheet(
            loopback_pair.SHEET, reason="the demo loads the sheet"
        )
        print(f"  look: HACLUSTER_RUN={pair.folder}/pm01/run .venv/bin/crm_mon -1A")
        print(f"  read: {pair.folder}/pm01/state/hacluster.log")
        print("  the sheet is applied. Ctrl-C ends it.", flush=True)
        signal.pause()


@contextlib.contextmanager
def forwarded(port: int, target: tuple[str, int]) -> Iterator[str]:
    """A port of this machine's loopback that leads to a console; an empty address when the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        yield ""
        return
    listener.listen(16)
    threading.Thread(target=_accept, args=(listener, target), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        listener.close()


def _accept(listener: socket.socket, target: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):
        while True:
            one, _ = listener.accept()
            threading.Thread(target=_carry, args=(one, target), daemon=True).start()


def _carry(one: socket.socket, target: tuple[str, int]) -> None:
    with one, contextlib.suppress(OSError), socket.create_connection(target, timeout=5) as other:
        other.settimeout(None)
        ends = {one: other, other: one}
        with selectors.DefaultSelector() as watched:
            for end in ends:
                watched.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in watched.select():
                    end = next(each for each in ends if each is key.fileobj)
                    piece = end.recv(65536)
                    if not piece:
                        return
                    ends[end].sendall(piece)


if __name__ == "__main__":
    sys.exit(main())
