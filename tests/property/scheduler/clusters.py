"""Random clusters out of a seed: nodes, resources of every kind, constraints, and a past with failures in it.

Gives a Cib as it could stand in a cluster that has run for a while: the configuration is drawn, carried out on paper
until nothing is left to do, and then things happen to it (happenings.py).
"""

from __future__ import annotations

from random import Random

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.status import with_attributes, with_node_state
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply
from tests.property.scheduler.constraints import Constraints, Named
from tests.property.scheduler.happenings import NOW, happen

_UP = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
_OPTIONS: dict[str, tuple[tuple[str, ...], float]] = {
    "no-quorum-policy": (("ignore", "ignore", "stop", "freeze", "demote", "suicide"), 0.7),
    "start-failure-is-fatal": (("true", "false"), 0.4),
    "symmetric-cluster": (("false",), 0.04),
    "stop-all-resources": (("true",), 0.02),
    "maintenance-mode": (("true",), 0.03),
    "stop-orphan-resources": (("false",), 0.05),
    "stop-orphan-actions": (("false",), 0.05),
    "startup-fencing": (("false",), 0.1),
    "enable-startup-probes": (("false",), 0.04),
    "stonith-action": (("off", "reboot"), 0.1),
    "node-health-strategy": (("migrate-on-red", "only-green", "progressive"), 0.1),
    "placement-strategy": (("utilization", "minimal", "balanced"), 0.15),
    "shutdown-lock": (("true",), 0.05),
    "priority-fencing-delay": (("15s",), 0.05),
}
_OF_THE_WHOLE = ("target-role", "is-managed", "maintenance", "requires", "multiple-active")
_KINDS = (
    "primitive",
    "primitive",
    "primitive",
    "group",
    "group",
    "clone",
    "clone",
    "unique_clone",
    "cloned_group",
    "promotable",
    "promotable",
    "promotable_group",
)


def cluster(seed: int) -> Cib:
    """The same cluster for the same seed."""
    return Drawing(Random(seed)).cib()


