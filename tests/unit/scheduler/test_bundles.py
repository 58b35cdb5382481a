"""Bundles: the resources one `<bundle>` stands for, where they go and in which order."""

import pytest

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.scheduler.graph import ActionKind, TransitionGraph
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import in_order

NODE_UP = '<node_state id="{id}" uname="n{id}" in_ccm="true" crmd="online" join="member" expected="member"/>'


def cluster(bundle: str, nodes: int = 2) -> Cib:
    entries = "".join(f'<node id="{number}" uname="n{number}"/>' for number in range(1, nodes + 1))
    states = "".join(NODE_UP.format(id=number) for number in range(1, nodes + 1))
    text = f"""<cib validate-with="pacemaker-3.0" have-quorum="1"><configuration><crm_config>
    <cluster_property_set id="o"><nvpair id="o1" name="stonith-enabled" value="false"/></cluster_property_set>
    </crm_config><nodes>{entries}</nodes><resources>{bundle}</resources><constraints/></configuration>
    <status>{states}</status></cib>"""
    cib = parse_cib(text.encode())
    assert isinstance(cib, Cib)
    return cib


def words(graph: TransitionGraph) -> list[str]:
    """`start web-docker-0 n1`, in an order that keeps all orderings."""
    return [f"{one.kind} {one.resource} {one.node}" for one in in_order(graph) if one.kind is not ActionKind.PSEUDO]


@pytest.fixture
def web() -> TransitionGraph:
    bundle = """<bundle id="web"><docker image="web:1" replicas="2"/>
    <network ip-range-start="10.0.0.5" host-netmask="24"/>
    <primitive id="httpd" class="ocf" provider="heartbeat" type="apache"/></bundle>"""
    return schedule(cluster(bundle), 0.0)


def test_every_replica_has_a_container_an_address_a_connection_and_what_runs_inside(web):
    started = {word.split()[1] for word in words(web) if word.startswith("start ")}
    for number, address in enumerate(("10.0.0.5", "10.0.0.6")):
        assert {f"web-docker-{number}", f"web-ip-{address}", f"web-{number}"} <= started
    assert "httpd" in started


def test_the_address_comes_before_the_container_and_the_inside_last(web):
    assert words(web).index("start web-ip-10.0.0.5 n1") < words(web).index("start web-docker-0 n1")
    assert words(web).index("start web-docker-0 n1") < words(web).index("start web-0 n1")
    assert words(web).index("start web-0 n1") < words(web).index("start httpd web-0")


def test_replicas_are_spread_and_shown_once_under_the_bundle(web):
    assert web.placement_after == {"web-0": {"n1": "Started"}, "web-1": {"n2": "Started"}}


def test_nothing_else_ever_runs_or_is_looked_for_inside_a_container():
    bundle = """<bundle id="web"><podman image="web:1"/><network control-port="3121"/>
    <primitive id="httpd" class="ocf" provider="heartbeat" type="apache"/></bundle>
    <primitive id="other" class="ocf" provider="heartbeat" type="Dummy"/>"""
    graph = schedule(cluster(bundle), 0.0)
    assert not [word for word in words(graph) if " other web-" in word]


def test_a_bundle_without_a_resource_is_only_its_containers():
    graph = schedule(cluster('<bundle id="web"><docker image="web:1" replicas="2"/></bundle>'), 0.0)
    assert graph.placement_after == {"web-docker-0": {"n1": "Started"}, "web-docker-1": {"n2": "Started"}}


def test_a_resource_that_could_not_be_reached_is_not_run():
    bundle = """<bundle id="web"><docker image="web:1"/>
    <primitive id="httpd" class="ocf" provider="heartbeat" type="apache"/></bundle>"""
    assert schedule(cluster(bundle), 0.0).is_empty
