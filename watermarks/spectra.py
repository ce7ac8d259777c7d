"""Search plane -> windows' half spectra: power over what surrounds it, and where it peaks.

A half spectrum has shape (N, N / 2 + 1) for a window of N x N samples: rows from minus half the sampling
frequency up, columns from 0. A frequency in bins is an (x, y) pair about zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

# What one line may add to a score, times the local mean: a lone strong line is a picture's or the text's own.
# Over simulated photos 7 finds more poses than 16 or 5.
CAP = 7.0
_TAPERED = 0.6  # share of the window's width that its two edges' taper takes
# Share of a window that must have been seen: the rim of what was taken out has lines of its own.
_LEAST_SEEN = 0.5
_NEIGHBOURHOOD = (11, 11)  # bins over which the noise about a frequency is measured
PEAK_WIDTH = 0.7  # bins: Gaussian radius of a line's peak under the taper
_PEAK = 2.5  # times the local mean: lower maxima are noise


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """A plane's windows on a regular grid, and their spectra.

    Attributes
    ----------
    side : int
        Of a window, in samples.
    stride : int
        From one window to the next, in samples.
    grid : tuple of int
        Rows and columns of windows.
    centres_xy : ndarray of float, shape (W, 2)
        The windows' middles in pixels of the plane, row by row.
    peaks : list of ndarray of float32, shape (K, 2)
        Each window's local maxima within the ring where lines may be, in bins, the highest first.
    power : ndarray of float32, shape (W, N, N / 2 + 1)
        Power over its local mean, capped; 1, the mean, in windows of which too little was seen.
    near_power : ndarray of float32, shape (W, N, N / 2 + 1)
        The greatest of it within a bin: a line smeared or off by so much still counts.
    smooth_power : ndarray of float32, shape (W, N, N / 2 + 1)
        Its mean within about a bin, as wide as a line's own peak.
    """

    side: int
    stride: int
    grid: tuple[int, int]
    centres_xy: NDArray[np.float64]
    peaks: list[NDArray[np.float32]]
    power: NDArray[np.float32]
    near_power: NDArray[np.float32]
    smooth_power: NDArray[np.float32]


def windows(
    plane: NDArray[np.float32], side: int, most: int, ring: tuple[float, float], most_peaks: int
) -> Windows | None:
    """Return a plane's windows, half overlapping unless that makes more than `most`; None if none fits.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W)
        Whitened, 0 where nothing was seen.
    side : int
        Of a window, in samples.
    most : int
        So many windows are worth their time: beyond, they overlap less.
    ring : tuple of float
        The least and the greatest radius at which a line may be seen, in bins.
    most_peaks : int
        So many peaks of a window are kept at most.
    """
    height, width = plane.shape
    if min(height, width) < side:
        return None
    stride = side // 2
    if (1 + (height - side) // stride) * (1 + (width - side) // stride) > most:
        stride = side * 7 // 8
    tops, lefts = (_starts(n, side, stride) for n in (height, width))
    samples = np.stack([plane[y : y + side, x : x + side] for y in tops for x in lefts])
    height_above = relative_power(samples)
    height_above[np.count_nonzero(samples, axis=(1, 2)) < _LEAST_SEEN * side * side] = 1
    highest = np.stack([cv2.dilate(each, np.ones((3, 3), np.uint8)) for each in height_above])
    power = np.minimum(height_above, CAP)
    centres = np.stack(np.meshgrid(lefts, tops), axis=-1).reshape(-1, 2) + (side - 1) / 2
    return Windows(
        side,
        stride,
        (len(tops), len(lefts)),
        np.asarray(centres, np.float64),
        # Before the cap: under it strong lines are plateaus.
        [_peaks(*each, ring, most_peaks) for each in zip(height_above, highest, strict=True)],
        power,
        np.asarray(np.minimum(highest, CAP), np.float32),
        np.stack([cv2.GaussianBlur(each, (3, 3), PEAK_WIDTH) for each in power]).astype(np.float32),
    )


def pooled(found: Windows, ring: tuple[float, float], most_peaks: int) -> Windows:
    """Return windows with the mean power of each one's neighbourhood in the place of its own.

    On a page seen nearly straight the lines are at the same frequencies all around, and a picture's own peaks
    aren't (Welch's method over neighbours). The arguments are those of `windows`.
    """
    spectra = found.power.reshape(*found.grid, *found.power.shape[1:])
    mean = scipy.ndimage.uniform_filter(spectra, (3, 3, 1, 1), mode="nearest").reshape(found.power.shape)
    power = np.stack([cv2.GaussianBlur(each, (3, 3), PEAK_WIDTH) for each in mean])
    highest = np.asarray([cv2.dilate(each, np.ones((3, 3), np.uint8)) for each in power], np.float32)
    peaks = [_peaks(*each, ring, most_peaks, least=1.0) for each in zip(power, highest, strict=True)]
    return replace(found, power=power, near_power=highest, peaks=peaks)


def _starts(length: int, side: int, stride: int) -> NDArray[np.intp]:
    """Return where windows start along an axis, about a stride apart, from edge to edge."""
    count = 1 + -(-(length - side) // stride)
    return np.rint(np.linspace(0, length - side, count)).astype(np.intp)


def relative_power(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the half spectra's power of windows, shape (..., N, N), over its local mean."""
    side = samples.shape[-1]
    values = scipy.fft.rfft2(samples * taper(side))
    power = np.roll(values.real**2 + values.imag**2, side // 2, axis=-2)
    mean = np.stack([cv2.blur(each, _NEIGHBOURHOOD) for each in power.reshape(-1, side, side // 2 + 1)])
    return np.asarray(power / (mean.reshape(power.shape) + 1e-9), np.float32)


@cache
def taper(side: int) -> NDArray[np.float32]:
    """Return a Tukey window, flat over its middle: whitened planes leak little."""
    at = np.minimum(np.linspace(0, 1, side), np.linspace(1, 0, side)) / (_TAPERED / 2)
    edge = (0.5 - 0.5 * np.cos(np.pi * np.minimum(at, 1))).astype(np.float32)
    return edge[:, None] * edge[None, :]


def _peaks(
    power: NDArray[np.float32],
    highest: NDArray[np.float32],
    ring: tuple[float, float],
    most: int,
    least: float = _PEAK,
) -> NDArray[np.float32]:
    """Return where the power peaks within a ring, in bins, shape (K, 2), the highest first."""
    side = len(power)
    y, x = np.nonzero((power >= highest) & (power > least))
    height = power[y, x]
    y = y - side // 2
    radius = np.hypot(x, y)
    inside = (radius > ring[0]) & (radius < ring[1]) & ((x > 0) | (y > 0))
    best = np.argsort(-height[inside])[:most]
    return np.stack([x[inside][best], y[inside][best]], axis=1).astype(np.float32)


def peak_near(
    power: NDArray[np.float32], of_window: NDArray[np.intp], bins_xy: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the greatest power within a bin of frequencies, and the step to where it is centred.

    Parameters
    ----------
    power : ndarray of float32, shape (W, N, N / 2 + 1)
    of_window : ndarray of int, shape (M, V)
    bins_xy : ndarray of float, shape (M, V, K, 2)

    Returns
    -------
    greatest : ndarray of float32, shape (M, V, K)
        1, the mean, beyond a spectrum's edge.
    step_xy : ndarray of float, shape (M, V, K, 2)
        In bins; 0 there.
    """
    side = power.shape[1]
    flip = np.where(bins_xy[..., 0] < 0, -1, 1)
    at = flip[..., None] * bins_xy
    col, row = np.rint(at[..., 0]).astype(np.intp), np.rint(at[..., 1]).astype(np.intp) + side // 2
    inside = (col >= 1) & (col < side // 2) & (row >= 1) & (row < side - 1)
    row, col = np.clip(row, 1, side - 2), np.clip(col, 1, side // 2 - 1)
    near = np.arange(-1, 2)
    patch = power[
        of_window[:, :, None, None, None],
        (row[..., None] + near)[..., None],
        (col[..., None] + near)[..., None, :],
    ]
    weight = np.maximum(patch - 1, 0)
    total = weight.sum(axis=(-1, -2)) + 1e-6
    dx = col + (weight.sum(axis=-2) @ near) / total - at[..., 0]
    dy = row - side // 2 + (weight.sum(axis=-1) @ near) / total - at[..., 1]
    step = np.stack([dx, dy], axis=-1) * (flip * inside)[..., None]
    return np.where(inside, patch.max(axis=(-1, -2)), np.float32(1)), step


def power_at(
    power: NDArray[np.float32], of_window: NDArray[np.intp], bins_xy: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return the power at frequencies of some windows; 1, the mean, beyond a spectrum's edge.

    Parameters
    ----------
    power : ndarray of float32, shape (W, N, N / 2 + 1)
    of_window : ndarray of int, shape (...)
    bins_xy : ndarray of float, shape (..., K, 2)
        K frequencies for each.

    Returns
    -------
    ndarray of float32, shape (..., K)
    """
    side = power.shape[1]
    x, y = bins_xy[..., 0], bins_xy[..., 1]
    flip = np.where(x < 0, -1, 1)
    col = np.rint(flip * x).astype(np.intp)
    row = np.rint(flip * y).astype(np.intp) + side // 2
    inside = (col <= side // 2) & (row >= 0) & (row < side)
    values = power[of_window[..., None], np.clip(row, 0, side - 1), np.clip(col, 0, side // 2)]
    return np.where(inside, values, np.float32(1))
