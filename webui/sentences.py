"""The sentence of each outcome's code and of each deed of the audit trail, in the language of the reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

OUTCOMES = {
    "action.done": noop("Done: %(target)s."),
    "action.started": noop("Started: %(target)s."),
    "action.unknown-action": noop("There is no action %(action)s."),
    "action.unknown-resource": noop("There is no resource %(target)s."),
    "action.unknown-node": noop("There is no node %(target)s."),
    "action.no-target": noop("Choose the node to move to."),
    "action.target-cannot-host": noop("%(node)s can run nothing now; choose another node."),
    "action.no-placement": noop("There is no temporary placement of %(target)s."),
    "action.already-so": noop("%(target)s is so already."),
    "action.node-is-heard": noop("Refused: %(node)s still hears %(target)s, so it is not off."),
    "action.state-moved": noop(
        "The cluster has changed since this preview. Nothing was done; look at the new preview."
    ),
    "action.not-typed": noop("Type the name %(target)s exactly and give a reason."),
    "action.no-key": noop("The request has no idempotency key."),
    "action.under-way": noop("The same action is under way already."),
    "agent.unreachable": noop("The agent of this node does not answer: %(reason)s"),
    "agent.no-dc": noop("The cluster has no DC at the moment; try again when one is elected."),
    "cib.version": noop("Somebody else changed the configuration meanwhile; nothing was changed."),
    "fence.node-is-heard": noop("Refused: the node is still heard. %(reason)s"),
    "fence.failed": noop("Fencing failed: %(reason)s"),
    "node.is-heard": noop("Refused: the node is still there. %(reason)s"),
    "node.unknown": noop("There is no such node: %(reason)s"),
    "resource.unknown": noop("There is no such resource: %(reason)s"),
    "access": noop("The agent does not let this console do that: %(reason)s"),
    "storage.failed": noop("A node could not write it to its disk; nothing is certain. %(reason)s"),
    "cib.no-such-version": noop("This node keeps no such version: %(reason)s"),
    "job.unknown": noop("There is no such job."),
    "user.saved": noop("User %(name)s is saved."),
    "user.removed": noop("User %(name)s is removed."),
    "user.incomplete": noop("Give a name and a role."),
    "user.no-password": noop("A new user needs a password."),
    "user.weak-password": noop("The password needs ten characters and must not be a common one."),
    "user.last-admin": noop("The last administrator stays one."),
    "sheet.too-large": noop("The file is larger than the %(limit)s MB a sheet may have."),
    "sheet.empty": noop("Choose a file."),
    "sheet.bad-name": noop("The file is neither xlsx, xls, ods nor csv."),
    "sheet.not-readable": noop("The file can't be read. %(reason)s"),
    "sheet.has-problems": noop("The sheet has problems; nothing was changed."),
    "sheet.not-usable": noop("The configuration can't be applied: %(reason)s"),
    "revision.unknown": noop("There is no such revision."),
    "sheet.not-confirmed": noop("Type the name of the cluster exactly and give a reason."),
}


DEEDS = {
    "action.cleanup": noop("Forget failures"),
    "action.refresh": noop("Re-detect everything"),
    "action.move": noop("Move"),
    "action.unmove": noop("End temporary placement"),
    "action.start": noop("Start"),
    "action.stop": noop("Stop"),
    "action.standby": noop("Standby"),
    "action.online": noop("Back online"),
    "action.maintenance": noop("Maintenance on"),
    "action.ready": noop("Maintenance off"),
    "action.fence": noop("Fence"),
    "action.fence-confirm": noop("Confirm that it is off"),
    "alert.acknowledged": noop("Problem acknowledged"),
    "alert.withdrawn": noop("Acknowledgement withdrawn"),
    "fence.finished": noop("Fencing finished"),
    "placement.ended": noop("Temporary placement ended"),
    "session.locked": noop("Account locked"),
    "session.login": noop("Logged in"),
    "session.logout": noop("Logged out"),
    "sheet.applied": noop("Configuration applied"),
    "sheet.uploaded": noop("Sheet uploaded"),
    "token.made": noop("API token made"),
    "user.first-admin": noop("First administrator made"),
    "user.removed": noop("User removed"),
    "user.saved": noop("User saved"),
}

RESULTS = {"done": noop("done"), "refused": noop("refused"), "failed": noop("failed")}


def sentence(code: str, fields: Mapping[str, str]) -> str:
    """An unknown code (the agent's own) is told by its reason; `reason_ja` is the reason in Japanese, if it has one."""
    if (get_language() or "").startswith("ja") and fields.get("reason_ja"):
        fields = {**fields, "reason": fields["reason_ja"]}
    if code in OUTCOMES:
        return _(OUTCOMES[code]) % defaultdict(str, fields)
    return fields.get("reason") or code


def deed(action: str) -> str:
    return _(DEEDS[action]) if action in DEEDS else action


def result(word: str) -> str:
    return _(RESULTS[word]) if word in RESULTS else word
