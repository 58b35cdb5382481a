"""Rules and attribute sets: `params 2: rule #uname eq pm01 ip=10.0.0.1`.

Reads words; gives `<rule>` and `<instance_attributes>`-like elements (reference/crm-syntax, 3 and 4).
"""

from __future__ import annotations

from hacluster.cib.model import Element
from hacluster.cib.problems import ProblemKind, Severity
from hacluster.crm.ids import Ids
from hacluster.crm.words import BAD_SCORE, MISSING, UNEXPECTED, Words, score_attributes

OPERATIONS = ("lt", "gt", "lte", "gte", "eq", "ne")
TYPES = ("string", "integer", "number", "version")
_DATE_FIELDS = (
    *("seconds", "minutes", "hours", "monthdays", "weekdays", "yearsdays", "yeardays", "months", "weeks"),
    *("years", "weekyears", "moon", "days"),
)
MIXED_JOINS = ProblemKind(
    "crm.rule-mixed",
    Severity.ERROR,
    en="one rule joins its expressions with both “and” and “or”",
    ja="1 つのルールで and と or が混在しています",
    cure_en="write two rules",
    cure_ja="ルールを 2 つに分けてください",
)
BAD_OPERATION = ProblemKind(
    "crm.rule-operation",
    Severity.ERROR,
    en="“{word}” is no comparison",
    ja="「{word}」は比較演算子ではありません",
    cure_en="use lt, gt, lte, gte, eq, ne, defined or not_defined",
    cure_ja="lt, gt, lte, gte, eq, ne, defined, not_defined のいずれかを使用してください",
)


def score_in_front(words: Words) -> dict[str, str]:
    """`SCORE:` if that is the next word."""
    word = words.next
    if not word.endswith(":") or len(word) < 2 or "=" in word:
        return {}
    stored = score_attributes(word[:-1])
    if stored is None:
        words.fail(BAD_SCORE, text=word[:-1])
    words.take()
    return stored


def rule(words: Words, owner: str, ids: Ids, *, default_score: bool = True) -> Element:
    """After the word `rule`: `[$id=X] [role=R] [SCORE:] EXPR [and|or EXPR]…` or `$id-ref=X`."""
    reference = words.option("id-ref")
    if reference is not None:
        words.check_id(reference)
        return Element("rule", {"id-ref": reference})
    name = words.option("id")
    if name is not None:
        words.check_id(name)
    attributes = {"id": name or ids.new(f"{owner}-rule")}
    role = words.option("role")
    if role is not None:
        attributes["role"] = words.own_role(role)
    attributes |= score_in_front(words) or ({"score": "INFINITY"} if default_score else {})
    join = ""
    expressions = [_expression(words, attributes["id"], ids)]
    while words.next.lower() in ("and", "or"):
        word = words.take().lower()
        if join and word != join:
            words.fail(MIXED_JOINS)
        join = word
        expressions.append(_expression(words, attributes["id"], ids))
    if join == "or":
        attributes["boolean-op"] = "or"
    return Element("rule", attributes, tuple(expressions))


def _expression(words: Words, owner: str, ids: Ids) -> Element:
    first = words.take("an expression", "ATTRIBUTE eq VALUE")
    if first == "date":
        return _date(words, owner, ids)
    name = ids.new(f"{owner}-expression")
    if first in ("defined", "not_defined"):
        attribute = words.take("the attribute", f"{first} ATTRIBUTE")
        return Element("expression", {"id": name, "operation": first, "attribute": attribute})
    kind, _, operation = words.take("the comparison", f"{first} eq VALUE").rpartition(":")
    if operation not in OPERATIONS or (kind and kind not in TYPES):
        words.fail(BAD_OPERATION, word=f"{kind}:{operation}" if kind else operation)
    attributes = {"id": name, "operation": operation, "attribute": first}
    if kind:
        attributes["type"] = kind
    value = words.take("the value", f"{first} {operation} VALUE")
    for source in ("meta", "param"):
        if value.startswith(f"{source}{{") and value.endswith("}"):
            return Element("expression", {**attributes, "value": value[len(source) + 1 : -1], "value-source": source})
    return Element("expression", {**attributes, "value": value})


