"""Pages that carry the template, or a picture, as a camera of a phone's focal length sees them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watermarks import DRAFT_0
from watermarks.blocks import BLOCK, STRIDE
from watermarks.embedder import mark_tile
from watermarks.geometry import FOCAL_RATIO, Surface
from watermarks.registration import Registration
from watermarks.template import lines


def tilted(
    shape: tuple[int, int],
    *,
    px_per_chip: float,
    turn: float = 0.0,
    tilt: float = 0.0,
    towards: float = 0.0,
    middle_xy: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float64]:
    """Return the homography, chips -> pixels of a frame, of a flat page; angles in degrees.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the frame.
    px_per_chip : float
        Scale in the middle of the frame, before the tilt shortens one way.
    turn : float, optional
        Of the page in itself.
    tilt : float, optional
        Of the page against the frame.
    towards : float, optional
        In which direction of the frame it recedes.
    middle_xy : tuple of float, optional
        The chip in the middle of the frame.
    """
    angle, away = np.radians(turn), np.radians(towards)
    page = px_per_chip * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    recedes = np.array([np.cos(away), np.sin(away)])
    shortened = np.eye(2) - (1 - np.cos(np.radians(tilt))) * np.outer(recedes, recedes)
    homography = np.eye(3)
    homography[:2, :2] = shortened @ page
    homography[2, :2] = np.sin(np.radians(tilt)) / (FOCAL_RATIO * max(shape)) * recedes @ page
    to_frame = np.array([[1, 0, (shape[1] - 1) / 2], [0, 1, (shape[0] - 1) / 2], [0, 0, 1.0]])
    from_middle = np.array([[1, 0, -middle_xy[0]], [0, 1, -middle_xy[1]], [0, 0, 1.0]])
    return np.asarray(to_frame @ homography @ from_middle)


def template_plane(
    shape: tuple[int, int], tile_to_plane: NDArray[np.float64], noise: float, seed: int = 0
) -> NDArray[np.float32]:
    """Return what a plane shows of a page that carries the template alone, and white noise."""
    found = lines(DRAFT_0)
    pixels = np.stack(np.meshgrid(np.arange(float(shape[1])), np.arange(float(shape[0]))), axis=-1)
    chips = Surface.flat(tile_to_plane).to_chips(pixels)
    turns = chips @ found.cycles_xy.T / DRAFT_0.tile_chips
    template = np.cos(2 * np.pi * turns + found.phases).sum(axis=-1) * np.sqrt(2 / len(found.phases))
    grain = noise * np.random.default_rng(seed).standard_normal(shape)
    return np.asarray(template + grain, np.float32)


def jacobian(tile_to_plane: NDArray[np.float64], plane_xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivative, pixels by chips, of a flat page's map at a point of the plane, shape (2, 2)."""
    surface = Surface.flat(tile_to_plane)
    chip = surface.to_chips(plane_xy)
    steps = np.array([[0.5, 0], [0, 0.5]])
    return np.asarray((surface.to_level(chip + steps) - surface.to_level(chip - steps)).T)


def relabelled(found: Registration, turn: int, offset: NDArray[np.float64]) -> Registration:
    """Return a registration whose point u is called ``turn * u + offset``: found elsewhere in the tile."""
    rows, cols = found.block_z.shape
    near = np.array(found.origin)
    ends = turn * np.stack([near, near + STRIDE * np.array([cols - 1, rows - 1]) + BLOCK]) + offset
    x, y = np.rint(ends.min(axis=0)).astype(int)
    return Registration(found.surface.moved(turn, offset), (int(x), int(y)), found.block_z[::turn, ::turn])


def chip_tile(coded_bits: NDArray[np.uint8], key: bytes) -> NDArray[np.float32]:
    """Return a mark's tile, one sample a chip."""
    side = DRAFT_0.tile_chips
    fine = mark_tile(DRAFT_0, coded_bits, key)
    return np.asarray(fine.reshape(side, 2, side, 2).mean(axis=(1, 3)), np.float32)
