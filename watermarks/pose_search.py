"""Search plane -> poses: find the template's spectral lines under any turn, scale and tilt.

Each window's spectrum proposes linear maps from tile to photo (`constellation`). Once a phone's focal
length is assumed, a linear map tells the page's tilt but for a sign, and with it the map in every other
window: so each proposal is held against the spectra around it, where a chance match finds nothing. What
stands out is refined, and its offset told by the lines' phases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from watermarks.constellation import propose
from watermarks.profiles import Profile
from watermarks.spectra import Windows, peak_near, power_at, relative_power, taper, windows
from watermarks.template import lines

# Windows of these sides are searched, in pixels of the search plane: small ones see a tilted page as flat,
# large ones see weak lines.
_SIDE_PX = 128

# With more windows than this they overlap less.
_MOST_WINDOWS = 200

# A phone's main camera is a 24 to 28 mm equivalent: focal length over the frame's long side.
FOCAL_RATIO = 0.75

# Proposals are held against the windows up to so many places away; sums over nearer and farther
# neighbourhoods compete, each over the root of about how many of its windows don't overlap.
_NEIGHBOURHOODS = ((1, 4), (2, 9))

# So many poses of a plane are yielded at most: those of all pictures on a page, and some by chance.
_YIELDED = 16

# So many proposals of a view are fitted to the spectra about them.
_REFINED = 24

# The fit reaches so many windows away, round after round: what is far is off by bins at first.
_FITTED_RINGS = (1, 1, 2, 2)

# What chance alone proposes scores 5 in the median and 8 in one of ten; right poses of messages that
# decode, 22 in the median.
_LEAST_SCORE = 7.0

# Poses whose maps differ by less than this share, within so many windows, are one.
_SAME_SHARE = 0.12
_SAME_WINDOWS = 2.0

# Tilts that are undone when a plane is searched again: of this tangent, in so many directions.
_TILT = 0.6
_DIRECTIONS = 6

_OFFSETS = 256  # offsets of the tile that are tried each way: half a chip apart


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A pose of the tile, true near the point where it was found.

    Attributes
    ----------
    tile_to_search : ndarray of float, shape (3, 3)
        Homography, chips -> pixels of the search plane. The offset is the likeliest of several, and the
        page may be upside down: the lines' phases alone don't tell for sure.
    centre_xy : ndarray of float, shape (2,)
        The middle of the window where it was found, in pixels of the search plane.
    score : float
        Line power about that window, in units of the noise.
    """

    tile_to_search: NDArray[np.float64]
    centre_xy: NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class _Tilted:
    """Proposals with the page's tilt, one a row.

    Attributes
    ----------
    jacobians : ndarray of float, shape (M, 2, 2)
        Tiles -> pixels at the window's middle.
    recessions_xy : ndarray of float, shape (M, 2)
        The relative change of depth per focal length of pixels: where the page recedes, and how steeply.
    of_window : ndarray of int, shape (M,)
    """

    jacobians: NDArray[np.float64]
    recessions_xy: NDArray[np.float64]
    of_window: NDArray[np.intp]

    def only(self, which: NDArray[np.intp]) -> _Tilted:
        """Return some of the proposals."""
        return _Tilted(self.jacobians[which], self.recessions_xy[which], self.of_window[which])


def search(plane: NDArray[np.float32], profile: Profile, *, straighten: bool = False) -> Iterator[Pose]:
    """Yield the poses that a search plane shows, the likeliest first.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W)
        Whitened luma of a whole level.
    profile : Profile
        The version of the format.
    straighten : bool, optional
        Look at the plane under several tilts undone, instead of as it is: a steep perspective smears the
        lines within a window. It takes several times as long.
    """
    focal_px = FOCAL_RATIO * max(plane.shape)
    if straighten:
        angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
        tilts = _TILT * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        straight = (_tilt_undone(plane, tilt, focal_px) for tilt in tilts)
        views = [windows(each, _SIDE_PX, _MOST_WINDOWS, to_seen) for each, to_seen in straight]
    else:
        views = [windows(plane, _SIDE_PX, _MOST_WINDOWS)]
    yield from _search(plane, views, focal_px, profile)


