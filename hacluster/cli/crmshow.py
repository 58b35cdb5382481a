"""`hactl crmshow [--nodes NAMES] FILE`: crm text as `crm configure show` prints what it stands for."""

from __future__ import annotations

from hacluster.cli.crm2xml import read
from hacluster.crm.printer import show

USAGE = "usage: hactl crmshow [--nodes NAME,NAME] FILE"


def main(argv: list[str]) -> int:
    parsed = read(argv, USAGE)
    if isinstance(parsed, int):
        return parsed
    print(show(parsed.configuration, names=False), end="")
    return 2 if parsed.problems else 0
