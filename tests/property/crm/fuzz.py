"""Mutated crm texts: whatever arrives, there is an answer. `tests.property.fuzz` runs many seeds."""

from __future__ import annotations

import functools
import random
from pathlib import Path

from hacluster.cib.codec import parse_xml, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.problems import Problem
from hacluster.crm.apply import Mode, load
from hacluster.crm.printer import show

TEXTS = (
    """primitive pg ocf:heartbeat:pgsql params pgctl="/usr/bin/pg ctl" start_opt="-p 5432 -h 127.0.0.1" \\
    op start interval=0s timeout=300s on-fail=restart op monitor interval=10s timeout=60s \\
    meta migration-threshold=1 utilization cpu=2
group grp ex fs pg params x=1 meta target-role=Started
primitive ex ocf:pacemaker:Dummy
primitive fs Filesystem params device=/dev/vdb1 directory=/data fstype=ext4 op stop timeout=60s on-fail=fence
location l1 grp rule 100: #uname eq pm01 and defined pingd
location l2 grp rule -inf: not_defined pingd or pingd lt 100
colocation c1 inf: grp clnPing
order o1 0: clnPing grp symmetrical=false
primitive ping ocf:pacemaker:ping params host_list="192.168.0.1 192.168.0.2" op monitor interval=10
clone clnPing ping meta interleave=true
property stonith-enabled=true no-quorum-policy=ignore
rsc_defaults resource-stickiness=INFINITY migration-threshold=1
""",
    """node 1: pm01 attributes rack=7 utilization cpu=8
node 2: pm02
rsc_template big ocf:heartbeat:Xen params xmfile=x op monitor interval=10
primitive vm @big params 2: rule #uname eq pm01 ip=1 rule date in start=2026-01-01 years=1
ms msDrbd drbd meta master-max=1 notify=true
primitive drbd ocf:linbit:drbd op monitor role=Master interval=9 OCF_CHECK_LEVEL=10
bundle b1 docker image=a network ip-range-start=1.2.3.4 port-mapping port=80 storage storage-mapping source-dir=/a \\
    target-dir=/b primitive vm
order o2 Mandatory: [ a b sequential=true ] ( c:start d:promote ) e
colocation c3 -inf: ( x:Master y ) z node-attribute=rack
location l3 { a b ( c d ) x:Master } resource-discovery=exclusive inf: pm01
rsc_ticket t1 tA: msDrbd:Master loss-policy=demote
fencing_topology pm01: f1,f2 f3 pattern:pm.* f4 attr:rack=7 f5
tag t: a b c
alert al /bin/x attributes a=1 meta timeout=5s select nodes fencing attributes { x y } to { y@z attributes b=2 } to z
role r write xpath:"//primitive[@id='x']" deny type:node attr:uname read ref:vm
acl_target u r
acl_group g r
user old role:r
op_defaults rule #uname eq x timeout=3s record-pending=true
monitor vm:Master 10s:5s
xml <primitive id="q" class="ocf" type="t"><operations><op id="i" name="stop" interval="0"/></operations></primitive>
# a comment
primitive c3p params $id=p3 $x:a=b @x:c op_params $id=z a=1
""",
)
PIECES = (
    '"', "'", "\\", "\\\n", "\n", "\r\n", "\t", "(", ")", "[", "]", "{", "}", "<", ">", "&", "$id=", "$id-ref=", "@",
    ":", "=", ",", "#", "rule", "and", "or", "inf:", "-inf:", "99999999999999999999:", "1e999", "-", "%s", "{0}",
    "\x00", "\x0b", "\u2028", "\ufeff", "\u00a5", "￥", "＼", "日本語", "\ud800", "é", "🙂", "date", "spec", "in_range",
    "xml <a", "params", "meta", "op", "operations", "$role=x", "role=", "..", "/regex(/", "]]>", "<!--", "a" * 300,
)  # fmt: skip


SMALL_TEXTS = tuple(
    part.partition("\n")[2]
    for part in (Path(__file__).parents[2] / "contract" / "crm_texts.txt").read_text(encoding="utf-8").split("=== ")[1:]
)
"""One for each form of each statement."""


