"""Debian's crmsh reads crm texts, as `configure load update` does on an empty configuration, and prints what it took.

Run by the system's own Python, which has crmsh: a JSON list of [text, [node, …]] on stdin, a JSON list of
{"ok": …, "show": …} on stdout. Each text is read in a process of its own, because crmsh keeps its state in globals.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from crmsh import log

log.setup_logging(only_help=True)
os.environ["TERM"] = "dumb"

from crmsh import cibconfig, clidisplay, config, options  # noqa: E402

_EMPTY = """<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">
<configuration><crm_config/><nodes>{}</nodes><resources/><constraints/></configuration><status/></cib>"""


def read(text: str, nodes: list[str], folder: str) -> dict[str, object]:
    named = "".join(f'<node id="{number}" uname="{name}"/>' for number, name in enumerate(nodes, start=1))
    with open(os.path.join(folder, "input.crm"), "w", encoding="utf-8") as file:
        file.write(text)
    options.batch, options.interactive, config.color.style = True, False, "plain"
    assert cibconfig.cib_factory.initialize(_EMPTY.format(named))
    taken = cibconfig.CibObjectSetCli().import_file("update", os.path.join(folder, "input.crm"))
    with clidisplay.nopretty():
        return {"ok": bool(taken), "show": cibconfig.mkset_obj().repr(format_mode=1)}


def read_apart(text: str, nodes: list[str]) -> dict[str, object]:
    """In a child process; what it says on its terminal is of no interest."""
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        with tempfile.TemporaryDirectory() as folder:
            os.write(sending, json.dumps(read(text, nodes, folder)).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else {"ok": False, "show": ""}


if __name__ == "__main__":
    json.dump([read_apart(*case) for case in json.load(sys.stdin)], sys.stdout)
