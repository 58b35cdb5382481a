"""Operations and settings of resources: monitors that are missing or doubled, times and words that can't be read.

Reads an Index; gives Problems at the id of the resource.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from ipaddress import ip_address

from hacluster.cib.checks.index import PROMOTED, Index
from hacluster.cib.checks.kinds import error, warning
from hacluster.cib.model import Element
from hacluster.cib.problems import Problem
from hacluster.cib.values import boolean, duration_ms, score, whole_number

NO_MONITOR = warning(
    "no-monitor",
    "{id} has no monitor: a failure would not be noticed",
    "{id} に monitor がありません（故障を検知できません）",
    "add: op monitor interval=10s timeout=60s",
    "op monitor interval=10s timeout=60s を追加してください",
)
MONITORED_ONCE = warning(
    "monitor-without-interval",
    "the monitor of {id} has the interval 0: it looks once and never again",
    "{id} の monitor の interval が 0 です（定期的な監視が行われません）",
    "give it an interval, such as 10s",
    "interval に 10s などを指定してください",
)
NO_PROMOTED_MONITOR = warning(
    "no-promoted-monitor",
    "{id} is promotable, but nothing monitors its promoted instance",
    "{id} は promotable ですが、Promoted ロールの monitor がありません",
    "add: op monitor role=Promoted with an interval of its own",
    "別の interval で op monitor role=Promoted を追加してください",
)
DUPLICATE_OPERATION = error(
    "duplicate-operation",
    "{id} has two {name} operations with the interval {interval}; the second is ignored",
    "{id} に interval {interval} の {name} が重複しています（2 つ目は無視されます）",
    "give each an interval of its own (also for two roles), such as 10s and 11s",
    "ロールが異なる場合も含め、10s と 11s のように異なる interval を指定してください",
)
INTERVAL_IGNORED = warning(
    "interval-ignored",
    "{id}: {name} is not repeated; its interval {interval} is ignored",
    "{id}: {name} は繰り返し実行されません（interval {interval} は無視されます）",
    "write interval=0",
    "interval=0 を指定してください",
)
BAD_VALUE = error(
    "value",
    "{owner}: {name}={text} is not {expected_en}",
    "{owner}: {name}={text} は{expected_ja}ではありません",
    "correct the value",
    "値を修正してください",
)
FENCE_WITHOUT_FENCING = warning(
    "on-fail-fence",
    "{id}: on-fail=fence of {name} has no effect while fencing is disabled",
    "{id}: STONITH が無効なため、{name} の on-fail=fence は効きません",
    "set stonith-enabled=true, or choose another on-fail",
    "stonith-enabled=true にするか、on-fail を変更してください",
)
MISSPELT = warning(
    "misspelt",
    "{owner}: {name} is not known and has no effect; {known} is",
    "{owner}: {name} は未定義のため無効です（{known} の誤りではありませんか）",
    "write {known}",
    "{known} と記述してください",
)
CLONE_NUMBERS = warning(
    "clone-numbers",
    "{id}: {larger}={larger_value} is more than {smaller}={smaller_value} allows",
    "{id}: {larger}={larger_value} が {smaller}={smaller_value} を超えています",
    "correct one of them",
    "いずれかを修正してください",
)
SAME_ADDRESS = error(
    "same-address",
    "{id} and {other} bring up the same address {address}",
    "{id} と {other} が同じアドレス {address} を使用しています",
    "give one of them another address",
    "どちらかのアドレスを変更してください",
)
BAD_ADDRESS = error(
    "address",
    "{id}: {address} is not an IP address",
    "{id}: {address} は IP アドレスではありません",
    "correct the parameter {name}",
    "パラメータ {name} を修正してください",
)
_ADDRESS_PARAMETER = {"IPaddr": "ip", "IPaddr2": "ip", "IPv6addr": "ipv6addr"}
_ON_FAIL = ("ignore", "block", "stop", "restart", "standby", "fence", "restart-container", "demote")
_ROLES = ("started", "stopped", "promoted", "unpromoted", "master", "slave")
_DURATION, _BOOLEAN, _SCORE, _COUNT = "duration", "boolean", "score", "count"
Expected = str | tuple[str, ...]
_OP_VALUES: dict[str, Expected] = {
    "timeout": _DURATION,
    "interval": _DURATION,
    "start-delay": _DURATION,
    "on-fail": _ON_FAIL,
    "role": _ROLES,
    "enabled": _BOOLEAN,
    "record-pending": _BOOLEAN,
}
_META_VALUES: dict[str, Expected] = {
    "target-role": _ROLES,
    "is-managed": _BOOLEAN,
    "maintenance": _BOOLEAN,
    "critical": _BOOLEAN,
    "priority": _SCORE,
    "resource-stickiness": _SCORE,
    "migration-threshold": _SCORE,
    "failure-timeout": _DURATION,
    "multiple-active": ("block", "stop_only", "stop_start", "stop_unexpected"),
    "allow-migrate": _BOOLEAN,
    "clone-max": _COUNT,
    "clone-node-max": _COUNT,
    "clone-min": _COUNT,
    "promoted-max": _COUNT,
    "promoted-node-max": _COUNT,
    "master-max": _COUNT,
    "master-node-max": _COUNT,
    "notify": _BOOLEAN,
    "ordered": _BOOLEAN,
    "interleave": _BOOLEAN,
    "globally-unique": _BOOLEAN,
    "promotable": _BOOLEAN,
}
_OTHER_META = (
    *("requires", "resource-failure-stickiness", "is_managed", "target_role", "allow-unhealthy-nodes", "description"),
    *("remote-node", "remote-port", "remote-addr", "remote-connect-timeout", "remote-allow-migrate"),
    *("container-attribute-target", "provides"),
)
_PROPERTIES: dict[str, Expected] = {
    "no-quorum-policy": ("stop", "freeze", "ignore", "demote", "suicide", "fence"),
    "stonith-enabled": _BOOLEAN,
    "fencing-enabled": _BOOLEAN,
    "stonith-action": ("reboot", "off", "poweroff"),
    "fencing-action": ("reboot", "off", "poweroff"),
    "stonith-timeout": _DURATION,
    "fencing-timeout": _DURATION,
    "stonith-max-attempts": _SCORE,
    "startup-fencing": _BOOLEAN,
    "symmetric-cluster": _BOOLEAN,
    "maintenance-mode": _BOOLEAN,
    "stop-all-resources": _BOOLEAN,
    "stop-orphan-resources": _BOOLEAN,
    "stop-orphan-actions": _BOOLEAN,
    "start-failure-is-fatal": _BOOLEAN,
    "enable-startup-probes": _BOOLEAN,
    "concurrent-fencing": _BOOLEAN,
    "cluster-delay": _DURATION,
    "dc-deadtime": _DURATION,
    "cluster-recheck-interval": _DURATION,
    "election-timeout": _DURATION,
    "shutdown-escalation": _DURATION,
    "priority-fencing-delay": _DURATION,
    "batch-limit": _COUNT,
    "migration-limit": _COUNT,
    "placement-strategy": ("default", "utilization", "minimal", "balanced"),
    "node-health-strategy": ("none", "migrate-on-red", "only-green", "progressive", "custom"),
    "default-resource-stickiness": _SCORE,
    "default-action-timeout": _DURATION,
    "is-managed-default": _BOOLEAN,
    "remove-after-stop": _BOOLEAN,
}
_OTHER_PROPERTIES = (
    *("cluster-name", "cluster-infrastructure", "dc-version", "have-watchdog", "last-lrm-refresh", "enable-acl"),
    *(
        "stonith-watchdog-timeout",
        "fence-reaction",
        "node-pending-timeout",
        "crmd-transition-delay",
        "crmd-integration-timeout",
        "load-threshold",
        "node-action-limit",
    ),
    *("pe-error-series-max", "pe-warn-series-max", "pe-input-series-max", "node-health-green", "node-health-yellow"),
    *("node-health-red", "node-health-base", "shutdown-lock", "shutdown-lock-limit", "crmd-finalization-timeout"),
    *("join-integration-timeout", "join-finalization-timeout", "transition-delay", "expected-quorum-votes"),
    *("fencing-watchdog-timeout", "default-resource-failure-stickiness", "maintenance", "last-refresh"),
)
_WORDS = {
    _DURATION: ("a time such as 60s or 2min", "時間（60s、2min など）"),
    _BOOLEAN: ("true or false", "true / false"),
    _SCORE: ("a whole number or INFINITY", "整数または INFINITY"),
    _COUNT: ("a whole number", "整数"),
}


def check_operations(index: Index) -> Iterator[Problem]:
    for primitive in index.primitives:
        operations = index.operations(primitive)
        yield from _monitors(index, primitive, operations)
        yield from _doubles(primitive, operations)
        for operation in operations:
            yield from _operation(index, primitive, operation)
    yield from _settings(index)
    yield from _clones(index)
    yield from _addresses(index)


def is_repeated(operation: Element) -> bool:
    return bool(duration_ms(operation.get("interval", "0")))


def _monitors(index: Index, primitive: Element, operations: list[Element]) -> Iterator[Problem]:
    monitors = [operation for operation in operations if operation.get("name") == "monitor"]
    repeated = [operation for operation in monitors if is_repeated(operation)]
    if not monitors:
        yield NO_MONITOR.at(primitive.id, id=primitive.id)
    elif not repeated:
        yield MONITORED_ONCE.at(primitive.id, id=primitive.id)
    elif index.is_promotable(primitive.id) and not any(m.get("role").lower() in PROMOTED for m in repeated):
        yield NO_PROMOTED_MONITOR.at(primitive.id, id=primitive.id)


def _doubles(primitive: Element, operations: list[Element]) -> Iterator[Problem]:
    seen: set[tuple[str, int]] = set()
    for operation in operations:
        key = operation.get("name"), duration_ms(operation.get("interval", "0")) or 0
        if key in seen:
            interval = operation.get("interval", "0")
            yield DUPLICATE_OPERATION.at(primitive.id, id=primitive.id, name=key[0], interval=interval)
        seen.add(key)


def _operation(index: Index, primitive: Element, operation: Element) -> Iterator[Problem]:
    name, owner = operation.get("name"), f"{primitive.id} {operation.get('name')}"
    said = dict(operation.attributes)
    for block in index.blocks(operation, "meta_attributes", "instance_attributes"):
        said |= {pair.get("name"): pair.get("value") for pair in block.all("nvpair")}
    for key, text in said.items():
        if key in _OP_VALUES:
            yield from _value(primitive.id, owner, key, text, _OP_VALUES[key])
    if name in ("start", "stop", "promote", "demote") and is_repeated(operation):
        yield INTERVAL_IGNORED.at(primitive.id, id=primitive.id, name=name, interval=operation.get("interval"))
    if said.get("on-fail") == "fence" and not index.has_fencing:
        yield FENCE_WITHOUT_FENCING.at(primitive.id, id=primitive.id, name=name)


def _value(place: str, owner: str, name: str, text: str, expected: Expected) -> Iterator[Problem]:
    # An empty value is one that nobody set.
    if text and not _fits(text, expected):
        en, ja = _WORDS[expected] if isinstance(expected, str) else (f"one of {', '.join(expected)}",) * 2
        yield BAD_VALUE.at(place, owner=owner, name=name, text=text, expected_en=en, expected_ja=ja)


def _fits(text: str, expected: Expected) -> bool:
    match expected:
        case "duration":
            # -1 is written for "never" and "compute it yourself".
            return text == "-1" or duration_ms(text) is not None
        case "boolean":
            return boolean(text) is not None
        case "score":
            return score(text) is not None
        case "count":
            return whole_number(text) is not None
    return text.lower() in expected


def _settings(index: Index) -> Iterator[Problem]:
    for name, pair in index.properties.items():
        yield from _setting(name, name, pair.get("value"), _PROPERTIES, _OTHER_PROPERTIES)
    owners = [*index.resources.values(), *index.templates.values(), index.cib.section("rsc_defaults")]
    for owner in owners:
        for block in owner.all("meta_attributes"):
            for pair in block.all("nvpair"):
                # A reference to a pair that has its value elsewhere says nothing here.
                if pair.get("name") and "value" in pair.attributes:
                    place = owner.id or owner.tag
                    yield from _setting(place, pair.get("name"), pair.get("value"), _META_VALUES, _OTHER_META)


def _setting(
    place: str, name: str, text: str, known: dict[str, Expected], others: tuple[str, ...]
) -> Iterator[Problem]:
    if name in known:
        yield from _value(place, place, name, text, known[name])
    elif name not in others:
        near = difflib.get_close_matches(name, (*known, *others), n=1, cutoff=0.8)
        if near:
            yield MISSPELT.at(place, owner=place, name=name, known=near[0])


def _clones(index: Index) -> Iterator[Problem]:
    pairs = (("promoted-max", "clone-max"), ("master-max", "clone-max"), ("clone-node-max", "clone-max"))
    for clone in (each for each in index.resources.values() if each.tag in ("clone", "master")):
        for larger, smaller in pairs:
            more, less = whole_number(index.meta(clone, larger)), whole_number(index.meta(clone, smaller))
            if more is not None and less is not None and more > less:
                yield CLONE_NUMBERS.at(
                    clone.id, id=clone.id, larger=larger, larger_value=more, smaller=smaller, smaller_value=less
                )


def _addresses(index: Index) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for resource in index.primitives:
        name = _ADDRESS_PARAMETER.get(index.agent(resource)[2], "")
        for written in dict.fromkeys(index.values(resource, name) if name else ()):
            address = _normal(written)
            if not address:
                yield BAD_ADDRESS.at(resource.id, id=resource.id, address=written, name=name)
            elif owners.setdefault(address, resource.id) != resource.id:
                yield SAME_ADDRESS.at(resource.id, id=resource.id, other=owners[address], address=written)


def _normal(address: str) -> str:
    """One spelling for each address; "" for what is none."""
    try:
        return str(ip_address(address.strip().partition("/")[0].partition("%")[0]))
    except ValueError:
        return ""
