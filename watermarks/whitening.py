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

from watermarks.perception import CHROMA_WEIGHTS, LUMA_WEIGHTS

# Local means are taken over these Gaussian radii, in pixels. Narrow: that tilts the spectrum up as
# steeply as a picture's own falls, well into the mark's band.
_RADIUS_PX = 3.0
_SEARCH_RADIUS_PX = 1.8

# Local deviations are taken over this one: wide enough to be steady, narrow enough to follow contours.
_DEVIATION_RADIUS_PX = 6.0

# Deviations below this many levels are quantisation and JPEG grain, not contrast.
_DEVIATION_FLOOR = 0.6

# Beyond this many deviations a pixel is an edge or a speck, and says nothing more by being larger.
_CLIP_DEVIATIONS = 1.2

# The search works at a level's resolution divided by this.
SEARCH_SHRINK = 2

# Levels of the pyramid have a long side between these, in pixels: at the greatest 3.6 pixels per chip
# the least shows the 72 chips that a marked picture has at least.
_LEAST_LEVEL_PX = 260
_GREATEST_LEVEL_PX = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One resolution of a capture, whitened.

    Attributes
    ----------
    scale : float
        Capture pixels per level pixel, a power of two.
    luma, chroma : ndarray of float32, shape (H, W)
        Whitened planes, zero mean, about unit variance.
    search_planes : ndarray of float32, shape (H / 2, W / 2, 2)
        Both at half the level's resolution: all that the template's lines need.
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
    """Yield the whitened levels of a capture, the coarsest first: each costs a quarter of the next.

    Each is made only when asked for: a picture that fills the photo needs only the first.
    """
    long_side = max(capture.shape[:2])
    halvings = [h for h in range(8) if _LEAST_LEVEL_PX <= long_side / 2**h <= _GREATEST_LEVEL_PX]
    for halving in sorted(halvings or [0], reverse=True):
        yield level(capture, 2**halving)


def level(capture: NDArray[np.uint8], scale: int) -> Level:
    """Return a capture at 1 / `scale` of its resolution, whitened."""
    coarse = _whitened(capture, SEARCH_SHRINK * scale, _SEARCH_RADIUS_PX)
    return Level(float(scale), *_whitened(capture, scale, _RADIUS_PX), np.dstack(coarse))


def _whitened(
    capture: NDArray[np.uint8], scale: int, radius_px: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return luma and chroma at 1 / `scale` of a capture's resolution, whitened."""
    small = capture
    if scale > 1:
        size = (max(1, capture.shape[1] // scale), max(1, capture.shape[0] // scale))
        small = np.asarray(cv2.resize(capture, size, interpolation=cv2.INTER_AREA), np.uint8)
    pixels = small.astype(np.float32)
    return (
        whiten(np.asarray(cv2.transform(pixels, LUMA_WEIGHTS[None]), np.float32), radius_px),
        whiten(np.asarray(cv2.transform(pixels, CHROMA_WEIGHTS[None]), np.float32), radius_px),
    )


def whiten(plane: NDArray[np.float32], radius_px: float) -> NDArray[np.float32]:
    """Take away a plane's local mean, divide by its local deviation, clip."""
    detail = plane - cv2.GaussianBlur(plane, (0, 0), radius_px)
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _DEVIATION_RADIUS_PX))
    white = detail / (deviation + _DEVIATION_FLOOR)
    return np.asarray(np.clip(white, -_CLIP_DEVIATIONS, _CLIP_DEVIATIONS), np.float32)
