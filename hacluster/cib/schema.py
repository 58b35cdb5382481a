"""Whether a document is one that its schema allows: what is misplaced, what is missing, what a value can't be.

Reads a Cib; gives Problems at the id of what is wrong, all at once. A change that brings one is refused, as Pacemaker
refuses it. A document under no schema, or under a newer one than this cluster knows, may hold anything.
"""

from __future__ import annotations

import functools
import itertools

import msgspec

from hacluster.cib.checks.kinds import error
from hacluster.cib.model import COMMENT, Cib, Element
from hacluster.cib.problems import Problem, ProblemKind
from hacluster.cib.schemas.parts import Alternative, Choice, Shape, Value, Version
from hacluster.cib.schemas.places import LATER_IN, STACKS_GONE, names_gone
from hacluster.cib.schemas.shapes import shapes
from hacluster.cib.upgrade import CURRENT, schema_version

UNKNOWN_SCHEMA = error(
    "schema.unknown",
    "there is no schema {schema}",
    "スキーマ {schema} は存在しません",
    "correct validate-with; today's is {current}",
    "validate-with を修正してください（現在のスキーマは {current} です）",
)
MISPLACED = error(
    "schema.element",
    "<{tag}> has no place in {where}",
    "{where} に <{tag}> を置くことはできません",
    "there it may be one of: {known}",
    "置ける要素は次のとおりです: {known}",
)
UNKNOWN_ATTRIBUTE = error(
    "schema.attribute",
    "{where} has “{name}”, which {schema} does not know there",
    "{where} の属性「{name}」は {schema} にありません",
    "correct its name or take it out; there are: {known}",
    "属性名を修正するか、削除してください（使用できる属性: {known}）",
)
MISSING = error(
    "schema.missing",
    "{where} lacks {needed}",
    "{where} に {needed} がありません",
    "add it",
    "追加してください",
)
CONFLICT = error(
    "schema.conflict",
    "{where} has {names}, which exclude each other",
    "{where} の {names} は同時に指定できません",
    "keep either {choices}",
    "次のいずれかだけにしてください: {choices}",
)
TOO_MANY = error(
    "schema.count",
    "{where} has <{tag}> {count} times, and may have it once",
    "{where} に <{tag}> が {count} 個あります（指定できるのは 1 個です）",
    "keep one of them",
    "1 つだけ残してください",
)
OUT_OF_ORDER = error(
    "schema.order",
    "in {where} <{tag}> stands behind <{before}>",
    "{where} の <{tag}> が <{before}> の後にあります",
    "move it in front of that",
    "<{before}> の前に移動してください",
)
ID_TWICE = error(
    "schema.id",
    "the id {id} of {where} is that of {other} already",
    "{where} の ID {id} は {other} で既に使われています",
    "give it an id of its own",
    "別の ID を指定してください",
)
NAME_GONE = error(
    "schema.name-gone",
    "{where} has “{name}”, which no longer exists in {schema}",
    "{where} の「{name}」は {schema} では廃止されています",
    "take it out; a document of an older schema is brought up to date by cibadmin --upgrade --force",
    "削除してください（古いスキーマの文書は cibadmin --upgrade --force で更新できます）",
)
NO_SUCH_ID = error(
    "schema.reference",
    "{name} of {where} is {value}, and nothing has that id",
    "{where} の {name} が指す ID {value} は構成にありません",
    "define it, or take the reference out",
    "定義するか、参照を削除してください",
)

_KNOWN = frozenset({(1, 0), (1, 2), (1, 3)} | {(2, minor) for minor in range(11)} | {(3, minor) for minor in range(10)})
_OF_TODAY: Version = max(_KNOWN)


def _of_a_form(cure_en: str, cure_ja: str) -> ProblemKind:
    return error(
        "schema.value",
        "“{value}” can't be {name} of {where}",
        "「{value}」は {where} の {name} に指定できません",
        cure_en,
        cure_ja,
    )


_NOT_THE_FORM = {
    "words": _of_a_form("write one of: {known}", "次のいずれかを指定してください: {known}"),
    "id": _of_a_form(
        "begin with a letter or “_”, then letters, digits, “.”, “_” and “-”",
        "先頭は文字または「_」、以降は文字、数字、「.」、「_」、「-」にしてください",
    ),
    "reference": _of_a_form("write the id of another element", "他の要素の ID を指定してください"),
    "whole": _of_a_form("write a whole number", "整数を指定してください"),
    "unsigned": _of_a_form("write a whole number, 0 or more", "0 以上の整数を指定してください"),
    "positive": _of_a_form("write a whole number, 1 or more", "1 以上の整数を指定してください"),
    "score": _of_a_form(
        "write a whole number, INFINITY or -INFINITY", "整数、INFINITY、-INFINITY のいずれかを指定してください"
    ),
    "truth": _of_a_form("write true or false", "true または false を指定してください"),
    "devices": _of_a_form(
        "write the ids of devices, with commas between them", "デバイスの ID をカンマ区切りで指定してください"
    ),
    "ports": _of_a_form(
        "write a port, or two with “-” between them", "ポート番号、または「-」で区切った範囲を指定してください"
    ),
}


