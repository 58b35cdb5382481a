"""A converted sheet, checked as the configuration that it will be: what no table can see by itself.

Reads a SheetResult; gives the findings of `hacluster.cib.validate` (circles, roles, fencing, operations), each at the
first cell that names its object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hacluster.cib.model import NOTHING, Cib, Element
from hacluster.cib.problems import Problem
from hacluster.cib.validate import validate
from hacluster.crm.parser import parse
from hacluster.sheets.convert import SheetResult
from hacluster.sheets.rows import column_letter


def verify(result: SheetResult) -> tuple[Problem, ...]:
    """Nothing for a sheet that could not be converted: its own problems come first."""
    if not result.crm_text:
        return ()
    names = [node.uname for node in result.model.nodes]
    parsed = parse(result.crm_text, nodes=names)
    if not parsed.is_usable:
        return tuple(parsed.problems)
    cib = Cib.empty().with_configuration(parsed.configuration)
    nodes = {node.get("uname"): node for node in cib.section("nodes").all("node")}
    members = tuple(nodes.get(name, Element("node", {"id": name, "uname": name})) for name in dict.fromkeys(names))
    section = cib.section("nodes")
    cib = cib.with_section(
        Element("nodes", (section if section is not NOTHING else Element("nodes")).attributes, members)
    )
    return located(validate(cib), result.rows, result.sheet)


def located(problems: Iterable[Problem], rows: Sequence[Sequence[str]], sheet: str) -> tuple[Problem, ...]:
    """The same problems with `row` and `column`, and the cell as their place, where a cell holds the object's id."""
    cells: dict[str, tuple[int, str]] = {}
    for number, row in enumerate(rows, start=1):
        for place, text in enumerate(row, start=1):
            cells.setdefault(text.strip(), (number, column_letter(place)))
    return tuple(_at(problem, cells.get(problem.place), sheet) for problem in problems)


def _at(problem: Problem, cell: tuple[int, str] | None, sheet: str) -> Problem:
    if cell is None or not problem.place:
        return problem
    row, column = cell
    place = f"{sheet}!{column}{row}" if sheet else f"{column}{row}"
    return Problem(problem.kind, place, {**problem.parameters, "row": str(row), "column": column})
