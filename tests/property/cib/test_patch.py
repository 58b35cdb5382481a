"""Patches: whatever two documents are, the difference applied to the one gives the other."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hacluster.cib.model import Cib, Element
from hacluster.cib.patch import apply, diff, from_xml, to_xml
from hacluster.cib.version import CibVersion

IDS = st.sampled_from(["a", "b", "c", "d", "e", None])
ATTRIBUTES = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.sampled_from(["1", "2", "a'b"]), max_size=2)


def _element(tag: str, name: str | None, attributes: dict[str, str], children: list[Element]) -> Element:
    named = {"id": name, **attributes} if name is not None else attributes
    return Element(tag, named, tuple(children))


ELEMENTS = st.recursive(
    st.builds(_element, st.sampled_from(["p", "q"]), IDS, ATTRIBUTES, st.just([])),
    lambda inner: st.builds(_element, st.sampled_from(["p", "q"]), IDS, ATTRIBUTES, st.lists(inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def documents(draw: st.DrawFn) -> Cib:
    children = tuple(draw(st.lists(ELEMENTS, max_size=4)))
    version = CibVersion(0, draw(st.integers(0, 5)), draw(st.integers(0, 5)))
    return Cib(Element("cib", {**version.attributes(), **draw(ATTRIBUTES)}, children))


@settings(max_examples=300, deadline=None)
@given(documents(), documents())
def test_the_difference_applied_to_the_old_document_gives_the_new_one(old, new):
    assert apply(old, diff(old, new)) == new


@settings(max_examples=100, deadline=None)
@given(documents(), documents())
def test_a_patch_survives_its_xml_form(old, new):
    read = from_xml(to_xml(diff(old, new)))
    assert apply(old, read) == new


def test_untouched_branches_are_shared():
    big = Element("resources", {}, tuple(Element("primitive", {"id": f"r{n}"}) for n in range(100)))
    old = Cib(Element("cib", {}, (big, Element("status"))))
    new = old.with_status(Element("status", {}, (Element("node_state", {"id": "1"}),)))
    patched = apply(old, diff(old, new))
    assert patched.root.find("resources") is big


def test_a_patch_for_another_version_is_refused():
    old = Cib.empty()
    patch = diff(old, old.with_version(CibVersion(0, 1, 0)))
    assert apply(old.with_version(CibVersion(0, 7, 0)), patch).code == "cib.patch-version"
