"""What is wrong with a configuration, or will be a surprise: one function for sheet, crm text, console and API.

Reads a Cib; gives Problems, errors before warnings, each with the id of the object it is about and what cures it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity


def _kind(code: str, severity: Severity, en: str, ja: str, cure_en: str, cure_ja: str) -> ProblemKind:
    return ProblemKind(f"cib.{code}", severity, en, ja, cure_en, cure_ja)


_E, _W = Severity.ERROR, Severity.WARNING
DUPLICATE_ID = _kind(
    "duplicate-id",
    _E,
    "the id {id} is used {count} times",
    "ID {id} が {count} 回使用されています",
    "give each element an id of its own",
    "要素ごとに異なる ID を指定してください",
)
DANGLING = _kind(
    "dangling-reference",
    _E,
    "{owner} refers to {name}, which is not in the configuration",
    "{owner} が参照する {name} は構成にありません",
    "define it, or take the reference out",
    "定義するか、参照を削除してください",
)
BAD_SCORE = _kind(
    "score",
    _E,
    "the score “{text}” of {owner} is neither a whole number nor INFINITY",
    "{owner} のスコア「{text}」は整数でも INFINITY でもありません",
    "write a number, INFINITY or -INFINITY",
    "整数、INFINITY、-INFINITY のいずれかを記述してください",
)
EMPTY = _kind(
    "empty-container",
    _E,
    "{kind} {id} has no member",
    "{kind} {id} にメンバーがありません",
    "give it one, or delete it",
    "メンバーを追加するか、削除してください",
)
NO_FENCING = _kind(
    "no-fencing-device",
    _E,
    "fencing is enabled, but no STONITH device is configured: nothing of a lost node can be taken over",
    "STONITH が有効ですが、STONITH リソースがありません（離脱ノードのリソースを引き継げません）",
    "configure a stonith resource, or set stonith-enabled=false and accept two active services",
    "STONITH リソースを設定してください（stonith-enabled=false の場合は二重起動の危険があります）",
)
NO_FENCING_AT_ALL = _kind(
    "fencing-disabled",
    _W,
    "fencing is disabled: after a split both sides may run the same service",
    "STONITH が無効です（スプリットブレイン時に二重起動の危険があります）",
    "configure STONITH and set stonith-enabled=true",
    "STONITH を設定し、stonith-enabled=true にしてください",
)
ON_ITS_TARGET = _kind(
    "fencing-on-target",
    _W,
    "{id} can run on {node}, the node it is to fence",
    "{id} はフェンシング対象のノード {node} で起動できます",
    "add: location l-{id} {id} -inf: {node}",
    "location l-{id} {id} -inf: {node} を追加してください",
)
NO_MONITOR = _kind(
    "no-monitor",
    _W,
    "{id} has no monitor: a failure would not be noticed",
    "{id} に monitor がありません（故障を検知できません）",
    "add: op monitor interval=10s timeout=60s",
    "op monitor interval=10s timeout=60s を追加してください",
)
SAME_ADDRESS = _kind(
    "same-address",
    _E,
    "{id} and {other} bring up the same address {address}",
    "{id} と {other} が同じアドレス {address} を使用しています",
    "give one of them another address",
    "どちらかのアドレスを変更してください",
)

_RESOURCES = ("primitive", "group", "clone", "master", "bundle")
_ADDRESS_AGENTS = ("IPaddr", "IPaddr2")


def validate(cib: Cib) -> list[Problem]:
    """All findings at once; none when the configuration is sound."""
    found = [
        *_duplicate_ids(cib),
        *_references(cib),
        *_scores(cib),
        *_containers(cib),
        *_same_addresses(cib),
        *_fencing(cib),
        *_monitors(cib),
    ]
    return sorted(found, key=lambda problem: problem.severity is not Severity.ERROR)


def _primitives(cib: Cib) -> list[Element]:
    return [element for element in cib.section("resources").walk() if element.tag == "primitive"]


def _value(resource: Element, name: str) -> str:
    pairs = (pair for block in resource.all("instance_attributes") for pair in block.all("nvpair"))
    return next((pair.get("value") for pair in pairs if pair.get("name") == name), "")


def _is_false(text: str) -> bool:
    return text.lower() in ("false", "off", "no", "n", "0")


def _property(cib: Cib, names: tuple[str, ...], default: str) -> str:
    pairs = (pair for block in cib.section("crm_config").children for pair in block.all("nvpair"))
    return next((pair.get("value") for pair in pairs if pair.get("name") in names), default)


def _duplicate_ids(cib: Cib) -> Iterator[Problem]:
    references = ("obj_ref", "resource_ref", "role", "role_ref")
    counts = Counter(e.id for e in cib.configuration.walk() if e.id and e.tag not in references)
    for name, count in counts.items():
        if count > 1:
            yield DUPLICATE_ID.at(name, id=name, count=count)


def _references(cib: Cib) -> Iterator[Problem]:
    known = {element.id for element in cib.section("resources").walk() if element.tag in (*_RESOURCES, "template")}
    known |= {tag.id for tag in cib.section("tags").all("tag")}
    for constraint in cib.section("constraints").children:
        named = [constraint.get(key) for key in ("rsc", "with-rsc", "first", "then") if constraint.get(key)]
        named += [ref.id for one in constraint.all("resource_set") for ref in one.all("resource_ref")]
        for name in dict.fromkeys(named):
            if name not in known:
                yield DANGLING.at(constraint.id, owner=constraint.id, name=name)
    for level in cib.section("fencing-topology").all("fencing-level"):
        for name in level.get("devices").split(","):
            if name.strip() and name.strip() not in known:
                yield DANGLING.at(level.id, owner=f"fencing level {level.get('index')}", name=name.strip())


def _scores(cib: Cib) -> Iterator[Problem]:
    for element in cib.section("constraints").walk():
        text = element.attributes.get("score")
        if text is not None and text.lstrip("+-").upper() != "INFINITY" and not text.lstrip("+-").isdecimal():
            yield BAD_SCORE.at(element.id, owner=element.id, text=text)


def _containers(cib: Cib) -> Iterator[Problem]:
    for element in cib.section("resources").walk():
        if element.tag in ("group", "clone", "master") and not any(element.all(*_RESOURCES)):
            yield EMPTY.at(element.id, kind=element.tag, id=element.id)


def _same_addresses(cib: Cib) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for resource in _primitives(cib):
        address = _value(resource, "ip") if resource.get("type") in _ADDRESS_AGENTS else ""
        if address and address in owners:
            yield SAME_ADDRESS.at(resource.id, id=resource.id, other=owners[address], address=address)
        elif address:
            owners[address] = resource.id


def _fencing(cib: Cib) -> Iterator[Problem]:
    devices = [resource for resource in _primitives(cib) if resource.get("class") == "stonith"]
    if _is_false(_property(cib, ("stonith-enabled", "fencing-enabled"), "true")):
        yield NO_FENCING_AT_ALL.at("stonith-enabled")
        return
    if not devices:
        yield NO_FENCING.at("stonith-enabled")
    for device in devices:
        targets = (_value(device, "hostlist") or _value(device, "pcmk_host_list")).replace(",", " ").split()
        if len(targets) == 1 and not _is_kept_off(cib, device.id, targets[0]):
            yield ON_ITS_TARGET.at(device.id, id=device.id, node=targets[0])


def _is_kept_off(cib: Cib, device: str, node: str) -> bool:
    """Whether a location constraint on the device, or on the group it is in, forbids the node."""
    groups = [g.id for g in cib.section("resources").all("group") if any(member.id == device for member in g.children)]
    for constraint in cib.section("constraints").all("rsc_location"):
        if constraint.get("rsc") not in (device, *groups):
            continue
        if constraint.get("score") == "-INFINITY" and constraint.get("node") == node:
            return True
        for rule in constraint.all("rule"):
            values = [e.get("value") for e in rule.all("expression") if e.get("attribute") == "#uname"]
            if rule.get("score") == "-INFINITY" and node in values:
                return True
    return False


def _monitors(cib: Cib) -> Iterator[Problem]:
    for resource in _primitives(cib):
        operations = [op for block in resource.all("operations") for op in block.all("op")]
        is_watched = any(
            op.get("name") == "monitor" and op.get("interval", "0") not in ("0", "0s") for op in operations
        )
        if not is_watched and not resource.get("template"):
            yield NO_MONITOR.at(resource.id, id=resource.id)
