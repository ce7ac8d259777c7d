"""Pose -> surface: follow the template outward from where it was found.

Blocks of chips are correlated with the template; each block that agrees tells how far it lies from
where the surface so far would have it. The surface is fitted anew to all that agree, and their
neighbours are asked next, so that perspective and the bend of the page are learnt from the middle out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from watermarks.geometry import Surface, fit_surface
from watermarks.pose_search import Pose
from watermarks.profiles import Profile
from watermarks.spectra import WINDOW_PX
from watermarks.template import template_tile
from watermarks.whitening import SEARCH_SHRINK, Level, whitened_chips

BLOCK = 96
STRIDE = 32

# How far a block may lie from where its neighbours lead one to expect it, in chips.
_REACH = 3

# A block of pure noise peaks above this once in some thirty; most of its neighbours must agree besides.
_BLOCK_Z = 3.0

# A block and its neighbours whose mean is above this show the template beyond doubt.
SHOWN_Z = 1.5

# So many blocks make a surface, so many a bent one.
_LEAST_BLOCKS = 4
_BENT_BLOCKS = 20

_ROUNDS = 8
_LARGEST_CHIPS = 1600


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

    @property
    def search_pose(self) -> Pose:
        """The surface's homography as a pose on the level's search planes."""
        flat = self.surface.scaled(1 / SEARCH_SHRINK)
        rows, cols = self.block_z.shape
        middle = np.array(self.origin) + BLOCK / 2 + STRIDE * np.array([cols - 1, rows - 1]) / 2
        return Pose(flat.tile_to_level, flat.to_level(middle), float(self.block_z.max()))

    def holds(self, level_xy: NDArray[np.float64]) -> bool:
        """Whether a point of the level lies among the blocks that show the template."""
        chips = self.surface.to_chips(level_xy)
        col, row = np.rint((chips - np.array(self.origin) - BLOCK / 2) / STRIDE).astype(int)
        rows, cols = self.block_z.shape
        return 0 <= row < rows and 0 <= col < cols and bool(self.block_z[row, col] > SHOWN_Z)


def register(level: Level, pose: Pose, profile: Profile) -> Registration | None:
    """Grow a pose into a surface over all of the mark that is in view, or None."""
    surface = Surface.flat(pose.tile_to_level).scaled(SEARCH_SHRINK)
    centre = np.asarray(pose.centre_xy * SEARCH_SHRINK)
    surface = surface.turned_back(profile.tile_chips, surface.to_chips(centre))
    middle = surface.to_chips(centre)
    half = 0.4 * SEARCH_SHRINK * WINDOW_PX / float(surface.px_per_chip(middle))
    box = np.array([middle - half, middle + half])
    trusted = 0
    for turn in range(_ROUNDS):
        origin, counts = _grid(box)
        if min(counts) < 1:
            return None
        correlation = _correlate(level, surface, origin, counts, profile)
        offsets, z = _peaks(correlation)
        agree = _connected(z >= _BLOCK_Z)
        if agree.sum() < _LEAST_BLOCKS:
            return None
        centres = _centres(origin, counts)[agree]
        seen = surface.to_level(centres + offsets[agree])
        bent = agree.sum() >= _BENT_BLOCKS and turn >= 2
        surface = fit_surface(centres, seen, z[agree] ** 2, bent=bent)
        box = np.array([centres.min(axis=0) - BLOCK, centres.max(axis=0) + BLOCK])
        if agree.sum() <= trusted and turn >= 4:
            break
        trusted = max(trusted, int(agree.sum()))
    return registered(level, surface, box, profile)


def registered(level: Level, surface: Surface, box: NDArray[np.float64], profile: Profile) -> Registration:
    """Return a known surface with the template's strength over a box of chips, shape (2, 2): low, high."""
    origin, counts = _grid(box)
    return Registration(surface, origin, _strengths(_correlate(level, surface, origin, counts, profile)))


