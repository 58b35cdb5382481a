"""What a configuration is warned of: each finding has its code, its place and a cure."""

import sys

import pytest

from hacluster.cib import checks
from hacluster.cib.agent_metadata import AgentMetadata, parse_metadata
from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.cib.validate import agents_of, new_findings, validate
from hacluster.cli import crm_diff, crm_verify
from hacluster.cli.exits import Exit
from hacluster.crm.parser import parse

SOUND = """
primitive ip IPaddr2 params ip=192.0.2.1 op monitor interval=10s
primitive st stonith:external/ssh params hostlist=pm01 op monitor interval=3600s
primitive st2 stonith:external/ssh params hostlist=pm02 op monitor interval=3600s
location l st -inf: pm01
location l2 st2 -inf: pm02
"""
MORE = "\n".join(f"primitive {name} Dummy op monitor interval=10s" for name in "abcd")
META_DATA = """<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="IPaddr2"><parameters>
<parameter name="ip" required="1"><content type="string" default=""/></parameter>
<parameter name="nic"><content type="string"/></parameter>
</parameters><actions>
<action name="start" timeout="20s"/><action name="stop" timeout="40s"/>
<action name="monitor" timeout="20s" interval="10s"/><action name="monitor" role="Master" timeout="30" interval="9"/>
</actions></resource-agent>"""


def cluster(text: str, nodes: tuple[str, ...] = ("pm01", "pm02")) -> Cib:
    parsed = parse(text, nodes=nodes)
    members = tuple(Element("node", {"id": str(n), "uname": name}) for n, name in enumerate(nodes, start=1))
    return Cib.empty().with_configuration(parsed.configuration).with_section(Element("nodes", {}, members))


def findings(text: str, nodes: tuple[str, ...] = ("pm01", "pm02")) -> dict[str, str]:
    return {problem.code.removeprefix("cib."): problem.place for problem in validate(cluster(text, nodes))}


def more(text: str) -> str:
    return f"{SOUND}{MORE}\n{text}"


def xml(text: str) -> str:
    return f"{SOUND}{MORE}\nxml {text}"


def order(first: str, then: str) -> str:
    return f'<rsc_order id="o-{first}-{then}" first="{first}" then="{then}"/>'


def test_a_sound_configuration_has_no_findings():
    assert findings(SOUND) == {}


