"""Every mistake that a sheet can hold, as a kind with a code, both sentences and a cure.

Reads nothing; gives the kinds and `Findings`, which collects all problems of one sheet with their cells.
"""

from __future__ import annotations

from typing import Any

from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.sheets.rows import Cell, column_letter


def _error(code: str, en: str, ja: str, cure_en: str = "", cure_ja: str = "") -> ProblemKind:
    return ProblemKind(f"sheet.{code}", Severity.ERROR, en, ja, cure_en, cure_ja)


def _warning(code: str, en: str, ja: str, cure_en: str = "", cure_ja: str = "") -> ProblemKind:
    return ProblemKind(f"sheet.{code}", Severity.WARNING, en, ja, cure_en, cure_ja)


def _info(code: str, en: str, ja: str, cure_en: str = "", cure_ja: str = "") -> ProblemKind:
    return ProblemKind(f"sheet.{code}", Severity.INFO, en, ja, cure_en, cure_ja)


# The file.
ENCODING = _error(
    "unsupported-encoding",
    "the text is in none of the encodings UTF-8, cp932 (Shift_JIS), EUC-JP, ISO-2022-JP and UTF-16: {detail}",
    "文字コードを判別できません（UTF-8, cp932, EUC-JP, ISO-2022-JP, UTF-16 以外）: {detail}",
    "save it as “CSV UTF-8”",
    "「CSV UTF-8」形式で保存し直してください",
)
READ = _error(
    "read-error",
    "the file cannot be read as {format}: {detail}",
    "ファイルを {format} として読み込めません: {detail}",
    "open it in the spreadsheet program and save it again",
    "表計算ソフトで開き、保存し直してください",
)
NOT_A_WORKBOOK = _error(
    "not-a-workbook",
    "the name ends in {suffix}, but this is not a workbook that can be read",
    "拡張子は {suffix} ですが、読み込めるブックではありません",
    "open it in the spreadsheet program and save it as xlsx; if that fails, the file is damaged: take another copy",
    "表計算ソフトで開き、xlsx 形式で保存し直してください。開けない場合は、別の複製を使用してください",
)
TOO_LARGE = _error(
    "too-large",
    "the file is too large: {what} {size}, at most {limit}",
    "ファイルが大きすぎます: {what} {size}（上限 {limit}）",
    "delete the empty or foreign rows and columns",
    "不要な行・列を削除してください",
)
UNCLOSED_QUOTE = _error(
    "unclosed-quote",
    "a quote opens on line {line} and is never closed",
    '{line} 行目で始まる引用符 (") が閉じられていません',
    "close the quote or take it away",
    "引用符を閉じるか、削除してください",
)
NO_SUCH_SHEET = _error(
    "no-such-sheet",
    "there is no worksheet “{name}”; the file has: {names}",
    "シート「{name}」がありません。ファイル内のシート: {names}",
    "give one of these names",
    "上記のいずれかを指定してください",
)
WHICH_SHEET = _error(
    "which-sheet",
    "several worksheets hold tables: {names}",
    "表を含むシートが複数あります: {names}",
    "say which one with --sheet NAME",
    "--sheet で対象のシートを指定してください",
)
NO_DATA = _warning(
    "no-data",
    "the sheet holds nothing to convert",
    "シートに変換対象のデータがありません",
    "fill in at least one table",
    "いずれかの表に値を記入してください",
)

