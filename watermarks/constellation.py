"""Spectral peaks -> linear maps that bring the template's lines onto them.

A window's spectrum shows the lines of the template as peaks among those of the picture. Two peaks taken
for two lines tell the whole linear map from tile to window, and the power at where that puts the other lines
tells whether it holds: the hypothesis is drawn from the data, as in RANSAC (Fischler & Bolles 1981,
doi:10.1145/358669.358692) and in matching star fields, and needs no grid of tilts, turns and scales.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from watermarks.profiles import Profile
from watermarks.spectra import Windows, power_at
from watermarks.template import lines

# Pixels of the search plane per chip that are searched: a little over an octave, so that levels an octave
# apart leave no gap.
PX_PER_CHIP = (0.66, 1.7)

# A page seen at 60 degrees is twice as short one way as the other.
_FORESHORTENING = 2.2

# So many peaks of a window are taken for lines in turn, and so many of the maps that result are kept.
MOST_PEAKS = 12
_KEPT = 6

# So many of all windows' maps are held against the windows around their own.
_MOST_KEPT = 80


def propose(found: Windows, profile: Profile) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return the likeliest linear maps of each window.

    Returns
    -------
    to_bins : ndarray of float32, shape (M, 2, 2)
        Cycles per tile -> bins of the window's spectrum.
    of_window : ndarray of int, shape (M,)
        The window of each.
    """
    asked = [_of_window(found, index, profile) for index in range(len(found.power))]
    scores = np.concatenate([score for _, score, _ in asked])
    best = np.argsort(-scores)[:_MOST_KEPT]
    return (
        np.concatenate([maps for maps, _, _ in asked])[best],
        np.concatenate([owners for _, _, owners in asked])[best],
    )


def _of_window(
    found: Windows, index: int, profile: Profile
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Return one window's likeliest maps, shape (M, 2, 2), their scores, and the window's index for each."""
    at = found.peaks[index]
    if len(at) < 2:
        return np.zeros((0, 2, 2), np.float32), np.zeros(0, np.float32), np.zeros(0, np.intp)
    maps = _from_pairs(at, found.side, profile)
    owner = np.zeros(len(maps), np.intp)
    cycles = lines(profile).cycles_xy.astype(np.float32)
    score = power_at(found.near_power[index : index + 1], owner, cycles @ np.swapaxes(maps, 1, 2)).sum(axis=1)
    best = np.argsort(-score)[:_KEPT]
    return maps[best], score[best], np.full(len(best), index, np.intp)


def _from_pairs(peaks_xy: NDArray[np.float32], side: int, profile: Profile) -> NDArray[np.float32]:
    """Return the linear maps of every two peaks taken for any two lines, shape (M, 2, 2).

    Only those of a scale that is searched that don't mirror the page and aren't too oblique.
    """
    one, other = np.nonzero(~np.eye(len(peaks_xy), dtype=bool))
    # A peak is a line or its mirror image; both mirrored together are the same page upside down.
    first = np.concatenate([peaks_xy[one], peaks_xy[one]])
    second = np.concatenate([peaks_xy[other], -peaks_xy[other]])
    inverse = _inverse_pairs(profile)
    area = np.outer(_cross(first, second), _cross(inverse[:, :, 0], inverse[:, :, 1]))
    least, greatest = (side / (profile.tile_chips * scale) for scale in reversed(PX_PER_CHIP))
    pair, lines_taken = np.nonzero((area > least**2) & (area < greatest**2))
    maps = np.stack([first[pair], second[pair]], axis=2) @ inverse[lines_taken]
    square = np.einsum("mij,mij->m", maps, maps)
    # For singular values s and t, s / t + t / s is the sum of their squares over their product.
    steep = square < (_FORESHORTENING + 1 / _FORESHORTENING) * area[pair, lines_taken]
    return np.asarray(maps[steep], np.float32)


def _cross(a_xy: NDArray[np.float32], b_xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the determinants of pairs of columns."""
    return np.asarray(a_xy[:, 0] * b_xy[:, 1] - a_xy[:, 1] * b_xy[:, 0], np.float32)


@cache
def _inverse_pairs(profile: Profile) -> NDArray[np.float32]:
    """Return the inverse of every pair of lines as columns, shape (K (K - 1) / 2, 2, 2)."""
    cycles = lines(profile).cycles_xy.astype(np.float64)
    first, second = np.triu_indices(len(cycles), 1)
    pairs = np.stack([cycles[first], cycles[second]], axis=2)
    return np.asarray(np.linalg.inv(pairs), np.float32)


def ring(side: int, profile: Profile) -> tuple[float, float]:
    """Return the least and the greatest radius at which a line may be seen, in bins."""
    low, high = profile.template_radii
    oblique = np.sqrt(_FORESHORTENING)
    least = low * side / (profile.tile_chips * PX_PER_CHIP[1]) / oblique
    greatest = high * side / (profile.tile_chips * PX_PER_CHIP[0]) * oblique
    return float(least), float(min(greatest, 0.47 * side))
