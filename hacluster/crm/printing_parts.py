"""What every printed statement is made of: quoted values, attribute sets, rules, scores."""

from __future__ import annotations

import re

import msgspec

from hacluster.cib.model import COMMENT, Element
from hacluster.crm.words import score_attributes

_PLAIN = re.compile(r"[\w.\-]+", re.ASCII)
_SECRET = re.compile(r"passw", re.IGNORECASE)
_READ_AS_ESCAPE = re.compile(r'\\(?=[\\"]|$)')
"""A backslash that would take the next character for itself."""
_NO_WORD = re.compile(r"[\s\"'\\\u00a5\uffe5\uff3c]")
_NO_NAME = re.compile(r"[\s\"'\\=\u00a5\uffe5\uff3c]")
_KEYWORDS = frozenset(
    (
        *("rule", "params", "meta", "utilization", "operations", "op", "op_params", "op_meta", "attributes"),
        *("network", "port-mapping", "storage", "storage-mapping", "primitive", "to", "select", "{", "}"),
    )
)
"""Words that end a set of pairs or begin something else in it."""


class CantSay(Exception):
    """The language has no words for this; it is printed as XML."""


def quoted(value: str) -> str:
    """The value as one word: bare when it is made of word characters, else in double quotes."""
    if _PLAIN.fullmatch(value):
        return value
    if "\n" in value:
        raise CantSay
    escaped = _READ_AS_ESCAPE.sub(r"\\\\", value).replace('"', '\\"')
    return f'"{escaped}"'


def plain(text: str) -> str:
    """A word that stands without quotes: a name, not a value."""
    if not text or _NO_WORD.search(text):
        raise CantSay
    return text


def _can_be_said(name: str, value: str | None) -> bool:
    """Whether a pair of this name is read as one again: not as a keyword, a score, an id or several words."""
    if not name or _NO_NAME.search(name) or name[0] in "@$":
        return False
    return value is not None or not (name.endswith(":") or name in _KEYWORDS)


def joined(lines: list[str]) -> str:
    return " \\\n\t".join(lines)


class Style(msgspec.Struct, frozen=True):
    """What the whole document says about how its parts are printed."""

    referenced: frozenset[str] = frozenset()
    """Ids that something refers to: these have to be named."""
    hide_secrets: bool = False
    as_crmsh: bool = False
    """Byte for byte as crmsh prints it, even where that can't be loaded again (docs/decisions/0011)."""

    def pairs(self, holder: Element) -> list[str]:
        return [self._pair(pair) for pair in holder.all("nvpair")]

    def _pair(self, pair: Element) -> str:
        name, value = pair.get("name"), pair.attributes.get("value")
        if "id-ref" in pair.attributes:
            return f"@{pair.get('id-ref')}:{name}" if name else f"@{pair.get('id-ref')}"
        if not _can_be_said(name, value):
            raise CantSay
        prefix = f"${pair.id}:" if not self.as_crmsh and pair.id in self.referenced else ""
        if value is None:
            return f"{prefix}{name}"
        if self.hide_secrets and _SECRET.match(name):
            value = "******"
        return f"{prefix}{name}={quoted(value)}"

    @staticmethod
    def score(element: Element) -> str:
        """`inf:` `-inf:` `200:` or the attribute's name."""
        text = element.get("score-attribute")
        if text:
            if score_attributes(text) != {"score-attribute": text}:
                raise CantSay
            return f"{text}:"
        text = element.get("score", "INFINITY")
        if score_attributes(text) != {"score": text}:
            raise CantSay
        return {"INFINITY": "inf", "-INFINITY": "-inf", "+INFINITY": "+inf"}.get(text, text) + ":"

    def rule(self, element: Element) -> str:
        """`rule [$id=X] [$role=R] SCORE: EXPR and EXPR`"""
        if element.get("id-ref"):
            return f"rule $id-ref={quoted(element.get('id-ref'))}"
        words = ["rule"]
        if element.id in self.referenced:
            words.append(f"$id={quoted(element.id)}")
        if element.get("role"):
            words.append(f"$role={element.get('role')}")
        if element.get("score-attribute") or element.get("score", "INFINITY") != "INFINITY":
            words.append(self.score(element))
        join = f" {element.get('boolean-op', 'and')} "
        inner = [_expression(child) for child in element.children if child.tag != COMMENT]
        return " ".join([*words, join.join(inner)])


def _expression(element: Element) -> str:
    operation = element.get("operation")
    if element.tag == "expression":
        attribute = element.get("attribute")
        if operation in ("defined", "not_defined"):
            return f"{operation} {plain(attribute)}"
        kind = f"{element.get('type')}:" if element.get("type") else ""
        value = element.get("value")
        source = element.get("value-source")
        shown = f"{source}{{{value}}}" if source and source != "literal" else quoted(value)
        return f"{plain(attribute)} {kind}{operation} {shown}"
    if element.tag == "date_expression":
        return _date(element, operation)
    raise CantSay


def _date(element: Element, operation: str) -> str:
    def fields(found: Element) -> str:
        return " ".join(f"{name}={quoted(value)}" for name, value in found.attributes.items() if name != "id")

    inner = " ".join(fields(child) for child in element.all("date_spec", "duration"))
    match operation:
        case "gt":
            return f"date gt {quoted(element.get('start'))}"
        case "lt":
            return f"date lt {quoted(element.get('end'))}"
        case "in_range":
            ends = [f"{side}={quoted(element.get(side))}" for side in ("start", "end") if element.get(side)]
            return " ".join(["date in", *ends, *([inner] if inner else [])])
        case "date_spec":
            return f"date spec {inner}"
    raise CantSay


def set_words(keyword: str, element: Element, style: Style) -> str:
    """`params [$id=X] [SCORE:] [rule …] a=1 b=2`"""
    if element.get("id-ref"):
        return f"{keyword} $id-ref={quoted(element.get('id-ref'))}"
    words = [keyword]
    if not style.as_crmsh and element.id in style.referenced:
        words.append(f"$id={quoted(element.id)}")
    if element.get("score") or element.get("score-attribute"):
        words.append(style.score(element))
    words += [style.rule(child) for child in element.all("rule")]
    return " ".join([*words, *style.pairs(element)])
