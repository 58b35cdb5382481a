"""Our commands and Debian's own, side by side on one CIB file: the same text, the same exit code, the same file.

The peer reads and writes the file by itself (CIB_file); none of its services runs.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib
from hacluster.scheduler.schedule import schedule
from hacluster.scheduler.simulate import apply
from tests.builders import NOW, Situation

TEXT = """
primitive ex ocf:pacemaker:Dummy op monitor interval=10s
primitive fs ocf:pacemaker:Dummy meta target-role=Stopped op monitor interval=10s
group grp ex fs
primitive ping ocf:pacemaker:Dummy op monitor interval=10s
clone clnPing ping
primitive st stonith:external/ssh params hostlist=pm01
location l-st st -inf: pm01
property no-quorum-policy=ignore stonith-enabled=true startup-fencing=false cluster-infrastructure=corosync \\
    dc-version=2.1.5
"""
SAME = """
cibadmin -Q
cibadmin -Q -o resources
cibadmin -Q -o nodes -n
cibadmin -Q --xpath //primitive --node-path
cibadmin -Q -A //primitive[@id='ex']
cibadmin -Q --xpath //nothing
cibadmin -M -o crm_config -X '<nvpair id="cib-bootstrap-options-dc-version" value="9"/>'
cibadmin -M -X '<nvpair id="nosuch" value="9"/>'
cibadmin -C -o resources -X '<primitive id="new" class="ocf" provider="heartbeat" type="Dummy"/>'
cibadmin -D -X '<rsc_location id="l-st"/>'
cibadmin -D --xpath //rsc_location
cibadmin -D -X '<primitive id="nosuch"/>'
cibadmin -R -o constraints -X '<constraints/>'
cibadmin -E
cibadmin -d --xpath //op
cibadmin --md5-sum -X '<cib epoch="1"/>'
cibadmin --bogus
crm_mon -1
crm_mon -1 -r
crm_mon -1 -n
crm_mon -1 -nr
crm_mon -1 -A
crm_mon -1 -f
crm_mon -1 -o
crm_mon -1 -ot
crm_mon -1 -Arfnot
crm_mon -1 -R
crm_mon -1 -b
crm_mon -1 -br
crm_mon -1 -L
crm_mon -1 -D
crm_mon -1 --exclude=all --include=nodes,options
crm_mon --output-as=xml
crm_mon -X
crm_attribute -n no-quorum-policy -G
crm_attribute -t crm_config -n no-quorum-policy -G -q
crm_attribute -n nosuch -G
crm_attribute -t crm_config -n nosuch -G -d usual
crm_attribute -n no-quorum-policy -v stop
crm_attribute -n no-quorum-policy -D
crm_attribute -N pm01 -n rack -v 7 -l forever
crm_attribute -N pm01 -n path -v 50 -l reboot
crm_attribute -N pm01 -n path -G -l reboot
crm_attribute -N pm09 -n rack -v 7 -l forever
crm_attribute -N pm01 -z -n cpu -v 8
crm_attribute -G
crm_standby -N pm01 -v on
crm_failcount -N pm01 -r ex -G
crm_verify -L
crm_error 22 205
crm_error -l
crm_error -lX -n
crm_error -X 105
crm_resource -r ex -W
crm_resource -r clnPing -W
crm_resource -r nosuch -W
crm_resource -r ex -p fake -v 7
crm_resource -r fs -m -p target-role -v Started
crm_resource -r fs -m -d target-role
crm_resource -r st -B -N pm02
crm_resource -r grp -M -N pm02
crm_resource -L
crm_simulate -L
crm_simulate -L -R
crm_simulate -L -S
crm_simulate -L -R -d pm01
crm_simulate -L -S -d pm02
crm_simulate -L -S -F ex_stop_0@pm01=1 -d pm01
crm_simulate -L -S -g tA -q 0
crm_simulate -L -S -Q -t 2030-01-01
crm_simulate -L -A -c
crm_simulate -L -S -u pm02 -r tA -b tA -e tA
"""
VOLATILE = re.compile(
    r"Last updated: .*|<last_update [^>]*>|request=\"[^\"]*\"| (?:cib-last-written|update-\w+)=\"[^\"]*\""
    r"| crm-debug-origin=\"[^\"]*\"|last-failure-ex#monitor_10000=\d+"
)
PEER = Path("/usr/sbin/crm_simulate")
pytestmark = pytest.mark.skipif(not PEER.exists(), reason="pacemaker-cli-utils is not installed (make setup as root)")


@pytest.fixture(scope="module")
def document() -> str:
    """A settled pair with one failure and one attribute."""
    situation = Situation(TEXT)
    for node in ("pm01", "pm02"):
        situation.attribute(node, "path", "100")
    for _ in range(3):
        situation.cib = apply(situation.cib, schedule(situation.cib, NOW), NOW)
    situation.attribute("pm01", "fail-count-ex#monitor_10000", "1")
    situation.attribute("pm01", "last-failure-ex#monitor_10000", "1700000100")
    written = Cib(situation.cib.root.with_attributes({"cib-last-written": "Mon Mar  4 12:24:15 2024", "dc-uuid": "1"}))
    return to_xml(written.with_version(written.version.after_configuration_change()))


@pytest.fixture
def _utc(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def ours(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    main: Callable[[list[str]], int] = import_module(f"hacluster.cli.{words[0]}").main
    try:
        code = main(words[1:])
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr().out


def theirs(words: list[str], file: Path) -> tuple[int, str]:
    environment = {**os.environ, "CIB_file": str(file)}
    done = subprocess.run([f"/usr/sbin/{words[0]}", *words[1:]], env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout


def content(file: Path) -> list[str]:
    """The document without its version, which the peer counts in its own way, and without who changed it."""
    text = VOLATILE.sub("", file.read_text())
    text = re.sub(r' (?:admin_epoch|epoch|num_updates)="\d+"', "", text)
    return [line.strip().replace(" />", "/>") for line in text.splitlines() if not line.startswith("<?xml")]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in VOLATILE.sub("", text).splitlines() if line.strip()]


@pytest.mark.usefixtures("_utc")
@pytest.mark.parametrize("command", SAME.strip().splitlines())
def test_both_answer_alike(
    command: str,
    document: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = shlex.split(command)
    answers = []
    for who in ("peer", "ours"):
        file = tmp_path / who / "cib.xml"
        file.parent.mkdir()
        file.write_text(document)
        monkeypatch.setenv("CIB_file", str(file))
        code, said = theirs(words, file) if who == "peer" else ours(words, capsys)
        answers.append((code, lines(said), content(file)))
    assert answers[1] == answers[0]