# Tables and headings.
NO_TABLE_HEADER = _error(
    "no-table-header",
    "“{cell}” stands above the first table name",
    "「{cell}」より上に表ヘッダ（B 列の表名）がありません",
    "write the name of the table into column B above it, or # into column A",
    "B 列に表名を記入するか、A 列に # を記入してください",
)
UNKNOWN_TABLE = _error(
    "unknown-table",
    "“{cell}” is not the name of a table{hint}",
    "「{cell}」は未定義の表ヘッダです{hint}",
    "correct the name, or write # into column A of the row",
    "表名を修正するか、A 列に # を記入してください",
)
MISSING_COLUMN = _error(
    "missing-column",
    "the table {table} has no column “{column_name}”",
    "{table} 表に列「{column_name}」がありません",
    "add the column to the header row",
    "見出し行に列を追加してください",
)
DUPLICATE_COLUMN = _error(
    "duplicate-column",
    "the column “{cell}” stands twice in this header row",
    "列「{cell}」が重複しています",
    "delete one of them",
    "いずれか一方を削除してください",
)
UNKNOWN_COLUMN = _warning(
    "unknown-column",
    "the table {table} knows no column “{cell}”{hint}; it is ignored",
    "{table} 表に列「{cell}」は定義されていません（無視します）{hint}",
    "correct the header, or put # into column A for a row of remarks",
    "見出しを修正してください",
)
UNKNOWN_LOCATION_COLUMN = _error(
    "unknown-column",
    "LOCATION knows no column “{cell}”{hint}",
    "LOCATION 表に列「{cell}」は定義されていません{hint}",
    "use rsc, score:SCORE, ping:ATTRIBUTE:VALUE, pingd:ATTRIBUTE:VALUE or diskd:ATTRIBUTE",
    "rsc, score:スコア, ping:属性名:値, pingd:属性名:値, diskd:属性名 のいずれかを使用してください",
)
NON_ASCII_HEADER = _warning(
    "non-ascii-header",
    "the header “{cell}” holds {characters}",
    "見出し「{cell}」に ASCII 以外の文字が含まれています: {characters}",
    "write “{normal}”",
    "「{normal}」と記入してください",
)
NON_ASCII_VALUE = _warning(
    "non-ascii-value",
    "“{cell}” holds {characters}",
    "設定値「{cell}」に ASCII 以外の文字が含まれています: {characters}",
    "if that is not meant, write “{normal}”",
    "意図したものでなければ「{normal}」と記入してください",
)
ID_COLUMN_POSITION = _error(
    "resources-id-column-position",
    "the column id stands between two resourceItem columns",
    "id 列が resourceItem 列の間にあります",
    "move id to the right of the last resourceItem",
    "id 列を最後の resourceItem 列の右に移してください",
)
PRIMITIVE_BLOCK_ORDER = _error(
    "primitive-block-order",
    "{detail}",
    "Primitive リソース表の定義が正しくありません: {detail}",
    "a PRIMITIVE table has one P row first, then A and O",
    "P（1 行だけ）、A、O の順に記入してください",
)
ALERT_BLOCK_ORDER = _error(
    "alert-block-order",
    "{detail}",
    "ALERT 設定表の定義が正しくありません: {detail}",
    "an ALERT table has one P row first, then A and R",
    "P（1 行だけ）、A、R の順に記入してください",
)

# Cells.
MISSING_VALUE = _error(
    "missing-value",
    "{table}: “{column_name}” is empty",
    "{table} 表: 「{column_name}」列に値がありません",
    "fill in the cell",
    "セルに値を記入してください",
)
EMPTY_PARAMETER = _info(
    "empty-parameter",
    'the parameter “{cell}” has no value and is written as ""',
    'パラメータ「{cell}」の値が空です（"" として出力します）',
    "fill in a value, or delete the row",
    "値を記入するか、行を削除してください",
)
VALUE_IGNORED = _warning(
    "value-ignored",
    "“{cell}” in column “{column_name}” has no effect in this row",
    "「{column_name}」列の値「{cell}」はこの行では無視されます",
    "delete it, or move it to the row where it belongs",
    "値を削除するか、対象の行に移してください",
)
BAD_PARAMETER_KIND = _error(
    "bad-parameter-kind",
    "“{cell}” is not a kind of parameter{hint}",
    "「{cell}」は未定義のパラメータ種別です{hint}",
    "use one of: {allowed}",
    "次のいずれかを記入してください: {allowed}",
)
BAD_VALUE = _error(
    "bad-value",
    "“{cell}” is not valid here; {column_name} is {expected_en}",
    "「{cell}」は無効な値です。{column_name} には{expected_ja}を記入します",
    "correct the value",
    "値を修正してください",
)
ODD_VALUE = _warning(
    "bad-value",
    "“{cell}” is probably wrong; {column_name} is {expected_en}",
    "「{cell}」は無効な値の可能性があります。{column_name} には{expected_ja}を記入します",
    "check the value{hint}",
    "値を確認してください{hint}",
)
BAD_SCORE = _error(
    "bad-score",
    "“{cell}” is neither a whole number nor INFINITY",
    "スコア「{cell}」は整数でも INFINITY でもありません",
    "write a number such as 200, or INFINITY, or -INFINITY",
    "200 のような整数、INFINITY または -INFINITY を記入してください",
)
BAD_ID = _error(
    "bad-id",
    "“{cell}” cannot be the id of a resource",
    "「{cell}」はリソース ID として使用できません",
    "begin with a letter and use only letters, digits, “-”, “_” and “.”, for example “{normal}”",
    "英字で始め、英数字と - _ . だけを使用してください（例: {normal}）",
)
RULE_WITHOUT_TYPE = _error(
    "rule-without-type",
    "the rule “{cell}” stands in a row without a type",
    "type の無い行に条件「{cell}」が記入されています",
    "repeat the type in this row",
    "この行に type を記入してください",
)

