"""Configuration → crm text, as `crm configure show` prints it.

Reads a `<configuration>`; gives statements, each with the id of its object, so that two configurations can be compared
statement by statement. What the language can't say is printed as `xml <…>`. Parsing what is printed gives the
configuration again, except for ids that nothing refers to (reference/crm-syntax, 6).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from hacluster.cib.codec import to_xml
from hacluster.cib.model import COMMENT, Element
from hacluster.crm.printing_constraints import print_constraint
from hacluster.crm.printing_parts import CantSay, Style, joined, plain, quoted, set_words
from hacluster.crm.words import ID_PATTERN, agent_attributes

_ORDER = (
    ("nodes", ("node",)),
    ("resources", ("template",)),
    ("resources", ("primitive",)),
    ("resources", ("bundle",)),
    ("resources", ("group",)),
    ("resources", ("master",)),
    ("resources", ("clone",)),
    ("tags", ("tag",)),
    ("constraints", ("rsc_location", "rsc_colocation", "rsc_order")),
    ("constraints", ("rsc_ticket",)),
)
_SECRET = re.compile(r"passw", re.IGNORECASE)


class Printed(msgspec.Struct, frozen=True):
    """One statement."""

    id: str
    kind: str
    text: str


def statements(configuration: Element, *, hide_secrets: bool = False, as_crmsh: bool = False) -> list[Printed]:
    """Every object as a statement, in the order of `configure show`.

    `as_crmsh`: byte for byte what crmsh prints, even where that can't be loaded again (docs/decisions/0011).
    """
    return list(_Printer(configuration, hide_secrets, as_crmsh).all())


def show(configuration: Element, *, hide_secrets: bool = False, as_crmsh: bool = False) -> str:
    printed = statements(configuration, hide_secrets=hide_secrets, as_crmsh=as_crmsh)
    return "".join(f"{found.text}\n" for found in printed)


class _Printer:
    def __init__(self, configuration: Element, hide_secrets: bool, as_crmsh: bool) -> None:
        self._configuration = configuration
        references = {e.attributes["id-ref"] for e in configuration.walk() if e.get("id-ref")}
        self._style = Style(frozenset(references), hide_secrets, as_crmsh)

    def _section(self, tag: str) -> Element:
        return self._configuration.find(tag) or Element(tag)

    def all(self) -> Iterator[Printed]:
        everything = {
            section: list(self._with_members(self._section(section))) for section in dict.fromkeys(s for s, _ in _ORDER)
        }
        for section, tags in _ORDER:
            for element in sorted((e for e in everything[section] if e.tag in tags), key=_sort_key):
                yield self._one(element)
        yield from self._topology()
        for section, tag, keyword in (
            ("crm_config", "cluster_property_set", "property"),
            ("rsc_defaults", "meta_attributes", "rsc_defaults"),
            ("op_defaults", "meta_attributes", "op_defaults"),
        ):
            for found in sorted(self._section(section).all(tag), key=_sort_key):
                yield self._guarded(found, keyword, partial(_print_set, keyword, self._style), section)
        acls = self._section("acls")
        for tags in (("acl_role",), ("acl_target", "acl_group", "acl_user")):
            for element in sorted(acls.all(*tags), key=_sort_key):
                yield self._one(element)
        for element in sorted(self._section("alerts").all("alert"), key=_sort_key):
            yield self._one(element)

    def _with_members(self, section: Element) -> Iterator[Element]:
        """Every object of a section; the members of a container stand for themselves, unless its XML holds them."""
        for element in section.children:
            if element.tag == COMMENT:
                continue
            yield element
            if element.tag in ("group", "clone", "master", "bundle") and self._can_say(element):
                yield from self._with_members(element)

    def _can_say(self, element: Element) -> bool:
        try:
            self._print(_without_comments(element))
        except CantSay:
            return False
        return True

    def _one(self, element: Element) -> Printed:
        return self._guarded(element, element.tag, self._print)

    def _guarded(self, element: Element, kind: str, printer: Callable[[Element], str], section: str = "") -> Printed:
        """`section`: where the element belongs, if its tag alone doesn't say."""
        try:
            if element.tag != "node" and not ID_PATTERN.fullmatch(element.id):
                raise CantSay
            text = printer(_without_comments(element))
        except CantSay:
            is_named = section.endswith("_defaults")
            text = _print_xml(Element(section, {}, (element,)) if is_named else element)
        comments = "".join(f"{_comment(child.text)}\n" for child in element.all(COMMENT))
        return Printed(element.id or element.get("uname"), kind, comments + text)

    def _print(self, element: Element) -> str:
        style = self._style
        match element.tag:
            case "node":
                return _print_node(element, style)
            case "primitive" | "template":
                return _print_primitive(element, style)
            case "group" | "clone" | "master":
                return _print_container(element, style)
            case "bundle":
                return _print_bundle(element, style)
            case "tag":
                return " ".join(["tag", element.id, *(plain(ref.id) for ref in element.all("obj_ref"))])
            case "alert":
                return _print_alert(element, style)
            case "acl_role":
                return _print_role(element)
            case "acl_target" | "acl_group":
                return joined([f"{element.tag} {plain(element.id)}", *(plain(role.id) for role in element.children)])
            case "acl_user":
                return joined([f"user {plain(element.id)}", *map(_print_old_right, element.children)])
        return print_constraint(element, style)

    def _topology(self) -> Iterator[Printed]:
        section = self._section("fencing-topology")
        if not section.children:
            return
        nodes = [node.get("uname") for node in self._section("nodes").all("node")]
        try:
            text = joined(_topology_lines(section, nodes))
        except CantSay:
            text = _print_xml(section)
        yield Printed("fencing_topology", "fencing_topology", text)