def mutated(seed: int) -> str:
    """The text of a seed: a long one hurt in a few places, or a small one hurt so little that many are taken."""
    luck = random.Random(seed)
    if luck.random() < 0.5:
        text, hurts = luck.choice(TEXTS), luck.randint(1, 12)
    else:
        text, hurts = luck.choice(SMALL_TEXTS), luck.choice((0, 1, 1, 2, 3))
    for _ in range(hurts):
        text = luck.choice(_MUTATIONS)(text, luck)
    return text[:200_000]


def _quote_value(text: str, luck: random.Random) -> str:
    """A value of another kind, in quotes: the statement stays one."""
    parts = text.split("=")
    at = luck.randrange(len(parts))
    _, space, rest = parts[at].partition(" ")
    value = "".join(luck.choice(_VALUE_PIECES) for _ in range(luck.randint(0, 4)))
    parts[at] = f'"{value}"{space}{rest}' if at else parts[at]
    return "=".join(parts)


_VALUE_PIECES = (
    *("a", "B1", " ", "  ", '\\"', "\\\\", "\\", "'", "#", ":", "=", ",", "(", "]", "{", "$id", "@", "日本", "é"),
    *("rule", "params", "¥", "＼", "\t", "--", "&amp;", "<b>", "inf:", "//", "%", "x" * 200),
)


def _insert(text: str, luck: random.Random) -> str:
    at = luck.randrange(len(text) + 1)
    return f"{text[:at]}{luck.choice(PIECES)}{text[at:]}"


def _cut(text: str, luck: random.Random) -> str:
    at = luck.randrange(len(text) + 1)
    return text[:at] + text[at + luck.randint(1, 30) :]


def _swap_words(text: str, luck: random.Random) -> str:
    words = text.split(" ")
    one, other = luck.randrange(len(words)), luck.randrange(len(words))
    words[one], words[other] = words[other], words[one]
    return " ".join(words)


def _repeat_line(text: str, luck: random.Random) -> str:
    lines = text.split("\n")
    line = luck.choice(lines)
    return "\n".join([*lines, *[line] * luck.choice((1, 2, 40))])


def _replace_word(text: str, luck: random.Random) -> str:
    words = text.split(" ")
    words[luck.randrange(len(words))] = luck.choice((luck.choice(PIECES), luck.choice(words)))
    return " ".join(words)


def _deepen(text: str, luck: random.Random) -> str:
    piece, count = luck.choice(("( ", "[ ", "{ ", "rule ", "group g", "to { ", "and ")), luck.choice((5, 50, 2000))
    return f"{text}order deep Mandatory: {piece * count} a b\n"


def _change_character(text: str, luck: random.Random) -> str:
    if not text:
        return text
    at = luck.randrange(len(text))
    new = chr(luck.choice((luck.randrange(128), luck.randrange(0x3000), luck.randrange(0xD7FF))))
    return f"{text[:at]}{new}{text[at + 1 :]}"


_MUTATIONS = (
    _insert,
    _cut,
    _swap_words,
    _repeat_line,
    _replace_word,
    _deepen,
    _change_character,
    _quote_value,
    _quote_value,
)


@functools.cache
def base() -> Cib:
    return load(Cib.empty(), TEXTS[0], Mode.UPDATE).cib


def answer(text: str, seed: int) -> str:
    """Load the text; what was loaded must print, and what is printed must be understood. How it was answered."""
    loaded = load(base(), text, list(Mode)[seed % 3])
    for problem in loaded.problems:
        assert problem.line()
        assert problem.line("ja")
    if not loaded.is_loaded:
        assert loaded.problems, "refused without a word"
        return "refused"
    assert not isinstance(parse_xml(to_xml(loaded.cib.configuration)), Problem), "what was loaded is no XML"
    printed = show(loaded.cib.configuration)
    again = load(loaded.cib, printed, Mode.REPLACE)
    assert again.is_loaded, "what was printed can't be loaded again"
    assert show(again.cib.configuration) == printed, "what was printed comes back as something else"
    return "taken"
