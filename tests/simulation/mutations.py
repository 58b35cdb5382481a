"""Deliberate mistakes in the machines, and which seed or scenario catches each: `python -m tests.simulation.mutations`.

A mutation replaces one piece of source text; the mutated module is compiled in its place in a process of its own. A
mutation that nothing catches is a hole in the judges.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import copytree

ROOT = Path(__file__).resolve().parents[2]
MACHINES = Path("nodeagent/machines")

MUTATIONS: dict[str, tuple[str, str, str]] = {
    "the fence wait is skipped": (
        "transition.py",
        'self.give(FenceNeeded(action.node, action.detail or "reboot", "pacemaker-controld"))',
        "self._finish(action.id, is_ok=True)",
    ),
    "a failed fence device counts as success": (
        "fencing.py",
        "self._device_ended(request, is_ok=message.is_ok, reason=message.reason)",
        "self._device_ended(request, is_ok=True, reason=message.reason)",
    ),
    "a change is acknowledged before any member has it": (
        "replication.py",
        "self._open[self._seq] = _Update(targets, then)",
        "self._open[self._seq] = _Update(set(), then)",
    ),
    "a member acknowledges before its disk has it": (
        "replication.py",
        "upto = min(followed.unwritten.values(), default=followed.seq + 1) - 1",
        "upto = followed.seq",
    ),
    "the DC does not wait for its own disk": (
        "replication.py",
        "            targets.add(self.here.name)\n",
        "",
    ),
    "a joiner confirms before its disk has the configuration": (
        "join.py",
        "        if not self._welcome_token:\n            self._confirm()",
        "        self._confirm()",
    ),
    "a joining node misses the updates until it is a member": (
        "replication.py",
        "        self._learners.add(peer)\n",
        "",
    ),
    "a lost member counts as one that left": (
        "join.py",
        "self.take_out(event.peer, is_clean=isinstance(event, PeerLeft))",
        "self.take_out(event.peer, is_clean=True)",
    ),
    "what a joiner saw in another partition is forgotten": (
        "join.py",
        "        self._learn(request.expected)\n",
        "",
    ),
    "a new DC takes absent nodes for stopped": (
        "controller.py",
        'cib = with_node_state(cib, state.id, state.get("uname"), dict(LOST))',
        'cib = with_node_state(cib, state.id, state.get("uname"), dict(DOWN))',
    ),
    "two operations of one resource run at once": (
        "executor.py",
        "if instance.running is not None or not instance.queue:",
        "if not instance.queue:",
    ),
    "nodes that were never seen count as stopped": (
        "controller.py",
        "sorted({*self.here.settings.nodes, *self.here.view.members})",
        "sorted(self.here.view.members)",
    ),
    "orderings are ignored": (
        "transition.py",
        "                self._waits_for[then] += 1\n",
        "                self._waits_for[then] += 0\n",
    ),
    "a partition always has quorum": (
        "quorum.py",
        "return present * 2 > count",
        "return True",
    ),
    "the lesser DC does not give way": (
        "join.py",
        "        mine, theirs = self._precedence(), offer.precedence\n",
        "        return False\n        mine, theirs = self._precedence(), offer.precedence\n",
    ),
    "a member that lost its DC is not taken in again": (
        "join.py",
        "        if self.here.is_dc and peer in self.here.view.members:\n            self._requested_by",
        "        if False:\n            self._requested_by",
    ),
    "an operation under way is not told to the new DC": (
        "executor.py",
        "memory = _with_pending(memory, self._pending(instance.running))",
        "pass",
    ),
    "a node leaves while services run": (
        "controller.py",
        "        self.here.is_stopping = True\n",
        "        self.here.is_stopping = True\n        self.give(SayLeave())\n        self.give(StopAgent())\n",
    ),
    "a peer is never asked what its journal has": (
        "journal.py",
        "        self.send(event.peer, JournalHave(have=dict(self._held)))\n",
        "        pass\n",
    ),
    "requests of a gone DC are forgotten": (
        "door.py",
        "        for asker in forwarded:\n",
        "        for asker in ():\n",
    ),
    "the joiner's newer configuration is ignored": (
        "replication.py",
        "        if self.is_ancestor(digest):\n            return False\n",
        "        return False\n",
    ),
    "failures of one direction are not noticed": (
        "liveness.py",
        "        hears_us = self._hears_us(beat)\n",
        "        hears_us = True\n",
    ),
    "a restarted node keeps its old operation history": (
        "controller.py",
        "return with_lrm(without_history_of(cib, name), name, event.lrm)",
        "return cib",
    ),
    "an old update is applied twice": (
        "replication.py",
        "self.here.is_dc or update.seq <= followed.seq:",
        "self.here.is_dc:",
    ),
    "a reported operation is forgotten": (
        "executor.py",
        "        elif self.here.dc and entry is not None:\n",
        "        elif False:\n",
    ),
    "an answer of an older transition is ignored": (
        "controller.py",
        "if not self._transition.done_at(peer, done) and done.entry is not None:",
        "if not self._transition.done_at(peer, done) and False:",
    ),
    "a node leaves before its probe is answered": (
        "transition.py",
        "{*graph.orderings, *_probes_before_shutdowns(graph)}",
        "{*graph.orderings}",
    ),
    "a vote leaves before it is on the disk": (
        "election.py",
        "            self._promise(request.term, peer, lambda: self._grant(peer, answer))\n",
        "            self._promise(request.term, peer, lambda: None)\n            self._grant(peer, answer)\n",
    ),
    "a message of an earlier life is believed": (
        "node.py",
        "        if peer != self.here.name and self.here.heard.get(peer) != incarnation:\n            return\n",
        "",
    ),
    "a fenced life is taken in again": (
        "join.py",
        "        if self.here.fenced.get(peer) == self.here.heard.get(peer):\n",
        "        if False:\n",
    ),
    "the half that lost the tie fences": (
        "fencing.py",
        "if self.here.tie in (Tie.ASKED, Tie.LOST) and event.target",
        "if False and event.target",
    ),
    "a lost tie gives quorum": (
        "quorum.py",
        "return tie is Tie.WON and (count > 2 or self._has_seen_all)",
        "return count > 2 or self._has_seen_all",
    ),
    "nobody waits for the answer of the tie-breaker": (
        "tiebreaker.py",
        "            self.here.tie = Tie.ASKED\n",
        "            self.here.tie = Tie.WON\n",
    ),
    "a third party that does not answer says yes": (
        "tiebreaker.py",
        "            self._decide(is_won=False)\n",
        "            self._decide(is_won=True)\n",
    ),
    "a DC that begins anew takes a node that it has not heard yet for lost": (
        "join.py",
        "            or any(name not in self.here.left for name in self._unheard)\n",
        "",
    ),
    "a loser that reaches the ping node again acts at once": (
        "tiebreaker.py",
        "        if self._was_reached and self._is_split",
        "        if self._is_split",
    ),
    "wait_for_all is ignored": (
        "quorum.py",
        "if self._wait_for_all and not self._has_seen_all:",
        "if False:",
    ),
    "self-fencing waits for a device": (
        "fencing.py",
        'return is_minority and self.here.option("no-quorum-policy") in ("suicide", "fence")',
        "return False",
    ),
    "a node that never had quorum fences itself": (
        "controller.py",
        '"no-quorum-panic": "1" if self.here.view.had_quorum else None,',
        '"no-quorum-panic": "1",',
    ),
    "a flapping peer is not held off": (
        "liveness.py",
        "        if losses < 2:\n",
        "        if True:\n",
    ),
    "who is held off is told as heard": (
        "liveness.py",
        "if peer.links and not peer.has_left and not peer.is_held",
        "if peer.links and not peer.has_left",
    ),
    "an agent that restarts forgets who had left": (
        "executor.py",
        "        self.here.left.update(runtime.left)\n",
        "",
    ),
    "an entry of the journal is acknowledged before it is on the disk": (
        "journal.py",
        "        self.give(PersistJournal(token, entries))\n",
        '        self.give(PersistJournal(token, entries))\n        if then:\n            then("")\n'
        "            self._waiting[token].then = None\n",
    ),
    "a hole in the journal is refused": (
        "journal.py",
        "        return (entry.seq, entry.previous_hash) == licence.next_after(known)\n",
        "        return False\n",
    ),
    "the oldest entry about a thing is kept": (
        "retention.py",
        "newest = {(line.kind, line.key): line.order for line in ordered if line.key}",
        "newest = {(line.kind, line.key): line.order for line in reversed(ordered) if line.key}",
    ),
    "a journal that is begun anew counts again from the start": (
        "journal.py",
        "        self.origin = restored.journal_origin or here.name\n",
        "        self.origin = here.name\n",
    ),
    "a new database counts under the node's plain name": (
        "journal.py",
        '    return f"{node}.{luck.getrandbits(64):016x}"\n',
        "    return node\n",
    ),
    "only the DC is asked whether it hears a node": (
        "confirming.py",
        "waiting = {member for member in self.here.members_but_self() if member != target}",
        "waiting = set()",
    ),
}


def caught_by(file: str, old: str, new: str, seeds: int) -> str:
    """The first seed, scenario or unit test that catches the mutation, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("hacluster", "nodeagent", "tests/simulation", "tests/unit/machines"):
            copytree(ROOT / part, Path(folder) / part)
        target = Path(folder) / MACHINES / file
        text = target.read_text()
        assert text.count(old) >= 1, f"{file} does not contain {old!r} any more"
        target.write_text(text.replace(old, new))
        command = [sys.executable, "-m", "tests.simulation", "--seeds", str(seeds), "--until-caught"]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        lines = [line for line in run.stdout.splitlines() if line.startswith("seed ")]
        return lines[-1] if lines else _failing_test(folder)


def _failing_test(folder: str) -> str:
    """What no drawn day shows, a named one may."""
    tests = ["tests/simulation", "tests/unit/machines", "--deselect", "tests/simulation/test_seeds.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    failed = [line for line in run.stdout.splitlines() if line.startswith("FAILED ")]
    return failed[-1].partition("::")[2].partition(" - ")[0] if failed else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    missed = 0
    for name, (file, old, new) in MUTATIONS.items():
        if options.only not in name:
            continue
        caught = caught_by(file, old, new, options.seeds)
        missed += not caught
        print(f"{name} | {file} | {caught or 'NOT CAUGHT'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
