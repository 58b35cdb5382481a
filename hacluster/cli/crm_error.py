"""`crm_error CODE…`: what a return code or an exit code means, in the words of Pacemaker 2.1."""

from __future__ import annotations

import argparse
import errno
import os
import sys

from hacluster.cli.cluster import run
from hacluster.cli.exits import TEXTS, CommandFailed, Exit
from hacluster.cli.options import Options

LEGACY = {
    201: ("pcmk_err_generic", "Error"),
    202: ("pcmk_err_no_quorum", "Operation requires quorum"),
    203: ("pcmk_err_schema_validation", "Update does not conform to the configured schema"),
    204: ("pcmk_err_transform_failed", "Schema transform failed"),
    205: ("pcmk_err_old_data", "Update was older than existing configuration"),
    206: ("pcmk_err_diff_failed", "Application of update diff failed"),
    207: ("pcmk_err_diff_resync", "Application of update diff failed, requesting full refresh"),
    208: ("pcmk_err_cib_modified", "On-disk configuration was manually modified"),
    209: ("pcmk_err_cib_backup", "Could not archive previous configuration"),
    210: ("pcmk_err_cib_save", "Could not save new configuration to disk"),
    212: ("pcmk_err_cib_corrupt", "Could not parse on-disk configuration"),
    213: ("pcmk_err_multiple", "Resource active on multiple nodes"),
    214: ("pcmk_err_node_unknown", "Node not found"),
    215: ("pcmk_err_already", "Already in requested state"),
    216: ("pcmk_err_bad_nvpair", "Bad name/value pair given"),
    217: ("pcmk_err_unknown_format", "Unknown output format"),
}
_NAME_WIDTH = 26
_LAST_LISTED_ERRNO = 129
_NEVER_SEEN = {48, 50, 55, 59, 68, 69, 73, 109, 118, 119}
"""Codes of hardware and file systems of the past, which the list leaves out."""


def main(argv: list[str] | None = None) -> int:
    parser = Options(
        "crm_error",
        description="The name and meaning of a return code, or of an exit code.",
        epilog="example: crm_error 22    crm_error -X 105    crm_error -- -2",
    )
    parser.add_argument("-X", "--exit", action="store_true", help="the codes are exit codes")
    parser.add_argument("-r", "--rc", action="store_true", help="accepted: return codes of before 2.0 are known too")
    parser.add_argument("-n", "--name", action="store_true", help="with the name")
    parser.add_argument("-l", "--list", action="store_true", help="all codes, as without any code")
    parser.add_argument("-V", "--verbose", action="count", help="accepted")
    parser.add_argument("codes", nargs="*", metavar="CODE")
    arguments = parser.parse_args(argv)
    return run("crm_error", lambda: _tell(arguments))


def _tell(arguments: argparse.Namespace) -> int:
    known = _exit_codes() if arguments.exit else _return_codes()
    if arguments.list or not arguments.codes:
        for code in known:
            name, text = known[code]
            print(f"{code:5}: {name:{_NAME_WIDTH}}  {text}" if arguments.name else f"{code:5}: {text}")
        return Exit.OK
    for word in arguments.codes:
        name, text = _meaning(_number(word), known, is_exit=arguments.exit)
        print(f"{name} - {text}" if arguments.name else text)
    return Exit.OK


def _number(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise CommandFailed(Exit.USAGE, f"“{word}” is not a number") from None


def _exit_codes() -> dict[int, tuple[str, str]]:
    return {int(code): (f"CRM_EX_{code.name}", text) for code, text in TEXTS.items()}


def _return_codes() -> dict[int, tuple[str, str]]:
    names = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}
    listed = {
        code: (name, os.strerror(code))
        for code, name in sorted(names.items())
        if code <= _LAST_LISTED_ERRNO and code not in _NEVER_SEEN
    }
    return {0: ("pcmk_rc_ok", "OK"), **listed, **LEGACY}


def _meaning(code: int, known: dict[int, tuple[str, str]], *, is_exit: bool) -> tuple[str, str]:
    if is_exit:
        return known.get(code, ("CRM_EX_UNKNOWN", "Unknown exit status"))
    # Functions return them negative as often as not.
    code = abs(code)
    return known.get(code, (errno.errorcode.get(code, "Unknown"), os.strerror(code)))


if __name__ == "__main__":
    sys.exit(main())
