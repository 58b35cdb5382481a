"""How long until a change at the agent is a visible cell, and what does it cost the console and the browser?

Run `python -m bench.console [--resources N] [--nodes N] [--rate N] [--changes N]`: a scripted agent of its own with
that many resources in groups of five, a console process before it, and Chromium with the matrix open. Each change is
one operation of one resource, told at a steady rate. A cell counts as visible after the frame that painted it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.loads import percentile
from hacluster.cib.codec import parse_cib
from hacluster.cib.model import Cib
from hacluster.protocol.messages import MemberInfo
from tests.browser.conftest import CHROMIUM, PASSWORD, end, start_console
from tests.fake_agent import FakeAgent, joined, operation

GROUP_SIZE = 5
WATCH = """
() => {
  window.seen = {};
  const see = (records) => {
    const found = [];
    for (const { target } of records) {
      const cell = target.closest('td[data-key]');
      if (cell && target.dataset.part === 'word') found.push([cell.dataset.key, target.textContent]);
    }
    requestAnimationFrame(() => setTimeout(() => {
      for (const [key, text] of found) window.seen[`${key} ${text}`] ??= performance.timeOrigin + performance.now();
    }));
  };
  new MutationObserver(see).observe(document.querySelector('[data-matrix]'), { subtree: true, childList: true });
}
"""


def cluster(resources: int, nodes: Sequence[str]) -> Cib:
    """Groups of five, each running on one node after the other."""
    groups = []
    for first in range(0, resources, GROUP_SIZE):
        members = "".join(
            f'<primitive id="r{n}" class="ocf" provider="heartbeat" type="Dummy"/>'
            for n in range(first, min(first + GROUP_SIZE, resources))
        )
        groups.append(f'<group id="g{first // GROUP_SIZE}">{members}</group>')
    listed = "".join(f'<node id="{number}" uname="{name}"/>' for number, name in enumerate(nodes, 1))
    cib = parse_cib(
        '<cib admin_epoch="0" epoch="1" num_updates="0" have-quorum="1"><configuration><crm_config>'
        '<cluster_property_set id="o"><nvpair id="s" name="stonith-enabled" value="false"/></cluster_property_set>'
        f"</crm_config><nodes>{listed}</nodes><resources>{''.join(groups)}</resources><constraints/></configuration>"
        "<status/></cib>"
    )
    assert isinstance(cib, Cib)
    for name in nodes:
        cib = joined(cib, name)
    for number in range(resources):
        for name in nodes:
            runs = name == home(number, nodes)
            cib = operation(cib, name, f"r{number}", "start" if runs else "monitor", rc=0 if runs else 7)
    return cib


def home(number: int, nodes: Sequence[str]) -> str:
    return nodes[number // GROUP_SIZE % len(nodes)]


@contextlib.contextmanager
def matrix_page(browser: Browser, url: str, opened: list[str]) -> Iterator[Page]:
    context = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{url}/login/?next=/matrix/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("button.primary")
    page.wait_for_selector("[data-key=head]")
    page.evaluate("(opened) => localStorage.setItem('opened', JSON.stringify(opened))", opened)
    page.goto(f"{url}/matrix/")
    page.wait_for_selector("html:not(.is-stale) [data-matrix]")
    yield page
    context.close()


def changed(cib: Cib, number: int, is_stopping: bool, node: str, is_open: bool) -> tuple[Cib, str]:
    """The next change, and what its cell says then; that of its group where the group is folded."""
    resource = f"r{number}"
    cell = f"cell:{resource if is_open else f'g{number // GROUP_SIZE}'}@{node}"
    if is_stopping:
        word = "Stopping" if is_open else f"Stopping 1/{GROUP_SIZE}"
        return operation(cib, node, resource, "stop", rc=193, status=-1), f"{cell} {word}"
    return operation(cib, node, resource, "start"), f"{cell} Running"


def told(agent: FakeAgent, given: argparse.Namespace, nodes: Sequence[str]) -> dict[str, float]:
    """What each cell has to say -> when it was told, Unix ms. One member of each group begins to stop, then is back."""
    asked = {}
    groups = given.resources // GROUP_SIZE
    began = time.monotonic()
    for number in range(given.changes):
        round_, group = divmod(number, groups)
        place = group * GROUP_SIZE + round_ // 2 % GROUP_SIZE
        cib, wanted = changed(agent.cib, place, round_ % 2 == 0, home(place, nodes), given.open)
        time.sleep(max(0.0, began + number / given.rate - time.monotonic()))
        asked.setdefault(wanted, time.time() * 1000)
        agent.change(cib)
    return asked


def opened(given: argparse.Namespace) -> list[str]:
    return [f"g{number}" for number in range(-(-given.resources // GROUP_SIZE))]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def browser_ms(session: CDPSession) -> dict[str, float]:
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[f"{name}Duration"] * 1000 for name in ("Script", "Layout", "RecalcStyle", "Task")}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.console", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resources", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--rate", type=float, default=10.0, help="changes a second")
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--open", action="store_true", help="open all groups, so that each resource is a visible row")
    given = parser.parse_args(arguments)
    nodes = [f"pm{number:02}" for number in range(1, given.nodes + 1)]
    with tempfile.TemporaryDirectory(prefix="console-bench-") as folder, sync_playwright() as playwright:
        agent = FakeAgent(Path(folder) / "agent.sock", cib=cluster(given.resources, nodes))
        agent.members = [MemberInfo(name=name, node_id=name[2:], is_member=True, links={}) for name in nodes]
        agent.start()
        process, url = start_console(Path(folder), agent)
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        try:
            with matrix_page(browser, url, opened(given) if given.open else []) as page:
                measure(agent, process.pid, page, given, nodes)
        finally:
            browser.close()
            end(process)
            agent.stop()
    return 0


def measure(agent: FakeAgent, pid: int, page: Page, given: argparse.Namespace, nodes: Sequence[str]) -> None:
    page.evaluate(WATCH)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before_cpu, before = cpu_s(pid), browser_ms(session)
    asked = told(agent, given, nodes)
    last = next(reversed(asked))
    page.wait_for_function("(last) => last in window.seen", arg=last, polling=50)
    spent_cpu, after = cpu_s(pid) - before_cpu, browser_ms(session)
    seen = page.evaluate("() => window.seen")
    late = [seen[wanted] - asked[wanted] for wanted in asked if wanted in seen]
    middle, most = percentile(late, 0.5), percentile(late, 0.95)
    load = os.getloadavg()[0]
    print(f"{given.resources} resources, {len(nodes)} nodes, {given.rate:g} changes a second, load {load:.1f}")
    print(f"change -> visible cell: median {middle:.0f} ms, 95 % < {most:.0f} ms, longest {max(late):.0f} ms")
    print(f"never seen, because a later change came before they were painted: {len(asked) - len(late)}")
    print(f"console: {spent_cpu * 1000 / given.changes:.1f} ms of CPU for each change")
    spent = ", ".join(f"{name} {(after[name] - before[name]) / given.changes:.1f}" for name in after)
    print(f"browser's main thread, ms for each change: {spent}")


if __name__ == "__main__":
    sys.exit(main())
