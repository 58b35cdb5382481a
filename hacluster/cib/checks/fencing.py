"""Fencing that is missing, off, on its own target, or leaves a node out; and quorum that protects nothing.

Reads an Index; gives Problems at the device, the level or the property.
"""

from __future__ import annotations

from collections.abc import Iterator

from hacluster.cib.checks.index import Index
from hacluster.cib.checks.kinds import error, warning
from hacluster.cib.checks.locations import banned_nodes
from hacluster.cib.model import Element
from hacluster.cib.problems import Problem
from hacluster.cib.values import whole_number

NO_FENCING = error(
    "no-fencing-device",
    "fencing is enabled, but no STONITH device is configured: nothing of a lost node can be taken over",
    "STONITH が有効ですが、STONITH リソースがありません（離脱ノードのリソースを引き継げません）",
    "configure a stonith resource, or set stonith-enabled=false and accept two active services",
    "STONITH リソースを設定してください（stonith-enabled=false の場合は二重起動の危険があります）",
)
FENCING_OFF = warning(
    "fencing-disabled",
    "fencing is disabled: after a split both sides may run the same service",
    "STONITH が無効です（スプリットブレイン時に二重起動の危険があります）",
    "configure STONITH and set stonith-enabled=true",
    "STONITH を設定し、stonith-enabled=true にしてください",
)
ON_ITS_TARGET = warning(
    "fencing-on-target",
    "{id} can run on {node}, the node it is to fence",
    "{id} はフェンシング対象のノード {node} で起動できます",
    "add: location l-{id} {id} -inf: {node}",
    "location l-{id} {id} -inf: {node} を追加してください",
)
NODE_LEFT_OUT = warning(
    "node-not-fenced",
    "no STONITH device names {node}: nothing of it can be taken over when it is lost",
    "{node} を対象とする STONITH リソースがありません（{node} の離脱時に引き継げません）",
    "add it to the host list of a device, or give it a device of its own",
    "いずれかのデバイスの hostlist に追加するか、専用のデバイスを設定してください",
)
UNKNOWN_TARGET = warning(
    "fencing-unknown-node",
    "{id} names {node}, which is no node of the cluster",
    "{id} が対象とする {node} はクラスターのノードではありません",
    "correct the host list (nodes: {nodes})",
    "hostlist を修正してください（ノード: {nodes}）",
)
NOT_A_DEVICE = error(
    "level-not-a-device",
    "the fencing level {index} of {target} names {name}, which is no STONITH device",
    "{target} のフェンシングレベル {index} の {name} は STONITH リソースではありません",
    "name a primitive of the class stonith",
    "class が stonith の primitive を指定してください",
)
BAD_LEVEL = error(
    "level-index",
    "{id}: the level {index} is none of 1 to 9",
    "{id}: レベル {index} は 1～9 の範囲外です",
    "number the levels from 1",
    "レベルは 1 から指定してください",
)
QUORUM_IGNORED = warning(
    "quorum-ignored",
    "no-quorum-policy=ignore with {count} nodes: a minority goes on as if it were the cluster",
    "{count} ノード構成で no-quorum-policy=ignore です（少数派でもサービスを継続します）",
    "write no-quorum-policy=stop; ignore is for pairs with fencing",
    "no-quorum-policy=stop にしてください（ignore は STONITH のある 2 ノード構成用です）",
)


def check_fencing(index: Index) -> Iterator[Problem]:
    devices = [resource for resource in index.primitives if index.agent(resource)[0] == "stonith"]
    if not index.has_fencing:
        yield FENCING_OFF.at("stonith-enabled")
    elif not devices:
        yield NO_FENCING.at("stonith-enabled")
    else:
        yield from _targets(index, devices)
    yield from _levels(index, {device.id for device in devices})
    if index.setting("no-quorum-policy") == "ignore" and len(index.nodes) > 2:
        yield QUORUM_IGNORED.at("no-quorum-policy", count=len(index.nodes))


def targets_of(index: Index, device: Element) -> list[str]:
    """The nodes a device says it fences; none where it finds them out by itself."""
    listed = index.value(device, "pcmk_host_list", "hostlist")
    if listed:
        return [word.partition(":")[0] for word in listed.replace(",", " ").replace(";", " ").split()]
    mapped = index.value(device, "pcmk_host_map").replace(";", " ").split()
    return [pair.partition(":")[0] for pair in mapped]


def _targets(index: Index, devices: list[Element]) -> Iterator[Problem]:
    banned = banned_nodes(index)
    covered: set[str] = set()
    finds_out_itself = False
    for device in devices:
        targets = targets_of(index, device)
        covered.update(targets)
        finds_out_itself |= not targets
        if len(targets) == 1 and targets[0] not in banned.get(index.top(device.id), {}):
            # A device for several nodes may stand on any of them: another one fences its own.
            yield ON_ITS_TARGET.at(device.id, id=device.id, node=targets[0])
        for node in targets:
            if index.nodes and node not in index.nodes:
                yield UNKNOWN_TARGET.at(device.id, id=device.id, node=node, nodes=", ".join(index.nodes))
    topology = index.cib.section("fencing-topology").all("fencing-level")
    covered.update(level.get("target") for level in topology)
    for node in () if finds_out_itself else index.nodes:
        if node not in covered:
            yield NODE_LEFT_OUT.at(node, node=node)


def _levels(index: Index, devices: set[str]) -> Iterator[Problem]:
    for level in index.cib.section("fencing-topology").all("fencing-level"):
        number = level.get("index")
        if whole_number(number) not in range(1, 10):
            yield BAD_LEVEL.at(level.id, id=level.id, index=number)
        for name in (word.strip() for word in level.get("devices").split(",")):
            if name in index.resources and name not in devices:
                target = level.get("target") or level.get("target-pattern") or level.get("target-attribute")
                yield NOT_A_DEVICE.at(level.id, index=number, target=target, name=name)
