"""Proposals -> poses fitted to the spectra about them, and scored by what is found there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watermarks.profiles import Profile
from watermarks.spectra import Windows, peak_near, power_at
from watermarks.template import lines
from watermarks.tilted import Tilted, inverse

# Proposals are held against the windows up to so many places away; sums over nearer and farther
# neighbourhoods compete, each over the root of about how many of its windows don't overlap.
_NEIGHBOURHOODS = ((1, 4), (2, 9))

# The fit reaches so many windows away, round after round: what is far is off by bins at first.
_FITTED_RINGS = (1, 1, 2, 2)


def rough_scores(found: Windows, tilted: Tilted, focal_px: float, profile: Profile) -> NDArray[np.float64]:
    """Return how much more line power than chance proposals find in the windows about their own.

    To a bin, as their tilts are not exact: enough to tell which are worth a fit.
    """
    rows, cols = found.grid
    row, col = np.divmod(tilted.of_window, cols)
    reach = _NEIGHBOURHOODS[-1][0]
    totals = np.zeros((len(_NEIGHBOURHOODS), len(row)))
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            inside = (row + down >= 0) & (row + down < rows) & (col + right >= 0) & (col + right < cols)
            if not inside.any():
                continue
            window = (row + down)[inside] * cols + (col + right)[inside]
            excess = _excess(found, tilted, inside, window, focal_px, profile)
            for total, (near, _) in zip(totals, _NEIGHBOURHOODS, strict=True):
                if max(abs(down), abs(right)) <= near:
                    total[inside] += excess
    weights = np.sqrt([count for _, count in _NEIGHBOURHOODS])
    return np.asarray((totals / weights[:, None]).max(axis=0))


def _excess(
    found: Windows,
    tilted: Tilted,
    which: NDArray[np.bool_],
    window: NDArray[np.intp],
    focal_px: float,
    profile: Profile,
) -> NDArray[np.float64]:
    """Return the line power of some proposals in other windows than their own, above the mean of noise.

    A page's map at a distance d from where it is J is ``(1 - p d / f) (I - d p^T / f) J``.
    """
    away = found.centres_xy[window] - found.centres_xy[tilted.of_window[which]]
    recession = tilted.recessions_xy[which] / focal_px
    nearer = 1 - (recession * away).sum(axis=1)
    moved = np.eye(2) - away[:, :, None] * recession[:, None, :]
    jacobians = nearer[:, None, None] * moved @ tilted.jacobians[which]
    to_bins = found.side * np.swapaxes(inverse(jacobians), -1, -2)
    cycles = lines(profile).cycles_xy
    power = power_at(found.near_power, window, cycles @ np.swapaxes(to_bins, 1, 2))
    return np.asarray(power.sum(axis=1) - len(cycles) * float(found.near_power.mean()), np.float64)


def refined(
    found: Windows, tilted: Tilted, focal_px: float, profile: Profile
) -> tuple[Tilted, NDArray[np.float64]]:
    """Fit proposals to where the lines peak in the windows about their own, and score them by what is there.

    With the frequency g of a line at a proposal's own window, it is ``(g + r (d . g) / n) / n`` at a distance
    d, for n = 1 - r . d and the recession r per pixel: nearly linear in both. Least squares over all windows
    and lines, each weighed by its power.
    """
    cycles = lines(profile).cycles_xy.astype(np.float64)
    window, inside, away, ring = _around(found, tilted.of_window)
    at_own = np.swapaxes(inverse(tilted.jacobians), -1, -2)  # cycles per tile -> frequencies per pixel
    recession = tilted.recessions_xy / focal_px
    for reach in (*_FITTED_RINGS, None):
        g = cycles @ np.swapaxes(at_own, -1, -2)
        n = np.maximum(1 - (recession[:, None] * away).sum(axis=2), 0.2)
        along = np.einsum("mwi,mki->mwk", away, g)
        seen = (g[:, None] + recession[:, None, None] * (along / n[:, :, None])[..., None]) / n[
            :, :, None, None
        ]
        bins = found.side * seen
        if reach is None:
            break
        power, step = peak_near(found.power, window, bins)
        step_px = step / found.side
        # Unknowns: the four of the map at the proposal's own window, then the recession.
        design = np.zeros((*step_px.shape, 6))
        design[..., 0, 0:2] = design[..., 1, 2:4] = cycles
        design[..., 4:] = g[:, None, :, :, None] * away[:, :, None, None, :] + along[
            ..., None, None
        ] * np.eye(2)
        weight = (np.maximum(power - 1, 0) ** 2 * (inside & (ring <= reach))[:, :, None])[..., None, None]
        normal = np.einsum("mwkdi,mwkdj->mij", design * weight, design)
        target = np.einsum("mwkdi,mwkd->mi", design * weight, step_px)
        # Held back as if one window's whole set of lines, at rest, spoke for what there was.
        scale = np.einsum("mii->mi", normal)
        normal[:, range(6), range(6)] += 0.02 * scale + 1e-12 * scale.sum(axis=1, keepdims=True) + 1e-30
        change = np.linalg.solve(normal, target[..., None])[..., 0]
        at_own = at_own + change[:, :4].reshape(-1, 2, 2)
        recession = recession + change[:, 4:]
    excess = (power_at(found.smooth_power, window, bins) - 1) * inside[:, :, None]
    totals = [
        (excess * (ring <= near)[None, :, None]).sum(axis=1) / np.sqrt(count)
        for near, count in _NEIGHBOURHOODS
    ]
    # A line that stands out alone is a picture's or a column of text's own.
    scores = np.max([total.sum(axis=1) - total.max(axis=1) for total in totals], axis=0)
    jacobians = inverse(np.swapaxes(at_own, -1, -2))
    return Tilted(jacobians, recession * focal_px, tilted.of_window), np.asarray(scores)


def _around(
    found: Windows, of_window: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.float64], NDArray[np.intp]]:
    """Return the windows around some.

    Returns
    -------
    window : ndarray of int, shape (M, V)
    inside : ndarray of bool, shape (M, V)
        Whether there is such a window; if not, another stands in its place.
    away_xy : ndarray of float, shape (M, V, 2)
        From the window's middle to theirs, in pixels of the plane.
    ring : ndarray of int, shape (V,)
        How many windows away they are.
    """
    reach = np.arange(-_NEIGHBOURHOODS[-1][0], _NEIGHBOURHOODS[-1][0] + 1)
    down, right = (each.ravel() for each in np.meshgrid(reach, reach, indexing="ij"))
    rows, cols = found.grid
    row, col = np.divmod(of_window, cols)
    row, col = row[:, None] + down, col[:, None] + right
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    window = np.clip(row, 0, rows - 1) * cols + np.clip(col, 0, cols - 1)
    away = found.centres_xy[window] - found.centres_xy[of_window][:, None]
    return window, inside, away, np.maximum(np.abs(down), np.abs(right))