class Drawing:
    def __init__(self, luck: Random) -> None:
        self._luck = luck
        self._nodes = [f"node{number}" for number in range(1, luck.choice((2, 2, 3, 3, 4, 5, 6, 8)) + 1)]
        self._has_fencing = luck.random() < 0.6
        self._has_capacity = luck.random() < 0.15
        self._tops: list[Named] = []
        self._templates: list[str] = []

    def cib(self) -> Cib:
        cib = self._configured()
        for node in self._nodes:
            cib = with_node_state(cib, node, _UP)
            for one in self._tops:
                if one.is_promotable and self._luck.random() < 0.8:
                    score = str(self._luck.choice((5, 10, 100)))
                    cib = with_attributes(cib, node, {f"master-{one.primitives[0]}": score})
            if self._luck.random() < 0.5:
                cib = with_attributes(cib, node, {"ping": str(self._luck.choice((0, 100, 200)))})
        if self._luck.random() < 0.85:
            for _ in range(4):
                graph = schedule(cib, NOW)
                if graph.is_empty:
                    break
                cib = apply(cib, graph, NOW - 7200)
        for _ in range(self._luck.choice((0, 1, 1, 1, 2, 2, 3))):
            cib = happen(cib, self._luck, self._nodes, self._tops)
        return cib

    # ------------------------------------------------------------ configuration

    def _configured(self) -> Cib:
        resources = "".join(self._resources())
        constraints = Constraints(self._luck, self._nodes, self._tops)
        options = {"stonith-enabled": str(self._has_fencing).lower(), "concurrent-fencing": "true"}
        for name, (values, chance) in _OPTIONS.items():
            if self._luck.random() < chance:
                options[name] = self._luck.choice(values)
        pairs = "".join(f'<nvpair id="o-{name}" name="{name}" value="{value}"/>' for name, value in options.items())
        defaults = self._meta("rsc-defaults", {"resource-stickiness": ("0", "1", "100", "INFINITY")}, 0.6)
        text = (
            '<cib validate-with="pacemaker-3.7" crm_feature_set="3.16.2" epoch="1" num_updates="0" admin_epoch="0" '
            f'have-quorum="{self._luck.choice("1111110")}" dc-uuid="1" execution-date="{NOW}"><configuration>'
            f'<crm_config><cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set></crm_config>'
            f"<nodes>{''.join(self._node(n, name) for n, name in enumerate(self._nodes, start=1))}</nodes>"
            f"<resources>{''.join(self._templates)}{resources}</resources>"
            f"<constraints>{constraints.text()}</constraints>{constraints.tags()}"
            f"<rsc_defaults>{defaults}</rsc_defaults></configuration><status>{constraints.tickets()}</status></cib>"
        )
        found = parse_cib(text.encode())
        assert isinstance(found, Cib), found
        return found

    def _node(self, number: int, name: str) -> str:
        inside = ""
        attributes = {"site": "east" if number % 2 else "west"} if self._luck.random() < 0.5 else {}
        if self._luck.random() < 0.05:
            attributes["standby"] = "on"
        if attributes:
            pairs = "".join(f'<nvpair id="{name}-{key}" name="{key}" value="{v}"/>' for key, v in attributes.items())
            inside += f'<instance_attributes id="{name}-attributes">{pairs}</instance_attributes>'
        if self._has_capacity:
            room = self._luck.choice((2, 4, 8))
            pair = f'<nvpair id="{name}-cpu" name="cpu" value="{room}"/>'
            inside += f'<utilization id="{name}-capacity">{pair}</utilization>'
        return f'<node id="{number}" uname="{name}">{inside}</node>'

    def _meta(self, owner: str, choices: dict[str, tuple[str, ...]], chance: float, **more: str) -> str:
        drawn = {name: self._luck.choice(values) for name, values in choices.items() if self._luck.random() < chance}
        drawn |= {name.replace("_", "-"): value for name, value in more.items()}
        if not drawn:
            return ""
        pairs = "".join(f'<nvpair id="{owner}-{name}" name="{name}" value="{v}"/>' for name, v in drawn.items())
        return f'<meta_attributes id="{owner}-meta">{pairs}</meta_attributes>'

    def _resources(self) -> list[str]:
        found = []
        if self._has_fencing:
            found.append('<primitive id="fencing" class="stonith" type="fence_xvm"/>')
        for number in range(1, self._luck.randint(2, 6) + 1):
            kind = self._luck.choice(_KINDS)
            found.append(getattr(self, f"_{kind}")(number))
        return found

    # ------------------------------------------------------------ resources

    def _one(self, name: str, *, roles: bool = False, is_anonymous: bool = False) -> str:
        choices = {
            "migration-threshold": ("1", "2", "3"),
            "priority": ("1", "5", "10"),
            "target-role": ("Started", "Started", "Stopped"),
            "is-managed": ("true", "true", "false"),
            "allow-migrate": ("true",),
            "resource-stickiness": ("0", "50"),
            "failure-timeout": ("30s", "1h"),
            "requires": ("quorum", "nothing", "fencing"),
            "critical": ("false",),
            "maintenance": ("true",),
            "multiple-active": ("stop_start", "block", "stop_only", "stop_unexpected"),
        }
        if is_anonymous:
            # Members of an instance that each go their own way are beyond what either scheduler promises.
            choices = {key: value for key, value in choices.items() if key not in _OF_THE_WHOLE}
        meta = self._meta(name, choices, 0.08)
        agent = f'class="ocf" provider="pacemaker" type="{"Stateful" if roles else "Dummy"}"'
        inside = (
            meta + self._parameters(name) + f"<operations>{''.join(self._ops(name, roles, is_anonymous))}</operations>"
        )
        if self._has_capacity and self._luck.random() < 0.6:
            pair = f'<nvpair id="{name}-cpu" name="cpu" value="{self._luck.choice((1, 1, 2, 3))}"/>'
            inside += f'<utilization id="{name}-use">{pair}</utilization>'
        if not roles and self._luck.random() < 0.06:
            self._templates.append(f'<template id="{name}-t" {agent}>{self._parameters(f"{name}-t")}</template>')
            agent = f'template="{name}-t"'
        return f'<primitive id="{name}" {agent}>{inside}</primitive>'

    def _parameters(self, name: str) -> str:
        if self._luck.random() < 0.7:
            return ""
        pair = f'<nvpair id="{name}-fake" name="fake" value="{self._luck.randint(1, 9)}"/>'
        return f'<instance_attributes id="{name}-params">{pair}</instance_attributes>'

    def _ops(self, name: str, roles: bool, is_anonymous: bool) -> list[str]:
        if roles:
            on_fail = self._on_fail("demote")
            ops = [
                f'<op id="{name}-m10" name="monitor" interval="10s" role="Promoted"{on_fail}/>',
                f'<op id="{name}-m11" name="monitor" interval="11s" role="Unpromoted"/>',
            ]
        else:
            ops = [f'<op id="{name}-m10" name="monitor" interval="10s"{self._on_fail()}/>']
            if not is_anonymous and self._luck.random() < 0.04:
                ops.append(f'<op id="{name}-m20" name="monitor" interval="20s" role="Stopped"/>')
        if self._luck.random() < 0.15:
            how = self._luck.choice(("block", "fence", "ignore"))
            ops.append(f'<op id="{name}-stop" name="stop" interval="0" on-fail="{how}"/>')
        if self._luck.random() < 0.1:
            how = self._luck.choice(("block", "restart", "stop", "ignore"))
            ops.append(f'<op id="{name}-start" name="start" interval="0" timeout="60s" on-fail="{how}"/>')
        return ops

    def _on_fail(self, *more: str) -> str:
        if self._luck.random() < 0.7:
            return ""
        return f' on-fail="{self._luck.choice(("ignore", "block", "stop", "restart", "standby", "fence", *more))}"'

    def _primitive(self, number: int) -> str:
        name = f"rsc{number}"
        self._tops.append(Named(name, (name,)))
        return self._one(name)

    def _members(self, number: int, *, roles: bool = False, is_cloned: bool = False) -> tuple[list[str], str]:
        names = [f"g{number}m{place}" for place in range(1, self._luck.randint(1, 3) + 1)]
        return names, "".join(self._one(name, roles=roles, is_anonymous=is_cloned) for name in names)

    def _group(self, number: int) -> str:
        names, members = self._members(number)
        self._tops.append(Named(f"grp{number}", tuple(names)))
        choices = {"priority": ("5",), "target-role": ("Stopped",)}
        return f'<group id="grp{number}">{self._meta(f"grp{number}", choices, 0.04)}{members}</group>'

    def _cloned(self, name: str, inside: str, primitives: tuple[str, ...], **more: str) -> str:
        choices = {
            "interleave": ("true", "false"),
            "clone-max": ("1", "2", "3"),
            "ordered": ("true", "false"),
            "notify": ("true", "false"),
            "priority": ("5",),
            "is-managed": ("true", "false"),
        }
        if "<group" in inside:
            # Members that start in any order are on their way out.
            del choices["ordered"]
        if "promotable" in more:
            choices |= {"promoted-max": ("1", "2"), "target-role": ("Unpromoted", "Stopped")}
        elif "globally_unique" not in more:
            choices["clone-min"] = ("1", "2")
        self._tops.append(Named(name, primitives, is_clone=True, is_promotable="promotable" in more))
        return f'<clone id="{name}">{self._meta(name, choices, 0.15, **more)}{inside}</clone>'

    def _clone(self, number: int) -> str:
        name = f"cl{number}r"
        return self._cloned(f"cl{number}", self._one(name, is_anonymous=True), (name,))

    def _unique_clone(self, number: int) -> str:
        name = f"un{number}r"
        more = {"clone_node_max": "2"} if self._luck.random() < 0.5 else {}
        return self._cloned(f"un{number}", self._one(name, is_anonymous=True), (name,), globally_unique="true", **more)

    def _cloned_group(self, number: int) -> str:
        names, members = self._members(number, is_cloned=True)
        return self._cloned(f"cl{number}", f'<group id="cgrp{number}">{members}</group>', tuple(names))

    def _promotable(self, number: int) -> str:
        name = f"st{number}"
        inside = self._one(name, roles=True, is_anonymous=True)
        return self._cloned(f"ms{number}", inside, (name,), promotable="true")

    def _promotable_group(self, number: int) -> str:
        names, members = self._members(number, roles=True, is_cloned=True)
        inside = f'<group id="pgrp{number}">{members}</group>'
        return self._cloned(f"ms{number}", inside, tuple(names), promotable="true")


__all__ = ["NOW", "cluster"]
