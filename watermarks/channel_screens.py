"""Halftone screens: threshold tiles that turn a plate's tone into dots of ink.

A tile holds thresholds of equal frequency; a pixel of the plate is inked where its tone exceeds
the threshold. Edges are soft over about a device pixel, so that the raster may be coarser than a
platesetter's 2400 dpi and still carry every dot's area.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

AM_SOFTNESS = 2.5
"""Slope of a dot's edge: at 600 dpi and 150 lpi thresholds rise by 1/2 a pixel; 2.5 makes edges 1 px wide."""
FM_SOFTNESS = 0.6
"""The same for stochastic screens: a pixel of 42 um holds four dots of 21 um, so it takes grey values too."""

_TILE_PX = 600
"""Side of a supercell: large enough that every angle comes out within half a degree."""
_FM_TILE_PX = 256
_FM_PERIOD_PX = 2.4
"""Mean distance of FM dots: 2.4 px at 600 dpi is 100 um, as dots of 20-30 um at a quarter tone make."""


@functools.cache
def am_screen(lpi: float, angle_deg: float, dpi: float) -> NDArray[np.uint8]:
    """Return an amplitude-modulated (clustered-dot) threshold tile.

    A supercell, as platesetters use: the cell vectors are rational, so the tile repeats without a seam.
    The spot function is the classic cosine sum (round dots, chequerboard at 50 %).

    Parameters
    ----------
    lpi : float
        Screen ruling in lines an inch.
    angle_deg : float
        Screen angle.
    dpi : float
        Resolution of the raster.

    Returns
    -------
    ndarray of uint8, shape (600, 600)
    """
    cells = lpi / dpi * _TILE_PX
    p = round(cells * np.cos(np.radians(angle_deg)))
    q = round(cells * np.sin(np.radians(angle_deg)))
    row, col = np.mgrid[:_TILE_PX, :_TILE_PX].astype(np.float32)
    turn = np.float32(2 * np.pi / _TILE_PX)
    spot = np.cos(turn * (p * col + q * row)) + np.cos(turn * (p * row - q * col))
    return _equalised(spot)


def fm_screen(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a frequency-modulated (stochastic) threshold tile: green noise without low frequencies."""
    noise = rng.standard_normal((_FM_TILE_PX, _FM_TILE_PX))
    fy = np.fft.fftfreq(_FM_TILE_PX)[:, None]
    fx = np.fft.rfftfreq(_FM_TILE_PX)[None, :]
    radius = np.hypot(fy, fx) * _FM_PERIOD_PX
    ring = np.minimum(radius, 1.0) ** 3 / (1.0 + radius**6) ** 0.25
    for _ in range(3):  # Equalising brings some low frequencies back: filter again.
        spectrum = np.fft.rfft2(noise) * ring
        noise = _equalised(np.fft.irfft2(spectrum, noise.shape)).astype(np.float64) - 127.5
    return _equalised(noise + rng.uniform(-0.5, 0.5, noise.shape))


def screened(plate: NDArray[np.uint8], tile: NDArray[np.uint8], softness: float) -> NDArray[np.uint8]:
    """Return the ink coverage of each raster pixel (0-255) for a plate through :func:`plate_curve`."""
    height, width = plate.shape
    repeats = (-(-height // tile.shape[0]), -(-width // tile.shape[1]))
    thresholds = np.tile(tile, repeats)[:height, :width]
    return cv2.addWeighted(plate, softness + 1.0, thresholds, -softness, 0.0).astype(np.uint8, copy=False)


def plate_curve(softness: float) -> NDArray[np.float64]:
    """Return, for each coverage 0-255 wanted, the plate value that a soft screen prints as just that."""
    levels = np.arange(256, dtype=np.float64)
    printed = np.clip((softness + 1.0) * levels[:, None] - softness * levels[None, :], 0, 255).mean(1)
    return np.interp(levels, printed, levels)


def _equalised(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Replace values by their rank, spread evenly over 0-255."""
    ranks = np.empty(values.size, np.int64)
    ranks[np.argsort(values, axis=None, kind="stable")] = np.arange(values.size)
    return (ranks * 256 // values.size).astype(np.uint8).reshape(values.shape)
