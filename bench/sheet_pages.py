"""How long do the pages around a large sheet take, as requests to a console process?

Run `python -m bench.sheet_pages [--resources N] [--rounds N]`: a console before a scripted agent whose cluster runs
that many resources; a workbook of five resources less is uploaded and checked, then one with two such worksheets.
Wall seconds of each request with its whole answer, the median and the slowest of the rounds; the console's CPU seconds.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from openpyxl import load_workbook

from bench.console import cpu_s
from bench.sheet_growth import configuration
from hacluster.cib.model import Cib, Element
from hacluster.sheets.export import export, to_xlsx
from tests.browser.conftest import PASSWORD, end, start_console
from tests.fake_agent import FakeAgent, joined, operation
from tests.lab.browserless import Operator, hidden

OTHER = "other"
NODES = ("pm01", "pm02")


def running(resources: int) -> Cib:
    """All of them run on the first node."""
    cib = configuration(resources)
    nodes = [Element("node", {"id": name, "uname": name}) for name in NODES]
    cib = cib.with_section(cib.section("nodes").with_children(nodes))
    for node in NODES:
        cib = joined(cib, node)
    names = [each.id for group in cib.section("resources").children for each in group.children if each.id]
    for name in names:
        for node in NODES:
            cib = operation(
                cib, node, name, "start" if node == NODES[0] else "monitor", rc=0 if node == NODES[0] else 7
            )
    return cib


def workbook(resources: int, copy: str = "") -> bytes:
    book = load_workbook(io.BytesIO(to_xlsx(export(configuration(resources), "en"), "en")))
    if copy:
        book.copy_worksheet(book.worksheets[0]).title = copy
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


class Watch(Operator):
    """An operator who only looks."""

    def upload(self, file: Path) -> str:
        """The address of the job that checks it."""
        page, _ = self._open("/sheets/")
        _, where = self._upload("/sheets/", hidden(page), file)
        return urllib.parse.urlsplit(where).path

    def check(self, job: str) -> str:
        """Follow a job to the sheet's page."""
        page, where = self._open(job)
        _, where = self._followed(page, where, 300.0)
        return urllib.parse.urlsplit(where).path

    def address(self, path: str) -> str:
        """Where a page leads to."""
        return urllib.parse.urlsplit(self._open(path)[1]).path

    def fetch(self, path: str) -> int:
        with self._opener.open(self._url + path, timeout=300) as answer:
            return len(answer.read())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sheet_pages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resources", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hacluster-bench-") as name:
        folder = Path(name)
        with FakeAgent(folder / "agent.sock") as agent:
            agent.change(running(given.resources).with_version(agent.cib.version))
            process, url = start_console(folder, agent)
            try:
                measure(Bench(Watch(url, "admin", PASSWORD), process.pid, given.rounds), folder, given.resources - 5)
            finally:
                end(process)


class Bench:
    """Does things, and prints how long they took and what the console had to do for them."""

    def __init__(self, operator: Watch, pid: int, rounds: int) -> None:
        self.operator = operator
        self._pid = pid
        self._rounds = rounds
        print(f"{'':<44}{'median':>8}{'slowest':>9}{'CPU':>9}{'size':>10}")

    def once(self, title: str, work: Callable[[], str]) -> str:
        before, began = cpu_s(self._pid), time.monotonic()
        result = work()
        self._print(title, [time.monotonic() - began], cpu_s(self._pid) - before, "")
        return result

    def page(self, title: str, path: str) -> None:
        size = f"{self.operator.fetch(path) // 1024} KB"
        before, taken = cpu_s(self._pid), []
        for _ in range(self._rounds):
            began = time.monotonic()
            self.operator.fetch(path)
            taken.append(time.monotonic() - began)
        self._print(title, taken, (cpu_s(self._pid) - before) / self._rounds, size)

    def _print(self, title: str, taken: list[float], cpu: float, size: str) -> None:
        print(f"{title:<44}{statistics.median(taken):>6.2f} s{max(taken):>7.2f} s{cpu:>7.2f} s{size:>10}", flush=True)


def measure(bench: Bench, folder: Path, resources: int) -> None:
    operator = bench.operator
    one, two = folder / "one.xlsx", folder / "two.xlsx"
    one.write_bytes(workbook(resources))
    two.write_bytes(workbook(resources, OTHER))
    job = bench.once("upload, until its job is shown", lambda: operator.upload(one))
    sheet = bench.once("that job, until the sheet is shown", lambda: operator.check(job))
    other = f"{operator.check(operator.upload(two))}?sheet={OTHER}"
    job = bench.once(f"?sheet={OTHER} first, until its job", lambda: operator.address(other))
    bench.once("that job, until the worksheet is shown", lambda: operator.check(job))
    bench.page("the sheet's page", sheet)
    bench.page(f"?sheet={OTHER}, checked before", other)
    bench.page("annotated copy", f"{sheet}annotated/")
    bench.page("preview: pm01 standby, everything moves", "/act/standby/?target=pm01&node=pm01")
    bench.page("preview: a group moves", "/act/move/?target=grp0&node=pm02")
    bench.page("matrix", "/matrix/")


if __name__ == "__main__":
    main()
