"""One reader for each statement of the configure language, from its words to its element.

Reads a statement whose keyword is known; gives the element and the section of the configuration it belongs to. Members
of groups and clones are only named here; the parser moves them into place (reference/crm-syntax, 3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from hacluster.cib.codec import parse_xml
from hacluster.cib.model import Element
from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.crm.access import role, user, with_roles
from hacluster.crm.alerts import alert
from hacluster.crm.constraints import colocation, location, order, ticket
from hacluster.crm.ids import Ids
from hacluster.crm.reading import Context, Read
from hacluster.crm.rules import attribute_set, nvpair
from hacluster.crm.words import BAD_ID, ID_PATTERN, MISSING, UNEXPECTED, Words, agent_attributes, description

TWO_CHILDREN = ProblemKind(
    "crm.two-children",
    Severity.ERROR,
    en="{what} {id} takes one resource, but {others} stand there too",
    ja="{what} {id} に指定できるリソースは 1 つですが、{others} も指定されています",
    cure_en="put them into a group, and the group into the {what}",
    cure_ja="グループにまとめ、そのグループを指定してください",
)
NO_OBJECT = ProblemKind(
    "crm.xml-object",
    Severity.ERROR,
    en="<{tag}> is no object of a configuration",
    ja="<{tag}> は構成のオブジェクトではありません",
    cure_en="write one whole object, for example <primitive …> or <rsc_location …>",
    cure_ja="<primitive …> や <rsc_location …> のように、オブジェクトを 1 つ記述してください",
)
NO_AGENT = ProblemKind(
    "crm.agent",
    Severity.ERROR,
    en="“{text}” names no resource agent",
    ja="「{text}」はリソースエージェントの指定ではありません",
    cure_en="write CLASS:PROVIDER:TYPE, CLASS:TYPE or TYPE, for example ocf:heartbeat:IPaddr2",
    cure_ja="クラス:プロバイダ:タイプ の形で記述してください（例: ocf:heartbeat:IPaddr2）",
)
NO_NODES = ProblemKind(
    "crm.topology-without-nodes",
    Severity.ERROR,
    en="a fencing_topology without a node stands for all nodes, but none are known",
    ja="ノードを指定しない fencing_topology は全ノードが対象ですが、ノードが登録されていません",
    cure_en="name the node: fencing_topology pm01: DEVICE,DEVICE",
    cure_ja="fencing_topology pm01: デバイス,デバイス のようにノードを指定してください",
)
SET_TAGS = {"params": "instance_attributes", "meta": "meta_attributes", "utilization": "utilization"}
_PRIMITIVE_STOP = frozenset({*SET_TAGS, "op", "operations", "op_params", "op_meta"})
_OP_ATTRIBUTES = frozenset(
    {
        *("interval", "timeout", "role", "on-fail", "start-delay", "interval-origin", "enabled", "record-pending"),
        "description",
    }
)


# ---------------------------------------------------------------- node


def node(words: Words, context: Context) -> Read:
    given = words.dollar("id")
    if given is None and words.next.endswith(":") and words.after_next:
        given = words.take()[:-1]
    name, colon, kind = words.take("the node's name", "node NAME").partition(":")
    attributes = {"id": given or name, "uname": name}
    if colon:
        attributes["type"] = words.one_of(kind, ("normal", "member", "ping", "remote"), "node type")
    children: list[Element] = []
    stop = frozenset({"attributes", "utilization"})
    while not words.at_end:
        if description(words, attributes):
            continue
        word = "attributes" if "=" in words.next else words.take()
        if word not in stop:
            words.fail(UNEXPECTED, word=word, cure="attributes NAME=VALUE")
        tag = "instance_attributes" if word == "attributes" else "utilization"
        base = f"nodes-{attributes['id']}" if word == "attributes" else ""
        children.append(attribute_set(words, tag, attributes["id"], context.ids, stop, base=base))
    return Read("nodes", (Element("node", attributes, tuple(children)),))


# ---------------------------------------------------------------- primitives


def primitive(words: Words, context: Context, tag: str = "primitive") -> Read:
    name = words.id("the id", f"{tag} ID CLASS:PROVIDER:TYPE")
    attributes = {"id": name}
    agent = words.take("the resource agent", f"{tag} {name} ocf:heartbeat:Dummy")
    if agent.startswith("@") and tag == "primitive":
        attributes["template"] = agent[1:]
    else:
        named = agent_attributes(agent)
        if named is None:
            words.fail(NO_AGENT, text=agent)
        attributes |= named
    children = _primitive_parts(words, context, attributes)
    return Read("resources", (Element(tag, attributes, children),))


def template(words: Words, context: Context) -> Read:
    return primitive(words, context, "template")


def _primitive_parts(words: Words, context: Context, attributes: dict[str, str]) -> tuple[Element, ...]:
    name, children, operations = attributes["id"], [], Element("operations")
    has_operations, owner = False, name
    while not words.at_end:
        if description(words, attributes):
            continue
        word = words.next
        if word in SET_TAGS:
            words.take()
            children.append(attribute_set(words, SET_TAGS[word], name, context.ids, _PRIMITIVE_STOP))
        elif word == "operations":
            words.take()
            operations, has_operations = _operations_head(words, operations), True
            owner = operations.id or owner
        elif word == "op":
            words.take()
            operations, has_operations = operations.with_child(operation(words, owner, context)), True
        elif word not in _PRIMITIVE_STOP and ("=" in word or "=" in words.after_next or not children):
            children.append(attribute_set(words, SET_TAGS["params"], name, context.ids, _PRIMITIVE_STOP))
        else:
            words.fail(UNEXPECTED, word=word, cure="params, meta, utilization, op")
    return (*children, operations) if has_operations else tuple(children)


def _operations_head(words: Words, operations: Element) -> Element:
    for option in ("id", "id-ref"):
        found = words.dollar(option)
        if found is not None:
            return operations.with_attributes({option: found})
    words.fail(MISSING, what="the id", form="operations $id=ID or $id-ref=ID")


def operation(words: Words, owner: str, context: Context) -> Element:
    """After `op`: `NAME attribute=value… [op_params …] [op_meta …]`."""
    name = words.id("the operation's name", "op monitor interval=10s")
    attributes: dict[str, str] = {}
    further: list[tuple[str, str | None]] = []
    given = ""
    while not words.at_end and words.next not in _PRIMITIVE_STOP and not words.next.startswith("description="):
        word, equals, value = words.take().partition("=")
        if not word or (not equals and not attributes and not further):
            words.fail(UNEXPECTED, word=f"{word}{equals}{value}", cure="NAME=VALUE")
        if word in ("id", "$id") and equals:
            given = value
        elif word in _OP_ATTRIBUTES:
            attributes[word] = words.own_role(value) if word == "role" else value
        else:
            further.append((word, value if equals else None))
    attributes.setdefault("interval", "0")
    identity = given or context.ids.new(f"{owner}-{name}-{attributes['interval']}")
    children = _operation_sets(words, context, identity, further)
    return Element("op", {"name": name, **attributes, "id": identity}, children)


def _operation_sets(
    words: Words, context: Context, owner: str, further: list[tuple[str, str | None]]
) -> tuple[Element, ...]:
    children: list[Element] = []
    if further:
        name = context.ids.new(f"{owner}-instance_attributes")
        pairs = tuple(
            Element(
                "nvpair",
                {"id": context.ids.new(f"{name}-{key}"), "name": key, **({} if value is None else {"value": value})},
            )
            for key, value in further
        )
        children.append(Element("instance_attributes", {"id": name}, pairs))
    while words.next in ("op_params", "op_meta"):
        tag = SET_TAGS[words.take().removeprefix("op_")]
        children.append(attribute_set(words, tag, owner, context.ids, _PRIMITIVE_STOP))
    return tuple(children)


def monitor(words: Words, context: Context) -> Read:
    """`monitor RSC[:ROLE] INTERVAL[:TIMEOUT]`"""
    resource, _, role = words.take("the resource", "monitor RSC 10s:20s").partition(":")
    interval, _, timeout = words.take("the interval", "monitor RSC 10s:20s").partition(":")
    attributes = {"name": "monitor", **({"role": words.role(role)} if role else {}), "interval": interval}
    if timeout:
        attributes["timeout"] = timeout
    attributes["id"] = context.ids.new(f"{resource}-monitor-{interval}")
    words.must_end()
    return Read("resources", (Element("op", attributes),), monitor_of=resource)


# ---------------------------------------------------------------- containers


def group(words: Words, context: Context) -> Read:
    name = words.id("the id", "group ID MEMBER…")
    members: list[str] = []
    while not words.at_end and words.next not in ("params", "meta") and "=" not in words.next:
        members.append(words.take())
    if not members:
        words.fail(MISSING, what="a member", form=f"group {name} MEMBER…")
    attributes = {"id": name}
    sets = _container_sets(words, context, attributes)
    return Read("resources", (Element("group", attributes, sets),), tuple(members))


def clone(words: Words, context: Context, tag: str = "clone") -> Read:
    name = words.id("the id", f"{tag} ID RESOURCE")
    child = words.take("the resource", f"{tag} {name} RESOURCE")
    others = []
    while not words.at_end and "=" not in words.next and words.next not in ("params", "meta"):
        others.append(words.take())
    if others:
        words.doubt(TWO_CHILDREN, what=tag, id=name, others=", ".join(others))
    attributes = {"id": name}
    sets = _container_sets(words, context, attributes, also=others)
    return Read("resources", (Element(tag, attributes, sets),), (child,))


def promotable(words: Words, context: Context) -> Read:
    return clone(words, context, "master")


def _container_sets(
    words: Words, context: Context, attributes: dict[str, str], *, also: Iterable[str] = ()
) -> tuple[Element, ...]:
    """`also`: words in front of the sets, parameters without a value to crmsh."""
    stop = frozenset({"params", "meta"})
    sets: list[Element] = []
    if names := list(also):
        tag, owner = SET_TAGS["params"], f"{attributes['id']}-{SET_TAGS['params']}"
        pairs = tuple(nvpair(word, owner, context.ids) for word in names)
        sets.append(Element(tag, {"id": context.ids.new(owner)}, pairs))
    while not words.at_end:
        if description(words, attributes):
            continue
        word = words.next
        if word in stop:
            words.take()
        elif "=" not in word and not word.startswith("$"):
            words.fail(UNEXPECTED, word=word, cure="params or meta")
        sets.append(attribute_set(words, SET_TAGS.get(word, SET_TAGS["params"]), attributes["id"], context.ids, stop))
    return tuple(sets)


_BUNDLE_WORDS = frozenset({"docker", "rkt", "podman", "network", "port-mapping", "storage", "storage-mapping"})
_BUNDLE_STOP = _BUNDLE_WORDS | {"primitive", "meta"}


def bundle(words: Words, context: Context) -> Read:
    name = words.id("the id", "bundle ID docker image=IMAGE")
    attributes, children, members = {"id": name}, [], []
    while not words.at_end:
        if description(words, attributes):
            continue
        word = words.take()
        if word == "primitive":
            members.append(words.take("the resource", "primitive RSC"))
        elif word == "meta":
            children.append(attribute_set(words, "meta_attributes", name, context.ids, _BUNDLE_STOP))
        elif word in _BUNDLE_WORDS:
            part = Element(word, _pairs(words, _BUNDLE_STOP))
            if word.endswith("-mapping") and children:
                inner = part if part.id else part.with_attributes({"id": context.ids.numbered(name)})
                children[-1] = children[-1].with_child(inner)
            else:
                children.append(part)
        else:
            words.fail(UNEXPECTED, word=word, cure="docker, network, storage, primitive, meta")
    if not children and not members:
        words.fail(MISSING, what="the container", form=f"bundle {name} docker image=IMAGE")
    return Read("resources", (Element("bundle", attributes, tuple(children)),), tuple(members))


def _pairs(words: Words, stop: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    while not words.at_end and words.next not in stop:
        name, equals, value = words.take().partition("=")
        name = name.lstrip("$")
        if not equals or not ID_PATTERN.fullmatch(name):
            words.fail(UNEXPECTED, word=name, cure="NAME=VALUE")
        found[name] = value
    return found


# ---------------------------------------------------------------- properties and defaults


def _set_statement(section: str, tag: str, default_id: str) -> Callable[[Words, Context], Read]:
    def read(words: Words, context: Context) -> Read:
        if words.at_end:
            words.fail(MISSING, what="what to set", form="NAME=VALUE")
        name = words.dollar("id")
        if name is None and words.next.endswith(":") and len(words.next) > 1 and "=" not in words.next:
            name = words.take()[:-1]
        if name is not None:
            words.check_id(name)
        base = name or default_id
        context.ids.reserve(base)
        found = attribute_set(words, tag, base, _PropertyIds(context.ids, base), frozenset(), base=base)
        if found.id:
            found = Element(tag, {**found.attributes, "id": base}, found.children)
        return Read(section, (found,))

    return read


class _PropertyIds(Ids):
    """The set's own id is taken by intention: statements of one set are merged."""

    def __init__(self, ids: Ids, own: str) -> None:
        super().__init__()
        self._ids = ids
        self._own = own

    def new(self, base: str) -> str:
        return base if base == self._own or base.startswith(f"{self._own}-") else self._ids.new(base)


