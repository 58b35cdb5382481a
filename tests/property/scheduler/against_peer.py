"""Our decisions against those of Debian's `crm_simulate`, on random clusters.

`python -m tests.property.scheduler.against_peer FIRST COUNT` prints the seeds on which they differ without an
explanation (explanations.py), and how; then how many are explained, and by what.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hacluster.cib.codec import parse_xml, to_xml
from hacluster.cib.model import Cib, Element
from hacluster.scheduler.graph import Action, TransitionGraph
from hacluster.scheduler.schedule import schedule
from tests.property.scheduler.clusters import NOW, cluster
from tests.property.scheduler.explanations import ABORTS, explained
from tests.property.scheduler.older import older_answers

PEER = shutil.which("crm_simulate")
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def ours(graph: TransitionGraph) -> Counter[str]:
    return Counter(_said(action) for action in graph.actions if not action.pseudo)


def _said(action: Action) -> str:
    match action.kind:
        case "fence":
            return f"fence {action.node} {action.detail}"
        case "shutdown":
            return f"shutdown {action.node}"
    name = action.resource.rpartition(":")[0] or action.resource if ":" in action.resource else action.resource
    more = f" {action.interval_ms}" if action.kind in ("monitor", "cancel") else ""
    more = f" {action.detail}" if action.kind == "notify" else more
    return f"{action.kind.value} {name} {action.node}{more}"


class PeerAborted(Exception):
    """2.1.5 ended on one of its own assertions: there is nothing to compare with."""


def peers(cib: Cib, *, checks_schema: bool = True) -> Counter[str]:
    """Half of the peer's time goes into checking the document against its schema.

    Raises PeerAborted.
    """
    if not checks_schema:
        cib = Cib(cib.root.with_attributes({"validate-with": "none"}))
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        given, graph = Path(folder) / "cib.xml", Path(folder) / "graph.xml"
        given.write_text(to_xml(cib), encoding="utf-8")
        words = [PEER or "crm_simulate", "-x", str(given), "-R", "-Q", "-G", str(graph)]
        environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
        ended = subprocess.run(words, capture_output=True, check=False, timeout=60, env=environment)
        if ended.returncode == -signal.SIGABRT:
            raise PeerAborted
        ended.check_returncode()
        root = parse_xml(graph.read_bytes())
    assert isinstance(root, Element), root
    return Counter(
        word
        for synapse in root.all("synapse")
        for found in synapse.all("action_set")
        for event in found.children
        if (word := _peer_said(event))
    )


def _peer_said(event: Element) -> str:
    task, node = event.get("operation"), event.get("on_node")
    details = next(event.all("attributes"), Element("attributes"))
    if event.tag == "pseudo_event":
        return ""
    if task == "stonith":
        return f"fence {node} {details.get('CRM_meta_stonith_action')}"
    if task == "do_shutdown":
        return f"shutdown {node}"
    primitive = next(event.all("primitive"), Element("primitive"))
    name = primitive.id.rpartition(":")[0] if ":" in primitive.id else primitive.id
    if task in ("monitor", "cancel"):
        key = event.get("operation_key").rpartition("_")[2]
        interval = details.get("CRM_meta_interval", "0") if task == "monitor" else details.get("CRM_meta_interval", key)
        return f"{task} {name} {node} {interval}"
    if task == "notify":
        kind, what = details.get("CRM_meta_notify_key_type"), details.get("CRM_meta_notify_key_operation")
        return f"notify {name} {node} {kind}_{what}"
    return f"{task} {name} {node}"


def difference(seed: int, *, checks_schema: bool = True) -> tuple[list[str], str | None]:
    """(`- start rsc1 node1` for what only the peer does, `+ …` for what only we do; why, if that is known)."""
    return compared(cluster(seed), checks_schema=checks_schema)


def compared(cib: Cib, *, checks_schema: bool = True) -> tuple[list[str], str | None]:
    graph = schedule(cib, NOW)
    try:
        theirs = peers(cib, checks_schema=checks_schema)
    except PeerAborted:
        return ["- abort"], ABORTS
    words = _difference(theirs, graph)
    if not words:
        return [], None
    exact = next((why for why, answer in older_answers(cib, NOW, graph) if not _difference(theirs, answer)), None)
    return words, exact or explained(cib, graph, theirs, words)


def _difference(theirs: Counter[str], graph: TransitionGraph) -> list[str]:
    mine = ours(graph)
    words = [f"- {word}" for word in sorted((theirs - mine).elements())]
    return words + [f"+ {word}" for word in sorted((mine - theirs).elements())]


def report(difference: Callable[[int], tuple[list[str], str | None]], first: int, count: int) -> int:
    """Print every seed that nothing explains, and how many each explanation is good for; 1 if there is one."""
    reasons: Counter[str] = Counter()
    different = 0
    for seed in range(first, first + count):
        words, why = difference(seed)
        if why is not None:
            reasons[why] += 1
        elif words:
            different += 1
            print(f"seed {seed}: {len(words)}: {'; '.join(words[:8])}", flush=True)
    for why, number in reasons.most_common():
        print(f"{number} explained: {why}")
    print(f"{count} clusters, {different} different without an explanation")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(report(partial(difference, checks_schema=False), int(sys.argv[1]), int(sys.argv[2])))
