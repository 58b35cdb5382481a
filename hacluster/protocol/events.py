"""What happened, in the operator's language: one catalogue for log line, crm_mon, console and tests.

Reads `EventRecord` (code and fields, as it travels between nodes); gives its priority, its alert level and its
sentence. The English sentences are those of pm_logconv, so that a site's log watchers go on matching; the Japanese
ones stand beside them (reference/logconv, section 3). A kind is declared once, below, and `kind.record(…)` makes
an event of it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from hacluster.protocol.messages import EventRecord


class Priority(StrEnum):
    """The priority of the log line, in pm_logconv's words."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class AlertLevel(StrEnum):
    """How loudly the console says it (reference/console, 3.5)."""

    NONE = "none"
    WARNING = "warning"
    MAJOR = "major"
    CRITICAL = "critical"


class EventKind(msgspec.Struct, frozen=True):
    """One sort of event. The sentences are `str.format` templates over the record's fields."""

    code: str
    priority: Priority
    en: str
    ja: str
    alert: AlertLevel = AlertLevel.NONE

    def sentence(self, fields: dict[str, str], language: str = "en") -> str:
        template = self.ja if language == "ja" else self.en
        return template.format_map(_Fields(fields))


class _Fields(dict[str, str]):
    """A record of an older agent may lack a field: the gap is shown instead of failing."""

    def __missing__(self, name: str) -> str:
        return f"<{name}?>"


CATALOGUE: dict[str, EventKind] = {}


def _kind(code: str, priority: Priority, en: str, ja: str, alert: AlertLevel = AlertLevel.NONE) -> EventKind:
    kind = EventKind(code, priority, en, ja, alert)
    assert code not in CATALOGUE, f"event {code} is declared twice"
    CATALOGUE[code] = kind
    return kind


_I, _W, _E = Priority.INFO, Priority.WARNING, Priority.ERROR
_warning, _major, _critical = AlertLevel.WARNING, AlertLevel.MAJOR, AlertLevel.CRITICAL

# ---------------------------------------------------------------- the agent and its processes

MESSAGING_STARTING = _kind(
    "messaging.starting", _I, "Starting Heartbeat {version}.", "Heartbeat {version} を起動しています。"
)
MESSAGING_STOPPED = _kind("messaging.stopped", _I, "Heartbeat shutdown complete.", "Heartbeat の停止が完了しました。")
MANAGER_STARTING = _kind(
    "manager.starting", _I, "Starting Pacemaker {version}.", "Pacemaker {version} を起動しています。"
)
MANAGER_STOPPING = _kind("manager.stopping", _I, "Pacemaker is shutting down.", "Pacemaker を停止しています。")
MANAGER_STOPPED = _kind("manager.stopped", _I, "Pacemaker shutdown complete.", "Pacemaker の停止が完了しました。")
SHUTDOWN_REQUESTED = _kind(
    "node.shutdown_requested",
    _I,
    "Pacemaker on {node} is shutting down.",
    "{node} の Pacemaker が停止を要求しました。",
)
PROCESS_STARTED = _kind(
    "process.started", _I, 'Start "{process}" process. (pid={pid})', "プロセス {process} を起動しました。(pid={pid})"
)
PROCESS_EXITED_OK = _kind(
    "process.exited_ok",
    _I,
    'Stop "{process}" process normally. (pid={pid})',
    "プロセス {process} が正常に終了しました。(pid={pid})",
)
PROCESS_EXITED_ERROR = _kind(
    "process.exited_error",
    _W,
    'Managed "{process}" process exited. (pid={pid}, rc={rc})',
    "プロセス {process} が異常終了しました。(pid={pid}, rc={rc})",
    _warning,
)
PROCESS_KILLED = _kind(
    "process.killed",
    _W,
    'Managed "{process}" process terminated with signal {signal}. (pid={pid})',
    "プロセス {process} がシグナル {signal} で終了しました。(pid={pid})",
    _warning,
)
PROCESS_RESPAWN_LIMIT = _kind(
    "process.respawn_limit",
    _E,
    'Respawn count exceeded by "{process}".',
    "プロセス {process} の再起動回数が上限を超えました。",
    _critical,
)

