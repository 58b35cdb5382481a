"""Long work, as Celery tasks: check a sheet, apply it, fence a node.

Reads a `Job`; asks the agent and follows the transition; writes the job's progress. The same functions run in a Celery
worker (with Redis) and in a thread of the console (without).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from celery import shared_task

from hacluster.protocol import messages
from hacluster.protocol.client import AgentUnreachable, AsyncClient
from hacluster.protocol.messages import CibChanged, Done, FenceNode, Refused, TransitionProgress
from webui import agent, commands, jobs, journal
from webui.feed import feed
from webui.models import Job, Revision

SETTLE_S = 180
QUIET_S = 3.0
IMPORT_STEPS = ("opening", "converting", "validating", "comparing", "simulating")


@shared_task(name="webui.run_job")
def run_job(key: str) -> None:
    job = jobs.claim(key)
    if job is None:
        return
    # Whether it was a worker or (without Redis, or when Redis does not answer) the console itself.
    job.result["by"] = "worker" if feed.loop is None else "console"
    try:
        _WORK[job.kind](job)
    except Exception as error:
        jobs.report(job, "failed", reason=f"{type(error).__name__}: {error}")
        jobs.finish(job, False)
        raise


def _fence(job: Job) -> None:
    node = job.request["node"]
    jobs.report(job, "fencing", node=node, done=1, total=2)
    order = FenceNode(node=node, client=commands.CLIENT, user=job.user)
    reply = agent.ask(order, timeout_s=commands.FENCE_TIMEOUT_S)
    if isinstance(reply, Done):
        jobs.report(job, "fenced", node=node, done=2)
    else:
        refusal = _refusal_of(reply)
        jobs.report(job, "refused", code=refusal.code, **refusal.fields)
    commands.audit(
        commands.Actor(job.user, job.address),
        "fence.finished",
        target=node,
        result="done" if isinstance(reply, Done) else "failed",
    )
    jobs.finish(job, isinstance(reply, Done))


def _apply(job: Job) -> None:
    """Hand a sheet's configuration to the cluster and follow it until the cluster has come to rest."""
    from webui import imports, restoring, results

    actor = commands.Actor(job.user, job.address)
    jobs.report(job, "reading", done=0, total=4)
    wanted = job.request
    if "upload" in wanted:
        proposal = results.result_of(wanted["upload"], wanted["sheet"]).outcome
    else:
        proposal = restoring.proposal_of(wanted["restore"])
    if isinstance(proposal, commands.Outcome):
        _refuse(job, actor, proposal)
        return
    if str(_configuration_version(proposal.base.version)) != job.request["based_on"]:
        _refuse(job, actor, commands.Outcome(False, "cib.version"))
        return
    if proposal.preview.digest != job.request["digest"]:
        _refuse(job, actor, commands.Outcome(False, "action.state-moved"))
        return
    if proposal.checked.refusing:
        _refuse(job, actor, imports.not_usable(proposal.checked.refusing))
        return
    jobs.report(job, "simulated", n=len(proposal.preview.changes), done=1)
    jobs.report(job, "sending", version=proposal.base.version, done=2)
    reply = agent.ask(commands.configuration_change(proposal.changed, actor))
    if not isinstance(reply, CibChanged):
        _refuse(job, actor, _refusal_of(reply))
        return
    jobs.report(job, "accepted", version=reply.version, done=3)
    revision = _keep(job, proposal, str(reply.version))
    settled = _settle(lambda progress: _show(job, progress))
    jobs.report(job, "settled" if settled else "not-settled", s=SETTLE_S)
    jobs.report(job, "revision", number=revision, done=4, total=4)
    commands.audit(
        actor,
        "sheet.applied",
        target=proposal.name,
        result="done",
        detail={"version": str(reply.version), "revision": str(revision)},
        preview=list(proposal.preview.changes),
        reason=job.request.get("reason", ""),
    )
    jobs.finish(job, True, revision=revision, version=str(reply.version))


