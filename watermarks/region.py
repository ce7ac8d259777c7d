"""Decoded mark -> the rectangle of chips that it covers: where in the photo the picture is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.decoder import chip_weights
from watermarks.embedder import layer_tile
from watermarks.geometry import Surface
from watermarks.profiles import Profile
from watermarks.registration import BLOCK, SHOWN_Z, STRIDE, Registration
from watermarks.whitening import Level, whitened_chips

_CELL = 4  # chips to a cell of the evidence map: the corners' resolution
# A row or column of cells belongs to the picture if it shows at least this share of the mean evidence: a
# picture's quiet parts carry less of the mark than its busy ones, what lies beside it none.
_LEAST_SHARE = 0.35

_MARGIN = 128  # chips looked at beyond the registered blocks


def covered_corners(
    level: Level, registration: Registration, coded_bits: NDArray[np.uint8], key: bytes, profile: Profile
) -> NDArray[np.float64]:
    """Return the marked region's corners in level pixels, shape (4, 2): tl, tr, br, bl of the picture.

    A cell is evidence for the mark by how well it agrees with the decoded chips; the region is the
    rectangle with the greatest sum of evidence above a share of the mark's own mean.
    """
    surface = registration.surface
    rows, cols = registration.block_z.shape
    origin = registration.origin[0] - _MARGIN, registration.origin[1] - _MARGIN
    shape = STRIDE * (rows - 1) + BLOCK + 2 * _MARGIN, STRIDE * (cols - 1) + BLOCK + 2 * _MARGIN
    evidence = _evidence(level, surface, origin, shape, coded_bits, key, profile)
    shown = np.pad(chip_weights(registration, _CELL), _MARGIN // _CELL) > SHOWN_Z
    typical = float(evidence[shown].mean()) if shown.any() else float(evidence.max())
    top, bottom, left, right = _best_rectangle(evidence - _LEAST_SHARE * typical)
    x0, x1 = origin[0] + _CELL * left, origin[0] + _CELL * right
    y0, y1 = origin[1] + _CELL * top, origin[1] + _CELL * bottom
    return surface.to_level(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64))


def _evidence(
    level: Level,
    surface: Surface,
    origin: tuple[int, int],
    shape: tuple[int, int],
    coded_bits: NDArray[np.uint8],
    key: bytes,
    profile: Profile,
) -> NDArray[np.float64]:
    """Return how well each cell agrees with the decoded chips, luma and blue-yellow together."""
    cells = shape[1] // _CELL, shape[0] // _CELL
    total = np.zeros((cells[1], cells[0]))
    for layer, plane in zip(profile.layers, level.planes, strict=True):
        pitch = layer.chip_pitch
        chips = whitened_chips(plane, surface, origin, (shape[0] // pitch, shape[1] // pitch), pitch)
        side = profile.tile_chips // pitch
        tile = cv2.resize(
            layer_tile(profile, layer, coded_bits, key), (side, side), interpolation=cv2.INTER_AREA
        )
        rows = (origin[1] // pitch + np.arange(chips.shape[0])) % side
        cols = (origin[0] // pitch + np.arange(chips.shape[1])) % side
        product = chips * tile[rows[:, None], cols]
        deviation = float(product.std())
        if deviation > 0:  # a grey photo's blue-yellow is empty
            total += np.asarray(cv2.resize(product / deviation, cells, interpolation=cv2.INTER_AREA))
    return total


def _best_rectangle(evidence: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Return top, bottom, left, right of the rectangle with the greatest sum.

    Rows and columns in turn, each the best run given the other, until neither moves.
    """
    top, bottom, left, right = 0, evidence.shape[0], 0, evidence.shape[1]
    for _ in range(10):
        before = top, bottom, left, right
        top, bottom = _best_run(evidence[:, left:right].sum(axis=1))
        left, right = _best_run(evidence[top:bottom].sum(axis=0))
        if before == (top, bottom, left, right):
            break
    return top, bottom, left, right


def _best_run(values: NDArray[np.float64]) -> tuple[int, int]:
    """Return start and end of the run with the greatest sum (Kadane's maximum subarray)."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    lowest_before = np.minimum.accumulate(sums)
    end = int(np.argmax(sums[1:] - lowest_before[:-1])) + 1
    return int(np.argmin(sums[:end])), end