# ---------------------------------------------------------------- nodes, links, DC

NODE_LOST = _kind("node.lost", _W, "Node {node} is lost", "ノード {node} がクラスターから離脱しました", _major)
NODE_MEMBER = _kind("node.member", _I, "Node {node} is member", "ノード {node} がクラスターに参加しました")
NODE_LATE = _kind(
    "node.late_heartbeat",
    _W,
    "Late heartbeat: Node {node}: interval {interval_ms} ms",
    "ハートビート遅延: ノード {node}: 間隔 {interval_ms} ms",
    _warning,
)
NODE_RETURNED = _kind(
    "node.returned",
    _E,
    "Cluster node {node} returning after partition.",
    "ノード {node} が分断から復帰しました。",
    _major,
)
NODE_FLAPPING = _kind(
    "node.flapping",
    _W,
    "Node {node} was lost {losses} times within a minute: it is taken in after {hold_ms} ms without a break.",
    "ノード {node} が 1 分間に {losses} 回離脱しました。{hold_ms} ms 途切れずに受信できた後に参加させます。",
    _major,
)
NODE_REFUSED = _kind(
    "node.refused",
    _E,
    "Node {node} was refused by the cluster: {reason}",
    "ノード {node} の参加が拒否されました: {reason}",
    _major,
)
DC_ELECTED = _kind("dc.elected", _I, "Set DC node to {node}.", "DC ノードが {node} に選出されました。")
DC_UNSET = _kind("dc.unset", _I, "Unset DC node {node}.", "DC ノード {node} が解除されました。")
LINK_UP = _kind("link.up", _I, "Link {node}:{nic} is up.", "インターコネクトLAN {node}:{nic} の回復を検知しました。")
LINK_DEAD = _kind(
    "link.dead",
    _W,
    "Link {node}:{nic} is FAULTY.",
    "インターコネクトLAN {node}:{nic} の故障を検知しました。",
    _major,
)
QUORUM_GAINED = _kind("quorum.gained", _I, "Quorum acquired.", "クォーラムを獲得しました。")
QUORUM_LOST = _kind("quorum.lost", _E, "Quorum lost.", "クォーラムを失いました。", _critical)
TIE_WON = _kind(
    "tie.won",
    _I,
    "This half of the cluster has won the tie and goes on.",
    "クラスターが半分に分断されました。タイブレーカーに勝ったため、こちら側が継続します。",
)
TIE_LOST = _kind(
    "tie.lost",
    _E,
    "This half of the cluster has lost the tie and fences nobody.",
    "クラスターが半分に分断されました。タイブレーカーに負けたため、こちら側は他ノードをフェンシングしません。",
    _critical,
)

# ---------------------------------------------------------------- resources

OP_STARTED = _kind(
    "resource.op_started",
    _I,
    "Resource {resource} tries to {operation}.",
    "リソース {resource} の {operation} を開始します。",
)
OP_OK = _kind(
    "resource.op_ok",
    _I,
    "Resource {resource} {done}. (rc={rc}) ok",
    "リソース {resource} の {operation} が成功しました。(rc={rc})",
)
OP_FAILED = _kind(
    "resource.op_failed",
    _E,
    "Resource {resource} failed to {operation}. (rc={rc}) {text}",
    "リソース {resource} の {operation} が失敗しました。(rc={rc}) {text}",
    _major,
)
OP_TIMEOUT = _kind(
    "resource.op_timeout",
    _E,
    "Resource {resource} failed to {operation}. (Timed Out)",
    "リソース {resource} の {operation} がタイムアウトしました。",
    _major,
)
NOT_RUNNING = _kind(
    "resource.not_running",
    _E,
    "Resource {resource} does not work. (rc={rc}) not running",
    "リソース {resource} が動作していません。(rc={rc})",
    _major,
)
CLEANED = _kind(
    "resource.cleaned",
    _I,
    "Cleaned up {resource} on {node}.",
    "{node} のリソース {resource} の故障履歴をクリアしました。",
)

