"""crm text → configuration.

Reads a whole text; gives the configuration it stands for and every problem at once. Members are moved into their groups
and clones after everything has been read, so that statements may stand in any order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from hacluster.cib.model import COMMENT, CONFIGURATION_SECTIONS, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity, has_errors
from hacluster.cib.values import duration_ms
from hacluster.crm.ids import Ids
from hacluster.crm.lexer import Statement, lex
from hacluster.crm.reading import Context, Read
from hacluster.crm.statements import READERS
from hacluster.crm.words import Mistake, Words

UNKNOWN_KEYWORD = ProblemKind(
    "crm.keyword",
    Severity.ERROR,
    en="“{word}” begins no statement",
    ja="「{word}」で始まる文はありません",
    cure_en="{cure}",
    cure_ja="{cure_ja}",
)
DUPLICATE_ID = ProblemKind(
    "crm.duplicate-id",
    Severity.ERROR,
    en="the id {id} is used already on {other}",
    ja="ID {id} は {other} で既に使用されています",
    cure_en="give it another id",
    cure_ja="別の ID を指定してください",
)
UNKNOWN_RESOURCE = ProblemKind(
    "crm.unknown-resource",
    Severity.ERROR,
    en="{owner} refers to {name}, which is not there",
    ja="{owner} が参照する {name} がありません",
    cure_en="define it, or correct the name",
    cure_ja="定義するか、名前を修正してください",
)
TWO_PARENTS = ProblemKind(
    "crm.two-parents",
    Severity.ERROR,
    en="{name} is a member of {other} already",
    ja="{name} は既に {other} のメンバーです",
    cure_en="a resource can be in one group or clone only",
    cure_ja="1 つのリソースは 1 つのグループまたはクローンにだけ所属できます",
)
INSIDE_ITSELF = ProblemKind(
    "crm.inside-itself",
    Severity.ERROR,
    en="{name} would be a member of itself",
    ja="{name} が自分自身のメンバーになります",
    cure_en="take it out of its members",
    cure_ja="メンバーから外してください",
)
NESTING = ProblemKind(
    "crm.nesting",
    Severity.ERROR,
    en="{member}, a {kind}, can't be a member of the {container_kind} {container}",
    ja="{kind} である {member} は {container_kind} {container} のメンバーにできません",
    cure_en="a group or bundle holds primitives, a clone or ms one primitive or group",
    cure_ja="group と bundle には primitive を、clone と ms には primitive または group を 1 つだけ指定できます",
)
MONITORED_ALREADY = ProblemKind(
    "crm.monitored",
    Severity.ERROR,
    en="{id} has a monitor with interval {interval} already",
    ja="{id} には間隔 {interval} の monitor が既にあります",
    cure_en="give it another interval",
    cure_ja="別の間隔を指定してください",
)
SAME_INTERVAL = ProblemKind(
    "crm.same-interval",
    Severity.WARNING,
    en="{id} has two {name} operations with interval {interval}; only one will run",
    ja="{id} に間隔 {interval} の {name} が 2 つあります（1 つだけ実行されます）",
    cure_en="give them different intervals",
    cure_ja="間隔を変えてください",
)

_SETS = ("instance_attributes", "meta_attributes", "utilization", "operations")
_MEMBERS = {
    "group": ("primitive",),
    "clone": ("primitive", "group"),
    "master": ("primitive", "group"),
    "bundle": ("primitive",),
}
"""container -> what it may hold"""


class Parsed(msgspec.Struct, frozen=True):
    configuration: Element
    """`<configuration>` with the sections that the text fills."""
    problems: tuple[Problem, ...]
    lines: dict[str, int] = {}
    """id of each object -> the line its statement begins on"""
    is_complete: bool = True
    """Whether every statement is in the configuration, the doubtful ones included."""

    @property
    def is_usable(self) -> bool:
        return not has_errors(self.problems)


class _Object(msgspec.Struct):
    element: Element
    members: tuple[str, ...]
    statement: Statement
    parent: str = ""


def parse(text: str, *, nodes: Iterable[str] = (), known: Iterable[Element] = ()) -> Parsed:
    """`nodes`: nodes the CIB has already; `known`: objects it has, which constraints and groups may refer to."""
    lexed = lex(text)
    assembly = _Assembly(nodes, known)
    for problem in lexed.problems:
        if problem.severity is Severity.ERROR:
            assembly.lose(problem)
        else:
            assembly.problems.append(problem)
    for statement in lexed.statements:
        assembly.take(statement)
    return assembly.finish()


class _Assembly:
    def __init__(self, nodes: Iterable[str], known: Iterable[Element]) -> None:
        self.problems: list[Problem] = []
        self._context = Context(Ids(), tuple(nodes))
        self._known = {element.id: element for element in known if element.id}
        self._objects: dict[str, _Object] = {}
        self._sections: dict[str, list[Element]] = {}
        self._monitors: list[tuple[str, Element, Statement]] = []
        self._is_complete = True

    # ------------------------------------------------------------ reading

    def take(self, statement: Statement) -> None:
        keyword = statement.words[0]
        reader = READERS.get(keyword.lower()) if keyword not in ("configure", "commit") else None
        if keyword == "commit":
            return
        if reader is None:
            close = [known for known in READERS if known[:3] == keyword.lower()[:3]]
            cure = f"did you mean {close[0]}?" if close else "begin with primitive, group, location, property …"
            cure_ja = (
                f"{close[0]} の誤りではありませんか"
                if close
                else "primitive、group、location、property などで始めてください"
            )
            self.lose(UNKNOWN_KEYWORD.at(statement.place, word=keyword, cure=cure, cure_ja=cure_ja))
            return
        words = Words(Statement(statement.line, statement.words[1:], statement.comments))
        try:
            read = reader(words, self._context)
        except Mistake as mistake:
            self.lose(mistake.problem)
            return
        self.problems += words.doubts
        self._keep(read, statement)

    def lose(self, problem: Problem) -> None:
        """A statement can't be taken into the configuration."""
        self.problems.append(problem)
        self._is_complete = False

    def _keep(self, read: Read, statement: Statement) -> None:
        if read.monitor_of:
            self._monitors.append((read.monitor_of, read.elements[0], statement))
            return
        if read.section == "fencing-topology" and self._sections.get(read.section):
            self.lose(DUPLICATE_ID.at(statement.place, id="fencing_topology", other="a line above"))
            return
        comments = tuple(Element(COMMENT, text=_in_xml(comment)) for comment in statement.comments)
        for element in read.elements:
            if element.tag in ("cluster_property_set", "meta_attributes"):
                self._merge_set(read.section, element)
                continue
            if comments and element.tag != "fencing-level":
                element = element.with_children((*comments, *element.children))
            if element.id and element.tag != "fencing-level" and not self._register(element, read.members, statement):
                continue
            if read.section != "resources":
                self._sections.setdefault(read.section, []).append(element)

    def _register(self, element: Element, members: tuple[str, ...], statement: Statement) -> bool:
        other = self._objects.get(element.id)
        if other is not None and not (element.tag.startswith("acl") and other.element.tag != element.tag):
            place = f"line {other.statement.line}"
            self.lose(DUPLICATE_ID.at(statement.place, id=element.id, other=place))
            return False
        self._objects[element.id] = _Object(element, members, statement)
        # A container that is given as XML brings its members along.
        fits = True
        for child in element.children:
            if self._is_resource(child):
                fits = self._register_inside(child, element.id, statement) and fits
        return fits

    def _register_inside(self, element: Element, parent: str, statement: Statement) -> bool:
        is_new = self._register(element, (), statement)
        if is_new:
            self._objects[element.id].parent = parent
        return is_new

    def _merge_set(self, section: str, element: Element) -> None:
        """Statements of one set add up; the last value of a name wins."""
        by_name = {pair.get("name") or pair.id: pair for pair in element.children}
        element = element.with_children(tuple(by_name.values()))
        sets = self._sections.setdefault(section, [])
        for position, old in enumerate(sets):
            if old.id == element.id:
                names = {pair.get("name") for pair in element.children}
                kept = tuple(pair for pair in old.children if pair.get("name") not in names)
                sets[position] = old.with_attributes(element.attributes).with_children((*kept, *element.children))
                return
        sets.append(element)

    # ------------------------------------------------------------ putting together

    def finish(self) -> Parsed:
        self._add_monitors()
        self._link_members()
        resources = [self._built(found) for found in self._objects.values() if self._is_top(found)]
        if resources:
            self._sections["resources"] = resources
        self._check_references()
        sections = dict.fromkeys((*CONFIGURATION_SECTIONS, *self._sections))
        children = tuple(Element(tag, {}, tuple(self._sections.get(tag, ()))) for tag in sections)
        configuration = _resolved_references(Element("configuration", {}, children))
        lines = {name: found.statement.line for name, found in self._objects.items()}
        return Parsed(configuration, tuple(self.problems), lines, self._is_complete)

    @staticmethod
    def _is_resource(element: Element) -> bool:
        return element.tag in ("primitive", "template", "group", "clone", "master", "bundle")

    def _is_top(self, found: _Object) -> bool:
        return self._is_resource(found.element) and not found.parent

    def _add_monitors(self) -> None:
        for resource, operation, statement in self._monitors:
            found = self._objects.get(resource)
            if found is None or found.element.tag != "primitive":
                self.lose(UNKNOWN_RESOURCE.at(statement.place, owner="monitor", name=resource))
                continue
            operations = found.element.find("operations") or Element("operations")
            others = {duration_ms(op.get("interval")) for op in operations.all("op") if op.get("name") == "monitor"}
            if duration_ms(operation.get("interval")) in others:
                self.lose(MONITORED_ALREADY.at(statement.place, id=resource, interval=operation.get("interval")))
                continue
            without = tuple(child for child in found.element.children if child.tag != "operations")
            found.element = found.element.with_children((*without, operations.with_child(operation)))

    def _link_members(self) -> None:
        for name, found in self._objects.items():
            for member in found.members:
                problem = self._why_no_member(name, found, member)
                if problem is not None:
                    self.lose(problem)
                elif member in self._objects:
                    self._objects[member].parent = name

    def _why_no_member(self, name: str, found: _Object, member: str) -> Problem | None:
        place = found.statement.place
        child = self._objects.get(member)
        if child is not None and not self._is_resource(child.element):
            child = None
        element = child.element if child is not None else self._known.get(member)
        if element is None:
            return UNKNOWN_RESOURCE.at(place, owner=name, name=member)
        if child is not None and child.parent:
            return TWO_PARENTS.at(place, name=member, other=child.parent)
        if child is not None and self._is_inside(name, member):
            return INSIDE_ITSELF.at(place, name=member)
        if element.tag not in _MEMBERS.get(found.element.tag, ()):
            kinds = {"kind": element.tag, "container_kind": found.element.tag}
            return NESTING.at(place, member=member, container=name, **kinds)
        return None

    def _is_inside(self, name: str, container: str) -> bool:
        """Whether a container is this object or holds it, directly or further out."""
        while name and name != container:
            name = self._objects[name].parent
        return name == container

    def _built(self, found: _Object, above: tuple[str, ...] = ()) -> Element:
        """The element with its members inside; a member that the CIB has already is taken from there."""
        self._warn_of_same_intervals(found)
        element = found.element
        if element.id in above:
            return element
        inside: list[Element] = []
        for member in found.members:
            child = self._objects.get(member)
            if child is not None and child.parent == element.id:
                inside.append(self._built(child, (*above, element.id)))
            elif child is None and member in self._known:
                inside.append(self._known[member])
        return element.with_children((*element.children, *inside)) if inside else element

    def _warn_of_same_intervals(self, found: _Object) -> None:
        seen: set[tuple[str, str]] = set()
        for block in found.element.all("operations"):
            for op in block.all("op"):
                key = (op.get("name"), f"{op.get('interval')}{op.get('role')}")
                if key in seen:
                    self.problems.append(
                        SAME_INTERVAL.at(
                            found.statement.place, id=found.element.id, name=key[0], interval=op.get("interval")
                        )
                    )
                seen.add(key)

    def _check_references(self) -> None:
        tags = {tag.id for tag in self._sections.get("tags", [])}
        resources = {name for name, found in self._objects.items() if self._is_resource(found.element)}
        known = resources | self._known.keys() | tags
        for constraint in self._sections.get("constraints", []):
            for name in _named_resources(constraint):
                if name not in known:
                    place = self._objects[constraint.id].statement.place if constraint.id in self._objects else ""
                    self.lose(UNKNOWN_RESOURCE.at(place, owner=constraint.id, name=name))


def _in_xml(comment: str) -> str:
    """The comment as XML can hold it: without two hyphens beside each other, and not ending in one."""
    return re.sub("-(?=-|$)", "- ", comment)


def _named_resources(constraint: Element) -> list[str]:
    names = [constraint.get(key) for key in ("rsc", "with-rsc", "first", "then") if constraint.get(key)]
    names += [ref.id for one in constraint.all("resource_set") for ref in one.all("resource_ref")]
    return list(dict.fromkeys(names))


# ---------------------------------------------------------------- references between sets and rules


def _resolved_references(configuration: Element) -> Element:
    """`$id-ref=OBJECT` names the object's own set or first rule; the CIB wants the id of that."""
    targets: dict[tuple[str, str], str] = {}
    for element in configuration.walk():
        if element.id:
            for child in element.children:
                if child.id and (child.tag in _SETS or child.tag == "rule"):
                    targets.setdefault((element.id, child.tag), child.id)

    def change(element: Element) -> Element:
        reference = element.attributes.get("id-ref")
        if reference is not None and (element.tag, reference) != ("nvpair", ""):
            found = targets.get((reference, element.tag))
            if found is not None:
                element = element.with_attributes({"id-ref": found})
        return element.mapping_children(change)

    return change(configuration)
