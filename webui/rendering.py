"""The entities of one language, rendered again only where the picture has changed.

Reads views, the newest last; gives their entities, and which of them may differ from those of an earlier view.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.utils import translation

from webui import wording
from webui.payloads import Entities, Entity
from webui.picture import Part, Picture, Problem

if TYPE_CHECKING:
    from webui.feed import View

EVENTS_SHOWN = 8
STEPS_KEPT = 64


class Rendering:
    """Not for two threads at once; the feed sees to that."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._seq = 0
        self._seen: frozenset[str] = frozenset()
        self._entities: Entities = {}
        self._parts: dict[str, tuple[Part, Entities]] = {}
        self._problems: dict[tuple[Problem, int, bool], Entity] = {}
        self._lists: Entities = {}
        """Problems and frame: what comes and goes without a change of the matrix."""
        self._steps: deque[tuple[int, int, frozenset[str]]] = deque(maxlen=STEPS_KEPT)
        """(seq before, seq after, keys that may differ)."""

    def entities(self, view: View, seen: frozenset[str]) -> Entities:
        """Treated as frozen by everybody: later renderings share them."""
        if view.seq and view.seq == self._seq and seen == self._seen:
            return self._entities
        with translation.override(self._language):
            if view.seq < self._seq or not view.seq:
                return wording.entities_of(view.picture, view.events[-EVENTS_SHOWN:], seen, view.live)
            self._render(view, seen)
        return self._entities

    def touched(self, seq: int) -> set[str] | None:
        """Keys that may differ between the view of this number and the newest; None where that is not known."""
        keys: set[str] = set()
        is_known = seq == self._seq
        for before, after, touched in reversed(self._steps):
            # What was acknowledged in the meantime is a step that leads from a number to itself.
            if before < seq or after < seq:
                break
            keys |= touched
            is_known = is_known or before == seq
        return keys if is_known else None

    def _render(self, view: View, seen: frozenset[str]) -> None:
        matrix = self._matrix(view.picture)
        lists = wording.frame_of(view.picture, view.events[-EVENTS_SHOWN:], view.live)
        lists |= self._problem_list(view.picture.problems, seen)
        touched = {key for key, entity in lists.items() if self._lists.get(key) != entity}
        gone = self._lists.keys() - lists.keys()
        if matrix is None:
            # Rows or columns came or went.
            self._entities = {key: each for _part, its in self._parts.values() for key, each in its.items()} | lists
            self._steps.clear()
        else:
            self._entities = self._entities | matrix | {key: lists[key] for key in touched}
            for key in gone:
                del self._entities[key]
            self._steps.append((self._seq, view.seq, frozenset({*matrix, *touched, *gone})))
        self._lists, self._seq, self._seen = lists, view.seq, seen

    def _matrix(self, picture: Picture) -> Entities | None:
        """The rows and cells rendered anew; None where some may be gone."""
        before = self._parts
        nothing = (None, {})
        changed = {root: each for root, each in picture.parts.items() if before.get(root, nothing)[0] is not each}
        rendered = {root: (part, wording.part_of(root, part, picture)) for root, part in changed.items()}
        is_same = len(before) == len(picture.parts) and all(
            before.get(root, nothing)[1].keys() == its.keys() for root, (_part, its) in rendered.items()
        )
        if rendered or not is_same:
            self._parts = {root: rendered.get(root) or before[root] for root in picture.parts}
        return {key: each for _part, its in rendered.values() for key, each in its.items()} if is_same else None

    def _problem_list(self, problems: Iterable[Problem], seen: frozenset[str]) -> Entities:
        wanted = {(problem, order, problem.key in seen): problem.key for order, problem in enumerate(problems)}
        self._problems = {each: self._problems.get(each) or wording.problem_entity(*each) for each in wanted}
        return {f"problem:{key}": self._problems[each] for each, key in wanted.items()}
