"""What mutated documents once found (`make fuzz` runs many, tests/property/test_fuzz.py a few)."""

import time

import pytest

from hacluster.cib.codec import parse_cib, parse_xml
from hacluster.cib.model import Cib
from hacluster.cib.patch import apply, diff
from hacluster.cib.problems import Problem
from hacluster.cib.validate import validate
from tests.property.cib import fuzz
from tests.property.fuzz import LONGEST_S


@pytest.mark.parametrize("number", range(len(fuzz.BOMBS)))
def test_no_bomb_takes_a_second(number):
    started = time.process_time()
    fuzz.answer(fuzz.BOMBS[number], number)
    assert time.process_time() - started < LONGEST_S


@pytest.mark.parametrize("number", range(4))
def test_entities_and_document_types_are_refused(number):
    assert isinstance(parse_cib(fuzz.BOMBS[number]), Problem)


@pytest.mark.parametrize("text", ['<cib xmlns:a="b"><a:c/></cib>', '<cib xmlns="b"/>', '<cib xmlns:a="b" a:x="1"/>'])
def test_a_namespace_is_refused_because_it_could_not_be_written_again(text):
    refused = parse_xml(text)
    assert isinstance(refused, Problem)
    assert refused.code == "xml.namespace"


def test_a_lone_surrogate_is_broken_text_like_any_other():
    assert isinstance(parse_xml("<cib x='\ud800'/>"), Problem)


def test_a_counter_of_many_digits_counts_as_none():
    parsed = parse_cib(f'<cib epoch="{"9" * 5000}"/>')
    assert isinstance(parsed, Cib)
    assert parsed.version.epoch == 0


def test_an_id_inside_itself_does_not_send_validation_in_a_circle():
    inside = '<group id="g"><group id="g"><primitive id="g" class="ocf" type="x"/></group></group>'
    order = '<rsc_colocation id="c" rsc="g" with-rsc="g" score="1"/>'
    text = (
        f"<cib><configuration><resources>{inside}</resources><constraints>{order}</constraints></configuration></cib>"
    )
    parsed = parse_cib(text)
    assert isinstance(parsed, Cib)
    assert validate(parsed)


def test_a_patch_with_very_many_new_children_takes_time_in_proportion():
    few, many = (parse_cib("<cib><configuration>" + "<a/>" * n + "</configuration></cib>") for n in (0, 30_000))
    assert isinstance(few, Cib)
    assert isinstance(many, Cib)
    started = time.process_time()
    changed = apply(few, diff(few, many))
    assert isinstance(changed, Cib)
    assert changed.configuration == many.configuration
    assert time.process_time() - started < LONGEST_S
