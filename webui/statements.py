"""One object of the configuration as the lines an operator compares: one fact a line, ids of helpers left out.

Reads an `Element`; gives text. It is for eyes and for comparing two configurations; crm/printer prints what crm reads.
"""

from __future__ import annotations

from hacluster.cib.model import COMMENT, Element

_BLOCKS = {"instance_attributes": "params", "meta_attributes": "meta", "utilization": "utilization"}


def statement_of(element: Element) -> str:
    return "\n".join(_lines(element))


def _lines(element: Element) -> list[str]:
    agent = ":".join(part for part in (element.get("class"), element.get("provider"), element.get("type")) if part)
    known = ("id", "uname", "class", "provider", "type")
    rest = " ".join(f"{name}={value}" for name, value in element.attributes.items() if name not in known)
    head = " ".join(part for part in (element.tag, element.get("uname") or element.id, agent, rest) if part)
    lines = [head]
    for child in element.children:
        lines += [f"  {line}" for line in _inner(child)]
    return lines


def _inner(element: Element) -> list[str]:
    match element.tag:
        case "nvpair":
            return [f"{element.get('name')}={element.get('value')}"]
        case "instance_attributes" | "meta_attributes" | "utilization":
            lines = [line for child in element.children for line in _inner(child)]
            return [f"{_BLOCKS[element.tag]} {line}" for line in lines]
        case "operations":
            return [line for child in element.children for line in _inner(child)]
        case "op":
            said = " ".join(
                f"{name}={value}" for name, value in element.attributes.items() if name not in ("id", "name")
            )
            return [
                f"op {element.get('name')} {said}",
                *(f"  {each}" for child in element.children for each in _inner(child)),
            ]
        case "rule":
            told = " ".join(f"{name}={value}" for name, value in element.attributes.items() if name != "id")
            return [f"rule {told}", *(f"  {each}" for child in element.children for each in _inner(child))]
        case "expression":
            return [" ".join(element.get(name) for name in ("attribute", "operation", "value") if element.get(name))]
        case tag if tag == COMMENT:
            return []
        case _:
            return _lines(element)
