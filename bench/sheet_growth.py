"""A large sheet, read, converted, validated and compared with what runs; beside the way the converter of old went.

`python -m bench.sheet_growth` makes sheets of 125 to 1,000 resources. “convert” is csv into crm text, “all” goes on
through validation to the difference from what runs. “old” is the converter of old's algorithm, csv into text only. CPU
seconds of the best of three rounds; “growth” is the time for one resource beside that of the smallest sheet.
"""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable
from xml.dom.minidom import Document, getDOMImplementation
from xml.dom.minidom import Element as DomElement

from hacluster.cib.model import Cib
from hacluster.cib.patch import diff
from hacluster.cib.validate import validate
from hacluster.crm.apply import Mode, load
from hacluster.sheets.convert import convert_book
from hacluster.sheets.export import export, to_xlsx

SIZES = (125, 250, 500, 1000)
ROUNDS = 3


def configuration(resources: int) -> Cib:
    """Groups of five with a place and an order each."""
    lines = ["property no-quorum-policy=ignore stonith-enabled=false"]
    for number in range(resources // 5):
        names = [f"rsc{number}x{place}" for place in range(5)]
        lines += [
            f"primitive {name} ocf:heartbeat:IPaddr2 params ip=10.0.{number}.{place} nic=eth0 "
            "op start interval=0s timeout=60s on-fail=restart op monitor interval=10s timeout=60s on-fail=restart "
            "op stop interval=0s timeout=60s on-fail=block"
            for place, name in enumerate(names)
        ]
        lines.append(f"group grp{number} {' '.join(names)}")
        lines.append(f"location rsc_location-grp{number}-{number + 1} grp{number} rule 200: #uname eq pm01")
        if number:
            ends = f"grp{number - 1}-grp{number}-{number}"
            lines.append(f"order rsc_order-{ends} Optional: grp{number - 1} grp{number} symmetrical=false")
    loaded = load(Cib.empty(), "\n".join(lines), Mode.REPLACE)
    assert loaded.is_loaded, loaded.problems[:1]
    return loaded.cib


def old_way(text: str) -> str:
    """The csv, record for record, into one XML tree; then the tree into text.

    Written from the description of the converter of old, not from its code. It keeps everything in a DOM and looks each
    thing up from the front: a resource among all resources, a setting among its owner's, a constraint among all of its
    kind in the whole tree.
    """
    tree = getDOMImplementation().createDocument(None, "crm", None)
    old = _Old(tree, tree.documentElement)
    for record in csv.reader(io.StringIO(text)):
        cells = [_WHITE.sub(" ", cell).strip().strip("\u3000") for cell in record]
        if len(cells) > 1 and any(cells) and not cells[0].startswith("#"):
            old.take(cells)
    return old.text()


_WHITE = re.compile(r"[\r\n]+")
_ODD = re.compile(r"[^\x20-\x7e]")
_TABLES = ("PROPERTY", "RESOURCES", "PRIMITIVE", "LOCATION_EXPERT", "ORDER", "COLOCATION")


class _Old:
    def __init__(self, tree: Document, root: DomElement) -> None:
        self._tree, self._root = tree, root
        self._table = self._block = ""
        self._headers: dict[str, int] = {}
        self._owner: DomElement = root

    def take(self, cells: list[str]) -> None:
        if cells[1] in _TABLES:
            self._table, self._block, self._headers = cells[1], "", {}
        elif cells[1] or not self._headers:
            self._block = cells[1] or self._block
            self._headers = {name: place for place, name in enumerate(cells) if place > 1 and name}
        else:
            row = {name: cells[place] if place < len(cells) else "" for name, place in self._headers.items()}
            assert not any(_ODD.search(value) for value in row.values())
            self._keep(row)

    def _child(self, parent: DomElement, tag: str, values: dict[str, str]) -> DomElement:
        made = self._tree.createElement(tag)
        for name, value in values.items():
            if value:
                made.setAttribute(name, value)
        parent.appendChild(made)
        return made

    def _named(self, parent: DomElement, tag: str) -> DomElement:
        found = parent.getElementsByTagName(tag)
        return found[0] if found else self._child(parent, tag, {})

    def _resource(self, name: str) -> DomElement | None:
        everything = self._named(self._root, "resources").childNodes
        return next((node for node in everything if node.getAttribute("id") == name), None)

    def _keep(self, row: dict[str, str]) -> None:
        match self._table, self._block:
            case "RESOURCES", _:
                assert self._resource(row["id"]) is None
                self._child(self._named(self._root, "resources"), "resource", {"id": row["id"]})
            case "PRIMITIVE", "P":
                self._owner = self._resource(row["id"]) or self._root
                self._owner.setAttribute("agent", f"{row['class']}:{row['provider']}:{row['type']}")
            case "PRIMITIVE", "A":
                group = self._named(self._owner, row.get("type") or "params")
                assert all(pair.getAttribute("name") != row["name"] for pair in group.childNodes)
                self._child(group, "nv", {"name": row["name"], "value": row["value"]})
            case "PRIMITIVE", _:
                self._child(self._named(self._owner, "op"), "operation", row)
            case table, _:
                for name in ("rsc", "first-rsc", "then-rsc"):
                    assert not row.get(name) or self._resource(row[name])
                for other in self._root.getElementsByTagName(table):
                    if all(other.getAttribute(name) == value for name, value in row.items()):
                        return
                self._child(self._named(self._root, f"{table}S"), table, row)

    def text(self) -> str:
        return " \\\n".join(
            " ".join([node.tagName, *(f'{name}="{value}"' for name, value in node.attributes.items())])
            for node in self._root.getElementsByTagName("*")
        )


def our_way(data: bytes, name: str, running: Cib) -> None:
    converted = convert_book(data, name)
    loaded = load(running, converted.crm_text, Mode.REPLACE)
    assert loaded.is_loaded
    validate(loaded.cib)
    diff(running, loaded.cib)


def convert(data: bytes, name: str) -> None:
    assert convert_book(data, name).ok


def cpu_s(work: Callable[..., object], *arguments: object) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work(*arguments)
        taken.append(time.process_time() - began)
    return min(taken)


def measured(size: int) -> dict[str, float]:
    """CPU seconds for each way."""
    cib = configuration(size)
    exported = export(cib, "en")
    stream = io.StringIO()
    csv.writer(stream).writerows(exported.rows)
    text, book = stream.getvalue(), to_xlsx(exported, "en")
    return {
        "convert": cpu_s(convert, text.encode(), "a.csv"),
        "all": cpu_s(our_way, text.encode(), "a.csv", cib),
        "all xlsx": cpu_s(our_way, book, "a.xlsx", cib),
        "old": cpu_s(old_way, text),
    }


def main() -> None:
    print(f"{'resources':>9}  {'work':<10}{'s':>8}{'ms/resource':>13}{'growth':>8}")
    first: dict[str, float] = {}
    for size in SIZES:
        for work, seconds in measured(size).items():
            each = seconds / size
            growth = each / first.setdefault(work, each)
            print(f"{size:>9}  {work:<10}{seconds:>8.3f}{each * 1000:>13.2f}{growth:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
