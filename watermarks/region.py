"""Decoded mark -> the rectangle of chips that it covers: where in the photo the picture is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.blocks import BLOCK, STRIDE
from watermarks.decoder import chip_weights
from watermarks.embedder import mark_tile, message_tile
from watermarks.geometry import Surface, rectify
from watermarks.profiles import Profile
from watermarks.registration import SHOWN_Z, Registration
from watermarks.whitening import Level, whitened_chips

_CELL = 4  # chips to a cell of the evidence map: the corners' resolution
# A row or column of cells belongs to the picture if it shows at least this share of the mean evidence: a
# picture's quiet parts carry less of the mark than its busy ones, what lies beside it none.
_LEAST_SHARE = 0.3

# Rows beyond a gap that show less than this share of the message are another picture's.
_OWN_SHARE = 0.3

# The edge of a picture without a mark at its end: this share of its length steps the same way, by so many
# 8-bit levels on average, and so much more clearly than where the mark ends.
_EDGE_AGREES = 0.9
_LEAST_STEP = 25.0
_CLEARER = 2.0

# What lies between is darker than paper, in 8-bit levels: paper beside a picture carries no mark either.
_BLACK_LEVEL = 130.0
_PAPER_LEVEL = 170.0

_MARGIN = 128  # chips looked at beyond the registered blocks


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The marked region.

    Attributes
    ----------
    corners_xy : ndarray of float, shape (4, 2)
        In level pixels: tl, tr, br, bl of the picture.
    share : float
        Share of its area, in [0, 1], in blocks that show the mark beyond doubt.
    """

    corners_xy: NDArray[np.float64]
    share: float


def covered_region(
    level: Level, registration: Registration, coded_bits: NDArray[np.uint8], key: bytes, profile: Profile
) -> Region:
    """Return the region that a mark covers.

    A cell is evidence for the mark by how well it agrees with the decoded chips; the region is the
    rectangle with the greatest sum of evidence above a share of the mark's own mean.
    """
    surface = registration.surface
    rows, cols = registration.block_z.shape
    origin = registration.origin[0] - _MARGIN, registration.origin[1] - _MARGIN
    shape = STRIDE * (rows - 1) + BLOCK + 2 * _MARGIN, STRIDE * (cols - 1) + BLOCK + 2 * _MARGIN
    # The search plane is as white as chips are, and at hand.
    chips = rectify(level.search_plane, surface.scaled(1 / level.search_shrink), origin, shape)
    of_message = _agreement(chips, origin, message_tile(profile, coded_bits, key))
    agreed = _agreement(chips, origin, mark_tile(profile, coded_bits, key))
    shown = np.pad(chip_weights(registration, _CELL), _MARGIN // _CELL) > SHOWN_Z
    typical = float(agreed[shown].mean()) if shown.any() else float(agreed.max())
    top, bottom, left, right = _best_rectangle(agreed - _LEAST_SHARE * typical)
    cells = rectify(level.luma, surface, origin, agreed.shape, float(_CELL))
    top, bottom = _own_run(of_message[:, left:right], cells[:, left:right], top, bottom)
    left, right = _own_run(of_message[top:bottom].T, cells[top:bottom].T, left, right)
    top, bottom = _out_to_edges(cells[:, left:right], top, bottom)
    left, right = _out_to_edges(cells[top:bottom].T, left, right)
    x0, x1 = origin[0] + _CELL * left, origin[0] + _CELL * right
    y0, y1 = origin[1] + _CELL * top, origin[1] + _CELL * bottom
    corners = surface.to_level(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64))
    return Region(corners, float(shown[top:bottom, left:right].mean()))


