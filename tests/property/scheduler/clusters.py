"""Random clusters out of a seed: nodes, resources of every kind, constraints, and a past with failures in it.

Gives a Cib as it could stand in a cluster that has run for a while: the configuration is drawn, carried out on paper
until nothing is left to do, and then things happen to it.
"""

from __future__ import annotations

from random import Random

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib, Element
from hacluster.cib.status import with_attributes, with_node_state
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply, left_cleanly, operation_failed, was_lost

NOW = 1_700_000_000
_UP = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
_SCORES = ("INFINITY", "-INFINITY", "100", "50", "-50", "1000", "10")


def cluster(seed: int) -> Cib:
    """The same cluster for the same seed."""
    return Drawing(Random(seed)).cib()


class Drawing:
    def __init__(self, luck: Random) -> None:
        self._luck = luck
        self._nodes = [f"node{number}" for number in range(1, luck.randint(2, 5) + 1)]
        self._has_fencing = luck.random() < 0.6
        self._tops: list[tuple[str, str]] = []
        """(id, kind) of everything a constraint may name"""
        self._primitives: list[str] = []

    def cib(self) -> Cib:
        cib = self._configured()
        for node in self._nodes:
            cib = with_node_state(cib, node, _UP)
        for node in self._nodes:
            for name, kind in self._tops:
                if kind == "promotable" and self._luck.random() < 0.7:
                    score = str(self._luck.choice((5, 10, 100)))
                    cib = with_attributes(cib, node, {f"master-{name.removeprefix('ms-')}": score})
            if self._luck.random() < 0.4:
                cib = with_attributes(cib, node, {"ping": str(self._luck.choice((0, 100, 200)))})
        if self._luck.random() < 0.85:
            for _ in range(4):
                graph = schedule(cib, NOW)
                if graph.is_empty:
                    break
                cib = apply(cib, graph, NOW - 100)
        for _ in range(self._luck.choice((0, 1, 1, 2, 3))):
            cib = self._event(cib)
        return cib

    # ------------------------------------------------------------ configuration

    def _configured(self) -> Cib:
        parts = "".join(self._resources())
        locations = "".join(self._constraints())
        options = {
            "stonith-enabled": str(self._has_fencing).lower(),
            "no-quorum-policy": self._luck.choice(("ignore", "ignore", "stop", "freeze")),
            "start-failure-is-fatal": self._luck.choice(("true", "true", "false")),
            "symmetric-cluster": "true",
        }
        if self._luck.random() < 0.05:
            options["maintenance-mode"] = "true"
        pairs = "".join(f'<nvpair id="o-{name}" name="{name}" value="{value}"/>' for name, value in options.items())
        defaults = self._meta("rsc-defaults", {"resource-stickiness": ("0", "1", "100", "INFINITY")}, 0.6)
        nodes = "".join(f'<node id="{n}" uname="{name}"/>' for n, name in enumerate(self._nodes, start=1))
        text = (
            '<cib validate-with="pacemaker-3.7" crm_feature_set="3.16.2" epoch="1" num_updates="0" admin_epoch="0" '
            f'have-quorum="{self._luck.choice("1111110")}" dc-uuid="1" execution-date="{NOW}"><configuration>'
            f'<crm_config><cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set></crm_config>'
            f"<nodes>{nodes}</nodes><resources>{parts}</resources><constraints>{locations}</constraints>"
            f"<rsc_defaults>{defaults}</rsc_defaults></configuration><status/></cib>"
        )
        found = parse_cib(text.encode())
        assert isinstance(found, Cib), found
        return found

    def _meta(self, owner: str, choices: dict[str, tuple[str, ...]], chance: float) -> str:
        drawn = {name: self._luck.choice(values) for name, values in choices.items() if self._luck.random() < chance}
        if not drawn:
            return ""
        pairs = "".join(f'<nvpair id="{owner}-{name}" name="{name}" value="{v}"/>' for name, v in drawn.items())
        return f'<meta_attributes id="{owner}-meta">{pairs}</meta_attributes>'

    def _resources(self) -> list[str]:
        found = []
        if self._has_fencing:
            found.append('<primitive id="fencing" class="stonith" type="fence_xvm"/>')
        for number in range(1, self._luck.randint(2, 6) + 1):
            kind = self._luck.choice(("primitive", "primitive", "group", "clone", "promotable", "cloned-group"))
            found.append(getattr(self, f"_{kind.replace('-', '_')}")(number))
        return found

    def _one(self, name: str, *, roles: bool = False) -> str:
        self._primitives.append(name)
        choices = {
            "migration-threshold": ("1", "2", "3"),
            "priority": ("1", "5"),
            "target-role": ("Started", "Started", "Stopped"),
            "is-managed": ("true", "true", "true", "false"),
            "allow-migrate": ("true", "false"),
            "resource-stickiness": ("0", "50"),
            "failure-timeout": ("30s", "1h"),
        }
        ops = [f'<op id="{name}-m10" name="monitor" interval="10s"{self._on_fail()}/>']
        if roles:
            ops = [
                f'<op id="{name}-m10" name="monitor" interval="10s" role="Promoted"{self._on_fail()}/>',
                f'<op id="{name}-m11" name="monitor" interval="11s" role="Unpromoted"/>',
            ]
        if self._luck.random() < 0.2:
            ops.append(
                f'<op id="{name}-stop" name="stop" interval="0" on-fail="{self._luck.choice(("block", "fence"))}"/>'
            )
        kind = "Stateful" if roles else "Dummy"
        return (
            f'<primitive id="{name}" class="ocf" provider="pacemaker" type="{kind}">{self._meta(name, choices, 0.15)}'
            f"<operations>{''.join(ops)}</operations></primitive>"
        )

    def _on_fail(self) -> str:
        if self._luck.random() < 0.75:
            return ""
        return f' on-fail="{self._luck.choice(("ignore", "block", "stop", "restart", "standby", "fence"))}"'

    def _primitive(self, number: int) -> str:
        self._tops.append((f"rsc{number}", "primitive"))
        return self._one(f"rsc{number}")

    def _group(self, number: int) -> str:
        self._tops.append((f"grp{number}", "group"))
        members = "".join(self._one(f"g{number}m{place}") for place in range(1, self._luck.randint(1, 3) + 1))
        return f'<group id="grp{number}">{members}</group>'

    def _clone(self, number: int, inner: str = "", kind: str = "clone") -> str:
        inner = inner or self._one(f"cl{number}r")
        name = f"cl{number}" if kind != "promotable" else f"ms-{number}"
        self._tops.append((name, kind))
        choices: dict[str, tuple[str, ...]] = {
            "interleave": ("true", "false"),
            "clone-max": ("1", "2", "3"),
            "ordered": ("true", "false"),
            "notify": ("true", "false"),
        }
        if kind == "clone" and "<group" not in inner:
            choices["globally-unique"] = ("false", "false", "true")
            choices["clone-min"] = ("1", "2")
        meta = self._meta(name, choices, 0.3)
        return f'<clone id="{name}">{meta}{inner}</clone>'

    def _promotable(self, number: int) -> str:
        inner = self._one(f"{number}", roles=True).replace(f'id="{number}"', f'id="st{number}"', 1)
        self._primitives[-1] = f"st{number}"
        inner = inner.replace(f'"{number}-', f'"st{number}-')
        name = f"ms-st{number}"
        self._tops.append((name, "promotable"))
        choices = {"promoted-max": ("1", "2"), "interleave": ("true", "false"), "notify": ("true", "false")}
        drawn = self._meta(name, choices, 0.4)
        pair = f'<nvpair id="{name}-p" name="promotable" value="true"/>'
        meta = drawn.replace("</meta_attributes>", f"{pair}</meta_attributes>")
        meta = meta or f'<meta_attributes id="{name}-meta">{pair}</meta_attributes>'
        return f'<clone id="{name}">{meta}{inner}</clone>'

    def _cloned_group(self, number: int) -> str:
        members = "".join(self._one(f"cg{number}m{place}") for place in range(1, self._luck.randint(1, 2) + 1))
        return self._clone(number, f'<group id="cgrp{number}">{members}</group>')

    # ------------------------------------------------------------ constraints

    def _constraints(self) -> list[str]:
        return [
            self._luck.choice((self._location, self._location, self._colocation, self._order))(number)
            for number in range(self._luck.randint(0, 6))
        ]

    def _location(self, number: int) -> str:
        name, kind = self._luck.choice(self._tops)
        score = self._luck.choice(_SCORES)
        role = ' role="Promoted"' if kind == "promotable" and self._luck.random() < 0.3 else ""
        if self._luck.random() < 0.7:
            node = self._luck.choice(self._nodes)
            return f'<rsc_location id="loc{number}" rsc="{name}" node="{node}" score="{score}"{role}/>'
        return (
            f'<rsc_location id="loc{number}" rsc="{name}"><rule id="loc{number}-r" score="{score}" boolean-op="or">'
            f'<expression id="loc{number}-a" attribute="ping" operation="not_defined"/>'
            f'<expression id="loc{number}-b" attribute="ping" operation="lt" value="150" type="number"/>'
            "</rule></rsc_location>"
        )

    def _two(self) -> tuple[tuple[str, str], tuple[str, str]] | None:
        if len(self._tops) < 2:
            return None
        one, other = self._luck.sample(range(len(self._tops)), 2)
        # Always from a later to an earlier one, so that constraints never go round in a circle.
        return self._tops[max(one, other)], self._tops[min(one, other)]

    def _colocation(self, number: int) -> str:
        pair = self._two()
        if pair is None:
            return ""
        (dependent, _), (primary, kind) = pair
        role = ' with-rsc-role="Promoted"' if kind == "promotable" and self._luck.random() < 0.5 else ""
        score = self._luck.choice(_SCORES)
        return f'<rsc_colocation id="col{number}" rsc="{dependent}" with-rsc="{primary}" score="{score}"{role}/>'

    def _order(self, number: int) -> str:
        pair = self._two()
        if pair is None:
            return ""
        (then, _), (first, kind) = pair
        action = ""
        if kind == "promotable" and self._luck.random() < 0.5:
            action = ' first-action="promote" then-action="start"'
        how = self._luck.choice(("Mandatory", "Mandatory", "Optional", "Serialize"))
        more = ' symmetrical="false"' if how == "Mandatory" and self._luck.random() < 0.2 else ""
        return f'<rsc_order id="ord{number}" first="{first}" then="{then}" kind="{how}"{action}{more}/>'

    # ------------------------------------------------------------ what happens

    def _event(self, cib: Cib) -> Cib:
        node = self._luck.choice(self._nodes)
        match self._luck.choice(("fail", "fail", "fail", "lost", "left", "standby", "ping", "shutdown", "role")):
            case "fail":
                return self._failure(cib)
            case "lost":
                return was_lost(cib, node)
            case "left":
                return left_cleanly(cib, node)
            case "standby":
                return _with_node_attribute(cib, node, "standby", "on")
            case "ping":
                return with_attributes(cib, node, {"ping": self._luck.choice(("0", "100", "200", ""))})
            case "shutdown":
                return with_attributes(cib, node, {"shutdown": str(NOW - 10)})
        return self._other_role(cib)

    def _failure(self, cib: Cib) -> Cib:
        graph = schedule(cib, NOW)
        places = [(name, node) for name, nodes in graph.placement_now.items() for node in nodes]
        places = [(name, node) for name, node in places if name != "fencing"]
        if not places:
            return cib
        name, node = self._luck.choice(sorted(places))
        operation, rc = self._luck.choice((("monitor_10000", 7), ("monitor_10000", 1), ("start_0", 1), ("stop_0", 1)))
        return operation_failed(cib, f"{name}_{operation}", node, rc, NOW - self._luck.choice((5, 50, 500)))

    def _other_role(self, cib: Cib) -> Cib:
        name = self._luck.choice(self._primitives)
        role = self._luck.choice(("Stopped", "Started"))

        def changed(element: Element) -> Element:
            if element.tag == "primitive" and element.id == name:
                pair = Element("nvpair", {"id": f"{name}-new-role", "name": "target-role", "value": role})
                kept = tuple(child for child in element.children if child.tag != "meta_attributes")
                return element.with_children((Element("meta_attributes", {"id": f"{name}-new"}, (pair,)), *kept))
            return element.with_children(tuple(changed(child) for child in element.children))

        return cib.with_section(changed(cib.section("resources")))


def _with_node_attribute(cib: Cib, node: str, name: str, value: str) -> Cib:
    def changed(element: Element) -> Element:
        if element.get("uname") != node:
            return element
        pair = Element("nvpair", {"id": f"{node}-{name}", "name": name, "value": value})
        return element.with_children((Element("instance_attributes", {"id": f"{node}-attributes"}, (pair,)),))

    nodes = cib.section("nodes")
    return cib.with_section(nodes.with_children(tuple(changed(child) for child in nodes.children)))
