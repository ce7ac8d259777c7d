"""Charts: SVG that is drawn here, so that a page shows it without a script.

Each is an image to whoever looks and a title with a sentence to whoever listens. The exact numbers belong in
a table beside it, which is the page's affair. Colours are attributes, as the pages' policy lets no style in;
text has the page's own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 640
HEIGHT: Final = 240
LEFT: Final = 56
RIGHT: Final = 16
TOP: Final = 16
BOTTOM: Final = 32

BARS_WIDTH: Final = 360
"""As wide as a phone has room for; each label stands above its bar."""
BAR_HEIGHT: Final = 12
BAR_PITCH: Final = 44
LONGEST_LABEL: Final = 40

COLOUR: Final = "#1f6feb"
"""4.6 to 1 on white and 4.0 to 1 on near-black: enough for a graphic on either (WCAG 2.2, 1.4.11)."""

MOST_DOTS: Final = 62
MOST_DATES: Final = 5
NOTHING: Final = "Nothing to show yet."


def line_chart(title: str, points: Sequence[tuple[str, float]]) -> Markup:
    """Draw a line, such as of scans a day.

    Parameters
    ----------
    title : str
        What it shows, in words.
    points : sequence of (str, float)
        A label, such as a day, and a value of at least 0, from left to right.

    Returns
    -------
    Markup
        An ``svg`` element; texts are escaped.
    """
    if not points:
        return _svg(title, NOTHING, HEIGHT, _text(WIDTH / 2, HEIGHT / 2, NOTHING, anchor="middle"))
    values = [value for _label, value in points]
    top = _round_up(max(values))
    places = [(_x(index, len(points)), _y(value, top)) for index, value in enumerate(values)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    line = Markup('<polyline fill="none" stroke="{}" stroke-width="2" points="{}"/>').format(COLOUR, path)
    parts = [_scale(top), line, _dates([label for label, _value in points])]
    if len(points) <= MOST_DOTS:
        parts += [_dot(place, point) for place, point in zip(places, points, strict=True)]
    highest = max(points, key=lambda point: point[1])
    told = (
        f"{len(points)} values from {points[0][0]} to {points[-1][0]}, {_number(sum(values))} in all; "
        f"the highest is {_number(highest[1])} at {highest[0]}."
    )
    return _svg(title, told, HEIGHT, *parts)


def bar_chart(title: str, bars: Sequence[tuple[str, float]]) -> Markup:
    """Draw bars from left to right, one below the other, such as of scans by device.

    Parameters
    ----------
    title : str
        What it shows, in words.
    bars : sequence of (str, float)
        A label and a value of at least 0, from top to bottom.

    Returns
    -------
    Markup
        An ``svg`` element; texts are escaped.
    """
    if not bars:
        note = _text(BARS_WIDTH / 2, BAR_PITCH, NOTHING, anchor="middle")
        return _svg(title, NOTHING, 2 * BAR_PITCH, note, width=BARS_WIDTH)
    longest = max(value for _label, value in bars) or 1
    parts = [_bar(index, label, value, longest) for index, (label, value) in enumerate(bars)]
    told = "; ".join(f"{label}: {_number(value)}" for label, value in bars) + "."
    return _svg(title, told, len(bars) * BAR_PITCH, *parts, width=BARS_WIDTH)


def _svg(title: str, told: str, height: float, *parts: Markup, width: float = WIDTH) -> Markup:
    """The image around its parts, with what is said instead of it."""
    # Two charts on a page need different IDs, and the same chart the same ones each time.
    name = "chart-" + hashlib.sha256(f"{title}\0{told}".encode(errors="replace")).hexdigest()[:12]
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 {width} {height}" '
        'width="{width}" height="{height}" aria-labelledby="{name} {name}-told">'
        '<title id="{name}">{title}</title><desc id="{name}-told">{told}</desc>{parts}</svg>'
    ).format(width=width, height=height, name=name, title=title, told=told, parts=Markup("").join(parts))


def _bar(index: int, label: str, value: float, longest: float) -> Markup:
    """A label and its value, and the bar below."""
    top = index * BAR_PITCH + BAR_PITCH / 2
    words = top - 10
    width = BARS_WIDTH * value / longest
    shown = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
    return Markup(
        '<g><title>{label}: {value}</title>{name}<rect x="{x}" y="{y:.1f}" width="{width:.1f}" '
        'height="{height}" rx="2" fill="{colour}"/>{figure}</g>'
    ).format(
        label=label,
        value=_number(value),
        name=_text(0, words, shown, anchor="start"),
        x=0,
        y=top,
        width=width,
        height=BAR_HEIGHT,
        colour=COLOUR,
        figure=_text(BARS_WIDTH, words, _number(value), anchor="end"),
    )


def _dot(place: tuple[float, float], point: tuple[str, float]) -> Markup:
    """A point that tells its value when it is pointed at."""
    return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"><title>{}: {}</title></circle>').format(
        *place, COLOUR, point[0], _number(point[1])
    )


def _scale(top: float) -> Markup:
    """Lines at nothing, at half and at the top, with their values."""
    parts = []
    for value in (0.0, top / 2, top):
        y = _y(value, top)
        parts.append(
            Markup(
                '<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" stroke="currentColor" stroke-opacity="0.25"/>'
            ).format(LEFT, WIDTH - RIGHT, y, y)
        )
        parts.append(_text(LEFT - 8, y, _number(value), anchor="end"))
    return Markup("").join(parts)


def _dates(labels: Sequence[str]) -> Markup:
    """Some labels under the line, the first and the last among them, as many as have room."""
    count = min(len(labels), MOST_DATES)
    chosen = sorted({round(step * (len(labels) - 1) / max(count - 1, 1)) for step in range(count)})
    y = HEIGHT - BOTTOM / 2
    ends = {0: "start", len(labels) - 1: "end"} if len(labels) > 1 else {}
    return Markup("").join(
        _text(_x(index, len(labels)), y, labels[index], anchor=ends.get(index, "middle")) for index in chosen
    )


def _text(x: float, y: float, text: str, *, anchor: str) -> Markup:
    return Markup(
        '<text x="{:.1f}" y="{:.1f}" text-anchor="{}" dominant-baseline="central" font-size="13" '
        'fill="currentColor">{}</text>'
    ).format(x, y, anchor, escape(text))


def _x(index: int, count: int) -> float:
    """Where a point lies, from the left; a single one in the middle."""
    share = index / (count - 1) if count > 1 else 0.5
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _round_up(value: float) -> float:
    """The next of 2, 4, 6, 8, 10, 20, 30 ..., whose halves are whole; for shares, of 0.1, 0.2, 0.3 ..., 1."""
    if value in {0, 1, 2}:
        return 2
    power = 10.0 ** math.floor(math.log10(max(value, 0.001)))
    steps = (2, 4, 6, 8, 10) if power == 1 else (1, 2, 3, 4, 6, 8, 10)
    return float(next(step * power for step in steps if value <= step * power))


def _number(value: float) -> str:
    """A value as people read it: whole, or to three places."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}".rstrip("0")
