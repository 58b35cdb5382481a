"""Whatever is typed: no exception escapes, and what is understood survives printing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hacluster.crm.parser import parse
from hacluster.crm.printer import show

WORDS = st.sampled_from(
    [
        *("primitive", "group", "clone", "ms", "location", "colocation", "order", "property", "a", "b", "g1", "Dummy"),
        *("ocf:pacemaker:Dummy", "params", "meta", "op", "monitor", "interval=10s", "rule", "100:", "inf:", "-inf:"),
        *(
            "#uname",
            "eq",
            "n1",
            "and",
            "or",
            "defined",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "$id=x",
            "$id-ref=x",
            "@x",
            "x=1",
        ),
        *('"', "'", "\\\n", "\n", "to", "select", "date", "in", "start=2026-01-01", "xml", "<primitive", "id='q'/>"),
        *("fencing_topology", "n1:", "role", "read", "xpath:/cib"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS, max_size=25))
def test_no_text_makes_the_parser_fail(words):
    parsed = parse(" ".join(words))
    show(parsed.configuration)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_characters_make_the_parser_fail(text):
    parse(text)


VALUES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_a_value_survives_being_printed_and_parsed(value):
    from hacluster.crm.printing_parts import quoted

    parsed = parse(f"primitive a Dummy params x={quoted(value)}")
    assert parsed.is_usable
    (pair,) = [element for element in parsed.configuration.walk() if element.tag == "nvpair"]
    assert pair.get("value") == value