# ---------------------------------------------------------------- paths and attributes

PATH_UNREACHABLE = _kind(
    "path.unreachable",
    _E,
    "Network to {target} is unreachable.",
    "{target} へのネットワークが到達不能です。",
    _major,
)
PATH_REACHABLE = _kind(
    "path.reachable", _I, "Network to {target} is reachable.", "{target} へのネットワークが回復しました。"
)
DISK_ERROR = _kind(
    "disk.error",
    _E,
    "Disk connection to {target} is ERROR. (attr_name={attribute})",
    "ディスク {target} への接続が ERROR です。(attr_name={attribute})",
    _major,
)
DISK_NORMAL = _kind(
    "disk.normal",
    _I,
    "Disk connection to {target} is normal. (attr_name={attribute})",
    "ディスク {target} への接続が回復しました。(attr_name={attribute})",
)
ATTRIBUTE_UPDATED = _kind(
    "attribute.updated",
    _I,
    'Attribute "{attribute}" is updated to "{value}" at "{node}".',
    "{node} の属性 {attribute} が {value} に更新されました。",
)
ATTRIBUTE_DELETED = _kind(
    "attribute.deleted",
    _I,
    'Attribute "{attribute}" is deleted at "{node}".',
    "{node} の属性 {attribute} が削除されました。",
)

# ---------------------------------------------------------------- fencing

FENCE_REQUESTED = _kind(
    "fence.requested",
    _I,
    "Try to STONITH ({action}) {node}.",
    "{node} の STONITH ({action}) を試みます。",
    _major,
)
FENCE_DEVICE_STARTED = _kind(
    "fence.device_started",
    _I,
    "Try to execute STONITH device {device} on {executor} for {action} {node}.",
    "{executor} で {node} に対する STONITH デバイス {device} ({action}) を実行します。",
)
FENCE_DEVICE_OK = _kind(
    "fence.device_ok",
    _I,
    "Succeeded to execute STONITH device {device} for {node}.",
    "{node} に対する STONITH デバイス {device} の実行が成功しました。",
)
FENCE_DEVICE_FAILED = _kind(
    "fence.device_failed",
    _W,
    "Failed to execute STONITH device {device} for {node}.",
    "{node} に対する STONITH デバイス {device} の実行が失敗しました。",
)
FENCE_OK = _kind(
    "fence.ok",
    _I,
    "Succeeded to STONITH ({action}) {node} by {executor}.",
    "{executor} による {node} の STONITH ({action}) が成功しました。",
)
FENCE_FAILED = _kind(
    "fence.failed",
    _E,
    "Failed to STONITH ({action}) {node} by {executor}.",
    "{executor} による {node} の STONITH ({action}) が失敗しました。",
    _critical,
)
FENCE_CONFIRMED = _kind(
    "fence.confirmed_manually",
    _I,
    "Succeeded to STONITH (off) {node} by a human.",
    "{node} の停止が運用者 ({user}) により確認されました。",
)
FENCE_HELD = _kind(
    "fence.held",
    _W,
    "Not fencing {node}: this half of the cluster has not won the tie.",
    "{node} のフェンシングを保留しました（タイブレーカーに勝っていません）。",
)
FENCE_WAITING = _kind(
    "fence.waiting_for_human",
    _E,
    "OPERATOR INTERVENTION REQUIRED to reset {node}.",
    "{node} の停止確認が必要です（電源断を目視・BMCで確認し、手動停止確認を行ってください）。",
    _critical,
)
FENCE_GAVE_UP = _kind(
    "fence.gave_up",
    _E,
    "Too many failures to STONITH {node}.",
    "{node} の STONITH 失敗回数が上限に達しました。",
    _critical,
)

# ---------------------------------------------------------------- fail-over

