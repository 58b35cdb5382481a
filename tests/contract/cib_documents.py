"""Documents that use every element of the configuration, and damaged copies of them.

Reads a seed; gives XML text. `test_cib_schema.py` asks Pacemaker's own schemas and ours about each.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from hacluster.cib.codec import parse_xml, to_xml
from hacluster.cib.model import Element

SCHEMAS = (
    *("pacemaker-1.0", "pacemaker-1.2", "pacemaker-1.3"),
    *(f"pacemaker-2.{minor}" for minor in range(11)),
    *(f"pacemaker-3.{minor}" for minor in range(10)),
)

_PAIRS = """
<meta_attributes id="{0}-m" score="5"><rule id="{0}-m-r" score="INFINITY" boolean-op="or" role="Master">
  <expression id="{0}-m-e1" attribute="#uname" operation="eq" value="n1" type="string"/>
  <date_expression id="{0}-m-d1" operation="lt" end="2030-01-01"/>
  <rule id="{0}-m-r2" score="0"><date_expression id="{0}-m-d2" operation="date_spec">
    <date_spec id="{0}-m-ds" hours="9-16" weekdays="1-5" moon="4"/></date_expression></rule>
</rule><nvpair id="{0}-m-1" name="target-role" value="Started"/></meta_attributes>
<instance_attributes id="{0}-i"><nvpair id="{0}-i-1" name="ip" value="192.0.2.1"/><nvpair id="{0}-i-2" name="none"/>
</instance_attributes>
<instance_attributes id-ref="{0}-i"/>"""

_OLD_RESOURCES = f"""
<primitive id="p1" class="ocf" provider="heartbeat" type="Dummy" description="d">{_PAIRS.format("p1")}
  <operations id="p1-ops"><op id="p1-op1" name="monitor" interval="10s" timeout="20s" on-fail="restart" role="Master"
    start-delay="1s" enabled="true" record-pending="0">{_PAIRS.format("p1-op1")}</op>
    <op id="p1-op2" name="start" interval="0" interval-origin="1"/></operations></primitive>
<primitive id="p2" class="lsb" type="x"><operations id-ref="p1-ops"/></primitive>
<primitive id="f1" class="stonith" type="fence_x"/>
<group id="g1" description="d">{_PAIRS.format("g1")}<primitive id="p3" class="ocf" provider="p" type="x"/>
  <primitive id="p4" class="heartbeat" type="x"/></group>
<clone id="c1">{_PAIRS.format("c1")}<primitive id="p5" class="ocf" provider="p" type="x"/></clone>
<master id="m1"><group id="g2"><primitive id="p6" class="upstart" type="x"/></group></master>"""

_NEWER_RESOURCES = f"""
<template id="t1" class="ocf" provider="p" type="x">{_PAIRS.format("t1")}<operations/>
  <utilization id="t1-u"><nvpair id="t1-u-1" name="cpu" value="1"/></utilization></template>
<primitive id="p7" template="t1"><utilization id="p7-u"/></primitive>
<primitive id="p8" class="systemd" type="x"/>"""

_BUNDLE = """
<bundle id="b1"><meta_attributes id="b1-m"/><docker image="i" replicas="2" replicas-per-host="1" masters="1"
  run-command="x" network="host" options="o"/>
  <network ip-range-start="192.0.2.9" control-port="3121" host-interface="eth0" host-netmask="24">
    <port-mapping id="b1-p1" port="80" internal-port="8080"/><port-mapping id="b1-p2" range="1-9"/></network>
  <storage><storage-mapping id="b1-s1" source-dir="/a" target-dir="/b" options="rw"/>
    <storage-mapping id="b1-s2" source-dir-root="/a" target-dir="/b"/></storage>
  <primitive id="p9" class="ocf" provider="p" type="x"/></bundle>"""

_PODMAN = """<bundle id="b2"><podman image="i" promoted-max="1"/><network add-host="true"/></bundle>"""
_NEWEST_RESOURCES = """
<primitive id="p10" class="ocf" provider="p" type="x"><operations><op id="p10-op" name="monitor" interval="1"
  on-fail="demote" role="Promoted"/></operations></primitive>"""

_OLD_CONSTRAINTS = """
<rsc_location id="l1" rsc="p1" score="-INFINITY" node="n1"/>
<rsc_location id="l2" rsc="g1"><rule id="l2-r" score-attribute="pingd" boolean-op="and" role="Started">
  <expression id="l2-e" attribute="pingd" operation="defined"/>
  <date_expression id="l2-d" operation="in_range" start="2020-01-01"><duration id="l2-du" years="1" hours="2"/>
  </date_expression><date_expression id="l2-d2" operation="in_range" start="2020-01-01" end="2021-01-01"/></rule>
  <rule id-ref="p1-m-r"/><lifetime><rule id="l2-r2" score="1"><date_expression id="l2-d3" operation="gt" start="2020"/>
  </rule></lifetime></rsc_location>
<rsc_colocation id="k1" score="100" rsc="p1" with-rsc="m1" rsc-role="Started" with-rsc-role="Master"
  node-attribute="a"/>
