"""`crm_error CODE…`: what an exit code means."""

from __future__ import annotations

import sys

from hacluster.cli.exits import TEXTS, Exit
from hacluster.cli.options import Options


def main(argv: list[str] | None = None) -> int:
    parser = Options("crm_error", description="The name and meaning of exit codes.")
    parser.add_argument("-X", "--exit", action="store_true", help="accepted: all codes are exit codes here")
    parser.add_argument("-n", "--name", action="store_true", help="with the name")
    parser.add_argument("-l", "--list", action="store_true", help="all codes")
    parser.add_argument("codes", nargs="*", type=int)
    arguments = parser.parse_args(argv)
    for code in [int(known) for known in TEXTS] if arguments.list else arguments.codes:
        known = next((found for found in Exit if found == code), None)
        name = f"CRM_EX_{known.name}" if known is not None else "UNKNOWN"
        text = TEXTS.get(known, "Unknown exit status") if known is not None else "Unknown exit status"
        prefix = f"{code:3}: " if arguments.list else ""
        print(f"{prefix}{name} - {text}" if arguments.name else f"{prefix}{text}")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
