"""What an agent says about itself: its parameters, its operations and the times it advises.

Reads the XML of `meta-data` (OCF, stonith and systemd agents alike); gives a frozen `AgentMetadata`.
"""

from __future__ import annotations

import re

import msgspec

from hacluster.cib.codec import parse_xml
from hacluster.cib.model import NOTHING, Element
from hacluster.cib.problems import Problem
from hacluster.cib.values import boolean, duration_ms

_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*>")


class Parameter(msgspec.Struct, frozen=True):
    name: str
    type: str = "string"
    default: str = ""
    is_required: bool = False
    is_unique: bool = False
    description: str = ""


class AdvisedOperation(msgspec.Struct, frozen=True):
    """One `<action>`: how often and how long the agent's author thinks it should take, at most."""

    name: str
    timeout_ms: int = 0
    interval_ms: int = 0
    role: str = ""
    depth: str = ""


class AgentMetadata(msgspec.Struct, frozen=True):
    name: str
    description: str = ""
    parameters: dict[str, Parameter] = {}
    operations: tuple[AdvisedOperation, ...] = ()

    def advised_timeout_ms(self, operation: str, role: str = "") -> int:
        """The advice for this operation; that for its role goes before that for any role. 0 without advice."""
        same = [each for each in self.operations if each.name == operation]
        exact = [each.timeout_ms for each in same if each.role == role]
        return max(exact or [each.timeout_ms for each in same if not each.role or not role], default=0)

    @property
    def is_promotable(self) -> bool:
        return any(each.name == "promote" for each in self.operations)


def parse_metadata(document: bytes | str) -> AgentMetadata | Problem:
    """Parse one document; a plain DOCTYPE line, which most agents print, is allowed."""
    text = document.decode(errors="replace") if isinstance(document, bytes) else document
    root = parse_xml(_DOCTYPE.sub("", text, count=1).strip())
    if isinstance(root, Problem):
        return root
    return AgentMetadata(
        name=root.get("name"),
        description=_text(root.find("shortdesc")),
        parameters={each.name: each for each in map(_parameter, (root.find("parameters") or NOTHING).all("parameter"))},
        operations=tuple(map(_operation, (root.find("actions") or NOTHING).all("action"))),
    )


def _parameter(element: Element) -> Parameter:
    content = element.find("content") or NOTHING
    return Parameter(
        name=element.get("name"),
        type=content.get("type", "string"),
        default=content.get("default"),
        is_required=bool(boolean(element.get("required"))),
        is_unique=bool(boolean(element.get("unique"))) or bool(element.get("unique-group")),
        description=_text(element.find("shortdesc")),
    )


def _operation(element: Element) -> AdvisedOperation:
    return AdvisedOperation(
        name=element.get("name"),
        timeout_ms=duration_ms(element.get("timeout", "0")) or 0,
        interval_ms=duration_ms(element.get("interval", "0")) or 0,
        role={"Master": "Promoted", "Slave": "Unpromoted"}.get(element.get("role"), element.get("role")),
        depth=element.get("depth"),
    )


def _text(element: Element | None) -> str:
    return element.text.strip() if element is not None else ""