def _grid(box: NDArray[np.float64]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the origin (chips) and the counts (rows, columns) of the blocks that fill a box."""
    low = np.floor(box[0] / STRIDE).astype(int)
    high = np.ceil(box[1] / STRIDE).astype(int)
    high = np.minimum(high, low + _LARGEST_CHIPS // STRIDE)
    count = high - low - BLOCK // STRIDE + 1
    return (int(low[0]) * STRIDE, int(low[1]) * STRIDE), (int(count[1]), int(count[0]))


def _centres(origin: tuple[int, int], counts: tuple[int, int]) -> NDArray[np.float64]:
    """Return the blocks' centres in chips, shape (rows, columns, 2)."""
    x = origin[0] + STRIDE * np.arange(counts[1]) + BLOCK / 2
    y = origin[1] + STRIDE * np.arange(counts[0]) + BLOCK / 2
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float64)


def _blocks(image: NDArray[np.float32], counts: tuple[int, int]) -> NDArray[np.float32]:
    """Return the overlapping blocks of an image, shape (rows, columns, BLOCK, BLOCK), as a view."""
    views = np.lib.stride_tricks.sliding_window_view(image, (BLOCK, BLOCK))
    return views[::STRIDE, ::STRIDE][: counts[0], : counts[1]]


@cache
def _template_blocks(profile: Profile, layer_index: int) -> NDArray[np.complex64]:
    """Return the conjugate transforms of a tile's blocks at every multiple of the stride."""
    tile = template_tile(profile.layers[layer_index], profile.tile_chips)
    per_tile = profile.tile_chips // STRIDE
    wide = np.tile(tile, (2, 2))
    blocks = _blocks(wide, (per_tile, per_tile))
    return np.asarray(scipy.fft.rfft2(blocks).conj(), np.complex64)


def _correlate(
    level: Level, surface: Surface, origin: tuple[int, int], counts: tuple[int, int], profile: Profile
) -> NDArray[np.float32]:
    """Return each block's correlation with the template over offsets, shape (R, C, BLOCK, BLOCK)."""
    shape = STRIDE * (counts[0] - 1) + BLOCK, STRIDE * (counts[1] - 1) + BLOCK
    taper = np.hanning(BLOCK + 2)[1:-1].astype(np.float32)
    per_tile = profile.tile_chips // STRIDE
    rows = (origin[1] // STRIDE + np.arange(counts[0])) % per_tile
    cols = (origin[0] // STRIDE + np.arange(counts[1])) % per_tile
    product = np.zeros((*counts, BLOCK, BLOCK // 2 + 1), np.complex64)
    for index, plane in enumerate(level.planes):
        chips = whitened_chips(plane, surface, origin, shape, 1)
        spectra = scipy.fft.rfft2(_blocks(chips, counts) * (taper[:, None] * taper))
        product += spectra * _template_blocks(profile, index)[rows[:, None], cols]
    return np.asarray(scipy.fft.irfft2(product, s=(BLOCK, BLOCK)), np.float32)


def _strengths(correlation: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how strongly each block and its neighbours show the template in place, 0 and up."""
    z = correlation[..., 0, 0] / (correlation.std(axis=(-2, -1)) + 1e-9)
    smooth = scipy.ndimage.uniform_filter(z.astype(np.float64), 3, mode="constant")
    return np.asarray(np.maximum(smooth, 0), np.float64)


def _peaks(correlation: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sub-chip peaks near zero lag, in chips (xy), and their heights in deviations."""
    centred = np.roll(correlation, (_REACH + 1, _REACH + 1), axis=(-2, -1))
    near = centred[..., : 2 * _REACH + 3, : 2 * _REACH + 3]
    deviation = correlation.std(axis=(-2, -1)) + 1e-9
    inner = near[..., 1:-1, 1:-1]
    best = inner.reshape(*inner.shape[:-2], -1).argmax(axis=-1)
    row, col = np.unravel_index(best, inner.shape[-2:])
    row, col = row + 1, col + 1
    grid = np.ogrid[: near.shape[0], : near.shape[1]]

    def at(dr: int, dc: int) -> NDArray[np.float32]:
        return np.asarray(near[grid[0], grid[1], row + dr, col + dc])

    peak = at(0, 0)
    dx = _parabola(at(0, -1), peak, at(0, 1)) + col - _REACH - 1
    dy = _parabola(at(-1, 0), peak, at(1, 0)) + row - _REACH - 1
    return np.stack([dx, dy], axis=-1).astype(np.float64), (peak / deviation).astype(np.float64)


def _parabola(
    left: NDArray[np.float32], peak: NDArray[np.float32], right: NDArray[np.float32]
) -> NDArray[np.float32]:
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
