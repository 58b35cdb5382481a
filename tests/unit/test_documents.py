"""Documents point at what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    targets = [found for found in LINK.findall(document.read_text()) if not found.startswith(("http:", "https:"))]
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing, f"{document.relative_to(ROOT)} points at {missing}"


def test_the_path_walks_through_every_room():
    walked = (ROOT / "docs" / "path.md").read_text()
    for room in ("sheets/", "crm/", "cib/", "scheduler/", "protocol/", "machines/", "shell/", "webui/", "static/"):
        assert room in walked
