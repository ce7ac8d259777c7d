"""Decoded mark -> the surface grown over all of it: the whole tile leads where the template is too weak."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from watermarks.blocks import (
    BLOCK,
    BLOCK_Z,
    LEAST_BLOCKS,
    STRIDE,
    block_centres,
    block_grid,
    chip_cells,
    patches,
    tapered_sums,
    vertices,
)
from watermarks.geometry import Camera, Surface, fit_surface, rectify
from watermarks.registration import Registration, shown_by
from watermarks.whitening import Level

# Rounds of growth, and how far a block may lie from where it is expected, in chips.
_MARK_ROUNDS = 6
_MARK_REACH = 2

# So far beyond the blocks that agree others are asked: over a dark band that shows none of the mark.
_LOOK_CHIPS = BLOCK + 2 * STRIDE

# Far from where it lies, a tile correlates with its own surroundings as noise does: chips down and right.
_FAR_CHIPS = ((37, 53), (53, -29), (-41, 61), (29, 23))


def follow_mark(
    level: Level,
    found: Registration,
    turn: int,
    offset: NDArray[np.float64],
    tile: NDArray[np.float32],
) -> Registration:
    """Return a registration moved to its place in the tile and grown over all of a mark that is known.

    Once it is decoded the whole mark leads on, template and message together, into parts that show the
    template too weakly alone (decision-directed synchronization).

    Parameters
    ----------
    level : Level
    found : Registration
        Its point u lies at ``turn * u + offset`` in the tile.
    turn : {1, -1}
    offset : ndarray of float, shape (2,)
        In chips.
    tile : ndarray of float32, shape (N, N)
        The mark, one sample a chip, of about unit variance.
    """
    rows, cols = found.block_z.shape
    ends = (
        np.array(found.origin) + np.array([[0, 0], [cols - 1, rows - 1]]) * STRIDE + [[0, 0], [BLOCK, BLOCK]]
    )
    box = np.sort(turn * ends + offset, axis=0)
    to_search = found.surface.scaled(1 / level.search_shrink).moved(turn, offset)
    camera = Camera.of(level.search_plane.shape)
    trusted = 0
    tiles = _moved_tiles(tile)
    for _ in range(_MARK_ROUNDS):
        origin, counts = block_grid(box)
        near, noise = _correlated(level, to_search, origin, counts, tiles)
        offsets, peak = vertices(near)
        z = peak / noise
        agree = patches(z >= BLOCK_Z, LEAST_BLOCKS)
        if agree.sum() < LEAST_BLOCKS:
            break
        centres = block_centres(origin, counts)[agree]
        seen = to_search.to_level(centres + offsets[agree])
        to_search = fit_surface(centres, seen, z[agree] ** 2, camera)
        box = np.array([centres.min(axis=0) - _LOOK_CHIPS, centres.max(axis=0) + _LOOK_CHIPS])
        if agree.sum() <= trusted:
            break
        trusted = int(agree.sum())
    origin, counts = block_grid(box)
    near, noise = _correlated(level, to_search, origin, counts, tiles)
    return shown_by(level, to_search, origin, near[..., _MARK_REACH + 1, _MARK_REACH + 1] / noise)


def _moved_tiles(tile: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a tile's cells of `STRIDE` chips under every move: shape (N / STRIDE, N / STRIDE, STRIDE**2, M).

    First the moves of up to `_MARK_REACH` + 1 chips, row by row, then the far ones.
    """
    steps = range(-_MARK_REACH - 1, _MARK_REACH + 2)
    moves = [(down, right) for down in steps for right in steps] + list(_FAR_CHIPS)
    count = len(tile) // STRIDE
    cells = [
        np.roll(tile, move, (0, 1)).reshape(count, STRIDE, count, STRIDE).swapaxes(1, 2) for move in moves
    ]
    return np.stack([each.reshape(count, count, STRIDE * STRIDE) for each in cells], axis=-1)


def _correlated(
    level: Level,
    to_search: Surface,
    origin: tuple[int, int],
    counts: tuple[int, int],
    tiles: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each block's correlation with a tile moved by a few chips each way, and the noise in it.

    Returns
    -------
    near : ndarray of float, shape (R, C, S, S)
        By steps down and to the right, from -`_MARK_REACH` - 1 up.
    noise : ndarray of float, shape (R, C)
        Standard deviation of what a tile that isn't there correlates to: this one, moved far.
    """
    shape = STRIDE * (counts[0] - 1) + BLOCK, STRIDE * (counts[1] - 1) + BLOCK
    cells = chip_cells(rectify(level.search_plane, to_search, origin, shape))
    count = len(tiles)
    every = np.empty((*cells.shape[:2], tiles.shape[-1]), np.float32)
    for row in range(min(count, cells.shape[0])):
        for col in range(min(count, cells.shape[1])):
            own = tiles[(origin[1] // STRIDE + row) % count, (origin[0] // STRIDE + col) % count]
            every[row::count, col::count] = cells[row::count, col::count] @ own
    blocks = tapered_sums(every.transpose(2, 0, 1)).transpose(1, 2, 0)
    side = 2 * _MARK_REACH + 3
    near, far = blocks[..., : side * side], blocks[..., side * side :]
    noise = scipy.ndimage.uniform_filter((far**2).mean(axis=-1), 3, mode="nearest")
    return near.reshape(*near.shape[:2], side, side).astype(np.float64), np.sqrt(noise + 1e-9)