def _topology_lines(section: Element, nodes: list[str]) -> list[str]:
    """The levels of each target, or those of all nodes in one line if they are the same everywhere."""
    if any(child.tag not in ("fencing-level", COMMENT) for child in section.children):
        raise CantSay
    by_target: dict[str, list[str]] = {}
    for level in sorted(section.all("fencing-level"), key=lambda found: int(found.get("index", "0") or 0)):
        by_target.setdefault(plain(_target(level)), []).append(plain(level.get("devices")))
    levels = {target: " ".join(devices) for target, devices in by_target.items()}
    if nodes and levels.keys() == {f"{name}:" for name in nodes} and len(set(levels.values())) == 1:
        return [f"fencing_topology {next(iter(levels.values()))}"]
    kinds = ("pattern:", "attr:")
    targets = sorted(levels, key=lambda target: (target.startswith(kinds), target.startswith("attr:"), target))
    return ["fencing_topology", *(f"{target} {levels[target]}" for target in targets)]


def _sort_key(element: Element) -> str:
    return element.id


def _comment(text: str) -> str:
    return text.strip() if text.strip().startswith("#") else f"# {text.strip()}"


def _without_comments(element: Element) -> Element:
    return element.with_children(tuple(child for child in element.children if child.tag != COMMENT))


def _print_xml(element: Element) -> str:
    if element.tag == "node" and element.id == element.get("uname"):
        shown = _made_ids_last(element, element.id)
    else:
        shown = element.mapping_children(lambda child: _made_ids_last(child, element.id))
    return "xml " + " \\\n".join(to_xml(shown).rstrip("\n").split("\n"))


def _made_ids_last(element: Element, owner: str) -> Element:
    """crmsh writes the ids that it made from the owner's behind all other attributes."""
    attributes = dict(element.attributes)
    if owner and element.id.startswith(owner) and element.tag not in ("resource_ref", "obj_ref", "recipient"):
        attributes["id"] = attributes.pop("id")
    children = element.mapping_children(lambda child: _made_ids_last(child, owner)).children
    return Element(element.tag, attributes, children, element.text)


def _target(level: Element) -> str:
    if level.get("target-pattern"):
        return f"pattern:{level.get('target-pattern')}"
    if level.get("target-attribute"):
        return f"attr:{level.get('target-attribute')}={level.get('target-value')}"
    return f"{level.get('target')}:"


# ---------------------------------------------------------------- one object each


def _description(element: Element) -> list[str]:
    return [f"description={quoted(element.get('description'))}"] if "description" in element.attributes else []