MISTAKES = [
    # names
    (
        xml('<primitive id="x" type="D" class="lsb"><meta_attributes id="x"/></primitive>'),
        "duplicate-id",
        "x",
    ),
    (xml('<rsc_location id="l9" rsc="gone" node="pm01" score="1"/>'), "dangling-reference", "l9"),
    (f"{SOUND}fencing_topology pm01: st,gone", "dangling-reference", "fencing"),
    (xml('<primitive id="p" template="gone"/>'), "dangling-reference", "p"),
    (xml('<tag id="t"><obj_ref id="gone"/></tag>'), "dangling-reference", "t"),
    (xml('<acl_target id="u"><role id="gone"/></acl_target>'), "dangling-reference", "u"),
    (
        xml('<primitive id="p" class="ocf" type="D"><meta_attributes id-ref="gone"/></primitive>'),
        "dangling-reference",
        "p",
    ),
    (xml('<group id="g"/>'), "empty-container", "g"),
    (xml('<group id="g"><clone id="c"><primitive id="p" class="lsb" type="D"/></clone></group>'), "nesting", "g"),
    (xml('<primitive id="p"/>'), "no-agent", "p"),
    (xml('<rsc_colocation id="c9" rsc="a"/>'), "constraint-incomplete", "c9"),
    (xml('<rsc_ticket id="t9" rsc="a"/>'), "constraint-incomplete", "t9"),
    (xml('<alert id="al"/>'), "alert-path", "al"),
    (more("location l9 a 100: pm09"), "unknown-node", "l9"),
    # constraints
    (xml('<rsc_colocation id="c9" rsc="a" with-rsc="b" score="lots"/>'), "score", "c9"),
    (xml('<rsc_order id="o9" first="a" then="b" kind="Perhaps"/>'), "word", "o9"),
    (xml('<rsc_order id="o9" first="a" then="a"/>'), "self-reference", "o9"),
    (more("order o1 a b\norder o2 b c\norder o3 c a"), "order-circle", "o1"),
    (more("group g a b c\norder o1 c a"), "order-circle", "o1"),
    (more("group g a b\norder o1 g a"), "order-circle", "o1"),
    (more("order o1 a b\norder o2 b:stop a:stop symmetrical=false"), None, ""),
    (more("order o1 a b\norder o2 a:stop b:stop symmetrical=false"), "order-circle", "o1"),
    (more("order o1 a b c\norder o2 c a"), "order-circle", "o1"),
    (more("order o1 a b\norder o2 Optional: b a"), None, ""),
    (more("colocation c1 inf: a b\ncolocation c2 inf: b a"), "colocation-circle", "c1"),
    (more("colocation c1 inf: a b\ncolocation c2 -inf: a b"), "together-and-apart", "c2"),
    (more("group g a b\ncolocation c2 -inf: a b"), "together-and-apart", "c2"),
    (more("colocation c1 inf: a b:Promoted"), "role-not-promotable", "c1"),
    (more("rsc_ticket t1 tick: a loss-policy=demote"), "ticket-demote", "t1"),
    (more("rsc_ticket t1 tick: a loss-policy=fence\nproperty stonith-enabled=false"), "ticket-fence", "t1"),
    # locations
    (more("location l9 a rule 100: #uname eq pm01 and #uname eq pm02"), "location-never-holds", "l9"),
    (more("location l9 a -inf: pm01\nlocation l8 a -inf: pm02"), "nowhere", "a"),
    (more("location l9 a rule -inf: #uname ne pm03"), "nowhere", "a"),
    (more("location l9 a rule -inf: not_defined ping or ping lt 1"), None, ""),
    (more("location l9 a 100: pm01\nproperty symmetric-cluster=false"), "nowhere", "d"),
    (more("location l9 a inf: pm01\nlocation l8 a -inf: pm01"), "location-contradicts", "l8"),
    # operations and settings
    (more("primitive b2 Dummy"), "no-monitor", "b2"),
    (more("primitive b2 Dummy op monitor interval=0"), "monitor-without-interval", "b2"),
    (more("ms m a"), "no-promoted-monitor", "a"),
    (more("primitive b2 Dummy op monitor interval=9 op monitor interval=9s"), "duplicate-operation", "b2"),
    (more("primitive b2 Dummy op monitor interval=9 op start interval=5"), "interval-ignored", "b2"),
    (more("primitive b2 Dummy op monitor interval=9 timeout=soon"), "value", "b2"),
    (more("primitive b2 Dummy op monitor interval=9 on-fail=reboot"), "value", "b2"),
    (more("primitive b2 Dummy op monitor interval=9 meta is-managed=perhaps"), "value", "b2"),
    (more("property no-quorum-policy=egal"), "value", "no-quorum-policy"),
    (
        more("primitive b2 Dummy op monitor interval=9 on-fail=fence\nproperty stonith-enabled=false"),
        "on-fail-fence",
        "b2",
    ),
    (more("primitive b2 Dummy op monitor interval=9 meta migration-treshold=1"), "misspelt", "b2"),
    (more("property stonith-enable=true"), "misspelt", "stonith-enable"),
    (more("ms m a meta clone-max=1 promoted-max=2"), "clone-numbers", "m"),
    (f"{SOUND}primitive c IPaddr2 params ip=192.0.2.1 op monitor interval=9s", "same-address", "c"),
    (f"{SOUND}primitive c IPaddr2 params ip=192.0.2.999 op monitor interval=9s", "address", "c"),
    # fencing
    ("primitive a Dummy op monitor interval=10s", "no-fencing-device", "stonith-enabled"),
    (f"{SOUND}property stonith-enabled=false", "fencing-disabled", "stonith-enabled"),
    (SOUND.replace("location l st -inf: pm01", ""), "fencing-on-target", "st"),
    (SOUND.replace("hostlist=pm02", "hostlist=pm01"), "node-not-fenced", "pm02"),
    (SOUND.replace("hostlist=pm02", "hostlist=pm02,pm09"), "fencing-unknown-node", "st2"),
    (xml('<fencing-level id="f9" index="1" target="pm01" devices="a"/>'), "level-not-a-device", "f9"),
    (xml('<fencing-level id="f9" index="12" target="pm01" devices="st"/>'), "level-index", "f9"),
]


@pytest.mark.parametrize(("text", "code", "place"), MISTAKES)
def test_a_mistake_is_found_at_its_place(text, code, place):
    found = findings(text)
    if code is None:
        assert not found, "this is allowed"
    else:
        assert found.get(code) == place, found


