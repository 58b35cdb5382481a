"""What the agent refuses, it refuses in both languages."""

import ast
from pathlib import Path

import pytest

AGENT = sorted((Path(__file__).resolve().parents[2] / "nodeagent").rglob("*.py"))
IN_THE_WORDS_OF_OTHERS = {"storage.failed", "frame", "agent.request"}
"""The system's own error, or a client that speaks another protocol."""


def calls(tree, name):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


@pytest.mark.parametrize("path", AGENT, ids=lambda path: path.name)
def test_every_refusal_has_a_reason_in_japanese(path):
    for call in calls(ast.parse(path.read_text()), "Refused"):
        said = {each.arg: each.value for each in call.keywords}
        code = said["code"].value if isinstance(said["code"], ast.Constant) else ""
        assert "reason_ja" in said or code in IN_THE_WORDS_OF_OTHERS, ast.unparse(call)


@pytest.mark.parametrize("path", AGENT, ids=lambda path: path.name)
def test_every_fixed_reason_has_its_japanese(path):
    for call in calls(ast.parse(path.read_text()), "Why"):
        is_fixed = not isinstance(call.args[0], ast.Attribute)
        assert len(call.args) == 2 or not is_fixed, ast.unparse(call)