<rsc_colocation id="k2" score="INFINITY"><resource_set id="k2-s" sequential="false" role="Slave" score="1">
  <resource_ref id="p1"/><resource_ref id="p2"/></resource_set><resource_set id-ref="k2-s"/></rsc_colocation>
<rsc_order id="o1" first="p1" then="p2" first-action="promote" then-action="start" kind="Serialize"
  symmetrical="false"/>
<rsc_order id="o2" score="0"><resource_set id="o2-s" action="start"><resource_ref id="p1"/></resource_set>
</rsc_order>"""

_NEWER_CONSTRAINTS = """
<rsc_ticket id="x1" rsc="p1" rsc-role="Started" ticket="T" loss-policy="freeze"/>
<rsc_ticket id="x2" ticket="T"><resource_set id="x2-s" require-all="false"><resource_ref id="p1"/></resource_set>
</rsc_ticket>
<rsc_location id="l3" rsc="p1" role="Master" score="1" node="n1"/>
<rsc_location id="l4" score="1" node="n1"><resource_set id="l4-s"><resource_ref id="p1"/></resource_set>
</rsc_location>"""

_LATER_CONSTRAINTS = (
    ("2.3", """<rsc_order id="o3" first="p1" then="p2" require-all="false"/>"""),
    ("2.6", """<rsc_location id="l5" rsc-pattern="p.*" score="1" node="n1" resource-discovery="never"/>"""),
    (
        "3.0",
        """<rsc_order id="o4"><resource_set id="o4-s" ordering="group" kind="Optional"><resource_ref id="p1"/>
</resource_set></rsc_order>""",
    ),
    (
        "3.5",
        """<rsc_location id="l6" rsc="p1"><rule id="l6-r" score="1"><rsc_expression id="l6-re" class="ocf" type="x"/>
<op_expression id="l6-oe" name="monitor" interval="1"/>
<expression id="l6-e" attribute="a" operation="gt" value="1" type="integer" value-source="meta"/>
</rule></rsc_location>""",
    ),
    ("3.6", """<rsc_colocation id="k3" score="1" rsc="p1" with-rsc="p2" influence="true"/>"""),
    (
        "3.9",
        """<rsc_location id="l7" rsc="p1"><rule id="l7-r"><date_expression id="l7-d" operation="in_range" end="2020">
<duration id="l7-du" minutes="1"/></date_expression></rule></rsc_location>""",
    ),
)

_TOPOLOGY = """<fencing-topology><fencing-level id="fl1" target="n1" index="1" devices="f1,f-2"/>
<fencing-level id="fl2" target-pattern="n.*" index="2" devices="f1"/></fencing-topology>"""
_OLD_ACLS = """<acls><acl_role id="r1"><read id="r1-1" xpath="/cib"/>
<write id="r1-2" tag="node" ref="p1" attribute="a"/><deny id="r1-3" ref="p1"/></acl_role>
<acl_user id="u1"><role_ref id="r1"/></acl_user>
<acl_user id="u2"><read id="u2-1" tag="x"/><deny id="u2-2" tag="y"/></acl_user></acls>"""
_ACLS = """<acls><acl_role id="r1" description="d"><acl_permission id="r1-1" kind="read" xpath="/cib" description="d"/>
<acl_permission id="r1-2" kind="write" reference="p1"/>
<acl_permission id="r1-3" kind="deny" object-type="node" attribute="a"/></acl_role>
<acl_target id="u1"><role id="r1"/></acl_target><acl_group id="ag1"><role id="r1"/></acl_group></acls>"""
_TAGS = """<tags><tag id="tag1"><obj_ref id="p1"/><obj_ref id="l1"/></tag></tags>"""
_ALERTS = f"""<alerts><alert id="a1" path="/x" description="d">{_PAIRS.format("a1")}
<select><select_attributes><attribute id="a1-sa" name="n"/></select_attributes><select_fencing/><select_nodes/>
<select_resources/></select><recipient id="a1-r" value="v" description="d">{_PAIRS.format("a1-r")}</recipient>
</alert></alerts>"""


def whole(schema: str) -> Element:
    """A document with everything that the schema has."""
    version = SCHEMAS.index(schema)

    def since(first: str, text: str) -> str:
        return text if version >= SCHEMAS.index(f"pacemaker-{first}") else ""

    is_third = bool(since("3.0", "x"))
    resources = _OLD_RESOURCES + since("1.2", _NEWER_RESOURCES) + since("2.8", _BUNDLE)
    resources += since("3.2", _PODMAN) + since("3.7", _NEWEST_RESOURCES)
    constraints = _OLD_CONSTRAINTS + since("1.2", _NEWER_CONSTRAINTS)
    constraints += "".join(since(first, text) for first, text in _LATER_CONSTRAINTS)
    others = since("1.2", _TOPOLOGY) + since("1.3", _TAGS) + since("2.10", _ALERTS)
    others += since("2.0", _ACLS) or since("1.2", _OLD_ACLS)
    node_type = "member" if is_third else "normal"
    text = f"""<cib validate-with="{schema}" admin_epoch="0" epoch="5" num_updates="0" have-quorum="1" dc-uuid="1"
 crm_feature_set="3.0.1" cib-last-written="x" remote-tls-port="1"><configuration>