# ---------------------------------------------------------------- topology, tags, alerts


def fencing_topology(words: Words, context: Context) -> Read:
    """`[NODE:] LEVEL… [NODE: LEVEL…]…`; levels in front of any target are those of every node the cluster has."""
    targets: list[tuple[dict[str, str] | None, list[str]]] = [(None, [])]
    while not words.at_end:
        word = words.take()
        found = _topology_target(word)
        if found is not None:
            targets.append((found, []))
        else:
            targets[-1][1].append(word)
    if targets[0][1] and not context.nodes:
        words.fail(NO_NODES)
    everyone: list[tuple[dict[str, str] | None, list[str]]] = [({"target": n}, targets[0][1]) for n in context.nodes]
    levels = tuple(
        Element("fencing-level", {"id": context.ids.new("fencing"), **target, "index": str(index), "devices": devices})
        for target, named in (*everyone, *targets[1:])
        for index, devices in enumerate(named, start=1)
        if target is not None
    )
    if not levels:
        words.fail(MISSING, what="a device", form="fencing_topology NODE: DEVICE,DEVICE")
    return Read("fencing-topology", levels)


def _topology_target(word: str) -> dict[str, str] | None:
    if word.startswith("pattern:"):
        return {"target-pattern": word.removeprefix("pattern:").removesuffix(":")}
    if word.startswith("attr:"):
        name, _, value = word.removeprefix("attr:").partition("=")
        return {"target-attribute": name, "target-value": value.removesuffix(":")}
    return {"target": word[:-1]} if word.endswith(":") else None


