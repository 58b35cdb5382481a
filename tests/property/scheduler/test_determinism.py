"""The same CIB gives the same graph, whatever the order in which a process hashes its strings."""

import os
import subprocess
import sys

PROGRAM = """
import sys; sys.path.insert(0, ".")
from tests.builders import Situation, LOST
situation = Situation()
for node in ("pm01", "pm02"):
    situation.attribute(node, "path", "100")
situation.settle()
situation.node("pm01", LOST)
graph = situation.schedule()
print([(a.id, a.task_key, a.node) for a in graph.actions], graph.orderings, graph.placement_after)
"""


def test_two_hash_seeds_give_the_same_graph():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "77")
    }
    assert len(outputs) == 1
    assert "stonith-pm01" in outputs.pop()
