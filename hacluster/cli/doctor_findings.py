"""What `hactl doctor` can say, in both languages: each check has a sentence for well and one for ill, with its cure."""

from __future__ import annotations

from hacluster.cib.problems import ProblemKind, Severity


def _fine(code: str, en: str, ja: str) -> ProblemKind:
    return ProblemKind(f"doctor.{code}", Severity.INFO, en, ja)


def _ill(code: str, severity: Severity, en: str, ja: str, cure_en: str, cure_ja: str) -> ProblemKind:
    return ProblemKind(f"doctor.{code}", severity, en, ja, cure_en, cure_ja)


_W, _E = Severity.WARNING, Severity.ERROR
CONFIGURATION_OK = _fine("configuration-ok", "{text}", "{text}")
# The agent's own sentence has its place and its cure in it.
CONFIGURATION = _ill("configuration", _E, "{text}", "{text}", "", "")
CONFIGURATION_ODD = _ill("configuration-odd", _W, "{text}", "{text}", "", "")
KEYS_OK = _fine("keys-ok", "authkeys can be read by its owner alone", "authkeys は所有者だけが読めます")
KEYS = _ill(
    "keys",
    _E,
    "authkeys has the mode {mode} and belongs to uid {uid}",
    "authkeys のモードは {mode}、所有者は uid {uid} です",
    "chown root authkeys; chmod 600 authkeys",
    "chown root authkeys; chmod 600 authkeys を実行してください",
)
NO_KEYS = _ill(
    "no-keys",
    _E,
    "there is no authkeys",
    "authkeys がありません",
    "copy it from the other node",
    "他ノードからコピーしてください",
)
INTERFACE_OK = _fine("interface-ok", "the interface {name} is up", "インタフェース {name} は up です")
INTERFACE = _ill(
    "interface",
    _E,
    "the interface {name} of ha.cf is {state}",
    "ha.cf のインタフェース {name} は {state} です",
    "correct ha.cf, or: ip link set {name} up",
    "ha.cf を修正するか ip link set {name} up を実行してください",
)
ONE_LINK = _ill(
    "one-link",
    _W,
    "ha.cf names one heartbeat link only: a cut cable splits the cluster",
    "ハートビート LAN が 1 本だけです（断線でスプリットブレインになります）",
    "add a second bcast, ucast or mcast line over another LAN",
    "別 LAN の bcast / ucast / mcast 行を追加してください",
)
PORT_OK = _fine("port-ok", "port {port} is {state}", "ポート {port} は {state_ja}です")
PORT = _ill(
    "port",
    _E,
    "port {port}/{protocol} is used by another program",
    "ポート {port}/{protocol} は他のプログラムが使用しています",
    "end that program (ss -lnp), or change udpport in ha.cf on all nodes",
    "該当プログラムを停止する（ss -lnp）か、全ノードの udpport を変更してください",
)
AGENT_OK = _fine(
    "agent-ok",
    "the agent runs: {state}, DC {dc}, members {members}",
    "エージェント稼働中: {state}, DC {dc}, メンバー {members}",
)
AGENT = _ill("agent", _E, "{reason}", "{reason}", "start nodeagent", "nodeagent を起動してください")
NO_QUORUM = _ill(
    "no-quorum",
    _W,
    "this partition has no quorum",
    "このパーティションには定足数がありません",
    "bring the other nodes back",
    "他のノードを復旧してください",
)
REDIS_OFF = _fine("redis-off", "Redis is not used", "Redis は使用していません")
REDIS_OK = _fine("redis-ok", "Redis answers", "Redis は応答しています")
REDIS = _ill(
    "redis",
    _W,
    "Redis does not answer: {reason}; the console goes on without it",
    "Redis が応答しません: {reason}（コンソールは Redis なしで動作します）",
    "start it, or unset HACLUSTER_REDIS_URL",
    "起動するか、HACLUSTER_REDIS_URL を解除してください",
)
CLOCK_OK = _fine("clock-ok", "the clock is synchronised", "時刻は同期しています")
CLOCK = _ill(
    "clock",
    _W,
    "the clock is not synchronised: times in events of several nodes can't be compared",
    "時刻が同期していません（ノード間のイベント時刻を比較できません）",
    "run chrony or systemd-timesyncd",
    "chrony または systemd-timesyncd を動作させてください",
)
AGENTS_OK = _fine(
    "agents-ok",
    "all {count} agents of the configuration are installed",
    "構成のエージェント {count} 個は全て導入済みです",
)
AGENT_MISSING = _ill(
    "agent-missing",
    _E,
    "the agent {name} is configured but not installed on this node",
    "構成中のエージェント {name} がこのノードにありません",
    "install its package (resource-agents, fence-agents, …)",
    "パッケージ（resource-agents, fence-agents など）を導入してください",
)
DISK_OK = _fine("disk-ok", "{folder} has {free} MB free", "{folder} の空きは {free} MB です")
DISK = _ill(
    "disk",
    _E,
    "{folder} has only {free} MB free: a node that can't write leaves the cluster",
    "{folder} の空きが {free} MB しかありません（書き込めないノードはクラスターから外れます）",
    "free at least {needed} MB",
    "{needed} MB 以上の空きを確保してください",
)
NO_FOLDER = _ill(
    "no-folder",
    _W,
    "{folder} is not there yet; the agent makes it at its first start",
    "{folder} はまだありません（エージェントの初回起動時に作成されます）",
    "start the agent",
    "エージェントを起動してください",
)
WATCHDOG_OK = _fine("watchdog-ok", "the watchdog {device} is there", "ウォッチドッグ {device} があります")
WATCHDOG = _ill(
    "watchdog",
    _W,
    "ha.cf names the watchdog {device}, which is not there",
    "ha.cf のウォッチドッグ {device} がありません",
    "modprobe softdog, or the driver of the hardware",
    "modprobe softdog またはハードウェアのドライバを読み込んでください",
)
JOURNAL_OK = _fine(
    "journal-ok",
    "the chains of hashes cover the whole journal ({count} origins)",
    "ジャーナル全体（起源 {count} 個）のハッシュ連鎖は正常です",
)
JOURNAL = _ill(
    "journal",
    _E,
    "the journal of {origin} was changed, or is damaged, before entry {seq}",
    "{origin} のジャーナルはエントリ {seq} より前が変更されたか破損しています",
    "stop this agent, move journal.sqlite3 away for whoever looks into it, start it: the other nodes have what it held",
    "エージェントを停止し、journal.sqlite3 を調査用に退避してから起動してください（内容は他ノードにあります）",
)
CIB_OK = _fine("cib-ok", "the configuration of the cluster has no errors", "クラスター構成にエラーはありません")
CIB = _ill(
    "cib",
    _W,
    "the configuration of the cluster has {count} errors",
    "クラスター構成に {count} 個のエラーがあります",
    "crm configure verify",
    "crm configure verify で確認してください",
)