def tag(words: Words, context: Context) -> Read:
    name = words.take("the id", "tag ID: RESOURCE…").removesuffix(":")
    words.check_id(name)
    if words.at_end:
        words.fail(MISSING, what="a member", form=f"tag {name}: RESOURCE…")
    for member in words.rest:
        words.check_id(member)
    members = tuple(Element("obj_ref", {"id": words.take()}) for _ in words.rest)
    return Read("tags", (Element("tag", {"id": name}, members),))


# ---------------------------------------------------------------- raw XML


def xml(words: Words, context: Context) -> Read:
    """The XML as it stood in the text is handed over as one word by the parser."""
    document = words.take("the XML", "xml <primitive …/>")
    parsed = parse_xml(document)
    if isinstance(parsed, Problem):
        words.fail(parsed.kind, **parsed.parameters)
    if parsed.tag == "node" and not parsed.id:
        parsed = Element("node", {"id": parsed.get("uname"), **parsed.attributes}, parsed.children)
    if parsed.tag in ("rsc_defaults", "op_defaults", "fencing-topology"):
        return Read(parsed.tag, parsed.children)
    section = section_of(parsed.tag)
    if not section:
        words.fail(NO_OBJECT, tag=parsed.tag)
    if parsed.tag != "node" and not _XML_ID.fullmatch(parsed.id):
        words.fail(BAD_ID, text=parsed.id)
    return Read(section, (parsed,))