def document(resources: str, nodes: str = "") -> Cib:
    parsed = parse_cib(
        '<cib epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>'
        f"<nodes>{nodes}</nodes><resources>{resources}</resources><constraints/></configuration><status/></cib>"
    )
    assert isinstance(parsed, Cib)
    return parsed


def test_a_member_of_two_groups_is_named_once_and_with_both():
    member = '<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>'
    found = validate(document(f'<group id="g1">{member}</group><group id="g2">{member}</group>'))
    named = [problem for problem in found if problem.code == "cib.in-two-containers"]
    assert [problem.parameters for problem in named] == [{"id": "a", "one": "g1", "other": "g2"}]
    assert not [problem for problem in found if problem.code == "cib.duplicate-id"]


def test_an_element_that_means_nothing_is_an_error_and_a_warning_under_a_schema_that_nobody_knows():
    odd = cluster(SOUND)
    odd = odd.with_section(odd.section("resources").with_child(Element("primitve", {"id": "typo"})))
    assert [(found.code, found.place) for found in validate(odd)] == [("cib.schema.element", "typo")]
    newer = Cib(odd.root.with_attributes({"validate-with": "pacemaker-9.9"}))
    assert [(found.code, found.place) for found in validate(newer)] == [("cib.unknown-element", "typo")]


def test_a_comparison_that_nobody_knows_is_found_at_its_constraint():
    expression = Element("expression", {"id": "e", "attribute": "path", "operation": "bigger", "value": "1"})
    rule = Element("rule", {"id": "r", "score": "5"}, (expression,))
    odd = cluster(SOUND)
    place = Element("rsc_location", {"id": "odd", "rsc": "ip"}, (rule,))
    odd = odd.with_section(odd.section("constraints").with_child(place))
    assert ("cib.expression", "odd") in [(found.code, found.place) for found in validate(odd)]


def test_two_nodes_of_one_name_are_found():
    nodes = '<node id="1" uname="pm01"/><node id="2" uname="pm01"/>'
    assert "cib.same-node-name" in {problem.code for problem in validate(document("", nodes))}


def test_a_minority_that_goes_on_is_warned_of_from_three_nodes_on():
    text = f"{SOUND}property no-quorum-policy=ignore"
    assert "quorum-ignored" not in findings(text)
    assert findings(text, ("pm01", "pm02", "pm03"))["quorum-ignored"] == "no-quorum-policy"


def test_a_rule_that_only_the_running_cluster_can_judge_is_not_judged():
    text = more("location l9 a rule 100: ping gt 1\nlocation l8 a rule -inf: date lt 2020-01-01")
    assert findings(text) == {}


def test_before_any_node_has_joined_no_name_is_unknown():
    assert findings(more("location l9 a 100: pm09"), nodes=()) == {}


# ---------------------------------------------------------------- agents


def metadata() -> AgentMetadata:
    parsed = parse_metadata(META_DATA)
    assert isinstance(parsed, AgentMetadata)
    return parsed


def against_agent(text: str) -> dict[str, Problem]:
    cib = cluster(f"{SOUND}{text}")
    return {problem.code: problem for problem in validate(cib, {("ocf", "heartbeat", "IPaddr2"): metadata()})}


def test_meta_data_is_read_with_its_times_and_parameters():
    agent = metadata()
    assert agent.parameters["ip"].is_required
    assert agent.advised_timeout_ms("stop") == 40_000
    assert agent.advised_timeout_ms("monitor") == 20_000
    assert agent.advised_timeout_ms("monitor", "Promoted") == 30_000
    assert isinstance(parse_metadata("no xml"), Problem)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("params ip=192.0.2.9 op monitor interval=9 timeout=5s", "cib.timeout-below-advice"),
        ("params nic=eth0 op monitor interval=9", "cib.missing-parameter"),
        ("params ip=192.0.2.9 nicc=eth0 op monitor interval=9", "cib.unknown-parameter"),
    ],
)
def test_what_contradicts_the_agent_is_found(text, code):
    assert against_agent(f"primitive x IPaddr2 {text} op start timeout=60 op stop timeout=60")[code].place == "x"


def test_an_operation_that_is_not_written_is_judged_by_the_default_timeout():
    assert (
        "write timeout=40s"
        in against_agent("primitive x IPaddr2 params ip=192.0.2.9 op monitor interval=9")[
            "cib.timeout-below-advice"
        ].line()
    )


