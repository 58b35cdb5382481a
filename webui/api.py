"""The REST interface /api/v1/: everything a button does, for scripts. OpenAPI at /api/v1/openapi.json.

Who asks comes by a session (with the CSRF token, as the browser does) or by `Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from ninja import File, NinjaAPI, Schema, Status
from ninja.errors import HttpError
from ninja.files import UploadedFile
from ninja.security import HttpBearer, SessionAuth

from hacluster.protocol import events as catalogue
from hacluster.protocol.messages import Events, EventsQuery, Refused
from webui import agent, commands, jobs, roles
from webui.actions import Wish
from webui.commands import Actor, Outcome
from webui.feed import feed
from webui.models import AuditEntry, Revision, Token
from webui.roles import Right
from webui.sentences import sentence
from webui.wording import ACTION_WORDS


class BearerToken(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> Any:
        known = Token.objects.filter(digest=commands.token_digest(token)).first()
        user = get_user_model().objects.filter(username=known.user, is_active=True).first() if known else None
        if user is not None:
            request.user = user
        return user


api = NinjaAPI(
    title="hacluster console",
    version="1",
    auth=[BearerToken(), SessionAuth(csrf=True)],
    docs_url=None,
    urls_namespace="api",
)


class ActionWish(Schema):
    action: str
    target: str
    node: str = ""


class ActionOrder(ActionWish):
    digest: str
    """From the preview: these consequences are confirmed."""
    key: str
    """Idempotency key of the caller's choice."""
    typed: str = ""
    reason: str = ""


class ApplyOrder(Schema):
    sheet: str = ""
    based_on: str
    digest: str
    key: str
    typed: str = ""
    reason: str = ""


class Acknowledgement(Schema):
    problem: str
    withdraw: bool = False


class UserOrder(Schema):
    name: str
    role: str
    password: str = ""
    is_active: bool = True


class TokenOrder(Schema):
    name: str


def _needs(request: HttpRequest, right: Right) -> None:
    if not roles.may(request.user, right):
        raise HttpError(403, roles.refusal(request.user, right))


def _told(request: HttpRequest, outcome: Outcome) -> dict[str, Any]:
    told = {**outcome.as_payload(), "sentence": sentence(outcome.code, outcome.fields)}
    if outcome.preview is not None:
        told["preview"] = outcome.preview.as_payload()
    return told


@api.get("/status", summary="The state of the cluster as this console sees it")
def status(request: HttpRequest) -> dict[str, Any]:
    _needs(request, Right.SEE)
    view = feed.current()
    picture = view.picture
    return {
        "live": view.live,
        "seen_from": picture.node,
        "dc": picture.dc,
        "cluster": picture.cluster,
        "cib_version": picture.version,
        "has_quorum": picture.has_quorum,
        "nodes": {
            each.name: {"state": each.state, "attributes": dict(each.attributes)} for each in picture.nodes.values()
        },
        "resources": {
            each.id: {
                "kind": each.kind,
                "parent": each.parent,
                "nodes": {
                    node: {
                        "state": picture.cells[each.id, node].state,
                        "failcount": picture.cells[each.id, node].failcount,
                    }
                    for node in picture.nodes
                    if (each.id, node) in picture.cells
                },
            }
            for each in picture.resources.values()
        },
        "problems": [
            {"key": each.key, "code": each.code, "severity": each.severity, "subject": each.subject, "node": each.node}
            for each in picture.problems
        ],
    }


@api.get("/live", summary="The page's entities, for a browser without websocket")
def live(request: HttpRequest, lang: str = "en") -> dict[str, Any]:
    _needs(request, Right.SEE)
    view = feed.current()
    language = "ja" if lang == "ja" else "en"
    return {
        "type": "snapshot",
        "seq": view.seq,
        "structure": view.structure,
        "agent": view.live,
        "entities": feed.entities(language, view),
    }


@api.get("/events", summary="The newest events, oldest first")
def events(request: HttpRequest, limit: int = 200, lang: str = "en") -> list[dict[str, Any]]:
    _needs(request, Right.SEE)
    reply = agent.ask(EventsQuery(limit=min(limit, 5000)), timeout_s=5)
    found = reply.events if isinstance(reply, Events) else feed.current().events
    return [
        {
            "node": each.node,
            "seq": each.seq,
            "at_ms": each.at_ms,
            "code": each.code,
            "fields": each.fields,
            "priority": catalogue.priority(each).value,
            "sentence": catalogue.sentence(each, "ja" if lang == "ja" else "en"),
        }
        for each in found
    ]


@api.post("/actions/preview", summary="What an action would do")
def preview(request: HttpRequest, wish: ActionWish) -> dict[str, Any]:
    wanted = Wish(wish.action, wish.target, wish.node)
    _needs(request, commands.right_for(wanted))
    prepared = commands.prepare(wanted)
    if isinstance(prepared, Outcome):
        return _told(request, prepared)
    return {
        "ok": True,
        "tier": int(prepared.tier),
        "cli": prepared.order.cli,
        "preview": prepared.preview.as_payload(),
        "actions": list(ACTION_WORDS),
    }