def _date(words: Words, owner: str, ids: Ids) -> Element:
    word = words.take("the comparison of the date", "date gt 2026-01-01").lower()
    name = ids.new(f"{owner}-expression")
    match word:
        case "gt" | "lt":
            moment = words.take("the date", f"date {word} 2026-01-01")
            side = "start" if word == "gt" else "end"
            return Element("date_expression", {"id": name, "operation": word, side: moment})
        case "in" | "in_range":
            return _date_range(words, name)
        case "spec" | "date_spec":
            fields = _date_fields(words)
            if not fields:
                words.fail(MISSING, what="a field of the date", form="date spec hours=9-17")
            spec = Element("date_spec", {"id": f"{name}-date_spec", **fields})
            return Element("date_expression", {"id": name, "operation": "date_spec"}, (spec,))
    words.fail(BAD_OPERATION, word=f"date {word}")


def _date_range(words: Words, name: str) -> Element:
    attributes = {"id": name, "operation": "in_range"}
    while "=" in words.next and words.next.partition("=")[0] in ("start", "end"):
        key, _, value = words.take().partition("=")
        attributes[key] = value
    fields = _date_fields(words)
    if "end" not in attributes and not fields:
        words.fail(MISSING, what="end= or a duration", form="date in start=2026-01-01 end=2026-02-01")
    children = (Element("duration", {"id": f"{name}-duration", **fields}),) if fields else ()
    return Element("date_expression", attributes, children)


def _date_fields(words: Words) -> dict[str, str]:
    fields: dict[str, str] = {}
    while "=" in words.next and words.next.partition("=")[0] in _DATE_FIELDS:
        key, _, value = words.take().partition("=")
        fields[key] = value
    return fields


# ---------------------------------------------------------------- attribute sets


def attribute_set(words: Words, tag: str, owner: str, ids: Ids, stop: frozenset[str], *, base: str = "") -> Element:
    """After the keyword: `[$id=X] [SCORE:] [rule …] name=value…`, up to the next keyword in `stop`."""
    reference = words.dollar("id-ref")
    if reference is not None:
        words.check_id(reference)
        return Element(tag, {"id-ref": reference})
    name = words.given_id()
    attributes = {"id": name or ids.new(base or f"{owner}-{tag}")}
    attributes |= score_in_front(words)
    children: list[Element] = []
    while words.next == "rule":
        words.take()
        children.append(rule(words, attributes["id"], ids))
    children += nvpairs(words, attributes["id"], ids, stop)
    return Element(tag, attributes, tuple(children))


def nvpairs(words: Words, owner: str, ids: Ids, stop: frozenset[str]) -> list[Element]:
    found: list[Element] = []
    while not words.at_end and words.next not in stop:
        word = words.take()
        if word.startswith("=") or (word.endswith(":") and "=" not in word):
            words.fail(UNEXPECTED, word=word, cure="NAME=VALUE")
        found.append(nvpair(word, owner, ids))
    return found


def nvpair(word: str, owner: str, ids: Ids) -> Element:
    """`name=value`, `name`, `$id:name=value`, `@id`, `@id:name`."""
    if word.startswith("@"):
        reference, _, name = word[1:].partition(":")
        return Element("nvpair", {"id-ref": reference, **({"name": name} if name else {})})
    given = ""
    if word.startswith("$") and ":" in word.partition("=")[0]:
        given, _, word = word[1:].partition(":")
    name, equals, value = word.partition("=")
    attributes = {"id": given or ids.new(f"{owner}-{name}"), "name": name}
    return Element("nvpair", {**attributes, "value": value} if equals else attributes)
