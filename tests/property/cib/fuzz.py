"""Mutated XML documents: bombs, broken text and nonsense are read or answered with a Problem.

`tests.property.fuzz` runs many seeds.
"""

from __future__ import annotations

import random
from pathlib import Path

from hacluster.cib.codec import parse_cib, parse_xml, to_xml
from hacluster.cib.model import Cib
from hacluster.cib.operations import carry_out
from hacluster.cib.orders import CibOperationKind
from hacluster.cib.patch import apply, diff
from hacluster.cib.problems import Problem
from hacluster.cib.status import fail_counts, node_states, operations, transient_attributes
from hacluster.cib.upgrade import upgrade
from hacluster.cib.validate import validate
from hacluster.crm.apply import Mode, load
from hacluster.crm.printer import show
from hacluster.protocol.messages import CibChange
from tests.property.crm.fuzz import TEXTS

PAIR = (Path(__file__).resolve().parents[2] / "pair.xml").read_bytes()
LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
BOMBS = (
    b'<!DOCTYPE cib [<!ENTITY l0 "ha">' + LAUGHS + b"]><cib><configuration>&l11;</configuration></cib>",
    b'<!DOCTYPE cib [<!ENTITY x SYSTEM "file:///etc/passwd">]><cib><configuration>&x;</configuration></cib>',
    b'<!DOCTYPE cib SYSTEM "http://127.0.0.1:1/x.dtd"><cib/>',
    b'<!DOCTYPE cib [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><cib/>',
    b'<cib xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd" parse="text"/></cib>',
    b'<!DOCTYPE cib [<!ENTITY a "' + b"a" * 60_000 + b'">]><cib x="' + b"&a;" * 2_000 + b'"/>',
    b"<a>" * 100_000,
    b"<cib>" + b"<group>" * 240 + b"</group>" * 240 + b"</cib>",
    b'<cib x="' + b"y" * 12_000_000 + b'"/>',
    b"<cib>" + b"<a/>" * 20_000 + b"</cib>",
    b'<cib epoch="' + b"9" * 5_000 + b'"/>',
    b"\xff\xfe<\x00c\x00i\x00b\x00/\x00>\x00",
    b'<?xml version="1.0" encoding="utf-7"?><cib/>',
    b'<?xml version="1.1"?><cib>&#x0;</cib>',
    b"",
    b"\x00" * 1_000,
)
PIECES = (
    b"<", b">", b"/>", b'"', b"'", b"&", b"&amp;", b"&#0;", b"&#xD800;", b"]]>", b"<!--", b"-->", b"<![CDATA[",
    b"<?x y?>", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\xe6\x97\xa5", b" id=", b' id=""',
    b" xmlns:a='b'", b"<a:b/>", b"{x}y",
    b'="-9999999999999999999999"', b'="INFINITY"', b'="nan"', b"epoch", b"<group id='g'>", b"</group>",
    b"<nvpair/>",
)  # fmt: skip
SECTIONS = ("", "resources", "status", "configuration", "nodes", "nothing", "all")
PATHS = (
    "//primitive",
    "//*[@id='grp']",
    "/cib",
    "//nvpair[1]",
    "count(//*)",
    "//[",
    "//@id",
    "string(/)",
    "//*[.='" + "a" * 999,
)


def good() -> tuple[bytes, ...]:
    written = load(Cib.empty(), TEXTS[0], Mode.UPDATE).cib
    return PAIR, to_xml(written).encode()


GOOD = good()


def document(seed: int) -> bytes:
    """The document of a seed: now and then a bomb, else a good one that was hurt."""
    luck = random.Random(seed)
    if luck.random() < 0.004:
        return luck.choice(BOMBS)
    text = luck.choice(GOOD)
    if luck.random() < 0.5:
        text = _hurt_values(text, luck)
    for _ in range(luck.choice((0, 0, 1, 2, 6))):
        at = luck.randrange(len(text) + 1)
        gone = luck.choice((0, 0, 1, 8, 200))
        text = text[:at] + luck.choice(PIECES) + text[at + gone :]
    return text


def _hurt_values(text: str | bytes, luck: random.Random) -> bytes:
    """Well-formed all the same: attributes and tags of other elements, in places where nobody expects them."""
    assert isinstance(text, bytes)
    parts = text.split(b'"')
    values = (
        b"",
        b"-1",
        b"INFINITY",
        b"x" * 300,
        b"9" * 40,
        b"grp",
        b"pm01",
        b"true",
        b"&#10;",
        b"\xe6\x97\xa5",
        b"1.5e9",
        b"{}",
    )
    for _ in range(luck.randint(1, 8)):
        at = luck.randrange(1, len(parts), 2)
        parts[at] = luck.choice((*values, parts[luck.randrange(1, len(parts), 2)]))
    text = b'"'.join(parts)
    if luck.random() < 0.3:
        tags = (
            b"primitive",
            b"group",
            b"nvpair",
            b"op",
            b"rule",
            b"node",
            b"lrm_rsc_op",
            b"resource_set",
            b"clone",
            b"zz",
        )
        text = text.replace(luck.choice(tags), luck.choice(tags))
    return text


def answer(content: bytes, seed: int) -> str:
    """Everything that reads a CIB reads this one: `read` or `refused`."""
    parsed = parse_cib(content)
    if isinstance(parsed, Problem):
        assert parsed.line()
        parsed = parse_xml(content)
        if isinstance(parsed, Problem):
            return "refused"
        parsed = Cib.empty().with_configuration(parsed)
    assert parse_cib(to_xml(parsed)) == parsed or parsed.root.text, "what was written is read back"
    for state in node_states(parsed):
        transient_attributes(state)
        fail_counts(state)
    list(operations(parsed))
    upgrade(parsed)
    for problem in validate(parsed):
        assert problem.line()
    show(parsed.configuration)
    _change_it(parsed, content, seed)
    return "read"


def _change_it(cib: Cib, content: bytes, seed: int) -> None:
    luck = random.Random(seed)
    reference = parse_cib(GOOD[0])
    assert isinstance(reference, Cib)
    patch = diff(reference, cib)
    apply(reference, patch)
    order = CibChange(
        kind=luck.choice(list(CibOperationKind)),
        section=luck.choice(SECTIONS),
        xpath=luck.choice((*PATHS, "", "", "")),
        xml=luck.choice((content.decode(errors="replace"), "<nvpair id='x'/>", "<cib/>", "")),
        allow_create=luck.random() < 0.5,
    )
    carry_out(reference, order)
    carry_out(cib, order)
