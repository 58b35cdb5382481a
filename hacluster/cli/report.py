"""`hactl report [-o FILE.tar.gz]`: what one needs to find out what happened, in one archive, without secrets.

Reads ha.cf, the agent's log, the kept configurations, and asks the agent for events and state; writes one tar.gz.
authkeys is never read. Values of parameters that look like secrets are masked, in every file in which they occur.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cli.cluster import LiveCluster, run
from hacluster.cli.doctor import Place
from hacluster.cli.exits import CommandFailed, Exit

LOG_BYTES_MAX = 32 * 1024 * 1024
EVENTS_MAX = 10_000
MASK = b"******"
SECRET_NAME = re.compile(r"passw|secret|passphrase|token|community|(^|_)key$", re.IGNORECASE)
_SECRET_PAIR = re.compile(rb"(?i)((?:passw\w*|secret|passphrase|token|community)\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|\S+)")
_PAIR = re.compile(rb"<nvpair\b[^>]*>")
_PAIR_NAME = re.compile(rb"\bname=[\"']([^\"']*)[\"']")
_PAIR_VALUE = re.compile(rb"(\bvalue=)(\"[^\"]*\"|'[^']*')")
SHORTEST_SECRET = 4
"""A shorter one would be found in every word; it is masked where it stands as a value, and nowhere else."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("hactl report", description="Logs, configurations and events in one archive.")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.tar.gz")
    parser.add_argument("--etc", type=Path, default=Path("/etc/hacluster"))
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("HACLUSTER_STATE") or "/var/lib/hacluster"))
    arguments = parser.parse_args(argv)
    name = f"hacluster-report-{os.uname().nodename}-{time.strftime('%Y%m%d-%H%M%S')}"
    output = arguments.output or Path(f"{name}.tar.gz")
    return run("hactl report", lambda: _write(output, name, Place(arguments.etc, arguments.state)))


def _write(output: Path, folder: str, place: Place) -> int:
    files = dict(contents(place))
    masked = without_secrets(files)
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, content in masked.items():
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
                archive.addfile(entry, io.BytesIO(content))
    except OSError as error:
        raise CommandFailed(Exit.CANTCREAT, f"{output}: {error.strerror}") from error
    print(f"{output}: {len(masked)} files")
    return Exit.OK


def contents(place: Place) -> Iterator[tuple[str, bytes]]:
    """Name in the archive and content, secrets and all."""
    yield "system.txt", "\n".join(os.uname()).encode()
    for name, file in _files(place):
        data = _tail(file)
        if data is not None:
            yield name, data
    yield "doctor.txt", _said(lambda: _doctor(place))
    yield "crm_mon.txt", _said(_monitor)
    yield "events.log", _said(_events)


def _files(place: Place) -> Iterator[tuple[str, Path]]:
    """What is copied. authkeys is not among it, whatever lies in these folders."""
    yield "ha.cf", place.etc / "ha.cf"
    log = Path(place.first("logfile", "/var/log/hacluster.log"))
    yield "hacluster.log", log
    yield "hacluster.log.1", log.with_name(f"{log.name}.1")
    yield "cib/cib.xml", place.state / "cib" / "cib.xml"
    for file in sorted((place.state / "cib").glob("cib*-*.xml*")):
        yield f"cib/{file.name}", file
    for file in sorted((place.state / "cib" / "versions").glob("cib-*.xml")):
        yield f"cib/versions/{file.name}", file


def _tail(file: Path) -> bytes | None:
    """The end of a file: what happened last matters most."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - LOG_BYTES_MAX))
            return stream.read()
    except OSError:
        return None


def _said(command: Callable[[], object]) -> bytes:
    """What a command prints; a silent agent is no reason to do without the rest."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        run("hactl report", lambda: int(bool(command())))
    return out.getvalue().encode()


def _doctor(place: Place) -> int:
    from hacluster.cli.doctor import findings, tell

    return tell(list(findings(place)), "en")


def _monitor() -> int:
    from hacluster.cli import crm_mon

    return crm_mon.main(["-1", "-A", "-f", "-r", "-o", "-t"])


def _events() -> int:
    from hacluster.protocol.events import log_line
    from hacluster.protocol.messages import Events, EventsQuery

    for event in LiveCluster().ask(EventsQuery(limit=EVENTS_MAX), Events).events:
        print(log_line(event, "en"))
    return Exit.OK


# ---------------------------------------------------------------- secrets


def without_secrets(files: dict[str, bytes]) -> dict[str, bytes]:
    """Values that are secrets in any configuration are masked in all files: they may stand in a log too."""
    values = {value for name, content in files.items() if name.endswith(".xml") for value in _secrets(content)}
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return {name: _masked(content, longest_first) for name, content in files.items()}


def _secrets(document: bytes) -> Iterator[bytes]:
    parsed = parse_cib(document)
    if not isinstance(parsed, Cib):
        return
    for element in parsed.root.walk():
        value = element.get("value")
        if element.tag == "nvpair" and SECRET_NAME.search(element.get("name")) and len(value) >= SHORTEST_SECRET:
            yield value.encode()
            yield _escaped(value)


def _escaped(value: str) -> bytes:
    """As it stands in XML."""
    from xml.sax.saxutils import escape

    return escape(value, {'"': "&quot;"}).encode()


def _masked(content: bytes, secrets: list[bytes]) -> bytes:
    for secret in secrets:
        content = content.replace(secret, MASK)
    return _SECRET_PAIR.sub(rb"\1" + MASK, _PAIR.sub(_masked_pair, content))


def _masked_pair(found: re.Match[bytes]) -> bytes:
    name = _PAIR_NAME.search(found[0])
    is_secret = name is not None and SECRET_NAME.search(name[1].decode(errors="replace"))
    return _PAIR_VALUE.sub(rb'\1"' + MASK + b'"', found[0]) if is_secret else found[0]


if __name__ == "__main__":
    sys.exit(main())