FAILOVER_STARTED = _kind("failover.started", _E, "Start to fail-over.", "フェイルオーバーを開始します。", _major)
FAILOVER_RESOURCE = _kind(
    "failover.resource",
    _I,
    "Resource {resource} : {change}",
    "リソース {resource} : {change}",
)
FAILOVER_RESOURCE_STOPPED = _kind(
    "failover.resource_stopped",
    _E,
    "Resource {resource} : Stopped",
    "リソース {resource} : 停止",
    _critical,
)
FAILOVER_UNMANAGED = _kind(
    "failover.unmanaged", _E, "Unmanaged resource exists.", "管理対象外のリソースがあります。", _critical
)
FAILOVER_OK = _kind("failover.ok", _I, "fail-over succeeded.", "フェイルオーバーが成功しました。", _major)
FAILOVER_FAILED = _kind("failover.failed", _E, "fail-over failed.", "フェイルオーバーが失敗しました。", _critical)

# ---------------------------------------------------------------- configuration, disk, operators

CIB_CHANGED = _kind(
    "cib.changed",
    _I,
    "Configuration changed to {version} by {user} via {client}.",
    "構成が {version} に変更されました（{user}、{client}）。",
)
CIB_DIVERGED = _kind(
    "cib.diverged",
    _E,
    "Node {node} had another configuration ({version}); it was kept as {file}.",
    "ノード {node} に異なる構成 ({version}) がありました。{file} に保存しました。",
    _critical,
)
CIB_DAMAGED = _kind(
    "cib.damaged",
    _E,
    "The configuration file {file} is damaged; version {version} is used instead.",
    "構成ファイル {file} が破損しています。版 {version} を使用します。",
    _critical,
)
JOURNAL_FORKED = _kind(
    "journal.forked",
    _E,
    "The journal of {origin} is another one at {node} after entry {seq}: a database was put back from an old copy. "
    "Stop the agent of that node, remove its journal.sqlite3 and start it; the other nodes have what it held.",
    "{origin} のジャーナルがエントリ {seq} 以降 {node} と異なります（古いコピーから復元された可能性があります）。"
    "復元したノードのエージェントを停止し、journal.sqlite3 を削除して起動してください。内容は他ノードにあります。",
    _critical,
)
DISK_FULL = _kind(
    "storage.failed",
    _E,
    "Cannot write {file}: {reason}",
    "{file} に書き込めません: {reason}",
    _critical,
)
OPERATOR_ACTION = _kind(
    "operator.action",
    _I,
    "{user}: {action}",
    "操作: {user}: {action}",
)


def sentence(record: EventRecord, language: str = "en") -> str:
    """The event as a sentence; an unknown code (of a newer agent) shows itself with its fields."""
    kind = CATALOGUE.get(record.code)
    if kind is None:
        return " ".join([record.code, *(f"{name}={value}" for name, value in record.fields.items())])
    return kind.sentence(record.fields, language)


def priority(record: EventRecord) -> Priority:
    kind = CATALOGUE.get(record.code)
    return kind.priority if kind else Priority.INFO


def alert_level(record: EventRecord) -> AlertLevel:
    kind = CATALOGUE.get(record.code)
    return kind.alert if kind else AlertLevel.NONE


def log_line(record: EventRecord, language: str = "en") -> str:
    """`Mon DD HH:MM:SS host PRIORITY: message` in local time, the line form of pm_logconv."""
    at = datetime.fromtimestamp(record.at_ms / 1000)
    moment = f"{at:%b} {at.day:2d} {at:%H:%M:%S}"
    return f"{moment} {record.node} {priority(record).value:>7}: {sentence(record, language)}"


OPERATION_DONE = {
    "start": "started",
    "stop": "stopped",
    "promote": "promoted",
    "demote": "demoted",
    "migrate_to": "migrated_to",
    "migrate_from": "migrated_from",
}
"""The past forms that pm_logconv's sentences use (field `done` of resource.op_ok)."""
