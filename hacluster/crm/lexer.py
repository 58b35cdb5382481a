"""crm text → statements of words.

Reads the whole text; gives one `Statement` for each logical line, with the line it begins on, or Problems. Words are
split as a POSIX shell splits them: blanks separate, quotes join, a backslash takes the next character as it is, and at
the end of a line it joins the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from hacluster.cib.problems import Problem, ProblemKind, Severity

UNTERMINATED_QUOTE = ProblemKind(
    "crm.unterminated-quote",
    Severity.ERROR,
    en="the quote {quote} that opens here is never closed",
    ja="引用符 {quote} が閉じられていません",
    cure_en="close it on the same statement",
    cure_ja="同じ文の中で閉じてください",
)
YEN_CONTINUATION = ProblemKind(
    "crm.yen",
    Severity.WARNING,
    en="the line ends in a yen sign ({sign}), read as a backslash",
    ja="行末の円記号 ({sign}) をバックスラッシュとして扱いました",
    cure_en="write a backslash",
    cure_ja="バックスラッシュを使用してください",
)
_YEN = "\u00a5\uffe5\uff3c"
_BLANKS = " \t\r\u3000"


BAD_CHARACTER = ProblemKind(
    "crm.character",
    Severity.ERROR,
    en="the character {code} can't stand in a configuration",
    ja="文字 {code} は構成に使用できません",
    cure_en="take it out",
    cure_ja="取り除いてください",
)
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Statement(msgspec.Struct, frozen=True):
    line: int
    """The line it begins on, from 1."""
    words: tuple[str, ...]
    comments: tuple[str, ...] = ()
    """The comment lines in front of it, with their `#`."""

    @property
    def place(self) -> str:
        return f"line {self.line}"


class Lexed(msgspec.Struct, frozen=True):
    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...]


def lex(text: str) -> Lexed:
    """All statements of a text, and everything that can't be split into words."""
    statements: list[Statement] = []
    problems: list[Problem] = []
    comments: list[str] = []
    problems += _impossible_characters(text)
    for line, logical in _logical_lines(text, problems):
        content = logical.strip(_BLANKS + "\n")
        if content.startswith("#"):
            comments.append(content)
        elif content:
            words = _raw_xml(content) or _split(logical, line, problems)
            if words is not None:
                statements.append(Statement(line, words, tuple(comments)))
            comments = []
    return Lexed(tuple(statements), tuple(problems))


def _impossible_characters(text: str) -> Iterator[Problem]:
    """What no XML document can hold, and so no CIB: each kind once, where it first stands."""
    seen: set[str] = set()
    for match in _NOT_IN_XML.finditer(text):
        if match[0] not in seen:
            seen.add(match[0])
            line = text.count("\n", 0, match.start()) + 1
            yield BAD_CHARACTER.at(f"line {line}", code=f"U+{ord(match[0]):04X}")


def _raw_xml(content: str) -> tuple[str, ...] | None:
    """`xml <…>` keeps its text as it stands, quotes included."""
    keyword, _, document = content.partition(" ")
    return (keyword, document) if keyword == "xml" else None


def _logical_lines(text: str, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    """(first line, joined text). A comment line never goes on in the next one."""
    pending: list[str] = []
    begin = 1
    for number, raw in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        line = raw.rstrip("\r")
        if not pending:
            begin = number
        bare = line.rstrip(_BLANKS)
        if not pending and bare.lstrip(_BLANKS).startswith("#"):
            yield number, line
            continue
        if bare[-1:] in _YEN and bare:
            problems.append(YEN_CONTINUATION.at(f"line {number}", sign=bare[-1]))
            bare = bare[:-1] + "\\"
        if bare.endswith("\\"):
            pending.append(bare[:-1])
            continue
        yield begin, "\n".join([*pending, line])
        pending = []
    if pending:
        yield begin, "\n".join(pending)


def _split(text: str, line: int, problems: list[Problem]) -> tuple[str, ...] | None:
    words: list[str] = []
    current: list[str] | None = None
    position = 0
    while position < len(text):
        char = text[position]
        if char in _BLANKS or char == "\n":
            if current is not None:
                words.append("".join(current))
                current = None
            position += 1
        elif char == "\\" and text[position + 1 : position + 2] not in ("", "\n"):
            current = current if current is not None else []
            current.append(text[position + 1])
            position += 2
        elif char in "'\"":
            end, inner = _quoted(text, position)
            if end < 0:
                at = line + text.count("\n", 0, position)
                problems.append(UNTERMINATED_QUOTE.at(f"line {at}", quote=char))
                return None
            current = current if current is not None else []
            current.append(inner)
            position = end
        else:
            if current is None:
                current = []
            current.append(char)
            position += 1
    if current is not None:
        words.append("".join(current))
    return tuple(words)


def _quoted(text: str, begin: int) -> tuple[int, str]:
    """(position after the closing quote or -1, content). In double quotes a backslash takes a quote or itself.

    A value that goes on in the next line holds neither the line's end nor the blanks that the next one begins with.
    """
    quote = text[begin]
    found: list[str] = []
    position = begin + 1
    while position < len(text):
        char = text[position]
        if char == quote:
            return position + 1, "".join(found)
        if quote == '"' and char == "\\" and text[position + 1 : position + 2] in ('"', "\\"):
            position += 1
            char = text[position]
        position += 1
        if char == "\n":
            position += len(text[position:]) - len(text[position:].lstrip(_BLANKS))
        else:
            found.append(char)
    return -1, ""
