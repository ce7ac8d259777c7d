"""The page around the pictures: margins, columns of text, an unmarked picture beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

BoxIn: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 in inches from the page's top left corner."""

MARGIN_IN = (0.35, 1.0)
"""Paper white or text left and right of the pictures."""
MATTER_IN = (0.8, 2.0)
"""Height of the text or unmarked matter above and below them."""
GAP_IN = (0.12, 0.3)
"""Between pictures that share a page."""
OTHER_CHANCE = 0.4
"""How often an unmarked picture stands below the marked ones."""
_LETTERS = "etaoinshrdlcumwfgypbvk"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand on a page; lengths in inches."""

    page_in: tuple[float, float]
    pictures_in: list[BoxIn]
    others_in: list[BoxIn]
    text_in: list[BoxIn]


def lay_out(sizes_in: Sequence[tuple[float, float]], rng: np.random.Generator) -> Layout:
    """Stack pictures (rows of at most two small ones) on a page with matter above and below."""
    gap = rng.uniform(*GAP_IN)
    widest = max(max(width for width, _ in sizes_in), 3.0)
    left, right = rng.uniform(*MARGIN_IN, 2)
    y = top = rng.uniform(*MATTER_IN)
    pictures: list[BoxIn] = []
    x, row_height = 0.0, 0.0
    for width, height in sizes_in:
        if x and x + width > widest + 1e-6:
            y, x, row_height = y + row_height + gap, 0.0, 0.0
        pictures.append((left + x, y, left + x + width, y + height))
        x, row_height = x + width + gap, max(row_height, height)
    end = y + row_height
    below = rng.uniform(*MATTER_IN)
    page = (left + widest + right, end + below)
    text: list[BoxIn] = [(left, 0.25, left + widest, top - 0.12)]
    others: list[BoxIn] = []
    text_left = left
    if rng.random() < OTHER_CHANCE:
        other_width = widest * rng.uniform(0.3, 0.5)
        others.append((left, end + 0.15, left + other_width, end + below - 0.2))
        text_left = left + other_width + 0.15
    text.append((text_left, end + 0.12, left + widest, end + below - 0.2))
    return Layout(page, pictures, others, text)


def set_text(coverage: NDArray[np.uint8], layout: Layout, dpi: float, rng: np.random.Generator) -> None:
    """Set nonsense prose in columns, in place; ``coverage`` is the black plate, 255 for solid ink."""
    for x0, y0, x1, y1 in layout.text_in:
        columns = 2 if x1 - x0 > 3.5 else 1
        width = (x1 - x0) / columns
        for column in range(columns):
            left = x0 + column * width
            _set_column(coverage, (left, y0, left + width - 0.12, y1), dpi, rng)


def _set_column(coverage: NDArray[np.uint8], box: BoxIn, dpi: float, rng: np.random.Generator) -> None:
    """Set one column, sometimes under a headline."""
    x0, y0, x1, y1 = box
    body_pt, head_pt = rng.uniform(8.0, 10.0), rng.uniform(14.0, 26.0)
    y = y0
    size_pt = head_pt if rng.random() < 0.5 else body_pt
    while (y := y + size_pt * 1.2 / 72) < y1:
        _set_line(coverage, (x0, y, x1), size_pt, dpi, rng)
        size_pt = body_pt


def _set_line(
    coverage: NDArray[np.uint8],
    line: tuple[float, float, float],
    size_pt: float,
    dpi: float,
    rng: np.random.Generator,
) -> None:
    """Set one line of words from x0 to x1 on a baseline."""
    x0, baseline, x1 = line
    scale = size_pt / 72 * dpi / 32  # Hershey glyphs stand 21 units high: 32 to the em.
    thickness = max(1, round(scale * 1.6))
    end_px, x_px = x1 * dpi, x0 * dpi
    while True:
        letters = rng.integers(0, len(_LETTERS), rng.integers(2, 10))
        word = "".join(_LETTERS[letter] for letter in letters)
        (width, _), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_COMPLEX, scale, thickness)
        if x_px + width > end_px:
            return
        origin = (round(x_px), round(baseline * dpi))
        cv2.putText(coverage, word, origin, cv2.FONT_HERSHEY_COMPLEX, scale, 255, thickness, cv2.LINE_AA)
        x_px += width + 0.3 * size_pt / 72 * dpi


def synthetic_picture(box: BoxIn, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return an unmarked colour picture for a box: noise with the 1/f spectrum of photographs."""
    width, height = round((box[2] - box[0]) * 300), round((box[3] - box[1]) * 300)
    picture = np.zeros((height, width, 3), np.float32)
    cells, weight = 2, 1.0
    while cells < max(width, height):
        noise = rng.standard_normal((cells + 1, cells + 1, 3)).astype(np.float32)
        noise = 0.8 * noise.mean(2, keepdims=True) * np.sqrt(3.0, dtype=np.float32) + 0.4 * noise
        picture += weight * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        cells, weight = cells * 2, weight * 0.62
    tint = rng.uniform(70, 180, 3)
    return np.clip(tint + 45.0 * picture, 0, 255).astype(np.uint8)
