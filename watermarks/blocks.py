"""A rectified surface in blocks: overlapping, tapered; where each one agrees best, and which agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

# Blocks overlap: three strides wide, tapered towards their edges.
STRIDE = 32
BLOCK = 3 * STRIDE
_TAPER = np.array([0.25, 0.5, 0.25], np.float32)

# No picture is wider than this, in chips: 21 in.
_LARGEST_CHIPS = 1600

# A block of pure noise peaks above this once in some thirty; most of its neighbours must agree besides.
BLOCK_Z = 3.0

# So many blocks make a surface.
LEAST_BLOCKS = 4


def block_grid(box: NDArray[np.float64]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the origin (chips) and the counts (rows, columns) of the blocks that fill a box."""
    low = np.floor(box[0] / STRIDE).astype(int)
    high = np.ceil(box[1] / STRIDE).astype(int)
    high = np.clip(high, low + BLOCK // STRIDE, low + _LARGEST_CHIPS // STRIDE)
    count = high - low - BLOCK // STRIDE + 1
    return (int(low[0]) * STRIDE, int(low[1]) * STRIDE), (int(count[1]), int(count[0]))


def block_centres(origin: tuple[int, int], counts: tuple[int, int]) -> NDArray[np.float64]:
    """Return the blocks' centres in chips, shape (rows, columns, 2)."""
    x = origin[0] + STRIDE * np.arange(counts[1]) + BLOCK / 2
    y = origin[1] + STRIDE * np.arange(counts[0]) + BLOCK / 2
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float64)


def chip_cells(chips: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return chips by cells of `STRIDE`, shape (rows, columns, STRIDE**2)."""
    rows, cols = (count // STRIDE for count in chips.shape)
    return chips.reshape(rows, STRIDE, cols, STRIDE).swapaxes(1, 2).reshape(rows, cols, STRIDE * STRIDE)


def tapered_sums(of_cells: NDArray[Any]) -> NDArray[Any]:
    """Return the tapered sums over blocks of three cells each way, the last two axes rows and columns."""
    rows, cols = of_cells.shape[-2:]
    down = sum(t * of_cells[..., i : rows - 2 + i, :] for i, t in enumerate(_TAPER))
    return np.asarray(sum(t * down[..., i : cols - 2 + i] for i, t in enumerate(_TAPER)))


def vertices(near: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where between whole steps each block's agreement, shape (R, C, S, S), is best, and how good.

    Offsets in xy from the middle step; the outermost steps only lend their slopes.
    """
    reach = near.shape[-1] // 2
    inner = near[..., 1:-1, 1:-1]
    row, col = np.unravel_index(inner.reshape(*inner.shape[:2], -1).argmax(axis=-1), inner.shape[-2:])
    row, col = row + 1, col + 1
    grid = np.ogrid[: near.shape[0], : near.shape[1]]

    def at(dr: int, dc: int) -> NDArray[np.float64]:
        return np.asarray(near[grid[0], grid[1], row + dr, col + dc])

    peak = at(0, 0)
    dx = _parabola(at(0, -1), peak, at(0, 1)) + col - reach
    dy = _parabola(at(-1, 0), peak, at(1, 0)) + row - reach
    return np.stack([dx, dy], axis=-1), peak


def _parabola(
    left: NDArray[np.float64], peak: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the vertex of the parabola through three equally spaced values, in (-0.5, 0.5)."""
    curvature = left - 2 * peak + right
    return np.asarray(np.clip(0.5 * (left - right) / np.where(curvature < 0, curvature, -1e-9), -0.5, 0.5))


def patches(agree: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Keep connected patches of so many agreeing blocks and more: strays are noise."""
    labels, sizes = _labelled(agree)
    return np.asarray(sizes[labels] >= least)


def largest_patch(agree: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest connected patch of agreeing blocks."""
    labels, sizes = _labelled(agree)
    return np.asarray(agree & (labels == sizes.argmax()))


def _labelled(agree: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the number of each block's connected patch, 0 where it doesn't agree, and the patches' sizes."""
    labels, _ = scipy.ndimage.label(agree, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels), sizes
