"""`alert`: a program that is told what happens, and whom it tells.

Reads the words after the keyword; gives one `<alert>` element (reference/crm-syntax, 3).
"""

from __future__ import annotations

from hacluster.cib.model import Element
from hacluster.crm.reading import Context, Read
from hacluster.crm.rules import attribute_set
from hacluster.crm.words import MISSING, UNEXPECTED, Words, description

_ALERT_STOP = frozenset({"attributes", "meta", "select", "to", "}"})


def alert(words: Words, context: Context) -> Read:
    name = words.id("the id", "alert ID PATH")
    attributes = {"id": name, "path": words.take("the path", f"alert {name} /path/to/script")}
    children: list[Element] = []
    number = 0
    while not words.at_end:
        if description(words, attributes):
            continue
        word = words.take()
        match word:
            case "attributes" | "meta":
                target = "instance_attributes" if word == "attributes" else "meta_attributes"
                children.append(attribute_set(words, target, name, context.ids, _ALERT_STOP))
            case "select":
                children.append(_select(words, name, context))
            case "to":
                number += 1
                children.append(_recipient(words, f"{name}-recipient-{number}", context))
            case _:
                words.fail(UNEXPECTED, word=word, cure="attributes, meta, select, to")
    return Read("alerts", (Element("alert", attributes, tuple(children)),))


def _select(words: Words, owner: str, context: Context) -> Element:
    kinds: list[Element] = []
    while words.next in ("nodes", "fencing", "resources") or (words.next, words.after_next) == ("attributes", "{"):
        kind = words.take()
        kinds.append(Element(f"select_{kind}", {}, _selected(words, owner, context) if kind == "attributes" else ()))
    if not kinds:
        words.fail(MISSING, what="what to select", form="select nodes fencing")
    return Element("select", {}, tuple(kinds))


def _selected(words: Words, owner: str, context: Context) -> tuple[Element, ...]:
    """The names in the braces that come next."""
    words.take()
    names: list[Element] = []
    while words.next != "}":
        name = words.take("the closing brace", "select attributes { NAME… }")
        names.append(Element("attribute", {"id": context.ids.numbered(owner), "name": name}))
    words.take()
    return tuple(names)


def _recipient(words: Words, name: str, context: Context) -> Element:
    has_brace = words.next == "{"
    if has_brace:
        words.take()
    given = words.dollar("id")
    attributes = {"id": given or context.ids.new(name)}
    value = words.take("the recipient", "to VALUE")
    attributes["value"] = value
    sets: list[Element] = []
    while words.next in ("attributes", "meta") or words.next.startswith("description="):
        if description(words, attributes):
            continue
        target = "instance_attributes" if words.take() == "attributes" else "meta_attributes"
        sets.append(attribute_set(words, target, attributes["id"], context.ids, _ALERT_STOP))
    if has_brace:
        if words.next != "}":
            words.fail(MISSING, what="the closing brace", form="to { VALUE … }")
        words.take()
    return Element("recipient", attributes, tuple(sets))
