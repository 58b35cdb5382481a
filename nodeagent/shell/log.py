"""The agent's log: operator's lines in pm_logconv's form, and everything as JSON lines for machines.

Reads events of the catalogue and technical remarks; gives lines in `<log>`, `<state>/agent.jsonl` and, where ha.cf
names a facility, in syslog. A thread writes them, so that a full or dead disk never holds the agent; what it cannot
keep up with is counted and dropped. A log that was moved away (logrotate) is opened anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import syslog
import threading
import time
from pathlib import Path

from hacluster.protocol.events import log_line, priority, sentence
from hacluster.protocol.messages import EventRecord

WAITING_MAX = 10_000
_SYSLOG_LEVELS = {"info": syslog.LOG_INFO, "warning": syslog.LOG_WARNING, "error": syslog.LOG_ERR}
JSON_BYTES_MAX = 32 * 1024 * 1024


class _LogFile:
    """One file, opened when first written to and whenever it was moved."""

    def __init__(self, path: Path, bytes_max: int = 0) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._file = -1
        self._is_torn = False
        """The last line lacks its end: a disk that was full took only a part of it."""

    def write(self, lines: list[str]) -> None:
        """Errors of the disk are for the storage to tell; the log goes on without these lines."""
        with contextlib.suppress(OSError):
            self._open_if_moved()
            self._write("".join(["\n" if self._is_torn else "", *lines]).encode(errors="replace"))

    def _write(self, data: bytes) -> None:
        left = data
        try:
            while left:
                left = left[os.write(self._file, left) :]
        finally:
            if len(left) < len(data):
                self._is_torn = data[: len(data) - len(left)][-1:] != b"\n"

    def _open_if_moved(self) -> None:
        if self._file >= 0:
            here = os.fstat(self._file)
            with contextlib.suppress(FileNotFoundError):
                there = self._path.stat()
                if there.st_ino == here.st_ino and not 0 < self._bytes_max < there.st_size:
                    return
                if 0 < self._bytes_max < there.st_size:
                    self._path.rename(self._path.with_name(f"{self._path.name}.1"))
            self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        size = os.fstat(self._file).st_size
        self._is_torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def close(self) -> None:
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1


class Log:
    """Takes lines at once, writes them a moment later."""

    def __init__(
        self,
        node: str,
        log_file: Path | None,
        json_file: Path | None,
        *,
        to_stderr: bool = False,
        syslog_facility: str = "",
    ) -> None:
        self._node = node
        self._log_file = _LogFile(log_file) if log_file else None
        self._json_file = _LogFile(json_file, JSON_BYTES_MAX) if json_file else None
        self._to_stderr = to_stderr
        self._facility = getattr(syslog, f"LOG_{syslog_facility.upper()}", None) if syslog_facility else None
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue(WAITING_MAX)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def event(self, record: EventRecord) -> None:
        """An event in the operator's language."""
        entry = {
            "at_ms": record.at_ms,
            "node": record.node,
            "seq": record.seq,
            "code": record.code,
            "priority": priority(record).value,
            "sentence": sentence(record),
            "fields": record.fields,
        }
        self._put(log_line(record), entry)

    def remark(self, text: str, **fields: str | int) -> None:
        """Something for whoever looks for a fault in the agent itself; not in the operator's log."""
        self._put("", {"at_ms": time.time_ns() // 1_000_000, "node": self._node, "remark": text, "fields": fields})

    def line(self, tag: str, level: str, text: str) -> None:
        """A line of an agent or a script (ha_logger)."""
        moment = time.localtime()
        head = f"{time.strftime('%b', moment)} {moment.tm_mday:2d} {time.strftime('%H:%M:%S', moment)} {self._node}"
        entry = {"at_ms": time.time_ns() // 1_000_000, "node": self._node, "tag": tag, "priority": level, "text": text}
        self._put(f"{head} {level:>7}: {tag}: {text}", entry)

    def _put(self, human: str, entry: dict[str, object]) -> None:
        try:
            self._waiting.put_nowait((human, json.dumps(entry, ensure_ascii=False)))
        except queue.Full:
            self._dropped += 1

    def _write(self) -> None:
        is_open = True
        while is_open:
            batch = [self._waiting.get()]
            while len(batch) < 1000 and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            is_open = None not in batch
            self._write_batch([pair for pair in batch if pair is not None])
        for file in (self._log_file, self._json_file):
            if file is not None:
                file.close()

    def _write_batch(self, pairs: list[tuple[str, str]]) -> None:
        human = [f"{line}\n" for line, _ in pairs if line]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            human.append(f"({dropped} lines could not be written in time)\n")
        if self._log_file is not None and human:
            self._log_file.write(human)
        if self._json_file is not None:
            self._json_file.write([f"{entry}\n" for _, entry in pairs])
        if self._facility is not None:
            self._write_syslog([line for line, _ in pairs if line])
        if self._to_stderr and human:
            with contextlib.suppress(OSError):
                sys.stderr.writelines(human)
                sys.stderr.flush()

    def _write_syslog(self, lines: list[str]) -> None:
        """Without its moment and host, which syslog writes itself."""
        syslog.openlog("hacluster", 0, self._facility or 0)
        for line in lines:
            level, _, text = line.split(f" {self._node} ", 1)[-1].strip().partition(": ")
            syslog.syslog(_SYSLOG_LEVELS.get(level.strip(), syslog.LOG_INFO), text)

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, within the time."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(timeout_s)
