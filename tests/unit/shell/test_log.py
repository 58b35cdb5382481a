"""The agent's log: lines in their order, files that move, disks that fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hacluster.protocol.messages import EventRecord
from nodeagent.shell.log import Log


def _event(seq: int, code: str = "dc.elected", **fields: str) -> EventRecord:
    return EventRecord(node="pm01", seq=seq, at_ms=1_300_000_000_000, code=code, fields=fields)


def test_an_event_becomes_a_line_for_people_and_one_for_machines(tmp_path: Path) -> None:
    log = Log("pm01", tmp_path / "ha.log", tmp_path / "agent.jsonl")
    log.event(_event(1, node="pm02"))
    log.close()
    (line,) = (tmp_path / "ha.log").read_text().splitlines()
    assert line.endswith("pm01    info: Set DC node to pm02.")
    entry = json.loads((tmp_path / "agent.jsonl").read_text())
    assert (entry["code"], entry["fields"], entry["seq"]) == ("dc.elected", {"node": "pm02"}, 1)


def test_lines_keep_their_order(tmp_path: Path) -> None:
    log = Log("pm01", tmp_path / "ha.log", None)
    for number in range(500):
        log.line("agent", "info", str(number))
    log.close()
    assert [line.rpartition(" ")[2] for line in (tmp_path / "ha.log").read_text().splitlines()] == [
        str(number) for number in range(500)
    ]


def test_a_remark_is_not_for_the_operator(tmp_path: Path) -> None:
    log = Log("pm01", tmp_path / "ha.log", tmp_path / "agent.jsonl")
    log.remark("link trouble", link="eth1")
    log.close()
    assert not (tmp_path / "ha.log").exists()
    assert json.loads((tmp_path / "agent.jsonl").read_text())["fields"] == {"link": "eth1"}


FULL_AND_FREE_AGAIN = """
import resource, signal, sys
from pathlib import Path
from nodeagent.shell.log import Log
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = Log("pm01", None, Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for number in range(50):
    log.remark("while it fills", number=number)
log.close()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log = Log("pm01", None, Path(sys.argv[1]))
log.remark("free again")
log.close()
"""


def test_a_line_that_a_full_disk_tore_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "agent.jsonl"
    subprocess.run([sys.executable, "-c", FULL_AND_FREE_AGAIN, str(file)], check=True)
    *whole, torn, last = file.read_text().splitlines()
    assert len(whole) > 5
    assert all(json.loads(line)["remark"] == "while it fills" for line in whole)
    assert not torn.endswith("}")
    assert json.loads(last)["remark"] == "free again"


def test_a_log_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "ha.log"
    log = Log("pm01", file, None)
    log.line("agent", "info", "before")
    while not (file.exists() and "before" in file.read_text()):
        pass
    file.rename(tmp_path / "ha.log.1")
    log.line("agent", "info", "after")
    log.close()
    assert file.read_text().endswith("agent: after\n")


def test_a_disk_that_cannot_be_written_does_not_stop_the_agent(tmp_path: Path) -> None:
    (tmp_path / "full.log").symlink_to("/dev/full")
    log = Log("pm01", tmp_path / "full.log", tmp_path / "agent.jsonl")
    log.line("agent", "info", "one")
    log.line("agent", "info", "two")
    log.close()
    assert len((tmp_path / "agent.jsonl").read_text().splitlines()) == 2
