"""Capture -> what of it keeps a mark from being read: dark, glare, blur, distance, slant.

Everything is measured on a reduced copy, as what matters is how the picture fares at the size of its chips,
and a picture that is large enough to be read fills a good part of the photo.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.gradients import GradientPower, block_means, gradient, gradient_power
from watermarks.slant import slant_evidence

COPY_PX = 1000
"""Long side of the copy that is looked at: about 0.7 px a chip where a 5 in picture takes half of it."""

# Specks of light and prints on black aside, at least so much of a photo is paper or as bright.
_WHITE_SHARE = 0.05

# A block is flat if it is among the fifth of them with the least noise; blocks near black or white show none.
_NOISE_BLOCK_PX = 16
_FLAT_SHARE = 0.2
_MID_LEVELS = (15.0, 240.0)

# The second difference across and down: what is left of a photo when its slopes and edges are gone. Of unit
# gain for white noise.
_SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6

# Clipped, and what lies within so many pixels around. A lamp's reflection fades: there
# it is still brighter than paper is exposed to; the white of a picture or a page ends at edges.
_CLIPPED_LEVEL = 250
_RIM_PX = 7
_FADING_LEVEL = 225
_FADING_SHARE = 0.36

# Of an edge's gradients, only those that top the rest by far are edges, and those of noise are lower still.
_EDGE_SHARE = 0.03
_LEAST_EDGE = 4.0

# Before gradients are taken, and once more to compare.
_SMOOTHED_PX = 0.7
_BLURRED_AGAIN_PX = 1.5

# Edges are told apart by direction, as a moving hand blurs across its way only. The sharpest fifth of a
# direction's edges speaks for it: others are soft in the picture itself.
_DIRECTIONS = 6
_SHARPEST = 20.0
_LEAST_EDGES = 25
_GREATEST_BLUR_PX = 10.0

# A block shows something printed if its mean squared gradient is above this, in levels per pixel squared:
# wood, cloth and skin that are out of focus or plain stay below.
_SUBJECT_BLOCK_PX = 10
_PRINTED = 30.0


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What a photo suffers from.

    Attributes
    ----------
    white_level : float
        The level that a twentieth of the pixels reach, 0 to 255: about that of paper.
    noise : float
        Standard deviation of the noise in the flattest parts, in 8-bit levels of the copy.
    glare_share : float
        Share of the photo that a reflection clips, in [0, 1].
    blur_px : float
        Gaussian sigma of the sharpest edges in the direction in which they are most blurred, in pixels of
        the copy, at most 10.
    subject_share : float
        Long side of the largest connected part that shows detail, over the photo's long side; 0 and up.
    slant : float
        How much better a steep page explains the photo's lines and textures than an upright one: above 0 if
        it does; see `slant_evidence`.
    """

    white_level: float
    noise: float
    glare_share: float
    blur_px: float
    subject_share: float
    slant: float


def symptoms(capture: NDArray[np.uint8]) -> Symptoms:
    """Measure what a photo suffers from.

    Parameters
    ----------
    capture : ndarray of uint8, shape (H, W, 3)
        The photo, RGB, at least 60 pixels each way.
    """
    copy = _reduced(np.asarray(cv2.cvtColor(capture, cv2.COLOR_RGB2GRAY), np.uint8))
    luma = copy.astype(np.float32)
    power = gradient_power(luma)
    return Symptoms(
        white_level=_white_level(copy),
        noise=_noise(luma),
        glare_share=_glare_share(copy),
        blur_px=blur_px(luma),
        subject_share=_subject_px(power) / max(copy.shape),
        slant=slant_evidence(luma, power),
    )


