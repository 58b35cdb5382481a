"""Template filters of the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webui import changes

register = template.Library()


@register.filter
def entity(entities: Mapping[str, Any], key: str) -> Any:
    """The entity of this key; an empty one where there is none."""
    return entities.get(key) or {"cls": "", "shape": "", "parts": {}}


@register.filter
def of_kind(entities: Mapping[str, Any], kind: str) -> list[tuple[str, Any]]:
    """(key, entity) of a list such as `problem`, in its order."""
    found = [(key, each) for key, each in entities.items() if key.startswith(f"{kind}:")]
    return sorted(found, key=lambda pair: pair[1].get("order", 0))


@register.simple_tag
def shape(name: str, word: str = "") -> SafeString:
    """A shape of the sprite; decoration, because the word stands beside it."""
    return format_html(
        '<svg class="shape shape-{0}" data-shape aria-hidden="true"><use href="/static/shapes.svg#{0}"></use></svg>',
        name or "dash",
    )


@register.filter
def part(entity: Mapping[str, Any], name: str) -> str:
    return str(entity.get("parts", {}).get(name, ""))


@register.filter
def change(line: str) -> str:
    """`Move prmPg (Started pm01 -> pm02)` in the reader's language."""
    return changes.change_sentence(line)


@register.filter
def step(text: str) -> str:
    """`start prmPg @pm02` in the reader's language."""
    return changes.step_sentence(text)


@register.filter
def item(mapping: Any, key: Any) -> Any:
    return mapping.get(key, "") if hasattr(mapping, "get") else ""