<crm_config><cluster_property_set id="cps"><nvpair id="cps-1" name="stonith-enabled" value="false"/>
<nvpair id="cps-2" name="cluster-infrastructure" value="corosync"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="n1" type="{node_type}" description="d"><instance_attributes id="n1-i"/></node></nodes>
<resources>{resources}</resources><constraints>{constraints}</constraints>
<rsc_defaults>{_PAIRS.format("rd").partition("<instance")[0]}</rsc_defaults>
<op_defaults><meta_attributes id="od"/></op_defaults>{others}</configuration>
<status><node_state id="1" anything="goes"><x/></node_state></status></cib>"""
    root = parse_xml(text)
    assert isinstance(root, Element), root.line()
    return root


# ---------------------------------------------------------------- damage

_VALUES = (
    *(
        "",
        "x",
        "0",
        "1",
        "-5",
        "+3",
        "1.5",
        "true",
        "false",
        "INFINITY",
        "-INFINITY",
        "+INFINITY",
        "p1",
        "g1",
        "1st",
        "a b",
    ),
    *(
        "n1",
        "Started",
        "Promoted",
        "master",
        "start",
        "Mandatory",
        "ocf",
        "lsb",
        "service",
        "date_spec",
        "in_range",
        "gt",
    ),
    *(
        "restart",
        "demote",
        "fence",
        "requires",
        "isolation",
        "pcmk_arg_map",
        "stonith_enabled",
        "default-action-timeout",
    ),
    *("nobody", "remote", "normal", "f1,f1", "f1,", "1-9", " p1 ", "heartbeat", "日本", "integer", "both", "listed"),
)


class Damage:
    """Changes of one document, drawn from a seed."""

    def __init__(self, root: Element, luck: random.Random) -> None:
        self.root, self._luck = root, luck
        # Only the configuration has a form; the order keeps draws the same from run to run.
        everything = [each for each in root.walk() if each.tag not in ("status", "node_state", "x")]
        self._elements = everything
        self._names = sorted({name for each in everything for name in each.attributes})
        self._tags = sorted({each.tag for each in everything})

    def once(self) -> None:
        kinds: tuple[Callable[[Element], Element | None], ...] = (
            self._without_an_attribute, self._with_an_attribute, self._with_another_value, self._with_another_value,
            self._called_otherwise, self._twice, self._without_a_child, self._with_a_child, self._in_another_order,
            self._with_a_foreign_attribute,
        )  # fmt: skip
        kind = self._luck.choice(kinds)
        target = self._luck.choice([each for each in self.root.walk() if each.tag in self._tags])
        self.root = _changed(self.root, target, kind)

    def _without_an_attribute(self, element: Element) -> Element:
        names = list(element.attributes)
        return element.with_attributes({self._luck.choice(names): None}) if names else element

    def _with_an_attribute(self, element: Element) -> Element:
        return element.with_attributes({self._luck.choice(self._names): self._luck.choice(_VALUES)})

    def _with_a_foreign_attribute(self, element: Element) -> Element:
        other = self._luck.choice(self._elements)
        names = list(other.attributes)
        if not names:
            return element
        name = self._luck.choice(names)
        return element.with_attributes({name: other.get(name)})

    def _with_another_value(self, element: Element) -> Element:
        names = list(element.attributes)
        return element.with_attributes({self._luck.choice(names): self._luck.choice(_VALUES)}) if names else element

    def _called_otherwise(self, element: Element) -> Element:
        return Element(self._luck.choice([*self._tags, "unknown"]), element.attributes, element.children)

    def _twice(self, element: Element) -> Element:
        if not element.children:
            return element
        copied = self._luck.choice(element.children)
        if self._luck.random() < 0.5 and copied.id:
            copied = copied.with_attributes({"id": copied.id + "-copy"})
        return element.with_child(copied)

    def _without_a_child(self, element: Element) -> Element:
        return element.replacing(self._luck.choice(element.children), None) if element.children else element

    def _with_a_child(self, element: Element) -> Element:
        return element.with_child(self._luck.choice(self._elements[3:]).with_children(()))

    def _in_another_order(self, element: Element) -> Element:
        children = list(element.children)
        self._luck.shuffle(children)
        return element.with_children(tuple(children))


def _changed(tree: Element, target: Element, change: Callable[[Element], Element | None]) -> Element:
    if tree is target:
        return change(tree) or tree
    return tree.mapping_children(lambda child: _changed(child, target, change))


def damaged(seed: int) -> str:
    """A document of one of the schemas with one to three mistakes, some of which may be none."""
    luck = random.Random(seed)
    damage = Damage(whole(luck.choice(SCHEMAS)), luck)
    for _ in range(luck.randint(1, 3)):
        damage.once()
    return to_xml(damage.root)
