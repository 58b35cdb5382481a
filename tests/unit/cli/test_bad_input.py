"""Bad input of each kind: a named place and a cure in the operator's language, an exit code that refuses, no change."""

import pytest

from hacluster.cib.codec import to_xml
from hacluster.cli import cibadmin, crm, pm_crmgen
from nodeagent import __main__ as nodeagent
from tests.fake_agent import pair
from tests.sheets_for_tests import BAD

CRM = "primitive x ocf:heartbeat:Dummy op monitor interval=10s\ngroup g x nothere\nprimitve y Dummy\n"
XML = '<cib><configuration>\n<resources><primitive id="x">\n</configuration></cib>'
HA_CF = "cluster lab\nkeepalive 2zz\nbcast\nnod pm01\nucast eth0 999.1.1.1\n"
KEYS = "auth 1\n1 sha9 secret\n"


@pytest.fixture(params=["en", "ja"])
def language(request, monkeypatch):
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("LC_ALL", {"en": "C.UTF-8", "ja": "ja_JP.UTF-8"}[request.param])
    return request.param


@pytest.fixture
def cib_file(tmp_path, monkeypatch):
    file = tmp_path / "cib.xml"
    file.write_text(to_xml(pair()))
    monkeypatch.setenv("CIB_file", str(file))
    return file


def assert_told(said, language, **words):
    for word in words[language]:
        assert word in said


def test_a_broken_sheet(language, tmp_path, capsys):
    (tmp_path / "s.csv").write_text(BAD)
    assert pm_crmgen.main(["-o", str(tmp_path / "out.crm"), str(tmp_path / "s.csv")]) == 1
    en = ("s!C4: “Primitiv” is not a kind of resource", "use Primitive, Group", "s!C9: PROPERTY", "fill in the cell")
    ja = ("s!C4: 「Primitiv」は未定義のリソース種別です", "記入してください", "s!C9: PROPERTY 表")
    assert_told(capsys.readouterr().err, language, en=en, ja=ja)
    assert not (tmp_path / "out.crm").exists()


def test_a_broken_crm_text(language, cib_file, tmp_path, capsys):
    before = cib_file.read_bytes()
    (tmp_path / "bad.crm").write_text(CRM)
    assert crm.main(["configure", "load", "update", str(tmp_path / "bad.crm")]) == 1
    en = ("bad.crm: line 3: “primitve” begins no statement (did you mean primitive?)", "line 2: g refers to nothere")
    ja = (
        "bad.crm: line 3: 「primitve」で始まる文はありません（primitive の誤りではありませんか）",
        "line 2: g が参照する nothere",
    )
    assert_told(capsys.readouterr().err, language, en=en, ja=ja)
    assert cib_file.read_bytes() == before


@pytest.mark.parametrize(("command", "code"), [("crm", 1), ("cibadmin", 65)])
def test_a_broken_document(command, code, language, cib_file, tmp_path, capsys):
    """cibadmin ends as Pacemaker's: invalid data given."""
    before = cib_file.read_bytes()
    file = tmp_path / "bad.xml"
    file.write_text(XML)
    if command == "crm":
        assert crm.main(["configure", "load", "xml", "update", str(file)]) == code
    else:
        assert cibadmin.main(["-R", "-x", str(file)]) == code
    en = ("line 3:", "not well-formed XML", "correct the document at this place")
    ja = ("line 3:", "XML の書式が正しくありません", "この箇所を修正してください")
    assert_told(capsys.readouterr().err, language, en=en, ja=ja)
    assert cib_file.read_bytes() == before


def test_a_broken_ha_cf_and_broken_keys(language, tmp_path, capsys):
    etc, state = tmp_path / "etc", tmp_path / "state"
    etc.mkdir()
    (etc / "ha.cf").write_text(HA_CF)
    (etc / "authkeys").write_text(KEYS)
    (etc / "authkeys").chmod(0o644)
    with pytest.raises(SystemExit) as ending:
        nodeagent.main(["--etc", str(etc), "--state", str(state), "--run", str(tmp_path / "run"), "--node", "pm01"])
    assert ending.value.code == 1
    en = ("ha.cf:2: keepalive “2zz” is not a time (write seconds", "ha.cf:4: there is no directive “nod”", "chmod 600")
    ja = (
        "ha.cf:2: keepalive「2zz」は時間ではありません",
        "ha.cf:4: ディレクティブ「nod」はありません",
        "chmod 600 authkeys を実行",
    )
    told = capsys.readouterr().err
    assert_told(told, language, en=en, ja=ja)
    assert "authkeys:2:" in told
    assert not state.exists()
