"""Whitened window -> affine poses: find the template's spectral lines under any turn, scale and tilt.

An affine map of the page maps its spectrum by the inverse transpose. A rotation and a scale are
shifts of the spectrum in log-polar coordinates (Fourier-Mellin; Reddy & Chatterji 1996,
doi:10.1109/83.506761), so for one tilt the scores of all rotations and scales are the sum of one shifted
slice a line; the tilts are tried one by one. A pose is then settled by the lines' phases, which
also tell the translation and which way is up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from watermarks.profiles import Profile
from watermarks.template import lines

WINDOW_PX = 512

# Pixels of a level per luma chip that the search covers.
PX_PER_CHIP = (1.15, 3.6)

_STEP = 0.015  # log-polar cell, radians and natural log of radius alike
_TILT_STEP = 0.03  # between tried tilts, in half the log of the foreshortening
_TILT_MOST = 0.26  # half the log of the foreshortening at 54 degrees
_CAP = 14.0  # times the local mean: what one line may add to a score
_TOP = 10  # hypotheses refined per window

# Offsets of the tile that are tried, each way: half a chip apart.
_OFFSETS = 256

# Lines' phases agreeing by chance reach 6 deviations less than once in 10^4 windows.
SETTLED_Z = 5.8


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """An affine pose of the tile, true near the point where it was found.

    Attributes
    ----------
    chip_to_level : ndarray of float, shape (2, 3)
        Tile coordinates in luma chips -> level pixels.
    centre_xy : tuple of float
        The middle of the window where it was found, in level pixels.
    z : float
        How well the lines' phases agree, in deviations of noise.
    """

    chip_to_level: NDArray[np.float64]
    centre_xy: tuple[float, float]
    z: float

    def moved(self, by_xy: tuple[int, int]) -> Pose:
        """Return the pose with pixel coordinates moved by an offset."""
        shift = np.array([[0, 0, by_xy[0]], [0, 0, by_xy[1]]])
        centre = (self.centre_xy[0] + by_xy[0], self.centre_xy[1] + by_xy[1])
        return Pose(self.chip_to_level + shift, centre, self.z)


def search(
    planes: tuple[NDArray[np.float32], NDArray[np.float32]], profile: Profile
) -> Iterator[Pose]:
    """Yield the poses that the lines' phases settle in a square window, best first.

    Parameters
    ----------
    planes : pair of ndarray of float32, shape (N, N)
        Whitened luma and chroma of one window; coordinates are the window's own.
    profile : Profile
        The version of the format.
    """
    spectra = _spectra(planes)
    hypotheses = _hypotheses(spectra, profile)
    refined = [_refine(jacobian, spectra, profile) for jacobian in hypotheses]
    poses = [_settle(jacobian, planes, profile) for jacobian in _distinct(refined)]
    yield from sorted((p for p in poses if p.z >= SETTLED_Z), key=lambda p: -p.z)


def _spectra(planes: tuple[NDArray[np.float32], NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Return both planes' power over its local mean, zero frequency in the middle.

    One complex transform serves two real planes.
    """
    size = len(planes[0])
    taper = np.hanning(size).astype(np.float32)
    both = scipy.fft.fft2((planes[0] + 1j * planes[1]) * (taper[:, None] * taper[None, :]))
    mirrored = np.roll(both[::-1, ::-1], 1, axis=(0, 1)).conj()
    powers = [np.abs(both + mirrored) ** 2, np.abs(both - mirrored) ** 2]
    shifted = [np.fft.fftshift(power).astype(np.float32) for power in powers]
    return [power / (cv2.blur(power, (25, 25)) + 1e-9) for power in shifted]


