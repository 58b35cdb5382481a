"""What a schema refuses, where and with which words (tests/contract holds the whole table against Pacemaker's)."""

from __future__ import annotations

import pytest

from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.cib.operations import carry_out
from hacluster.cib.orders import CibOperationKind
from hacluster.cib.schema import check_schema
from hacluster.protocol.messages import CibChange

DUMMY = '<primitive id="{0}" class="ocf" provider="pacemaker" type="Dummy"/>'


def document(constraints: str = "", *, schema: str = "pacemaker-3.9", resources: str = DUMMY.format("p")) -> Cib:
    parsed = parse_cib(
        f'<cib validate-with="{schema}" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/><nodes/>'
        f"<resources>{resources}</resources><constraints>{constraints}</constraints></configuration><status/></cib>"
    )
    assert isinstance(parsed, Cib)
    return parsed


def told(cib: Cib) -> list[str]:
    return [problem.line() for problem in check_schema(cib)]


@pytest.mark.parametrize(
    ("constraint", "sentence"),
    [
        (
            '<rsc_location id="l" rsc="q" node="n" score="1"/>',
            "l: rsc of rsc_location l is q, and nothing has that id (define it, or take the reference out)",
        ),
        (
            '<rsc_location id="l" rsc="p" node="n" score="much"/>',
            "l: “much” can't be score of rsc_location l (write a whole number, INFINITY or -INFINITY)",
        ),
        ('<rsc_location id="l" rsc="p"/>', "l: rsc_location l lacks score + node / <rule> (add it)"),
        (
            '<rsc_order id="o" first="p" then="p" kind="Must"/>',
            "o: “Must” can't be kind of rsc_order o (write one of: Optional, Mandatory, Serialize)",
        ),
        (
            '<rsc_order id="o" first="p" then="p" kind="Optional" score="0"/>',
            "o: rsc_order o has kind, score, which exclude each other (keep either score / kind)",
        ),
        (
            '<rsc_order id="p" first="p" then="p"/>',
            "p: the id p of rsc_order p is that of primitive p already (give it an id of its own)",
        ),
        (
            '<rsc_ticket id="t" ticket="T" rsc="p"><primitive id="q"/></rsc_ticket>',
            "q: <primitive> has no place in rsc_ticket t (there it may be one of: <resource_set>)",
        ),
    ],
)
def test_each_mistake_has_a_place_a_sentence_and_a_cure(constraint, sentence):
    assert told(document(constraint)) == [sentence]
    assert all(problem.line("ja") and problem.cure("ja") for problem in check_schema(document(constraint)))


def test_all_mistakes_are_told_at_once():
    assert len(told(document('<rsc_order id="1" first="x" then="p" kind="y" colour="red"/>'))) == 4


def test_a_schema_knows_only_what_was_known_at_its_time():
    ticket = '<rsc_ticket id="t" ticket="T" rsc="p"/>'
    assert told(document(ticket, schema="pacemaker-1.2")) == []
    assert [problem.code for problem in check_schema(document(ticket, schema="pacemaker-1.0"))] == [
        "cib.schema.element"
    ]


def test_a_name_that_an_upgrade_takes_out_is_refused_from_3_0_on():
    pair = '<meta_attributes id="m"><nvpair id="n" name="isolation" value="x"/></meta_attributes>'
    resource = DUMMY.format("p").replace("/>", f">{pair}</primitive>")
    assert told(document(resources=resource, schema="pacemaker-2.10")) == []
    assert [problem.code for problem in check_schema(document(resources=resource))] == ["cib.schema.name-gone"]


@pytest.mark.parametrize("schema", ["none", "pacemaker-4.0", "pacemaker-3.10", ""])
def test_under_no_schema_or_a_newer_one_anything_may_stand(schema):
    assert told(document('<rsc_dream id="d" colour="red"/>', schema=schema)) == []


def test_a_schema_that_never_was_is_refused():
    assert [problem.code for problem in check_schema(document(schema="pacemaker-1.1"))] == ["cib.schema.unknown"]


def order(kind: CibOperationKind, xml: str, section: str = "") -> CibChange:
    return CibChange(kind=kind, section=section, xml=xml)


def test_a_change_that_the_schema_does_not_allow_changes_nothing():
    outcome = carry_out(
        document(), order(CibOperationKind.CREATE, '<rsc_order id="o" first="p" then="q"/>', "constraints")
    )
    assert [problem.code for problem in outcome] == ["cib.schema.reference"]


def test_an_old_mistake_is_not_held_against_another_change():
    broken = document('<rsc_order id="o" first="p" then="q"/>')
    changed = carry_out(broken, order(CibOperationKind.CREATE, DUMMY.format("r"), "resources"))
    assert isinstance(changed, Cib)
    assert changed.configuration.by_id("r") is not None


def test_a_status_may_say_anything():
    changed = carry_out(document(), order(CibOperationKind.MODIFY, '<status><dream id="p"/></status>', "status"))
    assert isinstance(changed, Cib)
