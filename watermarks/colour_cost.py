"""Host -> the colour direction in which a change of luma is seen least, and how much it is seen there.

The reader sees luma (BT.601) alone. How a unit of it is spread over red, green and blue is free, and the
S-CIELAB difference (Zhang & Wandell 1997, doi:10.1889/1.1985127) of a small change is a quadratic form of it:
the eye's blur takes the same share of each opponent channel at the mark's frequencies, and CIELAB is
linear enough over a level or two. The direction of the least difference has a closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.perception import (
    LUMA_WEIGHTS,
    RGB_TO_XYZ,
    SRGB_TO_LINEAR,
    WHITE_XYZ,
    XYZ_TO_OPPONENT,
    blur_as_eye,
    eye_transfer,
    px_per_degree,
)

# What stands for the mark where the eye's blur is taken: 14 cycles per inch at 40 cm, in the coarser half of
# its band, of which the eye sees more.
_CYCLES_PER_DEGREE = 3.8

# What a level of any channel costs besides, in squared Delta E: it keeps the direction near grey, where
# tinting the mark would save little by S-CIELAB and lose by PSNR and FLIP.
_LEVEL_COST = 0.09

# The cost is computed at about this resolution, finer than the eye's blur of colour needs ...
_COST_DPI = 75.0
# ... and is that of the worst place within so many of its pixels: dark specks in a bright place, whose
# CIELAB values move most, are not to be seen either.
_WORST_WITHIN = 5


@dataclass(frozen=True, slots=True, eq=False)
class ColourCost:
    """The cheapest direction of a unit of luma, and its cost.

    Attributes
    ----------
    direction : ndarray of float32, shape (H, W, 3)
        8-bit levels of red, green and blue that together change luma by one level.
    delta_e : ndarray of float32, shape (H, W)
        Delta E*ab, as an eye at 40 cm sees it, of that one level.
    """

    direction: NDArray[np.float32]
    delta_e: NDArray[np.float32]


def colour_cost(host: NDArray[np.float32], dpi: float) -> ColourCost:
    """Return in which colour direction a host may be changed most cheaply, and what that costs.

    Parameters
    ----------
    host : ndarray of float32, shape (H, W, 3)
        sRGB, 8-bit levels.
    dpi : float
        Pixels per inch of paper.
    """
    height, width = host.shape[:2]
    step = max(1.0, dpi / _COST_DPI)
    size = max(1, round(width / step)), max(1, round(height / step))
    code = np.asarray(cv2.resize(host, size, interpolation=cv2.INTER_AREA), np.float32)
    # Averaging code values instead of light is off by less than the blur that follows.
    linear = SRGB_TO_LINEAR[np.clip(np.rint(code), 0, 255).astype(np.uint8)]
    changes, seen = _changes(linear, code, dpi / step)
    direction = _cheapest(_lab_rows(changes))
    # Beside much light the eye's model has dark places at no light, in some of X, Y and Z. What doesn't
    # move there can't balance what does, and a grey change is seen as a coloured one.
    shown = [each * seen[..., i : i + 1] for i, each in enumerate(changes)]
    cost = np.maximum(*(_length(_lab_rows(each), direction) for each in (changes, shown)))
    worst = cv2.dilate(cost, np.ones((_WORST_WITHIN, _WORST_WITHIN), np.uint8))
    smooth = cv2.GaussianBlur(worst, (0, 0), _WORST_WITHIN / 3)
    full = (width, height)
    return ColourCost(
        np.asarray(cv2.resize(direction, full, interpolation=cv2.INTER_LINEAR), np.float32),
        np.asarray(cv2.resize(smooth, full, interpolation=cv2.INTER_LINEAR), np.float32),
    )


def _changes(
    linear: NDArray[np.float32], code: NDArray[np.float32], dpi: float
) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]]:
    """Return how CIELAB's f of X, Y and Z change with each channel's level, and which are seen above 0.

    Returns
    -------
    changes : list of ndarray of float32, shape (H, W, 3)
        Of f(X), of f(Y) and of f(Z).
    seen : ndarray of bool, shape (H, W, 3)
        Of X, Y and Z.
    """
    seen = blur_as_eye(linear, px_per_degree(dpi)) / WHITE_XYZ
    ratio = np.maximum(seen, 1e-6)
    slope_f = np.where(ratio > 216 / 24389, np.cbrt(ratio) / (3 * ratio), 24389 / 27 / 116) / WHITE_XYZ
    through_eye = np.linalg.inv(XYZ_TO_OPPONENT) @ np.diag(eye_transfer(_CYCLES_PER_DEGREE)) @ XYZ_TO_OPPONENT
    to_xyz = (through_eye @ RGB_TO_XYZ).astype(np.float32)
    unit = code / 255
    to_linear = np.where(unit <= 0.04045, 1 / 12.92, 2.4 / 1.055 * ((unit + 0.055) / 1.055) ** 1.4) / 255
    changes = [np.asarray(slope_f[..., i : i + 1] * to_xyz[i] * to_linear, np.float32) for i in range(3)]
    return changes, seen > 0


def _lab_rows(changes: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Return the changes of L*, a* and b* that those of f(X), f(Y) and f(Z) make."""
    x, y, z = changes
    return [116 * y, 500 * (x - y), 200 * (y - z)]


def _length(rows: list[NDArray[np.float32]], direction: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Delta E*ab of a change of colour, shape (H, W)."""
    return np.asarray(np.sqrt(sum((row * direction).sum(axis=-1) ** 2 for row in rows)), np.float32)


def _cheapest(lab_rows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Minimise the form's value over directions whose luma is one; shape (H, W, 3)."""
    r, g, b = (
        [sum(row[..., i] * row[..., j] for row in lab_rows) + _LEVEL_COST * (i == j) for j in range(3)]
        for i in range(3)
    )
    # The inverse of a symmetric 3 x 3 matrix, but for its determinant: it cancels in the last step.
    adjugate = [
        [g[1] * b[2] - g[2] ** 2, g[2] * r[2] - r[1] * b[2], r[1] * g[2] - g[1] * r[2]],
        [g[2] * r[2] - r[1] * b[2], r[0] * b[2] - r[2] ** 2, r[1] * r[2] - r[0] * g[2]],
        [r[1] * g[2] - g[1] * r[2], r[1] * r[2] - r[0] * g[2], r[0] * g[1] - r[1] ** 2],
    ]
    direction = np.stack(
        [sum(np.float32(w) * c for w, c in zip(LUMA_WEIGHTS, row, strict=True)) for row in adjugate], axis=-1
    )
    return np.asarray(direction / (direction @ LUMA_WEIGHTS)[..., None], np.float32)
