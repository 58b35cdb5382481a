"""A job whose process has ended ends too, says in both languages what that means, and nobody else's job does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from webui import commands, jobs, owners
from webui.models import AuditEntry, Job

ROOT = Path(__file__).resolve().parents[3]
HOLDS = """
import django, sys
django.setup()
from webui import owners
print(owners.mine(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_process(settings, tmp_path):
    """A process that does jobs, and its name."""
    settings.CONSOLE_FOLDER = tmp_path
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hacluster.settings",
        "HACLUSTER_CONSOLE_STATE": str(tmp_path),
        "HACLUSTER_STATE": str(tmp_path),
    }
    command = [sys.executable, "-c", HOLDS]
    process = subprocess.Popen(
        command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process, process.stdout.readline().strip()
    process.kill()
    process.wait()


def job(kind, owner, *steps, state="running", key="a-job"):
    told = [{"code": step, "fields": {"node": "pm01", "version": "0.1.0"}} for step in steps]
    return Job.objects.create(
        key=key, kind=kind, user="admin", at_ms=1, state=state, owner=owner, steps=told, request={"node": "pm01"}
    )


@pytest.mark.django_db
def test_the_job_of_a_killed_process_ends_with_a_sentence_in_both_languages(agent, other_process):
    process, name = other_process
    job("apply", name, "reading", "sending")
    assert jobs.end_orphans() == []
    process.send_signal(signal.SIGKILL)
    process.wait()
    (ended,) = jobs.end_orphans()
    commands.audit_orphan(ended)
    assert jobs.end_orphans() == []
    assert Job.objects.get().state == "failed"
    said = {}
    for language in ("ja", "en"):
        with translation.override(language):
            said[language] = jobs.lines(Job.objects.get())[-1]
    assert "is not known here" in said["en"]
    assert "分かりません" in said["ja"]
    assert AuditEntry.objects.get().result == "failed"
    assert not (Path(settings.CONSOLE_FOLDER) / "owners" / name).exists()


@pytest.mark.django_db
def test_the_job_of_a_living_process_and_one_that_waits_in_a_queue_go_on(agent):
    job("apply", owners.mine(), "reading", key="mine")
    job("apply", "", state="queued", key="waiting")
    assert jobs.end_orphans() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "steps", "left"),
    [
        ("import", ("opening",), "ended-import"),
        ("fence", ("fencing",), "ended-fence"),
        ("apply", ("reading",), "ended-before"),
        ("apply", ("reading", "sending"), "ended-sending"),
        ("apply", ("reading", "sending", "accepted"), "ended-accepted"),
    ],
)
def test_what_is_said_depends_on_how_far_the_work_was(agent, kind, steps, left):
    job(kind, "nobody", *steps)
    (ended,) = jobs.end_orphans()
    assert ended.steps[-1]["code"] == left


@pytest.mark.django_db
def test_the_page_of_such_a_job_says_what_to_do_next(agent, browser_of):
    job("fence", "nobody", "fencing")
    jobs.end_orphans()
    text = browser_of("admin").get("/jobs/a-job/").text
    assert "look at the timeline" in text
    assert 'href="/timeline/"' in text
