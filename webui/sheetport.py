"""The console's view of the sheet and crm libraries: what a worksheet says, and the configuration it makes.

Reads file bytes; gives `SheetText` and the changed `Cib`, or problems. Nothing else in webui knows the two. A sheet is
the whole configuration: what it does not name is removed, except what belongs to the running cluster (its nodes and
their standby, and the properties that the cluster writes itself).
"""

from __future__ import annotations

from dataclasses import dataclass

from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.cib.problems import Problem
from hacluster.cib.rollback import CLUSTERS_OWN
from hacluster.crm.parser import parse
from hacluster.crm.printer import statements
from hacluster.sheets.convert import convert_read
from hacluster.sheets.reader import read_book
from hacluster.sheets.rows import Book

NODES_OWN = ("standby", "maintenance")
REPLACED = ("resources", "constraints", "rsc_defaults", "op_defaults", "fencing-topology", "tags", "alerts", "acls")


@dataclass(frozen=True, slots=True)
class SheetText:
    """One worksheet: how it looks, what it says in crm text, what is wrong with it."""

    sheet: str
    sheets: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    crm_text: str
    problems: tuple[Problem, ...]

    @property
    def is_unreadable(self) -> bool:
        """No worksheet came out of the file."""
        return not self.sheets


def opened(name: str, content: bytes) -> Book | SheetText:
    """The file's worksheets, or the problem that keeps it from being read."""
    book = read_book(content, name)
    return SheetText("", (), (), "", (book,)) if isinstance(book, Problem) else book


def converted(book: Book, sheet: str) -> SheetText:
    """The chosen worksheet; "" is the one that is filled, and a problem says so when there are several."""
    result = convert_read(book, sheet or None)
    return SheetText(result.sheet, result.filled_sheets or result.sheets, result.rows, result.crm_text, result.problems)


def cell_of(problem: Problem) -> str:
    """`C14`, or "" where the problem belongs to no single cell."""
    row, column = problem.parameters.get("row", ""), problem.parameters.get("column", "")
    if not row:
        return ""
    return f"{column or 'B'}{row}"


def configured(text: SheetText, base: Cib) -> Cib | tuple[Problem, ...]:
    """The running CIB with the sheet's configuration in place of its own."""
    nodes = [node.get("uname") for node in base.section("nodes").all("node")]
    parsed = parse(text.crm_text, nodes=nodes)
    if not parsed.is_usable:
        return parsed.problems
    wanted = parsed.configuration
    changed = base
    for tag in REPLACED:
        section = wanted.find(tag)
        if section is not None or base.section(tag) is not NOTHING:
            changed = changed.with_section(section or Element(tag))
    changed = changed.with_section(_properties(base.section("crm_config"), wanted.find("crm_config") or NOTHING))
    return changed.with_section(_nodes(base.section("nodes"), wanted.find("nodes") or NOTHING))


def _properties(running: Element, wanted: Element) -> Element:
    """The sheet's properties, with those that the cluster writes itself."""
    said = {pair.get("name") for block in wanted.children for pair in block.all("nvpair")}
    own = [
        pair
        for block in running.children
        for pair in block.all("nvpair")
        if pair.get("name") in CLUSTERS_OWN and pair.get("name") not in said
    ]
    blocks = list(wanted.children) or [Element("cluster_property_set", {"id": "cib-bootstrap-options"})]
    blocks[0] = blocks[0].with_children((*own, *blocks[0].children))
    return Element("crm_config", running.attributes, tuple(blocks))


def _nodes(running: Element, wanted: Element) -> Element:
    """The cluster's nodes, with the sheet's attributes."""
    said = {node.get("uname"): node for node in wanted.all("node")}
    return running.mapping_children(lambda node: _node(node, said.get(node.get("uname"))))


def _node(running: Element, wanted: Element | None) -> Element:
    if wanted is None:
        return running
    own = [
        block.with_children(tuple(pair for pair in block.all("nvpair") if pair.get("name") in NODES_OWN))
        for block in running.all("instance_attributes")
    ]
    sets = [block for block in own if block.children and block.id not in {each.id for each in wanted.children}]
    return running.with_children((*wanted.children, *sets))


def statements_of(configuration: Element, *, hide_secrets: bool = True) -> dict[str, str]:
    """`group grpPg` -> its crm statement, in the order of `configure show`."""
    return {
        f"{printed.kind} {printed.id}": _as_seen(printed.text)
        for printed in statements(configuration, hide_secrets=hide_secrets, as_crmsh=True)
    }


def _as_seen(text: str) -> str:
    """A fact a line, without the headings that a converter leaves as comments."""
    lines = text.replace("\t", "  ").split("\n")
    return "\n".join(line.removesuffix(" \\") for line in lines if not line.startswith("#"))
