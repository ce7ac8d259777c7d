"""Whitened window -> poses: find the template's spectral lines under any turn, scale and tilt.

A window is undone of each of 169 tilts in turn, as a phone's lens would show them: its
perspective straightened, its foreshortening stretched back. What is then left of the pose is a
rotation and a scale, which are shifts of the spectrum in log-polar coordinates (Fourier-Mellin; Reddy &
Chatterji 1996, doi:10.1109/83.506761), so that the scores of all of them are the sum of one shifted slice
a line. A pose is settled by the lines' phases, which also tell the translation and which way is up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from watermarks.profiles import Profile
from watermarks.spectra import STEP, WINDOW_PX, line_power, line_values, log_polar, relative_power, transform
from watermarks.template import lines

# Pixels per luma chip that the search covers, about one octave and two thirds.
PX_PER_CHIP = (0.55, 1.8)

_CLEAR = 70.0  # a score that chance does not reach: the search ends there
_TOP = 24  # tilts of a window that are looked at closely
_TOP_ON_PAGE = 3  # of those near a page's known tilt
_OFFSETS = 256  # offsets of the tile that are tried each way: half a chip apart

# A phone's main camera is a 24 to 28 mm equivalent: focal length over the frame's long side.
_FOCAL_RATIO = 0.75

# Perspectives are tried up to this many rings of a hexagonal grid, this far apart: focal lengths times the
# relative change of scale per pixel, which is about the tangent of the tilt. Closer than the perspective
# left over smears a line by a bin.
_PERSPECTIVE_RINGS = 7
_PERSPECTIVE_STEP = 0.15

# In some 30 simulated photos true poses settled from 4.9 up, false ones seldom above 4.7: a working
# threshold, not a bound. A false pose that passes must still be followed and its payload checked.
SETTLED_Z = 4.8


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A pose of the tile, true near the point where it was found.

    Attributes
    ----------
    tile_to_level : ndarray of float, shape (3, 3)
        Homography, tile coordinates in luma chips -> level pixels.
    centre_xy : ndarray of float, shape (2,)
        The middle of the window where it was found, in level pixels.
    z : float
        How well the lines' phases agree, in deviations of noise.
    """

    tile_to_level: NDArray[np.float64]
    centre_xy: NDArray[np.float64]
    z: float


@dataclass(frozen=True, slots=True, eq=False)
class _Hypothesis:
    """A tilt, and the best rotation and scale under it.

    Attributes
    ----------
    score : float
        Summed line power.
    to_bins : ndarray of float, shape (2, 2)
        Cycles per tile -> bins of the straightened window's spectrum.
    straighten : ndarray of float, shape (3, 3)
        Homography, straightened coordinates about the middle -> level coordinates about the middle.
    """

    score: float
    to_bins: NDArray[np.float64]
    straighten: NDArray[np.float64]


def search(
    planes: NDArray[np.float32],
    centre_xy: NDArray[np.float64],
    profile: Profile,
    *,
    page: Pose | None = None,
) -> list[Pose]:
    """Return the poses that the lines' phases settle in a window, best first.

    Parameters
    ----------
    planes : ndarray of float32, shape (H, W, 2)
        Whitened luma and chroma of a whole level.
    centre_xy : ndarray of float, shape (2,)
        The window's middle, in pixels of the level.
    profile : Profile
        The version of the format.
    page : Pose, optional
        A pose on the same page, if one is known: only tilts near its own are tried.
    """
    height, width = planes.shape[:2]
    focal_px = _FOCAL_RATIO * max(height, width)
    from_axis = np.append(centre_xy - (width / 2, height / 2), focal_px) / focal_px
    hypotheses = []
    tried = _perspectives() if page is None else _perspectives_near(page, centre_xy, focal_px)
    for perspective in tried:
        straighten = _undo_tilt(perspective, from_axis, focal_px)
        powers = [relative_power(values) for values in _straightened_spectra(planes, straighten, centre_xy)]
        score, to_bins = _best_turn_and_scale(powers, profile)
        hypotheses.append(_Hypothesis(score, to_bins, straighten))
        if score > _CLEAR:
            pose = _settle(planes, centre_xy, hypotheses[-1], profile)
            if pose.z >= SETTLED_Z:
                return [pose]
    hypotheses.sort(key=lambda h: -h.score)
    poses = [
        _settle(planes, centre_xy, h, profile) for h in hypotheses[: _TOP if page is None else _TOP_ON_PAGE]
    ]
    return sorted((p for p in poses if p.z >= SETTLED_Z), key=lambda p: -p.z)