def _search(
    plane: NDArray[np.float32], views: Sequence[Windows | None], focal_px: float, profile: Profile
) -> Iterator[Pose]:
    """Yield the likeliest poses that the windows of some views of a plane propose."""
    found: list[tuple[float, Windows, _Tilted, int]] = []
    for view in views:
        if view is None:
            continue
        tilted = _tilts(view, *propose(view, profile), plane.shape, focal_px)
        scores = _scores(view, tilted, focal_px, profile)
        tilted = tilted.only(np.array(_distinct(view, tilted, scores, _REFINED), np.intp))
        tilted, scores = _refined(view, tilted, focal_px, profile)
        found += [(float(scores[i]), view, tilted, i) for i in _distinct(view, tilted, scores, _YIELDED)]
    found = [each for each in found if each[0] > _LEAST_SCORE]
    found.sort(key=lambda each: -each[0])
    for score, view, tilted, index in found[:_YIELDED]:
        yield _placed(plane, view, tilted, index, score, focal_px, profile)


def _tilt_undone(
    plane: NDArray[np.float32], recession: NDArray[np.float64], focal_px: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return a plane as it were if its page receded less, and the homography back.

    A page that recedes by p at the optical axis is seen through tangents ``I + p (0, 1)^T``: its metric
    there is ``I + p p^T``.
    """
    height, width = plane.shape
    values, vectors = np.linalg.eigh(np.eye(2) + np.outer(recession, recession))
    foreshorten = (vectors * values**-0.5) @ vectors.T / np.prod(values) ** -0.25
    tilt = np.eye(3)
    tilt[:2, :2] = foreshorten
    tilt[2, :2] = recession @ foreshorten / focal_px
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    to_seen = _moved_by(*middle) @ tilt @ _moved_by(*-middle)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(plane, to_seen, (width, height), flags=flags), np.float32), to_seen


def _tilts(
    found: Windows,
    to_bins: NDArray[np.float32],
    of_window: NDArray[np.intp],
    shape: tuple[int, ...],
    focal_px: float,
) -> _Tilted:
    """Return the two tilts of the page that each linear map may come from.

    With a the window's middle from the optical axis in focal lengths, a page that recedes by p is seen
    through tangents ``I + p (a, 1)^T``, whose Gram matrix is the page's metric in the photo:
    ``I - a a^T / b^2 + q q^T`` with b^2 = 1 + a^T a and q = b p + a / b. The map gives that metric up to
    scale, and whitened by its known part it is ``I + r r^T``: r is told but for its sign.
    """
    straight = np.swapaxes(_inverse(to_bins.astype(np.float64) / found.side), -1, -2)
    jacobians = found.unwarp[of_window] @ straight
    middle = (np.array(shape[::-1]) - 1) / 2
    axis = (found.centres_xy[of_window] - middle) / focal_px
    b = np.sqrt(1 + (axis**2).sum(axis=1))
    known = np.eye(2) - axis[:, :, None] * axis[:, None, :] / (b**2)[:, None, None]
    values, vectors = np.linalg.eigh(known)
    root = (vectors * np.sqrt(values)[:, None, :]) @ np.swapaxes(vectors, -1, -2)
    white = _inverse(root)
    metric = _inverse(jacobians @ np.swapaxes(jacobians, -1, -2))
    values, vectors = np.linalg.eigh(white @ metric @ white)
    steep = np.sqrt(np.maximum(values[:, 1] / values[:, 0] - 1, 0))
    q = (root @ (vectors[:, :, 1] * steep[:, None])[:, :, None])[:, :, 0]
    recessions = np.concatenate([(sign * q - axis / b[:, None]) / b[:, None] for sign in (1, -1)])
    return _Tilted(np.tile(jacobians, (2, 1, 1)), recessions, np.tile(of_window, 2))


def _inverse(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverses of 2 x 2 matrices, shape (..., 2, 2)."""
    a, b, c, d = (matrices[..., i, j] for i in (0, 1) for j in (0, 1))
    inverse = np.stack([np.stack([d, -b], axis=-1), np.stack([-c, a], axis=-1)], axis=-2)
    return np.asarray(inverse / (a * d - b * c)[..., None, None])


def _scores(found: Windows, tilted: _Tilted, focal_px: float, profile: Profile) -> NDArray[np.float64]:
    """Return how much more line power each proposal finds in the windows about its own than chance."""
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
    tilted: _Tilted,
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
    straight = _inverse(found.unwarp[window]) @ jacobians
    to_bins = found.side * np.swapaxes(_inverse(straight), -1, -2)
    cycles = lines(profile).cycles_xy
    power = power_at(found.near_power, window, cycles @ np.swapaxes(to_bins, 1, 2))
    return np.asarray(power.sum(axis=1) - len(cycles) * float(found.near_power.mean()), np.float64)


def _distinct(found: Windows, tilted: _Tilted, scores: NDArray[np.float64], most: int) -> list[int]:
    """Return the best proposals that are not one and the same pose, the best first."""
    kept: list[int] = []
    left = np.ones(len(scores), np.bool_)
    centres = found.centres_xy[tilted.of_window]
    while left.any() and len(kept) < most:
        best = int(np.where(left, scores, -np.inf).argmax())
        kept.append(best)
        away = np.hypot(*(centres - centres[best]).T) / found.stride
        change = np.abs(_inverse(tilted.jacobians[best]) @ tilted.jacobians)
        same = np.abs(change - np.eye(2)).max(axis=(1, 2)) < _SAME_SHARE
        left &= ~(same & (away <= _SAME_WINDOWS))
        left[best] = False
    return kept


def _refined(
    found: Windows, tilted: _Tilted, focal_px: float, profile: Profile
) -> tuple[_Tilted, NDArray[np.float64]]:
    """Fit proposals to where the lines peak in the windows about their own, and score them by what is there.

    With the frequency g of a line at a proposal's own window, it is ``(g + r (d . g) / n) / n`` at a distance
    d, for n = 1 - r . d and the recession r per pixel: nearly linear in both. Least squares over all windows
    and lines, each weighed by its power.
    """
    cycles = lines(profile).cycles_xy.astype(np.float64)
    window, inside, away, ring = _around(found, tilted.of_window)
    per_px = np.swapaxes(found.unwarp, -1, -2)[window] * found.side  # frequencies per pixel -> bins
    to_px = _inverse(per_px)
    at_own = np.swapaxes(_inverse(tilted.jacobians), -1, -2)  # cycles per tile -> frequencies per pixel
    recession = tilted.recessions_xy / focal_px
    for reach in (*_FITTED_RINGS, None):
        g = cycles @ np.swapaxes(at_own, -1, -2)
        n = np.maximum(1 - (recession[:, None] * away).sum(axis=2), 0.2)
        along = np.einsum("mwi,mki->mwk", away, g)
        seen = (g[:, None] + recession[:, None, None] * (along / n[:, :, None])[..., None]) / n[
            :, :, None, None
        ]
        bins = np.einsum("mwij,mwkj->mwki", per_px, seen)
        if reach is None:
            break
        power, step = peak_near(found.power, window, bins)
        step_px = np.einsum("mwij,mwkj->mwki", to_px, step)
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
    jacobians = _inverse(np.swapaxes(at_own, -1, -2))
    return _Tilted(jacobians, recession * focal_px, tilted.of_window), np.asarray(scores)


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
        From the window's middle to theirs, in pixels of the plane as it was seen.
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


def _placed(
    plane: NDArray[np.float32],
    found: Windows,
    tilted: _Tilted,
    index: int,
    score: float,
    focal_px: float,
    profile: Profile,
) -> Pose:
    """Return a proposal as a pose: map and offset in the tile as its own window, straightened, has them."""
    centre = found.centres_xy[tilted.of_window[index]]
    jacobian = tilted.jacobians[index]
    px_per_tile = float(np.sqrt(np.linalg.det(jacobian)))
    recession = tilted.recessions_xy[index] / focal_px
    for _ in range(2):
        # A receding window smears its lines, and its peaks are off: the fit to the windows comes near enough
        # to straighten this one, whose peaks are true.
        straight = _straightened(plane, found.side, centre, jacobian / px_per_tile, recession)
        jacobian = jacobian @ _correction(straight, px_per_tile, profile)
    straight = _straightened(plane, found.side, centre, jacobian / px_per_tile, recession)
    turn, offset = _turn_and_offset(straight, px_per_tile, profile)
    tile_to_centre = np.eye(3)
    tile_to_centre[:2, :2] = turn * jacobian / profile.tile_chips
    tile_to_centre[2, :2] = recession @ tile_to_centre[:2, :2]
    # The middle of the window is at this offset in the tile.
    return Pose(
        _moved_by(*centre) @ tile_to_centre @ _moved_by(*(-offset * profile.tile_chips)), centre, score
    )


def _straightened(
    plane: NDArray[np.float32],
    side: int,
    centre_xy: NDArray[np.float64],
    to_plane: NDArray[np.float64],
    recession: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the window about a point with the page's tilt and turn undone."""
    homography = np.eye(3)
    homography[:2, :2] = to_plane
    homography[2, :2] = recession @ to_plane
    half = (side - 1) / 2
    placed = _moved_by(*centre_xy) @ homography @ _moved_by(-half, -half)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(plane, placed, (side, side), flags=flags), np.float32)


def _correction(straight: NDArray[np.float32], px_per_tile: float, profile: Profile) -> NDArray[np.float64]:
    """Return the small linear change of tile coordinates that the lines' peaks ask for."""
    side = len(straight)
    power = cv2.GaussianBlur(relative_power(straight), (0, 0), 0.7)
    expected = lines(profile).cycles_xy * (side / px_per_tile)
    seen, weights = [], []
    for x, y in expected:
        flip = -1 if x < 0 else 1
        col, row = round(flip * x), round(flip * y) + side // 2
        if not (2 <= row < side - 2 and 2 <= col < side // 2 - 2):
            seen.append((x, y))
            weights.append(0.0)
            continue
        near = power[row - 2 : row + 3, col - 2 : col + 3].astype(np.float64)
        near = np.maximum(near - near.mean(), 0) ** 2
        steps = np.arange(-2, 3)
        total = near.sum() + 1e-9
        dx, dy = (near.sum(axis=0) @ steps) / total, (near.sum(axis=1) @ steps) / total
        seen.append((flip * (col + dx), flip * (row - side // 2 + dy)))
        weights.append(float(power[row - 1 : row + 2, col - 1 : col + 2].max()))
    root = np.sqrt(weights)[:, None]
    change = np.linalg.lstsq(expected * root, np.array(seen) * root, rcond=None)[0].T
    # Frequencies change by `change`, so that tile coordinates change by the inverse of its transpose.
    return np.asarray(np.linalg.inv(change).T)


def _turn_and_offset(
    straight: NDArray[np.float32], px_per_tile: float, profile: Profile
) -> tuple[int, NDArray[np.float64]]:
    """Return 1, or -1 if upside down, and where in the tile the window's middle lies, in tiles.

    A line's phase is its own plus ``2 pi cycles . t`` for tile coordinates t of the middle, so the
    agreement of all lines over t is a Fourier transform; upside down, it is that of the conjugates.
    """
    found = lines(profile)
    side = len(straight)
    at = (np.arange(side) - (side - 1) / 2) / px_per_tile
    x = np.exp(-2j * np.pi * np.outer(found.cycles_xy[:, 0], at))
    y = np.exp(-2j * np.pi * np.outer(found.cycles_xy[:, 1], at))
    values = np.einsum("ky,yx,kx->k", y, straight * taper(side), x, optimize=True)
    own = np.exp(-1j * found.phases)
    upright, upside_down = (agreement(found.cycles_xy, v * own) for v in (values, values.conj()))
    turned = upside_down.max() > upright.max()
    best = upside_down if turned else upright
    row, col = np.unravel_index(int(best.argmax()), best.shape)
    return (-1 if turned else 1), np.array([col, row]) / _OFFSETS


def agreement(cycles_xy: NDArray[np.int64], phasors: NDArray[np.complex128]) -> NDArray[np.float32]:
    """Return how well phasors agree with each offset of the tile, shape (256, 256), half a chip apart."""
    forward = cycles_xy[:, 0] >= 0
    at = np.where(forward[:, None], cycles_xy, -cycles_xy)
    half = np.zeros((_OFFSETS, _OFFSETS // 2 + 1), np.complex64)
    # The sum's real part is a real transform of its Hermitian half.
    np.add.at(half, (at[:, 1], at[:, 0]), np.where(forward, phasors.conj(), phasors))
    return np.asarray(scipy.fft.irfft2(half, s=(_OFFSETS, _OFFSETS)), np.float32)


def _moved_by(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
