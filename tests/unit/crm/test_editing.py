"""Deleting, renaming and moving members: nothing is left dangling, and nothing goes in silence."""

import pytest

from hacluster.cib.model import Cib
from hacluster.crm.apply import Mode, load
from hacluster.crm.editing import add_member, delete, remove_member, rename
from hacluster.crm.printer import show

TEXT = """primitive a Dummy params state=x op monitor interval=10s
primitive b Dummy
primitive c Dummy
primitive d Dummy
primitive shooter stonith:fence_dummy
group grp a b
group one c
clone cln one
location where a 100: n1
colocation together inf: d grp
order first_set Mandatory: ( a d ) b
tag marked a d
fencing_topology n1: shooter
role reader read ref:a read xpath:"//primitive[@id='a']"
acl_target someone reader
property stonith-enabled=false
"""


@pytest.fixture
def cib() -> Cib:
    loaded = load(Cib.empty(), TEXT, Mode.UPDATE)
    assert loaded.is_loaded, loaded.problems
    return loaded.cib


def codes(loaded) -> list[str]:
    return [problem.code for problem in loaded.problems]


class TestDelete:
    def test_what_others_refer_to_is_refused_with_their_names(self, cib):
        refused = delete(cib, ["a"])
        assert refused.cib is cib
        assert not refused.is_loaded
        assert "where, first_set, marked, reader" in refused.problems[0].line()

    def test_with_force_all_that_refers_to_it_goes_and_is_told(self, cib):
        done = delete(cib, ["a"], force=True)
        shown = show(done.cib.configuration)
        assert "group grp b" in shown
        for name in ("where", "first_set", "marked", "reader", "someone"):
            assert name not in shown
        assert codes(done).count("crm.goes-too") == 5
        assert "crm.leaves" in codes(done)

    def test_the_last_member_of_a_group_is_refused(self, cib):
        assert codes(delete(cib, ["c"])) == ["crm.last-member"]

    def test_with_force_the_emptied_group_and_its_clone_go_too(self, cib):
        done = delete(cib, ["c"], force=True)
        assert [problem.place for problem in done.problems] == ["one", "cln"]
        assert "cln" not in show(done.cib.configuration)

    def test_a_deleted_group_leaves_its_members_behind(self, cib):
        done = delete(cib, ["grp", "together"])
        shown = show(done.cib.configuration)
        assert done.is_loaded
        assert "primitive a" in shown
        assert "group grp" not in shown

    def test_a_fencing_device_in_the_topology_is_in_use(self, cib):
        assert codes(delete(cib, ["shooter"])) == ["crm.in-use"]

    def test_every_unknown_name_is_told(self, cib):
        assert codes(delete(cib, ["x", "y"])) == ["crm.not-there", "crm.not-there"]


class TestRename:
    def test_every_reference_follows(self, cib):
        done = rename(cib, "a", "alpha")
        shown = show(done.cib.configuration)
        assert done.is_loaded
        for line in (
            "primitive alpha Dummy",
            "group grp alpha b",
            "location where alpha 100: n1",
            "( alpha d )",
            "tag marked alpha d",
            "ref:alpha",
        ):
            assert line in shown
        assert "@id='a'" not in shown
        assert not [e for e in done.cib.configuration.walk() if e.id == "a" or e.id.startswith("a-")]

    def test_a_fencing_device_is_renamed_in_the_topology(self, cib):
        assert "n1: gun" in show(rename(cib, "shooter", "gun").cib.configuration).replace("\\\n\t", "")

    def test_members_keep_their_ids_when_their_group_is_renamed(self, cib):
        done = rename(cib, "grp", "team")
        assert "group team a b" in show(done.cib.configuration)
        assert "inf: d team" in show(done.cib.configuration)

    @pytest.mark.parametrize(("old", "new"), [("nobody", "x"), ("a", "b"), ("a", "1st"), ("a", "where")])
    def test_a_bad_pair_of_names_changes_nothing(self, cib, old, new):
        refused = rename(cib, old, new)
        assert not refused.is_loaded
        assert refused.cib is cib

    def test_renaming_back_gives_the_same_configuration(self, cib):
        there = rename(cib, "a", "alpha").cib
        assert rename(there, "alpha", "a").cib.configuration == cib.configuration


