"""A client of the service: commits a row over the service address as often as it can, and notes when it could.

Reads PostgreSQL's wire protocol, version 3, without a password. A row counts as committed when the server said so;
every one of them must be there at the end. The longest silence between two commits is how long the service was down.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Self

from tests.lab.place import SERVICE_ADDRESS

PORT = 5432
PATIENCE_S = 0.3
"""How long an answer may take before the connection counts as broken."""
PAUSE_S = 0.01


class Refused(Exception):
    """The server answered with an error."""


class Connection:
    def __init__(self, timeout_s: float = PATIENCE_S) -> None:
        self._socket = socket.create_connection((SERVICE_ADDRESS, PORT), timeout=timeout_s)
        # Logging in takes longer than a query right after a start.
        self._socket.settimeout(max(timeout_s, 1.0))
        words = b"user\0postgres\0database\0template1\0\0"
        self._socket.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        self._file = self._socket.makefile("rb")
        self._answer()
        self._socket.settimeout(timeout_s)

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, text: str) -> list[str]:
        """The first column of every row."""
        query = text.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
        return self._answer()

    def _answer(self) -> list[str]:
        rows, error = [], ""
        while True:
            head = self._file.read(5)
            if len(head) < 5:
                raise ConnectionError("the server ended the connection")
            kind, length = head[:1], struct.unpack("!i", head[1:])[0]
            body = self._file.read(length - 4)
            match kind:
                case b"D":
                    size = struct.unpack("!i", body[2:6])[0]
                    rows.append(body[6 : 6 + max(size, 0)].decode())
                case b"E":
                    error = body.replace(b"\0", b" ").decode(errors="replace")
                    if b"FATAL" in body:
                        raise Refused(error)
                case b"Z":
                    if error:
                        raise Refused(error)
                    return rows


@dataclass
class Writer:
    """`with Writer() as writer` commits rows until the block ends."""

    committed: set[int] = field(default_factory=set)
    times_s: list[float] = field(default_factory=list)
    """When each commit was confirmed, by time.time()."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _more: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def wait_for_commit(self, timeout_s: float, after_s: float | None = None) -> float:
        """The time of the first commit after this moment (now)."""
        after_s = time.time() if after_s is None else after_s
        with self._more:
            if not self._more.wait_for(lambda: bool(self.times_s) and self.times_s[-1] > after_s, timeout_s):
                raise TimeoutError(f"no row could be committed within {timeout_s} s")
        return next(each for each in self.times_s if each > after_s)

    def down_s(self, since_s: float) -> float:
        """The longest silence from a moment until the last commit."""
        times = [since_s, *(each for each in self.times_s if each > since_s)]
        return max((later - sooner for sooner, later in pairwise(times)), default=0.0)

    def lost_rows(self) -> int:
        """Rows that were confirmed and are not there."""
        # What is confirmed while the server answers need not be in its answer.
        confirmed = set(self.committed)
        connection = Connection(5.0)
        there = {int(row) for row in connection.ask("select row from kept")}
        connection.close()
        return len(confirmed - there)

    def _run(self) -> None:
        row, connection = time.time_ns() // 1000, None
        while not self._ended.is_set():
            try:
                connection = connection or self._connect()
                row += 1
                connection.ask(f"insert into kept values ({row}); select 1")
                self.committed.add(row)
                with self._more:
                    self.times_s.append(time.time())
                    self._more.notify_all()
            except (OSError, Refused):
                if connection is not None:
                    with contextlib.suppress(OSError):
                        connection.close()
                connection = None
            self._ended.wait(PAUSE_S)

    @staticmethod
    def _connect() -> Connection:
        connection = Connection()
        connection.ask("create table if not exists kept (row bigint)")
        return connection