def _print_node(element: Element, style: Style) -> str:
    identity, uname = element.id, element.get("uname")
    kind = element.get("type")
    if kind == "normal" or "=" in identity:
        raise CantSay
    head = ["node", plain(f"{identity}:")] if identity != uname else ["node"]
    head.append(plain(f"{uname}:{kind}" if kind else uname))
    lines = [" ".join(head), *_description(element)]
    for child in element.children:
        keyword = {"instance_attributes": "attributes", "utilization": "utilization"}.get(child.tag)
        if keyword is None:
            raise CantSay
        lines.append(set_words(keyword, child, style))
    return joined(lines)


def agent_of(element: Element) -> str:
    """`Filesystem` for heartbeat's agents, else class, provider and type."""
    parts = [element.get(name) for name in ("class", "provider", "type") if element.get(name)]
    return parts[-1] if parts[:2] == ["ocf", "heartbeat"] else ":".join(parts)


def _agent_word(element: Element) -> str:
    """The agent, if the word is read as the same one again."""
    word = plain(agent_of(element))
    named = {name: element.get(name) for name in ("class", "provider", "type") if element.get(name)}
    if agent_attributes(word) != named:
        raise CantSay
    return word


_SET_KEYWORDS = {"instance_attributes": "params", "meta_attributes": "meta", "utilization": "utilization"}


def _print_primitive(element: Element, style: Style) -> str:
    keyword = "rsc_template" if element.tag == "template" else "primitive"
    agent = f"@{plain(element.get('template'))}" if element.get("template") else _agent_word(element)
    lines = [" ".join([keyword, element.id, agent]), *_description(element)]
    for child in element.children:
        if child.tag in _SET_KEYWORDS:
            lines.append(set_words(_SET_KEYWORDS[child.tag], child, style))
        elif child.tag == "operations":
            lines += _print_operations(child, style)
        else:
            raise CantSay
    return joined(lines)


def _print_operations(element: Element, style: Style) -> list[str]:
    lines = []
    if element.get("id-ref"):
        gap = "  " if style.as_crmsh else " "
        return [f"operations{gap}$id-ref={quoted(element.get('id-ref'))}"]
    if element.id:
        lines.append(f"operations $id={quoted(element.id)}")
    for op in element.all("op"):
        lines += _print_operation(op, style)
    return lines


def _print_operation(op: Element, style: Style) -> list[str]:
    if not ID_PATTERN.fullmatch(op.get("name")):
        raise CantSay
    words = ["op", op.get("name")]
    words += [f"{name}={quoted(value)}" for name, value in op.attributes.items() if name not in ("id", "name")]
    rest: list[str] = []
    for child in op.children:
        if child.tag in _SET_KEYWORDS:
            rest.append(set_words(f"op_{_SET_KEYWORDS[child.tag]}", child, style))
        else:
            raise CantSay
    return [" ".join(words), *rest]


def _print_container(element: Element, style: Style) -> str:
    keyword = {"master": "ms"}.get(element.tag, element.tag)
    members = [child.id for child in element.all("primitive", "group", "clone", "master")]
    lines = [" ".join([keyword, element.id, *members]), *_description(element)]
    for child in element.children:
        if child.tag in ("instance_attributes", "meta_attributes"):
            lines.append(set_words(_SET_KEYWORDS[child.tag], child, style))
    return joined(lines)


def _print_bundle(element: Element, style: Style) -> str:
    lines = [f"bundle {element.id}", *_description(element)]
    for child in element.children:
        match child.tag:
            case "primitive":
                lines.append(f"primitive {child.id}")
            case "meta_attributes":
                lines.append(set_words("meta", child, style))
            case _:
                lines.append(" ".join(map(_bundle_part, (child, *child.children))))
    return joined(lines)


def _bundle_part(element: Element) -> str:
    return " ".join([element.tag, *(f"{name}={quoted(value)}" for name, value in element.attributes.items())])


def _print_set(keyword: str, style: Style, element: Element) -> str:
    lines = [f"{keyword} {plain(element.id)}:"]
    if element.get("score") or element.get("score-attribute"):
        lines[0] += f" {style.score(element)}"
    lines += [style.rule(child) for child in element.all("rule")]
    return joined([*lines, *style.pairs(element)])


