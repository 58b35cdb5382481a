"""Long work: who started it, how far it is, how it ended. The work itself stands in tasks.py."""

from __future__ import annotations

import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from webui import journal, owners, relay
from webui.models import Job, Revision
from webui.payloads import JobProgress
from webui.sentences import sentence

if TYPE_CHECKING:
    from webui.commands import Actor

log = logging.getLogger("hacluster.console.jobs")

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="job")

UNDER_WAY = (Job.State.QUEUED, Job.State.RUNNING)
LINES = {
    "reading": noop("Reading the sheet"),
    "opening": noop("Reading the file %(name)s"),
    "converting": noop("Converting its tables into a configuration"),
    "validating": noop("Validating the configuration"),
    "comparing": noop("Comparing it with the running configuration"),
    "simulating": noop("Simulating what the cluster would do"),
    "checked": noop("Checked: %(errors)s errors, %(warnings)s warnings"),
    "simulated": noop("Simulated: %(n)s changes"),
    "sending": noop("Handing the configuration to the cluster (based on %(version)s)"),
    "accepted": noop("Every member has version %(version)s on disk"),
    "transition": noop("Transition: %(done)s of %(total)s steps"),
    "step": noop("%(text)s"),
    "settled": noop("The cluster has come to rest"),
    "not-settled": noop("The cluster has not come to rest within %(s)s seconds; the configuration stands"),
    "refused": noop("Refused: %(reason)s"),
    "fencing": noop("Fencing %(node)s"),
    "fenced": noop("%(node)s is fenced"),
    "failed": noop("Failed: %(reason)s"),
    "ended-import": noop("The process that checked the sheet has ended. Nothing was changed; check the sheet again."),
    "ended-before": noop(
        "The process that applied the configuration has ended before it handed anything to the cluster. Nothing was "
        "changed; look at the preview again and apply once more."
    ),
    "ended-sending": noop(
        "The process that applied the configuration has ended while it handed it to the cluster. Whether the cluster "
        "has taken it is not known here: compare the running configuration before you apply once more."
    ),
    "ended-accepted": noop(
        "The process that followed the configuration has ended. The cluster had taken it and goes on with it: look at "
        "the matrix. No revision was kept; the agent's own versions have it."
    ),
    "ended-kept": noop(
        "The process that followed the configuration has ended. The cluster had taken it and goes on with it: look at "
        "the matrix. The revision is kept."
    ),
    "ended-fence": noop(
        "The process that waited for the fencing has ended. The cluster may have gone on with it: look at the timeline "
        "whether the node is fenced before you fence it once more."
    ),
    "revision": noop("Kept as revision %(number)s"),
}


def start(kind: str, actor: Actor, request: dict[str, Any], key: str = "") -> str:
    """Queue the work in Redis; where there is none, or when it does not answer, in a thread of this process."""
    from webui.tasks import run_job

    key = key or uuid.uuid4().hex
    Job.objects.create(
        key=key,
        kind=kind,
        user=actor.user,
        address=actor.address,
        at_ms=journal.now_ms(),
        request=request,
        # A queue in Redis outlives this process, one of threads does not.
        owner=owners.mine() if settings.CELERY_TASK_ALWAYS_EAGER else "",
    )
    if settings.CELERY_TASK_ALWAYS_EAGER:
        _threads.submit(_in_thread, key)
        return key
    try:
        run_job.apply_async(args=[key], retry=False)
    except Exception as error:
        log.warning("the task queue does not answer (%s); the console does the work itself", error)
        Job.objects.filter(key=key).update(owner=owners.mine())
        _threads.submit(_in_thread, key)
    return key


def under_way(kind: str, **request: str) -> str:
    """The key of a job that does this already, or ""."""
    wanted = {f"request__{name}": value for name, value in request.items()}
    job = Job.objects.filter(kind=kind, state__in=UNDER_WAY, **wanted).first()
    return job.key if job is not None else ""


def _in_thread(key: str) -> None:
    from webui.tasks import run_job

    try:
        run_job(key)
    finally:
        connection.close()


def claim(key: str) -> Job | None:
    """The job, for the first who wants to do it: a message that Redis delivers twice is done once."""
    waiting = Job.objects.filter(key=key, state=Job.State.QUEUED)
    taken = waiting.update(state=Job.State.RUNNING, owner=owners.mine())
    if not taken:
        return None
    relay.publish(key)
    return Job.objects.get(key=key)


def report(job: Job, step: str, *, done: int | None = None, total: int | None = None, **fields: Any) -> None:
    """One more line of progress."""
    job.steps.append({"code": step, "fields": {name: str(value) for name, value in fields.items()}})
    if done is not None:
        job.result["done"] = done
    if total is not None:
        job.result["total"] = total
    job.save(update_fields=["steps", "result"])
    relay.publish(job.key)


def finish(job: Job, ok: bool, **result: Any) -> None:
    job.state = Job.State.DONE if ok else Job.State.FAILED
    job.result = {**job.result, **result}
    job.save(update_fields=["state", "result"])
    relay.publish(job.key)


def end_orphans() -> list[Job]:
    """End each job whose process has ended, and say what that means; gives those that this call has ended."""
    ended = []
    # One that waits in a queue has no owner yet; one that runs has one, unless a console without owners began it.
    for job in Job.objects.filter(state__in=UNDER_WAY).exclude(state=Job.State.QUEUED, owner=""):
        if job.owner and owners.is_alive(job.owner):
            continue
        # Only one of several consoles tells it, and a job that ended by itself meanwhile stays as it is.
        mine = Job.objects.filter(key=job.key, state__in=UNDER_WAY).update(state=Job.State.FAILED)
        if mine:
            job.refresh_from_db()
            report(job, _how_it_was_left(job))
            finish(job, False, code="job.process-ended")
            ended.append(job)
    return ended


def _how_it_was_left(job: Job) -> str:
    if job.kind != "apply":
        return f"ended-{job.kind}"
    steps = {step["code"] for step in job.steps}
    if "accepted" in steps:
        return "ended-kept" if Revision.objects.filter(key=job.key).exists() else "ended-accepted"
    return "ended-sending" if "sending" in steps else "ended-before"


def lines(job: Job) -> list[str]:
    return [_line(step["code"], step["fields"]) for step in job.steps]


def _line(step: str, fields: dict[str, str]) -> str:
    if step == "refused":
        fields = {"reason": sentence(fields.get("code", ""), fields)}
    return _(LINES[step]) % fields


def payload_of(key: str, language: str) -> JobProgress | None:
    job = Job.objects.filter(key=key).first()
    if job is None:
        return None
    with translation.override(language):
        return JobProgress(
            type="job",
            key=key,
            state=job.state,
            done=int(job.result.get("done", 0)),
            total=int(job.result.get("total", 4)),
            lines=lines(job),
            result={name: str(value) for name, value in job.result.items() if name not in ("done", "total")},
        )
