"""Constraints: location, colocation, order, ticket, and the resource sets they can hold.

Reads the words after the keyword; gives one `<rsc_…>` element (reference/crm-syntax, 3 and 5).
"""

from __future__ import annotations

import re

from hacluster.cib.model import Element
from hacluster.cib.problems import ProblemKind, Severity
from hacluster.crm.ids import Ids
from hacluster.crm.reading import Context, Read
from hacluster.crm.rules import rule
from hacluster.crm.words import ACTIONS, BAD_SCORE, BAD_WORD, MISSING, ROLES, UNEXPECTED, Words, score_attributes

LONELY = ProblemKind(
    "crm.one-resource",
    Severity.ERROR,
    en="{what} {id} names one resource only, so it says nothing",
    ja="{what} {id} にはリソースが 1 つしか指定されていません",
    cure_en="name at least two",
    cure_ja="2 つ以上指定してください",
)
BRACKETS = ProblemKind(
    "crm.bracket",
    Severity.ERROR,
    en="“{word}” opens or closes a set in the wrong place",
    ja="「{word}」の括弧の対応が正しくありません",
    cure_en="write ( a b ) or [ a b ]",
    cure_ja="( a b ) または [ a b ] の形で記述してください",
)
EMPTY_SET = ProblemKind(
    "crm.empty-set",
    Severity.ERROR,
    en="a set with no resource stands here",
    ja="リソースの無い括弧があります",
    cure_en="name its resources, or take the brackets away",
    cure_ja="リソースを記述するか、括弧を取り除いてください",
)
_YES = ("true", "yes", "on", "y", "1")
_NO = ("false", "no", "off", "n", "0")
_KINDS = ("Mandatory", "Optional", "Serialize")


def _read(element: Element) -> Read:
    return Read("constraints", (element,))


# ---------------------------------------------------------------- location


def location(words: Words, context: Context) -> Read:
    name = words.id("the id", "location ID RSC SCORE: NODE")
    attributes = {"id": name}
    children: list[Element] = []
    resource = words.take("the resource", f"location {name} RSC SCORE: NODE")
    if resource == "{":
        children += _braced_sets(words, name, context.ids)
    elif resource.startswith("/") and resource.endswith("/") and len(resource) > 2:
        attributes["rsc-pattern"] = resource[1:-1]
    else:
        attributes["rsc"] = resource
    for option in ("role", "resource-discovery", "role"):
        found = words.option(option)
        if found is not None:
            attributes[option] = words.own_role(found) if option == "role" else found
    if words.next == "rule":
        while words.next == "rule":
            words.take()
            children.append(rule(words, name, context.ids))
    else:
        attributes |= _score_and_node(words, name)
    words.must_end()
    return _read(Element("rsc_location", attributes, tuple(children)))


def _score_and_node(words: Words, name: str) -> dict[str, str]:
    form = f"location {name} RSC SCORE: NODE"
    score = words.take("the score or a rule", form)
    if not score.endswith(":"):
        words.fail(MISSING, what="the colon after the score", form=form)
    stored = score_attributes(score[:-1]) or {"score-attribute": score[:-1]}
    if "score" not in stored:
        words.doubt(BAD_SCORE, text=score[:-1])
    return {**stored, "node": words.take("the node", form)}


def _braced_sets(words: Words, name: str, ids: Ids) -> list[Element]:
    inner: list[str] = []
    while words.next != "}":
        inner.append(words.take("the closing brace", "{ a b }"))
    words.take()
    return _sets(words, inner, name, ids, "role")


# ---------------------------------------------------------------- sets


def _split_word(word: str) -> tuple[str, str]:
    """`rsc:Role` -> (rsc, Role)"""
    resource, _, detail = word.rpartition(":")
    return (resource, detail) if resource else (word, "")


def _sets(words: Words, members: list[str], name: str, ids: Ids, kind: str) -> list[Element]:
    """Resource sets of a chain such as `a ( b c ) d:Master`; `kind` is what follows a colon: role or action."""
    found: list[Element] = []
    opened = ""
    current: list[str] = []
    options: dict[str, str] = {}
    detail = ""

    def close() -> None:
        nonlocal current, options, detail
        if current:
            found.append(_one_set(words, current, detail, options, opened, (ids.new(f"{name}-{len(found)}"), kind)))
        current, options, detail = [], {}, ""

    for word in members:
        if word in ("(", "[") and not opened:
            close()
            opened = word
        elif word in (")", "]") and opened == {")": "(", "]": "["}[word]:
            if not current:
                words.fail(EMPTY_SET)
            close()
            opened = ""
        elif not word or word.strip("()[]") == "":
            words.fail(BRACKETS, word=word)
        elif "=" in word and word.partition("=")[0] in ("sequential", "require-all"):
            key, _, value = word.partition("=")
            options[key] = value
        else:
            resource, new_detail = _split_word(word)
            if current and new_detail != detail:
                close()
            detail = new_detail
            current.append(resource)
    if opened:
        words.fail(BRACKETS, word=opened)
    close()
    return found


def _one_set(
    words: Words, members: list[str], detail: str, options: dict[str, str], opened: str, naming: tuple[str, str]
) -> Element:
    name, kind = naming
    attributes = {"id": name}
    if opened == "[":
        attributes["require-all"] = "false"
    if options.get("sequential", "false" if opened else "true") != "true":
        attributes["sequential"] = "false"
    needs_all = options.get("require-all")
    if opened == "[" and needs_all == "true":
        del attributes["require-all"]
    elif needs_all and opened != "[":
        attributes["require-all"] = needs_all
    if detail:
        attributes[kind] = words.role(detail) if kind == "role" else words.one_of(detail, ACTIONS, "action")
    return Element("resource_set", attributes, tuple(Element("resource_ref", {"id": member}) for member in members))


