"""Going back brings the old configuration, and leaves what belongs to the running cluster."""

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.rollback import rolled_back

THEN = """<cib epoch="3" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="a" name="stonith-enabled" value="true"/>
<nvpair id="b" name="dc-version" value="old"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="pm01"><instance_attributes id="n1"><nvpair id="s" name="standby" value="on"/>
</instance_attributes></node><node id="9" uname="gone"/></nodes>
<resources><primitive id="old" class="ocf" provider="heartbeat" type="Dummy"/></resources><constraints/>
</configuration><status/></cib>"""
NOW = """<cib epoch="7" num_updates="5" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="b" name="dc-version" value="new"/>
<nvpair id="c" name="cluster-name" value="mycluster"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="pm01"/><node id="2" uname="pm02"/></nodes>
<resources/><constraints/><tags/></configuration><status><node_state id="1" uname="pm01"/></status></cib>"""


def going_back() -> Cib:
    then, now = parse_cib(THEN), parse_cib(NOW)
    assert isinstance(then, Cib)
    assert isinstance(now, Cib)
    return rolled_back(now, then)


def test_the_old_resources_are_back_and_newer_sections_gone():
    back = going_back()
    assert [each.id for each in back.section("resources").children] == ["old"]
    assert back.configuration.find("tags") is None


def test_a_node_that_joined_later_stays_and_one_that_left_does_not_return():
    nodes = going_back().section("nodes")
    assert [(node.get("uname"), len(node.children)) for node in nodes.all("node")] == [("pm01", 1), ("pm02", 0)]


def test_what_the_cluster_writes_itself_is_that_of_today():
    pairs = [(e.get("name"), e.get("value")) for e in going_back().section("crm_config").walk() if e.tag == "nvpair"]
    assert pairs == [("stonith-enabled", "true"), ("dc-version", "new"), ("cluster-name", "mycluster")]


def test_version_and_status_are_those_of_the_running_cluster():
    back = going_back()
    assert str(back.version) == "0.7.5"
    assert len(back.status.children) == 1
