"""What a command can reach: the running cluster through the agent's local door, or one CIB file.

Reads CIB_file from the environment; gives a `Cluster`. Each command says what it wants in the same words for both.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hacluster.cli.exits import CommandFailed, Exit

if TYPE_CHECKING:
    from hacluster.cib.model import Cib
    from hacluster.protocol.messages import AgentInfo, CibChange, Message, Refused, Reply

_EXIT_OF = {
    "cib.not-found": Exit.NOSUCH,
    "cib.exists": Exit.EXISTS,
    "cib.version": Exit.OLD,
    "cib.older": Exit.OLD,
    "cib.no-input": Exit.USAGE,
    "cib.xpath": Exit.DATAERR,
    "xml.syntax": Exit.DATAERR,
    "access": Exit.INSUFFICIENT_PRIV,
}
Answered = TypeVar("Answered", bound="Message")


class Cluster(Protocol):
    def query(self) -> Cib: ...

    def change(self, change: CibChange) -> None:
        """Carry out a change, or CommandFailed."""


def _reason(refusal: Refused) -> str:
    """The agent's own sentence, in the language of whoever asks."""
    from hacluster.cib.problems import language_of

    return (refusal.reason_ja if language_of(os.environ) == "ja" else "") or refusal.reason


class LiveCluster:
    """The cluster of this node."""

    def __init__(self) -> None:
        from hacluster.protocol.client import Client

        self._client = Client()

    def ask(self, message: Message, expected: type[Answered], timeout_s: float = 120.0) -> Answered:
        """One request; its answer, or CommandFailed with the agent's own sentence. `run` tells of a silent agent."""
        from hacluster.protocol.messages import Refused

        reply: Reply = self._client.request(message, timeout_s)
        if isinstance(reply, Refused):
            raise CommandFailed(_EXIT_OF.get(reply.code, reply.exit_code), _reason(reply))
        assert isinstance(reply, expected), f"{type(message).__name__} answered with {type(reply).__name__}"
        return reply

    def query(self) -> Cib:
        from hacluster.cib.codec import parse_cib
        from hacluster.cib.problems import Problem
        from hacluster.protocol.messages import CibDocument, CibQuery

        parsed = parse_cib(self.ask(CibQuery(), CibDocument).xml)
        assert not isinstance(parsed, Problem), "the agent sent a CIB that can't be read"
        return parsed

    def change(self, change: CibChange) -> None:
        from hacluster.protocol.messages import CibChanged

        self.ask(change, CibChanged)

    def info(self) -> AgentInfo:
        from hacluster.protocol.messages import AgentInfo, AgentInfoQuery

        return self.ask(AgentInfoQuery(), AgentInfo)


class FileCluster:
    """One CIB file, changed by writing a new one in its place."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def query(self) -> Cib:
        from hacluster.cib.codec import parse_cib
        from hacluster.cib.model import Cib
        from hacluster.cib.problems import Problem
        from hacluster.cli.language import line_of

        try:
            content = self._path.read_bytes()
        except FileNotFoundError as error:
            raise CommandFailed(Exit.NOINPUT, f"{self._path}: there is no such file") from error
        except OSError as error:
            raise CommandFailed(Exit.NOINPUT, f"{self._path}: {error.strerror}") from error
        parsed = parse_cib(content, str(self._path)) if content.strip() else Cib.empty()
        if isinstance(parsed, Problem):
            raise CommandFailed(Exit.DATAERR, line_of(parsed))
        return parsed

    def change(self, change: CibChange) -> None:
        from hacluster.cib.model import Cib
        from hacluster.cib.operations import carry_out
        from hacluster.cli.language import line_of

        changed = carry_out(self.query(), change)
        if not isinstance(changed, Cib):
            code = changed[0].code
            otherwise = Exit.CONFIG if code.startswith("cib.schema.") else Exit.ERROR
            raise CommandFailed(_EXIT_OF.get(code, otherwise), "\n".join(line_of(p) for p in changed))
        self.write(changed)

    def write(self, cib: Cib) -> None:
        """All or nothing: the file is either the old document or the new one."""
        import tempfile

        from hacluster.cib.codec import to_xml

        try:
            with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as out:
                out.write(to_xml(cib))
                out.flush()
                os.fsync(out.fileno())
            os.chmod(out.name, self._path.stat().st_mode & 0o777 if self._path.exists() else 0o600)
            os.replace(out.name, self._path)
        except OSError as error:
            raise CommandFailed(Exit.CANTCREAT, f"{self._path}: {error.strerror}") from error


def connect() -> LiveCluster | FileCluster:
    """The file that CIB_file names, or the cluster of this node."""
    file = os.environ.get("CIB_file")
    return FileCluster(Path(file)) if file else LiveCluster()


def live() -> LiveCluster:
    """The running cluster, for what a file can't answer."""
    if os.environ.get("CIB_file"):
        raise CommandFailed(Exit.DISCONNECT, "this needs a running cluster, not a file (CIB_file is set)")
    return LiveCluster()


def follow(listening: Coroutine[Any, Any, None]) -> int:
    """Listen until the agent goes or the operator has seen enough; Ctrl-C is the ordinary end of that."""
    import asyncio

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(listening)
    return Exit.OK


def run(command: str, body: Callable[[], int]) -> int:
    """Run a command's body: its exit code, with a failure as one line on standard error."""
    import sys

    from hacluster.protocol.client import AgentUnreachable

    try:
        return body()
    except AgentUnreachable as error:
        print(f"{command}: {error}", file=sys.stderr)
        return Exit.DISCONNECT
    except CommandFailed as failure:
        for line in failure.sentence.splitlines():
            print(f"{command}: {line}", file=sys.stderr)
        return failure.code
    except BrokenPipeError:
        return Exit.OK
