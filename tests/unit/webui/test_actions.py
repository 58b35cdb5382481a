"""Previews and deeds: what is shown is what is done, once, by who may."""

import pytest
from django.core.exceptions import PermissionDenied

from hacluster.protocol.messages import CibChange, FenceConfirm, MemberInfo, ResourceCleanup
from hacluster.scheduler.schedule import schedule
from tests.fake_agent import failed_over, left, pair, starts, stops
from webui import commands
from webui.actions import Order, Refusal, Tier, Wish, order_of
from webui.commands import Actor, Prepared
from webui.models import AuditEntry, Placement
from webui.painter import picture_of

ACTOR = Actor("operator", "192.0.2.7")


def prepared(wish):
    found = commands.prepare(wish)
    assert isinstance(found, Prepared)
    return found


def deeds(agent, kind):
    return [each for each in agent.asked if isinstance(each, kind)]


def confirm(users, wish, key="k1", **more):
    return commands.act(users["operator"], ACTOR, wish, digest=prepared(wish).preview.digest, key=key, **more)


def test_standby_previews_the_move_of_the_service():
    cib = pair()
    order = order_of(Wish("standby", "pm01"), cib, picture_of(cib, None))
    assert isinstance(order, Order)
    from webui.previews import preview_of

    preview = preview_of(cib, order.changed)
    moved = {each.resource: (each.before, each.after) for each in preview.slices}
    assert moved["prmPg"] == ("pm01", "pm02")
    assert preview.steps.index("stop prmPg @pm01") < preview.steps.index("start prmPg @pm02")


def test_a_move_arrives_in_spite_of_an_infinite_stickiness():
    cib = pair()
    order = order_of(Wish("move", "grpPg", "pm02"), cib, picture_of(cib, None))
    assert isinstance(order, Order)
    from webui.previews import preview_of

    assert "Move prmPg (Started pm01 -> pm02)" in preview_of(cib, order.changed).changes


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish("move", "grpPg"), "no-target"),
        (Wish("move", "nothing", "pm02"), "unknown-resource"),
        (Wish("standby", "pm09"), "unknown-node"),
        (Wish("unmove", "grpPg"), "no-placement"),
        (Wish("explode", "pm01"), "unknown-action"),
        (Wish("fence-confirm", "pm02"), "node-is-heard"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_code(wish, code):
    cib = pair()
    refusal = order_of(wish, cib, picture_of(cib, None))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_fencing_asks_for_the_typed_name():
    cib = pair()
    order = order_of(Wish("fence", "pm01"), cib, picture_of(cib, None))
    assert isinstance(order, Order)
    assert order.tier is Tier.TYPED


def test_a_cleanup_reaches_the_agent_and_the_audit_trail(agent, users):
    agent.change(failed_over(pair()))
    outcome = confirm(users, Wish("cleanup", "grpPg", "pm01"))
    assert outcome.ok
    assert deeds(agent, ResourceCleanup)[0].user == "operator"
    entry = AuditEntry.objects.get(action="action.cleanup")
    assert (entry.user, entry.address, entry.target, entry.result) == ("operator", "192.0.2.7", "grpPg", "done")
    assert picture_of(agent.cib, None).problems == ()


def test_a_double_click_acts_once(agent, users):
    wish = Wish("standby", "pm02")
    digest = prepared(wish).preview.digest
    first = commands.act(users["operator"], ACTOR, wish, digest=digest, key="same")
    second = commands.act(users["operator"], ACTOR, wish, digest=digest, key="same")
    assert first.ok
    assert second == first
    assert len(deeds(agent, CibChange)) == 1


def test_a_preview_that_is_no_longer_true_is_refused_and_shown_anew(agent, users):
    wish = Wish("standby", "pm01")
    digest = prepared(wish).preview.digest
    agent.change(failed_over(pair()))
    outcome = commands.act(users["operator"], ACTOR, wish, digest=digest, key="k")
    assert outcome.code == "action.state-moved"
    assert outcome.preview is not None
    assert deeds(agent, CibChange) == []
    assert commands.act(users["operator"], ACTOR, wish, digest=outcome.preview.digest, key="k").ok


def test_a_viewer_may_not_act_even_past_the_page(agent, users):
    with pytest.raises(PermissionDenied):
        commands.act(users["viewer"], ACTOR, Wish("standby", "pm01"), digest="", key="k")
    assert deeds(agent, CibChange) == []


def test_confirming_that_a_node_is_off_needs_its_name_and_a_reason(agent, users):
    agent.change(left(pair(), "pm02"))
    agent.set_members([agent.members[0], MemberInfo(name="pm02", node_id="2", is_member=False)])
    wish = Wish("fence-confirm", "pm02")
    assert confirm(users, wish, "a", typed="pm01", reason="seen off").code == "action.not-typed"
    assert confirm(users, wish, "b", typed="pm02").code == "action.not-typed"
    assert deeds(agent, FenceConfirm) == []
    assert confirm(users, wish, "c", typed="pm02", reason="power is off").ok
    assert deeds(agent, FenceConfirm)[0].reason == "power is off"


def test_a_node_that_is_still_heard_cannot_be_confirmed_off(agent, users):
    agent.change(left(pair(), "pm02"))
    outcome = commands.act(
        users["operator"],
        ACTOR,
        Wish("fence-confirm", "pm02"),
        digest="",
        key="k",
        typed="pm02",
        reason="power is off",
    )
    assert outcome.code == "action.node-is-heard"
    assert deeds(agent, FenceConfirm) == []


def test_a_temporary_placement_ends_when_the_resource_has_arrived(agent, users):
    assert confirm(users, Wish("move", "grpPg", "pm02")).ok
    assert Placement.objects.get().constraint == "cli-prefer-grpPg"
    picture = picture_of(agent.cib, None)
    assert [each.code for each in picture.problems] == ["placement.left"]
    assert commands.end_placements(agent.cib, picture) == []
    group = ("prmEx", "prmFs", "prmIp", "prmPg")
    moved = agent.change(starts(stops(agent.cib, "pm01", *group), "pm02", *group))
    assert commands.end_placements(moved, picture_of(moved, None)) == ["grpPg"]
    assert Placement.objects.count() == 0
    assert not [each for each in agent.cib.section("constraints").walk() if each.id.startswith("cli-")]


def test_the_scripted_pair_is_at_rest():
    """Previews on it show what an action does and nothing else."""
    for cib in (pair(), failed_over(pair())):
        assert schedule(cib, 0).changes == ()
