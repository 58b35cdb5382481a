"""What mutated crm texts once found (`make fuzz` runs many, tests/property/test_fuzz.py a few)."""

import pytest

from hacluster.cib.model import Cib, Element
from hacluster.crm.apply import Mode, load
from hacluster.crm.parser import parse
from hacluster.crm.printer import show
from tests.property.crm import fuzz


def codes(text: str) -> list[str]:
    return [problem.code for problem in parse(text).problems]


def test_the_texts_that_are_mutated_are_good_themselves():
    assert load(Cib.empty(), fuzz.TEXTS[0], Mode.UPDATE).is_loaded


@pytest.mark.parametrize("word", ["op_params", "op_meta"])
def test_a_keyword_in_the_wrong_place_does_not_stop_the_reader_for_ever(word):
    assert codes(f"primitive a Dummy params x=1 {word} y=1\n") == ["crm.unexpected"]


@pytest.mark.parametrize("text", ["group g a g\n", "clone c c\n"])
def test_a_container_inside_itself_is_an_error_and_does_not_vanish(text):
    assert "crm.inside-itself" in codes(f"primitive a Dummy\n{text}")


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ud800", "\uffff"])
def test_a_character_that_no_xml_can_hold_is_an_error_with_its_line(character):
    (problem,) = parse(f"\nprimitive a Dummy params x={character}\n").problems
    assert problem.code == "crm.character"
    assert problem.place == "line 2"


@pytest.mark.parametrize("pair", ["100:", "rule", "x¥", '"a b"', "op"])
def test_a_parameter_name_that_would_be_read_as_something_else_survives_printing(pair):
    loaded = load(Cib.empty(), f"primitive a Dummy params z=1\nxml {_with_name(pair.strip(chr(34)))}", Mode.UPDATE)
    printed = show(loaded.cib.configuration)
    again = load(Cib.empty(), printed, Mode.UPDATE)
    assert again.is_loaded, again.problems
    assert show(again.cib.configuration) == printed


def test_a_value_with_a_line_break_survives_printing():
    text = 'primitive a Dummy params x="one \\\n two"\n'
    loaded = load(Cib.empty(), text, Mode.UPDATE)
    assert loaded.is_loaded
    again = load(Cib.empty(), show(loaded.cib.configuration), Mode.UPDATE)
    assert again.cib.configuration == loaded.cib.configuration


def test_a_new_container_cannot_take_a_group_and_its_members_at_once():
    before = load(Cib.empty(), "primitive a Dummy\ngroup grp a\n", Mode.UPDATE).cib
    refused = load(before, "primitive a Dummy\nclone thief a\n", Mode.UPDATE)
    assert [problem.code for problem in refused.problems] == ["crm.member-elsewhere"]


@pytest.mark.parametrize("text", ["group g h\ngroup h g\n", "group g a\ngroup h g\n", "clone c a\nclone d c\n"])
def test_a_container_that_cannot_hold_its_member_is_an_error_and_does_not_vanish(text):
    assert "crm.nesting" in codes(f"primitive a Dummy\n{text}")


def test_an_id_that_another_kind_of_object_has_in_the_cluster_is_an_error():
    before = load(Cib.empty(), "primitive a Dummy\nprimitive b Dummy\n", Mode.UPDATE).cib
    refused = load(before, "colocation a inf: b a\n", Mode.UPDATE)
    assert [problem.code for problem in refused.problems] == ["crm.duplicate-id"]


def _with_name(name: str) -> str:
    inside = f'<instance_attributes id="i"><nvpair id="n" name="{name}"/></instance_attributes>'
    return f'<primitive id="b" class="ocf" provider="heartbeat" type="Dummy">{inside}</primitive>\n'


@pytest.mark.parametrize("words", ["( a )] b", '( a "" ) b', "( a ([ b )", "[ a ) b", "a ) b", '"" a b'])
def test_brackets_that_do_not_match_are_an_error(words):
    assert "crm.bracket" in codes(f"primitive a Dummy\nprimitive b Dummy\norder o Mandatory: {words} a\n")


