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
    USAGE = 64
    DATAERR = 65
    NOINPUT = 66
    NOHOST = 68
    UNAVAILABLE = 69
    SOFTWARE = 70
    CANTCREAT = 73
    IOERR = 74
    CONFIG = 78
    FATAL = 100
    DISCONNECT = 102
    OLD = 103
    NOSUCH = 105
    EXISTS = 108
    MULTIPLE = 109
    EXPIRED = 110
    QUORUM = 114
    TIMEOUT = 124


TEXTS = {
    Exit.OK: "OK",
    Exit.ERROR: "Error occurred",
    Exit.INVALID_PARAM: "Invalid parameter",
    Exit.UNIMPLEMENT_FEATURE: "Unimplemented",
    Exit.INSUFFICIENT_PRIV: "Insufficient privileges",
    Exit.NOT_INSTALLED: "Not installed",
    Exit.NOT_CONFIGURED: "Not configured",
    Exit.NOT_RUNNING: "Not running",
    Exit.USAGE: "Incorrect usage",
    Exit.DATAERR: "Invalid data given",
    Exit.NOINPUT: "Input file not available",
    Exit.NOHOST: "Host not known",
    Exit.UNAVAILABLE: "Service unavailable",
    Exit.CANTCREAT: "Cannot create output",
    Exit.CONFIG: "Invalid configuration",
    Exit.DISCONNECT: "Lost connection",
    Exit.OLD: "Update older than existing configuration",
    Exit.NOSUCH: "No such object",
    Exit.EXISTS: "Requested item already exists",
    Exit.QUORUM: "Quorum is required",
    Exit.TIMEOUT: "Timeout occurred",
}


class CommandFailed(Exception):
    """A command can't do what was asked: its exit code, and the sentence for standard error."""

    def __init__(self, code: Exit | int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = int(code)
        self.sentence = sentence
