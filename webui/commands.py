"""The only writer: everything a user can change goes through a function of this module.

Reads who asks and what; asks the agent, writes the journal (users, audit trail, sheets, marks), gives an `Outcome`.
Rights are checked here again, whoever calls: a page, the API, a task.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from hacluster.cib.codec import to_xml
from hacluster.cib.model import Cib
from hacluster.protocol.messages import (
    CibChange,
    CibChanged,
    CibOperationKind,
    Cleaned,
    Done,
    FenceConfirm,
    Message,
    Refused,
    Reply,
    ResourceCleanup,
)
from webui import agent, journal, roles
from webui.actions import Order, Refusal, Tier, Wish, order_of
from webui.feed import feed
from webui.models import Job, Once, Placement
from webui.painter import picture_of
from webui.picture import Picture
from webui.previews import Preview, preview_of
from webui.roles import Right

PLACEMENT_LIFETIME_MS = 8 * 3600 * 1000
FENCE_TIMEOUT_S = 600.0
CLIENT = "hacluster-console"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it, and from where."""

    user: str
    address: str = ""

    @classmethod
    def of(cls, request: HttpRequest | None, user: Any = None) -> Actor:
        user = user if user is not None else getattr(request, "user", None)
        address = request.META.get("REMOTE_ADDR", "") if request is not None else ""
        return cls(user.get_username() if user is not None else "", address)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is stable; the fields go into its sentence."""

    ok: bool
    code: str
    fields: dict[str, str] = field(default_factory=dict)
    preview: Preview | None = None
    job: str = ""

    @classmethod
    def of(cls, refusal: Refused) -> Outcome:
        """What the agent refused; its reason in both languages, where it has both."""
        reasons = {"reason": refusal.reason, "reason_ja": refusal.reason_ja}
        return cls(False, refusal.code, {name: text for name, text in reasons.items() if text})

    def as_payload(self) -> dict[str, Any]:
        return {"ok": self.ok, "code": self.code, "fields": self.fields, "job": self.job}


# ---------------------------------------------------------------- the audit trail


def audit(
    actor: Actor,
    action: str,
    *,
    target: str = "",
    result: str,
    detail: dict[str, str] | None = None,
    preview: list[str] | None = None,
    reason: str = "",
) -> None:
    journal.append(
        "audit",
        {
            "key": uuid.uuid4().hex,
            "at_ms": journal.now_ms(),
            "node": feed.view.picture.node,
            "user": actor.user,
            "address": actor.address,
            "action": action,
            "target": target,
            "detail": detail or {},
            "preview": preview or [],
            "result": result,
            "reason": reason,
        },
    )


def audit_orphan(job: Job) -> None:
    """Nobody is left to say how this work ended; the trail says so."""
    action = {"apply": "sheet.applied", "fence": "fence.finished"}.get(job.kind)
    if action is not None:
        target = str(job.request.get("node" if job.kind == "fence" else "upload") or job.request.get("restore", ""))
        detail = {"outcome": "job.process-ended", "left": job.steps[-1]["code"]}
        audit(Actor(job.user, job.address), action, target=target, result="failed", detail=detail)


# ---------------------------------------------------------------- actions with a preview


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order with its consequences, ready to be shown or carried out."""

    order: Order
    preview: Preview
    picture: Picture

    @property
    def tier(self) -> Tier:
        """An action that stops something is asked about more seriously than its verb demands."""
        if self.order.tier is Tier.PREVIEW and (self.preview.interrupted or self.preview.lost):
            return Tier.DIALOG
        return self.order.tier


def prepare(wish: Wish) -> Prepared | Outcome:
    """What would happen, on the CIB as the agent has it now."""
    cib = agent.current_cib()
    info = agent.current_info()
    if isinstance(cib, Refused):
        return Outcome.of(cib)
    if isinstance(info, Refused):
        return Outcome.of(info)
    picture = picture_of(cib, info)
    order = order_of(wish, cib, picture)
    if isinstance(order, Refusal):
        return Outcome(False, f"action.{order.code}", dict(order.fields))
    return Prepared(order, preview_of(cib, order.changed), picture)


def right_for(wish: Wish) -> Right:
    return Right.FENCE if wish.action in ("fence", "fence-confirm") else Right.OPERATE


