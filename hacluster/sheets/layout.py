"""The look of the sheet: which column a heading stands in, its labels in both languages, the captions of the tables.

Reads nothing; gives `LAYOUTS` and `SheetPage`, on which rows are placed with the merged cells of the template.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

VERSION = "2.2"


class Field(msgspec.Struct, frozen=True):
    """One heading over the columns `first`:`last`, with its label."""

    name: str
    first: str
    last: str
    ja: str
    en: str


class Layout(msgspec.Struct, frozen=True):
    """One table or block. Fields whose name starts with `-` have no heading: they carry remarks."""

    ja: str
    en: str
    fields: tuple[Field, ...]


def _fields(*given: tuple[str, str, str, str]) -> tuple[Field, ...]:
    """(name, `C:D`, ja, en)"""
    return tuple(Field(name, span[0], span[-1], ja, en) for name, span, ja, en in given)


_REMARK = ("-remark", "L:N", "備考", "Remark")
_SETTINGS = _fields(
    ("name", "C:D", "項目", "Name"),
    ("value", "E:G", "設定内容", "Value"),
    ("-summary", "H:K", "概要", "Summary"),
    _REMARK,
)

LAYOUTS: Mapping[str, Layout] = {
    "NODE": Layout(
        "ノード設定",
        "Nodes",
        _fields(
            ("uname", "C:D", "ノード名", "Node"),
            ("ntype", "E", "ノード種別", "Kind"),
            ("ptype", "F:G", "パラメータ種別", "Parameter kind"),
            ("name", "H:I", "項目", "Name"),
            ("value", "J:K", "設定内容", "Value"),
            _REMARK,
        ),
    ),
    "PROPERTY": Layout("クラスタ・プロパティ", "Cluster properties", _SETTINGS),
    "RSC_DEFAULTS": Layout("リソース・デフォルト", "Resource defaults", _SETTINGS),
    "OP_DEFAULTS": Layout("オペレーション・デフォルト", "Operation defaults", _SETTINGS),
    "RESOURCES": Layout(
        "リソース構成",
        "Resources",
        _fields(
            ("resourceItem", "C", "リソース構成要素", "Kind"),
            ("resourceItem", "D", "", ""),
            ("resourceItem", "E", "", ""),
            ("id", "F:H", "id", "id"),
            ("-summary", "I:K", "概要", "Summary"),
            _REMARK,
        ),
    ),
    "RSC_ATTRIBUTES": Layout(
        "リソース構成パラメータ",
        "Parameters of groups and clones",
        _fields(
            ("id", "C:D", "id", "id"),
            ("type", "E", "パラメータ種別", "Parameter kind"),
            ("name", "F:G", "項目", "Name"),
            ("value", "H:J", "設定内容", "Value"),
            ("-remark", "K:N", "備考", "Remark"),
        ),
    ),
    "FENCING_TOPOLOGY": Layout(
        "STONITHの実行順序",
        "Fencing order",
        _fields(
            ("node", "C:D", "STONITH対象ノード", "Node to fence"),
            ("rsc", "E:G", "STONITHリソースID", "Fence device"),
            ("index", "H:I", "実行順序", "Level"),
            ("-remark", "J:N", "備考", "Remark"),
        ),
    ),
    "P": Layout(
        "Primitiveリソース",
        "Primitive resource",
        _fields(
            ("id", "C:D", "id", "id"),
            ("class", "E:F", "class", "class"),
            ("provider", "G:H", "provider", "provider"),
            ("type", "I:J", "type", "type"),
            ("-summary", "K:N", "概要", "Summary"),
        ),
    ),
    "A": Layout(
        "",
        "",
        _fields(
            ("type", "C", "パラメータ種別", "Parameter kind"),
            ("name", "D:E", "項目", "Name"),
            ("value", "F:J", "設定内容", "Value"),
            ("-summary", "K:N", "概要", "Summary"),
        ),
    ),
    "A-RULE": Layout(
        "",
        "",
        _fields(
            ("type", "C", "パラメータ種別", "Parameter kind"),
            ("rule", "D:E", "ルール", "Rule"),
            ("name", "F:H", "項目", "Name"),
            ("value", "I:L", "設定内容", "Value"),
            ("-summary", "M:N", "概要", "Summary"),
        ),
    ),
    "O": Layout(
        "",
        "",
        _fields(
            ("type", "C", "オペレーション", "Operation"),
            ("timeout", "D:E", "タイムアウト値", "Timeout"),
            ("interval", "F:G", "監視間隔", "Interval"),
            ("on-fail", "H:I", "on_fail", "on-fail"),
            ("start-delay", "J:K", "開始遅延時間", "Start delay"),
            _REMARK,
        ),
    ),
    "LOCATION_EXPERT": Layout(
        "リソース配置制約（エキスパート）",
        "Location constraints",
        _fields(
            ("rsc", "C:D", "リソースID", "Resource"),
            ("score", "E", "スコア", "Score"),
            ("bool_op", "F", "and/or", "and/or"),
            ("attribute", "G:H", "条件属性名", "Attribute"),
            ("op", "I", "条件", "Condition"),
            ("value", "J:K", "条件値", "Value"),
            ("role", "L", "役割", "Role"),
            ("id_spec", "M", "ID指定", "id"),
            ("-remark", "N", "備考", "Remark"),
        ),
    ),
    "COLOCATION": Layout(
        "リソース同居制約",
        "Colocation constraints",
        _fields(
            ("rsc", "C:D", "制約関連リソースID", "Resource"),
            ("with-rsc", "E:F", "制約対象リソースID", "with"),
            ("score", "G:H", "スコア", "Score"),
            ("rsc-role", "I:J", "関連の役割", "Its role"),
            ("with-rsc-role", "K:L", "対象の役割", "The other's role"),
            ("-remark", "M:N", "備考", "Remark"),
        ),
    ),
    "ORDER": Layout(
        "リソース起動順序制約",
        "Order constraints",
        _fields(
            ("first-rsc", "C:D", "先に起動するリソースID", "First"),
            ("then-rsc", "E:F", "後に起動するリソースID", "Then"),
            ("score", "G:H", "スコア", "Score"),
            ("first-action", "I:J", "先のアクション", "First action"),
            ("then-action", "K:L", "後のアクション", "Then action"),
            ("symmetrical", "M", "起動と逆順に停止", "Symmetrical"),
            ("-remark", "N", "備考", "Remark"),
        ),
    ),
    "RSC_TICKET": Layout(
        "チケット制約",
        "Tickets",
        _fields(
            ("ticket", "C:D", "チケット", "Ticket"),
            ("rsc", "E:G", "リソースID", "Resource"),
            ("role", "H:I", "役割", "Role"),
            ("loss-policy", "J:K", "チケットを失ったとき", "On loss"),
            ("-remark", "L:N", "備考", "Remark"),
        ),
    ),
    "ADDITIONAL_CONFIG": Layout(
        "追加設定",
        "More configuration, in the crm shell's language",
        _fields(("config", "C:K", "追加設定内容", "crm text"), _REMARK),
    ),
    "ALERT": Layout(
        "Alert設定",
        "Alerts",
        _fields(("path", "C:J", "アラート・スクリプト", "Program"), ("-summary", "K:N", "概要", "Summary")),
    ),
    "R": Layout("", "", _fields(("recipient", "C:J", "通知先", "Recipient"), ("-summary", "K:N", "概要", "Summary"))),
}


class SheetPage:
    """Rows as they are filled, from top to bottom."""

    def __init__(self, language: str) -> None:
        self.rows: list[list[str]] = []
        self.merged: list[tuple[int, str, str]] = []
        """(row from 1, first column, last column)"""
        self._ja = language == "ja"

    def say(self, ja: str, en: str) -> str:
        return ja if self._ja else en

    def blank(self) -> None:
        self.rows.append([])

    def comment(self, text: str) -> None:
        self.rows.append([f"#{text}"])

    def caption(self, number: str, layout: Layout, detail: str = "") -> None:
        title = self.say(layout.ja, layout.en) + (f" (id={detail})" if detail else "")
        self.comment(f"{self.say('表', 'Table')} {number} {self.say('クラスタ設定', 'Cluster')}　…　{title}")

    def heading(self, name: str, layout: Layout, more: tuple[str, ...] = ()) -> None:
        """The table's name, its headings and the row of labels; `more` headings stand right of the template's."""
        self._put({"B": name}, ())
        self.block("", layout, more)

    def block(self, mark: str, layout: Layout, more: tuple[str, ...] = ()) -> None:
        fields = columns(layout, more)
        shown = {field.first: field.name for field in fields if not field.name.startswith("-")}
        self._put({"B": mark, **shown}, fields)
        labels = {field.first: self.say(field.ja, field.en) for field in fields if self.say(field.ja, field.en)}
        self._put({"A": "#", **labels}, fields)

    def row(self, layout: Layout, values: Mapping[str, str], more: tuple[str, ...] = ()) -> None:
        fields = columns(layout, more)
        self._put({field.first: values[field.name] for field in fields if values.get(field.name)}, fields)

    def item(self, depth: int, kind: str, name: str, notes: Mapping[str, str]) -> None:
        """A row of RESOURCES: the kind stands the more to the right the deeper it is."""
        layout = LAYOUTS["RESOURCES"]
        cells = {"CDE"[depth]: kind, "F": name}
        cells |= {field.first: notes[field.name] for field in layout.fields if notes.get(field.name)}
        self._put(cells, layout.fields)

    def _put(self, cells: Mapping[str, str], fields: tuple[Field, ...]) -> None:
        width = max((ord(column) - ord("A") + 1 for column in cells), default=0)
        row = [""] * width
        for column, text in cells.items():
            row[ord(column) - ord("A")] = text
        self.rows.append(row)
        self.merged += [(len(self.rows), field.first, field.last) for field in fields if field.first != field.last]


def columns(layout: Layout, more: tuple[str, ...]) -> tuple[Field, ...]:
    """The layout's fields; headings that it lacks take the place of its remarks and go on to the right."""
    if not more:
        return layout.fields
    kept = tuple(field for field in layout.fields if not field.name.startswith("-"))
    start = ord(kept[-1].last) + 1
    return (
        *kept,
        *(Field(name, chr(start + place), chr(start + place), name, name) for place, name in enumerate(more)),
    )
