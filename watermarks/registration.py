"""Pose -> surface: follow the template outward from where it was found.

The chips are demodulated by each of the template's lines, block by block: what is left is one complex
value a line and block, whose phases tell how far the block lies from where the surface so far would have
it. The surface is fitted anew to all blocks that agree, and their neighbours are asked next, so that
perspective and the bend of the page are learnt from the middle out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from watermarks.geometry import Surface, fit_surface, rectify
from watermarks.pose_search import Pose
from watermarks.profiles import Profile
from watermarks.template import lines
from watermarks.whitening import Level

# Blocks overlap: three strides wide, tapered towards their edges.
STRIDE = 32
BLOCK = 3 * STRIDE
_TAPER = np.array([0.25, 0.5, 0.25], np.float32)

# How far a block may lie from where its neighbours lead one to expect it, in chips: at first, and once a
# surface is fitted. The farther one looks, the likelier noise agrees somewhere, and pulls.
_REACH = 3
_FITTED_REACH = 1
_FITTED_AFTER = 3

# A block of pure noise peaks above this once in some thirty; most of its neighbours must agree besides.
_BLOCK_Z = 3.0

# What one line may add to a block's agreement, in deviations: a line that stands out alone is a picture's or
# a column of text's own, and would have every block there agree.
_LINE_LIMIT = 2.0

# A block and its neighbours whose mean is above this show the template beyond doubt.
SHOWN_Z = 1.5

# A pose whose first blocks agree by less than this on average was chance, and so is one that has not gathered
# blocks of so many deviations in all a round later: it has what made it stand out in its own window, and
# nothing around it. Over simulated photos 99 in 100 right poses have 2.8 and 66 or more; three in five wrong
# ones go at the first, six in seven at the second.
_FIRST_Z = 2.5
_LEAST_EVIDENCE = 60.0

# So many blocks make a surface, so many a bent one.
_LEAST_BLOCKS = 4
_BENT_BLOCKS = 20

_ROUNDS = 8
_LARGEST_CHIPS = 1600

# The same once the mark is decoded, and how far a block may then lie from where it is expected, in chips.
_MARK_ROUNDS = 6
_MARK_REACH = 2

# Far from where it lies, a tile correlates with its own surroundings as noise does: chips down and right.
_FAR_CHIPS = ((37, 53), (53, -29), (-41, 61), (29, 23))

# The first blocks that are asked lie within so many chips of a pose's own place.
_FIRST_REACH = 80


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """A marked surface in a level.

    Attributes
    ----------
    surface : Surface
        Chips -> level pixels.
    origin : tuple of int
        Column and row, in chips, of the first block.
    block_z : ndarray of float, shape (R, C)
        How strongly each block of `BLOCK` chips, `STRIDE` apart, shows the template, in deviations.
    """

    surface: Surface
    origin: tuple[int, int]
    block_z: NDArray[np.float64]


def register(level: Level, pose: Pose, profile: Profile) -> Registration | None:
    """Grow a pose into a surface over all of the mark that is in view, or None."""
    surface = Surface.flat(pose.tile_to_search)
    surface = surface.turned_back(profile.tile_chips, surface.to_chips(pose.centre_xy))
    middle = surface.to_chips(pose.centre_xy)
    box = np.array([middle - _FIRST_REACH, middle + _FIRST_REACH])
    return _follow(level, surface, box, profile)


def _follow(
    level: Level, to_search: Surface, box: NDArray[np.float64], profile: Profile
) -> Registration | None:
    """Fit a surface to the blocks that agree with it, and to their neighbours, until no more are found."""
    trusted = 0
    for turn in range(_ROUNDS):
        origin, counts = _grid(box)
        reach = _REACH if turn < _FITTED_AFTER else _FITTED_REACH
        offsets, z = _peaks(*_demodulated(level, to_search, origin, counts, profile), reach, profile)
        agree = _connected(z >= _BLOCK_Z)
        chance = z.mean() < _FIRST_Z if turn == 0 else z[agree].sum() < _LEAST_EVIDENCE
        if agree.sum() < _LEAST_BLOCKS or chance:
            return None
        centres = _centres(origin, counts)[agree]
        seen = to_search.to_level(centres + offsets[agree])
        bent = agree.sum() >= _BENT_BLOCKS and turn >= 2
        to_search = fit_surface(centres, seen, z[agree] ** 2, bent=bent)
        box = np.array([centres.min(axis=0) - BLOCK, centres.max(axis=0) + BLOCK])
        if agree.sum() <= trusted and turn >= 4:
            break
        trusted = max(trusted, int(agree.sum()))
    return registered(level, to_search, box, profile)


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
        The mark, one sample a chip, of unit variance.
    """
    rows, cols = found.block_z.shape
    ends = (
        np.array(found.origin) + np.array([[0, 0], [cols - 1, rows - 1]]) * STRIDE + [[0, 0], [BLOCK, BLOCK]]
    )
    box = np.sort(turn * ends + offset, axis=0)
    to_search = found.surface.scaled(1 / level.search_shrink).moved(turn, offset)
    trusted = 0
    tiles = _moved_tiles(tile)
    for _ in range(_MARK_ROUNDS):
        origin, counts = _grid(box)
        near, noise = _correlated(level, to_search, origin, counts, tiles)
        offsets, peak = _vertices(near)
        z = peak / noise
        agree = _connected(z >= _BLOCK_Z)
        if agree.sum() < _LEAST_BLOCKS:
            break
        centres = _centres(origin, counts)[agree]
        seen = to_search.to_level(centres + offsets[agree])
        to_search = fit_surface(centres, seen, z[agree] ** 2, bent=bool(agree.sum() >= _BENT_BLOCKS))
        box = np.array([centres.min(axis=0) - BLOCK, centres.max(axis=0) + BLOCK])
        if agree.sum() <= trusted:
            break
        trusted = int(agree.sum())
    origin, counts = _grid(box)
    near, noise = _correlated(level, to_search, origin, counts, tiles)
    in_place = near[..., _MARK_REACH + 1, _MARK_REACH + 1] / noise
    smooth = scipy.ndimage.uniform_filter(in_place, 3, mode="constant")
    surface = to_search.scaled(level.search_shrink)
    return Registration(surface, origin, np.asarray(np.maximum(smooth, 0), np.float64))


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
    cells = _cells(rectify(level.search_plane, to_search, origin, shape))
    count = len(tiles)
    every = np.empty((*cells.shape[:2], tiles.shape[-1]), np.float32)
    for row in range(min(count, cells.shape[0])):
        for col in range(min(count, cells.shape[1])):
            own = tiles[(origin[1] // STRIDE + row) % count, (origin[0] // STRIDE + col) % count]
            every[row::count, col::count] = cells[row::count, col::count] @ own
    blocks = _tapered(every.transpose(2, 0, 1)).transpose(1, 2, 0)
    side = 2 * _MARK_REACH + 3
    near, far = blocks[..., : side * side], blocks[..., side * side :]
    noise = scipy.ndimage.uniform_filter((far**2).mean(axis=-1), 3, mode="nearest")
    return near.reshape(*near.shape[:2], side, side).astype(np.float64), np.sqrt(noise + 1e-9)


def _cells(chips: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return chips by cells of `STRIDE`, shape (rows, columns, STRIDE**2)."""
    rows, cols = (count // STRIDE for count in chips.shape)
    return chips.reshape(rows, STRIDE, cols, STRIDE).swapaxes(1, 2).reshape(rows, cols, STRIDE * STRIDE)


def _tapered(of_cells: NDArray[Any]) -> NDArray[Any]:
    """Return the tapered sums over blocks of three cells each way, the last two axes rows and columns."""
    rows, cols = of_cells.shape[-2:]
    down = sum(t * of_cells[..., i : rows - 2 + i, :] for i, t in enumerate(_TAPER))
    return np.asarray(sum(t * down[..., i : cols - 2 + i] for i, t in enumerate(_TAPER)))


def registered(level: Level, to_search: Surface, box: NDArray[np.float64], profile: Profile) -> Registration:
    """Return a known surface (chips -> search plane) with the template's strength over a box.

    The box is in chips, shape (2, 2): low, high.
    """
    origin, counts = _grid(box)
    values, noise = _demodulated(level, to_search, origin, counts, profile)
    in_place = values.real.sum(axis=0) / np.sqrt(0.5 * noise.sum(axis=0) + 1e-9)
    smooth = scipy.ndimage.uniform_filter(in_place, 3, mode="constant")
    surface = to_search.scaled(level.search_shrink)
    return Registration(surface, origin, np.asarray(np.maximum(smooth, 0), np.float64))


def _grid(box: NDArray[np.float64]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the origin (chips) and the counts (rows, columns) of the blocks that fill a box."""
    low = np.floor(box[0] / STRIDE).astype(int)
    high = np.ceil(box[1] / STRIDE).astype(int)
    high = np.clip(high, low + BLOCK // STRIDE, low + _LARGEST_CHIPS // STRIDE)
    count = high - low - BLOCK // STRIDE + 1
    return (int(low[0]) * STRIDE, int(low[1]) * STRIDE), (int(count[1]), int(count[0]))


def _centres(origin: tuple[int, int], counts: tuple[int, int]) -> NDArray[np.float64]:
    """Return the blocks' centres in chips, shape (rows, columns, 2)."""
    x = origin[0] + STRIDE * np.arange(counts[1]) + BLOCK / 2
    y = origin[1] + STRIDE * np.arange(counts[0]) + BLOCK / 2
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float64)


def _demodulated(
    level: Level, to_search: Surface, origin: tuple[int, int], counts: tuple[int, int], profile: Profile
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return each block's value at each line, and the mean power of noise there, shape (K, R, C).

    The noise is that at as many decoys: the lines turned by a right angle, where only picture and
    message are.
    """
    shape = STRIDE * (counts[0] - 1) + BLOCK, STRIDE * (counts[1] - 1) + BLOCK
    cells = _cells(rectify(level.search_plane, to_search, origin, shape))
    waves = _waves(profile)
    rows, cols = cells.shape[:2]
    real, imaginary = np.split((cells @ waves.samples).transpose(2, 0, 1), 2)
    # From cell to cell the waves go on where they left off.
    x, y = (start + STRIDE * np.arange(count) for start, count in zip(origin, (cols, rows), strict=True))
    across = np.exp(-2j * np.pi * np.outer(waves.frequencies_xy[:, 0], x))
    down = np.exp(-2j * np.pi * np.outer(waves.frequencies_xy[:, 1], y))
    of_cells = (real + 1j * imaginary) * down[:, :, None] * across[:, None, :]
    every = _tapered(of_cells)
    count = len(lines(profile).phases)
    values = every[:count] * np.exp(-1j * lines(profile).phases)[:, None, None]
    noise = np.mean(np.abs(every[count:]) ** 2, axis=0)
    smooth = scipy.ndimage.uniform_filter(noise, 3, mode="nearest") + 1e-9
    limit = _LINE_LIMIT * np.sqrt(smooth) / np.maximum(np.abs(values), 1e-9)
    return values * np.minimum(limit, 1), np.broadcast_to(smooth, values.shape)


@dataclass(frozen=True, slots=True, eq=False)
class _Waves:
    """What a cell of `STRIDE` chips is demodulated by: the template's lines, then as many decoys.

    Attributes
    ----------
    frequencies_xy : ndarray of float, shape (2 K, 2)
        In cycles per chip.
    samples : ndarray of float32, shape (STRIDE**2, 4 K)
        Each wave's real part at a cell's chips, then each one's imaginary part.
    """

    frequencies_xy: NDArray[np.float64]
    samples: NDArray[np.float32]


@cache
def _waves(profile: Profile) -> _Waves:
    """Return the waves of a profile."""
    cycles = lines(profile).cycles_xy
    frequencies = np.concatenate([cycles, cycles[:, ::-1] * (-1, 1)]) / profile.tile_chips
    at = np.arange(STRIDE) + 0.5
    y, x = np.meshgrid(at, at, indexing="ij")
    waves = np.exp(-2j * np.pi * (np.outer(x, frequencies[:, 0]) + np.outer(y, frequencies[:, 1])))
    return _Waves(frequencies, np.hstack([waves.real, waves.imag]).astype(np.float32))


def _peaks(
    values: NDArray[np.complex128], noise: NDArray[np.float64], reach: int, profile: Profile
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sub-chip offsets (xy) at which each block's lines agree best, and by how many deviations."""
    steps = np.arange(-reach - 1, reach + 2)
    steps_xy = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    turns = np.exp(2j * np.pi * steps_xy @ lines(profile).cycles_xy.T / profile.tile_chips)
    agreement = np.einsum("lk,krc->rcl", turns, values).real
    offsets, peak = _vertices(agreement.reshape(*agreement.shape[:2], len(steps), len(steps)))
    return offsets, peak / np.sqrt(0.5 * noise.sum(axis=0) + 1e-9)


def _vertices(near: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def _connected(agree: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest connected patch of agreeing blocks: strays are noise."""
    labels, count = scipy.ndimage.label(agree, np.ones((3, 3)))
    if count == 0:
        return agree
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())
