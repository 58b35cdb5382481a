"""Documents held against Pacemaker's own schemas and against ours: both take the same and refuse the same.

Pacemaker's schema files are read by libxml2, which is what its cibadmin and crm_verify do.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from lxml import etree

from hacluster.cib.codec import parse_cib, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.schema import check_schema
from hacluster.cli import cibadmin
from tests.contract.cib_documents import SCHEMAS, damaged, whole

PEER_SCHEMAS = Path("/usr/share/pacemaker")
PEER = Path("/usr/sbin/cibadmin")
pytestmark = pytest.mark.skipif(not PEER.exists(), reason="pacemaker is not installed (make setup as root installs it)")


@pytest.fixture(scope="module")
def schemas() -> dict[str, etree.RelaxNG]:
    return {name: etree.RelaxNG(etree.parse(PEER_SCHEMAS / f"{name}.rng")) for name in SCHEMAS}


def _is_taken_by_peer(text: str, schemas: dict[str, etree.RelaxNG]) -> bool:
    root = etree.fromstring(text)
    name = root.get("validate-with", "none")
    return name == "none" or (name in schemas and bool(schemas[name].validate(root)))


def _cib(text: str) -> Cib | None:
    """None where the damage made another root of it."""
    parsed = parse_cib(text)
    return parsed if isinstance(parsed, Cib) else None


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_document_with_everything_is_taken(schema, schemas):
    text = to_xml(whole(schema))
    assert _is_taken_by_peer(text, schemas)
    cib = _cib(text)
    assert cib is not None
    assert [problem.line() for problem in check_schema(cib)] == []


def test_a_damaged_document_is_taken_or_refused_as_by_the_peer(schemas):
    differing, taken = [], 0
    for seed in range(1200):
        text = damaged(seed)
        cib = _cib(text)
        if cib is None:
            continue
        ours = not check_schema(cib)
        taken += ours
        if ours != _is_taken_by_peer(text, schemas):
            differing.append(seed)
    assert differing == []
    assert 150 < taken < 600


@pytest.mark.parametrize("seed", range(12))
def test_cibadmin_takes_or_refuses_a_damaged_document_as_the_peer_does(seed, tmp_path, capfd, monkeypatch):
    document = tmp_path / "document.xml"
    document.write_text(damaged(seed), encoding="utf-8")
    codes = []
    for side in ("peer", "ours"):
        file = tmp_path / f"{side}.xml"
        file.write_text(to_xml(Cib.empty()), encoding="utf-8")
        monkeypatch.setenv("CIB_file", str(file))
        given = ["--replace", "--xml-file", str(document)]
        done = subprocess.run([PEER, *given], env=os.environ, check=False).returncode if side == "peer" else None
        codes.append(cibadmin.main(given) if done is None else done)
    told = capfd.readouterr().err
    assert codes[0] == codes[1], told
    assert codes[1] in (0, 78)
    if codes[1] == 78:
        assert "cibadmin: Call failed: Update does not conform to the configured schema\n" in told