def evidence(
    level: Level,
    surface: Surface,
    origin: tuple[int, int],
    shape: tuple[int, int],
    coded_bits: NDArray[np.uint8],
    key: bytes,
    profile: Profile,
) -> NDArray[np.float64]:
    """Return how well each cell of 4 chips agrees with a mark.

    Parameters
    ----------
    level : Level
    surface : Surface
        Chips -> pixels of the level, in place in the tile.
    origin, shape : tuple of int
        Column and row of the first chip; rows and columns of chips.
    coded_bits : ndarray of uint8
        What the mark carries.
    key : bytes
        The watermark key.
    profile : Profile

    Returns
    -------
    ndarray of float, shape (rows // 4, columns // 4)
        The mean product of whitened chips and the mark's tile, both of about unit variance.
    """
    chips = whitened_chips(level.luma, surface, origin, shape, trust=0.0)
    return _agreement(chips, origin, mark_tile(profile, coded_bits, key))


def _agreement(
    chips: NDArray[np.float32], origin: tuple[int, int], fine_tile: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the mean product of each cell's chips and a tile of two samples a chip."""
    side = len(fine_tile) // 2
    tile = cv2.resize(fine_tile, (side, side), interpolation=cv2.INTER_AREA)
    rows = (origin[1] + np.arange(chips.shape[0])) % side
    cols = (origin[0] + np.arange(chips.shape[1])) % side
    cells = chips.shape[1] // _CELL, chips.shape[0] // _CELL
    product = chips * tile[rows[:, None], cols]
    return np.asarray(cv2.resize(product, cells, interpolation=cv2.INTER_AREA), np.float64)


def _own_run(
    of_message: NDArray[np.float64], luma: NDArray[np.float32], start: int, end: int
) -> tuple[int, int]:
    """Cut off of a run of rows what shows no message and lies across a gap: another picture's.

    It has the same template, and may agree with a surface that has grown into it.
    """
    message = of_message.mean(axis=1)
    low, high = _best_run(message[start:end] - _LEAST_SHARE * message[start:end].mean())
    low, high = start + low, start + high
    gap = np.quantile(luma, 0.1, axis=1) > _PAPER_LEVEL
    typical = message[low:high].mean()

    def is_others(part: slice) -> bool:
        printed = message[part][~gap[part]]
        return bool(gap[part].any() and printed.size and printed.mean() < _OWN_SHARE * typical)

    return (
        low if is_others(slice(start, low)) else start,
        high if is_others(slice(high, end)) else end,
    )


def _out_to_edges(luma: NDArray[np.float32], start: int, end: int) -> tuple[int, int]:
    """Move the ends of a run of rows out to where nearly all columns step at once, if they don't there.

    A picture's black end carries no mark; its edge against the paper shows all the same.
    """
    steps = np.diff(np.pad(luma, ((2, 1), (0, 0)), mode="edge").astype(np.float64), n=1, axis=0)
    steps = steps[1:] + steps[:-1]  # over two cells: edges are blurred
    mean = np.abs(steps.mean(axis=1))
    agree = np.maximum((steps > 0).mean(axis=1), (steps < 0).mean(axis=1))
    edge = np.where((agree > _EDGE_AGREES) & (mean > _LEAST_STEP), mean, 0.0)
    above, below = max(start - 1, 0), end + 2
    outer = np.flatnonzero(edge[:above] > _CLEARER * mean[above : start + 2].max())
    if outer.size and _dark(luma[outer[-1] + 1 : start]):  # the nearest, at its steepest
        start = int(outer[-1]) - int(edge[max(outer[-1] - 3, 0) : outer[-1] + 1][::-1].argmax())
    outer = np.flatnonzero(edge[below:] > _CLEARER * mean[end - 1 : below].max())
    if outer.size and _dark(luma[end : below + outer[0]]):
        end = below + int(outer[0]) + int(edge[below + outer[0] : below + outer[0] + 4].argmax())
    return start, end


def _dark(rows: NDArray[np.float32]) -> bool:
    """Whether rows are darker than paper, without one that is bright throughout: a gap between pictures."""
    darkest = np.quantile(rows, 0.1, axis=1)
    return bool(np.median(rows) < _BLACK_LEVEL and darkest.max() < _PAPER_LEVEL)


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