@cache
def _perspectives() -> list[NDArray[np.float64]]:
    """Return the tried perspectives, pointing to where the page recedes, least first."""
    tried = []
    for ring in range(_PERSPECTIVE_RINGS + 1):
        around = max(1, 6 * ring)
        for i in range(around):
            angle = 2 * np.pi * (i + 0.5 * (ring % 2)) / around
            tried.append(ring * _PERSPECTIVE_STEP * np.array([np.cos(angle), np.sin(angle)]))
    return tried


def _perspectives_near(
    page: Pose, centre_xy: NDArray[np.float64], focal_px: float
) -> list[NDArray[np.float64]]:
    """Return the perspective at a point that a pose elsewhere on the page tells, and its neighbours."""
    depth = np.linalg.inv(page.tile_to_level)[2]
    here = -focal_px * depth[:2] / (depth[:2] @ centre_xy + depth[2])
    return [here + step for step in _perspectives() if np.hypot(*step) < 1.5 * _PERSPECTIVE_STEP]


def _undo_tilt(
    perspective: NDArray[np.float64], from_axis: NDArray[np.float64], focal_px: float
) -> NDArray[np.float64]:
    """Return the homography from a flat page, up to turn and scale, to the photo about a point.

    A perspective at a point of the photo tells the page's tilt there, given the focal length, and the
    tilt its foreshortening: the page's metric in the photo is that of the two tangents along x and y.
    """
    tangents = np.eye(3)[:2] + np.outer(perspective, from_axis)
    values, vectors = np.linalg.eigh(tangents @ tangents.T)
    foreshorten = vectors @ np.diag(values**-0.5) @ vectors.T
    foreshorten /= np.sqrt(np.linalg.det(foreshorten))
    homography = np.eye(3)
    homography[:2, :2] = foreshorten
    homography[2, :2] = perspective @ foreshorten / focal_px
    return homography