def _print_alert(element: Element, style: Style) -> str:
    lines = [f'alert {element.id} "{element.get("path")}"', *_description(element)]
    for position, child in enumerate(element.children):
        match child.tag:
            case "instance_attributes":
                lines.append(set_words("attributes", child, style))
            case "meta_attributes":
                lines.append(set_words("meta", child, style))
            case "select":
                lines.append("select " + " ".join(_selected(kind) for kind in child.children))
            case "recipient":
                after = element.children[position + 1 : position + 2]
                # Braces keep what belongs to the alert from being read as the recipient's.
                needs_braces = any(following.tag.endswith("_attributes") for following in after)
                lines.append(_print_recipient(child, style, needs_braces=needs_braces))
            case _:
                raise CantSay
    return joined(lines)


def _print_recipient(element: Element, style: Style, *, needs_braces: bool) -> str:
    if style.as_crmsh and element.get("description"):
        raise CantSay
    words = [quoted(element.get("value")), *_description(element)]
    for inner in element.children:
        keyword = "attributes" if inner.tag == "instance_attributes" else "meta"
        words.append(set_words(keyword, inner, style))
    return " ".join(["to", "{", *words, "}"] if needs_braces else ["to", *words])


def _selected(kind: Element) -> str:
    name = kind.tag.removeprefix("select_")
    inner = " ".join(attribute.get("name") for attribute in kind.children)
    return f"{name} {{ {inner} }}" if inner else name


_SHORT_PATHS = (
    (re.compile(r"//primitive\[@id='([^']*)'\]/meta_attributes(?:/nvpair\[@name='([^']*)'\])?"), "meta"),
    (re.compile(r"//primitive\[@id='([^']*)'\]/instance_attributes(?:/nvpair\[@name='([^']*)'\])?"), "params"),
    (re.compile(r"//primitive\[@id='([^']*)'\]/utilization"), "utilization"),
    (re.compile(r"//rsc_location\[@id='cli-prefer-([^']*)' and @rsc='\1'\]"), "location"),
    (re.compile(r"//crm_config/cluster_property_set(?:/nvpair\[@name='([^']*)'\])?"), "property"),
    (re.compile(r"//nodes/node/instance_attributes(?:/nvpair\[@name='([^']*)'\])?"), "nodeattr"),
    (re.compile(r"//nodes/node/utilization(?:\[@uname='([^']*)'\])?"), "nodeutil"),
    (re.compile(r"//nodes/node(?:\[@uname='([^']*)'\])?"), "node"),
    (re.compile(r"/cib/status"), "status"),
    (re.compile(r"/cib"), "cib"),
)
"""What `role` has short words for."""


def _print_role(element: Element) -> str:
    lines = [f"role {element.id}", *_description(element)]
    lines += [_print_permission(permission) for permission in element.all("acl_permission")]
    return joined(lines)


def _print_permission(permission: Element) -> str:
    words = [permission.get("kind"), *_description(permission)]
    if "xpath" in permission.attributes:
        words.append(_short_path(permission.get("xpath")))
    for name, keyword in (("reference", "ref"), ("attribute", "attr"), ("object-type", "type")):
        if name in permission.attributes:
            words.append(f"{keyword}:{plain(permission.get(name))}")
    return " ".join(words)


def _print_old_right(element: Element) -> str:
    """A right of `user`, or its `role:NAME`."""
    if element.tag == "role_ref":
        return plain(f"role:{element.id}")
    names = set(element.attributes) - {"id", "attribute"}
    is_empty = not names or not all(element.attributes.values())
    if element.tag not in ("read", "write", "deny") or is_empty or names - {"xpath", "ref", "tag"}:
        raise CantSay
    words = [element.tag, *([_short_path(element.get("xpath"))] if "xpath" in element.attributes else [])]
    words += [plain(f"{name}:{element.get(name)}") for name in ("ref", "tag", "attribute") if element.get(name)]
    return " ".join(words)


def _short_path(path: str) -> str:
    for pattern, word in _SHORT_PATHS:
        if match := pattern.fullmatch(path):
            return ":".join([word, *(part for part in match.groups() if part)])
    return f"xpath:{quoted(path)}"
