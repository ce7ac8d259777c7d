"""Capture -> whitened luma: what is left of a photo when its own picture is flattened out.

A natural picture's spectrum falls with frequency and its contrast varies from place to place. Taking
away the local mean and dividing by the local deviation, then clipping, leaves something close to
white noise of unit variance in which a weak known signal is found by correlation (whitening and
limiting before a correlator; Kay, *Detection Theory*).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.geometry import Surface, rectify
from watermarks.local_spectra import flattened
from watermarks.perception import LUMA_WEIGHTS

# Gaussian radii, in pixels of a search plane, over which its local mean and deviation are taken. Narrow:
# that tilts the spectrum up as steeply as a picture's own falls, and lets each flat patch between busy ones
# count as a flat one; deviations over 14 px instead of 2.8 cost the template's lines 2 to 4 dB.
_SEARCH_RADIUS_PX = 2.1
_SEARCH_DEVIATION_PX = 2.8

# The same for chips, in chips.
_CHIP_RADIUS = 2.25
_CHIP_DEVIATION = 3.0

# Chips are whitened at so many samples a side, then averaged: sampled once, they would alias.
_OVERSAMPLING = 2

# Deviations below this many levels are quantisation and JPEG grain, not contrast: of a search plane, and of
# chips.
_DEVIATION_FLOOR = 0.5
_CHIP_FLOOR = 1.0

# Quiet places tell more of a mark that is as strong everywhere: a matched filter divides by the variance,
# whitening by the deviation. Chips go half of the way between, as the mark is weaker in quiet places and JPEG
# takes the most from them: 0.4 dB more than none of it, and than all.
_CHIP_TRUST = 0.5

# Beyond this many deviations a sample is an edge or a speck, and says nothing more by being larger.
_CLIP = 1.6

# Search planes have a long side between these, in pixels. The least holds one of the small search windows, as
# a picture of 2 in does at a quarter of its 300 dpi; the greatest is half of a 12-megapixel photo's 4032.
_LEAST_SEARCH_PX = 128
_GREATEST_SEARCH_PX = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One resolution of a capture.

    Attributes
    ----------
    scale : float
        Capture pixels per pixel of `luma`, a power of two.
    luma : ndarray of float32, shape (H, W)
        The capture's luma in 8-bit levels: fine enough for the message.
    search_shrink : int
        Pixels of `luma` per pixel of the search plane, 2, or 1 at the capture's full resolution.
    search_plane : ndarray of float32
        As fine as the template's lines need: whitened, zero mean, about unit variance.
    """

    scale: float
    luma: NDArray[np.float32]
    search_shrink: int
    search_plane: NDArray[np.float32]

    def to_capture(self, level_xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map pixels of `luma` to capture pixels, shape (..., 2) both, pixel centres at integers."""
        return (level_xy + 0.5) * self.scale - 0.5

    def from_capture(self, capture_xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map capture pixels to pixels of `luma`, shape (..., 2) both."""
        return (capture_xy + 0.5) / self.scale - 0.5

    def share_left(self) -> float:
        """Return the share of the search plane where something is to be seen, in [0, 1]."""
        return float(np.count_nonzero(self.search_plane)) / self.search_plane.size

    def without(self, corners_xy: NDArray[np.float64]) -> Level:
        """Return the level as if nothing were to be seen in a quadrilateral of `luma`, shape (4, 2)."""
        plane = self.search_plane.copy()
        inside = (corners_xy + 0.5) / self.search_shrink - 0.5
        cv2.fillConvexPoly(plane, np.rint(inside).astype(np.int32), 0.0)
        return replace(self, search_plane=plane)


def pyramid(capture: NDArray[np.uint8]) -> Iterator[Level]:
    """Yield the levels of a capture, the coarsest first: each costs a quarter of the next.

    Each is made only when asked for: a picture that fills the photo needs only the first.
    """
    long_side = max(capture.shape[:2])
    every = range(long_side.bit_length())
    halvings = [h for h in every if _LEAST_SEARCH_PX <= long_side / 2**h <= _GREATEST_SEARCH_PX]
    # Rounded to whole levels, which is a fraction of a sensor's noise and a tenth of the time.
    luma = np.asarray(cv2.cvtColor(capture, cv2.COLOR_RGB2GRAY), np.uint8)
    for halving in sorted(halvings or [0], reverse=True):
        yield level(luma, 2**halving)


def luma_of(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the luma (BT.601) of an RGB image of shape (H, W, 3), in its own levels."""
    return np.asarray(cv2.transform(np.asarray(pixels, np.float32), LUMA_WEIGHTS[None]), np.float32)


def level(luma: NDArray[np.float32] | NDArray[np.uint8], search_scale: int) -> Level:
    """Return a capture whose search plane has 1 / `search_scale` of its resolution."""
    shrink = 1 if search_scale == 1 else 2
    search = whiten(_reduced(luma, search_scale), _SEARCH_RADIUS_PX, _SEARCH_DEVIATION_PX)
    scale = search_scale // shrink
    return Level(float(scale), _reduced(luma, scale), shrink, flattened(search))


def _reduced(luma: NDArray[np.float32] | NDArray[np.uint8], scale: int) -> NDArray[np.float32]:
    """Return luma at 1 / `scale` of its resolution."""
    size = (max(1, luma.shape[1] // scale), max(1, luma.shape[0] // scale))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)


def whiten(
    plane: NDArray[np.float32],
    radius: float,
    deviation: float,
    *,
    floor: float = _DEVIATION_FLOOR,
    trust: float = 0.0,
) -> NDArray[np.float32]:
    """Take away a plane's local mean, divide by its local deviation, clip.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W)
    radius, deviation : float
        Gaussian radii over which mean and deviation are taken, in samples.
    floor : float, optional
        Added to the deviation, in levels.
    trust : float, optional
        How much more quiet places count, as the power of one over the deviation: 0 leaves unit variance
        everywhere, 1 a matched filter's weights for a signal that is as strong everywhere.
    """
    detail = plane - cv2.GaussianBlur(plane, (0, 0), radius)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), deviation)) + floor
    white = np.clip(detail / spread, -_CLIP, _CLIP)
    return np.asarray(white if trust == 0 else white / spread**trust, np.float32)


def whitened_chips(
    luma: NDArray[np.float32],
    surface: Surface,
    origin: tuple[int, int],
    shape: tuple[int, int],
    *,
    trust: float = _CHIP_TRUST,
) -> NDArray[np.float32]:
    """Return a surface's chips, whitened: one value a chip, 0 outside the plane.

    Whitened on the paper's own scale, so that it does not matter at which level a mark was found.

    Parameters
    ----------
    luma : ndarray of float32
        A level's luma.
    surface : Surface
        Chips -> pixels of that plane.
    origin : tuple of int
        Column and row, in chips, of the first chip.
    shape : tuple of int
        Rows and columns of the result.
    trust : float, optional
        As `whiten`'s: 0 leaves unit variance everywhere.
    """
    sample = 1 / _OVERSAMPLING
    margin = round(3 * _CHIP_RADIUS)
    start = origin[0] - margin, origin[1] - margin
    rows, cols = (n + 2 * margin for n in shape)
    outside = float(luma.mean())
    samples = rectify(
        luma, surface, start, (rows * _OVERSAMPLING, cols * _OVERSAMPLING), sample, outside=outside
    )
    radius, deviation = _CHIP_RADIUS / sample, _CHIP_DEVIATION / sample
    white = whiten(samples, radius, deviation, floor=_CHIP_FLOOR, trust=trust)
    unseen = samples == outside
    white[unseen] = 0
    chips = flattened(np.asarray(cv2.resize(white, (cols, rows), interpolation=cv2.INTER_AREA), np.float32))
    chips[cv2.resize(unseen.astype(np.float32), (cols, rows), interpolation=cv2.INTER_AREA) == 1] = 0
    return chips[margin : rows - margin, margin : cols - margin]