# Resources.
MULTIPLE_ITEMS = _error(
    "multiple-resource-items",
    "this row names two kinds of resource",
    "1 行に複数の resourceItem が記入されています",
    "give each resource a row of its own",
    "リソースごとに行を分けてください",
)
BAD_RESOURCE_KIND = _error(
    "bad-resource-kind",
    "“{cell}” is not a kind of resource{hint}",
    "「{cell}」は未定義のリソース種別です{hint}",
    "use Primitive, Group, Clone, Ms or Master",
    "Primitive, Group, Clone, Ms, Master のいずれかを記入してください",
)
BAD_DEPTH = _error(
    "bad-resource-depth",
    "“{cell}” stands more than one column right of the row above",
    "「{cell}」の階層が上の行より 2 段以上深くなっています",
    "move it to the column right of its parent's",
    "親リソースの 1 つ右の列に記入してください",
)
BAD_NESTING = _error(
    "bad-resource-nesting",
    "{child} “{id}” cannot stand in {parent} “{parent_id}”{detail}",
    "{parent}「{parent_id}」に {child}「{id}」を含めることはできません{detail}",
    "a group holds primitives; a clone or ms holds one primitive or group",
    "group には primitive を、clone と ms には primitive または group を 1 つだけ置けます",
)
DUPLICATE_RESOURCE = _error(
    "duplicate-resource",
    "the id “{cell}” is already used in row {ref_row}",
    "ID「{cell}」は {ref_row} 行目で既に使用されています",
    "give each resource an id of its own",
    "重複しない ID を付けてください",
)
DUPLICATE_PRIMITIVE_TABLE = _error(
    "duplicate-primitive-table",
    "the primitive “{cell}” already has a PRIMITIVE table in row {ref_row}",
    "プリミティブ「{cell}」の表は {ref_row} 行目で既に定義されています",
    "delete one of the tables",
    "いずれか一方の表を削除してください",
)
UNKNOWN_RESOURCE = _error(
    "unknown-resource",
    "the resource “{cell}” does not stand in RESOURCES{hint}",
    "リソース「{cell}」は RESOURCES 表に定義されていません{hint}",
    "correct the id, or add the resource to RESOURCES",
    "ID を修正するか、RESOURCES 表に追加してください",
)
NOT_PRIMITIVE = _error(
    "unknown-resource",
    "“{cell}” is a {kind}; a primitive is needed here",
    "「{cell}」は {kind} です（primitive を指定してください）",
    "give the id of a primitive",
    "primitive の ID を記入してください",
)
PRIMITIVE_WITHOUT_ID = _error(
    "primitive-without-id",
    "this PRIMITIVE table has rows but its P row names no resource",
    "PRIMITIVE 表の P に id がありません",
    "fill in the row below P",
    "P の行に id を記入してください",
)
MISSING_PRIMITIVE_TABLE = _error(
    "missing-primitive-table",
    "the primitive “{cell}” has no PRIMITIVE table",
    "プリミティブ「{cell}」の PRIMITIVE 表がありません",
    "add a PRIMITIVE table with this id, or delete the row",
    "この ID の PRIMITIVE 表を追加するか、行を削除してください",
)
EMPTY_CONTAINER = _error(
    "empty-container",
    "the {kind} “{cell}” holds no resource",
    "{kind}「{cell}」に含まれるリソースがありません",
    "add a resource one column to the right below it, or delete the row",
    "1 つ右の列に子リソースを追加するか、行を削除してください",
)

