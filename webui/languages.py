"""Compiles the language catalogues that are not compiled yet, without gettext's tools.

Reads locale/*/LC_MESSAGES/django.po; writes django.mo beside it where that is missing or older.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def compile_catalogues(folder: Path) -> None:
    for source in sorted(folder.glob("*/LC_MESSAGES/django.po")):
        compiled = source.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= source.stat().st_mtime:
            continue
        # An installation that may not be written to brings its compiled catalogues with it.
        with contextlib.suppress(OSError):
            _compile(source, compiled)


def _compile(source: Path, compiled: Path) -> None:
    import polib

    # Two consoles may start at once: each writes its own file and puts it in place.
    fresh = compiled.with_suffix(f".{os.getpid()}")
    polib.pofile(str(source)).save_as_mofile(str(fresh))
    fresh.replace(compiled)
