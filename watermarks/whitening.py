"""Capture -> whitened planes: what is left of a photo when its own picture is flattened out.

A natural picture's spectrum falls with frequency and its contrast varies from place to place. Taking
away the local mean and dividing by the local deviation, then clipping, leaves something close to
white noise of unit variance in which a weak known signal is found by correlation (whitening and
limiting before a correlator; Kay, *Detection Theory*).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.geometry import Surface, rectify
from watermarks.perception import CHROMA_WEIGHTS, LUMA_WEIGHTS

# Local means of the search's planes are taken over this Gaussian radius, in pixels. Narrow: that tilts
# the spectrum up as steeply as a picture's own falls, well into the mark's band.
_SEARCH_RADIUS_PX = 1.8

# Local deviations are taken over this one: wide enough to be steady, narrow enough to follow contours.
_SEARCH_DEVIATION_PX = 6.0

# The same for chips, in luma chips: the best for the message of simulated photos, on a wide optimum.
_CHIP_RADIUS = 2.5
_CHIP_DEVIATION = 2.0

# Chips are whitened at so many samples a side, then averaged: sampled once, they would alias.
_OVERSAMPLING = 2

# Deviations below this many levels are quantisation and JPEG grain, not contrast.
_DEVIATION_FLOOR = 0.5

# Beyond this many deviations a sample is an edge or a speck, and says nothing more by being larger.
_SEARCH_CLIP = 1.2
_CHIP_CLIP = 1.6

# The search works at a level's resolution divided by this.
SEARCH_SHRINK = 2

# Levels of the pyramid have a long side between these, in pixels. The least shows 72 chips at the greatest
# scale that is searched, 3.6 pixels per chip; the greatest is half of a 12-megapixel photo's 4032.
_LEAST_LEVEL_PX = 260
_GREATEST_LEVEL_PX = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One resolution of a capture.

    Attributes
    ----------
    scale : float
        Capture pixels per level pixel, a power of two.
    luma, chroma : ndarray of float32, shape (H, W)
        The capture's planes in 8-bit levels, as they are.
    search_planes : ndarray of float32, shape (H / 2, W / 2, 2)
        Both at half the level's resolution, all that the template's lines need: whitened, zero mean, about
        unit variance.
    """

    scale: float
    luma: NDArray[np.float32]
    chroma: NDArray[np.float32]
    search_planes: NDArray[np.float32]

    @property
    def planes(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Luma and chroma, in the order of `Profile.layers`."""
        return self.luma, self.chroma


def pyramid(capture: NDArray[np.uint8]) -> Iterator[Level]:
    """Yield the levels of a capture, the coarsest first: each costs a quarter of the next.

    Each is made only when asked for: a picture that fills the photo needs only the first.
    """
    long_side = max(capture.shape[:2])
    every = range(long_side.bit_length())
    halvings = [h for h in every if _LEAST_LEVEL_PX <= long_side / 2**h <= _GREATEST_LEVEL_PX]
    for halving in sorted(halvings or [0], reverse=True):
        yield level(capture, 2**halving)


def level(capture: NDArray[np.uint8] | NDArray[np.float32], scale: int) -> Level:
    """Return a capture (8-bit levels) at 1 / `scale` of its resolution."""
    search = [
        whiten(plane, _SEARCH_RADIUS_PX, _SEARCH_DEVIATION_PX, _SEARCH_CLIP)
        for plane in _planes(capture, SEARCH_SHRINK * scale)
    ]
    return Level(float(scale), *_planes(capture, scale), np.dstack(search))


def _planes(
    capture: NDArray[np.uint8] | NDArray[np.float32], scale: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return luma and chroma at 1 / `scale` of a capture's resolution."""
    size = (max(1, capture.shape[1] // scale), max(1, capture.shape[0] // scale))
    pixels = np.asarray(cv2.resize(capture, size, interpolation=cv2.INTER_AREA), np.float32)
    return (
        np.asarray(cv2.transform(pixels, LUMA_WEIGHTS[None]), np.float32),
        np.asarray(cv2.transform(pixels, CHROMA_WEIGHTS[None]), np.float32),
    )


def whiten(plane: NDArray[np.float32], radius: float, deviation: float, clip: float) -> NDArray[np.float32]:
    """Take away a plane's local mean, divide by its local deviation, clip.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W)
    radius, deviation : float
        Gaussian radii over which mean and deviation are taken, in samples.
    clip : float
        The largest magnitude that is kept, in deviations.
    """
    detail = plane - cv2.GaussianBlur(plane, (0, 0), radius)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), deviation))
    return np.asarray(np.clip(detail / (spread + _DEVIATION_FLOOR), -clip, clip), np.float32)


def whitened_chips(
    plane: NDArray[np.float32], surface: Surface, origin: tuple[int, int], shape: tuple[int, int], pitch: int
) -> NDArray[np.float32]:
    """Return a surface's chips, whitened: one value a chip, 0 outside the plane.

    Whitened on the paper's own scale, so that it does not matter at which level a mark was found.

    Parameters
    ----------
    plane : ndarray of float32
        A level's plane.
    surface : Surface
        Chips -> pixels of that plane.
    origin : tuple of int
        Column and row, in luma chips, of the first chip.
    shape : tuple of int
        Rows and columns of the result.
    pitch : int
        Luma chips per chip of the plane's layer.
    """
    sample = pitch / _OVERSAMPLING
    margin = round(3 * _CHIP_RADIUS / pitch)
    start = origin[0] - margin * pitch, origin[1] - margin * pitch
    rows, cols = (n + 2 * margin for n in shape)
    outside = float(plane.mean())
    samples = rectify(
        plane, surface, start, (rows * _OVERSAMPLING, cols * _OVERSAMPLING), sample, outside=outside
    )
    white = whiten(samples, _CHIP_RADIUS / sample, _CHIP_DEVIATION / sample, _CHIP_CLIP)
    white[samples == outside] = 0
    chips = cv2.resize(white, (cols, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(chips[margin : rows - margin, margin : cols - margin], np.float32)
