"""The configure language: what text stands for, what is refused, and what is printed again."""

import pytest

from hacluster.cib.codec import to_xml
from hacluster.crm.parser import parse
from hacluster.crm.printer import show

PAIR = """
# the service
primitive fs Filesystem params device=/dev/sdb1 directory="/data 1" fstype=ext4 \\
    op monitor interval=10s timeout=60s on-fail=restart OCF_CHECK_LEVEL=20
primitive ip ocf:heartbeat:IPaddr2 ip=192.168.0.1
group g fs ip
location l g rule 200: #uname eq pm01 rule -inf: not_defined ping or ping lt 100
order o inf: fs ip symmetrical=false
property stonith-enabled=false
"""


def problems_of(text: str) -> list[str]:
    return [problem.code for problem in parse(text).problems]


def test_a_text_becomes_the_configuration_it_stands_for():
    parsed = parse(PAIR)
    assert parsed.is_usable
    document = to_xml(parsed.configuration)
    assert '<rule id="l-rule-0" score="-INFINITY" boolean-op="or">' in document
    assert '<nvpair id="fs-instance_attributes-directory" name="directory" value="/data 1"/>' in document
    assert [child.tag for child in parsed.configuration.find("resources").children] == ["group"]


def test_printing_and_parsing_again_changes_nothing():
    printed = show(parse(PAIR).configuration)
    assert show(parse(printed).configuration) == printed


def test_all_problems_come_at_once_each_with_its_line():
    parsed = parse("primitive a Dummy\nprimitiv b Dummy\nlocation l nowhere 100: n1\ngroup g a x\nclone c a b\n")
    assert [(problem.code, problem.place) for problem in parsed.problems] == [
        ("crm.keyword", "line 2"),
        ("crm.two-children", "line 5"),
        ("crm.unknown-resource", "line 4"),
        ("crm.two-parents", "line 5"),
        ("crm.unknown-resource", "line 3"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('primitive a Dummy params x="1', "crm.unterminated-quote"),
        ("primitive 1st Dummy", "crm.id"),
        ("primitive a Dummy\nprimitive a Dummy", "crm.duplicate-id"),
        ("primitive a Dummy\nlocation l a abc: n1", "crm.score"),
        ("primitive a Dummy\nlocation l a rule 1: x eq 1 and y eq 2 or z eq 3", "crm.rule-mixed"),
        ("primitive a Dummy\ncolocation c inf: a", "crm.one-resource"),
        ("primitive a Dummy\norder o Sometimes: a a", "crm.word"),
        ("fencing_topology f1,f2", "crm.topology-without-nodes"),
        ("xml <primitive", "xml.syntax"),
    ],
)
def test_a_mistake_is_refused_with_its_code(text, code):
    assert code in problems_of(text)


def test_a_yen_sign_at_the_end_of_a_line_is_read_as_a_backslash_with_a_warning():
    parsed = parse("primitive a Dummy \u00a5\n params x=1")
    assert parsed.is_usable
    assert [problem.code for problem in parsed.problems] == ["crm.yen"]


def test_a_referenced_set_keeps_its_name_when_the_text_is_meant_to_be_loaded_again():
    text = "primitive a Dummy params $id=s x=1\nprimitive b Dummy params $id-ref=s\n"
    printed = show(parse(text).configuration)
    assert "$id=s" in printed
    assert show(parse(text).configuration, as_crmsh=True).count("$id=s") == 0


def test_what_the_language_cannot_say_is_printed_as_xml_and_read_back():
    text = 'xml <rsc_order id="o"><resource_set id="o-0"><resource_ref id="a"/></resource_set></rsc_order>'
    printed = show(parse(f"primitive a Dummy\n{text}").configuration)
    assert parse(printed).is_usable
