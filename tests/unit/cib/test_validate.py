"""What a configuration is warned of: each finding has its code, its place and a cure."""

import pytest

from hacluster.cib.model import Cib
from hacluster.cib.problems import Severity
from hacluster.cib.validate import validate
from hacluster.cli import crm_diff, crm_verify
from hacluster.cli.exits import Exit
from hacluster.crm.parser import parse

SOUND = """
primitive ip IPaddr2 params ip=192.0.2.1 op monitor interval=10s
primitive st stonith:external/ssh params hostlist=pm01 op monitor interval=3600s
location l st -inf: pm01
"""


def findings(text: str) -> dict[str, str]:
    configuration = parse(text).configuration
    return {problem.code: problem.place for problem in validate(Cib.empty().with_configuration(configuration))}


def test_a_sound_configuration_has_no_findings():
    assert findings(SOUND) == {}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("primitive a Dummy op monitor interval=10s", "cib.no-fencing-device", "stonith-enabled"),
        (SOUND.replace("location l st -inf: pm01", ""), "cib.fencing-on-target", "st"),
        (f"{SOUND}primitive b Dummy", "cib.no-monitor", "b"),
        (f"{SOUND}primitive c IPaddr2 params ip=192.0.2.1 op monitor interval=9s", "cib.same-address", "c"),
        (f"{SOUND}property stonith-enabled=false", "cib.fencing-disabled", "stonith-enabled"),
        (f"{SOUND}fencing_topology pm01: st,gone", "cib.dangling-reference", "fencing"),
        (f'{SOUND}xml <group id="g"/>', "cib.empty-container", "g"),
    ],
)
def test_a_mistake_is_found_at_its_place(text, code, place):
    assert findings(text)[code] == place


def test_every_finding_has_a_sentence_and_a_cure_in_both_languages():
    broken = "primitive a IPaddr2 params ip=1\nprimitive b IPaddr2 params ip=1\n"
    for problem in validate(Cib.empty().with_configuration(parse(broken).configuration)):
        for language in ("en", "ja"):
            assert problem.sentence(language)
            assert problem.cure(language)
        assert problem.severity in Severity


def test_errors_stand_before_warnings():
    found = validate(Cib.empty().with_configuration(parse("primitive a Dummy").configuration))
    assert [problem.severity for problem in found] == [Severity.ERROR, Severity.WARNING]


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
