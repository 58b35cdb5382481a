"""Reading the words of one statement: what comes next, and mistakes with their place.

Reads a Statement; gives words, pairs, ids, scores and roles. A `Mistake` ends the statement it stands in; the parser
turns it into a Problem and goes on with the next one.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from hacluster.cib.problems import Problem, ProblemKind, Severity
from hacluster.crm.lexer import Statement


def _error(code: str, en: str, ja: str, cure_en: str = "", cure_ja: str = "") -> ProblemKind:
    return ProblemKind(f"crm.{code}", Severity.ERROR, en, ja, cure_en, cure_ja)


MISSING = _error("missing", "{what} is missing", "{what} がありません", "write {form}", "{form} の形で記述してください")
BAD_ID = _error(
    "id",
    "“{text}” can't be an id",
    "「{text}」は ID に使用できません",
    "begin with a letter and use letters, digits, _ - . only",
    "英字で始め、英数字と _ - . だけを使用してください",
)
UNEXPECTED = _error("unexpected", "“{word}” is not expected here", "「{word}」は使用できません", "{cure}", "{cure}")
BAD_SCORE = _error(
    "score",
    "“{text}” is neither a whole number nor INFINITY",
    "「{text}」は整数でも INFINITY でもありません",
    "write a number, inf or -inf",
    "整数、inf、-inf のいずれかを記述してください",
)
BAD_WORD = _error(
    "word",
    "“{word}” is no {what}",
    "「{word}」は {what} ではありません",
    "use one of: {known}",
    "使用できる値: {known}",
)

ID_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_SCORE = re.compile(r"[+-]?\d+")
_INFINITY = re.compile(r"([+-]?)inf(inity)?", re.IGNORECASE)
ROLES = ("Started", "Stopped", "Master", "Slave", "Promoted", "Unpromoted")
ACTIONS = ("start", "stop", "promote", "demote")


class Mistake(Exception):
    """What is wrong with the statement that is being read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.line())
        self.problem = problem


class Words:
    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.doubts: list[Problem] = []
        """What crmsh takes although it can't be meant: an error, yet the statement says what it says."""
        self._words = statement.words
        self._position = 0

    @property
    def next(self) -> str:
        """The next word, "" at the end."""
        return self._words[self._position] if self._position < len(self._words) else ""

    @property
    def after_next(self) -> str:
        return self._words[self._position + 1] if self._position + 1 < len(self._words) else ""

    @property
    def at_end(self) -> bool:
        return self._position >= len(self._words)

    @property
    def rest(self) -> tuple[str, ...]:
        return self._words[self._position :]

    def take(self, what: str = "", form: str = "") -> str:
        """The next word; a Mistake that names `what` when there is none."""
        if self.at_end:
            self.fail(MISSING, what=what or "the rest", form=form or "the whole statement")
        self._position += 1
        return self._words[self._position - 1]

    def fail(self, kind: ProblemKind, **parameters: Any) -> NoReturn:
        raise Mistake(kind.at(self.statement.place, **parameters))

    def doubt(self, kind: ProblemKind, **parameters: Any) -> None:
        self.doubts.append(kind.at(self.statement.place, **parameters))

    def must_end(self) -> None:
        if not self.at_end:
            self.fail(UNEXPECTED, word=self.next, cure="")

    def id(self, what: str, form: str = "") -> str:
        name = self.take(what, form)
        self.check_id(name)
        return name

    def check_id(self, name: str) -> None:
        if not ID_PATTERN.fullmatch(name):
            self.fail(BAD_ID, text=name)

    def option(self, name: str) -> str | None:
        """The value of `name=value` (or `$name=value`) if that is the next word."""
        return self.dollar(name) if self.next.startswith("$") else self._after(f"{name}=")

    def given_id(self) -> str | None:
        """The id of `$id=X` if that is the next word."""
        name = self.dollar("id")
        if name is not None:
            self.check_id(name)
        return name

    def dollar(self, name: str) -> str | None:
        """The value of `$name=value`, where `name=value` is a setting of that name."""
        return self._after(f"${name}=")

    def _after(self, prefix: str) -> str | None:
        return self.take()[len(prefix) :] if self.next.lower().startswith(prefix) else None

    def one_of(self, word: str, known: tuple[str, ...], what: str) -> str:
        """The word in the spelling that is stored."""
        for spelled in known:
            if spelled.lower() == word.lower():
                return spelled
        self.fail(BAD_WORD, word=word, what=what, known=", ".join(known))

    def role(self, word: str) -> str:
        return self.one_of(word, ROLES, "role")

    def own_role(self, word: str) -> str:
        """The role of an operation, a location or a rule: crmsh takes any word there."""
        if word.lower() not in map(str.lower, ROLES):
            self.doubt(BAD_WORD, word=word, what="role", known=", ".join(ROLES))
            return word
        return self.role(word)


def description(words: Words, attributes: dict[str, str]) -> bool:
    """Whether a description came next; it is one of the attributes then."""
    found = words.option("description")
    if found is not None:
        attributes["description"] = found
    return found is not None


def score_attributes(text: str) -> dict[str, str] | None:
    """What a score is stored as: `score=…`, or `score-attribute=…` for a word; None for what is neither."""
    found = _INFINITY.fullmatch(text)
    if found:
        return {"score": f"{found[1]}INFINITY"}
    if _SCORE.fullmatch(text):
        return {"score": text}
    return {"score-attribute": text} if ID_PATTERN.fullmatch(text.lstrip("#")) else None


def agent_attributes(text: str) -> dict[str, str] | None:
    """`[class:[provider:]]type` as attributes; a bare type is ocf:heartbeat. None for what names no agent."""
    parts = text.split(":")
    if not all(parts) or len(parts) > 3:
        return None
    kind = parts.pop()
    standard = parts[0] if parts else "ocf"
    if standard.lower() == "ocf":
        return {"class": "ocf", "provider": parts[1] if len(parts) > 1 else "heartbeat", "type": kind}
    return {"class": standard, **({"provider": parts[1]} if len(parts) > 1 else {}), "type": kind}
