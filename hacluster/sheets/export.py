"""A configuration -> a sheet that converts back to the same configuration.

Reads a `Cib`; gives rows with the template's columns and merged cells. What a table can't hold stands in
ADDITIONAL_CONFIG as crm text, so that nothing is lost. Whether the sheet says the same is tried out by converting it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from hacluster.cib.model import Cib, Element
from hacluster.crm.apply import Mode, load
from hacluster.crm.printer import Printed, statements
from hacluster.crm.printing_parts import CantSay, Style, set_words
from hacluster.sheets.convert import Options, convert_sheet
from hacluster.sheets.headings import Table
from hacluster.sheets.layout import LAYOUTS, VERSION, SheetPage
from hacluster.sheets.rows import Sheet
from hacluster.sheets.writer import rows_to_xlsx

SHEET_NAME = {"ja": "環境定義書", "en": "Configuration"}
_OWN_PROPERTIES = ("dc-version", "cluster-infrastructure", "have-watchdog", "last-lrm-refresh")
"""Written by the cluster itself, not by an operator."""
_KINDS = {"primitive": "Primitive", "group": "Group", "clone": "Clone", "master": "Ms"}
_SETS = {"instance_attributes": "params", "meta_attributes": "meta", "utilization": "utilization"}
_OP_COLUMNS = ("timeout", "interval", "on-fail", "start-delay")
_ROUNDS = 12

Notes = Mapping[tuple[str, str], Mapping[str, str]]
"""(table, id or name) -> the remarks beside it: `-summary`, `-remark`"""


class Exported(msgspec.Struct, frozen=True):
    """The sheet, and what could only be said in the crm shell's language."""

    rows: tuple[tuple[str, ...], ...]
    merged: tuple[tuple[int, str, str], ...]
    additional: tuple[str, ...] = ()
    """Ids of the objects that stand in ADDITIONAL_CONFIG."""
    different: tuple[str, ...] = ()
    """Ids of objects that come back changed all the same; empty as far as is known."""


def export(cib: Cib, language: str = "ja", notes: Notes | None = None) -> Exported:
    """The sheet of a configuration. Objects that don't come back as they were are moved to ADDITIONAL_CONFIG."""
    wanted = {found.id: found for found in _compared(cib)}
    outside: set[str] = set()
    for _ in range(_ROUNDS):
        writer = _Export(cib, language, notes or {}, outside)
        page = writer.page()
        changed = _changed(page, wanted)
        if not changed - outside:
            break
        outside |= changed
    return _result(page, writer.left, changed)


def empty(language: str = "ja") -> Exported:
    """The form with every table and no entry."""
    page = SheetPage(language)
    _title(page)
    for number, name in enumerate(LAYOUTS, start=1):
        if name in ("A", "A-RULE", "O", "R"):
            continue
        page.blank()
        layout = LAYOUTS[name]
        page.caption(str(number), layout)
        if name in ("P", "ALERT"):
            page.rows.append(["", "PRIMITIVE" if name == "P" else "ALERT"])
            for mark in ("P", "A", "O") if name == "P" else ("P", "A", "R"):
                page.block(mark, layout if mark == "P" else LAYOUTS[mark])
                page.blank()
        else:
            page.heading(name, layout)
            page.blank()
    return _result(page, (), ())


def _result(page: SheetPage, left: Iterable[str], changed: Iterable[str]) -> Exported:
    rows = tuple(tuple(row) for row in page.rows)
    return Exported(rows, tuple(page.merged), tuple(sorted(left)), tuple(sorted(changed)))


def _compared(cib: Cib) -> Iterator[Printed]:
    """What must come back; the ids of nodes are the cluster's own."""
    for found in statements(cib.configuration):
        if found.kind not in ("node", "property"):
            yield found


def _changed(page: SheetPage, wanted: Mapping[str, Printed]) -> set[str]:
    converted = convert_sheet(Sheet("", tuple(tuple(row) for row in page.rows)), Options())
    if not converted.ok:
        return _named(converted.problems[0].place, page, wanted)
    loaded = load(Cib.empty(), converted.crm_text, Mode.REPLACE)
    if not loaded.is_loaded:
        return set(wanted)
    found = {one.id: _plain(one.text) for one in statements(loaded.cib.configuration)}
    return {name for name, one in wanted.items() if found.get(name) != _plain(one.text)}


def _named(place: str, page: SheetPage, wanted: Mapping[str, Printed]) -> set[str]:
    """The objects named in the row that can't be read; all of them where none is."""
    digits = "".join(letter for letter in place.rpartition("!")[2] if letter.isdecimal())
    row = page.rows[int(digits) - 1] if digits and int(digits) <= len(page.rows) else []
    return {text for text in row if text in wanted} or set(wanted)


