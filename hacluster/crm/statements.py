"""One reader for each statement of the configure language, from its words to its element.

Reads a statement whose keyword is known; gives the element and the section of the configuration it belongs to. Members
of groups and clones are only named here; the parser moves them into place (reference/crm-syntax, 3).
"""

from __future__ import annotations

from collections.abc import Callable

from hacluster.cib.codec import parse_xml
from hacluster.cib.model import Element
from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.crm.constraints import colocation, location, order, ticket
from hacluster.crm.ids import Ids
from hacluster.crm.reading import Context, Read
from hacluster.crm.rules import attribute_set
from hacluster.crm.words import BAD_WORD, MISSING, UNEXPECTED, Words

TWO_CHILDREN = ProblemKind(
    "crm.two-children",
    Severity.ERROR,
    en="{what} {id} takes one resource, but {others} stand there too",
    ja="{what} {id} に指定できるリソースは 1 つですが、{others} も指定されています",
    cure_en="put them into a group, and the group into the {what}",
    cure_ja="グループにまとめ、そのグループを指定してください",
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


def _description(words: Words, attributes: dict[str, str]) -> bool:
    found = words.option("description")
    if found is not None:
        attributes["description"] = found
    return found is not None


# ---------------------------------------------------------------- node


def node(words: Words, context: Context) -> Read:
    given = words.option("id")
    if given is None and words.next.endswith(":") and words.after_next:
        given = words.take()[:-1]
    name, colon, kind = words.take("the node's name", "node NAME").partition(":")
    attributes = {"id": given or name, "uname": name}
    if colon:
        attributes["type"] = words.one_of(kind, ("normal", "member", "ping", "remote"), "node type")
    children: list[Element] = []
    stop = frozenset({"attributes", "utilization"})
    while not words.at_end:
        if _description(words, attributes):
            continue
        word = words.take()
        if word not in stop:
            words.fail(UNEXPECTED, word=word, cure="attributes NAME=VALUE")
        tag = "instance_attributes" if word == "attributes" else "utilization"
        base = f"nodes-{attributes['id']}" if word == "attributes" else ""
        children.append(attribute_set(words, tag, attributes["id"], context.ids, stop, base=base))
    return Read("nodes", (Element("node", attributes, tuple(children)),))


# ---------------------------------------------------------------- primitives


def agent_attributes(text: str) -> dict[str, str]:
    """`[class:[provider:]]type` as attributes; a bare type is ocf:heartbeat."""
    parts = text.split(":")
    if parts[0].lower() == "ocf" or len(parts) == 1:
        kind = parts[-1] if len(parts) < 3 else ":".join(parts[2:])
        provider = parts[1] if len(parts) > 2 else "heartbeat"
        return {"class": "ocf", "provider": provider, "type": kind}
    return {"class": parts[0], "type": ":".join(parts[1:])}


def primitive(words: Words, context: Context, tag: str = "primitive") -> Read:
    name = words.id("the id", f"{tag} ID CLASS:PROVIDER:TYPE")
    attributes = {"id": name}
    agent = words.take("the resource agent", f"{tag} {name} ocf:heartbeat:Dummy")
    if agent.startswith("@") and tag == "primitive":
        attributes["template"] = agent[1:]
    else:
        attributes |= agent_attributes(agent)
    children = _primitive_parts(words, context, attributes)
    return Read("resources", (Element(tag, attributes, children),))


def template(words: Words, context: Context) -> Read:
    return primitive(words, context, "template")


def _primitive_parts(words: Words, context: Context, attributes: dict[str, str]) -> tuple[Element, ...]:
    name, children, operations = attributes["id"], [], Element("operations")
    has_operations = False
    while not words.at_end:
        if _description(words, attributes):
            continue
        word = words.next
        if word in SET_TAGS:
            words.take()
            children.append(attribute_set(words, SET_TAGS[word], name, context.ids, _PRIMITIVE_STOP))
        elif word == "operations":
            words.take()
            operations, has_operations = _operations_head(words, operations), True
        elif word == "op":
            words.take()
            operations, has_operations = operations.with_child(operation(words, name, context)), True
        elif word not in _PRIMITIVE_STOP and ("=" in word or "=" in words.after_next or not children):
            children.append(attribute_set(words, SET_TAGS["params"], name, context.ids, _PRIMITIVE_STOP))
        else:
            words.fail(UNEXPECTED, word=word, cure="params, meta, utilization, op")
    return (*children, operations) if has_operations else tuple(children)


def _operations_head(words: Words, operations: Element) -> Element:
    for option in ("id", "id-ref"):
        found = words.option(option)
        if found is not None:
            operations = operations.with_attributes({option: found})
    return operations


def operation(words: Words, owner: str, context: Context) -> Element:
    """After `op`: `NAME attribute=value… [op_params …] [op_meta …]`."""
    name = words.take("the operation's name", "op monitor interval=10s")
    attributes: dict[str, str] = {}
    further: list[tuple[str, str | None]] = []
    given = ""
    while not words.at_end and words.next not in _PRIMITIVE_STOP and not words.next.startswith("description="):
        word, equals, value = words.take().partition("=")
        if word in ("id", "$id") and equals:
            given = value
        elif word in _OP_ATTRIBUTES:
            attributes[word] = words.role(value) if word == "role" else value
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
    attributes = {"name": "monitor", "interval": interval}
    if role:
        attributes["role"] = words.role(role)
    if timeout:
        attributes["timeout"] = timeout
    attributes["id"] = context.ids.new(f"{resource}-monitor-{interval}")
    words.must_end()
    return Read("resources", (Element("op", attributes),), monitor_of=resource)


# ---------------------------------------------------------------- containers


def group(words: Words, context: Context) -> Read:
    name = words.id("the id", "group ID MEMBER…")
    members: list[str] = []
    while not words.at_end and words.next not in ("params", "meta") and not words.next.startswith("description="):
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
        words.fail(TWO_CHILDREN, what=tag, id=name, others=", ".join(others))
    attributes = {"id": name}
    sets = _container_sets(words, context, attributes)
    return Read("resources", (Element(tag, attributes, sets),), (child,))


def promotable(words: Words, context: Context) -> Read:
    return clone(words, context, "master")


def _container_sets(words: Words, context: Context, attributes: dict[str, str]) -> tuple[Element, ...]:
    sets: list[Element] = []
    stop = frozenset({"params", "meta"})
    while not words.at_end:
        if _description(words, attributes):
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
        if _description(words, attributes):
            continue
        word = words.take()
        if word == "primitive":
            members.append(words.take("the resource", "primitive RSC"))
        elif word == "meta":
            children.append(attribute_set(words, "meta_attributes", name, context.ids, _BUNDLE_STOP))
        elif word in _BUNDLE_WORDS:
            part = Element(word, _pairs(words, _BUNDLE_STOP))
            if word.endswith("-mapping") and children:
                inner = part if part.id else part.with_attributes({"id": context.ids.new(f"{name}-{word}")})
                children[-1] = children[-1].with_child(_id_first(inner))
            else:
                children.append(part)
        else:
            words.fail(UNEXPECTED, word=word, cure="docker, network, storage, primitive, meta")
    return Read("resources", (Element("bundle", attributes, tuple(children)),), tuple(members))


def _id_first(element: Element) -> Element:
    return Element(element.tag, {"id": element.id, **element.attributes}, element.children)


def _pairs(words: Words, stop: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    while not words.at_end and words.next not in stop:
        name, equals, value = words.take().partition("=")
        if not equals:
            words.fail(UNEXPECTED, word=name, cure=f"{name}=VALUE")
        found[name.lstrip("$")] = value
    return found


# ---------------------------------------------------------------- properties and defaults


def _set_statement(section: str, tag: str, default_id: str) -> Callable[[Words, Context], Read]:
    def read(words: Words, context: Context) -> Read:
        name = words.option("id")
        if name is None and words.next.endswith(":") and len(words.next) > 1 and "=" not in words.next:
            name = words.take()[:-1]
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
    levels: list[Element] = []
    targets: list[dict[str, str]] | None = None
    index = 0
    while not words.at_end:
        word = words.take()
        found = _topology_target(word, words)
        if found is not None:
            targets, index = [found], 0
            continue
        index += 1
        if targets is None:
            targets = [{"target": name} for name in context.nodes]
            if not targets:
                words.fail(NO_NODES)
        for target in targets:
            attributes = {"id": context.ids.new("fencing"), **target, "index": str(index), "devices": word}
            levels.append(Element("fencing-level", attributes))
    if not levels:
        words.fail(MISSING, what="a device", form="fencing_topology NODE: DEVICE,DEVICE")
    return Read("fencing-topology", tuple(levels))


def _topology_target(word: str, words: Words) -> dict[str, str] | None:
    if word.startswith("pattern:"):
        return {"target-pattern": word.removeprefix("pattern:").removesuffix(":")}
    if word.startswith("attr:"):
        name, _, value = word.removeprefix("attr:").partition("=")
        return {"target-attribute": name, "target-value": value.removesuffix(":")}
    return {"target": word[:-1]} if word.endswith(":") else None


def tag(words: Words, context: Context) -> Read:
    name = words.take("the id", "tag ID: RESOURCE…").removesuffix(":")
    words.check_id(name)
    if words.next == ":":
        words.take()
    if words.at_end:
        words.fail(MISSING, what="a member", form=f"tag {name}: RESOURCE…")
    members = tuple(Element("obj_ref", {"id": words.take()}) for _ in words.rest)
    return Read("tags", (Element("tag", {"id": name}, members),))


_ALERT_STOP = frozenset({"attributes", "meta", "select", "to", "}"})


def alert(words: Words, context: Context) -> Read:
    name = words.id("the id", "alert ID PATH")
    attributes = {"id": name, "path": words.take("the path", f"alert {name} /path/to/script")}
    children: list[Element] = []
    number = 0
    while not words.at_end:
        if _description(words, attributes):
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
    while words.next in ("nodes", "fencing", "resources", "attributes"):
        if words.next == "attributes" and "=" in words.after_next:
            break
        kind = words.take()
        inner: list[Element] = []
        if kind == "attributes" and words.next == "{":
            words.take()
            while words.next != "}":
                attribute = words.take("the closing brace", "select attributes { NAME… }")
                inner.append(Element("attribute", {"id": context.ids.new(f"{owner}-{len(inner)}"), "name": attribute}))
            words.take()
        kinds.append(Element(f"select_{kind}", {}, tuple(inner)))
    if not kinds:
        words.fail(MISSING, what="what to select", form="select nodes fencing")
    return Element("select", {}, tuple(kinds))


def _recipient(words: Words, name: str, context: Context) -> Element:
    has_brace = words.next == "{"
    if has_brace:
        words.take()
    given = words.option("id")
    attributes = {"id": given or context.ids.new(name)}
    value = words.take("the recipient", "to VALUE")
    attributes["value"] = value
    sets: list[Element] = []
    while words.next in ("attributes", "meta") or words.next.startswith("description="):
        if _description(words, attributes):
            continue
        target = "instance_attributes" if words.take() == "attributes" else "meta_attributes"
        sets.append(attribute_set(words, target, attributes["id"], context.ids, _ALERT_STOP))
    if has_brace:
        if words.next != "}":
            words.fail(MISSING, what="the closing brace", form="to { VALUE … }")
        words.take()
    return Element("recipient", attributes, tuple(sets))


# ---------------------------------------------------------------- access control

_RIGHTS = ("read", "write", "deny")
_SHORT_FORMS: dict[str, tuple[str, ...]] = {
    "meta": ("//primitive[@id='{0}']/meta_attributes", "/nvpair[@name='{0}']"),
    "params": ("//primitive[@id='{0}']/instance_attributes", "/nvpair[@name='{0}']"),
    "utilization": ("//primitive[@id='{0}']/utilization",),
    "location": ("//rsc_location[@id='cli-prefer-{0}' and @rsc='{0}']",),
    "property": ("//crm_config/cluster_property_set", "/nvpair[@name='{0}']"),
    "node": ("//nodes/node", "[@uname='{0}']"),
    "nodeattr": ("//nodes/node/instance_attributes", "/nvpair[@name='{0}']"),
    "nodeutil": ("//nodes/node/utilization", "[@uname='{0}']"),
    "status": ("/cib/status",),
    "cib": ("/cib",),
}


def role(words: Words, context: Context) -> Read:
    name = words.id("the id", "role ID read xpath:/cib")
    attributes = {"id": name}
    permissions: list[Element] = []
    while not words.at_end:
        if _description(words, attributes):
            continue
        kind = words.take()
        if kind not in _RIGHTS:
            words.fail(BAD_WORD, word=kind, what="right", known=", ".join(_RIGHTS))
        for spec in _permissions(words, kind):
            identity = spec.pop("id", "") or context.ids.new(f"{name}-{len(permissions)}")
            permissions.append(Element("acl_permission", {"id": identity, "kind": kind, **spec}))
    return Read("acls", (Element("acl_role", attributes, tuple(permissions)),))


def _permissions(words: Words, kind: str) -> list[dict[str, str]]:
    """All that follows one right: each object is a permission, `attr:` narrows the one before."""
    head: dict[str, str] = {}
    found: list[dict[str, str]] = []
    while not words.at_end and words.next not in _RIGHTS:
        word = words.take()
        if word.endswith(":") and not found:
            head["id"] = word[:-1]
        elif word.startswith("description="):
            head["description"] = word.partition("=")[2]
        else:
            spec = _permission(word, words)
            if found and _narrows(found[-1], spec):
                found[-1] |= spec
            else:
                found.append({**head, **spec})
                head = {}
    if not found:
        words.fail(MISSING, what="what the right is about", form=f"{kind} xpath:/cib")
    return found


def _narrows(before: dict[str, str], spec: dict[str, str]) -> bool:
    """`attr:` and `type:` beside each other are one permission, in either order."""
    if "attribute" in spec:
        return "attribute" not in before and "xpath" not in before
    return "object-type" in spec and "attribute" in before and "object-type" not in before


def _permission(word: str, words: Words) -> dict[str, str]:
    kind, _, value = word.partition(":")
    match kind:
        case "xpath":
            return {"xpath": value}
        case "ref" | "id":
            return {"reference": value}
        case "type" | "tag":
            return {"object-type": value}
        case "attr" | "attribute":
            return {"attribute": value}
    if kind not in _SHORT_FORMS:
        words.fail(BAD_WORD, word=word, what="permission", known="xpath:, ref:, type:, " + ", ".join(_SHORT_FORMS))
    parts = value.split(":") if value else []
    forms = _SHORT_FORMS[kind]
    if "{0}" not in forms[0]:
        return {"xpath": forms[0] + (forms[1].format(parts[0]) if parts and len(forms) > 1 else "")}
    path = forms[0].format(parts[0] if parts else "")
    return {"xpath": path + (forms[1].format(parts[1]) if len(parts) > 1 and len(forms) > 1 else "")}


def _with_roles(element: str, child: str) -> Callable[[Words, Context], Read]:
    def read(words: Words, context: Context) -> Read:
        name = words.take("the name", f"{element} NAME ROLE…")
        names = [words.take().removeprefix("role:") for _ in words.rest]
        if not names:
            words.fail(MISSING, what="a role", form=f"{element} {name} ROLE…")
        children = tuple(Element(child, {"id": found}) for found in names)
        return Read("acls", (Element(element, {"id": name}, children),))

    return read


# ---------------------------------------------------------------- raw XML


def xml(words: Words, context: Context) -> Read:
    """The XML as it stood in the text is handed over as one word by the parser."""
    document = words.take("the XML", "xml <primitive …/>")
    parsed = parse_xml(document)
    if isinstance(parsed, Problem):
        words.fail(parsed.kind, **parsed.parameters)
    if parsed.tag == "node" and not parsed.id:
        parsed = Element("node", {"id": parsed.get("uname"), **parsed.attributes}, parsed.children)
    return Read(section_of(parsed.tag), (parsed,))


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
    return next((section for section, tags in _SECTIONS.items() if element in tags), "resources")


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
    "acl_target": _with_roles("acl_target", "role"),
    "acl_group": _with_roles("acl_group", "role"),
    "user": _with_roles("acl_user", "role_ref"),
    "xml": xml,
}
"""keyword -> reader"""