# Constraints.
NO_MONITOR = _error(
    "no-monitor-resource",
    "no {kind} resource has the parameter name=“{attribute}”",
    "パラメータ name=「{attribute}」を設定した {kind} リソースがありません",
    "correct the attribute in the header, or add the {kind} resource",
    "見出しの属性名を修正するか、{kind} リソースを追加してください",
)
EMPTY_LOCATION = _warning(
    "empty-location",
    "the row names “{cell}” and sets nothing",
    "リソース「{cell}」だけが記入されています",
    "fill in a cell of the row, or delete the row",
    "配置の条件を記入するか、行を削除してください",
)
MISSING_BOOL_OP = _error(
    "missing-bool-op",
    "the rule of row {ref_row} has several expressions and no bool_op",
    "{ref_row} 行目のルールに複数の条件がありますが bool_op がありません",
    "write and / or into bool_op of row {ref_row}",
    "{ref_row} 行目の bool_op に and または or を記入してください",
)
RECIPIENT_MISSING = _error(
    "recipient-missing",
    "these attributes belong to a recipient that is empty",
    "直前の recipient が空です",
    "fill in the recipient",
    "recipient を記入してください",
)
ALERT_PATH_MISSING = _error(
    "alert-path-missing",
    "this ALERT table has no path",
    "ALERT 表の path が空です",
    "fill in the path of the script",
    "スクリプトの path を記入してください",
)
DUPLICATE_PARAMETER = _warning(
    "duplicate-parameter",
    "“{cell}” is already set in row {ref_row}",
    "「{cell}」は {ref_row} 行目で既に設定されています",
    "delete one of the rows",
    "いずれか一方の行を削除してください",
)
DUPLICATE_CONSTRAINT = _warning(
    "duplicate-constraint",
    "the same constraint stands in row {ref_row}",
    "同じ制約が {ref_row} 行目で既に設定されています",
    "delete one of the rows",
    "いずれか一方の行を削除してください",
)
DUPLICATE_LOCATION_RULE = _warning(
    "duplicate-location-rule",
    "the same rule for “{cell}” stands in row {ref_row}",
    "「{cell}」の同じルールが {ref_row} 行目で既に設定されています",
    "delete one of the rows",
    "いずれか一方の行を削除してください",
)
DUPLICATE_DEVICE = _warning(
    "duplicate-device",
    "the device “{cell}” already stands in this level in row {ref_row}",
    "デバイス「{cell}」は同じレベルの {ref_row} 行目で既に設定されています",
    "delete one of the rows",
    "いずれか一方の行を削除してください",
)
SELF_REFERENCE = _error(
    "self-reference",
    "the constraint relates “{cell}” to itself",
    "制約が「{cell}」自身を参照しています",
    "name two different resources",
    "異なる 2 つのリソースを指定してください",
)
MEMBER_REFERENCE = _warning(
    "member-reference",
    "the constraint relates “{container}” to its own member “{member}”",
    "制約が「{container}」と、その要素「{member}」を関連付けています",
    "the {container} already decides this; delete the row",
    "不要な制約です。行を削除してください",
)
ORDER_CYCLE = _warning(
    "order-cycle",
    "the orders run in a circle: {cycle}",
    "起動順序が循環しています: {cycle}",
    "delete one of these rows",
    "循環する行のいずれかを削除してください",
)
UNKNOWN_NODE = _warning(
    "unknown-node",
    "the node “{cell}” does not stand in NODE{hint}",
    "ノード「{cell}」は NODE 表に定義されていません{hint}",
    "correct the name, or add the node",
    "ノード名を修正するか、NODE 表に追加してください",
)
NODE_TYPE_CHANGED = _warning(
    "node-type-changed",
    "the node “{cell}” has another type in row {ref_row}; crm refuses two statements for one node",
    "ノード「{cell}」の種別が {ref_row} 行目と異なります",
    "use the same ntype in both rows",
    "同じ ntype を記入してください",
)
DANGLING_ADDITIONAL = _warning(
    "dangling-additional",
    "ADDITIONAL_CONFIG names “{name}”, which the sheet does not define",
    "ADDITIONAL_CONFIG で参照されている「{name}」は定義されていません",
    "correct the id; the cluster refuses a configuration with unknown ids (# in column A switches an example row off)",
    "ID を修正してください（記入例の行は A 列に # を記入すると無効になります）",
)
CLASHING_ADDITIONAL = _warning(
    "clashing-additional",
    "ADDITIONAL_CONFIG defines “{name}”, an id that the sheet already uses",
    "ADDITIONAL_CONFIG の ID「{name}」は既に使用されています",
    "choose another id",
    "別の ID を付けてください",
)
UNKNOWN_STATEMENT = _warning(
    "unknown-statement",
    "“{name}” is not a statement of the crm shell",
    "「{name}」は crm の構文ではありません",
    "correct the first word of the line",
    "行頭の語を修正してください",
)
STONITH_SWITCHED_OFF = _info(
    "stonith-switched-off",
    "the sheet has STONITH resources and stonith-enabled is “{cell}”",
    "STONITH リソースがありますが stonith-enabled は「{cell}」です",
    "set stonith-enabled to true if nodes are to be fenced",
    "STONITH を使用する場合は true にしてください",
)
STONITH_MISSING = _warning(
    "stonith-missing",
    "stonith-enabled is true and the sheet has no STONITH resource; no resource will start",
    "stonith-enabled が true ですが STONITH リソースがありません",
    "add a STONITH resource, or set stonith-enabled to false",
    "STONITH リソースを追加するか、false にしてください",
)


class Findings:
    """Collects the problems of one sheet; each keeps its cell as `sheet!C14` and as row and column."""

    def __init__(self, sheet: str) -> None:
        self.sheet = sheet
        self.problems: list[Problem] = []

    def report(self, kind: ProblemKind, cell: Cell, /, **parameters: Any) -> None:
        given = {"cell": cell.text, "hint": "", **parameters, "row": cell.row, "column": column_letter(cell.column)}
        self.problems.append(kind.at(f"{self.sheet}!{cell.name}", **given))

    def in_order(self) -> tuple[Problem, ...]:
        """From top to bottom; within one row in the order of discovery. Nothing is said twice."""
        seen = dict.fromkeys((p.code, p.place, p.sentence()) for p in self.problems)
        unique = {(p.code, p.place, p.sentence()): p for p in reversed(self.problems)}
        return tuple(sorted((unique[key] for key in seen), key=lambda p: int(p.parameters["row"])))