_XML_ID = re.compile(r"[^\W\d][\w.\-]*")
_SECTIONS = {
    "resources": ("primitive", "template", "group", "clone", "master", "bundle"),
    "constraints": ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"),
    "nodes": ("node",),
    "tags": ("tag",),
    "alerts": ("alert",),
    "acls": ("acl_role", "acl_target", "acl_group", "acl_user"),
    "crm_config": ("cluster_property_set",),
    "fencing-topology": ("fencing-level",),
}


def section_of(element: str) -> str:
    return next((section for section, tags in _SECTIONS.items() if element in tags), "")


READERS: dict[str, Callable[[Words, Context], Read]] = {
    "node": node,
    "primitive": primitive,
    "rsc_template": template,
    "monitor": monitor,
    "group": group,
    "clone": clone,
    "ms": promotable,
    "master": promotable,
    "bundle": bundle,
    "location": location,
    "colocation": colocation,
    "collocation": colocation,
    "order": order,
    "rsc_ticket": ticket,
    "property": _set_statement("crm_config", "cluster_property_set", "cib-bootstrap-options"),
    "rsc_defaults": _set_statement("rsc_defaults", "meta_attributes", "rsc-options"),
    "op_defaults": _set_statement("op_defaults", "meta_attributes", "op-options"),
    "fencing_topology": fencing_topology,
    "tag": tag,
    "alert": alert,
    "role": role,
    "acl_target": with_roles("acl_target"),
    "acl_group": with_roles("acl_group"),
    "user": user,
    "xml": xml,
}
"""keyword -> reader"""
