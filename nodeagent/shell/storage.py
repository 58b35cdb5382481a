"""The disk of one node: the configuration with its last versions, the election term, what a restart needs.

Reads and writes below `<state>`: `cib/cib.xml` (with a checksum in its last line), `cib/versions/`, `node.0` and
`node.1` (term and incarnation, written in turn). A file is written whole beside the old one, synced, renamed, and its
folder synced: after a power cut either the old or the new one is there. A damaged file gives the one before it, and
an event.
All of this blocks; the runtime calls it in a worker thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem
from hacluster.cib.version import CibVersion
from hacluster.protocol.events import CIB_DAMAGED, EventKind
from hacluster.protocol.messages import KeptVersion

VERSIONS_KEPT = 100
TRAILER_BYTES_MAX = 64 * 1024
_TRAILER = re.compile(rb"\n<!-- (\{[^\n]*\}) sha256:([0-9a-f]{64}) -->\n\Z")
_VERSION_FILE = re.compile(r"cib-(\d+)\.(\d+)\.xml")


class CibAuthor(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside a stored configuration."""

    ancestors: tuple[str, ...] = ()
    client: str = ""
    user: str = ""
    origin: str = ""
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class StoredCib:
    cib: Cib
    author: CibAuthor


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """What must never be forgotten, or a node could vote twice or be taken for an earlier life of itself."""

    count: int = 0
    """Grows with each write: the newer of the two files is the one with the higher count."""
    incarnation: int = 0
    term: int = 0
    voted_for: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something the operator must hear of once the agent runs."""

    kind: EventKind
    fields: dict[str, str]


class Storage:
    """The files below one state folder. Not for two threads at once."""

    def __init__(self, state_folder: Path) -> None:
        self.folder = state_folder
        self._cib_folder = state_folder / "cib"
        self._versions = self._cib_folder / "versions"
        self._file = self._cib_folder / "cib.xml"
        self._state = NodeState()
        self.alerts: list[Alert] = []

    def prepare(self) -> None:
        for folder in (self.folder, self._cib_folder, self._versions):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        for left in [*self._cib_folder.glob("*.new"), *self.folder.glob("*.new")]:
            left.unlink()

    # Term and incarnation

    def begin_life(self) -> NodeState:
        """Start a new incarnation: higher than any before, even when the disk was emptied."""
        known = self._load_state()
        incarnation = max(known.incarnation + 1, time.time_ns() // 1_000_000_000)
        self._write_state(replace_state(known, incarnation=incarnation))
        return self._state

    def write_term(self, term: int, voted_for: str) -> None:
        self._write_state(replace_state(self._state, term=term, voted_for=voted_for))

    def _load_state(self) -> NodeState:
        states = [state for slot in (0, 1) if (state := self._read_slot(slot))]
        return max(states, key=lambda state: state.count, default=NodeState())

    def _read_slot(self, slot: int) -> NodeState | None:
        file = self.folder / f"node.{slot}"
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return None
        body, digest = data[:-32], data[-32:]
        if hashlib.sha256(body).digest() != digest:
            self.alerts.append(Alert(CIB_DAMAGED, {"file": str(file), "version": "the one before"}))
            return None
        return msgspec.msgpack.decode(body, type=NodeState)

    def _write_state(self, state: NodeState) -> None:
        state = replace_state(state, count=state.count + 1)
        body = msgspec.msgpack.encode(state)
        write_durably(self.folder / f"node.{state.count % 2}", body + hashlib.sha256(body).digest(), mode=0o600)
        self._state = state

    # The configuration

    def load_cib(self) -> StoredCib | None:
        """The newest configuration that is whole; None when there never was one."""
        if self._file.exists():
            stored = read_stored_cib(self._file)
            if stored is not None:
                return stored
            return self._fall_back()
        return None

    def _fall_back(self) -> StoredCib | None:
        damaged = self._file.with_name(f"cib.xml.damaged-{time.time_ns() // 1_000_000}")
        self._file.rename(damaged)
        for file in reversed(self.version_files()):
            stored = read_stored_cib(file)
            if stored is not None:
                self.alerts.append(Alert(CIB_DAMAGED, {"file": str(damaged), "version": str(stored.cib.version)}))
                return stored
        self.alerts.append(Alert(CIB_DAMAGED, {"file": str(damaged), "version": "none"}))
        return None

    def write_cib(self, cib: Cib, author: CibAuthor) -> None:
        """The configuration becomes cib.xml and, under its version, one of the last hundred.

        Durable when this returns is cib.xml. The other name of the same file reaches the disk with it on a file system
        with a journal, and else with a later write: waiting for that folder too would make each change a third slower.
        """
        new = self._file.with_suffix(".new")
        write_and_sync(new, _with_trailer(cib, author), mode=0o640)
        kept = self._versions / _version_name(cib.version)
        kept.unlink(missing_ok=True)
        kept.hardlink_to(new)
        new.rename(self._file)
        sync_folder(self._cib_folder)
        for old in self.version_files()[:-VERSIONS_KEPT]:
            old.unlink(missing_ok=True)

    def version_files(self) -> list[Path]:
        """The kept versions, oldest first."""
        found = [(match, file) for file in self._versions.iterdir() if (match := _VERSION_FILE.fullmatch(file.name))]
        return [file for _, file in sorted(found, key=lambda pair: (int(pair[0][1]), int(pair[0][2])))]

    def kept_versions(self) -> list[KeptVersion]:
        """Who made each kept version and when, from the last line of its file; oldest first."""
        return [kept for file in self.version_files() if (kept := _kept_version(file)) is not None]

    def kept_cib(self, version: CibVersion) -> Cib | None:
        stored = read_stored_cib(self._versions / _version_name(version))
        return stored.cib if stored is not None else None

    def keep_divergent(self, name: str, cib: Cib) -> None:
        assert "/" not in name, name
        write_durably(self._cib_folder / name, to_xml(_configuration_only(cib)).encode(), mode=0o640)


def replace_state(state: NodeState, **changes: int | str) -> NodeState:
    return msgspec.structs.replace(state, **changes)


def _version_name(version: CibVersion) -> str:
    return f"cib-{version.admin_epoch}.{version.epoch}.xml"


def _kept_version(file: Path) -> KeptVersion | None:
    named = _VERSION_FILE.fullmatch(file.name)
    try:
        with file.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - TRAILER_BYTES_MAX))
            trailer = _TRAILER.search(stream.read())
    except OSError:
        return None
    if named is None or trailer is None:
        return None
    author = msgspec.json.decode(trailer[1], type=CibAuthor)
    return KeptVersion(
        version=CibVersion(int(named[1]), int(named[2])),
        at_ms=author.at_ms,
        user=author.user,
        client=author.client,
        origin=author.origin,
    )


def _configuration_only(cib: Cib) -> Cib:
    """The status section is the present: it never reaches the disk."""
    return cib.with_status(Element("status"))


def _with_trailer(cib: Cib, author: CibAuthor) -> bytes:
    body = to_xml(_configuration_only(cib)).rstrip("\n").encode()
    author = msgspec.structs.replace(author, at_ms=author.at_ms or time.time_ns() // 1_000_000)
    # Two hyphens would end the XML comment; JSON knows another way to write one.
    words = json.dumps(msgspec.to_builtins(author)).replace("-", "\\u002d").encode()
    digest = hashlib.sha256(body + words).hexdigest().encode()
    return body + b"\n<!-- " + words + b" sha256:" + digest + b" -->\n"


def read_stored_cib(file: Path) -> StoredCib | None:
    """None when the file is missing, incomplete or changed by anyone but the agent."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    trailer = _TRAILER.search(data)
    if trailer is None:
        return None
    body, words = data[: trailer.start()], trailer[1]
    if hashlib.sha256(body + words).hexdigest().encode() != trailer[2]:
        return None
    cib = parse_cib(body, file.name)
    return None if isinstance(cib, Problem) else StoredCib(cib, msgspec.json.decode(words, type=CibAuthor))


# ---------------------------------------------------------------- files that survive a power cut


def write_durably(file: Path, data: bytes, *, mode: int) -> None:
    """Replace a file whole; OSError leaves the old one as it was."""
    new = file.with_name(f"{file.name}.new")
    write_and_sync(new, data, mode=mode)
    new.rename(file)
    sync_folder(file.parent)


def write_and_sync(file: Path, data: bytes, *, mode: int) -> None:
    try:
        with _created(file, mode) as descriptor:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            file.unlink()
        raise


@contextlib.contextmanager
def _created(file: Path, mode: int) -> Iterator[int]:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
