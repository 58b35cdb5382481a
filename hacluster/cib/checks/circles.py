"""Circles in a graph of "this before that", each found once, in time linear in its edges.

Reads edges with the constraint each comes from; gives the vertices of each circle and its constraints.
"""

from __future__ import annotations

from collections.abc import Iterator

Vertex = tuple[str, str, str]


class Graph:
    def __init__(self) -> None:
        self._edges: dict[Vertex, dict[Vertex, str]] = {}

    def add(self, before: Vertex, after: Vertex, constraint: str = "") -> None:
        self._edges.setdefault(before, {}).setdefault(after, constraint)
        self._edges.setdefault(after, {})

    def circles(self) -> Iterator[tuple[list[Vertex], list[str]]]:
        """Each set of vertices that reach each other, with the constraints between them in order of appearance."""
        for members in self._components():
            inside = set(members)
            named = [
                constraint
                for vertex in members
                for after, constraint in self._edges[vertex].items()
                if after in inside and constraint
            ]
            is_circle = len(members) > 1 or members[0] in self._edges[members[0]]
            if is_circle and named:
                yield members, list(dict.fromkeys(named))

    def _components(self) -> Iterator[list[Vertex]]:
        """Tarjan's strongly connected components, without recursion: a chain may be thousands long."""
        number: dict[Vertex, int] = {}
        low: dict[Vertex, int] = {}
        stack: list[Vertex] = []
        on_stack: set[Vertex] = set()
        for root in self._edges:
            if root in number:
                continue
            work = [(root, iter(self._edges[root]))]
            number[root] = low[root] = len(number)
            stack.append(root)
            on_stack.add(root)
            while work:
                vertex, following = work[-1]
                unseen = next((each for each in following if self._look(each, vertex, number, low, on_stack)), None)
                if unseen is not None:
                    number[unseen] = low[unseen] = len(number)
                    stack.append(unseen)
                    on_stack.add(unseen)
                    work.append((unseen, iter(self._edges[unseen])))
                    continue
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[vertex])
                if low[vertex] == number[vertex]:
                    yield _cut_off(stack, on_stack, vertex)

    @staticmethod
    def _look(
        each: Vertex, vertex: Vertex, number: dict[Vertex, int], low: dict[Vertex, int], on_stack: set[Vertex]
    ) -> bool:
        """Whether the vertex is new; an old one of this component only lowers the mark."""
        if each not in number:
            return True
        if each in on_stack:
            low[vertex] = min(low[vertex], number[each])
        return False


def _cut_off(stack: list[Vertex], on_stack: set[Vertex], vertex: Vertex) -> list[Vertex]:
    """Take everything from the vertex to the end off the stack; gives it in the order in which it was found."""
    members: list[Vertex] = []
    while not members or members[-1] != vertex:
        members.append(stack.pop())
    on_stack.difference_update(members)
    return members[::-1]