def test_a_group_that_is_printed_as_xml_keeps_its_members_inside_and_they_can_be_named():
    text = "primitive a Dummy\nprimitive b Dummy\ngroup g a b meta x¥=1\nlocation l a 5: n\n"
    loaded = load(Cib.empty(), text, Mode.UPDATE)
    printed = show(loaded.cib.configuration)
    assert "primitive a" not in printed
    again = load(Cib.empty(), printed, Mode.UPDATE)
    assert again.cib.configuration == loaded.cib.configuration


@pytest.mark.parametrize("tag", ["primitive", "rsc_location", "tag", "alert", "acl_role"])
def test_an_object_without_an_id_is_refused(tag):
    assert codes(f"xml <{tag}/>\n") == ["crm.id"]


@pytest.mark.parametrize("name", ["}port", "a b", "1"])
def test_a_bundles_attribute_that_is_no_xml_name_is_refused(name):
    assert codes(f'bundle b docker "{name}=1"\n') == ["crm.unexpected"]


def test_an_object_without_an_id_is_printed_all_the_same():
    clone = Element("clone", {}, (Element("zz"), Element("meta_attributes", {}, (Element("nvpair", {"name": " "}),))))
    assert "<zz/>" in show(Element("configuration", {}, (Element("resources", {}, (clone,)),)))


ODD_THINGS = [
    '<primitive id="日" class="ocf" type="x"/>',
    '<primitive id="p" class="ocf" type="x"><operations><op id="o" name="a b" interval="0"/></operations></primitive>',
    '<node id="a b" uname="n"/>',
    '<node id="a=" uname="n"/>',
    '<acl_role id="r"><acl_permission id="q" kind="read" reference=""/></acl_role>',
    '<rsc_location id="l" rsc="a" score="1" node="n 1"/>',
    '<rsc_order id="o" first="a" then="a" score="5"/>',
    '<primitive id="p" class="ocf" type="x"><meta_attributes id="m" score-attribute="s"/></primitive>',
    '<rsc_defaults><meta_attributes id="m"><nvpair id="n" name="a b" value="1"/></meta_attributes></rsc_defaults>',
    '<fencing-topology><fencing-level id="f" target="n" index="1" devices="a, b"/></fencing-topology>',
    "<fencing-topology><zz/></fencing-topology>",
    '<acl_user id="u"><read id="x" attribute="a"/></acl_user>',
    '<acl_user id="u"><read id="x" zz="a" tag="b"/></acl_user>',
    '<acl_user id="u"><read id="x" tag=""/></acl_user>',
    '<primitive id="p" class="ocf" type="x"/>',
    '<tag id="t"><obj_ref id="x y"/></tag>',
]


@pytest.mark.parametrize("thing", ODD_THINGS)
def test_what_words_cannot_say_comes_back_as_it_was(thing):
    loaded = load(Cib.empty(), f"primitive a Dummy\nxml {thing}\n", Mode.UPDATE)
    assert loaded.is_loaded, loaded.problems
    printed = show(loaded.cib.configuration)
    again = load(Cib.empty(), printed, Mode.UPDATE)
    assert again.is_loaded, again.problems
    assert show(again.cib.configuration) == printed


@pytest.mark.parametrize("value", ["\\\\", "a\\\\b", '\\"', "\\", "a\\", "]]>\\\\#", "\\a", '"', "'", "a  b"])
def test_a_value_with_backslashes_and_quotes_comes_back(value):
    pair = Element("nvpair", {"id": "n", "name": "x", "value": value})
    sets = Element("instance_attributes", {"id": "i"}, (pair,))
    primitive = Element("primitive", {"id": "p", "class": "ocf", "provider": "heartbeat", "type": "Dummy"}, (sets,))
    printed = show(Element("configuration", {}, (Element("resources", {}, (primitive,)),)))
    assert [found.get("value") for found in parse(printed).configuration.walk() if found.tag == "nvpair"] == [value]
