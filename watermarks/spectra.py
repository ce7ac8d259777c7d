"""Half spectra of a search window: power, log-polar maps, values at any frequency.

A half spectrum has shape (N, N / 2 + 1) for a window of N x N samples: rows from minus half the sampling
frequency up, columns from 0. A frequency in bins is an (x, y) pair about zero.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

WINDOW_PX = 256

STEP = 0.02  # log-polar cell, radians and natural log of radius alike

_CAP = 9.0  # times the local mean: what one line may add to a score
_TAPERED = 0.4  # share of the window's width that its two edges' taper takes
_NEIGHBOURHOOD = (17, 17)  # bins over which the noise about a frequency is measured


def transform(window: NDArray[np.float32]) -> list[NDArray[np.complex64]]:
    """Return the half spectra of a window's planes, shape (N, N, 2); phases are about the first sample."""
    found = []
    for channel in cv2.split(window):
        values = scipy.fft.rfft2(channel * _taper())
        found.append(np.concatenate([values[WINDOW_PX // 2 :], values[: WINDOW_PX // 2]]))
    return found


@cache
def _taper() -> NDArray[np.float32]:
    """Return a Tukey window: whitened planes leak little, so that most of the window may count in full."""
    at = np.minimum(np.linspace(0, 1, WINDOW_PX), np.linspace(1, 0, WINDOW_PX)) / (_TAPERED / 2)
    taper = (0.5 - 0.5 * np.cos(np.pi * np.minimum(at, 1))).astype(np.float32)
    return taper[:, None] * taper[None, :]


def relative_power(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return a half spectrum's power over its local mean, capped."""
    power = values.real**2 + values.imag**2
    return np.minimum(power / (cv2.blur(power, _NEIGHBOURHOOD) + 1e-9), _CAP)


def log_polar(power: NDArray[np.float32], log_low: float, columns: int) -> NDArray[np.float32]:
    """Return the power over (angle in [0, 2 pi), log radius), peaks widened by a bin, standardised."""
    peaks = cv2.dilate(power, np.ones((3, 3), np.uint8))
    x, y = _log_polar_grid(log_low, columns)
    half = cv2.remap(peaks, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-1.0)
    known = (half >= 0).astype(np.uint8)
    mean, deviation = cv2.meanStdDev(half, mask=known)
    # An empty plane (a grey photo's blue-yellow) says nothing for or against any pose.
    half = ((half - mean[0, 0]) / max(deviation[0, 0], 1e-6) * known).astype(np.float32)
    return np.concatenate([half, half], axis=0)


@cache
def _log_polar_grid(log_low: float, columns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return where (angle in [0, pi), log radius) lies in a half spectrum, off it where it is beyond."""
    turns = round(np.pi / STEP)
    angles = np.arange(turns)[:, None] * np.pi / turns
    radii = np.exp(log_low + STEP * np.arange(columns))[None, :]
    x, y = np.cos(angles) * radii, np.sin(angles) * radii
    flip = np.where(x < 0, -1, 1)
    beyond = np.broadcast_to(radii > WINDOW_PX // 2 - 2, x.shape)
    return (
        np.where(beyond, -9, flip * x).astype(np.float32),
        np.where(beyond, -9, flip * y + WINDOW_PX // 2).astype(np.float32),
    )


def line_power(
    power: NDArray[np.float32], cycles: NDArray[np.float64], to_bins: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the lines' summed power under each of M linear maps, shape (M,)."""
    x, y, _ = _at_bins(cycles @ to_bins.transpose(0, 2, 1))
    found = cv2.remap(power, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=1.0)
    return np.asarray(found.sum(axis=1), np.float64)


def line_values(values: NDArray[np.complex64], bins_xy: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Interpolate a half spectrum at K frequencies in bins, phases about the window's middle.

    In units of the noise about each frequency.
    """
    noise = np.sqrt(cv2.blur(values.real**2 + values.imag**2, _NEIGHBOURHOOD)) + 1e-9
    parity = 1 - 2 * (np.add.outer(np.arange(len(values)), np.arange(values.shape[1])) & 1)
    centred = np.ascontiguousarray((values * parity / noise).astype(np.complex64)).view(np.float32)
    centred = centred.reshape(*values.shape, 2)
    x, y, mirrored = _at_bins(bins_xy)
    found = cv2.remap(centred, x[None], y[None], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)[0]
    result = found[:, 0] + 1j * found[:, 1]
    return np.asarray(np.where(mirrored, result.conj(), result), np.complex128)


def _at_bins(
    bins_xy: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return column and row in a half spectrum, and which frequencies are there as their mirror image."""
    mirrored = bins_xy[..., 0] < 0
    flip = np.where(mirrored, -1, 1)
    x, y = flip * bins_xy[..., 0], flip * bins_xy[..., 1] + WINDOW_PX // 2
    return x.astype(np.float32), y.astype(np.float32), mirrored
