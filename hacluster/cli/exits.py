"""Exit codes of the command line, by the names of crm_error."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    ERROR = 1
    INVALID_PARAM = 2
    UNIMPLEMENT_FEATURE = 3
    INSUFFICIENT_PRIV = 4
    NOT_INSTALLED = 5
    NOT_CONFIGURED = 6
    NOT_RUNNING = 7
    PROMOTED = 8
    FAILED_PROMOTED = 9
    USAGE = 64
    DATAERR = 65
    NOINPUT = 66
    NOUSER = 67
    NOHOST = 68
    UNAVAILABLE = 69
    SOFTWARE = 70
    OSERR = 71
    OSFILE = 72
    CANTCREAT = 73
    IOERR = 74
    TEMPFAIL = 75
    PROTOCOL = 76
    NOPERM = 77
    CONFIG = 78
    FATAL = 100
    PANIC = 101
    DISCONNECT = 102
    OLD = 103
    DIGEST = 104
    NOSUCH = 105
    QUORUM = 106
    UNSAFE = 107
    EXISTS = 108
    MULTIPLE = 109
    EXPIRED = 110
    NOT_YET_IN_EFFECT = 111
    INDETERMINATE = 112
    UNSATISFIED = 113
    TIMEOUT = 124
    DEGRADED = 190
    DEGRADED_PROMOTED = 191
    NONE = 193


TEXTS = {
    Exit.OK: "OK",
    Exit.ERROR: "Error occurred",
    Exit.INVALID_PARAM: "Invalid parameter",
    Exit.UNIMPLEMENT_FEATURE: "Unimplemented",
    Exit.INSUFFICIENT_PRIV: "Insufficient privileges",
    Exit.NOT_INSTALLED: "Not installed",
    Exit.NOT_CONFIGURED: "Not configured",
    Exit.NOT_RUNNING: "Not running",
    Exit.PROMOTED: "Promoted",
    Exit.FAILED_PROMOTED: "Failed in promoted role",
    Exit.USAGE: "Incorrect usage",
    Exit.DATAERR: "Invalid data given",
    Exit.NOINPUT: "Input file not available",
    Exit.NOUSER: "User does not exist",
    Exit.NOHOST: "Host does not exist",
    Exit.UNAVAILABLE: "Necessary service unavailable",
    Exit.SOFTWARE: "Internal software bug",
    Exit.OSERR: "Operating system error occurred",
    Exit.OSFILE: "System file not available",
    Exit.CANTCREAT: "Cannot create output file",
    Exit.IOERR: "I/O error occurred",
    Exit.TEMPFAIL: "Temporary failure, try again",
    Exit.PROTOCOL: "Protocol violated",
    Exit.NOPERM: "Insufficient privileges",
    Exit.CONFIG: "Invalid configuration",
    Exit.FATAL: "Fatal error occurred, will not respawn",
    Exit.PANIC: "System panic required",
    Exit.DISCONNECT: "Not connected",
    Exit.OLD: "Update was older than existing configuration",
    Exit.DIGEST: "Digest mismatch",
    Exit.NOSUCH: "No such object",
    Exit.QUORUM: "Quorum required",
    Exit.UNSAFE: "Operation not safe",
    Exit.EXISTS: "Requested item already exists",
    Exit.MULTIPLE: "Multiple items match request",
    Exit.EXPIRED: "Requested item has expired",
    Exit.NOT_YET_IN_EFFECT: "Requested item is not yet in effect",
    Exit.INDETERMINATE: "Could not determine status",
    Exit.UNSATISFIED: "Not applicable under current conditions",
    Exit.TIMEOUT: "Timeout occurred",
    Exit.DEGRADED: "Service is active but might fail soon",
    Exit.DEGRADED_PROMOTED: "Service is promoted but might fail soon",
    Exit.NONE: "No exit status available",
}


class CommandFailed(Exception):
    """A command can't do what was asked: its exit code, and the sentence for standard error."""

    def __init__(self, code: Exit | int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = int(code)
        self.sentence = sentence