def act(user: Any, actor: Actor, wish: Wish, *, digest: str, key: str, typed: str = "", reason: str = "") -> Outcome:
    """Carry out a confirmed action, once for each key, if its consequences are still those that were confirmed."""
    roles.require(user, right_for(wish))
    earlier = _claim(key, actor)
    if earlier is not None:
        return earlier
    outcome = _act(actor, wish, digest, typed, reason)
    if not outcome.ok and outcome.preview is not None:
        # Nothing was done: the same key may confirm the fresh preview.
        Once.objects.filter(key=key).delete()
    else:
        Once.objects.filter(key=key).update(answer=outcome.as_payload())
    return outcome


def _claim(key: str, actor: Actor) -> Outcome | None:
    """None for the first who comes with this key; the first one's answer for all others."""
    if not key:
        return Outcome(False, "action.no-key")
    try:
        with transaction.atomic():
            Once.objects.create(key=key[:64], user=actor.user, at_ms=journal.now_ms())
        return None
    except IntegrityError:
        answer = Once.objects.get(key=key[:64]).answer
        if answer is None:
            return Outcome(False, "action.under-way")
        return Outcome(answer["ok"], answer["code"], answer["fields"], job=answer.get("job", ""))


def _act(actor: Actor, wish: Wish, digest: str, typed: str, reason: str) -> Outcome:
    prepared = prepare(wish)
    if isinstance(prepared, Outcome):
        _audit_action(actor, wish, prepared, None, reason)
        return prepared
    if prepared.preview.digest != digest:
        outcome = Outcome(False, "action.state-moved", preview=prepared.preview)
    elif prepared.tier is Tier.TYPED and (typed != wish.target or not reason.strip()):
        outcome = Outcome(False, "action.not-typed", {"target": wish.target}, prepared.preview)
    elif wish.action == "fence":
        from webui import jobs

        job = jobs.start("fence", actor, {"node": wish.target, "reason": reason})
        outcome = Outcome(True, "action.started", {"target": wish.target}, job=job)
    else:
        outcome = _tell_agent(actor, prepared, reason)
    _audit_action(actor, wish, outcome, prepared.preview, reason)
    return outcome


def _tell_agent(actor: Actor, prepared: Prepared, reason: str) -> Outcome:
    order = prepared.order
    outcome = _outcome_of(agent.ask(_message(order, actor, reason)), order.wish)
    if outcome.ok and order.constraint:
        _remember_placement(actor, order)
    if outcome.ok and order.wish.action == "unmove":
        forget_placements(order.wish.target)
    return outcome


def _message(order: Order, actor: Actor, reason: str) -> Message:
    wish = order.wish
    if order.configuration:
        return configuration_change(order.changed, actor)
    match wish.action:
        case "cleanup" | "refresh":
            return ResourceCleanup(
                resource=wish.target, node=wish.node, only_failures=wish.action == "cleanup", user=actor.user
            )
        case _:
            return FenceConfirm(node=wish.target, user=actor.user, reason=reason)


def configuration_change(changed: Cib, actor: Actor) -> CibChange:
    """The whole configuration, refused by the agent if somebody changed it since it was read."""
    return CibChange(
        kind=CibOperationKind.REPLACE,
        section="configuration",
        xml=to_xml(changed.configuration),
        based_on=changed.version,
        client=CLIENT,
        user=actor.user,
    )


def _outcome_of(reply: Reply, wish: Wish) -> Outcome:
    match reply:
        case CibChanged() | Cleaned() | Done():
            return Outcome(True, "action.done", {"target": wish.target})
        case Refused():
            return Outcome.of(reply)
        case _:
            return Outcome(False, "agent.answer", {"reason": type(reply).__name__})


def _audit_action(actor: Actor, wish: Wish, outcome: Outcome, preview: Preview | None, reason: str) -> None:
    audit(
        actor,
        f"action.{wish.action}",
        target=wish.target,
        result="done" if outcome.ok else "refused",
        detail={
            "node": wish.node,
            "outcome": outcome.code,
            "version": preview.version if preview else "",
            **outcome.fields,
        },
        preview=list(preview.changes) if preview else [],
        reason=reason,
    )


# ---------------------------------------------------------------- temporary placements


def _remember_placement(actor: Actor, order: Order) -> None:
    now = journal.now_ms()
    journal.append(
        "placement",
        {
            "constraint": order.constraint,
            "resource": order.wish.target,
            "node": order.wish.node,
            "user": actor.user,
            "at_ms": now,
            "expires_at_ms": now + PLACEMENT_LIFETIME_MS,
        },
    )


def forget_placements(resource: str) -> None:
    for placement in Placement.objects.filter(resource=resource):
        journal.append("placement", {"constraint": placement.constraint, "ended": True})