def _reduced(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a plane with a long side of `COPY_PX` at most."""
    # By halves as far as they go, which take a fraction of the time.
    while max(grey.shape) >= 2 * COPY_PX:
        size = (grey.shape[1] // 2, grey.shape[0] // 2)
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    shrink = min(1.0, COPY_PX / max(grey.shape))
    size = (round(grey.shape[1] * shrink), round(grey.shape[0] * shrink))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _white_level(copy: NDArray[np.uint8]) -> float:
    """Return the level that all but a share of the pixels stay at or below."""
    counts = np.cumsum(np.bincount(copy.ravel(), minlength=256))
    return float(np.searchsorted(counts, (1 - _WHITE_SHARE) * copy.size))


def _noise(luma: NDArray[np.float32]) -> float:
    """Return the deviation of what is left where nothing is to be seen."""
    left = cv2.filter2D(luma, -1, _SECOND_DIFFERENCE)
    power = block_means(np.asarray(left * left, np.float32), _NOISE_BLOCK_PX)
    level = block_means(luma, _NOISE_BLOCK_PX)
    mid = power[(level > _MID_LEVELS[0]) & (level < _MID_LEVELS[1])]
    return float(np.sqrt(np.quantile(mid, _FLAT_SHARE))) if mid.size else 0.0


def _glare_share(copy: NDArray[np.uint8]) -> float:
    """Return the share of clipped pixels; 0 where they end at edges, as white paper and pictures do."""
    clipped = np.asarray(copy >= _CLIPPED_LEVEL, np.uint8)
    side = 2 * _RIM_PX + 1
    rim = copy[cv2.dilate(clipped, np.ones((side, side), np.uint8)) > clipped]
    fades = not rim.size or np.mean(rim > _FADING_LEVEL) > _FADING_SHARE
    return float(clipped.mean()) if fades else 0.0


def blur_px(luma: NDArray[np.float32]) -> float:
    """Return how blurred the sharpest edges are, in the worst of six directions.

    A step blurred by sigma has, once it is blurred again by s, a gradient lower by
    R = sqrt(1 + s^2 / sigma^2), so that sigma = s / sqrt(R^2 - 1) (Zhuo & Sim 2011,
    doi:10.1016/j.patcog.2011.03.009).

    Parameters
    ----------
    luma : ndarray of float32, shape (H, W)
        In 8-bit levels.

    Returns
    -------
    float
        Gaussian sigma in pixels, in [0, 10]; 0 where there are no edges to tell by.
    """
    once = np.asarray(cv2.GaussianBlur(luma, (0, 0), _SMOOTHED_PX), np.float32)
    x, y = gradient(once)
    steep = cv2.magnitude(x, y)
    edge = steep >= cv2.dilate(steep, np.ones((3, 3), np.uint8))
    # The quantile of every seventh pixel is close enough.
    edge &= steep > max(float(np.quantile(steep.ravel()[::7], 1 - _EDGE_SHARE)), _LEAST_EDGE)
    twice = cv2.GaussianBlur(once, (0, 0), _BLURRED_AGAIN_PX)
    left = np.hypot(*(each[edge] for each in gradient(np.asarray(twice, np.float32))))
    ratio = steep[edge] / np.maximum(left, 1e-3)
    lowest = np.hypot(1, _BLURRED_AGAIN_PX / _GREATEST_BLUR_PX)
    sigma = _BLURRED_AGAIN_PX / np.sqrt(np.maximum(ratio, lowest) ** 2 - 1)
    direction = np.floor(np.arctan2(y[edge], x[edge]) / np.pi * _DIRECTIONS).astype(int) % _DIRECTIONS
    of_each = [sigma[direction == each] for each in range(_DIRECTIONS)]
    return max((float(np.percentile(s, _SHARPEST)) for s in of_each if s.size >= _LEAST_EDGES), default=0.0)


def _subject_px(power: GradientPower) -> float:
    """Return the long side of the largest connected part with detail, in pixels; 0 if there is none."""
    side = _SUBJECT_BLOCK_PX
    energy = block_means(power.across + power.down, side)
    # Flat parts of a picture that are framed by detail, or lie between lines of text, belong to it.
    printed = cv2.morphologyEx((energy > _PRINTED).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5)))
    count, labels = cv2.connectedComponents(np.asarray(printed, np.uint8))
    if count < 2:
        return 0.0
    weights = np.bincount(labels.ravel(), weights=energy.ravel(), minlength=count)
    rows, cols = np.nonzero(labels == 1 + int(weights[1:].argmax()))
    _, sides, _ = cv2.minAreaRect(np.stack([cols, rows], axis=1).astype(np.float32))
    return float((max(sides) + 1) * side)
