"""Every mistake that `ha.cf` and `authkeys` can hold, as sentences in English and Japanese.

Reads nothing; nodeagent/config.py finds them.
"""

from __future__ import annotations

from hacluster.cib.problems import ProblemKind, Severity

__all__ = ["ProblemKind"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

UNREADABLE = ProblemKind(
    "config.unreadable",
    _ERROR,
    "{file} cannot be read: {reason}",
    "{file} を読めません: {reason}",
    "write the file, or name its folder with --etc",
    "ファイルを作成するか、--etc でフォルダーを指定してください",
)
UNKNOWN = ProblemKind(
    "config.unknown-directive",
    _ERROR,
    "there is no directive “{directive}”",
    "ディレクティブ「{directive}」はありません",
    "correct its spelling or take the line out",
    "綴りを直すか、行を削除してください",
)
ARGUMENTS = ProblemKind(
    "config.arguments",
    _ERROR,
    "“{directive}” has the wrong number or form of words",
    "「{directive}」の引数の数または形式が誤っています",
    "write: {usage}",
    "書式: {usage}",
)
TIME = ProblemKind(
    "config.time",
    _ERROR,
    "{directive} “{value}” is not a time",
    "{directive}「{value}」は時間ではありません",
    "write seconds (2) or milliseconds (1500ms)",
    "秒 (2) またはミリ秒 (1500ms) で指定してください",
)
NUMBER = ProblemKind(
    "config.number",
    _ERROR,
    "{directive} “{value}” is not a number from {least} to {most}",
    "{directive}「{value}」は {least} から {most} までの数ではありません",
    "write a whole number of that range",
    "その範囲の整数を指定してください",
)
BOOLEAN = ProblemKind(
    "config.boolean",
    _ERROR,
    "{directive} “{value}” is neither on nor off",
    "{directive}「{value}」は on でも off でもありません",
    "write on or off",
    "on または off を指定してください",
)
ADDRESS = ProblemKind(
    "config.address",
    _ERROR,
    "{directive}: “{value}” is not an IPv4 address",
    "{directive}: 「{value}」は IPv4 アドレスではありません",
    "write it like 192.168.1.2",
    "192.168.1.2 の形式で指定してください",
)
MULTICAST = ProblemKind(
    "config.multicast",
    _ERROR,
    "mcast: “{value}” is not a multicast address",
    "mcast: 「{value}」はマルチキャストアドレスではありません",
    "take one from 239.0.0.0/8",
    "239.0.0.0/8 から選んでください",
)
CHOICE = ProblemKind(
    "config.choice",
    _ERROR,
    "{directive} “{value}” is not one of: {choices}",
    "{directive}「{value}」は次のいずれでもありません: {choices}",
    "write one of them",
    "いずれかを指定してください",
)
NODE_NAME = ProblemKind(
    "config.node-name",
    _ERROR,
    "“{value}” cannot be a node's name",
    "「{value}」はノード名にできません",
    "a name has letters, digits, dots and hyphens, as uname -n prints it",
    "英数字・ドット・ハイフンのみ使用できます（uname -n の値）",
)
NODE_TWICE = ProblemKind(
    "config.node-twice",
    _WARNING,
    "node {node} is named twice",
    "ノード {node} が重複しています",
    "name it once",
    "一度だけ記載してください",
)
LINK_TWICE = ProblemKind(
    "config.link-twice",
    _ERROR,
    "the interface {interface} is already a heartbeat link",
    "インターフェース {interface} は既にハートビートリンクです",
    "use each interface for one of bcast, ucast, mcast",
    "各インターフェースは bcast・ucast・mcast のいずれか一つに使用してください",
)
PORT_AFTER_MEDIA = ProblemKind(
    "config.order",
    _WARNING,
    "{directive} comes after a bcast, ucast or mcast line, which keeps the port it had",
    "{directive} が bcast・ucast・mcast 行より後にあるため、それらの行には反映されません",
    "move the line up",
    "行を上に移動してください",
)
OBSOLETE = ProblemKind(
    "config.obsolete",
    _WARNING,
    "“{directive}” is obsolete and ignored: there are no serial heartbeat links any more",
    "「{directive}」は廃止されたため無視します（シリアル接続のハートビートはありません）",
    "use a second network interface",
    "2 本目のネットワークインターフェースを使用してください",
)
NOT_NEEDED = ProblemKind(
    "config.not-needed",
    _WARNING,
    "“{directive}” has no meaning here and is ignored",
    "「{directive}」は意味を持たないため無視します",
    "take the line out",
    "行を削除してください",
)
USE_PINGD = ProblemKind(
    "config.ping",
    _WARNING,
    "“{directive}” is ignored: hosts are pinged by a resource",
    "「{directive}」は無視します（ping の監視はリソースで行います）",
    "configure a clone of ocf:pacemaker:pingd with host_list",
    "host_list を指定した ocf:pacemaker:pingd のクローンを設定してください",
)
USE_STONITH = ProblemKind(
    "config.stonith",
    _ERROR,
    "“{directive}” is not read: fence devices are resources",
    "「{directive}」は使用できません（フェンスデバイスはリソースとして設定します）",
    "take the line out and configure a primitive of class stonith",
    "行を削除し、stonith クラスの primitive を設定してください",
)
AUTOJOIN = ProblemKind(
    "config.autojoin",
    _WARNING,
    "only listed nodes are let in: autojoin counts as none",
    "node 行のノードのみ参加できます（autojoin は none として扱います）",
    "list every node in a node line",
    "すべてのノードを node 行に記載してください",
)
MANAGER_OFF = ProblemKind(
    "config.manager-off",
    _WARNING,
    "“{directive} off” is ignored: the agent always manages resources",
    "「{directive} off」は無視します（リソース管理は常に有効です）",
    "write {directive} respawn, or put the cluster into maintenance-mode",
    "{directive} respawn とするか、maintenance-mode を使用してください",
)
NO_NODES = ProblemKind(
    "config.no-nodes",
    _ERROR,
    "no node is named",
    "ノードの指定がありません",
    "add: node NAME1 NAME2, with the names that uname -n prints",
    "node 行に uname -n の名前を記載してください",
)
NOT_A_NODE = ProblemKind(
    "config.not-a-node",
    _ERROR,
    "this machine is “{node}”, which is not among the nodes {nodes}",
    "このマシンの名前「{node}」がノード一覧 {nodes} にありません",
    "add it to the node line, or correct the name with hostnamectl or --node",
    "node 行に追加するか、hostnamectl または --node で名前を直してください",
)
NO_LINK = ProblemKind(
    "config.no-link",
    _ERROR,
    "there is no heartbeat link",
    "ハートビートリンクがありません",
    "add a bcast, ucast or mcast line for each heartbeat LAN",
    "ハートビート LAN ごとに bcast・ucast・mcast 行を追加してください",
)
ONE_LINK = ProblemKind(
    "config.one-link",
    _WARNING,
    "{interface} is the only heartbeat link: when it breaks, the nodes fence each other",
    "ハートビートリンクが {interface} の 1 本のみです（障害時に相互に STONITH します）",
    "add a second one",
    "2 本目を追加してください",
)
MANY_NODES = ProblemKind(
    "config.many-nodes",
    _WARNING,
    "the heartbeat engine is made for two nodes, and {count} are named",
    "heartbeat エンジンは 2 ノード用です（{count} ノード指定されています）",
    "use engine corosync from three nodes on",
    "3 ノード以上では engine corosync を使用してください",
)
TOO_SHORT = ProblemKind(
    "config.too-short",
    _ERROR,
    "{directive} of {value} ms is shorter than {least} ms",
    "{directive} の {value} ms は下限 {least} ms より短い値です",
    "write {least}ms or more",
    "{least}ms 以上にしてください",
)
ORDER_OF_TIMES = ProblemKind(
    "config.order-of-times",
    _ERROR,
    "{shorter} ({shorter_ms} ms) must be shorter than {longer} ({longer_ms} ms)",
    "{shorter} ({shorter_ms} ms) は {longer} ({longer_ms} ms) より短くしてください",
    "keep keepalive < warntime < deadtime <= initdead",
    "keepalive < warntime < deadtime <= initdead としてください",
)

# ---------------------------------------------------------------- authkeys

KEYS_MODE = ProblemKind(
    "config.keys-mode",
    _ERROR,
    "others than its owner may read the keys (mode {mode})",
    "鍵ファイルを所有者以外が読めます（モード {mode}）",
    "chmod 600 authkeys",
    "chmod 600 authkeys を実行してください",
)
KEY_LINE = ProblemKind(
    "config.key-line",
    _ERROR,
    "neither “auth NUMBER” nor “NUMBER METHOD SECRET”",
    "「auth 番号」でも「番号 方式 秘密鍵」でもありません",
    "write for instance: 1 sha256 SECRET",
    "例: 1 sha256 秘密鍵",
)
KEY_NUMBER = ProblemKind(
    "config.key-number",
    _ERROR,
    "key number {number} is not from 1 to {most}",
    "鍵番号 {number} は 1 から {most} までの数ではありません",
    "give it a number of that range",
    "その範囲の番号にしてください",
)
KEY_TWICE = ProblemKind(
    "config.key-twice",
    _ERROR,
    "key {number} is given twice",
    "鍵 {number} が重複しています",
    "give every key a number of its own",
    "鍵ごとに異なる番号を付けてください",
)
KEY_METHOD = ProblemKind(
    "config.key-method",
    _ERROR,
    "“{method}” is not a method of authentication",
    "「{method}」という認証方式はありません",
    "use one of: {methods}",
    "次のいずれかを指定してください: {methods}",
)
WEAK_KEY = ProblemKind(
    "config.weak-key",
    _ERROR,
    "{method} no longer protects the heartbeats",
    "{method} ではハートビートを保護できません",
    "write: NUMBER sha256 SECRET with a new secret; allow_weak_keys yes in ha.cf lets an old key in",
    "新しい秘密鍵で「番号 sha256 秘密鍵」とするか、ha.cf の allow_weak_keys yes で許可してください",
)
WEAK_KEY_ALLOWED = ProblemKind(
    "config.weak-key-allowed",
    _WARNING,
    "a {method} key is in use because of allow_weak_keys",
    "allow_weak_keys により {method} の鍵を使用しています",
    "roll it: add a sha256 key everywhere, then switch auth",
    "全ノードに sha256 の鍵を追加した後、auth を切り替えてください",
)
NO_SECRET = ProblemKind("config.no-secret", _ERROR, "key {number} has no secret", "鍵 {number} に秘密鍵がありません")
SHORT_SECRET = ProblemKind(
    "config.short-secret",
    _WARNING,
    "the secret of key {number} has only {length} characters",
    "鍵 {number} の秘密鍵が {length} 文字しかありません",
    "use {least} or more, for instance from: openssl rand -hex 32",
    "{least} 文字以上にしてください（例: openssl rand -hex 32）",
)
NO_AUTH = ProblemKind(
    "config.no-auth",
    _ERROR,
    "no line says which key to send with",
    "送信に使う鍵の指定がありません",
    "add: auth NUMBER",
    "auth 番号 を追加してください",
)
AUTH_WITHOUT_KEY = ProblemKind(
    "config.auth-without-key",
    _ERROR,
    "auth {number} names a key that is not in the file",
    "auth {number} の鍵がファイルにありません",
    "add a line: {number} sha256 SECRET",
    "「{number} sha256 秘密鍵」の行を追加してください",
)
TIE_WITHOUT_SPLIT = ProblemKind(
    "config.tiebreaker-odd",
    _WARNING,
    "{count} nodes cannot be split evenly, so the tie-breaker is never asked",
    "{count} ノードは均等に分断されないため、タイブレーカーは使われません",
    "take the line out",
    "行を削除してください",
)
PING_FOR_MANY = ProblemKind(
    "config.tiebreaker-ping-many",
    _ERROR,
    "both halves of {count} nodes may reach the ping node, and then both would act",
    "{count} ノードでは分断の両側が ping 先に到達し、両側が動作する可能性があります",
    "use “tiebreaker disk /DEVICE”",
    "“tiebreaker disk /DEVICE” を使ってください",
)
