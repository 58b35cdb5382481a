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

from webui import journal, relay
from webui.models import Job
from webui.payloads import JobProgress
from webui.sentences import sentence

if TYPE_CHECKING:
    from webui.commands import Actor

log = logging.getLogger("hacluster.console.jobs")

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="job")

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
    "revision": noop("Kept as revision %(number)s"),
}


def start(kind: str, actor: Actor, request: dict[str, Any], key: str = "") -> str:
    """Queue the work in Redis; where there is none, or when it does not answer, in a thread of this process."""
    from webui.tasks import run_job

    key = key or uuid.uuid4().hex
    Job.objects.create(
        key=key, kind=kind, user=actor.user, address=actor.address, at_ms=journal.now_ms(), request=request
    )
    if settings.CELERY_TASK_ALWAYS_EAGER:
        _threads.submit(_in_thread, key)
        return key
    try:
        run_job.apply_async(args=[key], retry=False)
    except Exception as error:
        log.warning("the task queue does not answer (%s); the console does the work itself", error)
        _threads.submit(_in_thread, key)
    return key


def _in_thread(key: str) -> None:
    from webui.tasks import run_job

    try:
        run_job(key)
    finally:
        connection.close()


def claim(key: str) -> Job | None:
    """The job, for the first who wants to do it: a message that Redis delivers twice is done once."""
    taken = Job.objects.filter(key=key, state=Job.State.QUEUED).update(state=Job.State.RUNNING)
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
