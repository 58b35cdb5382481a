"""What the scheduler wants to change, in the reader's language.

Reads lines of crm_simulate (`Move prmPg (Started pm01 -> pm02) due to failure`) and steps of a preview
(`start prmPg @pm02`); gives sentences. A line of another form is given back as it is.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

_LINE = re.compile(r"(?P<word>[A-Z][a-z]+) (?P<resource>\S+)(?: \((?P<inner>[^)]*)\))?(?: due to (?P<reason>.+))?")
_STEP = re.compile(r"(?P<kind>[a-z_]+)(?: (?P<resource>[^@ ]\S*))? @(?P<node>\S+)")

CHANGES = {
    "Start": noop("Start %(resource)s: %(where)s"),
    "Stop": noop("Stop %(resource)s: %(where)s"),
    "Move": noop("Move %(resource)s: %(where)s"),
    "Recover": noop("Recover %(resource)s: %(where)s"),
    "Restart": noop("Restart %(resource)s: %(where)s"),
    "Promote": noop("Promote %(resource)s: %(where)s"),
    "Demote": noop("Demote %(resource)s: %(where)s"),
    "Migrate": noop("Migrate %(resource)s without a stop: %(where)s"),
    "Reload": noop("Reload %(resource)s: %(where)s"),
    "Fence": noop("Fence %(resource)s (%(where)s)"),
    "Shutdown": noop("Take %(resource)s out of the cluster"),
}

REASONS = {
    "failure": noop("it failed"),
    "node availability": noop("the node may run nothing"),
    "no quorum": noop("no quorum"),
    "colocation": noop("colocation"),
    "restart": noop("what it depends on restarts"),
    "resource definition change": noop("its definition changed"),
    "node has never been seen": noop("the node has never been seen"),
    "peer is unexpectedly down": noop("the node went down unexpectedly"),
    "peer is no longer part of the cluster": noop("the node is no longer part of the cluster"),
    "peer process is no longer available": noop("the agent of the node does not answer"),
    "termination was requested": noop("it was asked for"),
    "peer was in an unknown state": noop("the state of the node was unknown"),
}

STEPS = {
    "start": noop("start %(resource)s on %(node)s"),
    "stop": noop("stop %(resource)s on %(node)s"),
    "promote": noop("promote %(resource)s on %(node)s"),
    "demote": noop("demote %(resource)s on %(node)s"),
    "migrate_to": noop("send %(resource)s away from %(node)s"),
    "migrate_from": noop("receive %(resource)s on %(node)s"),
    "fence": noop("fence %(node)s"),
    "shutdown": noop("take %(node)s out of the cluster"),
}


def change_sentence(line: str) -> str:
    found = _LINE.fullmatch(line)
    if found is None or found["word"] not in CHANGES:
        return line
    where = (found["inner"] or "").removeprefix("Started ").replace("->", "→")
    sentence = _(CHANGES[found["word"]]) % {"resource": found["resource"], "where": where}
    reason = found["reason"]
    if not reason:
        return sentence
    return _("%(what)s (because: %(why)s)") % {"what": sentence, "why": _(REASONS.get(reason, reason))}


def step_sentence(step: str) -> str:
    found = _STEP.fullmatch(step)
    if found is None or found["kind"] not in STEPS:
        return step
    return _(STEPS[found["kind"]]) % {"resource": found["resource"] or "", "node": found["node"]}