def _import(job: Job) -> None:
    """Check an uploaded sheet. What is wrong inside of it is a result, which the sheet's page shows."""
    from webui import imports, results

    def tell(step: str) -> None:
        jobs.report(job, step, done=IMPORT_STEPS.index(step), total=len(IMPORT_STEPS), name=job.request["name"])

    result = results.result_of(job.request["upload"], job.request["sheet"], tell)
    found, proposal = result.reading.text.problems, result.outcome
    if isinstance(proposal, commands.Outcome) and proposal.code not in imports.SHEETS_OWN:
        _fail(job, proposal)
        return
    if isinstance(proposal, imports.Proposal):
        found = (*found, *proposal.checked.problems)
    counted = Counter(problem.severity.value for problem in found)
    jobs.report(job, "checked", done=len(IMPORT_STEPS), errors=counted["error"], warnings=counted["warning"])
    if isinstance(proposal, imports.Proposal):
        jobs.report(job, "simulated", n=len(proposal.preview.changes))
    jobs.finish(job, True)


def _configuration_version(version: messages.CibVersion) -> str:
    return f"{version.admin_epoch}.{version.epoch}"


def _refusal_of(reply: messages.Reply) -> commands.Outcome:
    if isinstance(reply, Refused):
        return commands.Outcome.of(reply)
    return commands.Outcome(False, "agent.answer", {"reason": type(reply).__name__})


def _fail(job: Job, refusal: commands.Outcome) -> None:
    jobs.report(job, "refused", code=refusal.code, **refusal.fields)
    jobs.finish(job, False, code=refusal.code, reason=refusal.fields.get("reason", refusal.code))


def _refuse(job: Job, actor: commands.Actor, refusal: commands.Outcome) -> None:
    detail = {"outcome": refusal.code, **refusal.fields}
    commands.audit(actor, "sheet.applied", target=_wanted(job), result="refused", detail=detail)
    _fail(job, refusal)


def _wanted(job: Job) -> str:
    return str(job.request.get("upload") or job.request.get("restore", ""))


def _keep(job: Job, proposal: object, version: str) -> int:
    from webui.imports import Proposal

    assert isinstance(proposal, Proposal)
    commands.keep_revision(
        {
            "key": job.key,
            "at_ms": journal.now_ms(),
            "user": job.user,
            "node": job.request.get("node", ""),
            "source": proposal.name,
            "upload_key": job.request.get("upload", ""),
            "reason": job.request.get("reason", ""),
            "version_before": str(proposal.base.version),
            "version_after": version,
            "crm_text": proposal.crm_text,
            "xml": proposal.xml,
            "summary": list(proposal.preview.changes),
        }
    )
    return Revision.objects.get(key=job.key).number


def _show(job: Job, progress: TransitionProgress) -> None:
    line = {"code": "transition", "fields": {"done": str(progress.done), "total": str(progress.total)}}
    if job.steps and job.steps[-1]["code"] == "transition":
        job.steps[-1] = line
    else:
        job.steps.append(line)
    job.result |= {"done": 3 + progress.done, "total": 4 + progress.total}
    job.save(update_fields=["steps", "result"])
    jobs.relay.publish(job.key)


def _settle(show: Callable[[TransitionProgress], None]) -> bool:
    """Follow the agent until the controller is idle again; False when that takes too long."""
    shown: list[TransitionProgress] = []

    async def follow() -> bool:
        quiet_since = time.monotonic()
        async for update in AsyncClient().subscribe(messages.Subscribe(cib=False, events=False)):
            match update:
                case TransitionProgress():
                    shown.append(update)
                    await asyncio.to_thread(show, update)
                    quiet_since = time.monotonic()
                    if update.state == "done":
                        return True
                case messages.Beat() if time.monotonic() - quiet_since > QUIET_S and not _busy(shown):
                    return True
                case _:
                    pass
        return False

    try:
        return asyncio.run(asyncio.wait_for(follow(), SETTLE_S))
    except (TimeoutError, AgentUnreachable):
        return False


def _busy(shown: list[TransitionProgress]) -> bool:
    """A cluster that says nothing for that long and has no transition under way is at rest."""
    return bool(shown) and shown[-1].state in ("running", "waiting")


_WORK = {"import": _import, "apply": _apply, "fence": _fence}