@api.post("/actions", response={200: dict, 409: dict}, summary="Carry out an action whose preview was seen")
def act(request: HttpRequest, order: ActionOrder) -> Status[dict[str, Any]]:
    wish = Wish(order.action, order.target, order.node)
    _needs(request, commands.right_for(wish))
    outcome = commands.act(
        request.user,
        Actor.of(request),
        wish,
        digest=order.digest,
        key=order.key,
        typed=order.typed,
        reason=order.reason,
    )
    return Status(200 if outcome.ok else 409, _told(request, outcome))


@api.post("/sheets", response={200: dict, 422: dict}, summary="Upload a sheet (multipart field `file`)")
def upload(request: HttpRequest, file: File[UploadedFile]) -> Status[dict[str, Any]]:
    from webui import imports, results

    _needs(request, Right.CONFIGURE)
    kept = imports.keep(request.user, Actor.of(request), file.name or "", file.size or 0, file.read)
    if isinstance(kept, Outcome):
        return Status(422, _told(request, kept))
    return Status(200, results.payload_of(kept, "", "en"))


@api.get("/sheets/{key}", summary="A sheet's problems, difference and simulated transition")
def sheet(request: HttpRequest, key: str, sheet: str = "", lang: str = "en") -> dict[str, Any]:
    from webui import results

    _needs(request, Right.CONFIGURE)
    return results.payload_of(key, sheet, "ja" if lang == "ja" else "en")


@api.post("/sheets/{key}/apply", response={200: dict, 409: dict}, summary="Apply a sheet whose preview was seen")
def apply(request: HttpRequest, key: str, order: ApplyOrder) -> Status[dict[str, Any]]:
    from webui import results
    from webui.imports import Order

    _needs(request, Right.CONFIGURE)
    seen = Order(order.based_on, order.digest, order.key, order.typed, order.reason)
    outcome = results.apply(request.user, Actor.of(request), key, order.sheet, seen)
    return Status(200 if outcome.ok else 409, _told(request, outcome))


@api.get("/configuration/problems", summary="What is wrong with the running configuration")
def configuration_problems(request: HttpRequest, lang: str = "en") -> list[dict[str, str]]:
    from webui import checks, imports

    _needs(request, Right.SEE)
    cib = agent.current_cib()
    if isinstance(cib, Refused):
        raise HttpError(503, sentence(cib.code, Outcome.of(cib).fields))
    return [imports.problem_payload(each, "ja" if lang == "ja" else "en") for each in checks.running_problems(cib)]


@api.get("/jobs/{key}", summary="How far long work is")
def job(request: HttpRequest, key: str, lang: str = "en") -> dict[str, Any]:
    _needs(request, Right.SEE)
    payload = jobs.payload_of(key, "ja" if lang == "ja" else "en")
    if payload is None:
        raise HttpError(404, sentence("job.unknown", {}))
    return dict(payload)


@api.get("/revisions", summary="The configurations applied through the console, newest first")
def revisions(request: HttpRequest) -> list[dict[str, Any]]:
    _needs(request, Right.SEE)
    return [
        {
            "key": each.key,
            "at_ms": each.at_ms,
            "user": each.user,
            "source": each.source,
            "version": each.version_after,
            "reason": each.reason,
            "changes": each.summary,
        }
        for each in Revision.objects.all()
    ]


@api.get("/audit", summary="The audit trail, newest first")
def audit_trail(request: HttpRequest, limit: int = 200) -> list[dict[str, Any]]:
    _needs(request, Right.SEE)
    names = ("at_ms", "node", "user", "address", "action", "target", "detail", "preview", "result", "reason")
    return list(AuditEntry.objects.values(*names)[: min(limit, 5000)])


@api.post("/problems/acknowledge", summary="Say that somebody has seen a problem")
def acknowledge(request: HttpRequest, order: Acknowledgement) -> dict[str, Any]:
    _needs(request, Right.OPERATE)
    commands.acknowledge(request.user, Actor.of(request), order.problem, withdraw=order.withdraw)
    return {"ok": True}


@api.post("/users", response={200: dict, 422: dict}, summary="Make or change a user")
def save_user(request: HttpRequest, order: UserOrder) -> Status[dict[str, Any]]:
    _needs(request, Right.ADMINISTER)
    outcome = commands.save_user(
        request.user, Actor.of(request), order.name, order.role, order.password, is_active=order.is_active
    )
    return Status(200 if outcome.ok else 422, _told(request, outcome))


@api.delete("/users/{name}", response={200: dict, 422: dict}, summary="Remove a user")
def remove_user(request: HttpRequest, name: str) -> Status[dict[str, Any]]:
    _needs(request, Right.ADMINISTER)
    outcome = commands.remove_user(request.user, Actor.of(request), name)
    return Status(200 if outcome.ok else 422, _told(request, outcome))


@api.post("/tokens", summary="Make an API token with your own rights; it is shown once")
def make_token(request: HttpRequest, order: TokenOrder) -> dict[str, str]:
    _needs(request, Right.SEE)
    return {"token": commands.make_token(request.user, Actor.of(request), order.name)}
