"""The state of the cluster as the console shows it, in codes and parameters, before any language.

These are the values; `painter.py` makes them. Nothing in them changes by itself (ages are computed in the browser).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hacluster.cib.model import SCORE_INFINITY, Element
from hacluster.protocol.messages import TransitionProgress
from webui.history import Failure

YES = ("true", "yes", "1", "on", "y")
_WORST_FIRST = """
double blocked failed unknown stopping starting awaited demoting promoting migrating stopped alone unmanaged maintenance
disabled promoted running unpromoted cannot ready none
"""
WORST_FIRST = tuple(_WORST_FIRST.split())
"""The states of a cell."""
UP_STATES = ("running", "promoted", "unpromoted", "alone", "unmanaged", "maintenance")
DOWN_STATES = ("stopped", "failed", "blocked", "unknown", "awaited", "starting", "stopping")


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    state: str
    """online, pending, standby, draining, maintenance, offline, lost, unclean, unheard"""
    is_dc: bool = False
    running: int = 0
    attributes: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, bool], ...] = ()

    @property
    def can_host(self) -> bool:
        return self.state == "online"


@dataclass(frozen=True, slots=True)
class Resource:
    id: str
    kind: str
    agent: str
    parent: str
    depth: int
    should_run: bool
    managed: bool
    maintenance: bool
    threshold: int
    fencing: bool


@dataclass(frozen=True, slots=True)
class Cell:
    resource: str
    node: str
    state: str
    """One of WORST_FIRST."""
    failcount: int = 0
    threshold: int = 0
    why_not: str = ""
    """Code of the reason why the resource cannot start here."""
    why_fields: tuple[tuple[str, str], ...] = ()
    failure: Failure | None = None
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    code: str
    severity: str
    subject: str
    node: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    since_ms: int = 0
    actions: tuple[tuple[str, str, str], ...] = ()
    """(action, target, node)"""

    @property
    def key(self) -> str:
        return f"{self.code}:{self.subject}@{self.node}"


@dataclass(frozen=True, slots=True)
class Part:
    """A top-level resource with all that is below it: what is painted anew when something of it changes."""

    cells: dict[tuple[str, str], Cell]
    states: dict[str, str]
    """Resource -> its state as a whole."""
    serves: bool
    """Whether its service is up, although parts of it may not be."""
    problems: tuple[Problem, ...] = ()
    running: dict[str, int] = field(default_factory=dict)
    """Node -> how many of its resources are active there."""


@dataclass(frozen=True, slots=True)
class Picture:
    cluster: str = ""
    node: str = ""
    dc: str = ""
    agent_state: str = ""
    has_quorum: bool = False
    build: str = ""
    version: str = ""
    """CIB version: admin_epoch.epoch.num_updates."""
    nodes: dict[str, Node] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    """Resource -> its members, in their order."""
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    """The same cells by top-level resource. A part in which nothing changed is the same object in the next picture."""
    problems: tuple[Problem, ...] = ()
    purposes: tuple[Problem, ...] = ()
    """Not normal, but on purpose: maintenance, standby, temporary placements."""
    transition: TransitionProgress | None = None

    @property
    def services(self) -> list[Resource]:
        """What an operator calls a service: the top-level resources that are not fencing devices."""
        return [each for each in self.resources.values() if not each.parent and not each.fencing]

    def leaves(self, resource: str) -> list[str]:
        """The primitives below a resource, itself included when it is one."""
        if self.resources[resource].kind == "primitive":
            return [resource]
        return [leaf for child in self.children.get(resource, ()) for leaf in self.leaves(child)]


def is_yes(text: str) -> bool:
    return text.lower() in YES


def whole(text: str, default: int) -> int:
    if text.lstrip("+").upper() == "INFINITY":
        return SCORE_INFINITY
    if text.upper() == "-INFINITY":
        return -SCORE_INFINITY
    try:
        return int(text)
    except ValueError:
        return default


def nvpairs(parent: Element, tag: str) -> dict[str, str]:
    """Name -> value of the first set in which a name stands."""
    values: dict[str, str] = {}
    for block in parent.all(tag):
        for pair in block.all("nvpair"):
            values.setdefault(pair.get("name"), pair.get("value"))
    return values
