"""Names that lead nowhere, ids that are taken twice, and resources that stand where they may not.

Reads an Index; gives Problems at the id of the object that is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hacluster.cib.checks.index import CONTAINERS, REFERENCES, RESOURCES, Index
from hacluster.cib.checks.kinds import error, warning
from hacluster.cib.checks.locations import named_nodes
from hacluster.cib.model import COMMENT, Element
from hacluster.cib.problems import Problem

DUPLICATE_ID = error(
    "duplicate-id",
    "the id {id} is used {count} times",
    "ID {id} が {count} 回使用されています",
    "give each element an id of its own",
    "要素ごとに異なる ID を指定してください",
)
IN_TWO = error(
    "in-two-containers",
    "{id} is a member of {one} and of {other}",
    "{id} が {one} と {other} の両方のメンバーです",
    "leave it in one of them",
    "どちらか一方だけに所属させてください",
)
DANGLING = error(
    "dangling-reference",
    "{owner} refers to {name}, which is not in the configuration",
    "{owner} が参照する {name} は構成にありません",
    "define it, or take the reference out",
    "定義するか、参照を削除してください",
)
EMPTY = error(
    "empty-container",
    "{kind} {id} has no member",
    "{kind} {id} にメンバーがありません",
    "give it one, or delete it",
    "メンバーを追加するか、削除してください",
)
NESTING = error(
    "nesting",
    "{kind} {id} contains the {inner_kind} {inner}, which it can't",
    "{kind} {id} に {inner_kind} {inner} を含めることはできません",
    "a group holds primitives; a clone holds one primitive or one group",
    "group には primitive、clone には primitive または group を 1 つだけ入れてください",
)
NO_AGENT = error(
    "no-agent",
    "{id} has no agent",
    "{id} にエージェント（class と type）がありません",
    "name one, such as ocf:heartbeat:IPaddr2",
    "ocf:heartbeat:IPaddr2 のように指定してください",
)
SAME_NODE = error(
    "same-node-name",
    "two nodes are called {name}",
    "ノード名 {name} が重複しています",
    "remove the entry of the node that is gone",
    "不要なノードのエントリを削除してください",
)
INCOMPLETE = error(
    "constraint-incomplete",
    "{id} says neither {missing} nor a set",
    "{id} に {missing} もリソースセットもありません",
    "name the resource it is about",
    "対象のリソースを指定してください",
)
NO_PATH = error(
    "alert-path",
    "alert {id} has no program",
    "アラート {id} にプログラムのパスがありません",
    "give it the path of an alert agent",
    "アラートエージェントのパスを指定してください",
)
UNKNOWN_NODE = warning(
    "unknown-node",
    "{owner} names the node {name}, which the cluster does not have",
    "{owner} が指定するノード {name} はクラスターにありません",
    "correct the name (nodes: {nodes})",
    "ノード名を修正してください（ノード: {nodes}）",
)
_NEEDED = {
    "rsc_location": (("rsc", "rsc-pattern"),),
    "rsc_colocation": (("rsc",), ("with-rsc",)),
    "rsc_order": (("first",), ("then",)),
    "rsc_ticket": (("rsc",), ("ticket",)),
}
_ALLOWED_INSIDE = {
    "group": ("primitive",),
    "clone": ("primitive", "group"),
    "master": ("primitive", "group"),
    "bundle": ("primitive",),
}


def check_references(index: Index) -> Iterator[Problem]:
    yield from _ids(index)
    yield from _containers(index)
    yield from _constraints(index)
    yield from _topology(index)
    yield from _tags_and_acls(index)
    yield from _other_references(index)
    yield from _nodes(index)
    for alert in index.cib.section("alerts").all("alert"):
        if not alert.get("path"):
            yield NO_PATH.at(alert.id, id=alert.id)


def _ids(index: Index) -> Iterator[Problem]:
    everything = [e for e in index.cib.configuration.walk() if e.id and e.tag not in REFERENCES]
    counts = Counter(element.id for element in everything)
    parents: dict[str, list[str]] = {}
    for container in (element for element in everything if element.tag in CONTAINERS):
        for member in container.all(*RESOURCES):
            parents.setdefault(member.id, []).append(container.id)
    for name, count in counts.items():
        above = parents.get(name, [])
        if len(above) > 1:
            yield IN_TWO.at(name, id=name, one=above[0], other=above[1])
        elif count > 1:
            yield DUPLICATE_ID.at(name, id=name, count=count)


def repeated_ids(before: Element, after: Element) -> list[Problem]:
    """The ids that a change has made ambiguous; references mean one element only."""
    counted, known = _id_counts(after), _id_counts(before)
    found = ((name, count) for name, count in counted.items() if count > max(1, known[name]))
    return [DUPLICATE_ID.at(name, id=name, count=count) for name, count in found]


def _id_counts(configuration: Element) -> Counter[str]:
    return Counter(element.id for element in configuration.walk() if element.id and element.tag not in REFERENCES)


def _containers(index: Index) -> Iterator[Problem]:
    for element in index.resources.values():
        members = list(element.all(*RESOURCES))
        if element.tag in ("group", "clone", "master") and not members:
            yield EMPTY.at(element.id, kind=element.tag, id=element.id)
        allowed = _ALLOWED_INSIDE.get(element.tag, ())
        for place, member in enumerate(members):
            if member.tag not in allowed or (place and element.tag != "group"):
                yield NESTING.at(element.id, kind=element.tag, id=element.id, inner_kind=member.tag, inner=member.id)
        if element.tag == "primitive" and not element.get("type") and not element.get("template"):
            yield NO_AGENT.at(element.id, id=element.id)
        if element.get("template") and element.get("template") not in index.templates:
            yield DANGLING.at(element.id, owner=element.id, name=element.get("template"))


def named_in(constraint: Element) -> Iterator[str]:
    """Every resource name in a constraint, sets included."""
    for key in ("rsc", "with-rsc", "first", "then"):
        if constraint.get(key):
            yield constraint.get(key)
    for one in constraint.all("resource_set"):
        for reference in one.all("resource_ref"):
            yield reference.id


def _constraints(index: Index) -> Iterator[Problem]:
    for constraint in index.constraints:
        for name in dict.fromkeys(named_in(constraint)):
            if not index.is_known(name):
                yield DANGLING.at(constraint.id, owner=constraint.id, name=name)
        has_set = any(one.get("id-ref") or any(one.all("resource_ref")) for one in constraint.all("resource_set"))
        for choices in _NEEDED.get(constraint.tag, ()):
            said = any(constraint.get(choice) for choice in choices)
            if not said and not (has_set and choices[0] != "ticket"):
                yield INCOMPLETE.at(constraint.id, id=constraint.id, missing=choices[0])


def _topology(index: Index) -> Iterator[Problem]:
    for level in index.cib.section("fencing-topology").all("fencing-level"):
        for name in filter(None, (word.strip() for word in level.get("devices").split(","))):
            if name not in index.resources:
                yield DANGLING.at(level.id, owner=f"fencing level {level.get('index')}", name=name)


def _tags_and_acls(index: Index) -> Iterator[Problem]:
    for tag, members in index.tags.items():
        for name in members:
            if name not in index.by_id:
                yield DANGLING.at(tag, owner=tag, name=name)
    acls = index.cib.section("acls")
    roles = {role.id for role in acls.all("acl_role")}
    for target in acls.all("acl_target", "acl_group", "acl_user"):
        for reference in target.all("role", "role_ref"):
            if reference.id not in roles:
                yield DANGLING.at(target.id, owner=target.id, name=reference.id)
    for permission in (each for role in acls.all("acl_role") for each in role.all("acl_permission")):
        if permission.get("reference") and permission.get("reference") not in index.by_id:
            yield DANGLING.at(permission.id, owner=permission.id, name=permission.get("reference"))


def _other_references(index: Index) -> Iterator[Problem]:
    """`id-ref` of rules, attribute sets, single pairs and operations."""
    for top in (child for section in index.cib.configuration.children for child in section.children):
        for element in top.walk():
            name = element.get("id-ref")
            if name and (name not in index.by_id or index.by_id[name].tag != element.tag):
                yield DANGLING.at(top.id or top.get("uname"), owner=top.id or top.get("uname"), name=name)


def _nodes(index: Index) -> Iterator[Problem]:
    for name, count in Counter(index.nodes).items():
        if count > 1:
            yield SAME_NODE.at(name, name=name)
    # A configuration may be written before any node has joined; then every name would be unknown.
    known = set(index.nodes) | _remote_nodes(index)
    if not index.nodes:
        return
    nodes = ", ".join(index.nodes)
    for owner, name in dict.fromkeys(_named_nodes(index)):
        if name not in known:
            yield UNKNOWN_NODE.at(owner, owner=owner, name=name, nodes=nodes)


def _remote_nodes(index: Index) -> set[str]:
    return {
        *(each.id for each in index.primitives if index.agent(each)[2] == "remote"),
        *(found for each in index.primitives for found in index.values(each, "remote-node", "meta_attributes")),
    }


def _named_nodes(index: Index) -> Iterator[tuple[str, str]]:
    for constraint in index.constraints:
        if constraint.tag == "rsc_location":
            yield from ((constraint.id, name) for name in named_nodes(constraint))
    for level in index.cib.section("fencing-topology").all("fencing-level"):
        if level.get("target"):
            yield level.id, level.get("target")


# ---------------------------------------------------------------- what nobody knows

UNKNOWN_ELEMENT = warning(
    "unknown-element",
    "<{tag}> in {section} means nothing to the cluster",
    "{section} 内の <{tag}> はクラスターでは意味を持ちません",
    "correct its name; it is kept as it is",
    "要素名を修正してください（内容はそのまま保持されます）",
)
BAD_EXPRESSION = error(
    "expression",
    "an expression of {owner} compares with “{operation}”, which is none of {known}",
    "{owner} の条件式の演算子「{operation}」は {known} のいずれでもありません",
    "correct the operation",
    "演算子を修正してください",
)
_KNOWN_INSIDE = {
    "resources": ("primitive", "group", "clone", "master", "bundle", "template"),
    "constraints": ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"),
}
_COMPARISONS = {
    "expression": ("lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined"),
    "date_expression": ("lt", "gt", "in_range", "date_spec"),
}


def check_words(index: Index) -> Iterator[Problem]:
    """Elements and comparisons that the cluster would pass over in silence."""
    for section, known in _KNOWN_INSIDE.items():
        for child in index.cib.section(section).children:
            if child.tag not in known and child.tag != COMMENT:
                yield UNKNOWN_ELEMENT.at(child.id or child.tag, tag=child.tag, section=section)
    for top in (child for section in index.cib.configuration.children for child in section.children):
        for element in top.walk():
            known = _COMPARISONS.get(element.tag, ())
            operation = element.get("operation", "in_range" if element.tag == "date_expression" else "")
            if known and operation not in known:
                yield BAD_EXPRESSION.at(top.id, owner=top.id, operation=operation, known=", ".join(known))
