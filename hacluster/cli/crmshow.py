"""`hactl crmshow [--nodes NAMES] FILE`: crm text as crmsh's `configure show` prints it, without the comment lines.

A statement that would not be loaded because nobody can mean it (a clone of two resources, a score that is a word) is
shown all the same, with its error on stderr: crmsh shows it too.
"""

from __future__ import annotations

from hacluster.cli.crm2xml import read
from hacluster.crm.printer import statements

USAGE = "usage: hactl crmshow [--nodes NAME,NAME] FILE"


def main(argv: list[str]) -> int:
    parsed = read(argv, USAGE)
    if isinstance(parsed, int):
        return parsed
    if not parsed.is_complete:
        return 1
    for found in statements(parsed.configuration, as_crmsh=True):
        print("\n".join(line for line in found.text.split("\n") if not line.startswith("#")))
    return 2 if parsed.problems else 0
