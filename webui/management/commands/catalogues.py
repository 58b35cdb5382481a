"""`manage.py catalogues`: brings locale/*/django.po up to date with the texts in templates and Python.

Reads `{% translate "…" %}` in templates/ and `_("…")`, `noop("…")` in webui/; adds what is new with an empty
translation, takes out what is gone. `--check` only says what is missing. No gettext tools are needed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

FUNCTIONS = {"_", "noop", "gettext", "gettext_noop", "gettext_lazy"}
_TRANSLATE = re.compile(r"""\{%\s*translate\s+"([^"]+)"\s*""")


def texts() -> dict[str, str]:
    """Text -> the file that says it first."""
    found: dict[str, str] = {}
    for file, text in (*_of_templates(settings.BASE_DIR / "templates"), *_of_python(settings.BASE_DIR / "webui")):
        found.setdefault(text, file)
    return found


def _of_templates(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*.html")):
        for text in _TRANSLATE.findall(file.read_text()):
            yield str(file.relative_to(settings.BASE_DIR)), text


def _of_python(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(ast.Name(name), [ast.Constant(str(text)), *_]) if name in FUNCTIONS:
                    yield str(file.relative_to(settings.BASE_DIR)), text


def catalogue_of(language: str) -> Path:
    return Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po"


def missing(language: str) -> list[str]:
    """Texts that this language does not say yet."""
    known = {entry.msgid: entry.msgstr for entry in polib.pofile(str(catalogue_of(language)))}
    return [text for text in texts() if not known.get(text)]


class Command(BaseCommand):
    help = "Update the language catalogues"

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        for language in ("ja", "en"):
            if not options["check"]:
                _update(catalogue_of(language), language)
            lacking = missing(language)
            for text in lacking:
                self.stdout.write(f"{language}: {text}")
            if lacking and options["check"]:
                raise CommandError(f"{len(lacking)} texts have no {language} translation")


def _update(file: Path, language: str) -> None:
    known = {entry.msgid: entry.msgstr for entry in polib.pofile(str(file))} if file.exists() else {}
    catalogue = polib.POFile(wrapwidth=120)
    catalogue.metadata = {
        "Project-Id-Version": "hacluster",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;" if language == "ja" else "nplurals=2; plural=(n != 1);",
    }
    for text, where in texts().items():
        said = known.get(text) or (text if language == "en" else "")
        flags = ["python-format"] if "%(" in text else []
        catalogue.append(polib.POEntry(msgid=text, msgstr=said, occurrences=[(where, "")], flags=flags))
    file.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(file))
