"""The crm shell at a terminal: lines with history and completion, levels that are entered and left.

Reads lines; gives each to `execute` with the level it was typed in. Changes of a configuration wait for `commit` there.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from hacluster.cli.cluster import run
from hacluster.cli.crm_completion import COMMANDS, Names, candidates
from hacluster.cli.crm_workspace import Workspace
from hacluster.cli.exits import CommandFailed

HISTORY = Path.home() / ".hacluster_crm_history"
HISTORY_LINES = 1000
_LEAVE = ("up", "end", "cd", "..")
_QUIT = ("quit", "exit", "bye")


class Shell:
    def __init__(self, execute: Callable[[list[str], Workspace], int], workspace: Workspace, help_text: str) -> None:
        self._execute = execute
        self._workspace = workspace
        self._help = help_text
        self._level = ""
        self._is_terminal = sys.stdin.isatty()
        self._names: Names | None = None

    def run(self) -> int:
        """Until quit or the end of the input. A script ends with the code of its first failure."""
        if self._is_terminal:
            _prepare_terminal(self._complete)
        worst = 0
        while True:
            try:
                line = input(f"crm({self._level})# " if self._is_terminal else "").strip()
            except EOFError:
                return self._finish(worst)
            except KeyboardInterrupt:
                print()
                continue
            code = self.take(line)
            if code is None:
                return self._finish(worst)
            worst = worst or (0 if self._is_terminal else code)

    def run_script(self, text: str) -> int:
        """Lines of a file, up to the first that fails; a backslash at the end joins the next line."""
        self._is_terminal = False
        for line in text.replace("\\\n", " ").splitlines():
            code = self.take(line)
            if code is None:
                break
            if code:
                return self._finish(code)
        return self._finish(0)

    def take(self, line: str) -> int | None:
        """One line's exit code; None when it ends the shell."""
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            print(f"crm: {error}", file=sys.stderr)
            return 1
        match words:
            case []:
                return 0
            case [word] if word in _QUIT:
                return None
            case [word] if word in _LEAVE:
                return self._leave_level()
            case ["help", *_]:
                print(self._help)
                return 0
            case [word] if not self._level and word in COMMANDS and word != "status":
                self._level = word
                return 0
        self._names = None
        full = [self._level, *words] if self._level and words[0] not in ("status",) else words
        return run("crm", lambda: self._execute(full, self._workspace))

    def _leave_level(self) -> int:
        if self._level == "configure" and self._workspace.has_changes:
            code = self._settle(0)
            if code:
                return code
        self._level = ""
        return 0

    def _finish(self, worst: int) -> int:
        return self._settle(worst) or worst

    def _settle(self, worst: int) -> int:
        """What becomes of uncommitted changes: asked at a terminal, applied after a script without failures."""
        if not self._workspace.has_changes:
            return 0
        if self._is_terminal:
            answer = ""
            while answer not in ("y", "yes", "n", "no"):
                answer = input("There are changes pending. Commit them (y/n)? ").strip().lower()
            if answer.startswith("n"):
                self._workspace.discard()
                return 0
        elif worst:
            print("crm: nothing is committed, because a command failed", file=sys.stderr)
            self._workspace.discard()
            return worst
        return run("crm", self._workspace.commit)

    # ------------------------------------------------------------ completion

    def _complete(self, _text: str, state: int) -> str | None:
        import readline

        typed = readline.get_line_buffer()[: readline.get_endidx()]
        words = [*typed.split(), ""] if typed[-1:].isspace() or not typed else typed.split()
        found = candidates(words, self._known_names(), self._level)
        return f"{found[state]} " if state < len(found) else None

    def _known_names(self) -> Names:
        """Asked anew after each command; without a cluster the commands alone are completed."""
        if self._names is None:
            try:
                self._names = self._workspace.names()
            except (CommandFailed, OSError):
                self._names = Names()
        return self._names


def _prepare_terminal(complete: Callable[[str, int], str | None]) -> None:
    try:
        import readline
    except ImportError:
        return
    import atexit

    with contextlib.suppress(OSError):
        readline.read_history_file(HISTORY)
    readline.set_history_length(HISTORY_LINES)
    readline.set_completer_delims(" \t\n")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")

    def remember() -> None:
        with contextlib.suppress(OSError):
            readline.write_history_file(HISTORY)
            HISTORY.chmod(0o600)

    atexit.register(remember)