_BRACKETED = re.compile(r"[(\[]|[)\]]|[^()\[\]]+")


def _take_members(words: Words, option: str) -> tuple[list[str], str]:
    """(resources and brackets, the value of the one option that the statement knows)"""
    members: list[str] = []
    chosen = ""
    while not words.at_end:
        word = words.take()
        key, equals, value = word.partition("=")
        if equals and key == option:
            chosen = value
        elif equals and key not in ("sequential", "require-all"):
            words.fail(UNEXPECTED, word=word, cure=f"{option}=")
        elif equals or not word:
            members.append(word)
        else:
            members += _BRACKETED.findall(word)
    return members, chosen


def _is_simple(members: list[str]) -> bool:
    return len(members) == 2 and not any(word in ("(", ")", "[", "]") for word in members)


# ---------------------------------------------------------------- colocation


def colocation(words: Words, context: Context) -> Read:
    name = words.id("the id", "colocation ID SCORE: RSC WITH")
    attributes = {"id": name, **_leading_score(words, f"colocation {name} SCORE: RSC WITH")}
    members, attribute = _take_members(words, "node-attribute")
    if attribute:
        attributes["node-attribute"] = attribute
    _expect_several(words, members, "colocation", name)
    if not _is_simple(members):
        forced = [word for word in members if word != "_rsc_set_"]
        return _read(Element("rsc_colocation", attributes, tuple(_sets(words, forced, name, context.ids, "role"))))
    for word, key in zip(members, ("rsc", "with-rsc"), strict=True):
        resource, role = _split_word(word)
        attributes[key] = resource
        if role:
            attributes[f"{key}-role"] = words.role(role)
    return _read(Element("rsc_colocation", attributes))


def _leading_score(words: Words, form: str) -> dict[str, str]:
    score = words.take("the score", form)
    if not score.endswith(":"):
        words.fail(MISSING, what="the score with its colon", form=form)
    stored = score_attributes(score[:-1])
    if stored is None:
        words.fail(BAD_SCORE, text=score[:-1])
    return stored


def _expect_several(words: Words, members: list[str], kind: str, name: str) -> None:
    named = [word for word in members if word not in ("(", ")", "[", "]", "_rsc_set_") and "=" not in word]
    if not named:
        words.fail(MISSING, what="the resources", form=f"{kind} {name} … RSC RSC")
    if len(named) < 2:
        words.doubt(LONELY, what=kind, id=name)


# ---------------------------------------------------------------- order


def order(words: Words, context: Context) -> Read:
    name = words.id("the id", "order ID Mandatory: FIRST THEN")
    attributes = {"id": name}
    if words.next.endswith(":") and len(words.next) > 1:
        attributes["kind"] = _kind_of(words, words.take()[:-1])
    members, symmetrical = _take_members(words, "symmetrical")
    if symmetrical:
        is_so = words.one_of(symmetrical, (*_YES, *_NO), "symmetrical") in _YES
        attributes["symmetrical"] = "true" if is_so else "false"
    _expect_several(words, members, "order", name)
    if not _is_simple(members):
        forced = [word for word in members if word != "_rsc_set_"]
        return _read(Element("rsc_order", attributes, tuple(_sets(words, forced, name, context.ids, "action"))))
    for word, key in zip(members, ("first", "then"), strict=True):
        resource, action = _split_word(word)
        attributes[key] = resource
        if action:
            attributes[f"{key}-action"] = words.one_of(action, ACTIONS, "action")
    return _read(Element("rsc_order", attributes))


def _kind_of(words: Words, text: str) -> str:
    for kind in _KINDS:
        if kind.lower() == text.lower():
            return kind
    stored = score_attributes(text)
    if stored is None or "score" not in stored:
        words.fail(BAD_WORD, word=text, what="kind", known=", ".join(_KINDS))
    return "Optional" if stored["score"].lstrip("+-") == "0" else "Mandatory"


# ---------------------------------------------------------------- ticket


def ticket(words: Words, context: Context) -> Read:
    name = words.id("the id", "rsc_ticket ID TICKET: RSC")
    found = words.take("the ticket", f"rsc_ticket {name} TICKET: RSC")
    if not found.endswith(":"):
        words.fail(MISSING, what="the colon after the ticket", form=f"rsc_ticket {name} TICKET: RSC")
    attributes = {"id": name, "ticket": found[:-1]}
    members, policy = _take_members(words, "loss-policy")
    if policy:
        attributes["loss-policy"] = words.one_of(policy, ("stop", "demote", "fence", "freeze"), "loss-policy")
    if not members:
        words.fail(MISSING, what="the resource", form=f"rsc_ticket {name} {found} RSC")
    if len(members) > 1:
        return _read(Element("rsc_ticket", attributes, tuple(_sets(words, members, name, context.ids, "role"))))
    resource, role = _split_word(members[0])
    attributes["rsc"] = resource
    if role:
        attributes["rsc-role"] = words.role(role)
    return _read(Element("rsc_ticket", attributes))


__all__ = ["ROLES", "colocation", "location", "order", "ticket"]