def _log_polar(spectrum: NDArray[np.float32], radii: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the spectrum over (angle in [0, 2 pi), radius), peaks widened by a bin."""
    peaks = cv2.dilate(np.minimum(spectrum, _CAP), np.ones((3, 3), np.uint8))
    angles = np.arange(round(np.pi / _STEP)) * np.pi / round(np.pi / _STEP)
    centre = len(spectrum) // 2
    x = (centre + np.cos(angles)[:, None] * radii[None, :]).astype(np.float32)
    y = (centre + np.sin(angles)[:, None] * radii[None, :]).astype(np.float32)
    half = cv2.remap(peaks, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
    half[:, radii > centre - 2] = float(np.median(half))
    return np.concatenate([half, half], axis=0)


@cache
def _tilts() -> list[NDArray[np.float64]]:
    """Return the stretches of the spectrum by the tried tilts, least first."""
    reach = int(_TILT_MOST / _TILT_STEP) + 1
    grid = [
        (_TILT_STEP * (i + 0.5 * (j % 2)), _TILT_STEP * j * np.sqrt(0.75))
        for i in range(-reach, reach + 1)
        for j in range(-reach - 1, reach + 2)
    ]
    inside = sorted((float(np.hypot(p, q)), p, q) for p, q in grid if np.hypot(p, q) <= _TILT_MOST)
    return [_symmetric_exp(p, q) for _, p, q in inside]


def _symmetric_exp(p: float, q: float) -> NDArray[np.float64]:
    """Return the exponential of [[p, q], [q, -p]]: a stretch one way, a squeeze the other."""
    amount = float(np.hypot(p, q))
    factor = np.sinh(amount) / amount if amount > 0 else 1.0
    return np.cosh(amount) * np.eye(2) + factor * np.array([[p, q], [q, -p]])


def _hypotheses(spectra: list[NDArray[np.float32]], profile: Profile) -> list[NDArray[np.float64]]:
    """Return the inverse-transpose Jacobians (cycles per tile -> bins) of the best affine poses."""
    size = len(spectra[0])
    finest, coarsest = (size / (profile.tile_chips * s) for s in reversed(PX_PER_CHIP))
    shifts = round(np.log(coarsest / finest) / _STEP)
    lowest = min(layer.template_radii[0] for layer in profile.layers) * np.exp(-_TILT_MOST)
    highest = max(layer.template_radii[1] for layer in profile.layers) * np.exp(_TILT_MOST)
    log_low = np.log(lowest * finest)
    columns = round(np.log(highest / lowest) / _STEP) + shifts + 2
    radii = np.exp(log_low + _STEP * np.arange(columns))
    maps = [_log_polar(spectrum, radii) for spectrum in spectra]
    maps = [(m - m.mean()) / m.std() for m in maps]
    turns = len(maps[0]) // 2
    step = np.pi / turns
    best: list[tuple[float, NDArray[np.float64]]] = []
    for tilt in _tilts():
        score = np.zeros((turns, shifts), np.float32)
        for log_polar, layer in zip(maps, profile.layers, strict=True):
            stretched = lines(layer).cycles_xy @ tilt.T
            rows = np.rint(np.arctan2(stretched[:, 1], stretched[:, 0]) / step).astype(int) % turns
            cols = np.rint(
                (np.log(np.hypot(*stretched.T) * finest) - log_low) / _STEP
            ).astype(int)
            for row, col in zip(rows, cols, strict=True):
                score += log_polar[row : row + turns, col : col + shifts]
        turn, shift = np.unravel_index(int(np.argmax(score)), score.shape)
        angle, scale = turn * step, finest * np.exp(_STEP * shift)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        best.append((float(score[turn, shift]), scale * rotation @ tilt))
    best.sort(key=lambda found: -found[0])
    return [to_bins for _, to_bins in best[:_TOP]]


@cache
def _nudges() -> NDArray[np.float64]:
    """Return the 81 small linear maps that the refinement tries, shape (81, 2, 2)."""
    steps = np.array([-1.0, 0.0, 1.0])
    return np.stack(np.meshgrid(steps, steps, steps, steps, indexing="ij"), -1).reshape(-1, 2, 2)


def _refine(
    to_bins: NDArray[np.float64], spectra: list[NDArray[np.float32]], profile: Profile
) -> tuple[float, NDArray[np.float64]]:
    """Climb to the affine pose whose lines hold the most power; return that and the pose."""
    cycles = [lines(layer).cycles_xy.astype(np.float64) for layer in profile.layers]
    score = -1.0
    step = 0.012
    capped = [np.minimum(cv2.GaussianBlur(s, (0, 0), 0.7), _CAP) for s in spectra]
    while step > 0.001:
        tried = to_bins + step * _nudges() @ to_bins
        power = sum(_power(s, c, tried) for s, c in zip(capped, cycles, strict=True))
        best = int(np.argmax(power))
        if power[best] > score + 1e-6:
            score, to_bins = float(power[best]), tried[best]
        else:
            step /= 2
    return score, to_bins


def _power(
    spectrum: NDArray[np.float32], cycles: NDArray[np.float64], to_bins: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the lines' summed power under each of M poses, shape (M,)."""
    at = np.einsum("mij,kj->mki", to_bins, cycles) + len(spectrum) // 2
    found = cv2.remap(
        spectrum, at[..., 0].astype(np.float32), at[..., 1].astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=1.0,
    )
    return np.asarray(found.sum(axis=1), np.float64)


def _distinct(refined: list[tuple[float, NDArray[np.float64]]]) -> list[NDArray[np.float64]]:
    """Return the refined poses, best first, near-twins dropped."""
    kept: list[NDArray[np.float64]] = []
    for _, to_bins in sorted(refined, key=lambda found: -found[0]):
        if all(np.abs(to_bins @ np.linalg.inv(other) - np.eye(2)).max() > 0.01 for other in kept):
            kept.append(to_bins)
    return kept


def _settle(
    to_bins: NDArray[np.float64],
    planes: tuple[NDArray[np.float32], NDArray[np.float32]],
    profile: Profile,
) -> Pose:
    """Find translation and uprightness from the lines' phases about the window's middle.

    A line's phase is its own plus ``2 pi cycles . t`` for tile coordinates t of the middle, so the
    agreement of all lines over t is a Fourier transform; upside down, it is that of the conjugates.
    """
    size = len(planes[0])
    upright = np.zeros((_OFFSETS, _OFFSETS), np.complex128)
    turned = np.zeros((_OFFSETS, _OFFSETS), np.complex128)
    count = 0
    for plane, layer in zip(planes, profile.layers, strict=True):
        found = lines(layer)
        values = _line_values(plane, found.cycles_xy @ to_bins.T / size)
        values /= np.sqrt(np.mean(np.abs(values) ** 2)) + 1e-12
        at = found.cycles_xy[:, 1], found.cycles_xy[:, 0]
        upright[at] = upright[at] + values * np.exp(-1j * found.phases)
        turned[at] = turned[at] + values.conj() * np.exp(-1j * found.phases)
        count += len(values)
    agreements = [scipy.fft.fft2(lines_at).real for lines_at in (upright, turned)]
    side = int(agreements[1].max() > agreements[0].max())
    row, col = np.unravel_index(int(np.argmax(agreements[side])), upright.shape)
    offset = np.array([col, row]) * profile.tile_chips / _OFFSETS
    jacobian = (1 - 2 * side) * size / profile.tile_chips * np.linalg.inv(to_bins).T
    middle = np.full(2, size / 2)
    return Pose(
        np.column_stack([jacobian, middle - jacobian @ offset]),
        (size / 2, size / 2),
        float(agreements[side][row, col] / np.sqrt(count / 2)),
    )


def _line_values(
    plane: NDArray[np.float32], cycles_per_px: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """Return the tapered plane's Fourier transform at K arbitrary frequencies, phases about its middle."""
    size = len(plane)
    at = np.arange(size) - size / 2
    taper = np.hanning(size)
    rows = taper * np.exp(-2j * np.pi * cycles_per_px[:, 1:] * at)
    cols = taper * np.exp(-2j * np.pi * cycles_per_px[:, :1] * at)
    partial = rows.astype(np.complex64) @ plane
    return np.asarray((partial * cols).sum(axis=1), np.complex128)