def check_schema(cib: Cib) -> list[Problem]:
    """All that the schema of the document does not allow in its configuration."""
    name = cib.root.get("validate-with")
    if name in ("", "none"):
        return []
    version = _OF_TODAY if name == "pacemaker-next" else schema_version(name)
    if version is not None and version > _OF_TODAY:
        return []
    if version not in _KNOWN:
        return [UNKNOWN_SCHEMA.at("cib", schema=name, current=CURRENT)]
    look = _Look(name, version)
    look.at(cib.root, "", "", "")
    look.references()
    return look.found


def new_in(before: Cib, after: Cib) -> list[Problem]:
    """What a change brings; an old mistake is not held against who changes something else."""
    found = check_schema(after)
    if not found:
        return []
    known = {(each.code, each.place, tuple(each.parameters.items())) for each in check_schema(before)}
    return [each for each in found if (each.code, each.place, tuple(each.parameters.items())) not in known]


class _Form(msgspec.Struct, frozen=True):
    """A shape, made ready for looking things up."""

    values: dict[str, Value]
    needed: tuple[str, ...]
    children: dict[str, tuple[int, int, int]]
    """tag -> (at least, at most, rank)"""
    wanted: tuple[str, ...]
    has_ranks: bool
    choices: tuple[tuple[Choice, frozenset[str]], ...]


@functools.cache
def _forms(version: Version) -> dict[str, _Form]:
    return {tag: _form(shape) for tag, shape in shapes(version).items()}


def _form(shape: Shape) -> _Form:
    return _Form(
        values={each.name: each.value for each in shape.attributes},
        needed=tuple(each.name for each in shape.attributes if each.is_needed),
        children={each.tag: (each.at_least, each.at_most, each.rank) for each in shape.children},
        wanted=tuple(each.tag for each in shape.children if each.at_least),
        has_ranks=any(each.rank for each in shape.children),
        choices=tuple((each, _names(each)) for each in shape.choices),
    )


def _names(choice: Choice) -> frozenset[str]:
    return frozenset(name for each in choice.alternatives for name in (*each.needs, *each.beside)) | frozenset(
        choice.also
    )