def test_an_agent_without_meta_data_is_not_judged():
    assert validate(cluster(SOUND), {("ocf", "heartbeat", "Other"): metadata()}) == []


def test_the_agents_of_a_configuration_are_known_by_name():
    assert agents_of(cluster(SOUND)) == {("ocf", "heartbeat", "IPaddr2"), ("stonith", "", "external/ssh")}


# ---------------------------------------------------------------- the whole


def every_kind() -> list[ProblemKind]:
    modules = [sys.modules[name] for name in sorted(sys.modules) if name.startswith(f"{checks.__name__}.")]
    return [value for module in modules for value in vars(module).values() if isinstance(value, ProblemKind)]


def test_every_kind_has_its_test():
    tested = {f"cib.{code}" for _, code, _ in MISTAKES if code}
    tested |= {"cib.in-two-containers", "cib.same-node-name", "cib.quorum-ignored"}
    tested |= {"cib.unknown-element", "cib.expression"}
    tested |= {"cib.timeout-below-advice", "cib.missing-parameter", "cib.unknown-parameter"}
    assert {kind.code for kind in every_kind()} == tested


@pytest.mark.parametrize(("text", "code", "place"), MISTAKES)
def test_every_finding_has_a_sentence_and_a_cure_in_both_languages(text, code, place):
    for problem in validate(cluster(text)):
        words = {problem.sentence("en"), problem.sentence("ja"), problem.cure("en"), problem.cure("ja")}
        assert len(words - {""}) == 4


def test_errors_stand_before_warnings():
    found = validate(cluster("primitive a Dummy", nodes=()))
    assert [problem.severity for problem in found] == [Severity.ERROR, Severity.WARNING]


def test_a_change_is_held_only_for_what_it_brings():
    before = cluster(more("order o1 a a"))
    refusing, told = new_findings(before, cluster(more("order o1 a a\nprimitive e Dummy")))
    assert not refusing
    assert [problem.code for problem in told] == ["cib.no-monitor"]
    refusing, _ = new_findings(before, cluster(more("order o1 a a\norder o2 b b")))
    assert [problem.place for problem in refusing] == ["o2"]


def large(groups: int) -> str:
    lines = [SOUND]
    for number in range(groups):
        lines += [f"primitive p{number}{letter} Dummy op monitor interval=10s" for letter in "abc"]
        lines.append(f"group g{number} p{number}a p{number}b p{number}c")
        lines.append(f"location l{number} g{number} rule 100: #uname eq pm01 rule -inf: not_defined ping")
        if number:
            lines.append(f"order o{number} g{number - 1} g{number}")
            lines.append(f"colocation c{number} inf: g{number} g{number - 1}")
    return "\n".join(lines)


def calls_of(cib: Cib) -> int:
    """Function calls, C functions included: the same number in every run."""
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        validate(cib)
    finally:
        sys.setprofile(before)
    return counted


def test_two_thousand_resources_cost_twice_what_a_thousand_cost():
    half, whole = calls_of(cluster(large(250))), calls_of(cluster(large(500)))
    assert whole < 2.2 * half


# ---------------------------------------------------------------- commands


def test_crm_verify_ends_with_78_for_errors(tmp_path, capsys):
    file = tmp_path / "cib.xml"
    file.write_text(
        '<cib epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/><resources/>'
        "</configuration><status/></cib>"
    )
    assert crm_verify.main(["-x", str(file)]) == Exit.CONFIG == 78
    assert "STONITH" in capsys.readouterr().err


def test_crm_diff_prints_a_patch_that_its_own_option_applies(tmp_path, capsys):
    old, new, patch = (tmp_path / name for name in ("old.xml", "new.xml", "patch.xml"))
    text = '<cib epoch="{}" num_updates="0" admin_epoch="0"><configuration><nodes>{}</nodes></configuration></cib>'
    old.write_text(text.format(1, ""))
    new.write_text(text.format(2, '<node id="1" uname="pm01"/>'))
    assert crm_diff.main(["-o", str(old), "-n", str(new)]) == Exit.ERROR
    patch.write_text(capsys.readouterr().out)
    assert crm_diff.main(["-o", str(old), "-p", str(patch)]) == Exit.OK
    assert '<node id="1" uname="pm01"/>' in capsys.readouterr().out
    assert crm_diff.main(["-o", str(old), "-n", str(old)]) == Exit.OK
