"""What writers may do to a CIB, and what the version says afterwards."""

import pytest

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.operations import carry_out
from hacluster.cib.version import CibVersion
from hacluster.protocol.messages import CibChange, CibOperationKind

DOCUMENT = """<cib epoch="4" num_updates="2" admin_epoch="0"><configuration><crm_config/><nodes/>
<resources><primitive id="p" class="ocf" type="Dummy"><meta_attributes id="m"><nvpair id="n" name="x" value="1"/>
</meta_attributes></primitive></resources><constraints/></configuration><status/></cib>"""


@pytest.fixture
def cib() -> Cib:
    return parse_cib(DOCUMENT)


def order(kind: str, xml: str = "", **more) -> CibChange:
    return CibChange(kind=CibOperationKind(kind), xml=xml, **more)


def test_a_change_of_the_configuration_counts_the_epoch_on(cib):
    changed = carry_out(cib, order("create", '<primitive id="q"/>', section="resources"))
    assert changed.version == CibVersion(0, 5, 0)
    assert [child.id for child in changed.section("resources").children] == ["p", "q"]


def test_a_change_of_the_status_counts_num_updates_on(cib):
    changed = carry_out(cib, order("modify", '<node_state id="1" uname="pm01"/>', section="status", allow_create=True))
    assert changed.version == CibVersion(0, 4, 3)


def test_an_order_that_changes_nothing_keeps_the_version(cib):
    assert carry_out(cib, order("modify", '<primitive id="p" type="Dummy"/>')).version == cib.version


def test_modify_merges_by_id_and_leaves_the_rest(cib):
    changed = carry_out(cib, order("modify", '<nvpair id="n" value="2"/>'))
    assert '<nvpair id="n" name="x" value="2"/>' in to_xml(changed)


def test_replace_leaves_nothing_of_the_old_element(cib):
    changed = carry_out(cib, order("replace", '<primitive id="p" template="t"/>'))
    assert changed.section("resources").children[0].attributes == {"id": "p", "template": "t"}


def test_delete_takes_what_is_described_and_is_content_when_it_is_gone(cib):
    changed = carry_out(cib, order("delete", '<primitive id="p"/>'))
    assert changed.section("resources").children == ()
    assert carry_out(changed, order("delete", '<primitive id="p"/>')).version == changed.version


def test_an_xpath_names_what_is_deleted(cib):
    changed = carry_out(cib, order("delete", xpath="//nvpair[@name='x']"))
    assert "nvpair" not in to_xml(changed)


def test_a_change_made_for_another_configuration_is_refused(cib):
    (problem,) = carry_out(cib, order("bump", based_on=CibVersion(0, 3, 0)))
    assert problem.code == "cib.version"


def test_a_status_change_in_between_is_no_conflict(cib):
    assert isinstance(carry_out(cib, order("bump", based_on=CibVersion(0, 4, 0))), Cib)


def test_an_older_document_does_not_replace_a_newer_one(cib):
    (problem,) = carry_out(cib, order("replace", DOCUMENT.replace('epoch="4"', 'epoch="3"')))
    assert problem.code == "cib.older"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (order("modify", '<primitive id="nowhere"/>'), "cib.not-found"),
        (order("create", '<primitive id="p"/>', section="resources"), "cib.exists"),
        (order("modify", "<primitive"), "xml.syntax"),
        (order("modify"), "cib.no-input"),
        (order("delete", xpath="//["), "cib.xpath"),
        (order("replace", "<x/>", xpath="//nothing"), "cib.not-found"),
    ],
)
def test_a_wrong_order_is_a_problem_with_a_code(cib, given, code):
    (problem,) = carry_out(cib, given)
    assert problem.code == code