def end_placements(cib: Cib, picture: Picture) -> list[str]:
    """End what has arrived or expired; one console does it, that of the DC. Gives the resources it let go."""
    ended = []
    for placement in Placement.objects.all():
        if placement.resource not in picture.resources or not _is_over(placement, picture):
            continue
        order = order_of(Wish("unmove", placement.resource), cib, picture)
        actor = Actor(placement.user, "placement")
        if isinstance(order, Order):
            reply = agent.ask(configuration_change(order.changed, actor))
            if not isinstance(reply, CibChanged):
                continue
            audit(actor, "placement.ended", target=placement.resource, result="done")
            ended.append(placement.resource)
            cib = order.changed
        forget_placements(placement.resource)
        if isinstance(order, Order):
            break  # The version has moved on; the next look takes the next one.
    return ended


def _is_over(placement: Placement, picture: Picture) -> bool:
    if placement.expires_at_ms <= journal.now_ms():
        return True
    leaves = picture.leaves(placement.resource)
    arrived = ("running", "promoted", "alone")
    return bool(leaves) and all(
        (cell := picture.cells.get((leaf, placement.node))) is not None and cell.state in arrived for leaf in leaves
    )


# ---------------------------------------------------------------- problems somebody has seen


def acknowledge(user: Any, actor: Actor, problem: str, *, withdraw: bool = False) -> None:
    roles.require(user, Right.OPERATE)
    payload: dict[str, Any] = {"problem": problem[:255], "user": actor.user, "at_ms": journal.now_ms()}
    if withdraw:
        payload["withdrawn"] = True
    journal.append("alert", payload)
    audit(actor, "alert.withdrawn" if withdraw else "alert.acknowledged", target=problem, result="done")
    marks = feed.seen_problems - {problem} if withdraw else feed.seen_problems | {problem}
    feed.mark_seen(frozenset(marks))


# ---------------------------------------------------------------- sheets


def keep_sheet(user: Any, actor: Actor, name: str, content: bytes) -> str:
    """Keep an uploaded sheet on every node; gives its key."""
    roles.require(user, Right.CONFIGURE)
    key = uuid.uuid4().hex
    journal.append(
        "sheet",
        {
            "key": key,
            "at_ms": journal.now_ms(),
            "user": actor.user,
            "name": name[:255],
            "sheet": "",
            "content": base64.b64encode(content).decode(),
        },
    )
    audit(
        actor,
        "sheet.uploaded",
        target=name[:255],
        result="done",
        detail={"sha256": hashlib.sha256(content).hexdigest()},
    )
    return key


def keep_revision(payload: dict[str, Any]) -> None:
    journal.append("revision", payload)


# ---------------------------------------------------------------- users


def save_user(user: Any, actor: Actor, name: str, role: str, password: str = "", *, is_active: bool = True) -> Outcome:
    """Make or change a user. The last administrator stays one."""
    roles.require(user, Right.ADMINISTER)
    if role not in roles.ROLE_NAMES or not name.strip():
        return Outcome(False, "user.incomplete")
    known = get_user_model().objects.filter(username=name).first()
    if known is None and not password:
        return Outcome(False, "user.no-password")
    try:
        if password:
            validate_password(password)
    except ValidationError:
        return Outcome(False, "user.weak-password")
    if (role != "admin" or not is_active) and _is_last_admin(name):
        return Outcome(False, "user.last-admin")
    write_user(name, role, password, is_active=is_active)
    audit(actor, "user.saved", target=name, result="done", detail={"role": role})
    return Outcome(True, "user.saved", {"name": name})


def write_user(name: str, role: str, password: str = "", *, is_active: bool = True) -> None:
    hashed = make_password(password) if password else ""
    journal.append("user", {"name": name, "role": role, "password": hashed, "is_active": is_active})


def remove_user(user: Any, actor: Actor, name: str) -> Outcome:
    roles.require(user, Right.ADMINISTER)
    if _is_last_admin(name):
        return Outcome(False, "user.last-admin")
    journal.append("user", {"name": name, "removed": True})
    audit(actor, "user.removed", target=name, result="done")
    return Outcome(True, "user.removed", {"name": name})


def _is_last_admin(name: str) -> bool:
    admins = get_user_model().objects.filter(groups__name="admin", is_active=True).values_list("username", flat=True)
    return list(admins) == [name]


def make_token(user: Any, actor: Actor, name: str) -> str:
    """A token for scripts, with the rights of its user. Only its digest is kept."""
    token = secrets.token_urlsafe(32)
    payload = {"digest": token_digest(token), "user": actor.user, "name": name[:64], "at_ms": journal.now_ms()}
    journal.append("token", payload)
    audit(actor, "token.made", target=name[:64], result="done")
    return token


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