class TestMembers:
    @pytest.mark.parametrize(
        ("where", "expected"),
        [({}, "a b d"), ({"before": "a"}, "d a b"), ({"after": "a"}, "a d b"), ({"before": "b"}, "a d b")],
    )
    def test_a_member_is_put_where_it_was_asked_for(self, cib, where, expected):
        done = add_member(cib, "grp", "d", **where)
        assert f"group grp {expected}" in show(done.cib.configuration)
        assert len([e for e in done.cib.configuration.walk() if e.id == "d" and e.tag == "primitive"]) == 1

    def test_a_removed_member_is_a_resource_of_its_own(self, cib):
        done = remove_member(cib, "grp", "b")
        assert "group grp a\n" in show(done.cib.configuration)
        assert [e.id for e in done.cib.section("resources").children][-1] == "b"

    def test_the_last_member_stays(self, cib):
        assert codes(remove_member(cib, "one", "c")) == ["crm.last-member"]

    @pytest.mark.parametrize(
        ("group", "name", "code"),
        [("grp", "c", "crm.elsewhere"), ("grp", "cln", "crm.elsewhere"), ("a", "d", "crm.not-a-group"),
         ("none", "d", "crm.not-there"), ("grp", "nobody", "crm.elsewhere")],
    )  # fmt: skip
    def test_what_cannot_be_a_member_is_refused(self, cib, group, name, code):
        assert codes(add_member(cib, group, name)) == [code]


class TestLoadingUpdates:
    def test_a_text_cannot_empty_a_group_by_taking_its_member(self, cib):
        refused = load(cib, "group thief c\n", Mode.UPDATE)
        assert codes(refused) == ["crm.member-elsewhere"]
        assert refused.cib is cib

    def test_a_text_that_defines_both_groups_may_move_a_member(self, cib):
        done = load(cib, "group grp a\ngroup other b\n", Mode.UPDATE)
        assert done.is_loaded
        assert "group other b" in show(done.cib.configuration)

    def test_a_constraint_may_refer_to_a_tag_that_is_there(self, cib):
        assert load(cib, "location l2 marked 50: n1\n", Mode.UPDATE).is_loaded

    def test_a_member_that_a_text_leaves_out_is_a_resource_of_its_own(self, cib):
        shown = show(load(cib, "clone cln d\n", Mode.UPDATE).cib.configuration)
        for line in ("clone cln d", "group one c", "primitive c Dummy"):
            assert line in shown
        assert "primitive b Dummy" in show(load(cib, "group grp a\n", Mode.UPDATE).cib.configuration)

    def test_a_role_and_a_user_of_the_same_name_do_not_replace_each_other(self, cib):
        done = load(cib, "acl_target reader reader\n", Mode.UPDATE)
        assert "role reader" in show(done.cib.configuration)
        assert "acl_target reader \\\n\treader" in show(done.cib.configuration)

    def test_a_container_that_moves_into_another_keeps_what_the_text_names(self, cib):
        done = load(cib, "group one c\ngroup grp b\nclone cl grp\n", Mode.UPDATE)
        shown = show(done.cib.configuration)
        for line in ("clone cl grp", "group grp b", "primitive a Dummy", "clone cln one"):
            assert line in shown
        ids = [element.id for element in done.cib.section("resources").walk() if element.tag == "primitive"]
        assert sorted(ids) == ["a", "b", "c", "d", "shooter"]


class TestReplacing:
    def test_a_property_that_the_text_does_not_name_goes_unless_the_cluster_wrote_it(self, cib):
        before = load(cib, "property maintenance-mode=true dc-version=1.0\n", Mode.UPDATE).cib
        shown = show(load(before, "property stonith-enabled=true\n", Mode.REPLACE).cib.configuration)
        assert "maintenance-mode" not in shown
        assert "dc-version=1.0" in shown
        assert "stonith-enabled=true" in shown
