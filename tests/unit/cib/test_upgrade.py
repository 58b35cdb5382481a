"""Documents of every Pacemaker since 1.0 are read and brought to today's schema."""

import pytest

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib, Element
from hacluster.cib.operations import carry_out
from hacluster.cib.orders import CibOperationKind
from hacluster.cib.problems import Problem
from hacluster.cib.upgrade import CURRENT, Upgraded, schema_version, upgrade
from hacluster.protocol.messages import CibChange

SECOND = ("1.0", "1.1", "1.2", "1.3", "2.0", "2.1", "2.5", "2.9", "2.10")
THIRD = ("3.0", "3.1", "3.4", "3.7", "3.8")


def document(schema: str, **sections: str) -> Cib:
    tags = ("crm_config", "nodes", "resources", "constraints", "rsc_defaults")
    inside = "".join(f"<{tag}>{sections.get(tag, '')}</{tag}>" for tag in tags)
    text = f'<cib validate-with="{schema}" epoch="3"><configuration>{inside}</configuration><status/></cib>'
    parsed = parse_cib(text)
    assert isinstance(parsed, Cib), parsed
    return parsed


def options(**values: str) -> str:
    pairs = "".join(f'<nvpair id="{name}" name="{name}" value="{value}"/>' for name, value in values.items())
    return f'<cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set>'


def after(schema: str, **sections: str) -> Cib:
    upgraded = upgrade(document(schema, **sections))
    assert isinstance(upgraded, Upgraded), upgraded
    return upgraded.cib


def pairs(element: Element) -> dict[str, str]:
    return {pair.get("name"): pair.get("value") for pair in element.walk() if pair.tag == "nvpair"}


@pytest.mark.parametrize("version", [*SECOND, *THIRD])
def test_every_older_schema_comes_to_todays(version):
    assert after(f"pacemaker-{version}").root.get("validate-with") == CURRENT


@pytest.mark.parametrize("version", ["3.9", "3.10", "4.0", "4.1"])
def test_a_document_of_today_or_tomorrow_stays_as_it_is(version):
    cib = document(f"pacemaker-{version}", crm_config=options(stonith_enabled="true"))
    assert upgrade(cib) == Upgraded(cib)


@pytest.mark.parametrize("schema", ["pacemaker-0.6", "transitional-0.6", "nonsense"])
def test_a_schema_before_1_0_is_refused(schema):
    refused = upgrade(document(schema))
    assert isinstance(refused, Problem)
    assert refused.code == "cib.schema-too-old"


@pytest.mark.parametrize("version", SECOND)
def test_options_with_underscores_get_their_names_of_today(version):
    cib = after(f"pacemaker-{version}", crm_config=options(stonith_enabled="false", transition_idle_timeout="60s"))
    assert pairs(cib.section("crm_config")) == {"stonith-enabled": "false", "cluster-delay": "60s"}


@pytest.mark.parametrize("version", SECOND)
def test_defaults_move_to_their_sections_unless_configured_there(version):
    given = options(**{"default-resource-stickiness": "100", "is-managed-default": "false"})
    given += options(**{"default-action-timeout": "60s"}).replace("cib-bootstrap-options", "more")
    held = '<meta_attributes id="own"><nvpair id="n" name="resource-stickiness" value="7"/></meta_attributes>'
    cib = after(f"pacemaker-{version}", crm_config=given, rsc_defaults=held)
    assert pairs(cib.section("rsc_defaults")) == {"resource-stickiness": "7", "is-managed": "false"}
    assert pairs(cib.section("op_defaults")) == {"timeout": "60s"}
    assert pairs(cib.section("crm_config")) == {}


def test_what_never_had_an_effect_is_dropped_and_told():
    given = document(
        "pacemaker-2.0",
        crm_config=options(**{"expected-quorum-votes": "2"}),
        constraints='<rsc_colocation id="c" rsc="a" with-rsc="b" score-attribute="x"/>',
    )
    upgraded = upgrade(given)
    assert isinstance(upgraded, Upgraded)
    assert [change.code for change in upgraded.changes] == ["cib.upgrade.dropped"] * 2
    assert "score-attribute" not in to_xml(upgraded.cib)


def test_a_node_of_type_normal_is_a_member():
    cib = after("pacemaker-1.0", nodes='<node id="1" uname="n1" type="normal"/><node id="2" uname="n2" type="ping"/>')
    assert [node.get("type") for node in cib.section("nodes").children] == ["member", "ping"]


def test_fence_parameters_get_their_names_of_today():
    text = '<primitive id="f" class="stonith" type="x"><instance_attributes id="i">{}</instance_attributes></primitive>'
    old = '<nvpair id="a" name="pcmk_list_cmd" value="l"/><nvpair id="b" name="pcmk_arg_map" value="m"/>'
    cib = after("pacemaker-2.10", resources=text.format(old))
    assert pairs(cib.section("resources")) == {"pcmk_list_action": "l"}


def test_what_a_start_requires_becomes_a_meta_attribute_and_elsewhere_it_goes():
    text = """<primitive id="a" class="ocf" type="Dummy"><operations>
        <op id="s" name="start" interval="0" requires="quorum"/>
        <op id="m" name="monitor" interval="5" requires="fencing"/>
        </operations></primitive>"""
    resource = after("pacemaker-2.3", resources=text).section("resources").children[0]
    assert pairs(resource) == {"requires": "quorum"}
    assert not [op for op in resource.walk() if "requires" in op.attributes]


def test_an_isolated_resource_is_kept_stopped_rather_than_run_without_its_walls():
    text = '<primitive id="a" class="ocf" type="Dummy"><meta_attributes id="m">{}</meta_attributes></primitive>'
    old = '<nvpair id="i" name="isolation" value="docker"/><nvpair id="h" name="isolation-host" value="n1"/>'
    cib = after("pacemaker-2.3", resources=text.format(old))
    assert pairs(cib.section("resources")) == {"target-role": "Stopped"}


@pytest.mark.parametrize("version", [*SECOND, *THIRD])
def test_unknown_elements_and_old_words_stay_untouched(version):
    resources = """<master id="m"><meta_attributes id="mm"><nvpair id="x" name="master-max" value="1"/>
        </meta_attributes>
        <primitive id="a" class="ocf" type="Stateful"><operations><op id="o" name="monitor" interval="1" role="Master"/>
        </operations><strange thing="1"><deeper/></strange></primitive></master>"""
    given = document(f"pacemaker-{version}", resources=resources)
    assert after(f"pacemaker-{version}", resources=resources).section("resources") == given.section("resources")


def test_an_upgrade_is_a_change_like_any_other_and_the_second_one_is_none():
    order = CibChange(kind=CibOperationKind.UPGRADE)
    once = carry_out(document("pacemaker-1.2", crm_config=options(symmetric_cluster="false")), order)
    assert isinstance(once, Cib)
    assert once.version.epoch == 4
    again = carry_out(once, order)
    assert isinstance(again, Cib)
    assert again.root == once.root


def test_versions_are_numbers_and_not_texts():
    assert schema_version("pacemaker-2.10") > schema_version("pacemaker-2.9")
    assert schema_version("pacemaker-0.7") is None