def _plain(text: str) -> str:
    """Without the comments that the converter puts above its sections."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


def _title(page: SheetPage) -> None:
    form = page.say("ファイル形式バージョン", "Format version")
    page.comment(f" {page.say('クラスタ環境定義書', 'Cluster configuration')}　{form}: {VERSION}")


def to_xlsx(exported: Exported, language: str = "ja") -> bytes:
    """The sheet as a workbook in the template's look."""
    return rows_to_xlsx(exported.rows, SHEET_NAME[language], exported.merged)


def notes_of(sheet: Sheet) -> dict[tuple[str, str], dict[str, str]]:
    """The remarks of an operator's own sheet, by table and by the id or name they stand beside."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    table = ""
    for row in sheet.rows:
        cells = [text.strip() for text in row]
        if not any(cells) or cells[0].startswith("#"):
            continue
        name = cells[1].upper() if len(cells) > 1 else ""
        if name in Table.__members__:
            table = name
        elif table:
            _note(found, "PRIMITIVE" if table == "PRIMITIVE" else table, cells)
    return found


def _note(found: dict[tuple[str, str], dict[str, str]], table: str, cells: list[str]) -> None:
    layout = LAYOUTS.get("P" if table == "PRIMITIVE" else table)
    if layout is None:
        return  # an older form's table: LOCATION has columns of its own in every sheet
    at = {field.name: ord(field.first) - ord("A") for field in layout.fields}
    key_field = next((name for name in ("id", "name", "uname") if name in at), "")
    if not key_field or len(cells) <= at[key_field] or not cells[at[key_field]]:
        return
    notes = {name: cells[place] for name, place in at.items() if name.startswith("-") and place < len(cells)}
    kept = {name: text for name, text in notes.items() if text}
    if kept:
        found.setdefault((table, cells[at[key_field]]), kept)


class _Export:
    """Fills one page; `outside` holds the ids that no table shall say."""

    def __init__(self, cib: Cib, language: str, notes: Notes, outside: set[str]) -> None:
        self._page = SheetPage(language)
        self._cib = cib
        self._notes = notes
        self._outside = outside
        references = {e.attributes["id-ref"] for e in cib.configuration.walk() if "id-ref" in e.attributes}
        self._style = Style(frozenset(references))
        self._text = {found.id: found for found in statements(cib.configuration)}
        self.left: list[str] = []
        """Ids of what only ADDITIONAL_CONFIG says."""
        self._number = 0

    def page(self) -> SheetPage:
        _title(self._page)
        self._nodes()
        self._settings("PROPERTY", "crm_config", "cluster_property_set")
        self._settings("RSC_DEFAULTS", "rsc_defaults", "meta_attributes")
        self._settings("OP_DEFAULTS", "op_defaults", "meta_attributes")
        trees = [top for top in self._cib.section("resources").children if self._fits(top)]
        self._resources(trees)
        self._topology(trees)
        for top in trees:
            for primitive in (each for each in top.walk() if each.tag == "primitive"):
                self._primitive(primitive)
        self._constraints({each.id for top in trees for each in top.walk() if each.tag in _KINDS})
        self._alerts()
        self._additional()
        return self._page

    # ------------------------------------------------------------ helpers

    def _begin(self, name: str, detail: str = "") -> None:
        self._number += 1
        self._page.blank()
        self._page.caption(str(self._number), LAYOUTS["P" if name == "PRIMITIVE" else name], detail)

    def _table(self, name: str, rows: Iterable[Mapping[str, str]], key: str = "") -> None:
        found = list(rows)
        if not found:
            return
        self._begin(name)
        self._page.heading(name, LAYOUTS[name])
        for row in found:
            self._page.row(LAYOUTS[name], {**self._notes.get((name, row.get(key, "")), {}), **row})

    def _leave(self, name: str) -> None:
        """To be said in ADDITIONAL_CONFIG."""
        if name in self._text and name not in self.left:
            self.left.append(name)

    # ------------------------------------------------------------ nodes and settings

    def _nodes(self) -> None:
        rows: list[dict[str, str]] = []
        for node in self._cib.section("nodes").all("node"):
            first = {"uname": node.get("uname"), "ntype": node.get("type")}
            for one in node.all("instance_attributes", "utilization"):
                kind = "attributes" if one.tag == "instance_attributes" else "utilization"
                for pair in one.all("nvpair"):
                    rows.append({**first, "ptype": kind, "name": pair.get("name"), "value": pair.get("value")})
                    first = {}
        self._table("NODE", rows, "uname")

    def _settings(self, table: str, section: str, tag: str) -> None:
        sets = list(self._cib.section(section).all(tag))
        plain = sets[0] if sets and sets[0].id not in self._outside else None
        if plain is not None and (next(plain.all("rule"), None) or plain.get("score") or plain.get("id-ref")):
            plain = None
        pairs = plain.all("nvpair") if plain is not None else iter(())
        rows = ({"name": pair.get("name"), "value": pair.get("value")} for pair in pairs)
        self._table(table, (row for row in rows if row["name"] not in _OWN_PROPERTIES), "name")
        for one in sets:
            if one is not plain:
                self._leave(one.id)

    # ------------------------------------------------------------ resources

    def _fits(self, top: Element) -> bool:
        """Whether a whole tree can stand in the tables; otherwise all of it is said in crm text."""
        inside = [each for each in top.walk() if each.tag in ("primitive", "group", "clone", "master", "bundle")]
        fits = top.tag in _KINDS and all(each.tag in _KINDS and self._is_sayable(each) for each in inside)
        if not fits:
            for each in [top, *inside]:
                self._leave(each.id)
        return fits

    def _is_sayable(self, element: Element) -> bool:
        if element.id in self._outside or element.get("template") or element.get("description"):
            return False
        sets = [one for one in element.children if one.tag in _SETS]
        if any(one.get("id-ref") for one in sets):
            return False
        if element.tag == "primitive":
            return all(not block.get("id-ref") for block in element.all("operations"))
        return not any(next(one.all("rule"), None) or one.get("score") for one in sets)

    def _resources(self, trees: list[Element]) -> None:
        if not trees:
            return
        self._begin("RESOURCES")
        self._page.heading("RESOURCES", LAYOUTS["RESOURCES"])
        attributes: list[dict[str, str]] = []
        for top in trees:
            for depth, element in _nested(top):
                self._page.item(depth, _KINDS[element.tag], element.id, self._notes.get(("RESOURCES", element.id), {}))
                if element.tag != "primitive":
                    attributes += self._container(element)
        self._table("RSC_ATTRIBUTES", attributes, "id")

    def _container(self, element: Element) -> Iterator[dict[str, str]]:
        first = {"id": element.id}
        for one in element.children:
            kind = {"type": _SETS.get(one.tag, "")}
            for pair in one.all("nvpair") if kind["type"] else ():
                yield {**first, **kind, "name": pair.get("name"), "value": pair.get("value")}
                first, kind = {}, {}

    def _topology(self, trees: list[Element]) -> None:
        levels = list(self._cib.section("fencing-topology").all("fencing-level"))
        known = {each.id for top in trees for each in top.walk() if each.tag == "primitive"}
        devices = {device.strip() for level in levels for device in level.get("devices").split(",")}
        if "fencing_topology" in self._outside or devices - known or not all(level.get("target") for level in levels):
            self._leave("fencing_topology")
            return
        rows = []
        last = ""
        for level in levels:
            for device in level.get("devices").split(","):
                node = level.get("target") if level.get("target") != last else ""
                rows.append({"node": node, "rsc": device.strip(), "index": level.get("index")})
                last = level.get("target")
        self._table("FENCING_TOPOLOGY", rows)

    def _primitive(self, element: Element) -> None:
        self._begin("PRIMITIVE", element.id)
        page = self._page
        page.rows.append(["", "PRIMITIVE"])
        page.block("P", LAYOUTS["P"])
        head = {name: element.get(name) for name in ("id", "class", "provider", "type")}
        page.row(LAYOUTS["P"], {**self._notes.get(("PRIMITIVE", element.id), {}), **head})
        sets = [one for one in element.children if one.tag in _SETS]
        has_rules = any(self._rule_of(one) for one in sets)
        layout = LAYOUTS["A-RULE" if has_rules else "A"]
        rows = [row for one in sets for row in self._set_rows(one)]
        if rows:
            page.block("A", layout)
            for row in rows:
                page.row(layout, row)
        self._operations(element)

    def _rule_of(self, one: Element) -> str:
        """`1: rule #uname eq pm01`: everything between the keyword and the parameters."""
        bare = one.with_children(tuple(child for child in one.children if child.tag != "nvpair"))
        try:
            return set_words("params", bare, self._style).removeprefix("params").strip()
        except CantSay:
            return ""

    def _set_rows(self, one: Element) -> Iterator[dict[str, str]]:
        kind = {"type": _SETS[one.tag], "rule": self._rule_of(one)}
        for pair in one.all("nvpair"):
            yield {**kind, "name": pair.get("name"), "value": pair.get("value")}
            kind = {}

    def _operations(self, element: Element) -> None:
        rows = []
        for op in (op for block in element.all("operations") for op in block.all("op")):
            row = {name: value for name, value in op.attributes.items() if name not in ("id", "name")}
            for one in op.all("instance_attributes"):
                row |= {pair.get("name"): pair.get("value") for pair in one.all("nvpair")}
            rows.append({"type": op.get("name"), **row})
        if not rows:
            return
        more = tuple(dict.fromkeys(name for row in rows for name in row if name not in ("type", *_OP_COLUMNS)))
        self._page.block("O", LAYOUTS["O"], more)
        for row in rows:
            self._page.row(LAYOUTS["O"], row, more)

    # ------------------------------------------------------------ constraints, alerts, the rest

    def _constraints(self, known: set[str]) -> None:
        tables: dict[str, list[dict[str, str]]] = {}
        writers = {
            "rsc_location": ("LOCATION_EXPERT", _location_rows, ("rsc",)),
            "rsc_colocation": ("COLOCATION", _colocation_rows, ("rsc", "with-rsc")),
            "rsc_order": ("ORDER", _order_rows, ("first", "then")),
            "rsc_ticket": ("RSC_TICKET", _ticket_rows, ("rsc",)),
        }
        for element in self._cib.section("constraints").children:
            if element.tag not in writers:
                self._leave(element.id)
                continue
            table, rows_of, ends = writers[element.tag]
            rows = rows_of(element)
            says = rows and all(element.get(end) in known for end in ends)
            if says and element.id not in self._outside:
                tables.setdefault(table, []).extend(rows)
            else:
                self._leave(element.id)
        for table in ("LOCATION_EXPERT", "COLOCATION", "ORDER", "RSC_TICKET"):
            self._table(table, tables.get(table, []))

    def _alerts(self) -> None:
        for alert in self._cib.section("alerts").all("alert"):
            if alert.id in self._outside:
                self._leave(alert.id)
                continue
            self._begin("ALERT", alert.id)
            page = self._page
            page.rows.append(["", "ALERT"])
            page.block("P", LAYOUTS["ALERT"])
            page.row(LAYOUTS["ALERT"], {"path": alert.get("path")})
            self._alert_sets(alert)
            for recipient in alert.all("recipient"):
                page.block("R", LAYOUTS["R"])
                page.row(LAYOUTS["R"], {"recipient": recipient.get("value")})
                self._alert_sets(recipient)

    def _alert_sets(self, holder: Element) -> None:
        words = {"instance_attributes": "attributes", "meta_attributes": "meta"}
        rows = [
            {"type": words[one.tag], "name": pair.get("name"), "value": pair.get("value")}
            for one in holder.children
            if one.tag in words
            for pair in one.all("nvpair")
        ]
        if rows:
            self._page.block("A", LAYOUTS["A"])
            for row in rows:
                self._page.row(LAYOUTS["A"], row)

    def _additional(self) -> None:
        for section, tags in (("acls", ()), ("tags", ("tag",)), ("resources", ("template",))):
            for element in self._cib.section(section).children:
                if not tags or element.tag in tags:
                    self._leave(element.id)
        # In the order of `configure show`, in which what is referred to stands first.
        texts = [one.text for name, one in self._text.items() if name in self.left]
        self._table("ADDITIONAL_CONFIG", ({"config": _cell(text)} for text in texts))


def _cell(text: str) -> str:
    """The converter puts the signs of continuation back."""
    return "\n".join(line.rstrip().removesuffix("\\").rstrip() for line in _plain(text).splitlines())


def _nested(top: Element, depth: int = 0) -> Iterator[tuple[int, Element]]:
    yield depth, top
    for child in top.children:
        if child.tag in _KINDS:
            yield from _nested(child, depth + 1)


def _location_rows(element: Element) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for rule in element.all("rule"):
        first = {
            "rsc": element.get("rsc") if not rows else "",
            "score": rule.get("score") or rule.get("score-attribute"),
        }
        first |= {"bool_op": rule.get("boolean-op"), "role": rule.get("role")}
        expressions = list(rule.all("expression"))
        if len(expressions) != len([child for child in rule.children if child.tag != "!comment"]) or not expressions:
            return []
        if len(expressions) > 1 and not first["bool_op"]:
            first["bool_op"] = "and"
        for one in expressions:
            if one.get("type"):
                return []
            said = {"attribute": one.get("attribute"), "op": one.get("operation"), "value": one.get("value")}
            rows.append({**first, **said})
            first = {}
    return rows


def _colocation_rows(element: Element) -> list[dict[str, str]]:
    return [{name: element.get(name) for name in ("rsc", "with-rsc", "score", "rsc-role", "with-rsc-role")}]


def _order_rows(element: Element) -> list[dict[str, str]]:
    kinds = {"Mandatory": "INFINITY", "Optional": "0"}
    score = element.get("score") or kinds.get(element.get("kind"), "")
    named = {"first-rsc": element.get("first"), "then-rsc": element.get("then"), "score": score}
    more = {name: element.get(name) for name in ("first-action", "then-action", "symmetrical")}
    return [{**named, **more}] if score else []


def _ticket_rows(element: Element) -> list[dict[str, str]]:
    named = {"ticket": element.get("ticket"), "rsc": element.get("rsc")}
    return [{**named, "role": element.get("rsc-role"), "loss-policy": element.get("loss-policy")}]