def _moved_by(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _straightened_spectra(
    planes: NDArray[np.float32], straighten: NDArray[np.float64], centre_xy: NDArray[np.float64]
) -> list[NDArray[np.complex64]]:
    """Return each plane's half spectrum in the window about a point, its tilt undone."""
    half = WINDOW_PX / 2
    to_level = _moved_by(*centre_xy) @ straighten @ _moved_by(-half, -half)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    window = cv2.warpPerspective(planes, to_level, (WINDOW_PX, WINDOW_PX), flags=flags)
    return transform(np.asarray(window, np.float32))


def _best_turn_and_scale(
    powers: list[NDArray[np.float32]], profile: Profile
) -> tuple[float, NDArray[np.float64]]:
    """Return the best score over all rotations and scales, and that linear map to bins."""
    finest, coarsest = sorted(np.log(WINDOW_PX / (profile.tile_chips * s)) for s in PX_PER_CHIP)
    shifts = round((coarsest - finest) / STEP)
    lowest = np.log(min(layer.template_radii[0] for layer in profile.layers))
    highest = np.log(max(layer.template_radii[1] for layer in profile.layers))
    log_low = float(lowest + finest - 2 * STEP)
    columns = round((highest - lowest) / STEP) + shifts + 5
    turns = round(np.pi / STEP)
    score = np.zeros((turns, shifts), np.float32)
    for power, layer in zip(powers, profile.layers, strict=True):
        turned = log_polar(power, log_low, columns)
        x, y = lines(layer).cycles_xy.T
        rows = np.rint(np.arctan2(y, x) / np.pi * turns).astype(int) % turns
        cols = np.rint((np.log(np.hypot(x, y)) + finest - log_low) / STEP).astype(int)
        for row, col in zip(rows, cols, strict=True):
            score += turned[row : row + turns, col : col + shifts]
    turn, shift = np.unravel_index(int(np.argmax(score)), score.shape)
    angle, scale = turn * np.pi / turns, np.exp(finest + STEP * shift)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return float(score[turn, shift]), scale * rotation


@cache
def _nudges() -> NDArray[np.float64]:
    """Return the 81 small linear maps that the refinement tries, shape (81, 2, 2)."""
    steps = np.array([-1.0, 0.0, 1.0])
    return np.stack(np.meshgrid(steps, steps, steps, steps, indexing="ij"), -1).reshape(-1, 2, 2)


def _refine(
    powers: list[NDArray[np.float32]], to_bins: NDArray[np.float64], profile: Profile
) -> NDArray[np.float64]:
    """Climb to the linear map whose lines hold the most power."""
    cycles = [lines(layer).cycles_xy.astype(np.float64) for layer in profile.layers]
    smooth = [np.asarray(cv2.GaussianBlur(power, (0, 0), 0.7), np.float32) for power in powers]
    score, step = -1.0, 0.014
    while step > 0.0015:
        tried = to_bins + step * _nudges() @ to_bins
        power = np.sum([line_power(p, c, tried) for p, c in zip(smooth, cycles, strict=True)], axis=0)
        best = int(np.argmax(power))
        if power[best] > score + 1e-6:
            score, to_bins = float(power[best]), tried[best]
        else:
            step /= 2
    return to_bins


def _settle(
    planes: NDArray[np.float32], centre_xy: NDArray[np.float64], found: _Hypothesis, profile: Profile
) -> Pose:
    """Find translation and uprightness from the lines' phases about the window's middle.

    A line's phase is its own plus ``2 pi cycles . t`` for tile coordinates t of the middle, so the
    agreement of all lines over t is a Fourier transform; upside down, it is that of the conjugates.
    """
    spectra = _straightened_spectra(planes, found.straighten, centre_xy)
    to_bins = _refine([relative_power(values) for values in spectra], found.to_bins, profile)
    cycles = [lines(layer).cycles_xy for layer in profile.layers]
    values = [line_values(v, c @ to_bins.T) for v, c in zip(spectra, cycles, strict=True)]
    own = np.concatenate([np.exp(-1j * lines(layer).phases) for layer in profile.layers])
    every, seen = np.concatenate(cycles), np.concatenate(values)
    upright, upside_down = (_best_offset(every, phasors * own) for phasors in (seen, seen.conj()))
    turned = upside_down[0] > upright[0]
    agreement, offset = upside_down if turned else upright
    jacobian = (-1 if turned else 1) * WINDOW_PX / profile.tile_chips * np.linalg.inv(to_bins).T
    to_straight = np.eye(3)
    to_straight[:2, :2] = jacobian
    to_straight[:2, 2] = -jacobian @ (offset * profile.tile_chips)
    return Pose(
        _moved_by(*centre_xy) @ found.straighten @ to_straight,
        centre_xy,
        agreement / float(np.sqrt(0.5 * np.sum(np.abs(seen) ** 2)) + 1e-9),
    )


def _best_offset(
    cycles_xy: NDArray[np.int64], phasors: NDArray[np.complex128]
) -> tuple[float, NDArray[np.float64]]:
    """Return the greatest agreement of phasors with an offset, and the offset in tiles."""
    forward = cycles_xy[:, 0] >= 0
    at = np.where(forward[:, None], cycles_xy, -cycles_xy)
    half = np.zeros((_OFFSETS, _OFFSETS // 2 + 1), np.complex64)
    # The sum's real part is a real transform of its Hermitian half.
    np.add.at(half, (at[:, 1], at[:, 0]), np.where(forward, phasors.conj(), phasors))
    agreement = scipy.fft.irfft2(half, s=(_OFFSETS, _OFFSETS))
    row, col = np.unravel_index(int(np.argmax(agreement)), agreement.shape)
    return float(agreement[row, col]) * _OFFSETS**2 / 2, np.array([col, row]) / _OFFSETS