class _Look:
    """One walk through a document."""

    def __init__(self, schema: str, version: Version) -> None:
        self.found: list[Problem] = []
        self._schema, self._version = schema, version
        self._forms, self._gone = _forms(version), names_gone(version)
        self._ids: dict[str, str] = {}
        self._references: list[tuple[str, str, str, str]] = []

    def at(self, element: Element, owner: str, section: str, place: str) -> None:
        """Look at an element of the right place and at all that stands below. `place` is the next id outside."""
        form = self._forms[element.tag]
        place = element.id or element.get("uname") or place
        self._attributes(element, form, section, place)
        tags = [child.tag for child in element.children if child.tag != COMMENT] if element.children else ()
        if form.choices:
            self._choices(element, form, frozenset((*element.attributes, *tags)), place)
        self._children(element, form, list(tags), section, place)
        if gone := self._gone.get((owner, element.tag)):
            self._pairs(element, gone, place)
        for child in element.children:
            if child.tag in form.children and child.tag != "status":
                inside = child.tag if element.tag == "configuration" else section
                self.at(child, element.tag, inside, place)

    def _attributes(self, element: Element, form: _Form, section: str, place: str) -> None:
        for name, said in element.attributes.items():
            value = form.values.get(name)
            if value is None or self._is_too_early(section, element.tag, name):
                where, known = _where(element, place), ", ".join(sorted(form.values)) or "-"
                told = UNKNOWN_ATTRIBUTE.at(place, where=where, name=name, schema=self._schema, known=known)
                self.found.append(told)
            elif value.kind != "text":
                self._value(element, name, said, value, place)
        for name in form.needed:
            if name not in element.attributes:
                self._lacks(element, name, place)

    def _value(self, element: Element, name: str, said: str, value: Value, place: str) -> None:
        where = _where(element, place)
        if not value.fits(said, self._version):
            known = ", ".join(value.known(self._version))
            self.found.append(_NOT_THE_FORM[value.kind].at(place, where=where, name=name, value=said, known=known))
        said = said.strip()
        if value.kind == "id":
            if said in self._ids:
                self.found.append(ID_TWICE.at(place, where=where, id=said, other=self._ids[said]))
            self._ids.setdefault(said, where)
        elif value.kind == "reference":
            self._references.append((said, name, where, place))

    def references(self) -> None:
        """Names that lead nowhere: an id may be given further down than it is used."""
        for said, name, where, place in self._references:
            if said not in self._ids:
                self.found.append(NO_SUCH_ID.at(place, where=where, name=name, value=said))

    def _children(self, element: Element, form: _Form, tags: list[str], section: str, place: str) -> None:
        for tag in dict.fromkeys(tags):
            allowed = form.children.get(tag)
            if allowed is None or self._is_too_early(section, element.tag, tag):
                known = ", ".join(f"<{each}>" for each in form.children) or "-"
                where = _where(element, place)
                for child in element.all(tag):
                    self.found.append(MISPLACED.at(child.id or place, where=where, tag=tag, known=known))
            elif allowed[1] == 1 and tags.count(tag) > 1:
                self.found.append(TOO_MANY.at(place, where=_where(element, place), tag=tag, count=tags.count(tag)))
        for tag in form.wanted:
            if tag not in tags:
                self._lacks(element, f"<{tag}>", place)
        if form.has_ranks:
            self._order(element, form, [tag for tag in tags if tag in form.children], place)

    def _order(self, element: Element, form: _Form, tags: list[str], place: str) -> None:
        for before, tag in itertools.pairwise(tags):
            if form.children[before][2] > form.children[tag][2]:
                self.found.append(OUT_OF_ORDER.at(place, where=_where(element, place), tag=tag, before=before))

    def _choices(self, element: Element, form: _Form, present: frozenset[str], place: str) -> None:
        for choice, names in form.choices:
            if not _applies(choice, element):
                continue
            there = present & names
            if not there and not choice.is_needed:
                continue
            if any(_fits(each, there) for each in choice.alternatives):
                continue
            where = _where(element, place)
            choices = _listed(choice, form)
            if _is_part(choice, there):
                self._lacks(element, choices, place)
            elif there:
                said = ", ".join(_shown(name, form) for name in sorted(there))
                self.found.append(CONFLICT.at(place, where=where, names=said, choices=choices))

    def _lacks(self, element: Element, needed: str, place: str) -> None:
        self.found.append(MISSING.at(place, where=_where(element, place), needed=needed))

    def _pairs(self, block: Element, gone: frozenset[str], place: str) -> None:
        where = _where(block, place)
        for pair in block.all("nvpair"):
            # A pair that refers to another one may say any name.
            name, said = pair.get("name"), pair.get("value")
            at = pair.id or place
            if name in gone and "id-ref" not in pair.attributes:
                self.found.append(NAME_GONE.at(at, where=where, name=name, schema=self._schema))
            elif name == "cluster-infrastructure" and block.tag == "cluster_property_set" and not _is_a_stack(pair):
                told = _NOT_THE_FORM["words"].at(at, where=where, name=name, value=said, known="corosync")
                self.found.append(told)

    def _is_too_early(self, section: str, tag: str, name: str) -> bool:
        return self._version < LATER_IN.get((section, tag, name), (0, 0))


def _applies(choice: Choice, element: Element) -> bool:
    name, value = choice.when
    if name and (name not in element.attributes or (value and element.get(name) != value)):
        return False
    name, value = choice.unless
    return not name or element.get(name) != value


def _is_a_stack(pair: Element) -> bool:
    """Since 3.0 it has a value, and not that of a stack which Pacemaker gave up."""
    return "id-ref" in pair.attributes or pair.get("value", "heartbeat") not in STACKS_GONE


def _fits(alternative: Alternative, there: frozenset[str]) -> bool:
    return there.issuperset(alternative.needs) and there.issubset((*alternative.needs, *alternative.beside))


def _is_part(choice: Choice, there: frozenset[str]) -> bool:
    """Whether only something is missing."""
    return any(there.issubset((*each.needs, *each.beside)) for each in choice.alternatives)


def _listed(choice: Choice, form: _Form) -> str:
    return " / ".join(" + ".join(_shown(name, form) for name in each.needs) for each in choice.alternatives) or "-"


def _shown(name: str, form: _Form) -> str:
    return name if name in form.values else f"<{name}>"


def _where(element: Element, place: str) -> str:
    """`nvpair p-ip`; one without an id is told with the next one outside: `op (p)`."""
    own = element.id or element.get("uname")
    if own:
        return f"{element.tag} {own}"
    return f"{element.tag} ({place})" if place else element.tag
