"""Pose -> surface: follow the template outward from where it was found.

The chips are demodulated by each of the template's lines, block by block: what is left is one complex
value a line and block, whose phases tell how far the block lies from where the surface so far would have
it. The surface is fitted anew to all blocks that agree, and their neighbours are asked next, so that
perspective and the bend of the page are learnt from the middle out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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
    largest_patch,
    tapered_sums,
    vertices,
)
from watermarks.geometry import Camera, Surface, fit_surface, rectify
from watermarks.pose_search import Pose
from watermarks.profiles import Profile
from watermarks.template import lines
from watermarks.whitening import Level

# How far a block may lie from where its neighbours lead one to expect it, in chips: at first, and once a
# surface is fitted. The farther one looks, the likelier noise agrees somewhere, and pulls.
_REACH = 3
_FITTED_REACH = 1
_FITTED_AFTER = 3

# What one line may add to a block's agreement, in deviations: a line that stands out alone is a picture's or
# a column of text's own, and would have every block there agree.
_LINE_LIMIT = 2.0

# A block and its neighbours whose mean is above this show the mark beyond doubt.
SHOWN_Z = 1.5

# A pose was chance if its first blocks agree by less than this on average; if it has not gathered blocks of
# so many deviations in all a round later: what made it stand out in its own window, and nothing around it; or
# if it ends without a place that shows the mark so clearly. All 140 right poses in simulated photos have 3.4,
# 72 and 4.9 or more; six in ten wrong ones go at the first, and about one in thirty is left to be decoded.
_FIRST_Z = 3.1
_LEAST_EVIDENCE = 68.0
_LEAST_SHOWN_Z = 4.6

_ROUNDS = 8

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
        How strongly each block of `BLOCK` chips, `STRIDE` apart, shows the template, in deviations; the whole
        mark, once it is decoded and followed.
    """

    surface: Surface
    origin: tuple[int, int]
    block_z: NDArray[np.float64]


def register(level: Level, pose: Pose, profile: Profile) -> Registration | None:
    """Grow a pose into a surface over all of the mark that is in view, or None."""
    surface = Surface.flat(pose.tile_to_search)
    surface = surface.turned_back(profile.tile_chips, surface.to_chips(pose.centre_xy))
    return register_near(level, surface, surface.to_chips(pose.centre_xy), profile)


def register_near(
    level: Level, to_search: Surface, near_xy: NDArray[np.float64], profile: Profile
) -> Registration | None:
    """Grow a surface (chips -> search plane) that is true near a point, in chips, or return None."""
    box = np.array([near_xy - _FIRST_REACH, near_xy + _FIRST_REACH])
    return _follow(level, to_search, box, profile)


def _follow(
    level: Level, to_search: Surface, box: NDArray[np.float64], profile: Profile
) -> Registration | None:
    """Fit a surface to the blocks that agree with it, and to their neighbours, until no more are found."""
    camera = Camera.of(level.search_plane.shape)
    trusted = 0
    for turn in range(_ROUNDS):
        origin, counts = block_grid(box)
        reach = _REACH if turn < _FITTED_AFTER else _FITTED_REACH
        offsets, z = _peaks(*demodulated(level, to_search, origin, counts, profile), reach, profile)
        agree = largest_patch(z >= BLOCK_Z)
        chance = z.mean() < _FIRST_Z if turn == 0 else z[agree].sum() < _LEAST_EVIDENCE
        if agree.sum() < LEAST_BLOCKS or chance:
            return None
        centres = block_centres(origin, counts)[agree]
        seen = to_search.to_level(centres + offsets[agree])
        to_search = fit_surface(centres, seen, z[agree] ** 2, camera)
        box = np.array([centres.min(axis=0) - BLOCK, centres.max(axis=0) + BLOCK])
        if agree.sum() <= trusted and turn >= 4:
            break
        trusted = max(trusted, int(agree.sum()))
    found = registered(level, to_search, box, profile)
    return found if found.block_z.max() >= _LEAST_SHOWN_Z else None


def registered(level: Level, to_search: Surface, box: NDArray[np.float64], profile: Profile) -> Registration:
    """Return a known surface (chips -> search plane) with the template's strength over a box.

    The box is in chips, shape (2, 2): low, high.
    """
    origin, counts = block_grid(box)
    values, noise = demodulated(level, to_search, origin, counts, profile)
    in_place = values.real.sum(axis=0) / np.sqrt(0.5 * noise.sum(axis=0) + 1e-9)
    return shown_by(level, to_search, origin, in_place)


def shown_by(
    level: Level, to_search: Surface, origin: tuple[int, int], in_place: NDArray[np.float64]
) -> Registration:
    """Return a surface (chips -> search plane) with what its blocks and their neighbours show in place."""
    smooth = scipy.ndimage.uniform_filter(in_place, 3, mode="constant")
    surface = to_search.scaled(level.search_shrink)
    return Registration(surface, origin, np.asarray(np.maximum(smooth, 0), np.float64))


def demodulated(
    level: Level, to_search: Surface, origin: tuple[int, int], counts: tuple[int, int], profile: Profile
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return each block's value at each line, and the mean power of noise there, shape (K, R, C).

    A line's own phase is taken off, and what it may show is limited. The noise is that at as many decoys: the
    lines turned by a right angle, where only picture and message are.
    """
    shape = STRIDE * (counts[0] - 1) + BLOCK, STRIDE * (counts[1] - 1) + BLOCK
    cells = chip_cells(rectify(level.search_plane, to_search, origin, shape))
    waves = _waves(profile)
    rows, cols = cells.shape[:2]
    real, imaginary = np.split((cells @ waves.samples).transpose(2, 0, 1), 2)
    # From cell to cell the waves go on where they left off.
    x, y = (start + STRIDE * np.arange(count) for start, count in zip(origin, (cols, rows), strict=True))
    across = np.exp(-2j * np.pi * np.outer(waves.frequencies_xy[:, 0], x))
    down = np.exp(-2j * np.pi * np.outer(waves.frequencies_xy[:, 1], y))
    of_cells = (real + 1j * imaginary) * down[:, :, None] * across[:, None, :]
    every = tapered_sums(of_cells)
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
    offsets, peak = vertices(agreement.reshape(*agreement.shape[:2], len(steps), len(steps)))
    return offsets, peak / np.sqrt(0.5 * noise.sum(axis=0) + 1e-9)
