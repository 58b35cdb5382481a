"""What is read from XML: the same tree whichever reader has to look, and what is wrong with the rest."""

from __future__ import annotations

import pytest

from hacluster.cib.codec import parse_xml, to_xml
from hacluster.cib.model import COMMENT, Element
from hacluster.cib.problems import Problem


def tree(document: str | bytes) -> Element:
    found = parse_xml(document)
    assert isinstance(found, Element), found
    return found


def test_attributes_children_text_and_comments_are_read_in_their_order() -> None:
    found = tree('<a x="1" y="&lt;&#10;"> words <!-- note --><b/>more</a>')
    assert list(found.attributes.items()) == [("x", "1"), ("y", "<\n")]
    assert found.text == "words"
    assert [(child.tag, child.text) for child in found.children] == [(COMMENT, " note "), ("b", "")]


@pytest.mark.parametrize("inside", ["<?pi x?>", "<b/>", "<![CDATA[<&]]>", "\n  text\n  ", "<b>1</b>tail<c/>"])
def test_what_only_lxml_reads_gives_the_same_tree(inside: str) -> None:
    """A language says nothing to a CIB, but is a name that expat would spell out."""
    plain, special = tree(f"<a>{inside}</a>"), tree(f'<a xml:lang="ja">{inside}</a>')
    assert special.with_attributes(dict.fromkeys(special.attributes)) == plain


def test_another_encoding_is_read() -> None:
    assert tree('<?xml version="1.0" encoding="euc-jp"?><a x="東京"/>'.encode("euc-jp")).get("x") == "東京"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<a><b></a>", "xml.syntax"),
        ("<a>&nothing;</a>", "xml.syntax"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "xml.doctype"),
        ('<a xmlns="urn:x"/>', "xml.namespace"),
        ("", "xml.syntax"),
    ],
)
def test_what_a_cib_has_no_need_of_is_refused(document: str, code: str) -> None:
    found = parse_xml(document)
    assert isinstance(found, Problem)
    assert found.kind.code == code


def test_a_deep_document_is_read_as_a_flat_one_is() -> None:
    deep = "<a>" * 230 + "</a>" * 230
    assert to_xml(tree(deep), indent=0).count("<a") == 230
