"""A line chart as SVG, both axes logarithmic, by hand: small enough for a document, and nothing to install.

Reads named lines of points; gives the text of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 176, 40, 48
COLOURS = ("#1b6ac9", "#0f9d76", "#7a4bc2", "#c9571b", "#b3262e")


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: list[tuple[float, float]]


def line_chart(title: str, x_name: str, y_name: str, lines: list[Line]) -> str:
    """The points joined, each line with its name at its end; a tick for each x that occurs and each power of ten."""
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    frame = _Frame(xs[0], xs[-1], 10.0 ** floor(log10(min(ys))), 10.0 ** ceil(log10(max(ys))))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        '     font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="14">{title}</text>',
        *_grid(frame, xs, x_name, y_name),
    ]
    places = _spread([frame.y(line.points[-1][1]) for line in lines])
    for line, colour, place in zip(lines, COLOURS, places, strict=False):
        parts += _drawn(frame, line, colour, place)
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Frame:
    x_min: float
    x_max: float
    y_min: float
    y_max: float

    def x(self, value: float) -> float:
        share = log10(value / self.x_min) / log10(self.x_max / self.x_min)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = log10(value / self.y_min) / log10(self.y_max / self.y_min)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _grid(frame: _Frame, xs: list[float], x_name: str, y_name: str) -> list[str]:
    parts = []
    for power in range(round(log10(frame.y_min)), round(log10(frame.y_max)) + 1):
        y = frame.y(10.0**power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} {y_name}</text>')
    for value in xs:
        x = frame.x(value)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [*parts, f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{x_name}</text>']


def _drawn(frame: _Frame, line: Line, colour: str, place: float) -> list[str]:
    points = [(frame.x(x), frame.y(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points),
        f'<text x="{WIDTH - RIGHT + 10}" y="{place + 4:.1f}" fill="{colour}">{line.name}</text>',
    ]


def _spread(heights: list[float], apart: float = 16) -> list[float]:
    """The heights of the names, moved down where two would cover each other."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    found = list(heights)
    for above, below in pairwise(order):
        found[below] = max(found[below], found[above] + apart)
    return found
