"""The console's way to its agent: one question, one answer, with the errors as values.

Reads messages of the local door; gives the reply, or `Refused` with code `agent.unreachable` where no agent answers.
"""

from __future__ import annotations

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.protocol.client import AgentUnreachable, Client
from hacluster.protocol.messages import (
    AgentInfo,
    AgentInfoQuery,
    CibDocument,
    CibQuery,
    Message,
    Refused,
    Reply,
)

UNREACHABLE = "agent.unreachable"
ANSWER_TIMEOUT_S = 30.0


def ask(message: Message, timeout_s: float = ANSWER_TIMEOUT_S) -> Reply:
    """One request over a connection of its own, so that views of several threads never wait for one another."""
    try:
        with Client() as client:
            return client.request(message, timeout_s)
    except AgentUnreachable as error:
        return Refused(code=UNREACHABLE, reason=str(error))


def current_cib() -> Cib | Refused:
    """The CIB as the agent has it now; a preview must not be computed on what a browser saw a moment ago."""
    reply = ask(CibQuery())
    match reply:
        case CibDocument(xml=xml):
            return cib_of(xml)
        case Refused():
            return reply
        case _:
            return Refused(code="agent.answer", reason=f"unexpected answer {type(reply).__name__}")


def cib_of(xml: bytes) -> Cib | Refused:
    cib = parse_cib(xml)
    return Refused(code=cib.code, reason=cib.line(), reason_ja=cib.line("ja")) if isinstance(cib, Problem) else cib


def current_info() -> AgentInfo | Refused:
    reply = ask(AgentInfoQuery(), timeout_s=3)
    return reply if isinstance(reply, AgentInfo | Refused) else Refused(code="agent.answer", reason="unexpected answer")
