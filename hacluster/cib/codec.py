"""CIB model ⇄ Pacemaker's CIB XML.

Reads bytes that may come from anywhere, so entities, document types and network access are off and the
size is bounded; gives frozen `Element` trees, or a Problem that names line and column. Expat reads what is plain;
lxml reads the rest, and says what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError, ParserCreate

from hacluster.cib.model import COMMENT, Cib, Element
from hacluster.cib.problems import Problem, ProblemKind, Severity

if TYPE_CHECKING:
    from lxml import etree

MAX_XML_BYTES = 256 * 1024 * 1024

XML_SYNTAX = ProblemKind(
    "xml.syntax",
    Severity.ERROR,
    en="not well-formed XML: {detail}",
    ja="XML の書式が正しくありません: {detail}",
    cure_en="correct the document at this place",
    cure_ja="この箇所を修正してください",
)
XML_NAMESPACE = ProblemKind(
    "xml.namespace",
    Severity.ERROR,
    en="the document uses XML namespaces",
    ja="文書が XML 名前空間を使用しています",
    cure_en="a CIB has none: take the prefixes out",
    cure_ja="CIB に名前空間はありません。接頭辞を取り除いてください",
)
XML_DOCTYPE = ProblemKind(
    "xml.doctype",
    Severity.ERROR,
    en="the document declares a document type or entities, which a CIB never needs",
    ja="文書型宣言または実体宣言が含まれています（CIB では使用しません）",
    cure_en="take the <!DOCTYPE …> out",
    cure_ja="<!DOCTYPE …> を削除してください",
)
XML_SIZE = ProblemKind(
    "xml.size",
    Severity.ERROR,
    en="the document has {size} bytes, more than the {limit} a CIB may have",
    ja="文書の大きさ {size} バイトが上限 {limit} バイトを超えています",
)
XML_NOT_CIB = ProblemKind(
    "xml.not-cib",
    Severity.ERROR,
    en="the root element is <{tag}>, expected <cib>",
    ja="ルート要素が <{tag}> です（<cib> が必要です）",
)


def _parser() -> etree.XMLParser:
    from lxml import etree

    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_blank_text=True,
        remove_pis=True,
        huge_tree=True,
    )


def parse_xml(document: bytes | str, where: str = "") -> Element | Problem:
    """Parse one document. `where` (a file name) goes in front of the line of a problem."""
    # A lone surrogate becomes bytes that the XML reader refuses with a place, like any other broken text.
    data = document.encode(errors="surrogatepass") if isinstance(document, str) else document
    prefix = f"{where}:" if where else "line "
    if len(data) > MAX_XML_BYTES:
        return XML_SIZE.at(where, size=len(data), limit=MAX_XML_BYTES)
    return _read_plain(data) or _read_with_lxml(data, where, prefix)


_MAX_PLAIN_DEPTH = 200


class _NotPlain(Exception):
    """The document has something that a CIB has no need of."""


def _read_plain(data: bytes) -> Element | None:
    """The tree of a document of elements, attributes, text and comments; None where there is anything else.

    Expat makes the dict of an element's attributes itself, which takes a third of the time that asking for them takes.
    """
    if b"xmlns" in data or b"xml:" in data:
        return None
    texts: dict[int, str] = {}
    opened: list[tuple[dict[str, str], list[Element]]] = [({}, [])]

    def start(_: str, attributes: dict[str, str]) -> None:
        if len(opened) > _MAX_PLAIN_DEPTH:
            raise _NotPlain
        opened.append((attributes, []))

    def end(tag: str) -> None:
        text = texts.pop(len(opened), "").strip() if texts else ""
        attributes, children = opened.pop()
        opened[-1][1].append(Element(tag, attributes, tuple(children), text))

    def words(text: str) -> None:
        # Only what stands in front of the first child counts.
        if not opened[-1][1] and (texts or not text.isspace()):
            texts[len(opened)] = texts.get(len(opened), "") + text

    def comment(text: str) -> None:
        if len(opened) > 1:
            opened[-1][1].append(Element(COMMENT, text=text))

    def doctype(*_: object) -> None:
        raise _NotPlain

    parser = ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.CommentHandler = words, comment
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except (ExpatError, _NotPlain, ValueError, LookupError):
        return None
    return opened[0][1][0]


def _read_with_lxml(data: bytes, where: str, prefix: str) -> Element | Problem:
    """The same tree, or what is wrong and where."""
    from lxml import etree

    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        line, column = error.position
        return XML_SYNTAX.at(f"{prefix}{line}:{column}", detail=str(error.msg).split(", line")[0])
    except ValueError as error:
        return XML_SYNTAX.at(where, detail=str(error))
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        return XML_DOCTYPE.at(where)
    if b"xmlns" in data and any("{" in name for node in root.iter("*") for name in (node.tag, *node.attrib)):
        return XML_NAMESPACE.at(where)
    return _from_lxml(root)


def parse_cib(document: bytes | str, where: str = "") -> Cib | Problem:
    """Parse a whole CIB; the root must be `<cib>`."""
    root = parse_xml(document, where)
    if isinstance(root, Problem):
        return root
    return Cib(root) if root.tag == "cib" else XML_NOT_CIB.at(where, tag=root.tag)


def _from_lxml(node: Any) -> Element:
    from lxml import etree

    children = tuple(
        Element(COMMENT, text=child.text or "") if child.tag is etree.Comment else _from_lxml(child)
        for child in node
        if isinstance(child.tag, str) or child.tag is etree.Comment
    )
    text = node.text
    return Element(node.tag, dict(node.items()), children, text.strip() if text else "")


def to_xml(element: Element | Cib, *, indent: int = 2) -> str:
    """The XML text, indented as Pacemaker prints it, with a line break at its end."""
    lines: list[str] = []
    _write(lines, element.root if isinstance(element, Cib) else element, "", " " * indent)
    return "".join(lines)


_SPECIAL_IN_ATTRIBUTE = re.compile('[&<>"\n\t\r]').search
# The standard library's escape would do, but importing it costs every short command 30 ms.
_TEXT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE_ESCAPES = _TEXT_ESCAPES | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})


def _write(lines: list[str], element: Element, margin: str, step: str) -> None:
    """Every change of the CIB is written several times, so values without a special character cost one look."""
    if element.tag == COMMENT:
        lines.append(f"{margin}<!--{element.text}-->\n")
        return
    parts = [
        f' {name}="{value.translate(_ATTRIBUTE_ESCAPES) if _SPECIAL_IN_ATTRIBUTE(value) else value}"'
        for name, value in element.attributes.items()
    ]
    head = f"{margin}<{element.tag}{''.join(parts)}"
    if not element.children and not element.text:
        lines.append(f"{head}/>\n")
    elif not element.children:
        lines.append(f"{head}>{element.text.translate(_TEXT_ESCAPES)}</{element.tag}>\n")
    else:
        lines.append(f"{head}>{element.text.translate(_TEXT_ESCAPES)}\n")
        inner = margin + step
        for child in element.children:
            _write(lines, child, inner, step)
        lines.append(f"{margin}</{element.tag}>\n")


# ---------------------------------------------------------------- digests

_WHO_AND_WHEN = ("crm-debug-origin", "cib-last-written", "update-origin", "update-client", "update-user")


def disk_digest(element: Element) -> str:
    """The digest that Pacemaker writes beside a CIB on the disk."""
    return _md5(f" {_in_one_line(element, ())}\n")


def versioned_digest(element: Element) -> str:
    """The digest by which members compare their CIBs: who wrote it, and when, makes no difference."""
    return _md5(_in_one_line(element, _WHO_AND_WHEN))


def _md5(text: str) -> str:
    import hashlib

    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _in_one_line(element: Element, without: tuple[str, ...]) -> str:
    if element.tag == COMMENT:
        return f"<!--{element.text}-->"
    shown = {name: value for name, value in element.attributes.items() if name not in without}
    head = element.tag + "".join(f' {name}="{value.translate(_ATTRIBUTE_ESCAPES)}"' for name, value in shown.items())
    inner = element.text.translate(_TEXT_ESCAPES) + "".join(_in_one_line(child, without) for child in element.children)
    return f"<{head}>{inner}</{element.tag}>" if inner else f"<{head}/>"
