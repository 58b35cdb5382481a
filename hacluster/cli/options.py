"""The options of a command that Pacemaker has too: a wrong call ends with its exit code, and it tells its version.

Reads nothing; gives the parser that those commands fill.
"""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from hacluster.cli.exits import Exit

VERSION = "2.1.5"
"""The version of Pacemaker whose behaviour agents and scripts can rely on."""
API_VERSION = "2.25"
"""Of the XML that commands print."""


class Options(argparse.ArgumentParser):
    """An option that isn't known, or a value that doesn't fit, is told with the options that are and ends with 64."""

    def __init__(self, prog: str, *, description: str, epilog: str | None = None, allow_abbrev: bool = False) -> None:
        super().__init__(prog, description=description, epilog=epilog, allow_abbrev=allow_abbrev, add_help=False)
        self.add_argument("-?", "--help", action="help", help="show this")
        self.add_argument("-$", "--version", action="version", version=f"Pacemaker {VERSION}", help="show the version")

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"{self.prog}: {message} ({self.prog} --help tells more)\n")
