"""Access control: `role`, `acl_target`, `acl_group`, and `user` of old.

Reads the words after the keyword; gives `<acl_…>` elements (reference/crm-syntax, 3).
"""

from __future__ import annotations

from collections.abc import Callable

from hacluster.cib.model import Element
from hacluster.crm.reading import Context, Read
from hacluster.crm.words import BAD_WORD, MISSING, Words, description

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
        if description(words, attributes):
            continue
        kind = _right(words)
        for spec in _permissions(words, kind):
            identity = {"id": spec.pop("id", "") or context.ids.numbered(name)}
            permissions.append(Element("acl_permission", {**identity, "kind": kind, **spec}))
    if not permissions:
        words.fail(MISSING, what="a right", form=f"role {name} read xpath:/cib")
    return Read("acls", (Element("acl_role", attributes, tuple(permissions)),))


def _right(words: Words) -> str:
    return words.one_of(words.take("a right", "read xpath:/cib"), _RIGHTS, "right")


def _permissions(words: Words, kind: str, *, of_old: bool = False) -> list[dict[str, str]]:
    """All that follows one right: each object is a permission, `attr:` narrows the one before."""
    given = words.dollar("id")
    head: dict[str, str] = {"id": given} if given else {}
    found: list[dict[str, str]] = []
    while not words.at_end and words.next.lower() not in _RIGHTS and not words.next.startswith("role:"):
        word = words.take()
        if word.endswith(":") and not found:
            head["id"] = word[:-1]
        elif word.startswith("description="):
            head["description"] = word.partition("=")[2]
        else:
            spec = _permission(word, words)
            if found and (_narrows(found[-1], spec) or (of_old and "attribute" in spec)):
                found[-1] |= spec
            else:
                found.append({**head, **spec})
                head = {}
    if not found:
        words.fail(MISSING, what="what the right is about", form=f"{kind} xpath:/cib")
    if not of_old and any("attribute" in spec and "object-type" not in spec for spec in found):
        words.fail(MISSING, what="the type that has the attribute", form=f"{kind} type:TYPE attr:NAME")
    return found


def _narrows(before: dict[str, str], spec: dict[str, str]) -> bool:
    """`attr:` and `type:` beside each other are one permission, in either order."""
    if "attribute" in spec:
        return "attribute" not in before and "object-type" in before
    return "object-type" in spec and "attribute" in before and "object-type" not in before


def _permission(word: str, words: Words) -> dict[str, str]:
    kind, colon, value = word.partition(":")
    if colon and not value:
        words.fail(MISSING, what="what the right is about", form=f"{word}NAME")
    match kind:
        case "xpath":
            return {"xpath": value}
        case "ref":
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
    if not parts:
        words.fail(MISSING, what="the id", form=f"{kind}:ID")
    path = forms[0].format(parts[0])
    return {"xpath": path + (forms[1].format(parts[1]) if len(parts) > 1 and len(forms) > 1 else "")}


def with_roles(element: str) -> Callable[[Words, Context], Read]:
    def read(words: Words, context: Context) -> Read:
        name = words.id("the name", f"{element} NAME ROLE…")
        names = [words.take() for _ in words.rest]
        if not names:
            words.fail(MISSING, what="a role", form=f"{element} {name} ROLE…")
        return Read("acls", (Element(element, {"id": name}, tuple(Element("role", {"id": found}) for found in names)),))

    return read


_OLD_NAMES = {"reference": "ref", "object-type": "tag"}


def user(words: Words, context: Context) -> Read:
    """The form of Pacemaker 1.0: `user NAME role:ROLE…`, or the rights themselves."""
    name = words.id("the name", "user NAME role:ROLE")
    children: list[Element] = []
    while not words.at_end:
        if words.next.startswith("role:"):
            children.append(Element("role_ref", {"id": words.take().removeprefix("role:")}))
            continue
        kind = _right(words)
        for spec in _permissions(words, kind, of_old=True):
            identity = {"id": spec.pop("id", "") or context.ids.new(f"{name}-{kind}")}
            children.append(Element(kind, {**identity, **{_OLD_NAMES.get(key, key): spec[key] for key in spec}}))
    if not children:
        words.fail(MISSING, what="a role", form=f"user {name} role:ROLE")
    return Read("acls", (Element("acl_user", {"id": name}, tuple(children)),))
